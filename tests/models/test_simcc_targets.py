"""Distributions made on the device against those of MMPose's own pipeline."""

import numpy as np
import pytest
import torch
from mmpose.datasets.transforms import GenerateTarget, PackPoseInputs
from mmpose.registry import MODELS

from pcloss_mmpose.errors import InputError
from pcloss_mmpose.models import SimCCTargets

K = 30


def codec_of(**options):
    return dict(dict(type='SimCCLabel', input_size=(64, 96), sigma=(2., 3.5), simcc_split_ratio=2.0, normalize=False),
                **options)


def batch_of(codec, count=6, encoder=None, pack_transformed=True):
    """Packed samples with landmarks in and around the crop, some exactly between two bins, in all visibilities."""
    rng, size = np.random.default_rng(0), np.array(codec['input_size'])
    pack, packed = PackPoseInputs(pack_transformed=pack_transformed), []
    for row in range(count):
        keypoints = rng.uniform(-0.3, 1.3, (1, K, 2)) * size
        keypoints[:, ::3] = np.round(keypoints[:, ::3]) + 0.25
        visible = rng.choice(np.float32([0, 0.4, 0.5, 1, 1, 1]), size=(1, K))
        results = dict(img=np.zeros((*size[::-1], 3), np.uint8), img_path=f'{row}.jpg', input_size=tuple(size),
                       keypoints=keypoints, transformed_keypoints=keypoints, keypoints_visible=visible)
        packed.append(pack(GenerateTarget(encoder=encoder)(results) if encoder else results))
    return dict(inputs=[sample['inputs'] for sample in packed], data_samples=[s['data_samples'] for s in packed])


def preprocess(codec, batch):
    augment = dict(type='SimCCTargets', encoder=codec)
    return MODELS.build(dict(type='PoseDataPreprocessor', batch_augments=[augment]))(batch, True)['data_samples']


@pytest.mark.parametrize('changes', [
    {}, dict(normalize=True), dict(sigma=6.0), dict(simcc_split_ratio=3.0), dict(input_size=(63, 80), sigma=(1, 1.5)),
    dict(simcc_split_ratio=1.5)], ids=str)
def test_they_are_generate_targets(changes):
    codec = codec_of(**changes)
    stock = batch_of(codec, encoder=codec)['data_samples']
    left_out = 0
    for own, other in zip(preprocess(codec, batch_of(codec)), stock):
        own, other = own.gt_instance_labels, other.gt_instance_labels
        for name in ('keypoint_x_labels', 'keypoint_y_labels'):
            assert own[name].dtype == other[name].dtype
            torch.testing.assert_close(own[name], other[name], rtol=1e-5, atol=1e-7)
        assert torch.equal(own.keypoint_weights, other.keypoint_weights)
        assert own.keypoint_weights.dtype == other.keypoint_weights.dtype
        left_out += (own.keypoint_weights == 0).sum()
    assert 10 < left_out < 6 * K - 10


def test_the_head_learns_the_same_from_them():
    """RTMPose's head gives the same losses with either kind of targets."""
    codec = codec_of()
    settings = dict(
        in_channels=8, out_channels=K, input_size=(64, 96), in_featuremap_size=(2, 3),
        simcc_split_ratio=2.0, gau_cfg=dict(hidden_dims=16, s=8, expansion_factor=2, dropout_rate=0., drop_path=0.,
                                            act_fn='SiLU', use_rel_bias=False, pos_enc=False),
        loss=dict(type='KLDiscretLoss', use_target_weight=True, beta=10., label_softmax=True), decoder=codec)
    head = MODELS.build(dict(settings, type='RTMCCHead'))
    features = (torch.randn(6, 8, 3, 2, generator=torch.Generator().manual_seed(0)), )
    ours, stock = (head.loss(features, samples) for samples in (
        preprocess(codec, batch_of(codec)), batch_of(codec, encoder=codec)['data_samples']))
    assert ours['loss_kpt'].item() == pytest.approx(stock['loss_kpt'].item(), rel=1e-5) and ours['loss_kpt'] > 0
    assert ours['acc_pose'] == stock['acc_pose']

    quiet = MODELS.build(dict(settings, type='PCRTMCCHead'))
    quiet.load_state_dict(head.state_dict())
    quiet.logs_now = False
    left = quiet.loss(features, preprocess(codec, batch_of(codec)))
    assert set(left) == {'loss_kpt'} and left['loss_kpt'] == ours['loss_kpt']
    quiet.logs_now = True
    assert quiet.loss(features, preprocess(codec, batch_of(codec))) == ours


@pytest.mark.parametrize('encoder', [
    codec_of(smoothing_type='standard', label_smooth_weight=0.1),
    dict(type='MSRAHeatmap', input_size=(64, 96), heatmap_size=(16, 24), sigma=2)], ids=['standard', 'heatmaps'])
def test_another_codec_is_refused(encoder):
    with pytest.raises(InputError, match="SimCCLabel with smoothing_type='gaussian'.*GenerateTarget"):
        SimCCTargets(encoder)


def test_samples_that_do_not_fit_are_refused():
    codec = codec_of()
    with pytest.raises(InputError, match='SimCCTargets makes the targets, and the sample 0.jpg has some already'):
        preprocess(codec, batch_of(codec, encoder=codec))
    with pytest.raises(InputError, match='SimCCTargets needs the keypoints in the crop.*pack_transformed=True'):
        preprocess(codec, batch_of(codec, pack_transformed=False))
