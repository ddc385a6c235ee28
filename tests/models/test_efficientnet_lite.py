import pytest
import torch

from pcloss_mmpose.errors import InputError
from pcloss_mmpose.models.backbones import EfficientNetLite0


def test_frozen_stages_keep_weights_and_statistics_and_the_others_do_not():
    torch.manual_seed(0)
    backbone = EfficientNetLite0(pretrained=False, frozen_stages=2).train()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    optimizer = torch.optim.SGD(backbone.parameters(), lr=0.1)
    backbone(torch.rand(2, 3, 64, 64))[0].square().sum().backward()
    optimizer.step()
    changed = {name for name, value in backbone.state_dict().items() if not torch.equal(value, before[name])}
    frozen = {name for name in before if name.startswith(('features.conv_stem', 'features.bn1', 'features.blocks.0',
                                                          'features.blocks.1'))}
    assert not changed & frozen
    assert {'features.blocks.2.0.conv_pw.weight', 'features.blocks.2.0.bn1.running_mean'} <= changed
    assert any(name.startswith('features.blocks.6') for name in changed)


@pytest.mark.parametrize('stages, first', [(-1, None), (0, 'features.bn1.weight'), (7, 'features.bn1.weight')])
def test_what_is_trained(stages, first):
    backbone = EfficientNetLite0(pretrained=False, frozen_stages=stages)
    still = [name for name, weight in backbone.named_parameters() if not weight.requires_grad]
    assert (first in still) == (first is not None)
    assert len(still) == {-1: 0, 0: 3, 7: len(list(backbone.parameters()))}[stages]


@pytest.mark.parametrize('stages', [-2, 8, 1.0, True, None])
def test_refuses_stages_that_there_are_not(stages):
    with pytest.raises(InputError, match='frozen_stages'):
        EfficientNetLite0(frozen_stages=stages)
