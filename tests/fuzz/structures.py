"""Files of each kind, drawn by hypothesis: most of their parts are right.

A drawn input maps the names of files, in the folder of a target, to their content.
"""

from __future__ import annotations

import json

from hypothesis import strategies as st

from pcloss_mmpose.datasets.formats.fashionai import HEADER
from pcloss_mmpose.metainfo.fashionai import CATEGORIES

#: The images that are there, of :data:`SIZE` x SIZE pixels.
IMAGES = ('a.png', 'deep/b.png', 'c d.png')
SIZE = 64


def mostly(usual: st.SearchStrategy, odd: st.SearchStrategy) -> st.SearchStrategy:
    """One of 25 is odd."""
    return st.integers(0, 24).flatmap(lambda number: odd if number == 7 else usual)


def some(*values) -> st.SearchStrategy:
    return st.sampled_from(values)


names = mostly(
    some(*IMAGES),
    some('..', '../a.png', 'deep/../a.png', '/etc/a.png', 's3://b/a.png', 'deep\\b.png', '', ' ')
    | st.text(max_size=12))
categories = mostly(some(*CATEGORIES), some('', 'coat', 'Dress') | st.text(max_size=8))
decimals = mostly(st.integers(0, SIZE).map(str), some('nan', 'inf', '1e5', '100001', '-1', '0.5', '', '1_0', '9' * 12)
                  | st.floats(width=32).map(str) | st.text(max_size=4))
numbers = mostly(st.integers(0, SIZE), st.floats() | st.integers() | some(100001, -1, 10**400, True, None, '3', [1]))
#: Anything that JSON can say, NaN and Infinity among it.
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=4)


def _encoded(text: str) -> bytes:
    return text.encode('utf-8', 'surrogatepass')


@st.composite
def fashionai(draw) -> dict[str, bytes]:
    cells = mostly(some('-1_-1_-1', '10_20_1', '30_40_0'),
                   st.builds('_'.join, st.lists(decimals, min_size=2, max_size=4)))
    rows = [[draw(names), draw(categories), *draw(st.lists(cells, min_size=1, max_size=3)) * 24][:26]
            for _ in range(draw(st.integers(0, 4)))]
    header = draw(mostly(st.just([HEADER]), some([], [HEADER[:2]], [HEADER, HEADER])))
    return {'train.csv': _encoded(draw(some('\n', '\n', '\r\n', '\r')).join(map(','.join, [*header, *rows])))}


def _listing(columns: str, rows: list[list[str]], count: int) -> bytes:
    return _encoded('\n'.join((str(count), columns, *(' '.join(row).ljust(40) for row in rows))) + '\n')


@st.composite
def benchmark(draw, variation: bool) -> dict[str, bytes]:
    """DeepFashion's three files, or FLD's."""
    images = draw(st.lists(names, min_size=1, max_size=4))
    visibility = mostly(some('0', '1', '2'), decimals)
    rows = []
    for name in images:
        kind = draw(mostly(some('1', '2', '3'), decimals))
        points = {'1': 6, '2': 4, '3': 8}.get(kind, 8)
        point = [draw(visibility), draw(decimals), draw(decimals)]
        rows.append([name, kind, *[draw(mostly(some('1', '5'), decimals))] * variation, *point * points])
    boxes = [[name, *draw(mostly(some('1 2 30 40', '001 002 030 040'), st.builds(' '.join, st.lists(decimals))))
              .split(' ')] for name in images]
    splits = [[name, draw(mostly(some('train', 'train', 'val'), st.text(max_size=5)))] for name in images]
    counts = [len(images) + draw(mostly(st.just(0), some(-1, 1))) for _ in range(3)]
    columns = 'image_name clothes_type ' + 'variation_type ' * variation + 'landmark_visibility_1'
    return {'Anno/list_landmarks.txt': _listing(columns, rows, counts[0]),
            'Anno/list_bbox.txt': _listing('image_name x_1 y_1 x_2 y_2', boxes, counts[1]),
            'Eval/list_eval_partition.txt': _listing('image_name evaluation_status', splits, counts[2])}


def _json(draw, content: object) -> bytes:
    return _encoded(json.dumps(content, ensure_ascii=draw(st.booleans()), indent=draw(some(None, 0))))


@st.composite
def coco(draw, landmarks: tuple[str, ...], file: str) -> dict[str, bytes]:
    """A COCO file of persons or garments, with all that MMPose needs."""

    def value(usual: st.SearchStrategy) -> object:
        return draw(mostly(usual, mostly(usual, anything)))

    count = draw(st.integers(1, 3))
    images = [dict(id=value(st.just(k)), file_name=value(names), width=value(mostly(st.just(SIZE), numbers)),
                   height=value(st.just(SIZE))) for k in range(count)]
    annotations = []
    for k in range(draw(st.integers(1, 4))):
        keypoints = [draw(numbers), draw(numbers), draw(mostly(some(0, 1, 2), numbers)),
                     *[20, 30, 2] * (len(landmarks) - 1)]
        annotation = dict(
            id=value(st.just(k + 1)), image_id=value(st.integers(0, count - 1)), category_id=value(st.just(1)),
            bbox=value(st.tuples(numbers, numbers, numbers, numbers).map(list)), keypoints=value(st.just(keypoints)),
            area=value(numbers), iscrowd=value(some(0, 0, 0, 1)), num_keypoints=value(st.integers(0, 2)))
        for key in draw(mostly(st.just(()), st.sets(some(*annotation)))):
            del annotation[key]
        annotations.append(annotation)
    listed = [dict(id=value(st.just(1)), name=value(st.just('person')), keypoints=value(st.just(list(landmarks))))]
    return {file: _json(draw, dict(images=value(st.just(images)), annotations=value(st.just(annotations)),
                                   categories=value(st.just(listed))))}


boxes = st.tuples(numbers, numbers, numbers, numbers).map(list) | st.just([1, 2, 30, 40])


@st.composite
def detections(draw) -> dict[str, bytes]:
    """Boxes that a detector found, on the images 0 to 2."""
    found = [dict(image_id=draw(mostly(some(0, 1, 2), anything)), category_id=draw(mostly(st.just(1), anything)),
                  bbox=draw(mostly(boxes, anything)), score=draw(mostly(st.floats(0, 1), anything)))
             for _ in range(draw(st.integers(0, 3)))]
    return {'boxes.json': _json(draw, draw(mostly(st.just(found), anything)))}


@st.composite
def table(draw) -> dict[str, bytes]:
    """A CSV for predict."""
    usual = some(('image', 'x1', 'y1', 'x2', 'y2', 'category'), ('image_id', 'image_category'), ('image', ))
    odd = st.lists(some('image', 'x1', 'x2', 'y1', 'y2', 'bbox', 'category', 'price', ''), max_size=7)
    columns = draw(mostly(usual, odd))
    edges = {'x1': '1', 'y1': '2', 'x2': '30', 'y2': '40'}
    cells = {'image': names, 'image_id': names, 'category': categories, 'image_category': categories,
             **{column: mostly(st.just(edge), decimals) for column, edge in edges.items()}}
    rows = [[draw(cells.get(column, decimals)) for column in columns] for _ in range(draw(st.integers(0, 4)))]
    quote = draw(some('', '', '"'))
    return {'list.csv': _encoded('\n'.join(','.join(f'{quote}{cell}{quote}' for cell in row)
                                           for row in [columns, *rows]))}


@st.composite
def listing(draw) -> dict[str, bytes]:
    """One path in each line."""
    return {'list.txt': _encoded(draw(some('\n', '\r\n')).join(draw(st.lists(names, max_size=5))))}


@st.composite
def entries(draw) -> dict[str, bytes]:
    """A list of entries in JSON."""
    found = []
    for _ in range(draw(st.integers(0, 4))):
        entry = dict(image=draw(mostly(names, anything)), box=draw(mostly(boxes, anything)),
                     category=draw(mostly(categories, anything)), price=3)
        for key in draw(mostly(st.just(()), st.sets(some(*entry)))):
            del entry[key]
        found.append(entry)
    return {'list.json': _json(draw, draw(mostly(st.just(found), anything)))}
