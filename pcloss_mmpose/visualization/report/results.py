"""What a report shows of a run: its figures, and the error of every landmark of every image."""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple, Sequence

import numpy as np

from ...errors import InputError
from ...evaluation import FailureModes, Measurement, error_figures


class RunResults(NamedTuple):
    """The test of one model. N: images."""

    name: str
    paths: list[str]  #: N files
    measured: Measurement
    options: dict[str, Any]  #: how it was measured: those of FailureModes
    metrics: dict[str, float]  #: of NormalizedError and FailureModes, in percent
    links: list[list[int]]  #: the two landmarks of each line of the outline; none where the metainfo has no skeleton

    def of_category(self, category: str) -> RunResults:
        """The test of one category's images; something in them must count."""
        own = self.measured.categories == category
        measured = self.measured.of(own)
        return self._replace(paths=[self.paths[index] for index in np.flatnonzero(own)], measured=measured,
                             metrics=all_figures(FailureModes(**self.options), measured))


def run_results(name: str, samples: Sequence[Mapping], metainfo: Mapping, **options) -> RunResults:
    """From a test's samples, as MMPose dumps them, and the data set's parsed metainfo.

    Args:
        name: To show.
        samples: Dicts with ``pred_instances``, ``gt_instances``, ``img_path`` and ``raw_ann_info``, of one garment
            each.
        metainfo: What MMPose's ``parse_pose_metainfo`` gives.
        **options: Those of :class:`~pcloss_mmpose.evaluation.FailureModes`; NE is measured alike.

    Raises:
        InputError: There is no sample, nothing in them can be measured, or a prediction is not finite.
    """
    if not samples:
        raise InputError(f'{name}: no image was tested')
    metric = FailureModes(**options)
    metric.dataset_meta = metainfo
    metric.process({}, samples)
    measured = metric.measure(metric.results)
    if not np.isfinite(measured.pred).all():
        raise InputError(f'{name}: a predicted landmark is not finite: a diverged model')
    near, apart = metric.pair_limits
    options = dict(norm=metric.norm, include_occluded=metric.include_occluded, threshold=metric.threshold, near=near,
                   apart=apart)
    if metric.norm == 'keypoint_pair':
        options['norm_pairs'] = {category: tuple(pair) for category, pair in metric.norm_pairs.items()}
    return RunResults(name, [str(sample['img_path']) for sample in samples], measured, options,
                      all_figures(metric, measured), [list(link) for link in metainfo.get('skeleton_links') or ()])


def all_figures(metric: FailureModes, measured: Measurement) -> dict[str, float]:
    return {**metric.figures(measured), **error_figures(measured)}


def check_same_images(runs: Sequence[RunResults]) -> None:
    """Compare what the runs were tested on, and how they are measured.

    Raises:
        InputError: The garments, their order or the measure is not the same for all.
    """
    first = runs[0]
    for run in runs[1:]:
        for option in sorted({*first.options, *run.options}):
            here, there = run.options.get(option), first.options.get(option)
            if here != there:
                raise InputError(f"'{run.name}' is measured with {option}={here!r} and '{first.name}' with "
                                 f'{option}={there!r}: give their configs the same NormalizedError and FailureModes')
        if run.measured.landmarks != first.measured.landmarks:
            raise InputError(f"'{run.name}' and '{first.name}' have other landmarks than each other")
        if run.paths != first.paths or not np.array_equal(run.measured.truth, first.measured.truth):
            raise InputError(f"'{run.name}' was tested on {len(run.paths)} images and '{first.name}' on "
                             f'{len(first.paths)}, which are not the same: test them with one config')
