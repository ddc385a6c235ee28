"""FGN: its recurrence by hand and by loops, its chains by name, its sizes, and what its head gives and learns from."""

import math

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample

import pcloss_mmpose  # noqa: F401
from pcloss_mmpose.configs import find_config, load_config
from pcloss_mmpose.metainfo import landmark_names, load_metainfo
from pcloss_mmpose.models import integral_coordinates
from pcloss_mmpose.models.heads.fgn import BCRNN, START, grammar_chains

K = 8
CODEC = dict(type='MSRAHeatmap', input_size=(48, 64), heatmap_size=(6, 8), sigma=1)  # w, h
KINEMATIC = [['left_collar', 'left_waistline', 'left_hem'], ['left_collar', 'left_sleeve'],
             ['right_collar', 'right_waistline', 'right_hem'], ['right_collar', 'right_sleeve']]
SYMMETRIC = [[f'{side}_{part}' for side in ('left', 'right')] for part in ('collar', 'sleeve', 'waistline', 'hem')]
HEAD = dict(
    type='FGNHead', in_channels=5, out_channels=K, metainfo='FLDDataset', chains=KINEMATIC, hidden_channels=3,
    loss=dict(type='KeypointMSELoss', use_target_weight=True), decoder=CODEC)
PC_LOSS = dict(type='PCLoss', topk=3, partition='left_right', metainfo='FLDDataset', loss_weight=2.)
CONFIGS = {'FLDDataset': 'td-hm_fgn_4xb5-100k_fld-224x224',
           'DeepFashionAttributeDataset': 'td-hm_fgn_4xb5-100k_deepfashion-224x224'}


def build(**changes):
    """A head whose weights are larger than they start, so that every part matters."""
    torch.manual_seed(0)
    head = MODELS.build(dict(HEAD, **changes))
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=.5)
    return head


def features(batch=2, seed=0):
    return (torch.randn(batch, 5, 8, 6, generator=torch.Generator().manual_seed(seed)).requires_grad_(), )


def samples(batch=2, visible=True):
    rng, codec = np.random.default_rng(0), KEYPOINT_CODECS.build(CODEC)
    made = []
    for index in range(batch):
        keypoints = rng.uniform(8, 40, (1, K, 2)).astype(np.float32)
        seen = (np.arange(K)[None] != 3 + index).astype(np.float32) * visible
        encoded = codec.encode(keypoints, seen)
        sample = PoseDataSample(metainfo=dict(
            flip_indices=[1, 0, 3, 2, 5, 4, 7, 6], input_size=CODEC['input_size'], img_path='picture.jpg'))
        sample.gt_fields = PixelData(heatmaps=torch.from_numpy(encoded['heatmaps']))
        sample.gt_instance_labels = InstanceData(keypoint_weights=torch.from_numpy(encoded['keypoint_weights']))
        sample.gt_instances = InstanceData(transformed_keypoints=keypoints.astype(np.float64))
        made.append(sample)
    return made


def targets_and_weights(batch):
    return (torch.stack([sample.gt_fields.heatmaps for sample in batch]),
            torch.cat([sample.gt_instance_labels.keypoint_weights for sample in batch]))


def test_a_chain_of_two_worked_by_hand():
    """Maps of one cell, 1 and 0, so that only the middle of each kernel counts.

    Onward: tanh(log 3 / 2) = 1/2, and from it tanh(2 log 2 * 1/2) = 3/5. Back: 0, and then tanh(log 2) = 3/5.
    """
    network, log = BCRNN(1), math.log
    for each, heatmap, hidden in ((network.onward, log(3) / 2, 2 * log(2)), (network.back, log(2), 5.)):
        torch.nn.init.constant_(each.heatmap_conv.weight, heatmap)
        torch.nn.init.constant_(each.hidden_conv.weight, hidden)
        torch.nn.init.zeros_(each.heatmap_conv.bias)
    with torch.no_grad():
        network.output_conv.weight.copy_(torch.tensor([1 / 0.6, 2 / 3.6]).view(1, 2, 1, 1) * log(3))
        network.output_conv.bias.fill_(log(3))
        refined = network(torch.tensor([1., 0.]).view(1, 2, 1, 1)).flatten()
    # The sigmoid of (5/6 + 1/3 + 1) log 3 and of (1 + 1) log 3.
    torch.testing.assert_close(refined, torch.tensor([1 / (1 + 3**(-13 / 6)), 0.9]))


def slow_convolution(maps, weight):
    """(I, H, W) and (O, I, k, k): cell by cell, with zeros around."""
    out, reach = np.zeros((len(weight), *maps.shape[1:])), weight.shape[-1] // 2
    height, width = maps.shape[1:]
    for o, y, x in np.ndindex(*out.shape):
        for i, dy, dx in np.ndindex(*weight.shape[1:]):
            row, column = y + dy - reach, x + dx - reach
            if 0 <= row < height and 0 <= column < width:
                out[o, y, x] += weight[o, i, dy, dx] * maps[i, row, column]
    return out


def slow_bcrnn(heatmaps, network):
    """The formula, landmark by landmark, of one sample (T, H, W)."""
    w = {name: value.detach().numpy() for name, value in network.named_parameters()}

    def step(way, hidden, heatmap):
        return np.tanh(slow_convolution(hidden, w[f'{way}.hidden_conv.weight'])
                       + slow_convolution(heatmap[None], w[f'{way}.heatmap_conv.weight'])
                       + w[f'{way}.heatmap_conv.bias'][:, None, None])

    states, length = {}, len(heatmaps)
    nothing = np.zeros((len(w['onward.heatmap_conv.bias']), *heatmaps.shape[1:]))
    for t in range(length):
        states['onward', t] = step('onward', states.get(('onward', t - 1), nothing), heatmaps[t])
    for t in range(length)[::-1]:
        states['back', t] = step('back', states.get(('back', t + 1), nothing), heatmaps[t])
    width = len(nothing)
    onward, back = w['output_conv.weight'][:, :width], w['output_conv.weight'][:, width:]
    logits = [slow_convolution(states['onward', t], onward) + slow_convolution(states['back', t], back)
              + w['output_conv.bias'] for t in range(length)]
    return 1 / (1 + np.exp(-np.concatenate(logits)))


@pytest.mark.parametrize('length', [2, 3, 4])
def test_the_recurrence_is_the_formula(length):
    torch.manual_seed(0)
    network = BCRNN(3).double()
    heatmaps = torch.rand(2, length, 4, 3, dtype=torch.float64)
    with torch.no_grad():
        ours = network(heatmaps).numpy()
    for found, given in zip(ours, heatmaps.numpy()):
        np.testing.assert_allclose(found, slow_bcrnn(given, network), rtol=1e-10)


def test_its_gradient_is_right():
    torch.manual_seed(0)
    network = BCRNN(2).double()
    heatmaps = torch.rand(1, 3, 3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda heatmaps, *weights: network(heatmaps), (heatmaps, *network.parameters()))


@pytest.mark.parametrize('dataset', CONFIGS)
def test_the_chains_of_the_configs_by_name(dataset):
    head = load_config(find_config(CONFIGS[dataset]), custom_imports=False).model.head
    names = landmark_names(load_metainfo(head.metainfo))
    assert [[names[k] for k in chain] for chain in grammar_chains(head.metainfo, head.chains)] == KINEMATIC + SYMMETRIC
    assert head.metainfo == dataset


def test_flip_pairs_of_any_data_set_are_chains():
    names = landmark_names(load_metainfo('CocoDataset'))
    chains = [[names[k] for k in chain] for chain in grammar_chains('CocoDataset')]
    assert chains[0] == ['left_eye', 'right_eye'] and len(chains) == 8


WITHOUT_PAIRS = dict(
    dataset_name='axis', keypoint_info={k: dict(name=name, id=k, color=[0, 0, 0], type='', swap='')
                                        for k, name in enumerate(('neck', 'waist'))},
    skeleton_info={}, joint_weights=[1., 1.], sigmas=[.1, .1], paper_info={})


@pytest.mark.parametrize(('metainfo', 'chains', 'words'), [
    ('FLDDataset', ['left_collar', 'left_hem'], r"a chain must be a list of names, such as .*, got 'left_collar'"),
    ('FLDDataset', 'left_collar', r"chains must be lists of names, .*, got 'left_collar'"),
    ('FLDDataset', None, 'chains must be lists of names, .*, got None'),
    ('FLDDataset', [['left_collar', 'left_cuff']], "'fld' has no landmark 'left_cuff'; it has left_collar, "),
    ('FLDDataset', [[0, 6]], r'a chain must be a list of names, such as .*, got \[0, 6\]'),
    ('FLDDataset', [[['left_hem']]], r"a chain must be a list of names, such as .*, got \[\['left_hem'\]\]"),
    ('FLDDataset', [['left_collar']], r"a chain needs two or more, got \['left_collar'\]"),
    ('FLDDataset', [[]], r'a chain needs two or more, got \[\]'),
    ('FLDDataset', [['left_hem', 'left_collar', 'left_hem']], 'name each landmark of a chain once, got '),
    ('NoDataset', [], "'NoDataset' is neither a registered data set nor a metainfo file"),
    (WITHOUT_PAIRS, [], "'axis' has no flip pairs to take them from: name some"),
])
def test_chains_that_cannot_be_are_refused(metainfo, chains, words):
    with pytest.raises(ValueError, match=words):
        grammar_chains(metainfo, chains)


def test_another_number_of_landmarks_is_refused():
    with pytest.raises(ValueError, match="out_channels=24, and its metainfo 'fld' has 8 landmarks: make them the same"):
        build(out_channels=24)


def test_numbers_of_parameters():
    """Worked by hand: a chain 2 * (9 * 64 + 9 * 64 * 64 + 64) + 129, of which there are eight; 512 * 8 + 8 before."""
    config = load_config(find_config(CONFIGS['FLDDataset']), custom_imports=False).model
    head = MODELS.build(config.head)
    backbone = MODELS.build(dict(config.backbone, init_cfg=None))
    vgg, chain, whole = (sum(parameter.numel() for parameter in module.parameters())
                         for module in (backbone, head.grammar[0], head))
    assert (vgg, chain, whole) == (7_635_264, 75_137, 4_104 + 8 * 75_137)
    assert vgg + whole == 8_240_464
    full = MODELS.build(dict(type='VGG', depth=16, out_indices=(4, ), init_cfg=None))  # as in ImageNet's file
    assert set(backbone.state_dict()) < set(full.state_dict())


def test_a_cell_sees_92_pixels_and_the_next_one_lies_8_further():
    backbone = load_config(find_config(CONFIGS['FLDDataset']), custom_imports=False).model.backbone
    backbone = MODELS.build(dict(backbone, init_cfg=None))
    for parameter in backbone.parameters():  # all positive, so that no ReLU stops a gradient
        torch.nn.init.uniform_(parameter, 0, 0.01)
    spans = []
    for column in (9, 10):
        image = torch.rand(1, 3, 160, 160, requires_grad=True)
        last, = backbone(image)
        assert last.shape == (1, 512, 20, 20)
        last[0, :, 9, column].sum().backward()
        for other_axis in (1, 2):  # the columns, then the rows
            reached = image.grad[0].abs().amax((0, other_axis)).nonzero().flatten()
            spans.append((int(reached[0]), int(reached[-1]) + 1))
    assert [end - first for first, end in spans] == [92] * 4
    (columns, further), (rows, same) = spans[::2], spans[1::2]
    assert further[0] == columns[0] + 8 and same == rows


def test_messages_reach_the_landmarks_of_a_chain_and_no_others():
    head = build()
    initial = torch.rand(1, K, 8, 6, requires_grad=True)
    head.initial_heatmaps = lambda feats: initial
    merged = head.forward(())
    reached = [torch.autograd.grad(merged[:, k].sum(), initial, retain_graph=True)[0].abs().sum((0, 2, 3)) > 0
               for k in range(K)]
    names = landmark_names(load_metainfo('FLDDataset'))
    for k, row in enumerate(reached):
        neighbours = {name for chain in KINEMATIC + SYMMETRIC if names[k] in chain for name in chain}
        assert {name for name, hit in zip(names, row) if hit} == neighbours


def test_a_landmark_has_the_mean_of_its_chains_and_without_one_its_own():
    head = build(out_channels=17, metainfo='CocoDataset', chains=[['left_ankle', 'left_knee']])
    feats = features()
    with torch.no_grad():
        initial, merged = head.initial_heatmaps(feats), head.forward(feats)
        ankle, knee = head.grammar[0](initial[:, [15, 13]]).unbind(1)
        pairs = {chain[0]: network(initial[:, chain]) for chain, network in zip(head.chains[1:], head.grammar[1:])}
    assert torch.equal(merged[:, 0], initial[:, 0])  # the nose
    torch.testing.assert_close(merged[:, 15], (ankle + pairs[15][:, 0]) / 2)
    torch.testing.assert_close(merged[:, 13], (knee + pairs[13][:, 0]) / 2)
    assert torch.equal(merged[:, 6], pairs[5][:, 1])  # the right shoulder


def test_losses_are_those_of_both_stages():
    head, feats, batch = build(), features(), samples()
    losses = head.loss(feats, batch)
    targets, weights = targets_and_weights(batch)
    assert weights[0, 3] == weights[1, 4] == 0 and weights.sum() == 2 * (K - 1)
    for key, heatmaps in (('loss_kpt', head.forward(feats)), ('loss_initial', head.initial_heatmaps(feats))):
        expected = (weights[..., None, None] * (heatmaps - targets)**2).mean()
        assert losses[key].item() == pytest.approx(expected.item(), rel=1e-5)
    assert set(losses) == {'loss_kpt', 'loss_initial', 'acc_pose'}
    (losses['loss_kpt'] + losses['loss_initial']).backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in head.parameters())
    assert feats[0].grad.abs().sum() > 0


@pytest.mark.parametrize('kind', ['FGNHead', 'PCFGNHead'])
def test_one_sample_and_one_without_landmarks(kind):
    options = dict(pc_loss=PC_LOSS, integral=dict(alpha=30.)) if kind.startswith('PC') else {}
    head, feats, batch = build(type=kind, **options), features(1), samples(1, visible=False)
    losses = head.loss(feats, batch)
    total = sum(value for key, value in losses.items() if 'loss' in key)
    total.backward()
    assert total == 0 and feats[0].grad.abs().sum() == 0
    assert all(torch.isfinite(parameter.grad).all() for parameter in head.parameters())


def test_every_heatmap_starts_low():
    torch.manual_seed(0)
    head = MODELS.build(HEAD)
    head.init_weights()
    with torch.no_grad():
        for heatmaps in (head.initial_heatmaps(features()), head.forward(features())):
            torch.testing.assert_close(heatmaps, torch.full_like(heatmaps, START), rtol=0.1, atol=0)
        for network in head.grammar:  # and yet what a landmark says would reach the end of its chain
            heatmaps = torch.zeros(2, 2, 8, 6)
            heatmaps[1, 0, 4, 3] = 1
            nothing, something = network(heatmaps)[:, 1]
            assert (something / nothing - 1).abs().max() > 1e-3


@pytest.mark.parametrize('flip_test', [False, True])
def test_predictions_are_read_from_the_refined_heatmaps(flip_test):
    head, batch = build(), samples()
    with torch.no_grad():
        heatmaps = head.forward(features(seed=0))
        feats = [features(seed=0), features(seed=1)] if flip_test else features(seed=0)
        predictions = head.predict(feats, batch, dict(flip_test=flip_test))
        if flip_test:
            mirrored = head.forward(features(seed=1))[:, batch[0].metainfo['flip_indices']].flip(-1)
            heatmaps = (heatmaps + mirrored) / 2
    for instances, sample in zip(predictions, heatmaps.numpy()):
        points, scores = KEYPOINT_CODECS.build(CODEC).decode(sample)
        np.testing.assert_allclose(instances.keypoints, points, atol=1e-4)
        np.testing.assert_allclose(instances.keypoint_scores, scores, rtol=1e-5)


def test_autocast_gives_nearly_the_same_in_float32():
    head, batch = build(), samples()
    with torch.no_grad():
        exact, heatmaps = head.loss(features(), batch), head.forward(features())
        with torch.autocast('cpu', torch.bfloat16):
            rough, rough_heatmaps = head.loss(features(), batch), head.forward(features())
    assert rough_heatmaps.dtype == torch.float32
    torch.testing.assert_close(rough_heatmaps, heatmaps, rtol=0, atol=0.05)
    for key in ('loss_kpt', 'loss_initial'):
        assert rough[key].item() == pytest.approx(exact[key].item(), rel=0.02)


def test_pcloss_is_on_the_refined_heatmaps_and_adds_nothing_else(pairwise_loss):
    stock = build()
    head = build(type='PCFGNHead', pc_loss=PC_LOSS, integral=dict(alpha=30.))
    assert list(head.state_dict()) == list(stock.state_dict())
    feats, batch = features(), samples()
    losses = head.loss(feats, batch)
    points = integral_coordinates(head.forward(feats), 30.) * torch.tensor([48 / 6, 64 / 8])
    truth = torch.from_numpy(np.concatenate([sample.gt_instances.transformed_keypoints for sample in batch])).float()
    size = torch.tensor(CODEC['input_size'])
    expected = 2 * pairwise_loss(
        points / size, truth / size, targets_and_weights(batch)[1], [[0, 2, 4, 6], [1, 3, 5, 7]], 3)
    assert losses['loss_pc'].item() == pytest.approx(expected.item(), rel=1e-5)
    for key in ('loss_kpt', 'loss_initial'):
        assert losses[key] == stock.loss(feats, batch)[key]
    for off in (None, dict(PC_LOSS, loss_weight=0)):
        plain = build(type='PCFGNHead', pc_loss=off).loss(feats, batch)
        assert 'loss_pc' not in plain
        assert all(torch.equal(plain[key], value) for key, value in stock.loss(feats, batch).items())
