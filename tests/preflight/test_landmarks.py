"""How many landmarks a head gives, by its own account."""

import pytest
import torch
from mmpose.registry import MODELS

from pcloss_mmpose.preflight import count_landmarks

MSRA = dict(type='MSRAHeatmap', input_size=(64, 64), heatmap_size=(16, 16), sigma=1)
COMBINED = dict(type='UDPHeatmap', input_size=(64, 64), heatmap_size=(16, 16), heatmap_type='combined')


@pytest.mark.parametrize(('config', 'landmarks'), [
    (dict(type='HeatmapHead', in_channels=8, out_channels=5, deconv_out_channels=None, decoder=MSRA), 5),
    (dict(type='PCHeatmapHead', in_channels=8, out_channels=5, deconv_out_channels=None), 5),
    (dict(type='HeatmapHead', in_channels=8, out_channels=15, deconv_out_channels=None, decoder=COMBINED,
          loss=dict(type='CombinedTargetMSELoss', use_target_weight=True)), 5),
    (dict(type='PCRegressionHead', in_channels=8, num_joints=7), 7),
    (dict(type='FashionNetHead', in_channels=(4, 4), num_joints=3, visibility_weight=0.1, hidden_channels=2), 3),
])
def test_landmarks_of_a_head(config, landmarks):
    assert count_landmarks(MODELS.build(config)) == landmarks


def test_other_modules_are_not_guessed():
    assert count_landmarks(torch.nn.Linear(2, 2)) is None
    assert count_landmarks(None) is None
