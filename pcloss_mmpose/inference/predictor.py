"""Images to landmarks: loading by worker processes, and batches through a top-down model."""

from __future__ import annotations

import os
from typing import Any, Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
import torch
from mmengine.dataset import Compose
from torch import nn
from torch.utils.data import Dataset

from ..checkpoints.fit import checked_loading
from ..datasets.transforms.deferred_image import check_deferred
from ..errors import BrokenImageError, InputError
from ..metainfo import dataset_metainfo, landmark_names
from .items import Item


def choose_device(name: str | None = None) -> str:
    """The device of that name; by default a GPU for each process of a machine, or else the CPU.

    Raises:
        InputError: There is no such device.
    """
    if name is None:
        gpus = torch.cuda.device_count()
        return f"cuda:{int(os.environ.get('LOCAL_RANK', 0)) % gpus}" if gpus else 'cpu'
    try:
        torch.empty(0, device=name).cpu()  # which the device 'meta' cannot do
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"device '{name}': {str(error).splitlines()[0]}") from None
    return name


def load_model(build: Callable[..., nn.Module], config: Any, checkpoint: str, device: str) -> nn.Module:
    """The model of a config and a checkpoint, by MMPose's ``init_model`` or MMDetection's ``init_detector``.

    Raises:
        InputError: The checkpoint, or a file that the config names, cannot be read; or the two do not fit
            (:func:`~pcloss_mmpose.checkpoints.fit.check_fit`).
    """
    try:
        with checked_loading(checkpoint, config_landmarks(config)):
            return build(config, checkpoint, device=device)
    except OSError as error:
        raise InputError(f'no model from {checkpoint} ({type(error).__name__}: {error})') from error


def config_landmarks(config: Mapping[str, Any]) -> list[str] | None:
    """Names of the landmarks that a config's test data have; None where they are not known, or other than the model's.
    """
    try:
        dataset = config['test_dataloader']['dataset']
        if any(step['type'] == 'KeypointConverter' for step in dataset.get('pipeline', ())):
            return None
        return landmark_names(dataset_metainfo(dataset))
    except (InputError, KeyError, TypeError):
        return None


class ImageDataset(Dataset):
    """Items as the crops that a model takes. Index -> dict of ``item`` and either ``sample`` or ``error``.

    Args:
        items: The garments.
        pipeline: Transforms of the config's test data. What loads the image is replaced by :class:`LoadImageStrict`,
            which refuses a broken file, with the same options; what encodes and packs targets is left out. An item
            without a box gets the whole image, and one whose box lies outside of it is an error.
        metainfo: The data set's, which the transforms ask for.
    """

    def __init__(self, items: Sequence[Item], pipeline: Sequence[Mapping], metainfo: Mapping) -> None:
        loading = next((step for step in pipeline if step['type'] in ('LoadImage', 'LoadImageStrict')), {})
        left_out = ('LoadImage', 'LoadImageStrict', 'WholeImageBox', 'GenerateTarget')
        options = {key: loading[key] for key in ('to_float32', 'color_type', 'backend_args', 'deferred')
                   if key in loading}
        self.load = Compose([dict(type='LoadImageStrict', **options), dict(type='WholeImageBox')])
        self.crop = Compose([{key: value for key, value in step.items() if key != 'pack_transformed'}
                             for step in pipeline if step['type'] not in left_out])
        check_deferred([*self.load.transforms, *self.crop.transforms])
        self.items, self.metainfo = items, metainfo

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> dict[str, Any]:
        item = self.items[index]
        info = dict(self.metainfo, id=index, img_id=index, img_path=item.image)
        if item.box is not None:
            info.update(bbox=np.float32([item.box]), bbox_score=np.ones(1, dtype=np.float32))
        try:
            loaded = self.load(info)
            (x1, y1, x2, y2), (height, width) = loaded['bbox'][0], loaded['img_shape'][:2]
            if x1 >= width or y1 >= height or x2 <= 0 or y2 <= 0:
                return dict(item=item, error=f'the box lies outside the image, which is {width}x{height}')
            return dict(item=item, box=loaded['bbox'][0].tolist(), sample=self.crop(loaded))  # this may decode it
        except BrokenImageError as error:
            return dict(item=item, error=error.reason)

    def image(self, item: Item) -> np.ndarray:
        """The whole image of an item, read anew: (H, W, 3) uint8, BGR.

        Raises:
            BrokenImageError: It cannot be read.
        """
        return np.asarray(self.load.transforms[0](dict(img_path=item.image))['img'], dtype=np.uint8)


def predict(model: nn.Module, batches: Iterable[Sequence[Mapping]], names: Sequence[str],
            categories: Mapping[str, Sequence[int]]) -> Iterator[tuple[Sequence[Mapping], list[dict]]]:
    """Each batch of entries of :class:`ImageDataset` with the records of what is found in it.

    A record has ``key``, ``image``, ``box`` (x1 y1 x2 y2), ``category`` (or None) and ``landmarks``, a dict of name to
    [x, y, score] in pixels of the image, those of the category alone where it has its own; or, where the image is
    broken, ``key``, ``image`` and ``error``.

    Args:
        model: MMPose's top-down estimator.
        batches: Lists of entries.
        names: Of the K landmarks.
        categories: Indices of the landmarks that a category has.
    """
    for entries in batches:
        whole = [entry for entry in entries if 'sample' in entry]
        found = iter(())
        if whole:
            with torch.no_grad():
                found = iter(model.test_step({
                    key: [entry['sample'][key] for entry in whole] for key in ('inputs', 'data_samples')}))
        records = []
        for entry in entries:
            item = entry['item']
            if 'error' in entry:
                records.append(dict(key=item.key, image=item.image, error=entry['error']))
                continue
            instances = next(found).pred_instances
            points, scores = instances.keypoints[0], instances.keypoint_scores[0]
            if not (np.isfinite(points).all() and np.isfinite(scores).all()):
                records.append(dict(key=item.key, image=item.image, error='the model finds no finite numbers'))
                continue
            landmarks = {names[k]: [round(float(value), 2) for value in points[k, :2]] + [round(float(scores[k]), 4)]
                         for k in categories.get(item.category, range(len(names)))}
            records.append(dict(key=item.key, image=item.image, box=entry['box'], category=item.category,
                                landmarks=landmarks))
        yield entries, records
