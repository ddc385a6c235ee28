"""Which checkpoints a model takes: its own, older and other people's of the same layers; and no others."""

import copy
from collections import OrderedDict

import pytest
import torch
from mmengine.runner.checkpoint import load_checkpoint
from mmpose.registry import MODELS

from pcloss_mmpose.checkpoints.fit import Differences, check_fit, checked_loading, differences
from pcloss_mmpose.codecs import IntegralHeatmap
from pcloss_mmpose.errors import InputError

NAMES = ['left_end', 'right_end', 'tip']


def build(depth=18, landmarks=3, neck=None, head='HeatmapHead', deconv=(16, ), **options):
    codec = dict(type='MSRAHeatmap', input_size=(64, 64), heatmap_size=(16, 16), sigma=1)
    return MODELS.build(dict(
        type='TopdownPoseEstimator', backbone=dict(type='ResNet', depth=depth), neck=neck,
        head=dict(type=head, in_channels=512 if depth < 50 else 2048, out_channels=landmarks,
                  deconv_out_channels=deconv, deconv_kernel_sizes=(4, ) * len(deconv), decoder=codec, **options)))


def saved(model, names=None):
    """As MMEngine saves it."""
    content = dict(state_dict=copy.deepcopy(model.state_dict()), meta=dict(iter=1))
    if names:
        content['meta']['dataset_meta'] = dict(keypoint_id2name=dict(enumerate(names)))
    return content


@pytest.fixture(scope='module')
def model():
    return build()


def renamed(state, **changes):
    """A state with some keys begun otherwise, and its versions."""
    result = OrderedDict()
    for key, value in state.items():
        old = next((old for old in changes if key.startswith(f'{old}.')), None)
        result[f'{changes[old]}{key[len(old):]}' if old else key] = value
    return result


@pytest.mark.parametrize('change', [
    lambda state: state,
    lambda state: OrderedDict((f'module.{key}', value) for key, value in state.items()),  # of DistributedDataParallel
    lambda state: renamed(state, head='keypoint_head'),  # of MMPose before 1.0, whose zoo is still in use
    lambda state: {key: value for key, value in state.items() if 'num_batches_tracked' not in key},
    lambda state: {**state, 'data_preprocessor.mean': torch.ones(3, 1, 1)},
    lambda state: {**state, 'ema_backbone_conv1_weight': torch.ones(1), 'steps': torch.tensor(3)},
    lambda state: {**state, 'teacher.backbone.conv1.weight': torch.full((1, ), float('nan'))},
    lambda state: {**state, 'head.loss_module.weight': torch.ones(3), 'backbone.total_ops': torch.zeros(1)},
])
def test_what_fits(model, change):
    content = saved(model)
    for checkpoint in (dict(content, state_dict=change(content['state_dict'])), change(content['state_dict'])):
        assert not any(check_fit(build(), checkpoint, 'a.pth'))


def test_a_stock_checkpoint_fits_a_head_with_pcloss(model):
    ours = build(head='PCHeatmapHead', pc_loss=dict(type='PCLoss', loss_weight=1e-3), integral=dict(alpha=10.))
    check_fit(ours, saved(model), 'a.pth')
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in ours.state_dict().items())


@pytest.mark.parametrize(('other', 'words'), [
    (lambda: build(landmarks=2), r'2 weights have other shapes \(head.final_layer.weight: 3x16x1x1 in the model, '
                                 r'2x16x1x1 in the checkpoint; head.final_layer.bias: 3 in the model, 2 in the '
                                 r'checkpoint\)$'),
    (lambda: build(depth=34), r'48 weights of its own the model does not have \(backbone.layer1.2.conv1.weight, .*, '
                              r'and 45 more\)$'),
    (lambda: build(depth=50), r'\d+ weights have other shapes \(.*; and \d+ more\); .* of its own the model does not'),
    (lambda: build(deconv=(16, 16)), r'of its own the model does not have \(head.deconv_layers.3.weight, '),
    (lambda: build(deconv=()), r'head.final_layer.weight: 3x16x1x1 in the model, 3x512x1x1 .*\); 5 weights are missing '
                               r'in it \(head.deconv_layers.0.weight'),
    (lambda: torch.nn.Sequential(torch.nn.Linear(2, 2)), r'weights are missing in it \(backbone.conv1.weight, '),
    (lambda: build().backbone, r'weights are missing in it \(backbone.conv1.weight, '),
])
def test_another_model_is_refused(model, other, words):
    with pytest.raises(InputError, match=rf'^a.pth does not fit the TopdownPoseEstimator: .*{words}'):
        check_fit(copy.deepcopy(model), saved(other()), 'a.pth')


@pytest.mark.parametrize(('change', 'words'), [
    (dict(state_dict={}), 'a.pth: there are no weights in it'),
    (dict(state_dict=[1]), 'a.pth: there are no weights in it'),
    (dict(state_dict=dict(a=1)), 'a.pth: there are no weights in it'),
])
def test_no_weights(model, change, words):
    with pytest.raises(InputError, match=f'^{words}$'):
        check_fit(model, change, 'a.pth')


@pytest.mark.parametrize('value', [float('nan'), float('inf'), -float('inf')])
@pytest.mark.parametrize('name', ['head.final_layer.bias', 'backbone.bn1.running_var'])
def test_weights_that_are_no_numbers_are_refused_by_name(model, name, value):
    content = saved(model)
    content['state_dict'][name][1] = value
    for may_differ in (None, ['head.final_layer', 'backbone.bn1']):
        with pytest.raises(InputError, match=rf'1 weight is NaN or infinite in it \({name}\)$'):
            check_fit(build(), content, 'a.pth', may_differ=may_differ)


def test_a_value_that_is_no_tensor(model):
    content = saved(model)
    content['state_dict']['head.final_layer.bias'] = [1., 2., 3.]
    with pytest.raises(InputError, match=r'1 weight is missing in it \(head.final_layer.bias\)'):
        check_fit(build(), content, 'a.pth')


def test_the_landmarks_are_named(model):
    two = saved(build(landmarks=2), NAMES[:2])
    with pytest.raises(InputError, match=r'; it was trained on 2 landmarks \(left_end, right_end\), and the data of '
                                         r'the config have 3 landmarks \(left_end, right_end, tip\)$'):
        check_fit(build(), two, 'a.pth', NAMES)
    swapped = saved(model, [NAMES[1], NAMES[0], NAMES[2]])
    with pytest.raises(InputError, match="^a.pth is of other landmarks: .*: number 1 is 'right_end' there and "
                                         "'left_end' here$"):
        check_fit(build(), swapped, 'a.pth', NAMES)
    check_fit(build(), saved(model, NAMES), 'a.pth', NAMES)
    check_fit(build(), saved(model), 'a.pth', NAMES)  # neither of these tells
    check_fit(build(), swapped, 'a.pth')
    check_fit(build(), swapped, 'a.pth', NAMES, may_differ=[])  # the start of another training
    check_fit(build(), saved(model, [*NAMES, 'other']), 'a.pth', NAMES)  # the head has fewer than the data that it saw


def test_what_may_differ_is_left_as_it_was(model):
    new = build(landmarks=5)
    before = copy.deepcopy(new.state_dict())
    found = check_fit(new, saved(model, NAMES), 'a.pth', may_differ=['head.final_layer'])
    assert list(found.reshaped) == ['head.final_layer.weight', 'head.final_layer.bias'] and not found.missing
    for name, value in new.state_dict().items():
        assert torch.equal(value, (before if name.startswith('head.final_layer') else model.state_dict())[name])
    with pytest.raises(InputError, match=r"to begin a training without these, set may_differ=\['head.final_layer']"):
        check_fit(build(landmarks=5), saved(model, NAMES), 'a.pth', may_differ=[])
    deeper = saved(build(depth=34))
    with pytest.raises(InputError, match='of its own the model does not have'):
        check_fit(build(), deeper, 'a.pth', may_differ=['head'])
    check_fit(build(), deeper, 'a.pth', may_differ=['backbone'])


@pytest.mark.parametrize('name', ['head.final', 'final_layer', 'model.head.final_layer', 'head.final_layer.biases', ''])
def test_an_unknown_layer_that_may_differ_is_refused(model, name):
    with pytest.raises(InputError, match=f"^may_differ names '{name}', and .* a name is like 'head.final_layer'$"):
        check_fit(build(), saved(model), 'a.pth', may_differ=[name])


def test_names_are_whole_parts():
    """A layer does not stand for another whose name goes on."""
    names = ['head.final_layer.weight', 'head.final_layer2.weight', 'head.final_layer']
    found = Differences(names, names, dict.fromkeys(names, ''), names).without(['head.final_layer'])
    assert found == (names[1:2], names[1:2], {names[1]: ''}, names)


def test_versions_of_layers_are_known():
    """As torch and MMEngine hand them over, for layers that rename the weights of older versions."""
    class Layer(torch.nn.Linear):
        _version = 2

        def _load_from_state_dict(self, state, prefix, versions, *args):
            if versions.get('version', 1) < 2:
                state[f'{prefix}weight'] = state.pop(f'{prefix}matrix')
            super()._load_from_state_dict(state, prefix, versions, *args)

    model = torch.nn.Sequential(Layer(2, 2))
    assert not any(differences(model, dict(state_dict=model.state_dict())))
    assert not any(differences(model, {'0.matrix': torch.ones(2, 2), '0.bias': torch.ones(2)}))
    with pytest.raises(InputError, match=r"a.pth: its weights are not like those of a Sequential \(KeyError: '0"):
        check_fit(model, {'0.weight': torch.ones(2, 2)}, 'a.pth')


def test_mmengine_loads_what_fits_alone(model, tmp_path):
    torch.save(saved(model), tmp_path / 'good.pth')
    torch.save(saved(build(landmarks=2)), tmp_path / 'bad.pth')
    new = build()
    with checked_loading('good'):
        load_checkpoint(new, str(tmp_path / 'good.pth'))
    assert torch.equal(new.head.final_layer.weight, model.head.final_layer.weight)
    with checked_loading('bad'), pytest.raises(InputError, match='^bad does not fit'):
        load_checkpoint(new, str(tmp_path / 'bad.pth'))
    load_checkpoint(new, str(tmp_path / 'bad.pth'))  # MMEngine's own way, outside


@pytest.mark.parametrize(('trained', 'fault'), [
    ('UDPHeatmap', 'the checkpoint was trained with the heatmaps of UDPHeatmap, which IntegralHeatmap would misplace'),
    ('mmpose.UDPHeatmap', 'trained with the heatmaps of UDPHeatmap'),
    ('MSRAHeatmap', ''), ('mmpose.MSRAHeatmap', ''), ('IntegralHeatmap', ''),
])
def test_integral_heatmaps_read_no_other_codecs_targets(trained, fault):
    model = build()
    model.head.decoder = IntegralHeatmap((64, 64), (16, 16), 1)
    content = saved(model)
    content['meta']['cfg'] = f"model = dict(head=dict(decoder=dict(type='{trained}')))"
    if fault:
        with pytest.raises(InputError, match=fault):
            check_fit(model, content, 'the checkpoint')
        check_fit(build(), content, 'the checkpoint')  # a stock decoder is the config's own matter
    else:
        check_fit(model, content, 'the checkpoint')
    check_fit(model, content, 'the checkpoint', may_differ=[])  # a training begins with it
