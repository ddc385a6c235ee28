"""FashionNet: its pooling by hand, its labels under a flip, and both stages."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.structures import InstanceData
from mmpose.datasets.transforms import RandomFlip
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

import pcloss_mmpose  # noqa: F401
from pcloss_mmpose.models.heads.fashionnet import pool_at_landmarks
from pcloss_mmpose.models.heads.pooling import average_bins
from pcloss_mmpose.models.heads.visibility import annotated_states

K = 8
INPUT_SIZE = (64, 128)  # w, h
FLIP_INDICES = [1, 0, 3, 2, 5, 4, 7, 6]
HEAD = dict(
    type='FashionNetHead', in_channels=(3, 5), num_joints=K, pool_size=2, hidden_channels=16, window=3,
    visibility_weight=0.5, loss=dict(type='MSELoss', use_target_weight=True),
    decoder=dict(type='RegressionLabel', input_size=INPUT_SIZE))
PC_LOSS = dict(type='PCLoss', topk=3, partition='left_right', metainfo='FLDDataset', loss_weight=2.)


def build(**changes):
    torch.manual_seed(0)
    head = MODELS.build(dict(HEAD, **changes))
    for parameter in head.parameters():  # larger than they start, so that both stages matter
        torch.nn.init.normal_(parameter, std=.3)
    return head


def features(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(2, channels, *size, generator=generator).requires_grad_()
                 for channels, size in ((3, (16, 8)), (5, (8, 4))))


def samples():
    rng = np.random.default_rng(0)
    made = []
    for _ in range(2):
        raw = np.column_stack([rng.uniform(0, 60, (K, 2)), [2, 1, 0, 2, 2, 0, 1, 2]])
        sample = PoseDataSample(metainfo=dict(
            raw_ann_info=dict(keypoints=raw.ravel().tolist()), flip=False, flip_direction=None,
            flip_indices=FLIP_INDICES, input_size=INPUT_SIZE, img_path='picture.jpg'))
        sample.gt_instance_labels = InstanceData(
            keypoint_labels=torch.tensor(rng.uniform(0, 1, (1, K, 2)), dtype=torch.float32),
            keypoint_weights=torch.tensor(raw[None, :, 2] > 0, dtype=torch.float32))
        sample.gt_instance_labels.keypoint_weights[0, 3] = 0  # visible in the picture, but not in the crop
        sample.gt_instances = InstanceData(
            transformed_keypoints=sample.gt_instance_labels.keypoint_labels.numpy() * INPUT_SIZE)
        made.append(sample)
    return made


@pytest.mark.parametrize(('height', 'width', 'size'), [(16, 16, 7), (4, 6, 2), (3, 5, 7), (1, 2, 1)])
def test_averages_are_those_of_adaptive_pooling(height, width, size):
    feats = torch.randn(2, 3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(average_bins(feats, size), F.adaptive_avg_pool2d(feats, size))


def slow_pool(feats, keypoints, window, size):
    """The definition, cell by cell, where the window divides into its bins."""
    batch, channels, height, width = feats.shape
    pooled = np.zeros((batch, keypoints.shape[1], channels, size, size), np.float32)
    side = window // size
    for b, k in np.ndindex(*keypoints.shape[:2]):
        # The landmark's cell, and as many cells to each side.
        left, top = (int(np.floor(keypoints[b, k, axis] * extent)) - window // 2
                     for axis, extent in ((0, width), (1, height)))
        for row, column in np.ndindex(size, size):
            cells = [feats[b, :, y, x]
                     for y in range(top + row * side, top + (row + 1) * side) if 0 <= y < height
                     for x in range(left + column * side, left + (column + 1) * side) if 0 <= x < width]
            if cells:
                pooled[b, k, :, row, column] = np.max(cells, axis=0)
    return pooled


@pytest.mark.parametrize(('window', 'size'), [(1, 1), (3, 1), (3, 3), (5, 1)])
def test_pooling_takes_the_largest_around_the_landmark(window, size):
    rng = np.random.default_rng(0)
    feats = rng.normal(size=(2, 3, 9, 6)).astype(np.float32)
    keypoints = rng.uniform(-.4, 1.4, (2, 40, 2)).astype(np.float32)  # some outside
    ours = pool_at_landmarks(torch.from_numpy(feats), torch.from_numpy(keypoints), window, size)
    np.testing.assert_array_equal(ours.numpy(), slow_pool(feats, keypoints, window, size))


def test_pooling_far_outside_gives_nothing_and_half_precision_passes():
    feats = torch.ones(1, 2, 4, 4, dtype=torch.bfloat16)
    keypoints = torch.tensor([[[-1e6, 0.5], [1e30, 1e30], [0.5, 0.5]]])
    pooled = pool_at_landmarks(feats, keypoints, window=3, size=2)
    assert pooled.dtype == torch.float32
    assert pooled[0, :2].abs().sum() == 0 and (pooled[0, 2] == 1).all()


def test_boxes_that_overflow_an_int_never_reach_the_pooling(monkeypatch):
    """torchvision turns their corners into C's ints, and what does not fit in one is undefined there."""
    seen = []
    monkeypatch.setattr('torchvision.ops.roi_pool', lambda feats, boxes, output_size: seen.append(boxes) or torch.zeros(
        len(boxes), feats.shape[1], output_size, output_size))
    keypoints = torch.tensor([[[-1e30, 1e30], [torch.inf, -torch.inf], [3e9, 0.5]]])
    pool_at_landmarks(torch.ones(1, 2, 4, 4), keypoints, window=3, size=2)
    assert seen[0].abs().max() < 2**31


def test_visible_is_neither_occluded_nor_unknown():
    assert annotated_states(samples()).tolist() == [[2, 1, 0, 2, 2, 0, 1, 2]] * 2


@pytest.mark.parametrize('direction', ['horizontal', 'vertical', 'diagonal'])
def test_visibility_follows_the_flip_as_mmposes_own_does(direction):
    """A diagonal flip is half a turn: left stays left."""
    sample = samples()[0]
    raw = np.reshape(sample.metainfo['raw_ann_info']['keypoints'], (1, K, 3))
    results = RandomFlip(prob=1., direction=direction)(dict(
        img=np.zeros((INPUT_SIZE[1], INPUT_SIZE[0], 3), np.uint8), img_shape=INPUT_SIZE[::-1],
        flip_indices=FLIP_INDICES, keypoints=raw[..., :2].copy(), keypoints_visible=(raw[..., 2] == 2).astype(float)))
    sample.set_metainfo({key: results[key] for key in ('flip', 'flip_direction')})
    np.testing.assert_array_equal(annotated_states([sample]) == 2, results['keypoints_visible'])


@pytest.mark.parametrize('raw', [None, {}, dict(keypoints=[1, 2, 2] * 3)])
def test_a_sample_without_visibility_is_refused(raw):
    sample = samples()[0]
    sample.set_metainfo(dict(raw_ann_info=raw))
    with pytest.raises(ValueError, match=r'picture.jpg has [03] landmarks there instead of 8: keep raw_ann_info'):
        annotated_states([sample])


def test_losses_are_those_of_both_stages():
    head, feats, batch = build(), features(), samples()
    output = head.forward(feats)
    labels = torch.cat([sample.gt_instance_labels.keypoint_labels for sample in batch])
    weights = torch.cat([sample.gt_instance_labels.keypoint_weights for sample in batch])[..., None]
    losses = head.loss(feats, batch)
    for key, points in (('loss_kpt', output.keypoints), ('loss_first', output.first_keypoints)):
        assert losses[key].item() == pytest.approx((weights * (points - labels)**2).mean().item(), rel=1e-5)
    probability = output.visibility.sigmoid()
    visible = (annotated_states(batch) == 2).float()
    assert visible[:, 3].all()
    visible[:, 3] = 0
    entropy = -(visible * probability.log() + (1 - visible) * (1 - probability).log()).mean()
    assert losses['loss_visibility'].item() == pytest.approx(0.5 * entropy.item(), rel=1e-5)
    sum(losses[key] for key in losses if 'loss' in key).backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in head.parameters())
    assert all(feat.grad.abs().sum() > 0 for feat in feats)


def test_the_second_stage_sees_what_lies_at_visible_landmarks_only():
    """A change of the finer features matters where a landmark is seen, and not where none is or none looks."""
    head = build()
    with torch.no_grad():
        head.first_fc.weight.zero_(), head.first_fc.bias.fill_(0.5)  # all landmarks in the middle
        head.visibility_fc.weight.zero_(), head.visibility_fc.bias.fill_(9.)
    fine, last = (feat.detach() for feat in features())
    before = head.forward((fine, last)).keypoints
    away, there = fine.clone(), fine.clone()
    away[..., :4, :2] += 9
    there[..., 8, 4] += 9
    assert torch.equal(head.forward((away, last)).keypoints, before)
    moved = (head.forward((there, last)).keypoints - before).abs().max()
    with torch.no_grad():
        head.visibility_fc.bias.fill_(-20.)
    gated = head.forward((there, last)).keypoints - head.forward((fine, last)).keypoints
    assert moved > 0.1 and gated.abs().max() < 1e-5


@pytest.mark.parametrize('flip_test', [False, True])
def test_predictions_are_in_pixels_with_the_probability_of_being_visible(flip_test):
    head = build()
    with torch.no_grad():
        output, mirrored = head.forward(features(0)), head.forward(features(1))
        feats = [features(0), features(1)] if flip_test else features(0)
        predictions = head.predict(feats, samples(), dict(flip_test=flip_test, shift_coords=False))
    points, visible = output.keypoints, output.visibility.sigmoid()
    if flip_test:
        flipped = mirrored.keypoints[:, FLIP_INDICES] * torch.tensor([-1., 1.]) + torch.tensor([1., 0.])
        points = (points + flipped) / 2
        visible = (visible + mirrored.visibility.sigmoid()[:, FLIP_INDICES]) / 2
    for instances, point, probability in zip(predictions, points, visible):
        np.testing.assert_allclose(instances.keypoints[0], point.numpy() * INPUT_SIZE, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(instances.keypoints_visible[0], probability.numpy(), rtol=1e-5)


def test_autocast_gives_nearly_the_same():
    head, batch = build(), samples()
    with torch.no_grad():
        exact, predictions = head.loss(features(), batch), head.predict(features(), batch)
        with torch.autocast('cpu', torch.bfloat16):
            rough, rough_predictions = head.loss(features(), batch), head.predict(features(), batch)
    for key in ('loss_kpt', 'loss_first', 'loss_visibility'):
        assert rough[key].item() == pytest.approx(exact[key].item(), rel=0.05)
    for one, other in zip(predictions, rough_predictions):
        np.testing.assert_allclose(one.keypoints / INPUT_SIZE, other.keypoints / INPUT_SIZE, atol=0.1)


def test_pcloss_is_on_the_final_coordinates_and_adds_nothing_else(pairwise_loss):
    stock, head = build(), build(type='PCFashionNetHead', pc_loss=PC_LOSS)
    assert list(head.state_dict()) == list(stock.state_dict())
    feats, batch = features(), samples()
    losses = head.loss(feats, batch)
    labels = torch.cat([sample.gt_instance_labels.keypoint_labels for sample in batch])
    weights = torch.cat([sample.gt_instance_labels.keypoint_weights for sample in batch])
    expected = 2 * pairwise_loss(
        head.forward(feats).keypoints, labels, weights, [[0, 2, 4, 6], [1, 3, 5, 7]], 3)
    assert losses['loss_pc'].item() == pytest.approx(expected.item(), rel=1e-5)
    for off in (None, dict(PC_LOSS, loss_weight=0)):
        plain = build(type='PCFashionNetHead', pc_loss=off).loss(feats, batch)
        assert 'loss_pc' not in plain
        assert all(torch.equal(plain[key], value) for key, value in stock.loss(feats, batch).items())
