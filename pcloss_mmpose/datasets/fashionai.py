"""FashionAI key points, from the CSV files of one or several archives."""

from __future__ import annotations

import os.path as osp
import warnings
from bisect import bisect_right
from typing import Sequence

import numpy as np
from mmpose.registry import DATASETS

from ..errors import FileFormatError, InputError
from ..metainfo import fashionai
from .base import GarmentDataset
from .formats.fashionai import VAL_IMAGES, paper_val_mask, read_csv
from .formats.records import Records, Strings
from .formats.text_files import file_name, first_occurrences


def archive_root(csv: str) -> str:
    """What a CSV's image names are relative to: its folder, or that folder's parent when it is Annotations."""
    folder = osp.dirname(csv)
    return osp.dirname(folder) if osp.basename(folder) == 'Annotations' else folder


def _as_list(one_or_several: str | Sequence[str]) -> list[str]:
    return [one_or_several] if isinstance(one_or_several, str) else list(one_or_several)


@DATASETS.register_module()
class FashionAIDataset(GarmentDataset):
    """FashionAI key points: 24 landmarks, 5 categories. The raw files have no boxes: :class:`WholeImageBox` sets them.

    Args:
        ann_file: One CSV or several, with or without header. A test file, with the first two columns only, is read
            in test mode; its landmarks are all not annotated.
        data_prefix: ``img`` is what the image names are relative to: one path, or as many as there are CSVs. By
            default each CSV's own folder, or that folder's parent when it is called Annotations.
        subset: 'val' for the images that the paper validates on (the first 2,100 blouse, 1,900 outwear, 1,900 dress,
            2,100 skirt and 2,000 trousers), 'train' for all others, None for both.
        categories: Which category or categories to keep, by name; None for all.
        **kwargs: As in MMPose's ``BaseCocoStyleDataset``.

    Raises:
        FileFormatError: A raw file is faulty; the message names file, line and column. Or the validation set takes all
            rows, and none is left to train on.
        InputError: Unknown subset or category, or as many roots as there are no files.
    """

    METAINFO: dict = fashionai.dataset_info
    CATEGORIES = fashionai.CATEGORIES

    def __init__(self,
                 ann_file: str | Sequence[str],
                 data_prefix: dict | None = None,
                 subset: str | None = None,
                 categories: Sequence[str] | None = None,
                 **kwargs) -> None:
        if subset not in (None, 'train', 'val'):
            raise InputError(f"unknown subset '{subset}': use train, val, or None for all rows")
        unknown = set(_as_list(categories or ())) - set(self.CATEGORIES)
        if unknown:
            raise InputError(f'unknown categories {sorted(unknown)}: use some of {", ".join(self.CATEGORIES)}')
        if set(data_prefix or ()) - {'img'}:
            raise InputError(f"data_prefix takes the key 'img' only, got {sorted(data_prefix)}")
        self.subset = subset
        self.categories = _as_list(categories or self.CATEGORIES)
        super().__init__(ann_file=ann_file, data_prefix=data_prefix or {}, **kwargs)

    def _join_prefix(self) -> None:
        self.ann_file = [self._join_root(path) for path in _as_list(self.ann_file)]
        if self.data_prefix.get('img') is None:
            roots = [archive_root(path) for path in self.ann_file]
        else:
            roots = [self._join_root(path) for path in _as_list(self.data_prefix['img'])]
        if len(roots) == 1:
            roots *= len(self.ann_file)
        if not self.ann_file or len(roots) != len(self.ann_file):
            raise InputError(f"{len(self.ann_file)} files in ann_file, {len(roots)} folders in data_prefix['img']: "
                             'give one folder, or one for each file')
        self.data_prefix = {'img': roots}

    def load_records(self) -> Records:
        """Read the CSVs in the order given, drop repeated images, then take subset and categories."""
        names, categories, landmarks, files, starts = [], [], [], [], []
        for path, root in zip(self.ann_file, self.data_prefix['img']):
            lines, file_names, file_categories, file_landmarks = read_csv(path)
            lines.check_root(file_names, root, 'image_id')
            if file_landmarks is None:
                if not self.test_mode and file_names:
                    raise FileFormatError.at(path, 'it has no landmarks', 'Use it with test_mode=True.', line=1)
                file_landmarks = np.zeros((len(file_names), len(fashionai.LANDMARKS), 3), dtype=np.float32)
            files.append(lines)
            starts.append(len(names))
            names += [file_name(name, root) for name in file_names]
            categories += file_categories
            landmarks.append(file_landmarks)

        def place(row: int) -> str:
            number = bisect_right(starts, row) - 1
            return files[number].place(row - starts[number])

        first = first_occurrences(names, place)
        names_of_categories = np.array(categories, dtype=str)[first]
        keep = np.isin(names_of_categories, self.categories)
        if self.subset is not None:
            taken = keep & (paper_val_mask(names_of_categories) == (self.subset == 'val'))
            if self.subset == 'train':
                self._say_what_validation_leaves(names_of_categories[keep], names_of_categories[taken])
            keep = taken
        ids = np.flatnonzero(keep)
        rows = first[ids]
        landmarks = landmarks[0] if len(landmarks) == 1 else np.concatenate(landmarks)
        numbers = {name: number for number, name in enumerate(self.CATEGORIES, 1)}
        return Records(
            ids=ids,
            names=Strings(names[row] for row in rows.tolist()),
            folders=np.searchsorted(starts, rows, side='right') - 1,
            roots=tuple(self.data_prefix['img']),
            categories=np.array([numbers[categories[row]] for row in rows.tolist()], dtype=np.int64),
            landmarks=landmarks if len(rows) == len(landmarks) else landmarks[rows])

    def _say_what_validation_leaves(self, every: np.ndarray, left: np.ndarray) -> None:
        """Raise where the paper's rule leaves nothing to train on, warn where it leaves nothing of a category.

        Args:
            every: (N,) category of each row before the rule.
            left: (M,) the same after it.
        """
        here = {name: np.count_nonzero(every == name) for name in VAL_IMAGES if name in every}
        spent = [name for name in here if name not in left]
        if here and len(spent) == len(here):
            there = ', '.join(f'{number:,} {name}' for name, number in here.items())
            quota = ', '.join(f'{VAL_IMAGES[name]:,} {name}' for name in here)
            raise FileFormatError.at(
                ', '.join(self.ann_file), f"no row is left for subset='train': there are {there}, and the paper's "
                f'rule validates on the first {quota}',
                'Train on all rows with subset=None, and validate on a CSV of your own, also with subset=None.')
        for name in spent:
            warnings.warn(f"no {name} is left to train on: the paper's rule validates on the first "
                          f'{VAL_IMAGES[name]:,}, and the files have {here[name]:,}', stacklevel=2)
