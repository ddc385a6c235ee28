"""Several exports as one set: landmarks joined by name, images found, boxes widened, and COCO's form for each part.

K: all landmarks
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterable, Mapping, NamedTuple, Sequence

from ..errors import FileFormatError, InputError
from ..metainfo import build_dataset_info
from ..metainfo.names import understand
from ..text import IMAGE_SUFFIXES, brief
from .exports import Export, Garment

#: Pixels. A box no further than this from its outermost landmarks was made from them.
TIGHT = 1.5
_UPLOAD = 8  # hexadecimal digits and a dash that Label Studio puts before the name of an uploaded file


class Landmarks(NamedTuple):
    """What the garments of all exports have together."""

    names: list[str]  #: K
    categories: dict[str, list[str]]  #: the names of each category
    links: list[tuple[str, str]]


def join_landmarks(exports: Iterable[Export]) -> Landmarks:
    """Landmarks of one name are one, in the order of their first appearance.

    Raises:
        InputError: Two names differ only in how they are written.
    """
    categories: dict[str, dict[str, None]] = {}
    links: dict[tuple[str, str], None] = {}
    for export in exports:
        for category, names in export.landmarks.items():
            categories.setdefault(category, {}).update(dict.fromkeys(names))
        links.update(dict.fromkeys(export.links))
    names = list(dict.fromkeys(name for own in categories.values() for name in own))
    meanings: dict = {}
    for name in names:
        other = meanings.setdefault(understand(name), name)
        if other != name and understand(name).part:
            raise InputError(f"the landmarks '{other}' and '{name}' mean the same and are written differently: give "
                             'them one name in the labelling tool, or names of different words')
    return Landmarks(names, {category: list(own) for category, own in categories.items()}, list(links))


def metainfo_text(name: str, landmarks: Landmarks) -> str:
    """A metainfo file of these landmarks, to be edited.

    Raises:
        InputError: The names do not make flip pairs, as ``build_dataset_info`` says.
    """
    build_dataset_info(name, landmarks.names, landmarks.links, categories=landmarks.categories)
    links = ''.join(f'        {link!r},\n' for link in landmarks.links)
    categories = ''.join(f'        {category!r}: {tuple(own)!r},\n' for category, own in landmarks.categories.items())
    return (
        '_base_ = []  # keeps MMEngine from reading this file as its other style of config\n'
        'from pcloss_mmpose.metainfo import build_dataset_info\n\n'
        'dataset_info = build_dataset_info(\n'
        f'    dataset_name={name!r},\n'
        '    landmarks=(\n' + ''.join(f'        {each!r},\n' for each in landmarks.names) + '    ),\n'
        f'    outline=(  # lines to draw; the mirrored lines are added\n{links}    ),\n'
        f'    categories={{\n{categories}    }})\n')


class Images:
    """The images below a folder, found by what an export calls them.

    Args:
        root: The folder.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self.by_name: dict[str, list[str]] = {}
        for folder, _, files in os.walk(root):
            for file in files:
                if file.lower().endswith(IMAGE_SUFFIXES):
                    path = os.path.relpath(os.path.join(folder, file), root).replace(os.sep, '/')
                    self.by_name.setdefault(file, []).append(path)

    def find(self, name: str, place: str) -> str:
        """Path of an image relative to the root: the one whose path ends as the name does, or has its file's name.

        Raises:
            FileFormatError: There is none, or more than one.
        """
        wanted = name.replace('\\', '/').lstrip('/')
        file = wanted.rsplit('/', 1)[-1]
        head, _, original = file.partition('-')
        is_upload = len(head) == _UPLOAD and all(digit in '0123456789abcdef' for digit in head)
        found = self.by_name.get(file) or (self.by_name.get(original, []) if is_upload else [])
        for better in ([path for path in found if path == wanted],
                       [path for path in found if f'/{path}'.endswith(f'/{wanted}')]):
            found = better or found
        if len(found) != 1:
            raise FileFormatError.at(
                place, f'there is no image {brief(name)} below {self.root}' if not found else
                f'{brief(name)} may be any of {", ".join(sorted(found)[:3])}, below {self.root}',
                'Name the folder of the images with --images.' if not found else 'Remove or rename the others.')
        return found[0]


def is_tight(garment: Garment) -> bool:
    """Whether the box is that around the landmarks, so that the model would see no cloth beside them."""
    if garment.box is None:
        return True
    (left, top), (right, bottom) = _extent(garment)
    x, y, width, height = garment.box
    return max(abs(x - left), abs(y - top), abs(x + width - right), abs(y + height - bottom)) <= TIGHT


def box_of(garment: Garment, widen: float) -> list[float]:
    """x, y, width and height: a box that is tight, or missing, is widened on each side and cut at the image's edges.

    Args:
        widen: Fraction of the longer side.
    """
    if not is_tight(garment):
        return list(garment.box)
    (left, top), (right, bottom) = _extent(garment)
    margin = max(widen * max(right - left, bottom - top), 1)
    left, top = max(left - margin, 0), max(top - margin, 0)
    right, bottom = min(right + margin, garment.size[0]), min(bottom + margin, garment.size[1])
    return [left, top, right - left, bottom - top]


def _extent(garment: Garment) -> tuple[tuple[float, float], tuple[float, float]]:
    xs, ys, _ = zip(*garment.points.values())
    return (min(xs), min(ys)), (max(xs), max(ys))


def to_coco(garments: Sequence[tuple[str, Garment]], landmarks: Landmarks, widen: float) -> dict:
    """COCO's form, every annotation with all K landmarks.

    Args:
        garments: With the path of the image that each is on.
        widen: As for :func:`box_of`.
    """
    numbers = {name: number for number, name in enumerate(dict.fromkeys(name for name, _ in garments), 1)}
    sizes = {name: garment.size for name, garment in garments}
    category_ids = {name: number for number, name in enumerate(landmarks.categories, 1)}
    order = {name: number for number, name in enumerate(landmarks.names, 1)}
    annotations = []
    for number, (name, garment) in enumerate(garments, 1):
        box = box_of(garment, widen)
        annotations.append(dict(
            id=number, image_id=numbers[name], category_id=category_ids[garment.category], iscrowd=0, bbox=box,
            area=box[2] * box[3], num_keypoints=len(garment.points),
            keypoints=[value for each in landmarks.names for value in garment.points.get(each, (0, 0, 0))]))
    return dict(
        images=[dict(id=number, file_name=name, width=sizes[name][0], height=sizes[name][1])
                for name, number in numbers.items()],
        annotations=annotations,
        categories=[dict(id=number, name=name, keypoints=landmarks.names,
                         skeleton=[[order[first], order[second]] for first, second in landmarks.links])
                    for name, number in category_ids.items()])


def check_sizes(garments: Sequence[tuple[str, Garment]], sizes: Mapping[str, tuple[int, int]]) -> None:
    """Raise FileFormatError where an image has another size than the one that was labelled."""
    for name, garment in garments:
        if tuple(sizes[name]) != garment.size:
            found, labelled = ('{} x {}'.format(*size) for size in (sizes[name], garment.size))
            raise FileFormatError.at(garment.place, f'it was labelled on an image of {labelled}, and {name} is {found}',
                                     'Use the images that were labelled.')


def check_once(garments: Sequence[tuple[str, Garment]]) -> None:
    """Raise FileFormatError where two files label a garment of one kind on the same image: both may be the same."""
    first: dict[tuple[str, str], Garment] = {}
    for name, garment in garments:
        other = first.setdefault((name, garment.category), garment)
        if other.file != garment.file:
            raise FileFormatError.at(
                garment.place, f'{garment.category} on {name} is labelled here and in {other.file}',
                'Take the image out of one of the files.')


def dataset_name(out: Path) -> str:
    """What the metainfo calls the data set: the folder's name."""
    return out.absolute().name or 'garments'
