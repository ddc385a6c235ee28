from __future__ import annotations

import numpy as np
import pytest

from pcloss_mmpose.metainfo.deepfashion2 import CATEGORIES, PARTS
from pcloss_mmpose.synthetic.canvas import contains
from pcloss_mmpose.synthetic.shapes import INDEX, place
from pcloss_mmpose.synthetic.tailor import LINING, cut, is_folded_over, marks, sample_body, style_of, undress


class Straight:
    """In place of random numbers: no edge is bent, and every number is the smallest that it may be."""

    def __init__(self, chance: float) -> None:
        self.chance = chance

    def random(self) -> float:
        return self.chance

    def uniform(self, low: float, high: float) -> float:
        return 0.0 if low <= 0 <= high else low

    def integers(self, low: int, high: int) -> int:
        return low

    def choice(self, options):
        return options[0]


def shape_of(**points) -> np.ndarray:
    shape = np.full((24, 2), np.nan)
    for name, point in points.items():
        shape[INDEX[name]] = point
    return shape


BODY = dict(neckline_left=(50, 20), neckline_right=(70, 20), center_front=(60, 36), shoulder_left=(40, 24),
            shoulder_right=(80, 24), armpit_left=(36, 60), armpit_right=(84, 60), top_hem_left=(34, 120),
            top_hem_right=(86, 120))
JACKET = dict(BODY, waistline_left=(35, 90), waistline_right=(85, 90), cuff_left_out=(20, 60), cuff_left_in=(28, 66),
              cuff_right_out=(100, 60), cuff_right_in=(92, 66))
TROUSERS = dict(waistband_left=(40, 20), waistband_right=(80, 20), crotch=(60, 60), bottom_left_out=(30, 140),
                bottom_left_in=(50, 140), bottom_right_in=(70, 140), bottom_right_out=(90, 140))


@pytest.mark.parametrize('category, points, chance, expected', [
    ('vest', BODY, 0.99, [
        (60, 20), (50, 20), (55, 28), (60, 36), (65, 28), (70, 20), (40, 24), (35.6, 72), (34.8, 96), (34, 120),
        (60, 120), (86, 120), (85.2, 96), (84.4, 72), (80, 24)]),
    ('trousers', TROUSERS, 0.99, [
        (40, 20), (60, 20), (80, 20), (37, 56), (34, 92), (30, 140), (50, 140), (55.5, 96), (60, 60), (64.5, 96),
        (70, 140), (90, 140), (86, 92), (83, 56)]),
    # open, from the middle of each neckline; 0.06 of the hem to each side of its middle
    ('short_sleeve_outwear', JACKET, 0.0, [
        (60, 20), (50, 20), (52.5, 22.5), (55, 25), (67.5, 22.5), (70, 20), (40, 24), (30, 42), (20, 60), (28, 66),
        (32, 63), (36, 60), (35.6, 72), (34.8, 96), (34, 120), (56.88, 120), (86, 120), (85.2, 96), (84.4, 72),
        (84, 60), (88, 63), (92, 66), (100, 60), (90, 42), (80, 24), (65, 25), (64.154, 67.75), (63.7404, 88.65),
        (63.12, 120), (55.846, 67.75), (56.2596, 88.65)]),
    # closed: one seam from the front of the neck
    ('short_sleeve_outwear', JACKET, 0.99, [
        (60, 20), (50, 20), (55, 25), (60, 30), (65, 25), (70, 20), (40, 24), (30, 42), (20, 60), (28, 66),
        (32, 63), (36, 60), (35.6, 72), (34.8, 96), (34, 120), (60, 120), (86, 120), (85.2, 96), (84.4, 72),
        (84, 60), (88, 63), (92, 66), (100, 60), (90, 42), (80, 24), (60, 30), (60, 70.5), (60, 90.3),
        (60, 120), (60, 70.5), (60, 90.3)]),
])
def test_landmarks_by_hand(category, points, chance, expected):
    cloth = cut(category, shape_of(**points), Straight(chance))
    np.testing.assert_allclose([mark.point for mark in marks(category, cloth)], expected, atol=1e-9)


def test_a_sling_begins_below_its_shoulders():
    """Where random numbers are smallest: straps at 0.3 of the shoulder, and 0.35 of the way down to the armpit."""
    shape = undress('sling', shape_of(**JACKET), Straight(0.99))
    found = dict(zip(PARTS['sling'], [mark.point for mark in marks('sling', cut('sling', shape, Straight(0.99)))]))
    np.testing.assert_allclose(found['left_strap'], (47, 21.2))
    np.testing.assert_allclose(found['right_strap'], (73, 21.2))
    np.testing.assert_allclose(found['left_neck'], (47 + 0.35 * (36 - 40), 21.2 + 0.35 * (60 - 24)))
    np.testing.assert_allclose(found['neck_front'], (60, 33.8 + 0.1 * (74.4 - 45.6)))
    assert np.isnan(shape[INDEX['cuff_left_in']]).all()


def garments(category: str, count: int = 20):
    """Cut garments in their places, and the landmarks of each."""
    for seed in range(count):
        rng = np.random.default_rng(seed)
        body = place(sample_body(category, rng), (0.9, 0.1), (256, 256), rng)
        cloth = cut(category, undress(category, body, rng), rng)
        yield body, cloth, marks(category, cloth)


@pytest.mark.parametrize('category', CATEGORIES)
def test_landmarks_lie_on_drawn_edges(category):
    for _, cloth, found in garments(category):
        assert len(found) == len(PARTS[category])
        for name, mark in zip(PARTS[category], found):
            if mark.part == LINING:
                assert contains(cloth.lining[0], mark.point) == pytest.approx(0, abs=0.01)
            elif name.endswith(('front_1', 'front_2')):
                part = cloth.parts[mark.part]
                edges = part.opening or [part.seams[-1]]
                assert abs(contains(edges[0], mark.point)) < 0.01
            else:
                assert contains(cloth.parts[mark.part].outline, mark.point) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize('category', CATEGORIES)
def test_left_is_the_viewers_left_and_down_is_down(category):
    for _, _, found in garments(category):
        at = dict(zip(PARTS[category], [mark.point for mark in found]))
        for name, point in at.items():
            if name.startswith('left_') and not any(word in name for word in ('cuff', 'leg', 'inner', 'front')):
                assert point[0] < at[name.replace('left_', 'right_')][0], name
        upper, lower = ('waist', 'crotch' if 'crotch' in at else 'skirt_hem') if 'waist' in at else (
            'neck_back', 'dress_hem' if 'dress_hem' in at else 'left_top_hem')
        assert at[upper][1] < at[lower][1]
        if 'neck_front' in at:
            assert at['neck_back'][1] < at['neck_front'][1]


@pytest.mark.parametrize('category, least, most', [
    ('short_sleeve_top', 0.25, 0.66), ('long_sleeve_dress', 0.89, 4), ('vest', 0, 0.5)])
def test_sleeves_are_as_long_as_their_name_says(category, least, most):
    """In widths between the armpits; a vest's is a stub for the wearer's arm, and not cut."""
    for body, cloth, _ in garments(category):
        p = {name: body[index] for name, index in INDEX.items()}
        unit = np.linalg.norm(p['armpit_right'] - p['armpit_left'])
        for side in ('left', 'right'):
            sleeve = p[f'cuff_{side}_in'] + p[f'cuff_{side}_out'] - p[f'shoulder_{side}'] - p[f'armpit_{side}']
            assert least <= np.linalg.norm(sleeve) / 2 / unit <= most
        assert len(cloth.parts) == (1 if category == 'vest' else 3)


@pytest.mark.parametrize('category, least, most', [('shorts', 0.3, 1.2), ('trousers', 1.19, 9)])
def test_legs_are_as_long_as_their_name_says(category, least, most):
    """In heights between waistband and crotch."""
    for body, _, _ in garments(category):
        p = {name: body[index] for name, index in INDEX.items()}
        unit = np.linalg.norm(p['crotch'] - (p['waistband_left'] + p['waistband_right']) / 2)
        for side in ('left', 'right'):
            leg = (p[f'bottom_{side}_in'] + p[f'bottom_{side}_out']) / 2 - p['crotch']
            assert least <= np.linalg.norm(leg) / unit <= most


def test_a_sleeve_over_a_hem_hides_it():
    """Its cuff lies below the hem's left end, which the sleeve's own landmarks are not hidden by."""
    points = dict(BODY, cuff_left_out=(24, 125), cuff_left_in=(44, 125), cuff_right_out=(100, 60),
                  cuff_right_in=(92, 66))
    cloth = cut('long_sleeve_top', shape_of(**points), Straight(0.99))
    found = marks('long_sleeve_top', cloth)
    hidden = {name for name, mark in zip(PARTS['long_sleeve_top'], found) if is_folded_over(cloth, mark)}
    assert cloth.parts[dict(zip(PARTS['long_sleeve_top'], found))['left_armpit'].part].corners[0] == 'shoulder_left'
    assert 'left_top_hem' in hidden and 'right_top_hem' not in hidden
    assert not any('sleeve' in name or 'cuff' in name or 'armpit' in name for name in hidden)


def test_styles():
    assert style_of('vest_dress') == ('dress', 'vest') and style_of('sling') == ('blouse', 'sling')
    assert style_of('long_sleeve_outwear') == ('outwear', 'long') and style_of('shorts') == ('trousers', '')
