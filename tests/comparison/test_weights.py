"""The weights of shares: found once, kept, and not taken for another config."""

import json

import pytest

from pcloss_mmpose.comparison.arms import make_arms
from pcloss_mmpose.comparison.config import Measure, comparable
from pcloss_mmpose.comparison.weights import measure_ratios, missing, read_ratios
from pcloss_mmpose.errors import FileFormatError, InputError

pytest.importorskip('pcloss_mmpose.calibration')


@pytest.fixture
def long_config(own_config):
    """As long as a measurement takes."""
    own_config.train_cfg.max_iters = 40
    return own_config


@pytest.fixture
def long_base(long_config):
    return comparable(long_config, Measure())


def test_ratios_are_measured_once_and_those_of_further_losses_are_added(long_base, long_config, tmp_path):
    arms = make_arms(long_config, ['robust', 'config'], shares=[0.1, 0.3])
    steps = []
    assert read_ratios(long_base, arms, tmp_path) == {}
    first = measure_ratios(long_base, arms, {}, tmp_path, lambda *done: steps.append(done))
    assert first.keys() == {'robust'} and first['robust'] > 0 and steps
    assert read_ratios(long_base, arms, tmp_path) == first and not missing(arms, first)
    kept = (tmp_path / 'calibration.json').read_bytes()
    assert measure_ratios(long_base, arms, first, tmp_path) == first
    assert (tmp_path / 'calibration.json').read_bytes() == kept

    more = make_arms(long_config, ['robust', 'pc'], shares=[0.1])
    assert missing(more, first).keys() == {'pc'}
    second = measure_ratios(long_base, more, first, tmp_path)
    assert second['robust'] == first['robust'] and second['pc'] > 0
    assert read_ratios(long_base, arms, tmp_path) == second
    assert json.loads((tmp_path / 'calibration.json').read_text())['losses'].keys() == {'robust', 'pc'}


def test_ratios_of_another_config_or_loss_are_refused(long_base, long_config, tmp_path):
    arms = make_arms(long_config, ['robust'], shares=[0.1])
    measure_ratios(long_base, arms, {}, tmp_path)
    long_config.train_dataloader.batch_size = 1
    with pytest.raises(InputError, match=r'calibration\.json was measured with another config'):
        read_ratios(comparable(long_config, Measure()), arms, tmp_path)
    long_config.model.head.pc_loss.topk = 2
    with pytest.raises(InputError, match=r'calibration\.json was measured with another config'):
        read_ratios(long_base, make_arms(long_config, ['robust'], shares=[0.1]), tmp_path)
    (tmp_path / 'calibration.json').write_text('{')
    with pytest.raises(FileFormatError, match=r'calibration\.json: not what a calibration writes'):
        read_ratios(long_base, arms, tmp_path)
