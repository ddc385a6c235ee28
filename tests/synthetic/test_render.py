from __future__ import annotations

import copy

import cv2
import numpy as np
import pytest

import pcloss_mmpose.synthetic.render as module
from pcloss_mmpose.synthetic import scene
from pcloss_mmpose.synthetic.canvas import Canvas
from pcloss_mmpose.synthetic.difficulty import DIFFICULTIES
from pcloss_mmpose.synthetic.outlines import garment
from pcloss_mmpose.synthetic.render import render, self_covered
from pcloss_mmpose.synthetic.scene import draw_background, draw_stray_cloth
from pcloss_mmpose.synthetic.shapes import CATEGORIES, INDEX, load_models, place, sample_hidden, sample_shape

SIZE = (256, 256)


def difference_at(one: np.ndarray, other: np.ndarray, point: np.ndarray) -> float:
    """Largest change of a 3x3 patch's grey level."""
    x, y = point.astype(int)
    patch = slice(max(y - 1, 0), y + 2), slice(max(x - 1, 0), x + 2)
    return float(np.abs(one[patch].astype(float) - other[patch]).mean(axis=(0, 1)).max())


@pytest.mark.parametrize('category', CATEGORIES)
def test_hidden_landmarks_are_drawn_over_and_the_others_left_alone(category):
    changed, unchanged = [], []
    for seed in range(25):
        rng = np.random.default_rng(seed)
        shape = place(sample_shape(category, rng), (0.9, 0.1), SIZE, rng)
        hidden = sample_hidden(category, rng)
        bare, before = render(category, shape, np.zeros(24, bool), SIZE, np.random.default_rng(seed))
        image, after = render(category, shape, hidden, SIZE, np.random.default_rng(seed))
        defined = np.isfinite(shape[:, 0])
        assert (after[hidden & defined] == 0).all()
        assert (after[~defined] == -1).all() and (before[~defined] == -1).all()
        assert (after[defined] <= before[defined]).all()
        for index in np.flatnonzero(defined & (before == 1)):
            (unchanged if after[index] == 1 else changed).append(difference_at(bare, image, shape[index]))
    # cloth of the garment's own kind may by chance match what it covers; the light of an occluder reaches a few pixels
    assert np.mean(np.array(changed) > 4) > 0.97
    assert np.mean(np.array(unchanged) < 4) > 0.97


def test_a_leg_hides_the_bottom_of_the_other():
    shape = np.full((24, 2), np.nan)
    for name, point in dict(waistband_left=(100, 40), waistband_right=(160, 40), crotch=(130, 100),
                            bottom_left_out=(120, 230), bottom_left_in=(150, 230), bottom_right_in=(105, 225),
                            bottom_right_out=(139, 240)).items():
        shape[INDEX[name]] = point
    fronts, hidden = set(), set()
    for seed in range(8):
        cut = garment('trousers', shape, np.random.default_rng(seed))
        front = 'left' if INDEX['bottom_left_in'] in cut.parts[-1].landmarks else 'right'
        fronts.add(front)
        covered = set(np.flatnonzero(self_covered(cut, shape)))
        # at its lower end the left leg spans x 120..150 and the right one, ten pixels longer, 105..139
        assert covered == ({INDEX['bottom_left_out']} if front == 'right' else set())
        _, visibility = render('trousers', shape, np.zeros(24, bool), SIZE, np.random.default_rng(seed))
        hidden.add(tuple(np.flatnonzero(visibility == 0)))
    assert fronts == {'left', 'right'} and hidden == {(), (INDEX['bottom_left_out'],)}


def test_both_waistbands_are_hidden_by_one_pullover():
    """It covers what lies between them too."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        shape = place(sample_shape('skirt', rng), (0.9, 0.1), SIZE, rng)
        ends = [INDEX['waistband_left'], INDEX['waistband_right']]
        hidden = np.isin(np.arange(24), ends)
        bare, image = (render('skirt', shape, which, SIZE, np.random.default_rng(seed))[0]
                       for which in (np.zeros(24, bool), hidden))
        inside = [shape[ends[0]] + t * (shape[ends[1]] - shape[ends[0]]) for t in np.linspace(0.1, 0.9, 9)]
        assert np.mean([difference_at(bare, image, point) > 4 for point in inside]) > 0.8


@pytest.mark.parametrize(('difficulty', 'low', 'high'), [('hard', 0.2, 0.4), ('ordinary', 0.03, 0.14)])
def test_some_garments_have_nearly_the_color_behind_them(difficulty, low, high):
    canvas = Canvas((64, 64), np.random.default_rng(0))
    canvas.image[:] = 128
    shape = np.full((24, 2), np.nan)
    shape[15:19] = [10, 10], [50, 10], [10, 50], [50, 50]
    colors = [module._garment_colour(canvas, shape, np.random.default_rng(seed), DIFFICULTIES[difficulty].weak_outline)
              for seed in range(300)]
    differences = np.abs(np.array(colors) - 128).max(axis=1)
    assert low < np.mean(differences < 30) < high and differences.min() > 2 and differences.max() > 100


def test_an_ordinary_scene_is_calmer():
    """Edges in backgrounds, and pictures where other cloth is drawn."""
    edges, strays = {}, {}
    for name, difficulty in DIFFICULTIES.items():
        canvases = [Canvas((96, 96), np.random.default_rng(seed)) for seed in range(60)]
        for seed, canvas in enumerate(canvases):
            draw_background(canvas, np.random.default_rng(seed), difficulty.background)
        edges[name] = np.mean([cv2.Canny(canvas.image, 60, 120).mean() / 255 for canvas in canvases])
        before = [canvas.image.copy() for canvas in canvases]
        shape = place(sample_shape('blouse', np.random.default_rng(0)), (0.9, 0.1), (96, 96), np.random.default_rng(0))
        cut = garment('blouse', shape, np.random.default_rng(0))
        for seed, canvas in enumerate(canvases):
            draw_stray_cloth(canvas, cut, np.zeros((8, 8, 3), np.uint8), 8, np.random.default_rng(seed), difficulty)
        strays[name] = np.mean([(canvas.image != old).any() for canvas, old in zip(canvases, before)])
    assert edges['ordinary'] < 0.6 * edges['hard']
    assert strays['ordinary'] < 0.2 and strays['hard'] > 0.5  # 1 - 0.9, and 1 - 0.55 * 0.7


@pytest.mark.parametrize('category', CATEGORIES)
def test_every_landmark_is_a_corner_of_the_cut(category):
    """What a person would point to is where an outline or a collar's front turns."""
    rng = np.random.default_rng(0)
    model = load_models()[category]
    shape = place(sample_shape(category, rng), model.extent, SIZE, rng)
    outlines = np.concatenate([part.outline for part in garment(category, shape, rng).parts])
    for index in model.landmarks:
        assert np.linalg.norm(outlines - shape[index], axis=1).min() < 1e-6


def test_a_top_is_drawn_over_what_is_worn_below_it(monkeypatch):
    """Its wearer has no other skirt or trousers; where a top has no sleeves, the skin of the chest is drawn."""
    shapes = {}
    for category, points in (
            ('blouse', dict(neckline_left=(110, 40), neckline_right=(146, 40), center_front=(128, 60),
                            shoulder_left=(90, 50), shoulder_right=(166, 50), armpit_left=(94, 90),
                            armpit_right=(162, 90), top_hem_left=(90, 150), top_hem_right=(166, 150))),
            ('skirt', dict(waistband_left=(95, 130), waistband_right=(160, 130), hemline_left=(80, 200),
                           hemline_right=(176, 200)))):
        shapes[category] = np.full((24, 2), np.nan)
        for name, point in points.items():
            shapes[category][INDEX[name]] = point
    body = shapes['blouse'].copy()
    for name, point in dict(cuff_left_in=(92, 94), cuff_left_out=(86, 56), cuff_right_in=(164, 94),
                            cuff_right_out=(170, 56)).items():
        body[INDEX[name]] = point
    draped, chests = [], 0
    monkeypatch.setattr(scene, '_lower_body', None)
    drape, polygon = module.drape, Canvas.polygon
    monkeypatch.setattr(module, 'drape', lambda canvas, cut, *others: draped.append(cut) or drape(canvas, cut, *others))
    for seed in range(10):
        images = []
        for shape in (shapes['blouse'], body):
            drawn = []
            monkeypatch.setattr(Canvas, 'polygon', lambda canvas, outline, colour, drawn=drawn: (
                drawn.append(outline.tolist()), polygon(canvas, outline, colour)))
            items = [module.Item('blouse', body, shape, np.zeros(24, bool), lambda rng: garment('blouse', body, rng)),
                     module.Item('skirt', shapes['skirt'], shapes['skirt'], np.zeros(24, bool),
                                 lambda rng: garment('skirt', shapes['skirt'], rng))]
            picture = module.draw(items, SIZE, np.random.default_rng(seed), DIFFICULTIES['ordinary'])
            assert draped[-2] is picture.cuts[1] and draped[-1] is picture.cuts[0]
            images.append(drawn)
        chest = [body[INDEX[name]].tolist() for name in scene.CHEST]
        assert (chest in images[0]) == picture.is_worn and chest not in images[1]
        chests += chest in images[0]
    assert chests >= 5


def pictures() -> list[np.ndarray]:
    drawn = []
    for seed, category in enumerate(3 * CATEGORIES):
        rng = np.random.default_rng(seed)
        shape = place(sample_shape(category, rng), (0.9, 0.1), (128, 128), rng)
        drawn.append(render(category, shape, np.isfinite(shape[:, 0]), (128, 128), rng)[0].astype(int))
    return drawn


@pytest.mark.parametrize(('layer', 'least'), [
    ('draw_background', 15), ('draw_stray_cloth', 5), ('draw_wearer', 11), ('_crease', 8), ('drape', 15),
    ('cover', 15), ('_photograph', 15)])
def test_every_layer_can_be_seen(monkeypatch, layer, least):
    """Drawn beside the picture, with the same random numbers, it is missing there: in so many of 15."""
    original = getattr(module, layer)

    def draw_elsewhere(target, *arguments):
        result = original(copy.deepcopy(target), *arguments)
        return target if layer == '_photograph' else result

    whole = pictures()
    monkeypatch.setattr(module, layer, draw_elsewhere)
    assert sum(np.abs(one - other).mean() > 0.1 for one, other in zip(whole, pictures())) >= least


def photographs(image: np.ndarray, unit: float = 1., count: int = 150) -> np.ndarray:
    return np.stack([module._photograph(image, unit, np.random.default_rng(seed)) for seed in range(count)]).astype(int)


def test_exposure_colour_and_noise_of_a_flat_wall():
    """A wall of grey 128: one level in each channel, and noise around it."""
    walls = photographs(np.full((48, 48, 3), 128, np.uint8)).reshape(150, -1, 3)
    low, high = walls.min(axis=1), walls.max(axis=1)
    levels, strengths = (low + high) / 2, (high - low) / 2
    assert (strengths == strengths[:, :1]).all() and set(strengths[:, 0]) == set(range(14))
    # every level of the noise is as likely as the others, and none of it is a pattern
    strong = walls[strengths[:, 0] == 13] - levels[strengths[:, 0] == 13][:, None]
    np.testing.assert_allclose(strong.std(axis=1), np.sqrt(27**2 / 12), rtol=0.05)
    neighbours = [np.corrcoef(one[:-1, 0], one[1:, 0])[0, 1] for one in strong]
    assert np.abs(neighbours).max() < 0.1
    # dark and light photographs, with a cast of a few percent
    assert levels.min() < 90 and levels.max() > 150 and 110 < levels.mean() < 140
    cast = levels.max(axis=1) / levels.min(axis=1)
    assert 1.05 < cast.max() < 1.13


def test_contrast_of_three_greys():
    """Black is lifted, and the middle of two greys is brighter or darker than their mean."""
    image = np.zeros((60, 60, 3), np.uint8)
    image[20:40], image[40:] = 96, 192
    photos = photographs(image)[..., 0]
    strengths = np.ptp(photos[:, 43:57], axis=(1, 2)) / 2  # of the noise
    black, middle, bright = (photos[:, rows].max(axis=(1, 2)) - strengths
                             for rows in (slice(3, 17), slice(23, 37), slice(43, 57)))
    assert black.min() <= 1 and 20 <= black.max() <= 25
    share = (middle - black) / (bright - black)  # 0.5 without a curve
    assert share.min() < 0.43 and share.max() > 0.57


@pytest.mark.parametrize(('unit', 'least', 'most'), [(0.25, 0, 2), (4, 2, 9)])
def test_focus_is_in_units_of_the_picture(unit, least, most):
    """A sharp edge: how many columns lie between a fifth and four fifths of its step."""
    image = np.zeros((200, 80, 3), np.uint8)
    image[:, 40:] = 192
    widths = []
    for photo in photographs(image, unit, 40):
        profile = photo[..., 0].mean(axis=0)
        low, high = profile[:10].mean(), profile[-10:].mean()
        widths.append(np.sum((profile > low + 0.2 * (high - low)) & (profile < low + 0.8 * (high - low))))
    assert least <= min(widths) and max(widths) <= most
    assert max(widths) - min(widths) >= (4 if unit == 4 else 0)
