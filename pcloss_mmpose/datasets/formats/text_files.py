"""Lines of a raw annotation file that remember their numbers, and the checks that point at them."""

from __future__ import annotations

import csv
import os.path as osp
import re
import warnings
from dataclasses import dataclass, replace
from typing import Callable, Iterable, Sequence

import mmengine.fileio as fileio
import numpy as np

from ...errors import FileFormatError
from ...text import LONGEST_NAME, brief, decode, is_below, is_name, name_fault, root_fault, with_slashes

#: A plain decimal number that float32 can hold. NaN, infinity and exponents have no place in these files.
NUMBER = r'-?[0-9]{1,9}(?:\.[0-9]*)?'

is_number = re.compile(NUMBER).fullmatch


@dataclass(frozen=True)
class Lines:
    """The lines of a file that are not blank: their numbers in the file, from 1, and their stripped texts."""

    path: str
    numbers: np.ndarray
    texts: Sequence[str]

    def __len__(self) -> int:
        return len(self.texts)

    def after(self, count: int) -> Lines:
        """All but the first ``count`` lines."""
        return Lines(self.path, self.numbers[count:], self.texts[count:])

    def place(self, index: int) -> str:
        """File and line of the line with this index."""
        return f'{self.path}, line {self.numbers[index]}'

    def error(self, index: int, problem: str, advice: str = '', field: str | None = None,
              lines: int = 1) -> FileFormatError:
        """The error that points at the line with this index."""
        return FileFormatError.at(self.path, problem, advice, line=self.numbers[index], field=field, lines=lines)

    def check(self, good: Sequence[bool] | np.ndarray, explain: Callable[[int], tuple[str | None, str, str]]) -> None:
        """Raise for the first line that is not good.

        Args:
            good: One a line.
            explain: Gives field, problem and advice for the line with this index.

        Raises:
            FileFormatError: Some line is not good.
        """
        bad = np.flatnonzero(~np.asarray(good, dtype=bool))
        if len(bad):
            field, problem, advice = explain(bad[0])
            raise self.error(bad[0], problem, advice, field=field, lines=len(bad))

    def check_names(self, names: Sequence[str], field: str) -> None:
        """Raise for the first name of an image that is empty, or that no file can have.

        Raises:
            FileFormatError: Some name is not good.
        """
        if all(names) and ''.join(names).isprintable() and max(map(len, names)) <= LONGEST_NAME:
            return  # which is quick, and lets nothing pass that is refused below
        self.check([bool(is_name(name)) for name in names],
                   lambda i: (field, name_fault(names[i]), 'Give the path of the image.'))

    def check_root(self, names: Sequence[str], root: str, field: str) -> None:
        """Raise for the first image that lies elsewhere than below the folder that its name starts from.

        Raises:
            FileFormatError: Some image does.
        """
        every = '\n'.join(('', *names))
        if not any(part in every for part in ('..', '\n/', '\\', ':')):
            return  # alike
        self.check([is_below(name, root) for name in names], lambda i: (
            field, root_fault(names[i], root),
            "Only what data_prefix=dict(img=...) names is read; '/' is every folder."))

    def unquoted(self) -> Lines:
        """Lines of comma separated cells without the quotes that some programs put around each.

        Raises:
            FileFormatError: A quote does not close in its line, or a quoted cell holds a comma.
        """
        return replace(self, texts=[
            self._unquoted(index) if '"' in text else text for index, text in enumerate(self.texts)])

    def _unquoted(self, index: int) -> str:
        try:
            cells, = csv.reader([self.texts[index]], skipinitialspace=True, strict=True)
        except csv.Error:
            raise self.error(index, 'a quote that opens here does not close at the end of its cell',
                             'Write cells without quotes.') from None
        if any(',' in cell for cell in cells):
            cell = next(cell for cell in cells if ',' in cell)
            raise self.error(index, f'a comma inside of the cell {brief(cell)}', 'No cell may hold one.')
        return ','.join(cells)


def read_lines(path: str) -> Lines:
    """Read a text file through MMEngine's file backends.

    Raises:
        FileFormatError: The file is missing, cannot be read, is no UTF-8 text, or holds nothing.
    """
    lines = decode(path, _content(path)).split('\n')
    for index, line in enumerate(lines):  # in place: a file's text is in memory once, not twice
        lines[index] = line.strip()
    texts = list(filter(None, lines))
    if not texts:
        raise FileFormatError.at(path, 'the file is empty', 'Download it again.')
    return Lines(path, np.flatnonzero(list(map(bool, lines))) + 1, texts)


def _content(path: str) -> bytes:
    try:
        return fileio.get(path)
    except FileNotFoundError:
        advice = 'Check the path; the configs take their root from FASHIONAI_ROOT, DEEPFASHION_ROOT or FLD_ROOT.'
        raise FileFormatError.at(path, 'no such file', advice) from None
    except OSError as error:
        raise FileFormatError.at(path, f'cannot be read ({error})') from error


def file_name(name: str, root: str) -> str:
    """An image's name, with slashes where it has Windows' backslashes and only that file exists."""
    if '\\' not in name:
        return name
    path = osp.join(root, name)
    return name if with_slashes(path, fileio.exists) == path else name.replace('\\', '/')


def parse_numbers(texts: Iterable[str], separator: str) -> np.ndarray:
    """Parse texts that hold nothing but numbers and separators, already checked, into one float32 array."""
    return np.fromstring(separator.join(texts), dtype=np.float32, sep=separator)


def first_occurrences(names: Sequence[str], place: Callable[[int], str]) -> np.ndarray:
    """Index of the first occurrence of each name, in order; warns with an example where names repeat.

    ``place`` gives file and line of an index.
    """
    if len(set(names)) == len(names):
        return np.arange(len(names))
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        first.setdefault(name, index)
    example = next(index for index, name in enumerate(names) if first[name] != index)
    warnings.warn(
        f'{place(example)}: {brief(names[example])} stands in {place(first[names[example]])} already; '
        f'{len(names) - len(first)} rows repeat an image in all, and the first row of each image is kept.',
        stacklevel=2)
    return np.fromiter(first.values(), dtype=np.int64, count=len(first))
