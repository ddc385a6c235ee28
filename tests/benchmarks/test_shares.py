"""The measured shares are what a training logs."""

import sys

import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpose.registry import MODELS

from benchmarks import shares
from pcloss_mmpose.configs import find_config, load_config

SPB = 'td-hm_res50-pcloss_4xb5-100k_deepfashion-512x512'
FASHIONNET = 'td-reg_fashionnet-pcloss_4xb5-100k_deepfashion-512x512'


@pytest.fixture
def photographs(raw, tmp_path, monkeypatch):
    """Four pictures in DeepFashion's layout, where the config looks for them."""
    row = '1  0 040 050  0 080 050  1 030 090  0 090 090  0 045 140  0 085 140'
    rows = {f'img/{number}.jpg': row for number in range(4)}
    raw.benchmark(tmp_path, rows, splits=dict.fromkeys(rows, 'train'))
    for image in rows:
        raw.image(tmp_path / image, size=(120, 240))
    monkeypatch.setenv('DEEPFASHION_ROOT', str(tmp_path))


def test_the_rows_of_a_config_are_its_own_and_the_readings_of_its_beta():
    rows = shares.settings(load_config(find_config(SPB)))
    assert rows['as configured'] == rows['heatmap pixels, peak 100, mean'] == shares.Setting(
        pytest.approx(1.6384e-5), pytest.approx(10.))
    assert rows['input pixels, peak 1, sum'] == shares.Setting(pytest.approx(1.6e-4), pytest.approx(0.1))
    rows = shares.settings(load_config(find_config(FASHIONNET)))
    assert rows['point loss averaged'] == shares.Setting(1e-5, None)
    assert rows['point loss summed'] == shares.Setting(1e-5 / 16, None)  # eight landmarks' x and y


@pytest.mark.parametrize(('name', 'others'), [
    (SPB, [shares.Setting(3e-4, 30., True), shares.Setting(10., 0.1)]),
    (FASHIONNET, [shares.Setting(0.03, None), shares.Setting(0.01, None, True)]),
])
def test_a_share_at_another_setting_is_that_of_a_head_with_this_setting(photographs, name, others):
    """One ratio gives the share at every weight, and the head is as it was afterwards."""
    init_default_scope('mmpose')
    config = shares.small_config(load_config(find_config(name)), divisor=8, batch_size=4)
    assert config.model.head.decoder.input_size == (64, 64)
    batch = next(iter(Runner.build_dataloader(config.train_dataloader, seed=0)))
    model = MODELS.build(config.model).train()
    data = model.data_preprocessor(batch, training=True)
    feats = [feat.detach() for feat in model.extract_feat(data['inputs'])]

    def logged(head):
        return head.loss(feats, data['data_samples'])['pc_share'].item()

    before = logged(model.head)
    for setting in others:
        ratio = shares.ratio(model.head, feats, data['data_samples'], setting)
        config.model.head.pc_loss.update(loss_weight=setting.weight, robust=setting.robust)
        if setting.alpha is not None:
            config.model.head.integral.alpha = setting.alpha
        head = MODELS.build(config.model.head)
        head.load_state_dict(model.head.state_dict())
        weighted = setting.weight * ratio
        assert weighted / (1 + weighted) == pytest.approx(logged(head), rel=1e-3)
    assert logged(model.head) == pytest.approx(before, rel=1e-6)


def test_a_short_training_gives_the_table(photographs, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['shares', SPB, '--divide', '8', '--iterations', '3', '--batch-size', '2'])
    monkeypatch.setattr(shares, 'MEASURED_BATCHES', 1)
    threads = torch.get_num_threads()
    shares.main()
    torch.set_num_threads(threads)
    lines = capsys.readouterr().out.splitlines()
    header, _, *rows = [[cell.strip() for cell in line.strip('|').split('|')] for line in lines if line[:1] == '|']
    assert header == [f'pc_share, {SPB}', 'loss_weight', '1', '2', '3']
    rows = {name: cells for name, *cells in rows}
    assert rows['as configured'] == rows['heatmap pixels, peak 100, mean']
    assert float(rows['lengths, alpha 30, weight 0.001'][3]) > float(rows['lengths, alpha 30, weight 0.0001'][3]) > 0
    assert -1 < float(rows['mean peak of the heatmaps'][3]) < 1
