"""The report page: its figures by hand, and what a reader can do with it, in a real browser."""

import base64
import json
import re
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from pcloss_mmpose.metainfo import fld, load_metainfo
from pcloss_mmpose.visualization.report import check_same_images, report_page, run_results
from pcloss_mmpose.visualization.report.page import cut

METAINFO = load_metainfo(fld.dataset_info)
LEFT_COLLAR, RIGHT_COLLAR = 0, 1


def sample(path, offsets=(), category='upper', occluded=1):
    """A garment whose box is 100 x 100; landmarks on a diagonal 12 apart, found where they are but for the offsets.

    Six are visible, one is occluded and one is not annotated.
    """
    truth = np.stack([10 + 12 * np.arange(8.), 10 + 12 * np.arange(8.)], axis=1)
    found = truth.copy()
    for k, offset in dict(offsets).items():
        found[k] += offset
    visibility = [2] * 6 + [occluded, 0]
    return dict(
        img_path=str(path),
        raw_ann_info=dict(keypoints=np.column_stack([truth, visibility]).ravel().tolist(), category=category),
        gt_instances=dict(keypoints=truth[None], bboxes=np.float32([[0, 0, 100, 100]])),
        pred_instances=dict(keypoints=found[None]))


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    """Three images, two models: the first has an outlier and a duplicate, the second an outlier elsewhere."""
    root = tmp_path_factory.mktemp('images')
    paths = [root / f'{name}.png' for name in ('a', 'b', 'c&lt;')]
    for index, path in enumerate(paths):
        cv2.imwrite(str(path), np.full((100, 100, 3), 60 * index + 40, np.uint8))
    first = [sample(paths[0], {0: (3, 4), 1: (30, 40)}), sample(paths[1], {2: (12, 12)}, 'lower', 0), sample(paths[2])]
    second = [sample(paths[0], {0: (3, 4)}), sample(paths[1], (), 'lower', 0), sample(paths[2], {5: (-20, 0)})]
    return [run_results(name, samples, METAINFO) for name, samples in (('plain', first), ('</script>', second))]


def embedded(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.S).group(1))


def test_errors_and_figures_by_hand(runs):
    """The box is 100: an error in pixels is one in percent. 18 landmarks count."""
    first, second = runs
    errors = first.measured.errors
    assert errors[0, :2] == pytest.approx([.05, .5]) and np.isnan(errors[0, 6:]).all()
    assert first.metrics['NE'] == pytest.approx((5 + 50 + 12 * 2**.5) / 18)
    assert second.metrics['NE'] == pytest.approx((5 + 20) / 18)
    assert first.metrics['outliers'] == pytest.approx(100 * 2 / 18)
    assert np.argwhere(first.measured.duplicates == 1).tolist() == [[1, 13]]  # of the pairs of 8, number 13 is (2, 3)
    assert np.argwhere(first.measured.exchanged == 1).tolist() == [[1, 1]]  # the left sleeve at the right one's place
    assert second.metrics['exchanged'] == 0 and not (second.measured.exchanged == 1).any()
    assert first.measured.categories.tolist() == ['upper', 'lower', 'upper']
    coarse = run_results('coarse', [sample('a.png', {1: (0, 30)})], METAINFO, threshold=.4)
    assert coarse.metrics['outliers'] == 0


def test_what_the_page_holds(runs):
    page, broken = report_page(runs, 'A < B')
    assert not broken and '<h1>A &lt; B</h1>' in page
    assert page.count('</script>') == 2  # no name of a run or a file has ended one
    data = embedded(page)
    assert [run['name'] for run in data['runs']] == ['plain', '</script>']
    image = data['images'][1]
    assert image['pairs'] == image['exchanged'] == [[[2, 3]], []]
    assert image['category'] == 'lower'
    assert image['error'][0] == [0, 0, .1697, 0, 0, 0, None, None]
    assert image['visibility'] == [2] * 6 + [0, 0] and data['images'][0]['visibility'] == [2] * 6 + [1, 0]
    shown = cv2.imdecode(np.frombuffer(base64.b64decode(image['jpeg']), np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == (100, 100, 3) and abs(int(shown[50, 50, 0]) - 100) < 3
    assert image['truth'][2] == image['found'][1][2] == [34, 34]
    # In the table of all landmarks: 3.998 and 1.389, which is 65.3 % less.
    row = re.search(r'all landmarks</th>(.*?)</tr>', page, re.S).group(1)
    assert re.findall(r'[-+]?\d+\.\d+', row) == ['4.00', '1.39', '-65.3']
    assert 'http://' not in re.sub(r'http://www\.w3\.org/\S+|http://purl\.org/\S+|http://creativecommons\S+', '', page)


def test_large_images_are_cut_and_made_small(tmp_path):
    path = tmp_path / 'large.png'
    cv2.imwrite(str(path), np.zeros((1200, 900, 3), np.uint8))
    entry = sample(path)
    entry['gt_instances'] = dict(entry['gt_instances'], bboxes=np.float32([[100, 200, 500, 1000]]))
    image = embedded(report_page([run_results('run', [entry], METAINFO)], 'large')[0])['images'][0]
    # 60 and 120 pixels of margin: 40 to 560 and 80 to 1120, then 1040 become 256.
    assert image['size'] == [128, 256]
    assert image['truth'][7] == pytest.approx([(94 - 40) * 256 / 1040, (94 - 80) * 256 / 1040], abs=0.06)


@pytest.mark.parametrize(('box', 'expected'), [
    ([10, 10, 30, 50], (7, 4, 33, 56)),
    ([0, 0, 100, 80], (0, 0, 100, 80)),
    ([200, 10, 300, 50], (0, 0, 100, 80)),  # outside the image
])
def test_cut(box, expected):
    assert cut(np.float32(box), (80, 100, 3)) == expected


def test_an_image_that_cannot_be_read_is_named(tmp_path):
    page, broken = report_page([run_results('run', [sample(tmp_path / 'gone.png')], METAINFO)], 'broken')
    assert broken == [str(tmp_path / 'gone.png')] and len(embedded(page)['images']) == 1


def test_other_images_are_not_compared(runs, tmp_path):
    check_same_images(runs)
    with pytest.raises(ValueError, match="'other' was tested on 1 images and 'plain' on 3, which are not the same"):
        check_same_images([runs[0], run_results('other', [sample('a.png')], METAINFO)])
    with pytest.raises(ValueError, match="'wide' is measured with norm='box_width' and 'plain' with norm='box'"):
        check_same_images([runs[0], run_results('wide', [sample('a.png')], METAINFO, norm='box_width')])
    with pytest.raises(ValueError, match='far: a predicted landmark is not finite'):
        run_results('far', [sample('a.png', {7: np.inf})], METAINFO)
    with pytest.raises(ValueError, match='empty: no image was tested'):
        run_results('empty', [], METAINFO)


@pytest.fixture(scope='module')
def browser():
    playwright = pytest.importorskip('playwright.sync_api', reason='playwright is not installed')
    program = shutil.which('chromium') or shutil.which('google-chrome')
    if program is None:
        pytest.skip('no Chromium here')
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=['--no-sandbox'])
        yield browser
        browser.close()


@pytest.mark.skipif(sys.platform != 'linux', reason='looks for Chromium as Linux names it')
@pytest.mark.parametrize('width', [1280, 390])
def test_in_a_browser(runs, browser, tmp_path, width):
    """Filters, orders and the large view, by keyboard too; nothing is wider than the screen."""
    path = Path(tmp_path / 'report.html')
    path.write_text(report_page(runs, 'Report')[0], encoding='utf-8')
    page = browser.new_page(viewport=dict(width=width, height=800))
    complaints = []
    page.on('console', lambda message: complaints.append(message.text))
    page.on('pageerror', lambda error: complaints.append(str(error)))
    requests = []
    page.on('request', lambda request: requests.append(request.url.split(':')[0]))
    page.goto(path.as_uri())
    assert page.evaluate('document.documentElement.scrollWidth') <= width

    def names():
        return [name.split(', ')[1].split('.')[0][0] for name in page.locator('.card .name').all_inner_texts()]

    def ask(**values):
        for key in ('category', 'landmark', 'run', 'show', 'order'):
            page.select_option(f'#{key}', values.get(key, dict(run='1', show='all', order='worst').get(key, '')))
        return names()

    assert ask() == ['c', 'a', 'b']  # 20 / 6, 5 / 6 and 0
    assert ask(run='0') == ['a', 'b', 'c'] and ask(run='0', order='best') == ['c', 'b', 'a']
    assert ask(category='lower') == ['b']
    assert ask(landmark='0') == ['a', 'b', 'c']
    offered = "[...document.querySelectorAll('#landmark option')].map((option) => Number(!option.hidden)).join('')"
    assert page.evaluate(offered) == '111111110'  # all, and those that are annotated on any image
    assert sorted(ask(landmark='6')) == ['a', 'c']
    page.select_option('#category', 'lower')  # which has no such landmark
    assert names() == ['b'] and page.evaluate(offered) == '111111100' and page.input_value('#landmark') == ''
    assert ask(show='outlier') == ['c'] and ask(show='outlier-gone') == ['a', 'b'] and ask(show='outlier-new') == ['c']
    assert ask(run='0', show='duplicate') == ['b'] and ask(run='0', show='duplicate', landmark='0') == []
    assert ask(show='duplicate-gone') == ['b'] and ask(show='duplicate-new') == []
    assert page.inner_text('#count') == '0 of 3 images'
    assert ask(run='0', show='exchanged') == ['b'] and ask(run='0', show='exchanged', landmark='0') == []
    assert ask(show='exchanged-gone') == ['b'] and ask(show='exchanged') == ask(show='exchanged-new') == []
    assert ask(order='better') == ['a', 'b', 'c'] and ask(order='worse') == ['c', 'b', 'a'] and ask(order='name') == [
        'a', 'b', 'c']

    page.locator('.card').first.focus()
    page.keyboard.press('Enter')
    title = page.locator('#large-title')
    assert title.inner_text().startswith('1 of 3: upper')
    assert page.locator('#large-errors tr').nth(2).inner_text().split() == ['right_collar', '50.0', '%', '0.0', '%']
    for key, place in (('ArrowRight', 2), ('ArrowRight', 3), ('ArrowRight', 3), ('ArrowLeft', 2)):
        page.keyboard.press(key)
        assert title.inner_text().startswith(f'{place} of 3')
    assert title.inner_text().startswith('2 of 3: lower')
    assert page.locator('#large-panels .twin').count() == page.locator('#large-panels .exchanged').count() == 1
    assert page.locator('#large-panels .mark.outlier').count() == 1
    page.keyboard.press('Escape')
    assert not page.evaluate("document.getElementById('large').open")
    assert not complaints and set(requests) <= {'file', 'data'}
    page.close()
