"""The neck of DLAN against MMPose's VGG with dilations, and its weights from the file of a VGG."""

import pytest
import torch
from mmpose.registry import MODELS

import pcloss_mmpose  # noqa: F401
from pcloss_mmpose.errors import InputError


def vgg(dilation=1):
    """All of VGG-16 without the last pooling: conv5 in its stock form."""
    return MODELS.build(dict(
        type='VGG', depth=16, dilations=(1, 1, 1, 1, dilation), out_indices=(3, 4), with_last_pool=False))


@pytest.fixture(scope='module')
def weights():
    torch.manual_seed(0)
    model = vgg()
    model.init_weights()
    return model.state_dict()


@pytest.fixture(scope='module')
def parts(weights, tmp_path_factory):
    """Backbone and neck, which load one file, written as MMCls names the layers once its prefix is off."""
    path = tmp_path_factory.mktemp('weights') / 'vgg16.pth'
    torch.save(dict(state_dict=weights), path)
    init = dict(type='Pretrained', checkpoint=str(path))
    made = (MODELS.build(dict(
        type='VGG', depth=16, num_stages=4, dilations=(1, 1, 1, 1), out_indices=(3, ), init_cfg=init)),
        MODELS.build(dict(type='SelectiveDilatedConv', init_cfg=init)))
    for part in made:
        part.init_weights()
    return made


def test_both_parts_find_their_layers_in_the_file_of_the_whole(parts, weights):
    backbone, neck = (part.state_dict() for part in parts)
    assert not set(backbone) & set(neck) and set(backbone) | set(neck) == set(weights)
    assert all(torch.equal(value, weights[name]) for part in (backbone, neck) for name, value in part.items())
    assert sum(value.numel() for part in (backbone, neck) for value in part.values()) == 14_714_688  # VGG-16's own


def test_it_is_the_largest_of_what_vgg_gives_in_each_dilation(parts, weights):
    backbone, neck = parts
    image = torch.randn(1, 3, 96, 80, generator=torch.Generator().manual_seed(0))
    stock = []
    with torch.no_grad():
        for dilation in (1, 2, 4):
            model = vgg(dilation)
            model.load_state_dict(weights)
            stock.append(model(image)[-1])
        found, = neck(backbone(image))
    assert found.shape == (1, 512, 6, 5)  # a sixteenth
    torch.testing.assert_close(found, torch.stack(stock).amax(0))
    assert all((found == one).any() for one in stock) and not any(torch.equal(found, one) for one in stock)


def test_a_cell_reaches_as_far_as_its_widest_dilation():
    """Three layers of 3x3 in dilations 1, 2, 4: 3, 6 and 12 cells to each side, in steps of the dilation."""
    neck = MODELS.build(dict(type='SelectiveDilatedConv', in_channels=1, out_channels=1))
    with torch.no_grad():
        for parameter in neck.parameters():
            parameter.fill_(float(parameter.ndim > 1))
        impulse = torch.zeros(1, 1, 41, 41)
        impulse[..., 20, 20] = 1
        found, = neck((impulse, ))
    reached = {tuple(abs(offset) for offset in (cell - 20).tolist()) for cell in found[0, 0].nonzero()}
    assert reached == {(dilation * y, dilation * x) for dilation in (1, 2, 4) for y in range(4) for x in range(4)}


@pytest.mark.parametrize('dilations', [(), (1, 0), (1, 2.)])
def test_dilations_that_there_cannot_be_are_refused(dilations):
    with pytest.raises(InputError, match='dilations are whole numbers from 1, got'):
        MODELS.build(dict(type='SelectiveDilatedConv', dilations=dilations))
