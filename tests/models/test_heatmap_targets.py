"""Targets made on the device against those of MMPose's own pipeline."""

import numpy as np
import pytest
import torch
from mmpose.datasets.transforms import GenerateTarget, PackPoseInputs
from mmpose.registry import MODELS

from pcloss_mmpose.errors import InputError
from pcloss_mmpose.models import HeatmapTargets

K = 24
TWO = np.zeros((2, K, 2))


def codec_of(size=(64, 96), heatmap_size=(16, 24), sigma=2, **options):
    return dict(type='MSRAHeatmap', input_size=size, heatmap_size=heatmap_size, sigma=sigma, **options)


def batch_of(codec, count=8, encoder=None, **changes):
    """Packed samples with landmarks in and around the crop, some exactly between two pixels, in all visibilities."""
    rng, size = np.random.default_rng(0), np.array(codec['input_size'])
    pack, packed = PackPoseInputs(pack_transformed=changes.pop('pack_transformed', True)), []
    for row in range(count):
        keypoints = (rng.uniform(-0.6, 1.6, (1, K, 2)) * size).astype(np.float32)
        keypoints[:, ::3] = np.round(keypoints[:, ::3] / 2) * 2
        visible = rng.choice(np.float32([0, 0.4, 0.5, 1, 1, 1]), size=(1, K))
        results = dict(img=np.zeros((*size[::-1], 3), np.uint8), img_path=f'{row}.jpg', input_size=tuple(size),
                       keypoints=keypoints, transformed_keypoints=keypoints, keypoints_visible=visible)
        results.update(changes)
        packed.append(pack(GenerateTarget(encoder=encoder)(results) if encoder else results))
    return dict(inputs=[sample['inputs'] for sample in packed], data_samples=[s['data_samples'] for s in packed])


def preprocess(codec, batch, training=True):
    augment = dict(type='HeatmapTargets', encoder=codec)
    return MODELS.build(dict(type='PoseDataPreprocessor', batch_augments=[augment]))(batch, training)['data_samples']


@pytest.mark.parametrize('sigma', [0.7, 1, 1.5, 2, 2.3, 4])  # 3 sigma is no whole number for some, and MMPose cuts then
@pytest.mark.parametrize('sizes', [((64, 96), (16, 24)), ((128, 128), (32, 32)), ((100, 90), (33, 17))])
def test_they_are_generate_targets_bit_for_bit(sizes, sigma):
    codec = codec_of(*sizes, sigma)
    stock = batch_of(codec, encoder=codec)['data_samples']
    ours = preprocess(codec, batch_of(codec))
    left_out = 0
    for own, other in zip(ours, stock):
        assert torch.equal(own.gt_fields.heatmaps, other.gt_fields.heatmaps)
        assert torch.equal(own.gt_instance_labels.keypoint_weights, other.gt_instance_labels.keypoint_weights)
        assert own.gt_instance_labels.keypoint_weights.dtype == other.gt_instance_labels.keypoint_weights.dtype
        left_out += (own.gt_instance_labels.keypoint_weights == 0).sum()
    assert 10 < left_out < 8 * K - 10


def test_a_converters_second_column_of_visibility_is_no_landmark():
    codec = codec_of()
    visible = np.random.default_rng(1).integers(0, 2, (1, K, 2)).astype(np.float32)
    stock = batch_of(codec, encoder=codec, keypoints_visible=visible.copy())['data_samples']
    ours = preprocess(codec, batch_of(codec, keypoints_visible=visible.copy()))
    for own, other in zip(ours, stock):
        assert torch.equal(own.gt_fields.heatmaps, other.gt_fields.heatmaps)
        assert torch.equal(own.gt_instance_labels.keypoint_weights, other.gt_instance_labels.keypoint_weights)


def test_only_a_training_has_them_and_no_checkpoint():
    codec = codec_of()
    assert 'gt_fields' not in preprocess(codec, batch_of(codec), training=False)[0]
    assert not HeatmapTargets(codec).state_dict()


@pytest.mark.parametrize('encoder', [
    codec_of(unbiased=True), dict(codec_of(), type='UDPHeatmap'), dict(codec_of(), type='MegviiHeatmap', kernel_size=9),
], ids=['unbiased', 'UDP', 'Megvii'])
def test_another_codec_is_refused(encoder):
    encoder = {key: value for key, value in encoder.items() if key != 'sigma' or encoder['type'] != 'MegviiHeatmap'}
    with pytest.raises(InputError, match='makes the heatmaps of MSRAHeatmap with unbiased=False.*GenerateTarget'):
        HeatmapTargets(encoder)


@pytest.mark.parametrize(('changes', 'words'), [
    (dict(encoder=codec_of()), 'the sample 0.jpg has some already: take GenerateTarget out'),
    (dict(pack_transformed=False), 'the sample 0.jpg has none: set pack_transformed=True'),
    (dict(keypoints=TWO, transformed_keypoints=TWO, keypoints_visible=TWO[..., 0]),
     'one instance a sample, and the sample 0.jpg has 2'),
    (dict(input_size=(64, 64)), r'an input of \(64, 96\), and the sample 0.jpg is cropped to \(64, 64\)'),
], ids=['targets', 'not packed', 'instances', 'size'])
def test_samples_that_do_not_fit_are_refused(changes, words):
    with pytest.raises(InputError, match=words):
        preprocess(codec_of(), batch_of(codec_of(), **changes))


def test_a_head_trains_on_them_as_on_mmposes():
    codec = codec_of()
    head = MODELS.build(dict(type='HeatmapHead', in_channels=4, out_channels=K, deconv_out_channels=None, decoder=codec,
                             loss=dict(type='KeypointMSELoss', use_target_weight=True)))
    feats = (torch.randn(8, 4, 24, 16, generator=torch.Generator().manual_seed(0)), )
    losses = [head.loss(feats, samples) for samples in (
        preprocess(codec, batch_of(codec)), batch_of(codec, encoder=codec)['data_samples'])]
    assert losses[0]['loss_kpt'] == losses[1]['loss_kpt'] > 0 and losses[0]['acc_pose'] == losses[1]['acc_pose']
