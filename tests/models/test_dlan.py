"""DLAN: its windows step by step, its losses by hand, and its size."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

import pcloss_mmpose  # noqa: F401
from pcloss_mmpose.models.heads.dlan import excess
from pcloss_mmpose.models.windows import SCALES, Window

CONFIG = Path(__file__).resolve().parents[2] / 'configs/deepfashion/dlan/td-reg_dlan_4xb5-100k_deepfashion-512x512.py'
K = 8
INPUT_SIZE = (64, 128)  # w, h
FLIP_INDICES = [1, 0, 3, 2, 5, 4, 7, 6]
HEAD = dict(
    type='DLANHead', in_channels=3, num_joints=K, steps=3, hidden_channels=16,
    loss=dict(type='MSELoss', use_target_weight=True), decoder=dict(type='RegressionLabel', input_size=INPUT_SIZE))
PC_LOSS = dict(type='PCLoss', topk=3, partition='left_right', metainfo='FLDDataset', loss_weight=2.)


def build(moving=True, **changes):
    torch.manual_seed(0)
    head = MODELS.build(dict(HEAD, **changes))
    head.init_weights()
    if moving:
        for name, parameter in head.named_parameters():
            if '.last.' in name:
                torch.nn.init.normal_(parameter, std=.3)
    return head


def features(seed=0, batch=2):
    return (torch.randn(batch, 3, 16, 8, generator=torch.Generator().manual_seed(seed)).requires_grad_(), )


def samples(batch=2, valid=True):
    rng = np.random.default_rng(0)
    made = []
    for _ in range(batch):
        sample = PoseDataSample(metainfo=dict(
            flip_indices=FLIP_INDICES, input_size=INPUT_SIZE, img_path='picture.jpg'))
        sample.gt_instance_labels = InstanceData(
            keypoint_labels=torch.tensor(rng.uniform(0, 1, (1, K, 2)), dtype=torch.float32),
            keypoint_weights=torch.tensor([[1, 1, 0, 1, 1, 0, 1, 1]], dtype=torch.float32) * valid)
        sample.gt_instances = InstanceData(
            transformed_keypoints=sample.gt_instance_labels.keypoint_labels.numpy() * INPUT_SIZE)
        made.append(sample)
    return made


def truth(batch):
    return tuple(torch.cat([sample.gt_instance_labels[key] for sample in batch])
                 for key in ('keypoint_labels', 'keypoint_weights'))


def test_it_starts_in_the_middle_of_windows_that_are_the_whole_map():
    output = build(moving=False).forward(features())
    for keypoints in (output.keypoints, *output.earlier_keypoints):
        assert torch.equal(keypoints, torch.full((2, K, 2), .5))
    for window in output.windows:
        assert not window.shift.any() and torch.equal(window.scale, torch.ones(2, K, 2))


def slow_forward(head, feats):
    """The class's description, one window at a time, with torch's own affine grids."""
    def bounded(theta):
        smallest, largest = map(math.log, SCALES)
        return theta[:2].clamp(smallest, largest).exp()

    def move(outer, inner):  # by what inner says in the coordinates of outer
        return torch.cat([outer[:2] + inner[:2], bounded(outer) * inner[2:] + outer[2:]])

    def look(image, theta, net):
        scale, shift = bounded(theta), theta[2:]
        matrix = torch.cat([torch.diag(scale), shift[:, None]], dim=1)[None]
        grid = F.affine_grid(matrix, (1, image.shape[0], 14, 14), align_corners=False)
        inside = F.grid_sample(image[None], grid, align_corners=False)
        return net(F.adaptive_avg_pool2d(inside, 7))[0]

    steps = []
    for image in feats:
        garment, landmarks = torch.zeros(4), [torch.zeros(4)] * K
        for step in range(head.steps):
            garment = move(garment, look(image, garment, head.garment_localizer))
            for k in range(K):
                landmarks[k] = move(landmarks[k], look(image, move(garment, landmarks[k]), head.landmark_localizers[k]))
                window = move(garment, landmarks[k])
                point = bounded(window) * look(image, window, head.regressors[k]) + window[2:]
                steps.append((step, (point + 1) / 2))
    return [torch.stack([point for at, point in steps if at == step]).reshape(-1, K, 2) for step in range(head.steps)]


def test_the_steps_are_those_of_the_description():
    head, (feats, ) = build(), features()
    with torch.no_grad():
        output = head.forward((torch.zeros(2, 3, 4, 4), feats))  # the last level counts
        expected = slow_forward(head, feats)
    for found, step in zip((*output.earlier_keypoints, output.keypoints), expected):
        torch.testing.assert_close(found, step, rtol=1e-4, atol=1e-5)
    assert (expected[0] - expected[2]).abs().max() > .1


def test_the_whole_has_exact_gradients():
    head = build(hidden_channels=4, num_joints=2, steps=2).double()
    feats = features(batch=1)[0].detach().double().requires_grad_()
    assert torch.autograd.gradcheck(lambda feats: head.forward((feats, )).keypoints, feats)


def test_excess_by_hand():
    window = Window(torch.full((3, 2), math.log(.5)), torch.tensor([.5, 0.]).expand(3, 2))
    points = torch.tensor([[.9, -.4], [1.25, .5], [-.5, -1.]])
    torch.testing.assert_close(excess(window, points), torch.tensor([[0., 0.], [.5, 0.], [1., 1.]]))


def test_losses_are_those_of_all_steps_and_of_annotated_landmarks():
    head, feats, batch = build(window_weight=.5, scale_weight=.25), features(), samples()
    output = head.forward(feats)
    labels, weights = truth(batch)
    mask = weights[..., None]
    losses = head.loss(feats, batch)
    errors = [(mask * (points - labels)**2).mean().item() for points in (*output.earlier_keypoints, output.keypoints)]
    assert losses['loss_kpt'].item() == pytest.approx(errors[2], rel=1e-5)
    assert losses['loss_earlier'].item() == pytest.approx(errors[0] + errors[1], rel=1e-5)
    beyond, scales = 0, 0
    for window in output.windows:
        scale, shift = window.scale.detach().numpy(), window.shift.detach().numpy()
        inside = (labels.numpy() * 2 - 1 - shift) / scale
        beyond += np.mean(mask.numpy() * np.maximum(np.abs(inside) - 1, 0)**2)
        scales += np.mean(mask.numpy() * window.log_scale.detach().numpy()**2)
    assert beyond > 0 and losses['loss_window'].item() == pytest.approx(.5 * beyond, rel=1e-5)
    assert losses['loss_scale'].item() == pytest.approx(.25 * scales, rel=1e-5)

    sum(value for key, value in losses.items() if 'loss' in key).backward()
    assert feats[0].grad.any()
    for name, parameter in head.named_parameters():
        unseen = any(f's.{k}.' in name for k in (2, 5))  # landmarks without a label
        assert bool(parameter.grad.any()) != unseen, name


def test_one_step_has_no_earlier_ones():
    losses = build(steps=1).loss(features(), samples())
    assert set(losses) == {'loss_kpt', 'loss_window', 'loss_scale', 'acc_pose'}
    with pytest.raises(ValueError, match='at least one step, got steps=0'):
        build(steps=0)


@pytest.mark.parametrize('kind', ['DLANHead', 'PCDLANHead'])
def test_a_batch_without_a_landmark_gives_zero_and_a_gradient(kind):
    head = build(type=kind, **(dict(pc_loss=PC_LOSS) if kind == 'PCDLANHead' else {}))
    losses = head.loss(features(batch=1), samples(1, valid=False))
    total = sum(value for key, value in losses.items() if 'loss' in key)
    assert total.item() == 0
    total.backward()
    assert all(parameter.grad is not None and not parameter.grad.any() for parameter in head.parameters())


@pytest.mark.parametrize('flip_test', [False, True])
def test_predictions_are_the_last_steps_in_pixels(flip_test):
    head = build()
    with torch.no_grad():
        points, mirrored = (head.forward(features(seed)).keypoints for seed in (0, 1))
        feats = [features(0), features(1)] if flip_test else features(0)
        predictions = head.predict(feats, samples(), dict(flip_test=flip_test, shift_coords=False))
    if flip_test:
        points = (points + mirrored[:, FLIP_INDICES] * torch.tensor([-1., 1.]) + torch.tensor([1., 0.])) / 2
    for instances, point in zip(predictions, points):
        np.testing.assert_allclose(instances.keypoints[0], point.numpy() * INPUT_SIZE, rtol=1e-4, atol=1e-4)


def test_autocast_gives_nearly_the_same():
    head, batch = build(), samples()
    with torch.no_grad():
        exact, predictions = head.loss(features(), batch), head.predict(features(), batch)
        with torch.autocast('cpu', torch.bfloat16):
            rough, rough_predictions = head.loss(features(), batch), head.predict(features(), batch)
            assert head.forward(features()).keypoints.dtype == torch.float32
            half = head.forward((features()[0].bfloat16(), )).keypoints
    assert half.dtype == torch.float32
    for key in ('loss_kpt', 'loss_earlier', 'loss_window', 'loss_scale'):
        assert rough[key].item() == pytest.approx(exact[key].item(), rel=0.05)
    for one, other in zip(predictions, rough_predictions):
        np.testing.assert_allclose(one.keypoints / INPUT_SIZE, other.keypoints / INPUT_SIZE, atol=0.1)


def test_pcloss_is_on_every_step_and_adds_nothing_else(pairwise_loss):
    stock, head = build(), build(type='PCDLANHead', pc_loss=PC_LOSS)
    assert list(head.state_dict()) == list(stock.state_dict())
    feats, batch = features(), samples()
    losses = head.loss(feats, batch)
    labels, weights = truth(batch)
    output = head.forward(feats)
    expected = sum(2 * pairwise_loss(points, labels, weights, [[0, 2, 4, 6], [1, 3, 5, 7]], 3)
                   for points in (*output.earlier_keypoints, output.keypoints))
    assert losses['loss_pc'].item() == pytest.approx(expected.item(), rel=1e-5)
    assert 0 < losses['pc_share'].item() < 1
    for off in (None, dict(PC_LOSS, loss_weight=0)):
        plain = build(type='PCDLANHead', pc_loss=off).loss(feats, batch)
        assert 'loss_pc' not in plain
        assert all(torch.equal(plain[key], value) for key, value in stock.loss(feats, batch).items())


def test_size_and_rates_of_the_config():
    """A trunk of VGG-16; nine localization networks, one for the garment and one for each landmark; eight regressors.
    """
    init_default_scope('mmpose')
    config = Config.fromfile(CONFIG, import_custom_modules=False)
    model = MODELS.build(config.model)
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    localizers = {name for name in sizes if 'localizer' in name}
    first = 512 * 49 * 256 + 256
    assert sum(sizes[name] for name in localizers) == 9 * (first + 256 * 4 + 4) == 57_814_308
    assert sum(size for name, size in sizes.items() if 'regressor' in name) == 8 * (first + 256 * 2 + 2) == 51_386_384
    assert sum(sizes.values()) == 14_714_688 + 57_814_308 + 51_386_384 == 123_915_380
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    slow = {names[id(parameter)] for group in wrapper.optimizer.param_groups if group['lr'] == pytest.approx(3e-5)
            for parameter in group['params']}
    assert slow == localizers and wrapper.clip_grad_kwargs == dict(max_norm=1.)
