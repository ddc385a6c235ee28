"""Pipelines that do not give what comes after them its due."""

from types import SimpleNamespace

import pytest
from mmengine.dataset import Compose
from mmpose.registry import MODELS, TRANSFORMS

from pcloss_mmpose.errors import InputError
from pcloss_mmpose.preflight.pipelines import check_pixels, check_targets

CODEC = dict(type='MSRAHeatmap', input_size=(64, 64), heatmap_size=(16, 16), sigma=2)
CROP = [dict(type='LoadImageStrict', deferred=True), dict(type='GetBBoxCenterScale'),
        dict(type='TopdownStretch', input_size=(64, 64))]
MAKE, PACK = dict(type='GenerateTarget', encoder=CODEC), dict(type='PackPoseInputs', pack_transformed=True)


@TRANSFORMS.register_module()
class OwnTargets:
    """A transform of the user's, of which nothing is known."""

    def __call__(self, results):
        return results


def data(*pipeline):
    return SimpleNamespace(pipeline=Compose(list(pipeline)))


def joint(datasets, *pipeline):
    return SimpleNamespace(datasets=datasets, pipeline=Compose(list(pipeline)))


def model(*augments, decoder=CODEC):
    head = dict(type='HeatmapHead', in_channels=4, out_channels=2, deconv_out_channels=None, decoder=decoder)
    return SimpleNamespace(head=MODELS.build(head), data_preprocessor=MODELS.build(
        dict(type='PoseDataPreprocessor', batch_augments=list(augments))))


def augment(**changes):
    return dict(type='HeatmapTargets', encoder=dict(CODEC, **changes))


def test_one_maker_of_targets_is_as_it_should_be():
    check_targets(model(augment()), data(*CROP, PACK))
    check_targets(model(), data(*CROP, MAKE, PACK))
    check_targets(model(), data(*CROP, dict(type='OwnTargets'), PACK))  # which may make some
    check_targets(model(), SimpleNamespace())
    check_targets(model(), joint([data(*CROP, MAKE), data(*CROP, MAKE)], PACK))
    check_targets(SimpleNamespace(), data(*CROP, PACK))


@pytest.mark.parametrize(('augments', 'pipeline', 'words'), [
    ([], [PACK], "nothing makes the targets .*type='HeatmapTargets', encoder=codec.*type='GenerateTarget'"),
    ([augment()], [MAKE, PACK], 'GenerateTarget in the training pipeline and HeatmapTargets in batch_augments both'),
    ([augment(sigma=3)], [PACK], "the codec .*'sigma': 3.* the head the decoder .*'sigma': 2"),
    ([augment(heatmap_size=(32, 32))], [PACK], 'they must be the same'),
], ids=['none', 'two', 'sigma', 'size'])
def test_targets_that_would_fail_or_mislead(augments, pipeline, words):
    with pytest.raises(InputError, match=words):
        check_targets(model(*augments), data(*CROP, *pipeline))


def test_undecoded_pixels_do_not_reach_a_transform_that_needs_them():
    check_pixels(data(*CROP, PACK))
    check_pixels(SimpleNamespace())
    check_pixels(joint([data(*CROP[:2])], CROP[2], PACK))
    for wrong in (data(*CROP[:2], PACK), joint([data(*CROP), data(*CROP[:2])], PACK)):
        with pytest.raises(InputError, match='PackPoseInputs may need the pixels'):
            check_pixels(wrong)


def test_a_data_set_without_targets_among_others_is_found():
    with pytest.raises(InputError, match='nothing makes the targets'):
        check_targets(model(), joint([data(*CROP, MAKE), data(*CROP)], PACK))
