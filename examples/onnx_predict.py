"""Landmarks of a garment from a model that `pcloss export` wrote: onnxruntime, numpy and OpenCV are all it needs.

    python onnx_predict.py model.onnx photo.jpg [--box X1 Y1 X2 Y2] [--category dress] [--draw out.png] [--names]

Prints a line for each landmark: name, x and y in pixels of the image, score. Without a box, the whole image is taken;
with a category, its landmarks alone.
The picture has the box, and points that are hollow where the score is below 0.3.
"""

import argparse
import json
import sys

import cv2
import numpy as np
import onnxruntime

DARK, WHITE, RED, MAGENTA = (30, 30, 30), (255, 255, 255), (0, 0, 255), (255, 0, 255)


def load_model(path):
    """The session, and what the metadata say: input_size, padding, keep_aspect_ratio, udp, whole_image, landmarks
    and, where the data have any, the names of those of each category."""
    session = onnxruntime.InferenceSession(path, providers=onnxruntime.get_available_providers())
    if [output.name for output in session.get_outputs()] != ['coordinates', 'scores']:
        sys.exit(f'{path}: no coordinates come out of this model; export it with --output coordinates')
    return session, {key: json.loads(text) for key, text in session.get_modelmeta().custom_metadata_map.items()}


def crop_area(box, rule):
    """Centre and size, in pixels of the image, of what becomes the crop."""
    x1, y1, x2, y2 = box
    width, height = rule['padding'] * (x2 - x1), rule['padding'] * (y2 - y1)
    if rule['keep_aspect_ratio']:
        ratio = rule['input_size'][0] / rule['input_size'][1]
        width, height = max(width, height * ratio), max(height, width / ratio)
    return np.array([(x1 + x2) / 2, (y1 + y2) / 2]), np.array([width, height])


def cut(image, center, size, rule):
    """The crop, (H, W, 3) uint8."""
    input_size = np.array(rule['input_size'])
    zoom = (input_size - rule['udp']) / size
    warp = np.column_stack([np.diag(zoom), zoom * (size / 2 - center)])
    return cv2.warpAffine(image, warp, tuple(input_size.tolist()), flags=cv2.INTER_LINEAR)


def predict(session, rule, images, boxes):
    """Landmarks (B, K, 2) in pixels of the images, and their scores (B, K); of a model of whole images in any box."""
    if rule.get('whole_image'):
        boxes = [[0, 0, image.shape[1], image.shape[0]] for image in images]
    areas = [crop_area(box, rule) for box in boxes]
    crops = np.stack([cut(image, *area, rule) for image, area in zip(images, areas)])
    points, scores = session.run(['coordinates', 'scores'], {'crops': crops})
    centers, sizes = (np.stack(values)[:, None] for values in zip(*areas))
    return points / np.array(rule['input_size']) * sizes + centers - sizes / 2, scores


def draw(image, names, points, scores, box, write_names):
    """Draw into an image, with sizes that go with it."""
    size = max(3, max(image.shape[:2]) // 110)
    x1, y1, x2, y2 = (round(value) for value in box)
    for color, width in ((DARK, size // 3 + 2), (MAGENTA, size // 3 or 1)):
        cv2.rectangle(image, (x1, y1), (x2, y2), color, width)
    for number, (name, (x, y), score) in enumerate(zip(names, points, scores)):
        center = round(float(x)), round(float(y))
        inside = RED if score >= 0.3 else WHITE
        for color, radius in ((DARK, size + max(1, size // 4)), (RED, size), (inside, max(1, round(0.6 * size)))):
            cv2.circle(image, center, radius, color, -1, cv2.LINE_AA)
        if write_names:
            text = name if name.isascii() else str(number)  # OpenCV's letters are ASCII
            corner = center[0] + 2 * size, center[1] + size
            for color, width in ((DARK, size // 3 + 3), (WHITE, size // 5 or 1)):
                cv2.putText(image, text, corner, cv2.FONT_HERSHEY_SIMPLEX, size / 14 + 0.15, color, width, cv2.LINE_AA)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('model')
    parser.add_argument('image')
    parser.add_argument('--box', type=float, nargs=4, metavar=('X1', 'Y1', 'X2', 'Y2'))
    parser.add_argument('--category', help='of the garment')
    parser.add_argument('--draw', help='image with the landmarks to write')
    parser.add_argument('--names', action='store_true',
                        help="write the landmarks' names on it; the number of one that is not ASCII")
    args = parser.parse_args()
    if args.draw and not cv2.haveImageWriter(args.draw):
        parser.error(f'{args.draw} cannot be written: give it the ending of an image, such as .png')
    image = cv2.imread(args.image)
    if image is None:
        sys.exit(f'{args.image}: not an image that OpenCV can read')
    box = args.box or [0, 0, image.shape[1], image.shape[0]]
    if not (box[0] < box[2] and box[1] < box[3]):
        parser.error(f'--box must be the left upper and the right lower corner, got {box}')
    session, rule = load_model(args.model)
    categories = rule.get('categories', {})
    if args.category and args.category not in categories:
        parser.error(f"no landmarks of '{args.category}' are known; categories: {', '.join(categories) or 'none'}")
    names = categories[args.category] if args.category else rule['landmarks']
    (points, ), (scores, ) = predict(session, rule, [image], [box])
    own = [rule['landmarks'].index(name) for name in names]
    for name, (x, y), score in zip(names, points[own], scores[own]):
        print(f'{name:<20}{x:8.1f}{y:8.1f}{score:7.2f}')
    if args.draw:
        draw(image, names, points[own], scores[own], box, args.names)
        cv2.imwrite(args.draw, image)


if __name__ == '__main__':
    main()
