"""MMPose's own configs, as installed, with PCLoss: what they train, load and predict against the stock models."""

import copy
from pathlib import Path

import add_pcloss
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
from mmengine.runner import load_checkpoint
from mmpose.apis import inference_topdown, init_model
from mmpose.registry import MODELS

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


def without_download(model):
    """The model's config with nothing to fetch."""
    return dict(model, init_cfg=None, backbone=dict(model.backbone, init_cfg=None))


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


@pytest.mark.parametrize('name', [
    pytest.param(name, marks=pytest.mark.every_config) if name == 'hourglass' else name for name in CONFIGS])  # slow
def test_a_stock_model_with_pcloss(name, picture, tmp_path):
    path = ZOO / CONFIGS[name]
    stock_text, text = add_pcloss.added(str(path), None)
    stock_cfg, cfg = Config.fromfile(path), add_pcloss.load(text, path)
    assert text.startswith(stock_text) and text.count('\n') - stock_text.count('\n') <= 6
    init_default_scope('mmpose')
    for each in (stock_cfg, cfg):
        each.model = without_download(each.model)

    metainfo = load_metainfo(cfg.model.head.pc_loss.get('metainfo', cfg.train_dataloader.dataset.type))
    torch.manual_seed(0)
    stock = MODELS.build(stock_cfg.model)
    file = str(tmp_path / 'stock.pth')
    torch.save(dict(state_dict=stock.state_dict(), meta=dict(dataset_meta=metainfo)), file)
    # MMEngine's runner, too, reverts these layers where there is no GPU.
    stock, ours = (revert_sync_batchnorm(init_model(copy.deepcopy(each), file, device='cpu'))
                   for each in (stock_cfg, cfg))
    (ours_result, ), (stock_result, ) = (inference_topdown(model, picture) for model in (ours, stock))
    np.testing.assert_array_equal(ours_result.pred_instances.keypoints, stock_result.pred_instances.keypoints)
    np.testing.assert_array_equal(ours_result.pred_instances.keypoint_scores,
                                  stock_result.pred_instances.keypoint_scores)

    off = revert_sync_batchnorm(MODELS.build(dict(cfg.model, head=dict(cfg.model.head, pc_loss=None))))
    for model in (ours, off):
        load_checkpoint(model, file, strict=True)
    data = batch_of(cfg, metainfo, picture)
    losses = []
    for model in (stock, off, ours):
        model.train()
        model.train_cfg = off.train_cfg  # init_model left it out
        torch.manual_seed(2)
        with torch.set_grad_enabled(model is ours):
            losses.append(model(**model.data_preprocessor(data, True), mode='loss'))
    for key in losses[0]:
        assert torch.equal(losses[1][key], losses[0][key]) and torch.equal(losses[2][key], losses[0][key])
    assert set(losses[1]) == set(losses[0]) and set(losses[2]) == set(losses[0]) | {'loss_pc', 'pc_share'}

    losses[2]['loss_pc'].backward(retain_graph=True)
    grads = [p.grad for p in ours.backbone.parameters() if p.grad is not None]
    assert all(grad.isfinite().all() for grad in grads) and any(grad.any() for grad in grads)

    total, logged = ours.parse_losses(losses[2])
    OptimWrapper(torch.optim.SGD(ours.parameters(), lr=1e-6)).update_params(total)
    assert 0 < logged['loss_pc'] < np.inf and logged['loss'] > logged['loss_pc']
    assert all(parameter.isfinite().all() for parameter in ours.parameters())


def test_the_page_lists_these_configs():
    page = (Path(__file__).resolve().parents[2] / 'docs/any_model.md').read_text()
    assert all(f'| {name} | `{Path(config).stem}` |' in page for name, config in CONFIGS.items())
