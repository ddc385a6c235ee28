"""The raw files that DeepFashion's benchmarks share: text -> arrays. N: rows, K = 8 landmarks.

Every file has the number of its rows on line 1, the column names on line 2, then one row an image.
"""

from __future__ import annotations

import os.path as osp
import re
from dataclasses import dataclass, replace
from typing import Callable, Sequence

import mmengine.fileio as fileio
import numpy as np

from ...errors import FileFormatError
from ...metainfo.fashion8 import CATEGORY_LANDMARKS, CLOTHES_TYPES, LANDMARKS
from ...metainfo.fld import VARIATIONS
from ...text import LARGEST_COORDINATE, brief
from .records import Records, Strings, coco_landmarks
from .text_files import NUMBER, Lines, file_name, first_occurrences, is_number, parse_numbers, read_lines
from .whole_numbers import parts, whole_numbers

SPLITS = ('train', 'val', 'test')

_BOX_COLUMNS = ('x_1', 'y_1', 'x_2', 'y_2')

_is_number_row = re.compile(f'{NUMBER}(?: +{NUMBER})*').fullmatch
_cells = re.compile(' +').split


def _count_cells(text: str) -> int:
    """As many as :func:`_cells` gives, without a list of them."""
    while '  ' in text:
        text = text.replace('  ', ' ')
    return text.count(' ') + 1


def anno_file(path: str) -> str:
    """``path``, or the file of that name in ``Anno_coarse``, which newer downloads have instead of ``Anno``."""
    folder, name = osp.split(path)
    coarse = osp.join(osp.dirname(folder), 'Anno_coarse', name)
    if osp.basename(folder) == 'Anno' and not fileio.exists(path) and fileio.exists(coarse):
        return coarse
    return path


@dataclass(frozen=True)
class Listing:
    """Rows of one file, and their image names."""

    lines: Lines
    names: list[str]

    def rest(self, index: int) -> str:
        """The text after the name."""
        return self.lines.texts[index].partition(' ')[2].lstrip(' ')


def read_listing(path: str, header_problem: Callable[[list[str]], str] = lambda columns: '') -> Listing:
    """Read a file as far as all of them are alike.

    Args:
        path: The file.
        header_problem: Says what is wrong with the names of the columns after ``image_name``, or ''.

    Raises:
        FileFormatError: Line 1 is no count or a wrong one, the header is not what it should be, or a row holds a
            name alone.
    """
    lines = read_lines(path)
    if not re.fullmatch('[0-9]{1,9}', lines.texts[0]):
        raise lines.error(0, f'expected the number of rows, found {brief(lines.texts[0])}',
                          'Line 1 holds the number of rows alone.', field='count')
    if len(lines) == 1:
        raise lines.error(0, 'the file ends here', 'Download it again.', field='count')
    header = lines.texts[1].split()
    problem = (header_problem(header[1:]) if header[0] == 'image_name' else
               f"expected 'image_name', found {brief(header[0])}")
    if problem:
        raise lines.error(1, problem, 'Line 2 names the columns, in the order of the rows.', field='header')
    rows = lines.after(2)
    if len(rows) != int(lines.texts[0]):
        raise lines.error(0, f'it says {int(lines.texts[0])} rows, and {len(rows)} follow',
                          'Download the file again, or correct the number.', field='count')
    # Tabs part cells as blanks do. Other spaces may belong to one, as those between thousands do.
    rows = replace(rows, texts=[text.replace('\t', ' ') for text in rows.texts])
    rows.check([' ' in text for text in rows.texts],
               lambda i: (None, '1 column, too few', 'Complete the row, or take it out.'))
    names = [text.partition(' ')[0] for text in rows.texts]
    rows.check_names(names, 'image_name')
    return Listing(rows, names)


def _fill(table: np.ndarray, rows: Sequence[str]) -> tuple[np.ndarray, Sequence[bool] | bool]:
    """Parse the numbers of rows.

    Args:
        table: (N, W) to fill from the left, if all rows are good and none has more numbers.
        rows: N, the numbers with blanks between.

    Returns:
        How many cells each row has (N,), of which no more than W + 1 need be counted; and which rows are good.
    """
    width = table.shape[1]
    found = whole_numbers(rows, b' ')
    if found:
        counts, good = np.diff(np.flatnonzero(found.separators == ord('\n')), prepend=-1), True
    else:
        # No more is split than is looked at: a row may be as long as the file.
        counts = np.array([len(row.split(None, width)) for row in rows])
        good = [count <= width and bool(_is_number_row(row)) for count, row in zip(counts, rows)]
    if np.all(good) and counts.max() <= width:
        table[np.arange(width) < counts[:, None]] = found.values if found else parse_numbers(rows, ' ')
    return counts, good


def _numeric_table(listing: Listing, columns: Callable[[int], tuple[str, ...]],
                   width: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of all rows (N, width), NaN where a row is shorter, and how many each row has (N,).

    ``columns`` gives the names of the columns for a number of cells; it is asked for error messages only.
    """

    def explain(index: int, good: Callable[[str], object], fault: str) -> tuple[str, str, str]:
        cells = _cells(listing.rest(index))
        wrong = next(i for i, cell in enumerate(cells) if not good(cell))
        names = columns(len(cells))
        field = names[wrong] if wrong < len(names) else f'{wrong + 2}'
        hint = ', or take the blanks out of the image name' if wrong == 0 else ''
        return field, f'{brief(cells[wrong])} {fault}', f'Correct the cell{hint}.'

    rows = len(listing.names)
    table = np.full((rows, width), np.nan, dtype=np.float32)
    counts, good = np.empty(rows, dtype=np.int64), np.empty(rows, dtype=bool)
    for part in parts(rows):
        counts[part], good[part] = _fill(table[part], [listing.rest(row) for row in range(rows)[part]])
    listing.lines.check(
        counts <= width,
        lambda i: (None, f'{_count_cells(listing.rest(i)) + 1} columns, expected at most {width + 1}',
                   'Correct the row.'))
    listing.lines.check(good, lambda i: explain(i, is_number, 'is not a finite decimal number'))
    listing.lines.check(
        ~(np.abs(table) > LARGEST_COORDINATE).any(axis=1),
        lambda i: explain(i, lambda cell: abs(float(cell)) <= LARGEST_COORDINATE,
                          f'lies beyond {LARGEST_COORDINATE:,} pixels'))
    return table, counts


def _landmark_columns(cells: int) -> tuple[str, ...]:
    """Names of the columns after ``image_name`` in a row with so many cells."""
    fixed = ('clothes_type', 'variation_type') if cells % 3 == 2 else ('clothes_type',)
    return fixed + tuple(
        f'landmark_{value}_{number}' for number in range(1, len(LANDMARKS) + 1)
        for value in ('visibility', 'location_x', 'location_y'))


def _landmark_header_problem(columns: list[str]) -> str:
    """Accept what real files have: some name a variation_type that their rows lack."""
    if columns[:1] != ['clothes_type']:
        return f"expected 'clothes_type' after 'image_name', found {brief(' '.join(columns[:1]))}"
    found = [column for column in columns[1:] if column != 'variation_type']
    for column, expected in zip(found, _landmark_columns(1)[1:]):
        if column != expected:
            return f"expected '{expected}', found {brief(column)}"
    return ''


def read_landmarks(path: str) -> tuple[Listing, np.ndarray, np.ndarray, np.ndarray | None]:
    """Read ``list_landmarks.txt`` with or without the column ``variation_type``.

    Rows have the landmarks of their clothes_type, or eight of which the last ones are zeros.

    Returns:
        The listing, types of clothes (N,), landmarks (N, 8, 3) as in :class:`Records`, and variations (N,) or None.

    Raises:
        FileFormatError: With file, line and column.
    """
    listing = read_listing(path, _landmark_header_problem)
    lines, slots = listing.lines, len(LANDMARKS)
    table, counts = _numeric_table(listing, _landmark_columns, width=2 + 3 * slots)

    # Three values a landmark: what is over tells whether the rows have one leading column or two.
    has_variation = bool(np.mean(counts % 3 == 2) > 0.5)
    fixed = 2 if has_variation else 1
    layout = 'image_name clothes_type' + ' variation_type' * has_variation + ' and three values a landmark'
    lines.check(
        counts % 3 == fixed,
        lambda i: (None, f'{counts[i] + 1} columns do not make {layout}', 'Compare the row with the others.'))

    lines.check(
        np.isin(table[:, 0], list(CLOTHES_TYPES)),
        lambda i: ('clothes_type', f'unknown clothes_type {table[i, 0]:g}',
                   f'Known are {", ".join(f"{key} {name}" for key, name in CLOTHES_TYPES.items())}.'))
    types = table[:, 0].astype(np.int64)
    if has_variation:
        lines.check(
            np.isin(table[:, 1], list(VARIATIONS)),
            lambda i: ('variation_type', f'unknown variation_type {table[i, 1]:g}', 'Known are 1 to 5.'))

    expected = np.select([types == key for key in CLOTHES_TYPES],
                         [len(CATEGORY_LANDMARKS[category]) for category in CLOTHES_TYPES.values()])
    found = (counts - fixed) // 3
    lines.check(
        (found == expected) | (found == slots),
        lambda i: (None, f'{found[i]} landmarks, but clothes_type {types[i]} has {expected[i]}',
                   'Correct clothes_type, or complete the row.'))
    points = table[:, fixed:fixed + 3 * slots].reshape(-1, slots, 3)
    real = np.arange(slots) < expected[:, None]
    lines.check(
        ~(np.nan_to_num(points).any(axis=2) & ~real).any(axis=1),
        lambda i: (None, f'{found[i]} landmarks, but clothes_type {types[i]} has {expected[i]}: what follows them '
                   'must be zeros', 'Correct clothes_type, or the row.'))
    known = np.isin(points[..., 0], (0, 1, 2)) | ~real
    lines.check(
        known.all(axis=1),
        lambda i: (f'landmark_visibility_{np.argmin(known[i]) + 1}',
                   f'visibility {points[i, np.argmin(known[i]), 0]:g} is outside 0, 1, 2',
                   'It is 0 visible, 1 occluded, 2 cut off.'))

    landmarks = np.zeros((len(types), slots, 3), dtype=np.float32)
    for key, category in CLOTHES_TYPES.items():
        rows, ids = np.flatnonzero(types == key), CATEGORY_LANDMARKS[category]
        row_points = points[rows, :len(ids)]
        landmarks[np.ix_(rows, ids)] = coco_landmarks(row_points[..., 1:], 2 - row_points[..., 0])
    return listing, types, landmarks, table[:, 1].astype(np.int64) if has_variation else None


def read_boxes(path: str) -> tuple[Listing, np.ndarray]:
    """Read ``list_bbox.txt``: the listing and boxes (N, 4), corners x1 y1 x2 y2 in pixels.

    Raises:
        FileFormatError: With file, line and column.
    """
    listing = read_listing(
        path, lambda columns: '' if tuple(columns) == _BOX_COLUMNS else
        f"expected 'image_name {' '.join(_BOX_COLUMNS)}', found {brief(' '.join(('image_name', *columns)))}")
    boxes, counts = _numeric_table(listing, lambda cells: _BOX_COLUMNS, width=len(_BOX_COLUMNS))
    listing.lines.check(
        counts == len(_BOX_COLUMNS),
        lambda i: (None, f'{counts[i] + 1} columns, expected {len(_BOX_COLUMNS) + 1}', 'Complete the row.'))
    for low, high in ((0, 2), (1, 3)):
        listing.lines.check(
            boxes[:, high] > boxes[:, low],
            lambda i, low=low, high=high: (
                _BOX_COLUMNS[high],
                f'{_BOX_COLUMNS[high]} {boxes[i, high]:g} is not greater than {_BOX_COLUMNS[low]} {boxes[i, low]:g}',
                'A box is given by its upper left and lower right corner.'))
    return listing, boxes


def read_partition(path: str) -> tuple[Listing, np.ndarray]:
    """Read ``list_eval_partition.txt``: the listing and the split of each row (N,).

    Raises:
        FileFormatError: With file, line and column.
    """
    listing = read_listing(path)
    splits = [listing.rest(row) for row in range(len(listing.names))]
    listing.lines.check(
        [split in SPLITS for split in splits],
        lambda i: ('evaluation_status', f'unknown split {brief(splits[i])}', f'Known are {", ".join(SPLITS)}.'))
    return listing, np.array(splits, dtype=str)


def _of_images(images: Listing, other: Listing, values: np.ndarray, needed: str) -> np.ndarray:
    """What another file says of each image, whose first row counts where it repeats an image."""
    if images.names == other.names:
        return values
    rows = {other.names[row]: row for row in first_occurrences(other.names, other.lines.place)}
    found = [rows.get(name) for name in images.names]
    images.lines.check(
        [row is not None for row in found],
        lambda i: ('image_name', f'{brief(images.names[i])} has no {needed} in {other.lines.path}',
                   'Add it there, or take the row out here.'))
    return values[np.array(found, dtype=np.int64)]


def read_benchmark(landmark_file: str, box_file: str, partition_file: str | None, split: str | None,
                   root: str) -> Records:
    """Read the files of one benchmark.

    Args:
        landmark_file: ``list_landmarks.txt``, which may lie in ``Anno_coarse`` instead.
        box_file: ``list_bbox.txt``, alike.
        partition_file: ``list_eval_partition.txt``; not read without a split.
        split: Which rows to keep, None for all.
        root: What the image names are relative to, and no image lies outside of.

    Raises:
        FileFormatError: With file, line and column.
    """
    landmark_file, box_file = anno_file(landmark_file), anno_file(box_file)
    images, types, landmarks, variations = read_landmarks(landmark_file)
    images.lines.check_root(images.names, root, 'image_name')
    boxes = _of_images(images, *read_boxes(box_file), 'box')
    keep = np.ones(len(images.names), dtype=bool)
    if split is not None:
        keep = _of_images(images, *read_partition(partition_file), 'split') == split
    names = [file_name(name, root) for name in images.names]
    first = first_occurrences(names, images.lines.place)
    if split is not None and not keep[first].any():
        _, splits = read_partition(partition_file)
        raise FileFormatError.at(
            partition_file, f"no image of {landmark_file} belongs to '{split}'",
            f'The file has {", ".join(sorted(set(splits)))}.' if len(splits) else '', field='evaluation_status')
    ids = np.flatnonzero(keep[first])
    rows = first[ids]
    return Records(
        ids=ids,
        names=Strings(names[row] for row in rows.tolist()),
        folders=np.zeros(len(rows), dtype=np.int64),
        roots=(root, ),
        categories=types[rows],
        landmarks=landmarks[rows],
        boxes=boxes[rows],
        variations=None if variations is None else variations[rows])
