"""Letters of any script: drawn right, or as a number with a word about it."""

import numpy as np
import pytest
from PIL import features

from pcloss_mmpose.visualization import text
from pcloss_mmpose.visualization.text import draw_text, drawable, shortened, text_size

MISSING = '\U0001FA73\U00016800'  # shorts, and a letter of Bamum's supplement


def drawn(words, size=20, **options):
    image = np.zeros((40, 300, 3), np.uint8)
    draw_text(image, words, (5, 5), size, (255, 255, 255), casing=None, **options)
    return image


@pytest.mark.parametrize('name', ['Ärmel', 'рукав', 'μανίκι', 'manşet'])
def test_other_letters_than_ascii_are_drawn_as_themselves(name):
    assert drawable([name]) == ([name], '')
    picture = drawn(name)
    assert picture.any()
    for wrong in ('?' * len(name), '□' * len(name), name.encode('ascii', 'replace').decode()):
        assert (picture != drawn(wrong)).any()
    for first, second in zip(name, name[1:]):
        assert (drawn(first) != drawn(second)).any()  # no sign that stands for any letter


def test_a_name_whose_letters_no_font_has_is_its_number_and_that_is_said(monkeypatch):
    monkeypatch.setattr(text, '_system_fonts', list)
    text.font_file.cache_clear()
    text.can_draw.cache_clear()
    texts, words = drawable(['cuff', MISSING, 'hem'])
    assert texts == ['cuff', '1', 'hem']
    assert f'1 = {MISSING}' in words and 'cuff' not in words


def test_a_font_of_the_system_is_taken_where_matplotlibs_lacks_a_letter(monkeypatch, tmp_path):
    """Here two: a file that is no font, and one that has the letter."""
    broken = tmp_path / 'broken.ttf'
    broken.write_bytes(b'no font')
    other = text.FONT.replace('DejaVuSans.ttf', 'DejaVuSansMono.ttf')
    letters, lost = text._letters, {text.FONT: {ord('Ж')}}
    monkeypatch.setattr(text, '_system_fonts', lambda: [str(broken), other])
    monkeypatch.setattr(text, '_letters', lambda path: letters(path) - lost.get(path, set()))
    text.font_file.cache_clear()
    assert text.font_file('Жук') == other and text.font_file('cuff') == text.FONT
    text.font_file.cache_clear()


def test_without_raqm_letters_that_join_or_run_to_the_left_are_numbers(monkeypatch):
    for has_raqm, expected in ((True, 'كم'), (False, '0')):
        monkeypatch.setattr(features, 'check', lambda name, has=has_raqm: has)
        text.can_draw.cache_clear()
        assert drawable(['كم'])[0] == [expected]
        assert drawable(['é'])[0] == ['é']  # e and an accent, which make one letter
    text.can_draw.cache_clear()


def test_the_size_is_that_of_what_is_drawn():
    width, height = text_size('waistband', 20)
    ys, xs = np.nonzero(drawn('waistband').any(-1))
    assert xs.max() - xs.min() + 1 == pytest.approx(width, abs=8) and xs.max() < 5 + width
    assert ys.min() >= 5 and ys.max() < 5 + height
    assert text_size('waistband', 40)[0] == pytest.approx(2 * width, rel=0.1)


@pytest.mark.parametrize('letter', ['W', 'H', 'j', 'Ä'])
def test_the_casing_lies_around_the_letters_on_all_sides(letter):
    image = np.full((60, 100, 3), 128, np.uint8)
    draw_text(image, letter, (20, 10), 24, (255, 255, 255), (0, 0, 0))
    ys, xs = np.nonzero((image > 200).all(-1))
    for across in (image[ys[xs.argmin()], :xs.min()], image[ys[xs.argmax()], xs.max() + 1:],
                   image[:ys.min(), xs[ys.argmin()]], image[ys.max() + 1:, xs[ys.argmax()]]):
        assert 2 <= (across < 100).all(-1).sum() <= 5


@pytest.mark.parametrize('corner', [(-30, 5), (290, 5), (5, -15), (5, 35), (500, 500), (-500, 0)])
def test_what_goes_over_the_edge_is_cut_off(corner):
    image = np.zeros((40, 300, 3), np.uint8)
    draw_text(image, 'waistband', corner, 20)
    assert image.shape == (40, 300, 3) and image.any() == (abs(corner[0]) < 400)


def test_long_texts_are_shortened_to_the_width_with_an_ellipsis():
    assert shortened('hem', 20, 200) == 'hem'
    short = shortened('waistband_left_outside', 20, 100)
    assert short.endswith('…') and 'waistband'.startswith(short[:5]) and 60 < text_size(short, 20)[0] <= 100
    assert shortened('hem', 20, 1) == '…'
