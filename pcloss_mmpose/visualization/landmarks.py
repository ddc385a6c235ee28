"""Landmarks, drawn on the image that they belong to. All drawings of this package but the report's are made here."""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple, Sequence

import cv2
import numpy as np

from ..metainfo import landmark_names
from .placing import place_labels
from .text import DARK, WHITE, draw_text, drawable, shortened, text_size

BOX_COLOR = (255, 0, 255)
#: What ``visible`` says of a landmark.
LEFT_OUT, HOLLOW, FILLED = 0, 1, 2

SHIFT = 4  # OpenCV's coordinates are in 1/16 pixels


class Look(NamedTuple):
    """What the landmarks of a data set are called, and what they are drawn with. K: landmarks, L: lines of the outline.

    ``colors`` and ``line_colors`` are RGB, as MMPose's metainfo holds them (its documentation says BGR, its visualizer
    takes RGB).
    """

    names: Sequence[str]  #: (K,)
    colors: np.ndarray  #: (K, 3)
    lines: np.ndarray  #: (L, 2) indices of the landmarks that a line connects
    line_colors: np.ndarray  #: (L, 3)

    @classmethod
    def of(cls, metainfo: Mapping[str, Any]) -> Look:
        """That of a parsed metainfo."""
        return cls(landmark_names(metainfo), np.asarray(metainfo['keypoint_colors']).reshape(-1, 3),
                   np.asarray(metainfo.get('skeleton_links', ()), dtype=int).reshape(-1, 2),
                   np.asarray(metainfo.get('skeleton_link_colors', ())).reshape(-1, 3))


class Sizes(NamedTuple):
    """In pixels: a point's radius, a line's width, and a font's height."""

    radius: float
    line: int
    font: int


def sizes(shape: Sequence[int], box: Sequence[float] | None = None) -> Sizes:
    """Sizes that go with a picture's, (height, width, ...); with that of a box where it fills but a part of it."""
    longer = max(shape[:2])
    if box is not None:
        longer = min(longer, 2.5 * max(box[2] - box[0], box[3] - box[1]))
    radius = max(3., longer / 110)
    return Sizes(radius, max(1, round(radius / 3)), max(10, round(longer / 55)))


def draw_landmarks(image: np.ndarray,
                   keypoints: np.ndarray,
                   visible: np.ndarray,
                   look: Look,
                   truth: np.ndarray | None = None,
                   box: Sequence[float] | None = None,
                   names: bool = False,
                   longer: int | None = None) -> np.ndarray:
    """A copy of an image with its landmarks, the outline that they make, and lines to the true places.

    K: landmarks, H, W: height and width.

    Args:
        image: (H, W, 3) uint8, BGR.
        keypoints: (K, 2) x, y in pixels of the image; what is not finite is not drawn.
        visible: (K,) 0 not drawn; 1 hollow, for occluded or uncertain; 2 filled.
        look: Names, colors and lines.
        truth: (K, 2) the true x, y; a line from there to the landmark shows the error.
        box: x1 y1 x2 y2; is not drawn where it is the whole image.
        names: Write the names of the landmarks that are in the image beside them.
        longer: Pixels of the drawing's longer side, for small images and for tables: the image is resized first, so
            that lines and letters are sharp.

    Returns:
        (H, W, 3) uint8, BGR.
    """
    if longer is None:
        image = np.ascontiguousarray(image).copy()
    else:
        image, (keypoints, truth, box) = resized(image, longer, keypoints, truth, box)
    draw_on(image, keypoints, visible, look, truth, box, names)
    return image


def draw_on(image: np.ndarray, keypoints: np.ndarray, visible: np.ndarray, look: Look,
            truth: np.ndarray | None = None, box: Sequence[float] | None = None, names: bool = False) -> None:
    """:func:`draw_landmarks` into the image itself."""
    size, shown = sizes(image.shape, box), drawn_states(keypoints, visible)
    if box is not None and not is_whole(box, image.shape):
        x1, y1, x2, y2 = np.clip(box, -1e5, 1e5).round().astype(int).tolist()
        for color, width in _casing(BOX_COLOR, size.line):
            cv2.rectangle(image, (x1, y1), (x2, y2), color, width)
    for (start, end), color in zip(look.lines, look.line_colors):
        if shown[start] == shown[end] == FILLED:
            draw_line(image, keypoints[start], keypoints[end], _bgr(color), size.line)
        elif shown[start] and shown[end]:  # of no certain place: thin
            cv2.line(image, _fixed(keypoints[start]), _fixed(keypoints[end]), _bgr(color), max(1, size.line // 2),
                     cv2.LINE_AA, SHIFT)
    for k in np.flatnonzero(shown):
        if truth is not None and np.isfinite(truth[k]).all():
            draw_line(image, truth[k], keypoints[k], WHITE, max(2, size.line))
            draw_point(image, truth[k], FILLED, WHITE, max(2, size.radius / 2))
    for k in np.flatnonzero(shown):
        draw_point(image, keypoints[k], shown[k], _bgr(look.colors[k]), size.radius)
    if names:
        _draw_names(image, keypoints, shown, look, size)


def drawn_states(keypoints: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """(K,) of each landmark whether it is left out, hollow or filled."""
    states = np.clip(np.asarray(visible), LEFT_OUT, FILLED).astype(int)
    return np.where(np.isfinite(keypoints).all(axis=1), states, LEFT_OUT)


def is_whole(box: Sequence[float], shape: Sequence[int]) -> bool:
    """Whether a box is that of a whole image, (height, width, ...), to within a pixel."""
    return np.abs(np.asarray(box) - (0, 0, shape[1], shape[0])).max() <= 1


def draw_point(image: np.ndarray, point: Sequence[float], state: int, color: Sequence[int], radius: float) -> None:
    """Draw a disc, or a ring around white, with a casing that shows on any ground."""
    center, rim = _fixed(point), max(1., radius / 5)
    discs = ((DARK, radius + rim), (WHITE, radius), (color, radius - rim / 2)) if state == FILLED else (
        (DARK, radius + rim), (color, radius), (WHITE, 0.6 * radius))
    for ground, reach in discs:
        cv2.circle(image, center, round(reach * 2**SHIFT), ground, -1, cv2.LINE_AA, SHIFT)


def draw_line(image: np.ndarray, start: Sequence[float], end: Sequence[float], color: Sequence[int], width: int
              ) -> None:
    """Draw a line with a casing that shows on any ground."""
    for ground, wide in _casing(color, width):
        cv2.line(image, _fixed(start), _fixed(end), ground, wide, cv2.LINE_AA, SHIFT)


def _casing(color: Sequence[int], width: int) -> tuple[tuple[Sequence[int], int], ...]:
    """Color and width of the lines that make one: a dark and wide one below."""
    return (DARK, width + 2 * round(width / 3) if width > 1 else 2), (color, width)


def resized(image: np.ndarray, longer: int, *places: Any) -> tuple[np.ndarray, list[Any]]:
    """An image whose longer side has so many pixels, and places (x, y, ...) on it; None stays None."""
    height, width = image.shape[:2]
    scale = longer / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    image = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return image, [None if place is None else (np.asarray(place) + 0.5) * scale - 0.5 for place in places]


def _draw_names(image: np.ndarray, keypoints: np.ndarray, shown: np.ndarray, look: Look, size: Sizes) -> None:
    height, width = image.shape[:2]
    inside = (keypoints >= 0).all(axis=1) & (keypoints < (width, height)).all(axis=1)
    own = np.flatnonzero((shown > 0) & inside)
    texts = drawable(look.names)[0]
    labels = [shortened(texts[k], size.font, width) for k in own]
    areas = np.array([text_size(label, size.font) for label in labels], dtype=float).reshape(-1, 2)
    gap = 1.3 * size.radius + 1
    corners = place_labels(keypoints[own], areas, (width, height), gap)
    for k, corner, area in zip(own, corners, areas):
        nearest = np.clip(keypoints[k], corner, corner + area)
        if np.linalg.norm(nearest - keypoints[k]) > 2.5 * gap:  # far from its point
            draw_line(image, keypoints[k], nearest, WHITE, 1)
    for label, corner in zip(labels, corners):
        draw_text(image, label, corner, size.font)


def _fixed(point: Sequence[float]) -> list[int]:
    """Pixels as OpenCV takes them with ``SHIFT``; what lies far outside stays drawable."""
    return [round(min(max(float(value), -1e5), 1e5) * 2**SHIFT) for value in point]


def _bgr(rgb: Sequence[int]) -> tuple[int, ...]:
    return tuple(int(value) for value in rgb[::-1])


def draw_heatmaps(image: np.ndarray, heatmaps: np.ndarray) -> np.ndarray:
    """An image under its heatmaps, from blue for 0 to red for their largest value.

    Args:
        image: (H, W, 3) uint8, BGR.
        heatmaps: (K, h, w), any size; at each pixel the largest of all K is shown.

    Returns:
        (H, W, 3) uint8, BGR.
    """
    strongest = heatmaps.max(axis=0)
    level = np.clip(255 * strongest / max(strongest.max(), 1e-9), 0, 255).round().astype(np.uint8)
    colored = cv2.applyColorMap(cv2.resize(level, image.shape[1::-1], interpolation=cv2.INTER_LINEAR), cv2.COLORMAP_JET)
    return cv2.addWeighted(np.ascontiguousarray(image), 0.5, colored, 0.5, 0)
