"""The shape prior: its values by hand and by numpy, what it learns, and what it refuses."""

import json
import math

import numpy as np
import pytest
import torch
from mmpose.registry import DATASETS, MODELS

from pcloss_mmpose.models.losses import ShapePriorLoss
from pcloss_mmpose.models.losses.shape_model import ShapeModel, fit_shapes, principal_modes
from pcloss_mmpose.models.losses.shape_prior import misfit, read_shapes

from . import test_heads as heads

SIGNS = torch.tensor([[-1., -1.], [1., -1.], [1., 1.], [-1., 1.]], dtype=torch.float64)
SQUARE = SIGNS / math.sqrt(2)  # its corners lie 1 from the centre
STRETCH = SIGNS * torch.tensor([1., -1.]) / math.sqrt(8)  # wider and less tall; of length 1
SHEAR = SIGNS.flip(1) / math.sqrt(8)  # orthogonal to it
PLACE = .5 + .2 * SQUARE  # the square in the input


def fitted(models, size=(100, 100), **options):
    loss = ShapePriorLoss(**options)
    loss.input_size, loss.models = size, models
    return loss


def model_of(mean, modes, variance=1e-12, landmarks=None):
    known = torch.ones(len(mean), dtype=torch.bool) if landmarks is None else torch.tensor(landmarks)
    return ShapeModel(known, mean, modes, torch.tensor(variance, dtype=torch.float64), torch.tensor(len(modes)))


def moved(index, by):
    pred = PLACE.clone()
    pred[index] += torch.tensor(by, dtype=torch.float64)
    return pred[None]


@pytest.fixture(name='square')
def square_fixture():
    return fitted(dict(square=model_of(SQUARE, .3 * STRETCH[None])))


def test_values_worked_by_hand(square):
    target = PLACE[None]
    assert square(target, target) == 0
    # Along the mode, however far: 0.
    assert square(PLACE[None] + .07 * STRETCH, target).item() == pytest.approx(0, abs=1e-10)
    # Across it, all that it is off: each corner by 0.06 / sqrt(4).
    assert square(PLACE[None] + .06 * SHEAR, target).item() == pytest.approx(.03)
    # Shifted by (0.03, 0.04): no mode does that.
    assert square(PLACE[None] + torch.tensor([.03, .04]), target).item() == pytest.approx(.05)
    # One corner off by 0.08 along x. The mode takes 1/8 of it: d (7/8, 1/8) is left there, d (1/8, 1/8) elsewhere.
    expected = .08 * (math.hypot(7, 1) + 3 * math.hypot(1, 1)) / 8 / 4
    assert square(moved(2, (.08, 0.)), target).item() == pytest.approx(expected)
    # It is a length.
    assert square(moved(2, (.16, 0.)), target).item() == pytest.approx(2 * expected)


def test_a_missing_landmark(square):
    # Of three corners the mode takes 1/6: d (5/6, 1/6) is left at the corner, d (1/6, 1/6) at the other two.
    expected = .06 * (math.hypot(5, 1) + 2 * math.hypot(1, 1)) / 6 / 3
    weight = torch.tensor([[0., 1., .5, 1.]])
    assert square(moved(2, (.06, 0.)), PLACE[None], weight).item() == pytest.approx(expected)
    # Two corners are no shape.
    pred = moved(2, (.06, 0.)).requires_grad_()
    assert square(pred, PLACE[None], torch.tensor([[0., 1., 1., 0.]])) == 0
    # The average is over the samples that count.
    both = square(moved(2, (.06, 0.)).expand(2, -1, -1), PLACE.expand(2, -1, -1), torch.cat([weight, 0 * weight]))
    assert both.item() == pytest.approx(expected)


def test_modes_must_leave_something():
    # Three corners have 2 * 3 - 4 dimensions: two modes take them all.
    loss = fitted(dict(square=model_of(SQUARE, .3 * torch.stack([STRETCH, SHEAR]))))
    weight = torch.tensor([[0., 1., 1., 1.]])
    assert loss(moved(2, (.06, 0.)), PLACE[None], weight) == 0
    assert loss(moved(2, (.06, 0.)), PLACE[None]) > 0


def test_scores_are_drawn_to_the_mean_by_what_the_modes_leave():
    loss = fitted(dict(square=model_of(SQUARE, .3 * STRETCH[None], variance=.03)))
    # The posterior mean takes .09 / (.09 + .03) of what lies along the mode.
    assert loss(PLACE[None] + .08 * STRETCH, PLACE[None]).item() == pytest.approx(.08 / 4 / 2)


def test_the_truth_is_allowed_what_it_is_off(square):
    target = PLACE[None] + .01 * SHEAR  # each corner is off by .005
    assert square(target, target) == 0
    assert square(PLACE[None], target).item() == pytest.approx(0, abs=1e-4)  # nothing is charged for being likelier
    assert square(PLACE[None] + .06 * SHEAR, target).item() == pytest.approx(.03 - .005, rel=5e-3)
    pred = target.clone().requires_grad_()
    square(pred, target).backward()
    assert not pred.grad.any()


def test_a_sample_is_of_the_category_that_fits_its_truth():
    models = dict(stretched=model_of(SQUARE, .3 * STRETCH[None]), sheared=model_of(SQUARE, .3 * SHEAR[None]))
    loss = fitted(models)
    for own, other in ((STRETCH, SHEAR), (SHEAR, STRETCH)):
        target = PLACE[None] + .02 * own
        assert loss(target + .05 * own, target).item() == pytest.approx(0, abs=1e-3)
        assert loss(target + .05 * other, target).item() == pytest.approx(.025, rel=2e-2)


def test_a_sample_is_of_a_category_that_has_all_its_landmarks():
    fifth = torch.tensor([[0., -1.2]])
    house = torch.cat([SQUARE, fifth.double()])
    roof = torch.zeros(1, 5, 2).double()
    roof[0, 4, 1] = .3  # the roof may be high or low
    four = model_of(torch.cat([SQUARE, torch.zeros(1, 2)]), torch.zeros_like(roof), landmarks=[True] * 4 + [False])
    loss = fitted(dict(square=four, house=model_of(house, roof)))
    target = (.5 + .2 * house)[None]
    assert loss(target + .1 * roof, target).item() == pytest.approx(0, abs=1e-10)
    only_square = fitted(dict(square=four))
    for way in (-.1, .1):  # no category has the roof
        assert only_square(target + way * roof, target) == 0
    weight = torch.tensor([[1., 1., 1., 1., 0.]])
    shifted = target + torch.tensor([.03, .04])
    assert only_square(shifted, target, weight).item() == pytest.approx(.05)


def random_case(seed=0, batch=4):
    """Samples of two categories over 7 landmarks, the last of which one of them lacks."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*size):
        return torch.randn(*size, generator=generator, dtype=torch.float64)

    models = {}
    for name, number, count in (('long', 7, 3), ('short', 6, 2)):
        landmarks = torch.arange(7) < number
        mean, modes = draw(7, 2), .3 * draw(3, 7, 2)
        mean, modes = torch.where(landmarks[:, None], mean, 0.), torch.where(landmarks[:, None], modes, 0.)
        modes[count:] = 0
        models[name] = ShapeModel(landmarks, mean, modes, torch.tensor(.02, dtype=torch.float64), torch.tensor(count))
    target = .5 + .15 * models['long'].mean + .05 * draw(batch, 7, 2)
    pred = (target + .05 * draw(batch, 7, 2)).requires_grad_()
    weight = (torch.rand(batch, 7, generator=generator) > .15).double()
    return models, pred, target, weight


def reference(models, size, pred, target, weight):
    """A sample and a category at a time, in complex numbers and by numpy's least squares."""
    def complexes(points):
        return points[:, 0] + 1j * points[:, 1]

    def left(points, source, factor, goal, model, valid):
        off = factor * (complexes(points * size)[valid] - source) + goal - complexes(model.mean.numpy())[valid]
        modes = model.modes[:model.count, valid].numpy().reshape(int(model.count), -1)
        flat = np.stack([off.real, off.imag], axis=-1).ravel()
        system = np.vstack([modes.T, math.sqrt(model.variance) * np.eye(len(modes))])
        scores = np.linalg.lstsq(system, np.append(flat, np.zeros(len(modes))), rcond=None)[0]
        rest = (flat - scores @ modes).reshape(-1, 2)
        back = complexes(rest) / factor
        return np.hypot(back.real, back.imag), np.hypot(back.real / size[0], back.imag / size[1])

    total, counted = 0., 0
    for p, t, w in zip(pred, target, weight):
        valid, found = w > 0, []
        for model in models.values():
            if not model.landmarks.numpy()[valid].all() or 2 * valid.sum() - 4 <= model.count or valid.sum() < 3:
                continue
            x, m = complexes(t * size)[valid], complexes(model.mean.numpy())[valid]
            turn = ((m - m.mean()) * (x - x.mean()).conj()).sum()
            factor = turn / abs(turn) * m.std() / x.std()
            arguments = (x.mean(), factor, m.mean(), model, valid)
            pixels, allowed = left(t, *arguments)
            found.append((pixels.mean(), np.clip(left(p, *arguments)[1] - allowed, 0, None).mean()))
        if found:
            total, counted = total + min(found)[1], counted + 1
    return total / max(counted, 1)


@pytest.mark.parametrize('size', [(100, 100), (192, 256)])
def test_equals_a_reference_of_its_own(size):
    for seed in range(6):
        models, pred, target, weight = random_case(seed)
        loss = fitted(models, size, loss_weight=.5)
        expected = .5 * reference(models, np.array(size), pred.detach().numpy(), target.numpy(), weight.numpy())
        assert expected > 0
        assert loss(pred, target, weight[..., None]).item() == pytest.approx(expected, rel=1e-9)
        assert loss(pred.float(), target.float(), weight).item() == pytest.approx(expected, rel=1e-4)


def test_gradcheck():
    models, pred, target, weight = random_case(1)
    assert torch.autograd.gradcheck(lambda p: fitted(models)(p, target, weight), pred)


def test_turned_scaled_and_shifted_together():
    models, pred, target, weight = random_case(2)
    loss = fitted(models)
    turn = torch.tensor([[math.cos(1.), -math.sin(1.)], [math.sin(1.), math.cos(1.)]], dtype=torch.float64)
    both = [.4 * each @ turn.T + torch.tensor([.3, -.2]) for each in (pred, target)]
    assert loss(*both, weight).item() == pytest.approx(.4 * loss(pred, target, weight).item(), rel=1e-9)


def test_masked_landmarks_have_no_influence_whatever_they_hold():
    models, pred, target, weight = random_case(3)
    loss, valid = fitted(models), weight[..., None] > 0
    nan = torch.tensor(math.nan, dtype=torch.float64)
    poisoned = loss(torch.where(valid, pred, nan), torch.where(valid, target, nan), weight)
    assert poisoned.item() == loss(pred, target, weight).item() > 0
    gradient, = torch.autograd.grad(poisoned, pred)
    assert gradient.isfinite().all() and not gradient[~valid[..., 0]].any() and gradient.any()


@pytest.mark.parametrize('value', [math.nan, math.inf])
@pytest.mark.parametrize('which', ['pred', 'target'])
def test_a_coordinate_that_is_no_number_gives_none(square, which, value):
    points = dict(pred=PLACE[None].clone(), target=PLACE[None].clone())
    points[which][0, 1, 0] = value
    assert not square(**points).isfinite()


def test_nothing_to_learn_from_is_a_zero_with_a_gradient(square):
    pred = torch.rand(3, 4, 2, dtype=torch.float64, requires_grad=True)
    one_point = torch.full((3, 4, 2), .5, dtype=torch.float64)
    for target, weight in ((PLACE.expand(3, -1, -1), torch.zeros(3, 4)), (one_point, torch.zeros(3, 4))):
        loss = square(pred, target, weight)
        gradient, = torch.autograd.grad(loss, pred)
        assert loss.item() == 0 and not gradient.any()
    loss = square(pred, one_point)  # a truth of one point has no shape
    assert loss.isfinite() and torch.autograd.grad(loss, pred)[0].isfinite().all()


def test_half_precision_is_computed_in_float32(square):
    pred = moved(2, (.08, 0.)).half().requires_grad_()
    loss = square(pred, PLACE[None].half())
    loss.backward()
    assert loss.dtype == torch.float32 and pred.grad.dtype == torch.float16 and pred.grad.isfinite().all()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        exact = square(moved(2, (.08, 0.)).float(), PLACE[None].float())
    assert exact.item() == pytest.approx(square(moved(2, (.08, 0.)), PLACE[None]).item(), rel=1e-5)


def test_modes_of_complete_shapes_are_those_of_the_singular_value_decomposition():
    generator = torch.Generator().manual_seed(0)
    shapes = torch.randn(50, 5, 2, generator=generator, dtype=torch.float64) * torch.linspace(1, 4, 10).view(5, 2)
    mean, modes, variance = principal_modes(shapes, torch.ones(50, 5, dtype=torch.bool), 3)
    flat = shapes.flatten(1).numpy()
    _, deviation, axes = np.linalg.svd(flat - flat.mean(0), full_matrices=False)
    spread = deviation**2 / 50
    assert variance.item() == pytest.approx(spread[3:].mean(), rel=1e-3)
    np.testing.assert_allclose(mean.flatten(), flat.mean(0), atol=1e-8)
    found = modes.flatten(1).numpy()
    # Of probabilistic PCA the modes are shorter by what is left in every direction.
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), np.sqrt(spread[:3] - spread[3:].mean()), rtol=1e-3)
    np.testing.assert_allclose(np.abs((found / np.linalg.norm(found, axis=1, keepdims=True) * axes[:3]).sum(1)), 1,
                               rtol=1e-4)


def drawn_shapes(number, missing, seed=0):
    """Shapes of 8 landmarks on two modes, turned, scaled and shifted; NaN at those that are not annotated."""
    rng = np.random.default_rng(seed)
    angle = np.arange(8) * np.pi / 4
    mean = np.stack([np.cos(angle), 1.5 * np.sin(angle)], axis=-1)
    modes = .2 * np.stack([np.stack([np.cos(2 * angle), 0 * angle], -1), np.stack([0 * angle, np.cos(3 * angle)], -1)])
    shapes = mean + np.tensordot(rng.normal(size=(number, 2)), modes, 1) + .01 * rng.normal(size=(number, 8, 2))
    turn = np.exp(1j * rng.uniform(-.6, .6, number)) * rng.uniform(20, 60, number)
    points = (shapes[..., 0] + 1j * shapes[..., 1]) * turn[:, None] + rng.uniform(0, 200, (number, 1))
    known = rng.random((number, 8)) >= missing
    points = np.where(known[..., None], np.stack([points.real, points.imag], -1), np.nan)
    return torch.tensor(points), torch.tensor(known)


@pytest.mark.parametrize(('missing', 'part', 'shorter'), [(0., .15, .1), (.3, .25, .35)])
def test_what_is_learned_fits_new_shapes(missing, part, shorter):
    model = fit_shapes(*drawn_shapes(300, missing), 2)
    points, known = drawn_shapes(100, 0., seed=1)
    with_modes, mean_alone = (misfit(points, known, each).mean() for each in (
        model, model._replace(modes=0 * model.modes)))
    assert with_modes < part * mean_alone
    # The modes were drawn with lengths of .4 for a mean shape whose points lie 1.27 from its centre. Where landmarks
    # are missing, moving the others onto the mean takes a part of the variation away.
    np.testing.assert_allclose(model.modes.flatten(1).norm(dim=1), .4 / 1.27, rtol=shorter)


def test_few_landmarks_have_few_modes_and_rare_ones_none():
    points, known = drawn_shapes(100, 0.)
    known[:, 5:] = False
    known[:9, 5] = True  # one shape too few for 8 modes
    model = fit_shapes(points, known, 8)
    assert model.landmarks.tolist() == [True] * 5 + [False] * 3 and model.count == 3
    assert model.modes.shape == (8, 8, 2) and not model.modes[3:].any() and not model.modes[:, 5:].any()
    known[9, 5] = True
    assert fit_shapes(points, known, 8).landmarks.tolist() == [True] * 6 + [False] * 2


def test_landmarks_in_one_place_are_no_shape():
    points, known = drawn_shapes(100, 0.)
    points[:5] = 70.
    assert torch.equal(fit_shapes(points, known, 2).modes, fit_shapes(points[5:], known[5:], 2).modes)


@pytest.mark.parametrize(('number', 'landmarks', 'words'), [
    (9, 8, r'9 shapes with two landmarks in two places, and 8 modes take 10'),
    (30, 1, r'0 shapes with two landmarks'),
    (30, 2, r'2 landmarks that 10 shapes have, and it takes 3'),
])
def test_too_little_to_learn_from(number, landmarks, words):
    points, known = drawn_shapes(number, 0.)
    known[:, landmarks:] = False
    with pytest.raises(ValueError, match=words):
        fit_shapes(points, known, 8)


@pytest.mark.parametrize(('options', 'words'), [
    (dict(modes=0), 'modes must be a whole number from 1, got 0'),
    (dict(modes=2.), 'modes must be'), (dict(modes=True), 'modes must be'), (dict(modes=None), 'modes must be'),
    (dict(loss_weight=-1.), 'loss_weight must be a finite number from 0'),
])
def test_bad_options(options, words):
    with pytest.raises(ValueError, match=words):
        ShapePriorLoss(**options)


def test_bad_input(square):
    with pytest.raises(ValueError, match='knows no shapes yet: call fit.*TrainingCheckHook'):
        ShapePriorLoss()(PLACE[None], PLACE[None])
    with pytest.raises(ValueError, match='was fitted to 4 landmarks, and the head gives 5'):
        square(torch.zeros(1, 5, 2), torch.zeros(1, 5, 2))
    with pytest.raises(ValueError, match='weight must have shape'):
        square(PLACE[None], PLACE[None], torch.ones(1, 5))
    module = MODELS.build(dict(type='ShapePriorLoss', modes=3, loss_weight=.5))
    assert not module.state_dict() and str(module) == 'ShapePriorLoss(modes=3, loss_weight=0.5)'


CROP = [dict(type='GetBBoxCenterScale'), dict(type='TopdownAffine', input_size=(48, 64))]


def write_coco(path, points, known, category=1):
    images = [dict(id=i, file_name=f'{i}.jpg', width=600, height=600) for i in range(len(points))]
    rows = np.concatenate([np.where(known[..., None], points, 0), 2 * known[..., None]], axis=-1)
    annotations = [dict(id=i, image_id=i, category_id=category, iscrowd=0, area=100, bbox=[0, 0, 50, 50],
                        num_keypoints=int(known[i].sum()), keypoints=row.ravel().tolist())
                   for i, row in enumerate(rows)]
    path.write_text(json.dumps(dict(images=images, annotations=annotations,
                                    categories=[dict(id=1, name='person'), dict(id=2, name='doll')])))


@pytest.fixture(name='people', scope='module')
def people_fixture(tmp_path_factory):
    """A builder of COCO data sets of 40 rings in 17 landmarks, of which the last 9 are not annotated."""
    path = tmp_path_factory.mktemp('people') / 'people.json'
    points, known = (np.pad(each, [(0, 0), (0, 9)] + [(0, 0)] * (each.ndim - 2)) for each in drawn_shapes(40, .1))
    known[0, 1:3] = False, True  # of a pair
    write_coco(path, points + 250, known)

    def build(pipeline, kind='CocoDataset', **options):
        return DATASETS.build(dict(type=kind, ann_file=str(path), pipeline=pipeline, **options))

    return build


def test_a_data_set_is_learned_by_category(people):
    loss = ShapePriorLoss(modes=2)
    loss.fit(people(CROP))
    assert loss.input_size == (48, 64) and list(loss.models) == ['person'] and not loss.state_dict()
    assert loss.models['person'].landmarks.tolist() == [True] * 8 + [False] * 9
    read = read_shapes(people(CROP))[1]['person']
    assert read[0].shape == (40, 17, 2) and read[1].shape == (40, 17)


def test_of_many_rows_some_are_read_spread_evenly(people, monkeypatch):
    every = read_shapes(people(CROP))[1]['person'][0]
    monkeypatch.setattr('pcloss_mmpose.models.losses.shape_prior.MAX_ROWS', 15)
    some = read_shapes(people(CROP))[1]['person'][0]
    assert torch.equal(some, every[::3])  # 14 of 40


def test_mirrored_shapes_are_added_where_the_pipeline_flips(people):
    points, known = read_shapes(people(CROP + [dict(type='RandomFlip')]))[1]['person']
    assert len(points) == 80
    # COCO's landmarks 1 and 2 are a pair, and 0 is its own.
    assert points[1, [0, 2, 1]].tolist() == (points[0, :3] * torch.tensor([-1, 1])).tolist()
    assert known[1, [0, 2, 1]].tolist() == known[0, :3].tolist()


def test_wrapped_data_sets_are_opened(people):
    wrapped = DATASETS.build(dict(type='RepeatDataset', times=2, dataset=dict(
        type='CocoDataset', ann_file=people(CROP).ann_file, pipeline=CROP)))
    size, shapes = read_shapes(wrapped)
    assert size == (48, 64) and len(shapes['person'][0]) == 40
    part = dict(type='CocoDataset', ann_file=people(CROP).ann_file, pipeline=[])
    both = DATASETS.build(dict(type='CombinedDataset', metainfo=dict(from_file='configs/_base_/datasets/coco.py'),
                               datasets=[part, part], pipeline=CROP))
    assert len(read_shapes(both)[1]['person'][0]) == 80


def test_data_that_cannot_be_learned_are_refused(people):
    with pytest.raises(ValueError, match=r'takes the input.s aspect ratio from the crop .* and found none'):
        ShapePriorLoss().fit(people([]))
    with pytest.raises(ValueError, match='KeypointConverter'):
        ShapePriorLoss().fit(people(CROP + [dict(type='KeypointConverter', num_keypoints=1, mapping=[(0, 0)])]))
    with pytest.raises(ValueError, match=r'finds no category to learn: person \(40 shapes with two landmarks in two '
                                         r'places, and 39 modes take 41\). Take fewer modes'):
        ShapePriorLoss(modes=39).fit(people(CROP))


def test_a_category_with_too_few_shapes_is_left_out_by_name(raw, tmp_path, capsys):
    rng = np.random.default_rng(0)

    def rows(category, landmarks, number):
        return [raw.fashionai_row(f'{category}/{i}.jpg', category, {
            k: '{:.0f}_{:.0f}_1'.format(*rng.uniform(0, 500, 2)) for k in landmarks}) for i in range(number)]

    path = raw.fashionai(tmp_path / 'rows.csv', rows('skirt', range(15, 19), 12) + rows('blouse', range(7), 3))
    dataset = DATASETS.build(dict(type='FashionAIDataset', ann_file=path, pipeline=[
        dict(type='TopdownStretch', input_size=(64, 64))]))
    loss = ShapePriorLoss(modes=3)
    loss.fit(dataset)
    assert list(loss.models) == ['skirt']
    printed = capsys.readouterr()
    said = printed.out + printed.err
    assert 'has learned skirt (2 modes of 4 landmarks)' in said
    assert 'leaves out blouse (3 shapes with two landmarks in two places, and 3 modes take 5)' in said


def test_shapes_are_stretched_as_their_boxes_are(raw, tmp_path):
    row = '2 ' + ' '.join(f'0 {x} {y}' for x, y in ((20, 30), (40, 30), (20, 90), (60, 190)))
    root = raw.benchmark(tmp_path, {'img/a.jpg': row})  # its box is 100 x 200
    dataset = DATASETS.build(dict(type='DeepFashionAttributeDataset', data_root=root, split='train', pipeline=[
        dict(type='TopdownStretch', input_size=(64, 64))]))
    (points, known), = read_shapes(dataset)[1].values()
    found = points[0][known[0]]
    expected = torch.tensor([[20, 30], [40, 30], [20, 90], [60, 190]]) * torch.tensor([.64, .32])
    torch.testing.assert_close(found, expected.double())


def test_a_head_learns_by_it():
    head = heads.build('PCRegressionHead', structural_loss=dict(type='ShapePriorLoss', modes=2))
    samples, (feats, maps) = heads.samples_of(heads.REGRESSION), heads.features('RegressionHead', requires_grad=True)
    with pytest.raises(ValueError, match='knows no shapes yet'):
        head.loss(feats, samples)
    points, known = drawn_shapes(60, 0.)
    head.pc_loss.models, head.pc_loss.input_size = dict(ring=fit_shapes(points, known, 2)), heads.INPUT_SIZE
    losses = head.loss(feats, samples)
    assert losses['loss_structural'] > 0 and 0 < losses['structural_share'] < 1
    losses['loss_structural'].backward()
    assert maps[0].grad.isfinite().all() and maps[0].grad.any()
