"""MMPose's metainfo, built from landmark names: sides, flip pairs and colours follow from 'left' and 'right'."""

from __future__ import annotations

import colorsys
from typing import Collection, Mapping, Sequence

from ..errors import InputError
from .names import mirror_names, side

#: Hue of each side: blue on the left, orange on the right, green between.
_HUES = {'left': 0.60, 'right': 0.07, '': 0.36}

#: One value for every landmark. No annotator study of fashion landmarks has been published that sigmas could be
#: taken from; equal ones let tools that need OKS run, and rank predictions within one dataset. The resulting AP is
#: not comparable with any other dataset's.
SIGMA = 0.05


def _color(name: str, shade: float) -> list[int]:
    """RGB in 0-255: the hue of the landmark's side, darker and purer as ``shade`` goes from 0 to 1."""
    rgb = colorsys.hls_to_rgb(_HUES[side(name)], 0.65 - 0.25 * shade, 0.75 + 0.25 * shade)
    return [round(255 * channel) for channel in rgb]


def build_dataset_info(dataset_name: str,
                       landmarks: Sequence[str],
                       outline: Sequence[tuple[str, str]] = (),
                       upper: Collection[str] = (),
                       categories: Mapping[str, Sequence[str]] | None = None,
                       sigmas: Sequence[float] | None = None,
                       paper_info: dict | None = None) -> dict:
    """Metainfo for :func:`mmpose.datasets.datasets.utils.parse_pose_metainfo`.

    Args:
        dataset_name: Name under which metrics and visualisers know the dataset.
        landmarks: Names by landmark id. Left and right ones pair up, however they are written
            (:func:`~pcloss_mmpose.metainfo.names.understand`).
        outline: Links along the garment's outline, each listed once: the mirrored link is added.
        upper: Names of the upper-body landmarks; all others are lower-body.
        categories: Names of the landmarks that the garments of each category have; None: nothing is said of it.
        sigmas: Of each landmark, for OKS; :data:`SIGMA` for all by default.
        paper_info: What MMPose keeps about the source.

    Raises:
        InputError: A landmark is named twice or has no other half, or a name that is used is no landmark's.
    """
    repeated = sorted({name for name in landmarks if list(landmarks).count(name) > 1})
    used = {'outline': [name for link in outline for name in link], 'upper': upper,
            **{f"the category '{category}'": own for category, own in (categories or {}).items()}}
    unknown = [f"{where} names the landmark '{name}', which there is not" for where, names in used.items()
               for name in names if name not in landmarks]
    if repeated or unknown:
        raise InputError(f"metainfo of '{dataset_name}': "
                         + (f'two landmarks are called {repeated[0]!r}' if repeated else unknown[0]))
    try:
        mirrored = mirror_names(landmarks)
    except InputError as error:
        raise InputError(f"metainfo of '{dataset_name}': {error}") from None
    links = list(dict.fromkeys(
        link for a, b in outline for link in ((a, b), (mirrored[a], mirrored[b]))
        if link == (a, b) or set(link) != {a, b}))
    shades = {name: index / len(landmarks) for index, name in enumerate(landmarks)}
    return {
        'dataset_name': dataset_name,
        'paper_info': paper_info or {},
        'keypoint_info': {
            index: {
                'name': name,
                'id': index,
                'color': _color(name, shades[name]),
                'type': 'upper' if name in upper else 'lower',
                'swap': mirrored[name] if mirrored[name] != name else ''}
            for index, name in enumerate(landmarks)
        },
        'skeleton_info': {
            index: {'link': (a, b), 'id': index, 'color': _color(a if side(a) == side(b) else '', shades[a])}
            for index, (a, b) in enumerate(links)
        },
        'categories': {name: list(own) for name, own in (categories or {}).items()},
        'joint_weights': [1.0] * len(landmarks),
        'sigmas': [SIGMA] * len(landmarks) if sigmas is None else list(sigmas)}
