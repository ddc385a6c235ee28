"""FashionAI's CSV files: text -> arrays."""

from __future__ import annotations

import os
import re
import sys
from typing import Sequence

import numpy as np

from ...metainfo.fashionai import CATEGORIES, LANDMARKS
from ...text import LARGEST_COORDINATE, brief
from .records import coco_landmarks
from .text_files import NUMBER, Lines, is_number, parse_numbers, read_lines
from .whole_numbers import parts, whole_numbers

HEADER = ('image_id', 'image_category', *LANDMARKS)

#: The files of the two training archives, and their rows before repeated images are dropped; from the counts in
#: https://github.com/HiKapok/tf.fashionAI (config.py).
TRAIN_FILES = {
    'warm_up_train_20180222/Annotations/annotations.csv': 12534,
    'fashionAI_key_points_train_20180227/Annotations/train.csv': 31631,
}

#: Images in the paper's splits, more than in those archives: they need the set that was released again after them.
PAPER_IMAGES = {'train': 66866, 'val': 10000, 'test': 27222}

#: Names other CSVs than :data:`TRAIN_FILES`, in their order, with commas between; the configs read it as well.
FILES_VARIABLE = 'FASHIONAI_CSVS'

#: Images of each category, from the start of the training set, that the paper validates on.
VAL_IMAGES = {'blouse': 2100, 'outwear': 1900, 'dress': 1900, 'skirt': 2100, 'trousers': 2000}

_CELL_ADVICE = 'A cell is x_y_v in pixels, with v = -1 not defined, 0 occluded, 1 visible.'
_CELL = f'{NUMBER}_{NUMBER}_(?:-1|0|1)'
_is_landmark_row = re.compile(f'{_CELL}(?:,{_CELL}){{{len(LANDMARKS) - 1}}}').fullmatch
_SEPARATORS = b','.join([b'__'] * len(LANDMARKS)) + b'\n'


def train_files() -> list[str]:
    """The CSVs to train on, relative to the root: those that :data:`FILES_VARIABLE` names, else the two official ones.
    """
    named = [path.strip() for path in os.environ.get(FILES_VARIABLE, '').split(',')]
    return [path for path in named if path] or list(TRAIN_FILES)


def _without_header(lines: Lines) -> Lines:
    """Drop the header line, if there is one; it must name the columns in their order."""
    cells = [cell.strip() for cell in lines.texts[0].split(',')]
    if not set(cells) & set(HEADER):
        return lines
    columns = HEADER[:2] if len(cells) == 2 else HEADER
    advice = f'The header must have these {len(HEADER)} columns (a test file only the first two): {",".join(HEADER)}.'
    if len(cells) != len(columns):
        raise lines.error(0, f'{len(cells)} columns, expected {len(HEADER)} or 2', advice, field='header')
    for cell, column in zip(cells, columns):
        if cell != column:
            raise lines.error(0, f"expected '{column}', found {brief(cell)}", advice, field='header')
    return lines.after(1)


def _explain_landmarks(cells: list[str]) -> tuple[str | None, str, str]:
    """Say which cell of a row is wrong."""
    for column, cell in zip(LANDMARKS, cells):
        values = cell.split('_')
        if len(values) != 3:
            return column, f'expected x_y_v, found {brief(cell)}', _CELL_ADVICE
        if not all(map(is_number, values)):
            return column, f'{brief(cell)} holds something that is not a finite decimal number', _CELL_ADVICE
        if values[2] not in ('-1', '0', '1'):
            return column, f"visibility {brief(values[2])} is outside -1, 0, 1", _CELL_ADVICE
    return None, 'unreadable row', _CELL_ADVICE


def _fill(values: np.ndarray, rows: Sequence[str]) -> Sequence[bool] | bool:
    """Parse the landmarks of rows.

    Args:
        values: (N, 24, 3) to fill with x, y, v, if all rows are good.
        rows: N, the cells of the landmarks.

    Returns:
        Which rows are good.
    """
    found = whole_numbers(rows, b'_,')
    if found and found.separators.tobytes() == _SEPARATORS * len(rows):
        plain, lengths = found.values.reshape(values.shape), found.lengths.reshape(values.shape)
        if (lengths[..., 2] == 1 + (plain[..., 2] == -1)).all() and (plain[..., 2] <= 1).all():
            values[:] = plain
            return True
    good = [bool(_is_landmark_row(row)) for row in rows]
    if all(good):
        values[:] = parse_numbers((row.replace('_', ',') for row in rows), ',').reshape(values.shape)
    return good


def read_csv(path: str) -> tuple[Lines, list[str], list[str], np.ndarray | None]:
    """Read one CSV, with or without header line.

    Returns:
        The lines without header, image names, category names, and landmarks (N, 24, 3) as in :class:`Records`;
        the landmarks are None for a test file, which has the first two columns only.

    Raises:
        FileFormatError: With file, line and column.
    """
    lines = _without_header(read_lines(path).unquoted())
    if not lines:
        return lines, [], [], None
    has_landmarks = lines.texts[0].count(',') != 1
    columns = len(HEADER) if has_landmarks else 2
    lines.check(
        [text.count(',') + 1 == columns for text in lines.texts],
        lambda i: (None, f'{lines.texts[i].count(",") + 1} columns, expected {columns}',
                   'Compare the line with the others; fields are separated by commas and none is left out.'))

    names, categories, good = [], [], np.ones(len(lines), dtype=bool)
    values = np.empty((len(lines) if has_landmarks else 0, len(LANDMARKS), 3), dtype=np.float32)
    for part in parts(len(lines)):
        rows = [text.split(',', 2) for text in lines.texts[part]]
        names += [row[0].strip() for row in rows]
        categories += [sys.intern(row[1].strip()) for row in rows]
        if has_landmarks:
            good[part] = _fill(values[part], [row[2] for row in rows])
    lines.check_names(names, 'image_id')
    lines.check(
        [category in CATEGORIES for category in categories],
        lambda i: ('image_category', f'unknown category {brief(categories[i])}', f'Known are {", ".join(CATEGORIES)}.'))
    if not has_landmarks:
        return lines, names, categories, None

    def cells(index: int) -> list[str]:
        return lines.texts[index].split(',')[2:]

    lines.check(good, lambda i: _explain_landmarks(cells(i)))
    nowhere = (values[..., 2] >= 0) & (values[..., 0] == -1) & (values[..., 1] == -1)
    lines.check(
        ~nowhere.any(axis=1),
        lambda i: (LANDMARKS[np.argmax(nowhere[i])], 'a landmark at -1_-1 must have v = -1', _CELL_ADVICE))
    far = ((values > LARGEST_COORDINATE) | (values < -LARGEST_COORDINATE)).any(axis=2)
    lines.check(
        ~far.any(axis=1),
        lambda i: (LANDMARKS[np.argmax(far[i])], f'{brief(cells(i)[np.argmax(far[i])])} lies beyond '
                   f'{LARGEST_COORDINATE:,} pixels', _CELL_ADVICE))
    for part in parts(len(values)):  # in place
        values[part] = coco_landmarks(values[part, :, :2], values[part, :, 2] + 1)
    return lines, names, categories, values


def paper_val_mask(categories: np.ndarray) -> np.ndarray:
    """(N,) mask of the paper's validation rows: the first :data:`VAL_IMAGES` of each category."""
    mask = np.zeros(len(categories), dtype=bool)
    for category, images in VAL_IMAGES.items():
        mask[np.flatnonzero(categories == category)[:images]] = True
    return mask
