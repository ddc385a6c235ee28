"""An image that is decoded when its crop is known, since the crop of a large one needs only a part of its pixels."""

from __future__ import annotations

from typing import Any, Iterable

import numpy as np

from ...errors import InputError
from ...images import Header, decode_image, naming

#: Names of the transforms that need no pixels, or only mirror them.
WITHOUT_PIXELS = ('GetBBoxCenterScale', 'KeypointConverter', 'RandomBBoxTransform', 'RandomBox', 'RandomFlip',
                  'RandomHalfBody', 'WholeImageBox', 'WholeImageCrop')

_ALL, _REVERSED = slice(None), slice(None, None, -1)


class DeferredImage:
    """A plain JPEG in the place of its pixels, (H, W, 3) uint8, BGR.

    To NumPy it is the array of all its pixels, decoded anew each time that they are asked for. Mirrored, by
    ``image[:, ::-1]`` or ``np.flip`` and so by MMPose's ``RandomFlip``, it stays what it is. OpenCV refuses it.

    Args:
        path: What errors name.
        content: Of the file.
        header: Its header, which says that it is a plain JPEG.
        upright: Turn the image as its EXIF data say.
    """

    ndim = 3
    dtype = np.dtype(np.uint8)

    def __init__(self, path: str, content: bytes, header: Header, upright: bool = True) -> None:
        self.path, self.content, self.header, self.upright = path, content, header, upright
        width, height = header.upright_size if upright else (header.width, header.height)
        self.shape = (height, width, 3)
        self._steps = (1, 1)  # along rows and columns, -1 where they are mirrored

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> Any:
        index = index if isinstance(index, tuple) else (index, )
        if not all(isinstance(part, slice) and part in (_ALL, _REVERSED) for part in index) or _REVERSED in index[2:]:
            return np.asarray(self)[index]
        image = object.__new__(DeferredImage)
        rows, columns, *_ = (-1 if part == _REVERSED else 1 for part in (*index, _ALL, _ALL))
        image.__dict__.update(vars(self), _steps=(rows * self._steps[0], columns * self._steps[1]))
        return image

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.ascontiguousarray(self.pixels(), dtype)

    def pixels(self, reduction: int = 1) -> np.ndarray:
        """A view of the decoded image, as :func:`~pcloss_mmpose.images.decode_image` reduces it.

        Raises:
            BrokenImageError: It cannot be decoded.
        """
        with naming(self.path):
            image = decode_image(self.content, self.upright, reduction, self.header)
        return image[::self._steps[0], ::self._steps[1]]


def check_deferred(transforms: Iterable) -> None:
    """Look for what may need the pixels between ``LoadImageStrict(deferred=True)`` and ``TopdownStretch``.

    Raises:
        InputError: There is some.
    """
    deferred = False
    for transform in transforms:
        name = type(transform).__name__
        if name == 'LoadImageStrict':
            deferred = transform.deferred
        elif name == 'TopdownStretch':
            deferred = False
        elif deferred and name not in WITHOUT_PIXELS:
            raise InputError(f'{name} may need the pixels, which LoadImageStrict(deferred=True) leaves to '
                             'TopdownStretch: take deferred=True out of the pipeline')
