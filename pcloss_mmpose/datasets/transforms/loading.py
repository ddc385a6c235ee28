"""Loading that refuses broken images, and the whole image as the box or as the crop."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.datasets.transforms import LoadImage
from mmpose.registry import TRANSFORMS

from ...errors import InputError
from ...images import decode_image, naming, read_content, read_header, read_image
from ...metainfo import coco_box
from ..broken_images import replace_broken_images
from .deferred_image import DeferredImage

replace_broken_images()


@TRANSFORMS.register_module()
class LoadImageStrict(LoadImage):
    """:class:`LoadImage` that raises where an image is broken, and reads as :mod:`pcloss_mmpose.images` says.

    In the data sets of a training, a broken image is then replaced by another: see
    :mod:`pcloss_mmpose.datasets.broken_images`.

    Args:
        to_float32: As in ``LoadImage``.
        color_type: 'color', or 'color_ignore_orientation' for images that are not turned as their EXIF data say.
        backend_args: As in ``LoadImage``.
        deferred: Leave the decoding of plain JPEG to ``TopdownStretch``, which decodes a large image at the scale that
            its crop needs. What stands between the two must do without the pixels
            (:func:`~pcloss_mmpose.datasets.transforms.deferred_image.check_deferred`).

    Raises:
        BrokenImageError: The file is missing, empty, truncated, no image, or of a kind that is not read.
        InputError: Another color_type.
    """

    def __init__(self,
                 to_float32: bool = False,
                 color_type: str = 'color',
                 backend_args: dict | None = None,
                 deferred: bool = False) -> None:
        if color_type not in ('color', 'color_ignore_orientation'):
            raise InputError(f"LoadImageStrict has no color_type '{color_type}': images are read in color, as 'color' "
                             "or 'color_ignore_orientation'")
        super().__init__(
            to_float32=to_float32, color_type=color_type, imdecode_backend='pillow', backend_args=backend_args)
        self.deferred = deferred

    def transform(self, results: dict) -> dict:
        """Load ``results['img_path']``."""
        if 'img' not in results:
            image = self._load(results['img_path'])
            results['img'] = image.astype(np.float32) if self.to_float32 else image
            results['img_shape'] = results['ori_shape'] = image.shape[:2]
            return results
        return super().transform(results)

    def _load(self, path: str) -> np.ndarray | DeferredImage:
        upright = self.color_type == 'color'
        if not self.deferred or self.to_float32:
            return read_image(path, self.backend_args, upright)
        content = read_content(path, self.backend_args)
        with naming(path):
            header = read_header(content)
            return (DeferredImage(path, content, header, upright) if header.plain_jpeg
                    else decode_image(content, upright, header=header))


@TRANSFORMS.register_module()
class WholeImageBox(BaseTransform):
    """Take the whole image as the box of a sample that has none, as the paper does on FashionAI.

    A box that is there already, such as one given to MMPose's inferencer, stays.

    Required Keys:

    - img_shape
    - raw_ann_info (optional)

    Added Keys:

    - bbox: (1, 4) float32, 0 0 w h
    - bbox_score: (1,) float32

    Modified Keys:

    - raw_ann_info: gets the box as ``bbox`` and ``area``
    """

    def transform(self, results: dict) -> dict:
        """Set the box."""
        if 'bbox' not in results:
            height, width = results['img_shape'][:2]
            results['bbox'] = np.array([[0, 0, width, height]], dtype=np.float32)
            results['bbox_score'] = np.ones(1, dtype=np.float32)
            if 'raw_ann_info' in results:
                results['raw_ann_info'] = {**results['raw_ann_info'], **coco_box(results['bbox'])}
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'


@TRANSFORMS.register_module()
class WholeImageCrop(BaseTransform):
    """Crop the whole image, whatever the box, as DLAN does: in the place of MMPose's ``GetBBoxCenterScale``.

    ``bbox`` stays what was annotated, by which :class:`~pcloss_mmpose.evaluation.NormalizedError` normalises.

    Required Keys:

    - img_shape

    Added Keys:

    - bbox_center: (1, 2) float32
    - bbox_scale: (1, 2) float32, w h
    """

    def transform(self, results: dict) -> dict:
        """Set the crop."""
        height, width = results['img_shape'][:2]
        results['bbox_scale'] = np.array([[width, height]], dtype=np.float32)
        results['bbox_center'] = results['bbox_scale'] / 2
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
