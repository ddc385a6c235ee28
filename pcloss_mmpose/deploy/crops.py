"""How a pipeline cuts a box out of a image, in a few values that a program without MMPose can follow."""

from __future__ import annotations

from typing import NamedTuple, Sequence

from ..errors import InputError


class CropRule(NamedTuple):
    """A crop without rotation: the box, padded and perhaps widened, is resized to the input."""

    input_size: tuple[int, int]  #: width and height of the crop
    padding: float  #: the box's sides are multiplied by it, about its centre
    keep_aspect_ratio: bool  #: the shorter side is then extended to the input's aspect ratio, else the box is stretched
    udp: bool  #: the outermost pixels' centres lie on the box's sides (MMPose's ``use_udp``), not their outer edges
    whole_image: bool = False  #: the box is the whole image, whatever box a garment has


def crop_rule(pipeline: Sequence[dict]) -> CropRule:
    """The rule of a test pipeline's transforms.

    Raises:
        InputError: It has no ``GetBBoxCenterScale`` or ``WholeImageCrop``, or no ``TopdownAffine`` or
            ``TopdownStretch``.
    """
    transforms = {transform['type']: transform for transform in pipeline}
    whole = transforms.get('WholeImageCrop')
    box = transforms.get('GetBBoxCenterScale', whole)
    crop = transforms.get('TopdownAffine', transforms.get('TopdownStretch'))
    if box is None or crop is None:
        raise InputError('the test pipeline needs GetBBoxCenterScale or WholeImageCrop, and TopdownAffine or '
                         f'TopdownStretch; it has {", ".join(transforms)}')
    return CropRule(
        input_size=tuple(crop['input_size']),
        padding=1. if box is whole else box.get('padding', 1.25),
        keep_aspect_ratio=crop['type'] == 'TopdownAffine',
        udp=crop.get('use_udp', False),
        whole_image=box is whole)
