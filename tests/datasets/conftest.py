"""For all tests of the data sets."""

import pytest
from mmengine.registry import init_default_scope


@pytest.fixture(autouse=True)
def mmpose_scope():
    """Pipelines name their transforms as they do under a Runner."""
    init_default_scope('mmpose')
