import pytest
import torch

from pcloss_mmpose.errors import InputError
from pcloss_mmpose.models.backbones import EfficientNetLite0


def test_frozen_stages_keep_weights_and_statistics_and_the_others_do_not():
    torch.manual_seed(0)
    backbone = EfficientNetLite0(pretrained=False, frozen_stages=2).train()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    optimizer = torch.optim.SGD(backbone.parameters(), lr=0.1)
    backbone(torch.rand(2, 3, 64, 64))[0].square().sum().backward()
    optimizer.step()
    changed = {name for name, value in backbone.state_dict().items() if not torch.equal(value, before[name])}
    frozen = {name for name in before if name.startswith(('features.conv_stem', 'features.bn1', 'features.blocks.0',
                                                          'features.blocks.1'))}
    assert not changed & frozen
    assert {'features.blocks.2.0.conv_pw.weight', 'features.blocks.2.0.bn1.running_mean'} <= changed
    assert any(name.startswith('features.blocks.6') for name in changed)


@pytest.mark.parametrize('stages, first', [(-1, None), (0, 'features.bn1.weight'), (7, 'features.bn1.weight')])
def test_what_is_trained(stages, first):
    backbone = EfficientNetLite0(pretrained=False, frozen_stages=stages)
    still = [name for name, weight in backbone.named_parameters() if not weight.requires_grad]
    assert (first in still) == (first is not None)
    assert len(still) == {-1: 0, 0: 3, 7: len(list(backbone.parameters()))}[stages]


@pytest.mark.parametrize('stages', [-2, 8, 1.0, True, None])
def test_refuses_stages_that_there_are_not(stages):
    with pytest.raises(InputError, match='frozen_stages'):
        EfficientNetLite0(frozen_stages=stages)


def test_levels_are_those_of_the_whole_network():
    """With the ImageNet weights, which are found by their order."""
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    every, some = EfficientNetLite0(out_indices=range(5)), EfficientNetLite0(out_indices=(1, 3), frozen_stages=7)
    for backbone in (every, some):
        backbone.init_weights()
        backbone.eval()
    levels = every(images)
    channels_and_strides = [(level.shape[1], 64 // level.shape[2]) for level in levels]
    assert channels_and_strides == [(16, 2), (24, 4), (40, 8), (112, 16), (320, 32)]
    for found, level in zip(some(images), (levels[1], levels[3])):
        torch.testing.assert_close(found, level)
    assert not any(weight.requires_grad for weight in some.parameters())


@pytest.mark.parametrize('levels', [(), (3, 1), (2, 2), (5, ), (-1, )])
def test_refuses_levels_that_there_are_not(levels):
    with pytest.raises(InputError, match='out_indices must be ascending levels from 0 to 4'):
        EfficientNetLite0(out_indices=levels)
