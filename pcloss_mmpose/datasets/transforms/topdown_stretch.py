"""The paper's crop: a box resized to the input, whatever its aspect ratio."""

from __future__ import annotations

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS
from mmpose.structures.bbox import get_warp_matrix

from ...errors import InputError
from .warping import warp_image


@TRANSFORMS.register_module()
class TopdownStretch(BaseTransform):
    """Resize the box to ``input_size``, which changes its aspect ratio.

    Where MMPose's ``TopdownAffine`` widens the box to the input's aspect ratio, this one stretches it. Used after
    ``GetBBoxCenterScale(padding=1.0)`` it is the paper's crop. ``input_scale`` is the box's own size, so that MMPose's
    decoding, ``keypoints / input_size * input_scale + input_center - 0.5 * input_scale``, inverts it.

    A rotation turns the stretched crop about its centre, in the direction of ``TopdownAffine``: what the network
    sees is a turned image of what it sees otherwise. Turning first and stretching after would shear it.

    Required Keys:

    - img
    - bbox_center: (1, 2)
    - bbox_scale: (1, 2)
    - bbox_rotation: (1,), degrees (optional)
    - keypoints: (1, K, 2) (optional)

    Modified Keys:

    - img: (h, w, channels); a :class:`~.deferred_image.DeferredImage` is decoded here

    Added Keys:

    - transformed_keypoints: (1, K, 2), pixels of the input
    - input_size, input_center, input_scale

    Args:
        input_size: Width and height of the input.

    Raises:
        BrokenImageError: A deferred image cannot be decoded.
    """

    def __init__(self, input_size: tuple[int, int]) -> None:
        if len(input_size) != 2 or not all(isinstance(side, int) and side > 0 for side in input_size):
            raise InputError(f'input_size must be a width and a height in whole pixels, but got {input_size}')
        self.input_size = tuple(input_size)

    def transform(self, results: dict) -> dict:
        """Warp the image and its keypoints."""
        center, scale = results['bbox_center'][0], results['bbox_scale'][0]
        rotation = results['bbox_rotation'][0] if 'bbox_rotation' in results else 0.0
        width, height = self.input_size
        stretch = get_warp_matrix(center, scale, 0.0, output_size=self.input_size, fix_aspect_ratio=False)
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), float(rotation), 1.0)
        warp = turn @ np.vstack([stretch, [0.0, 0.0, 1.0]])

        results['img'] = warp_image(results['img'], warp, self.input_size)
        if results.get('keypoints') is not None:
            results['transformed_keypoints'] = cv2.transform(results['keypoints'], warp)
        else:  # as MMPose's own crops do for inference
            results['transformed_keypoints'] = np.zeros([])
            results['keypoints_visible'] = np.ones((1, 1, 1))
        results.update(input_size=self.input_size, input_center=center, input_scale=scale)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(input_size={self.input_size})'
