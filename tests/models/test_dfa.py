"""DFA: its size by hand, its cascade step by step, its pseudo-labels and their fading, and PCLoss on it."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.logging import MessageHub
from mmpose.registry import MODELS

import pcloss_mmpose  # noqa: F401
from pcloss_mmpose.errors import InputError
from pcloss_mmpose.models.heads.dfa import annealed
from pcloss_mmpose.models.heads.pseudo_labels import PseudoLabels

from .test_fashionnet import FLIP_INDICES, INPUT_SIZE, PC_LOSS, samples

K = 8
HEAD = dict(
    type='DFAHead', in_channels=3, num_joints=K, pool_size=2, hidden_channels=16, num_labels=5, visibility_weight=0.5,
    label_weight=0.25, loss=dict(type='MSELoss', use_target_weight=True),
    decoder=dict(type='RegressionLabel', input_size=INPUT_SIZE))


def build(**changes):
    torch.manual_seed(0)
    head = MODELS.build(dict(HEAD, **changes)).eval()  # no dropout
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=.3)
    return head


def features(nets=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(2, 3, 2, 2, generator=generator).requires_grad_() for _ in range(nets))


@pytest.fixture
def iteration():
    """Sets the iteration that a training would be at."""
    hub = MessageHub.get_current_instance()
    yield lambda number: hub.update_info('iter', number)
    hub.runtime_info.pop('iter', None)


def fitted(head):
    """The head with clusters of what random features and samples give."""
    generator = torch.Generator().manual_seed(1)
    for clusters in head.clusters.values():
        clusters.observe(torch.randn(*clusters.memory.shape, generator=generator) * .3)
    return head


def test_it_has_the_originals_number_of_parameters():
    """VGG's convolutions, then fc6, fc7 and the three last layers; with the earlier landmarks where they come in."""
    with torch.device('meta'):
        bank = MODELS.build(dict(type='VGGBank', num=4, depth=16, out_indices=(4, )))
        head = MODELS.build(dict(type='DFAHead', in_channels=512, num_joints=K))
    last = 4096 * (16 + 24 + 20) + 60
    first = 25088 * 4096 + 4096 + 4096 * 4096 + 4096 + last
    later = 25088 * 4096 + 4096 + 16 * 512 + 512 + 4608 * 4096 + 4096 + last
    sizes = [sum(parameter.numel() for parameter in module.parameters()) for module in (bank, *head.stages_fc)]
    assert sizes == [4 * 14_714_688, first, later, later, later]
    assert first + 14_714_688 == 134_506_364 and later + 14_714_688 == 136_612_220
    assert sum(sizes) == 544_343_024 == sum(p.numel() for module in (bank, head) for p in module.parameters())


def test_a_cell_of_the_features_sees_212_pixels_in_steps_of_32():
    bank = MODELS.build(dict(type='VGGBank', num=1, depth=16, out_indices=(4, )))
    layers = bank.nets[0].features
    for index, layer in enumerate(layers):
        if isinstance(layer, torch.nn.MaxPool2d):  # of a window, only the largest pixel would have a gradient
            layers[index] = torch.nn.AvgPool2d(2)
    for parameter in bank.parameters():
        torch.nn.init.constant_(parameter, 1e-3)
    images = torch.ones(1, 3, 32, 384, dtype=torch.float64).requires_grad_()
    feats, = bank.double()(images)
    seen = [torch.autograd.grad(feats[0, 0, 0, cell], images, retain_graph=True)[0][0, 0].amax(0).nonzero().flatten()
            for cell in (5, 6)]
    assert [(int(columns[0]), len(columns)) for columns in seen] == [(5 * 32 - 90, 212), (6 * 32 - 90, 212)]


def test_nets_of_a_bank_share_nothing():
    torch.manual_seed(0)
    bank = MODELS.build(dict(type='VGGBank', num=2, depth=11, out_indices=(4, )))
    bank.init_weights()
    one, other = bank(torch.rand(1, 3, 32, 32))
    assert one.shape == (1, 512, 1, 1) and not torch.allclose(one, other)


def test_each_net_starts_from_the_same_file(tmp_path):
    vgg = MODELS.build(dict(type='VGG', depth=11, out_indices=(4, )))
    torch.save(dict(state_dict=vgg.state_dict()), tmp_path / 'vgg.pth')
    bank = MODELS.build(dict(type='VGGBank', num=2, depth=11, out_indices=(4, ),
                             init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'vgg.pth'))))
    bank.init_weights()
    for net in bank.nets:
        assert all(torch.equal(value, vgg.state_dict()[name]) for name, value in net.state_dict().items())


def by_hand(head, feats):
    """The cascade as it is written down, stage by stage."""
    def stage(layers, feat, previous=None):
        hidden = layers.fc6(feat.flatten(1))
        if previous is not None:
            hidden = torch.cat([hidden, layers.fc_previous(previous.reshape(-1, 2 * K))], dim=1)
        hidden = F.relu(layers.fc7(F.relu(hidden)))
        return layers.landmarks(hidden).reshape(-1, K, 2), layers.visibility(hidden).reshape(-1, K, 3), \
            layers.labels(hidden)

    first, second, easy, hard = head.stages_fc
    one = stage(first, feats[0])
    two = stage(second, feats[1], one[0])
    l2 = one[0] - two[0] / 5
    branches = stage(easy, feats[2], l2), stage(hard, feats[3], l2)
    l3 = l2 - (branches[0][0] / 5 + branches[1][0] / 5) / 2
    return one[0], l2, l3, (one, two, *branches)


def test_the_cascade_is_the_releases():
    head, feats = build(), features()
    output = head.forward(feats)
    l1, l2, l3, outputs = by_hand(head, feats)
    for found, expected in ((output.first_keypoints, l1), (output.second_keypoints, l2), (output.keypoints, l3)):
        torch.testing.assert_close(found, expected + .5)
    for net, (_, visibility, labels) in enumerate(outputs):
        torch.testing.assert_close(output.visibility[:, net], visibility)
        torch.testing.assert_close(output.labels[:, net], labels)
    both = (outputs[2][1] + outputs[3][1]).softmax(-1)[..., 0]
    torch.testing.assert_close(head.visible_probability(output), both)


def test_one_net_serves_all_stages():
    head, (feats, ) = build(), features(1)
    torch.testing.assert_close(head.forward((feats, )), head.forward((feats, ) * 4))


def test_two_nets_are_refused():
    with pytest.raises(InputError, match='four nets or of one, and got 2: set num=4 or num=1 on VGGBank'):
        build().forward(features(2))


def test_a_stages_loss_trains_that_stage_alone():
    for key, nets in (('loss_first', {0}), ('loss_second', {1}), ('loss_kpt', {2, 3})):
        head, feats = build(), features()
        head.loss(feats, samples())[key].backward()
        trained = {net for net, stage in enumerate(head.stages_fc)
                   if any(p.grad is not None and p.grad.abs().sum() > 0 for p in stage.parameters())}
        assert trained == nets == {net for net, feat in enumerate(feats)
                                   if feat.grad is not None and feat.grad.abs().sum() > 0}


def test_losses_before_there_are_labels():
    head, feats, batch = build(), features(), samples()
    output, losses = head.forward(feats), head.loss(feats, batch)
    truth = torch.cat([sample.gt_instance_labels.keypoint_labels for sample in batch])
    weights = torch.cat([sample.gt_instance_labels.keypoint_weights for sample in batch])[..., None]
    for key, points in (('loss_kpt', output.keypoints), ('loss_second', output.second_keypoints),
                        ('loss_first', output.first_keypoints)):
        assert losses[key].item() == pytest.approx((weights * (points - truth)**2).mean().item(), rel=1e-5)
    classes = torch.tensor([[0, 1, 2, 0, 0, 2, 1, 0]] * 2)  # visible, occluded, absent
    classes[:, 3] = 2  # turned out of the crop
    expected = sum(F.cross_entropy(output.visibility[:, net].flatten(0, 1), classes.flatten()) for net in range(4))
    assert losses['loss_visibility'].item() == pytest.approx(.5 * expected.item(), rel=1e-5)
    assert losses['loss_label'].item() == 0


def test_labels_are_of_shapes_of_offsets_and_of_both():
    head, feats, batch = fitted(build()), features(), samples()
    output = head.forward(feats)
    truth = torch.cat([sample.gt_instance_labels.keypoint_labels for sample in batch])
    weights = torch.cat([sample.gt_instance_labels.keypoint_weights for sample in batch])
    with torch.no_grad():  # the nearest of the first sample's, if its offset is that of the second stage
        offset1, offset2 = ((weights[0, :, None] * (points[0] - truth[0])).flatten()
                            for points in (output.first_keypoints, output.second_keypoints))
        shape = (weights[0, :, None] * (truth[0] - .5)).flatten()
        for label, offset in enumerate((offset1, offset2)):
            head.clusters['context'].centres[label] = torch.cat([shape, offset])
    expected = 0.
    for b in range(2):
        w = weights[b].repeat_interleave(2)
        shape, offset1, offset2 = (w * points[b].flatten() for points in (
            truth - .5, output.first_keypoints - truth, output.second_keypoints - truth))
        logs = output.labels[b].log_softmax(-1)
        away = (head.clusters['shape'].centres - shape).norm(dim=1)
        soft = (-away / .1).exp() / (-away / .1).exp().sum()
        expected -= (soft * logs[0]).sum()
        expected -= logs[1, (head.clusters['offset'].centres - offset1).norm(dim=1).argmin()]
        context = (head.clusters['context'].centres - torch.cat([shape, offset2])).norm(dim=1).argmin()
        expected -= logs[2, context] + logs[3, context]
    assert head.loss(feats, batch)['loss_label'].item() == pytest.approx(.25 * expected.item() / 2, rel=1e-5)


def test_labels_and_visibility_fade_and_points_do_not(iteration):
    assert [annealed(number, 2000, 4000) for number in (0, 2000, 2500, 4000, 9000)] == [1, 1, .75, 0, 0]
    head, feats, batch = fitted(build(fade=(10, 30))), features(), samples()
    iteration(10)
    full = head.loss(feats, batch)
    iteration(15)
    faded = head.loss(feats, batch)
    for key in ('loss_label', 'loss_visibility'):
        assert faded[key].item() == pytest.approx(.75 * full[key].item(), rel=1e-5)
    assert torch.equal(faded['loss_kpt'], full['loss_kpt'])
    iteration(30)
    over = head.loss(feats, batch)
    assert (over['loss_label'].item(), over['loss_visibility'].item()) == (0, 0)
    assert torch.equal(over['loss_kpt'], full['loss_kpt'])


def test_clusters_are_those_of_the_data_and_keep_their_numbers():
    rng = np.random.default_rng(0)
    places = np.array([[0, 0], [5, 0], [0, 5.]])
    labels = PseudoLabels(3, 2, memory=60)
    members = torch.tensor(rng.permutation(np.repeat(places, 20, axis=0)) + rng.normal(0, .1, (60, 2))).float()
    labels.observe(members[:50])
    assert not labels.fitted
    labels.observe(torch.cat([members[50:], torch.full((5, 2), 99.)]))  # what is too many is left out
    assert labels.fitted and labels.filled == 0
    order = [int(labels.distances(torch.tensor(place)[None].float()).argmin()) for place in places]
    assert sorted(order) == [0, 1, 2]
    for place, label in zip(places, order):
        near = members[(members - torch.tensor(place)).norm(dim=1) < 1]
        torch.testing.assert_close(labels.centres[label], near.mean(0))
    labels.observe(members + 1)  # all have moved a little: the same labels
    assert [int(labels.distances(torch.tensor(place + 1)[None].float()).argmin()) for place in places] == order


def test_only_a_training_observes_and_only_until_labels_fade(iteration):
    head, feats, batch = build(fade=(10, 30)), features(), samples()
    head.loss(feats, batch)
    assert head.clusters['shape'].filled == 0
    head.train()
    head.loss(feats, batch)
    assert {int(clusters.filled) for clusters in head.clusters.values()} == {2}
    iteration(10)
    head.loss(feats, batch)
    assert head.clusters['shape'].filled == 2


def test_the_second_stages_label_chooses_the_branch():
    head, feats = build(routing='predicted'), features()
    lengths = torch.tensor([.1, .5, .2, .4, .3])
    head.clusters['offset'].centres.copy_(lengths[:, None].expand(-1, 2 * K))
    labels = torch.eye(5)
    assert head.is_hard(labels).tolist() == [False, True, False, True, False]
    _, l2, _, outputs = by_hand(head, feats)
    for label, branch in ((2, 2), (3, 3)):
        with torch.no_grad():
            head.stages_fc[1].labels.weight.zero_()
            head.stages_fc[1].labels.bias.copy_(labels[label])
        torch.testing.assert_close(head.forward(feats).keypoints, l2 - outputs[branch][0] / 5 + .5)


@pytest.mark.parametrize(('changes', 'message'), [
    (dict(routing='best'), "routing is 'average' or 'predicted', got 'best'"),
    (dict(routing='predicted', label_weight=0), 'label_weight=0 does not train'),
    (dict(fade=(30, 10)), 'two ascending numbers of iterations, got (30, 10)'),
    (dict(fade=[10]), 'two ascending numbers of iterations, got (10,)'),
])
def test_settings_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ValueError) as error:
        build(**changes)
    assert message in str(error.value)


def test_a_flip_test_is_the_mean_of_both():
    head = build()
    with torch.no_grad():
        output, mirrored = head.forward(features()), head.forward(features(seed=1))
        predictions = head.predict([features(), features(seed=1)], samples(), dict(flip_test=True, shift_coords=False))
    flipped = mirrored.keypoints[:, FLIP_INDICES] * torch.tensor([-1., 1.]) + torch.tensor([1., 0.])
    for instances, points in zip(predictions, (output.keypoints + flipped) / 2):
        np.testing.assert_allclose(instances.keypoints[0], points.numpy() * INPUT_SIZE, rtol=1e-4, atol=1e-4)


def test_autocast_gives_nearly_the_same():
    head, batch = fitted(build()), samples()
    with torch.no_grad():
        exact = head.loss(features(), batch)
        with torch.autocast('cpu', torch.bfloat16):
            rough = head.loss(features(), batch)
    for key in ('loss_kpt', 'loss_second', 'loss_first', 'loss_visibility', 'loss_label'):
        assert rough[key].item() == pytest.approx(exact[key].item(), rel=0.05)


def test_pcloss_is_on_every_stage_and_adds_nothing_else(pairwise_loss):
    stock, head = build(), build(type='PCDFAHead', pc_loss=PC_LOSS)
    assert list(head.state_dict()) == list(stock.state_dict())
    feats, batch = features(), samples()
    losses = head.loss(feats, batch)
    truth = torch.cat([sample.gt_instance_labels.keypoint_labels for sample in batch])
    weights = torch.cat([sample.gt_instance_labels.keypoint_weights for sample in batch])
    output = head.forward(feats)
    expected = 2 * sum(pairwise_loss(points, truth, weights, [[0, 2, 4, 6], [1, 3, 5, 7]], 3)
                       for points in output[:3])
    assert losses['loss_pc'].item() == pytest.approx(expected.item(), rel=1e-5)
    assert all(torch.equal(losses[key], value) for key, value in stock.loss(feats, batch).items())
