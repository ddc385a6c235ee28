"""Loading that refuses broken images, and the box of a data set that has none."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.datasets.transforms import LoadImage
from mmpose.registry import TRANSFORMS
from PIL import UnidentifiedImageError

from ...errors import BrokenImageError
from ...metainfo import coco_box


@TRANSFORMS.register_module()
class LoadImageStrict(LoadImage):
    """:class:`LoadImage` that raises where an image is broken.

    Decoded by Pillow, which raises on a truncated file; OpenCV fills the missing part with grey and says nothing.

    Args:
        to_float32: As in ``LoadImage``.
        color_type: As in ``LoadImage``.
        backend_args: As in ``LoadImage``.

    Raises:
        BrokenImageError: The file is missing, empty, truncated, or no image.
    """

    def __init__(self, to_float32: bool = False, color_type: str = 'color', backend_args: dict | None = None) -> None:
        super().__init__(
            to_float32=to_float32, color_type=color_type, imdecode_backend='pillow', backend_args=backend_args)

    def transform(self, results: dict) -> dict:
        """Load ``results['img_path']``."""
        if 'img' in results:
            return super().transform(results)
        path = results['img_path']
        try:
            return super().transform(results)
        except Exception as error:  # decoders and remote storage raise what they like
            cause = error.__context__ or error  # LoadImage wraps the first error in one of the same type
            if isinstance(cause, UnidentifiedImageError):  # it names the buffer's address instead of the file
                raise BrokenImageError(path, 'no image that Pillow can read') from cause
            raise BrokenImageError(path, f'{type(cause).__name__}: {cause}') from cause


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
