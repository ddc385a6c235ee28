"""MMPose's own configs, as installed, with PCLoss: what they train, load and predict against the stock models."""

from pathlib import Path

import cv2
import mmpose
import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope
from mmpose.apis import inference_topdown
from mmpose.registry import MODELS

from pcloss_mmpose.add_pcloss import add_pcloss
from pcloss_mmpose.checkpoints.fit import differences
from pcloss_mmpose.metainfo import load_metainfo

ZOO = Path(mmpose.__file__).parent / '.mim' / 'configs'

#: One config for each kind of model, head, codec and landmark.
CONFIGS = {
    'SimpleBaselines, fashion, 6 landmarks':
    'fashion_2d_keypoint/topdown_heatmap/deepfashion/td-hm_res50_8xb64-210e_deepfashion_upper-256x192.py',
    'fashion, 294 landmarks':
    'fashion_2d_keypoint/topdown_heatmap/deepfashion2/td-hm_res50_4xb64-210e_deepfasion2-vest-256x192.py',
    'HRNet, DARK': 'body_2d_keypoint/topdown_heatmap/coco/td-hm_hrnet-w32_dark-8xb64-210e_coco-256x192.py',
    'HRNet, combined UDP':
    'body_2d_keypoint/topdown_heatmap/coco/td-hm_hrnet-w32_udp-regress-8xb64-210e_coco-256x192.py',
    'HRNetV2, face, adaptive wing':
    'face_2d_keypoint/topdown_heatmap/wflw/td-hm_hrnetv2-w18_awing-8xb64-60e_wflw-256x256.py',
    'ViTPose, UDP': 'body_2d_keypoint/topdown_heatmap/coco/td-hm_ViTPose-small_8xb64-210e_coco-256x192.py',
    'CSPNeXt, UDP, animal': 'animal_2d_keypoint/topdown_heatmap/ap10k/cspnext-m_udp_8xb64-210e_ap10k-256x256.py',
    'RTMPose, two stages, many data sets': 'body_2d_keypoint/rtmpose/body8/rtmpose-t_8xb256-420e_body8-256x192.py',
    'RTMW, whole body': 'wholebody_2d_keypoint/rtmpose/cocktail14/rtmw-m_8xb1024-270e_cocktail14-256x192.py',
    'SimCC': 'body_2d_keypoint/simcc/coco/simcc_mobilenetv2_wo-deconv-8xb64-210e_coco-256x192.py',
    'RLE': 'body_2d_keypoint/topdown_regression/coco/td-reg_mobilenetv2_rle-pretrained-8xb64-210e_coco-256x192.py',
    'DeepPose, hand, no flip pairs':
    'hand_2d_keypoint/topdown_regression/onehand10k/td-reg_res50_8xb64-210e_onehand10k-256x256.py',
    'DeepPose, face': 'face_2d_keypoint/topdown_regression/wflw/td-reg_res50_softwingloss_8xb64-210e_wflw-256x256.py',
    'IPR': 'body_2d_keypoint/integral_regression/coco/ipr_res50_8xb64-210e_coco-256x256.py',
    'IPR, debiased': 'body_2d_keypoint/integral_regression/coco/ipr_res50_debias-8xb64-210e_coco-256x256.py',
    'DSNT': 'body_2d_keypoint/integral_regression/coco/ipr_res50_dsnt-8xb64-210e_coco-256x256.py',
    'CPM': 'body_2d_keypoint/topdown_heatmap/coco/td-hm_cpm_8xb64-210e_coco-256x192.py',
    'hourglass': 'body_2d_keypoint/topdown_heatmap/coco/td-hm_hourglass52_8xb32-210e_coco-256x256.py',
    'MSPN, two stages of four units': 'body_2d_keypoint/topdown_heatmap/coco/td-hm_2xmspn50_8xb32-210e_coco-256x192.py',
    'ViPNAS, whole body':
    'wholebody_2d_keypoint/topdown_heatmap/coco-wholebody/td-hm_vipnas-mbv3_8xb64-210e_coco-wholebody-256x192.py',
    'Lite-HRNet, hand':
    'hand_2d_keypoint/topdown_heatmap/coco_wholebody_hand/td-hm_litehrnet-w18_8xb32-210e_coco-wholebody-hand-256x256.py',
    'an inheriting config': 'body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_fp16-8xb64-210e_coco-256x192.py',
}


@pytest.fixture(scope='module')
def picture(tmp_path_factory):
    path = tmp_path_factory.mktemp('any_model') / 'noise.png'
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (240, 200, 3), dtype=np.uint8))
    return str(path)


def halved(value, key=None):
    """A part of a config, for images of half the width and height, and with nothing to download."""
    if key in ('input_size', 'heatmap_size', 'in_featuremap_size', 'out_shape', 'img_size'):
        return tuple(side // 2 for side in value)
    if isinstance(value, dict):
        return {key: halved(item, key) for key, item in value.items() if key != 'init_cfg'}
    return type(value)(halved(item) for item in value) if isinstance(value, (list, tuple)) else value


def copied(feats):
    return feats.detach().clone() if isinstance(feats, torch.Tensor) else type(feats)(map(copied, feats))


def once(extract_feat):
    """The function, which computes the features of an input once, and gives each caller its own."""
    known = []

    def features(inputs):
        feats = next((feats for seen, feats in known if torch.equal(seen, inputs)), None)
        if feats is None:
            feats = extract_feat(inputs)
            known.append((inputs, feats))
        return copied(feats)

    return features


def batch_of(cfg, metainfo, picture, size=2):
    """Samples as the config's own training pipeline makes them."""
    rng = np.random.default_rng(0)
    num_landmarks = metainfo['num_keypoints']
    # Albumentation needs a package of its own.
    pipeline = Compose([step for step in cfg.train_dataloader.dataset.pipeline if step.type != 'Albumentation'])
    np.random.seed(0)
    samples = []
    for index in range(size):
        keypoints = rng.uniform(60, 150, (1, num_landmarks, 2)).astype(np.float32)
        samples.append(pipeline(dict(
            {key: metainfo[key] for key in ('dataset_name', 'flip_indices', 'flip_pairs', 'upper_body_ids',
                                            'lower_body_ids', 'dataset_keypoint_weights')},
            img_path=picture, img_id=index, id=index, bbox=np.array([[20, 20, 180, 220]], np.float32),
            bbox_score=np.ones(1, np.float32), keypoints=keypoints,
            keypoints_visible=np.ones((1, num_landmarks), np.float32))))
    return pseudo_collate(samples)


@pytest.mark.filterwarnings('ignore:metainfo .*no such file here', 'ignore:In MMCV v1.4.4')
@pytest.mark.parametrize('name', CONFIGS)
def test_a_stock_model_with_pcloss(name, picture):
    path = ZOO / CONFIGS[name]
    text, stock_cfg, cfg = add_pcloss(path, str(path))
    assert text.count('\n') <= 1 + 6
    assert dict(cfg.model, head=None) == dict(stock_cfg.model, head=None)  # so that one body serves all heads
    init_default_scope('mmpose')
    stock_cfg, cfg = (Config(halved(each.to_dict())) for each in (stock_cfg, cfg))
    metainfo = load_metainfo(cfg.model.head.pc_loss.get('metainfo', cfg.train_dataloader.dataset.type))

    # MMEngine's runner, too, reverts these layers where there is no GPU.
    model = revert_sync_batchnorm(MODELS.build(cfg.model))
    ours = model.head
    stock, off = (revert_sync_batchnorm(MODELS.build(head))
                  for head in (stock_cfg.model.head, dict(cfg.model.head, pc_loss=None)))
    stock.test_cfg = ours.test_cfg
    for head in (ours, off):
        head.load_state_dict(stock.state_dict())
    model.head = stock
    weights = model.state_dict()
    model.head = ours
    assert not any(differences(model, dict(state_dict=weights)))

    extract_feat = model.extract_feat
    model.cfg, model.dataset_meta, model.extract_feat = cfg, metainfo, once(extract_feat)
    results = []
    for model.head in (ours, stock):
        (sample, ) = inference_topdown(model.eval(), picture)
        results.append(sample.pred_instances)
    assert set(results[0].keys()) == set(results[1].keys()) >= {'keypoints', 'keypoint_scores'}
    for key, value in results[0].items():
        np.testing.assert_array_equal(value, results[1][key])

    data = model.train().data_preprocessor(batch_of(cfg, metainfo, picture), True)
    feats = extract_feat(data['inputs'])
    losses = []
    for model.head in (stock, off, ours):
        model.extract_feat = lambda _: feats if model.head is ours else copied(feats)
        torch.manual_seed(2)
        losses.append(model.train()(**data, mode='loss'))
    for key in losses[0]:
        assert torch.equal(losses[1][key], losses[0][key]) and torch.equal(losses[2][key], losses[0][key])
    assert set(losses[1]) == set(losses[0]) and set(losses[2]) == set(losses[0]) | {'loss_pc', 'pc_share'}

    losses[2]['loss_pc'].backward(retain_graph=True)
    grads = [p.grad for p in model.backbone.parameters() if p.grad is not None]
    assert all(grad.isfinite().all() for grad in grads) and any(grad.any() for grad in grads)

    total, logged = model.parse_losses(losses[2])
    OptimWrapper(torch.optim.SGD(model.parameters(), lr=1e-6)).update_params(total)
    assert 0 < logged['loss_pc'] < np.inf and logged['loss'] > logged['loss_pc']
    assert all(parameter.isfinite().all() for parameter in model.parameters())


def test_the_page_lists_these_configs():
    page = (Path(__file__).resolve().parents[2] / 'docs/any_model.md').read_text()
    assert all(f'| {name} | `{Path(config).stem}` |' in page for name, config in CONFIGS.items())
