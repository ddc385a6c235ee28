"""The neck against MMPose's FPN, whose finest level it is."""

import pytest
import torch
from mmpose.registry import MODELS

import pcloss_mmpose  # noqa: F401

CHANNELS = (3, 5, 7)
SIZES = ((13, 9), (7, 5), (4, 3))  # odd, so that no level is twice the next


def levels():
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(2, channels, *size, generator=generator) for channels, size in zip(CHANNELS, SIZES)]


def test_it_is_the_finest_level_of_mmposes_fpn():
    stock = MODELS.build(dict(type='FPN', in_channels=list(CHANNELS), out_channels=6, num_outs=3))
    ours = MODELS.build(dict(type='FinestFPN', in_channels=CHANNELS, out_channels=6))
    stock.init_weights()
    with torch.no_grad():
        for module in stock.modules():
            if isinstance(module, torch.nn.Conv2d):
                module.bias.normal_()
    weights = {key.replace('fpn_convs.0', 'output_conv').replace('.conv', ''): value
               for key, value in stock.state_dict().items() if key.startswith(('lateral', 'fpn_convs.0'))}
    ours.load_state_dict(weights)
    (finest, ) = ours(levels())
    assert torch.equal(finest, stock(levels())[0])


def test_it_starts_from_mmposes_distribution():
    """Xavier's uniform one: no weight beyond sqrt(6 / (fan in + fan out)), and the largest close to it."""
    neck = MODELS.build(dict(type='FinestFPN', in_channels=(64, 128), out_channels=32))
    neck.init_weights()
    for conv, inputs, outputs in (
            (neck.lateral_convs[0], 64, 32), (neck.lateral_convs[1], 128, 32), (neck.output_conv, 9 * 32, 9 * 32)):
        bound = (6 / (inputs + outputs))**.5
        assert 0.98 * bound < conv.weight.abs().max() <= bound
        assert not conv.bias.any()


def test_every_parameter_gets_a_gradient():
    """Distributed training stops at a parameter that has none."""
    neck = MODELS.build(dict(type='FinestFPN', in_channels=CHANNELS, out_channels=6))
    neck.init_weights()
    neck(levels())[0].sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in neck.parameters())


def test_a_backbone_with_other_levels_is_refused():
    neck = MODELS.build(dict(type='FinestFPN', in_channels=CHANNELS, out_channels=6))
    with pytest.raises(ValueError, match="3 levels and the backbone gives 1: set the backbone's out_indices"):
        neck(levels()[-1:])
