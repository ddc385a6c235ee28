"""A tiny config to compare losses with."""

import copy

import pytest

from pcloss_mmpose.comparison.arms import make_arms
from pcloss_mmpose.comparison.config import Measure, comparable
from pcloss_mmpose.configs import load_config


@pytest.fixture(scope='session')
def config(tiny_config):
    """Four iterations of a model whose checkpoints are small; what tests change is their own."""
    loaded = load_config(tiny_config)
    loaded.model.backbone.update(stem_channels=8, base_channels=8)
    loaded.model.head.in_channels = 64
    loaded.train_cfg = dict(type='IterBasedTrainLoop', max_iters=4, val_interval=2)
    return loaded


@pytest.fixture
def own_config(config):
    return copy.deepcopy(config)


@pytest.fixture(scope='session')
def base(config):
    return comparable(config, Measure())


@pytest.fixture(scope='session')
def arms(config):
    """``none``, ``robust:0.01``."""
    return make_arms(config, ['robust'], weights=[0.01])
