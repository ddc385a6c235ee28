"""The report page: its figures by hand, and what a reader can do with it, in a real browser."""

import base64
import csv
import html
import json
import re
import shutil
import sys

import cv2
import numpy as np
import pytest

from pcloss_mmpose.metainfo import fld, load_metainfo
from pcloss_mmpose.visualization.report import check_same_images, report_page, run_results, summary_sentence
from pcloss_mmpose.visualization.report.far import clean, far_limits
from pcloss_mmpose.visualization.report.page import cut, longer_side, names_in_folder
from pcloss_mmpose.visualization.report.summary import image_values, summary

METAINFO = load_metainfo(fld.dataset_info)
HOSTILE = '"><img src=x onerror=alert(1)></script>'


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
    paths = [root / f'{name}.png' for name in ('a', 'b', '=c,"&lt;')]
    for index, path in enumerate(paths):
        cv2.imwrite(str(path), np.full((100, 100, 3), 60 * index + 40, np.uint8))
    first = [sample(paths[0], {0: (3, 4), 1: (30, 40)}), sample(paths[1], {2: (12, 12)}, 'lower', 0), sample(paths[2])]
    second = [sample(paths[0], {0: (3, 4)}), sample(paths[1], (), 'lower', 0), sample(paths[2], {5: (-20, 0)})]
    return [run_results(name, samples, METAINFO) for name, samples in (('plain', first), (HOSTILE, second))]


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
    upper = first.of_category('upper')
    assert upper.metrics['NE'] == pytest.approx(55 / 12) and len(upper.paths) == len(upper.measured.errors) == 2
    assert upper.metrics['duplicates'] == 0 and 'NE/lower' not in upper.metrics
    coarse = run_results('coarse', [sample('a.png', {1: (0, 30)})], METAINFO, threshold=.4)
    assert coarse.metrics['outliers'] == 0


def test_what_the_page_holds(runs):
    page, broken = report_page(runs, 'A < B')
    assert not broken and '<title>A &lt; B</title>' in page
    assert page.count('</script>') == 5 and '<img' not in page  # no name of a run or a file has ended or begun one
    text = html.unescape(re.sub('<[^>]+>', '', page[page.index('<body>'):])).replace('\xa0', ' ')
    assert text.strip().startswith(summary_sentence(runs))
    data = embedded(page)
    assert [run['name'] for run in data['runs']] == ['plain', HOSTILE]
    assert [image['name'] for image in data['images']] == ['a.png', 'b.png', '=c,"&lt;.png']  # without folders
    image = data['images'][1]
    assert image['pairs'] == image['exchanged'] == [[[2, 3]], []]
    assert image['category'] == 'lower'
    assert image['error'][0] == [0, 0, .16971, 0, 0, 0, None, None]
    assert image['visibility'] == [2] * 6 + [0, 0] and data['images'][0]['visibility'] == [2] * 6 + [1, 0]
    assert data['links'] == list(map(list, METAINFO['skeleton_links']))
    picture = re.search(r'id="picture-1">(.*?)</script>', page).group(1)
    shown = cv2.imdecode(np.frombuffer(base64.b64decode(picture), np.uint8), cv2.IMREAD_COLOR)
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
    # 60 and 120 pixels of margin: 40 to 560 and 80 to 1120, then 1040 become 480.
    assert image['size'] == [240, 480]
    assert image['truth'][7] == pytest.approx([(94 - 40) * 480 / 1040, (94 - 80) * 480 / 1040], abs=0.06)


def test_many_images_share_the_page():
    assert [longer_side(count) for count in (1, 500, 5000, 1_000_000)] == [480, 480, 158, 128]


@pytest.mark.parametrize(('paths', 'names'), [
    (['/home/jane/shop/1.jpg', '/home/jane/shop/2.jpg'], ['1.jpg', '2.jpg']),
    (['/data/a/1.jpg', '/data/b/1.jpg'], ['a/1.jpg', 'b/1.jpg']),
    (['s3://shop/a/1.jpg'], ['1.jpg']),
    (['C:\\photos\\1.jpg', 'C:\\photos\\2.jpg'], ['1.jpg', '2.jpg']),
    (['1.jpg', 'new/1.jpg'], ['1.jpg', 'new/1.jpg']),
])
def test_names_tell_no_more_than_they_must(paths, names):
    assert names_in_folder(paths) == names


def one_landmark_apart(name, errors):
    """A run of which each image counts so many landmarks as it has errors; they are pixels, and percent."""
    samples = []
    for index, own in enumerate(errors):
        entry = sample(f'{index}.png', {k: (error, 0) for k, error in enumerate(own)})
        entry['raw_ann_info']['keypoints'][2::3] = [2] * len(own) + [0] * (8 - len(own))
        samples.append(entry)
    return run_results(name, samples, METAINFO)


def test_figures_and_their_intervals_by_hand():
    """One landmark with an error of 10 and three with 12 together: a mean of 22 / 4."""
    before = one_landmark_apart('before', [[10], [3, 4, 5]])
    # 2 landmarks an image: 5.5 + (10 - 5.5) / 2 and 5.5 + (12 - 3 * 5.5) / 2.
    assert image_values(before)['NE'] == pytest.approx([7.75, 3.25])
    after = one_landmark_apart('after', [[6], [3, 4, 3]])  # 4 + (6 - 4) / 2 and 4 + (10 - 12) / 2
    assert image_values(after)['NE'] == pytest.approx([5, 3])
    error, outliers, duplicates = summary([before, after])
    assert error.values == pytest.approx([5.5, 4])
    # Student's factor of one degree is 12.7062; the standard error of two values is half of their distance.
    assert error.halves == pytest.approx([12.7062 * 2.25, 12.7062 * 1], rel=1e-5)
    change, = error.changes
    assert change.percent == pytest.approx(-100 * 1.5 / 5.5)
    assert change.half == pytest.approx(100 * 12.7062 * 1.25 / 5.5, rel=1e-5)  # the differences are -2.75 and -0.25
    assert outliers.values == duplicates.values == [0, 0] and np.isnan(outliers.changes[0].percent)
    assert error.images == 2 and duplicates.images == 1  # the first image has no pair


def test_the_interval_is_as_wide_as_a_bootstrap_over_images():
    random = np.random.default_rng(3)
    errors = [random.exponential(scale, random.integers(2, 8)) for scale in random.uniform(1, 20, 150)]
    runs = [one_landmark_apart('before', errors), one_landmark_apart('after', [
        own * random.uniform(.5, 1.1, len(own)) for own in errors])]
    columns = np.stack([*(np.nansum(run.measured.errors, axis=1) for run in runs), list(map(len, errors))], axis=1)
    before, after, counts = np.stack([columns[random.integers(150, size=150)].sum(axis=0) for _ in range(4000)]).T
    drawn = 100 * (after - before) / counts / np.nanmean(runs[0].measured.errors)
    change = summary(runs)[0].changes[0]
    assert change.interval == pytest.approx(np.percentile(drawn, [2.5, 97.5]), abs=0.1 * change.half)


def test_the_first_sentence(runs):
    """NE as above. Of 18 landmarks two and one are outliers; of 45 pairs one is a duplicate."""
    assert summary_sentence(runs[:1]) == (
        "'plain' on 3 images, one seed: NE 4.00 %, outliers 11.11 %, duplicates 2.22 %.")
    plain, other = (run._replace(name=name) for run, name in zip(runs, ('plain', 'other')))
    assert summary_sentence([plain, other]) == (
        "'other' against 'plain' on 3 images, one seed: NE fell from 4.00 to 1.39 % (-65.3 %, may be chance), "
        'outliers from 11.11 to 5.56 % (-50.0 %, may be chance), '
        'duplicates from 2.22 to 0.00 % (-100.0 %, may be chance).')
    assert 'duplicates from 0.00 to 2.22 %.' in summary_sentence([other, plain])  # there is no percent of nothing
    assert 'NE stayed at 4.00 %, outliers at 11.11 %' in summary_sentence([plain, plain._replace(name='again')])
    assert summary_sentence([plain, other, plain._replace(name='again')]) == (
        "Against 'plain' (NE 4.00 %, outliers 11.11 %, duplicates 2.22 %) on 3 images, one seed each: "
        "'other' has NE 1.39 % (-65.3 %, may be chance), outliers 5.56 % (-50.0 %, may be chance), "
        "duplicates 0.00 % (-100.0 %, may be chance); 'again' has NE 4.00 %, outliers 11.11 %, duplicates 2.22 %.")
    many = [one_landmark_apart(name, [[size], [size]] * 5) for name, size in (('a', 20.), ('b', 0.5))]
    assert summary_sentence(many) == (
        "'b' against 'a' on 10 images, one seed: NE fell from 20.00 to 0.500 % (-97.5 %), "
        'outliers from 100.00 to 0.00 % (-100.0 %).')  # one landmark makes no pair


@pytest.mark.parametrize(('value', 'expected'), [
    (0, 0), (0.0334, .03), (.117, .12), (.14, .15), (.27, .25), (.9, .8), (.92, 1), (1.31, 1.2), (47, 50)])
def test_clean(value, expected):
    assert clean(value) == expected


def test_the_filter_for_far_landmarks_filters():
    errors = np.full((100, 2), np.nan)
    errors[:, 0], errors[::2, 1] = np.arange(100) / 100 + .2, 0.  # each image has an outlier of 10 %
    # Half, a quarter and a tenth of the images are beyond 0.695, 0.9425 and 1.091.
    assert far_limits(errors, 0.1) == ([.1, .6, 1], 1)
    assert far_limits(errors, 0.8)[1] == .8  # 40 of 100 are beyond it
    assert far_limits(np.full((5, 1), 0.04), 0.1) == ([.1], .1)  # nothing tells them apart


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
    assert '1 images could not be read' in page


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
    if sys.platform != 'linux':
        pytest.skip('looks for Chromium as Linux names it')
    program = shutil.which('chromium') or shutil.which('google-chrome')
    if program is None:
        pytest.skip('no Chromium here')
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=['--no-sandbox'])
        yield browser
        browser.close()


@pytest.fixture
def opened(runs, browser, tmp_path):
    """Opens the report in a window of some width; neither errors nor requests are allowed."""
    path = tmp_path / 'report.html'
    pages, complaints = [], []

    def open_page(width=1366, address='', tested=runs, **options):
        path.write_text(report_page(tested, 'Report')[0], encoding='utf-8')
        page = browser.new_page(viewport=dict(width=width, height=800), **options)
        page.on('console', lambda message: complaints.append(message.text))
        page.on('pageerror', lambda error: complaints.append(str(error)))
        page.on('request', lambda request: request.url.startswith(('file:', 'data:', 'blob:'))
                or complaints.append(request.url))
        page.goto(path.as_uri() + address)
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert not complaints


def names(page):
    """The first letters of the images that are shown, in their order."""
    return [name.split(', ')[1].strip('=')[0] for name in page.locator('.card .name').all_inner_texts()]


def ask(page, **values):
    for key in ('category', 'landmark', 'run', 'show', 'order'):
        page.select_option(f'#{key}', values.get(key, dict(run='1', show='all', order='worst').get(key, '')))
    return names(page)


#: What sticks out of the window, but for the pictures that are moved sideways on a phone, and what is cut off.
STICKS_OUT = """() => [...document.querySelectorAll('body *')].filter((each) => {
  const { left, right, width } = each.getBoundingClientRect();
  const cut = each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).display !== 'inline';
  return width && !each.closest('.panels, select, svg') && (left < 0 || right > innerWidth + 0.5 || cut);
}).map((each) => `${each.tagName} ${each.className} ${each.textContent.slice(0, 60)}`)"""


#: What a finger may miss: controls, and on a phone the names of landmarks in the tables.
TOO_SMALL = """() => [...document.querySelectorAll('button, select, summary, label:has(input)')].filter((each) => (
  each.offsetHeight && Math.min(each.offsetHeight, each.offsetWidth) < 44
  && !(each.matches('.choose') && innerWidth > 768))).map((each) => each.outerHTML)"""


def test_nothing_is_wider_than_the_window(opened):
    """At any width, with long names that have no space, all tables open, and an image."""
    page = opened()
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    for width in (360, 414, 768, 1366, 1400, 1920, 2560):
        page.set_viewport_size(dict(width=width, height=800))
        assert page.evaluate('document.documentElement.scrollWidth') == width
        assert page.evaluate(STICKS_OUT) == [], width
        changes = page.locator('tr:has-text("all landmarks") td > span:visible')
        assert [text.strip() for text in changes.all_inner_texts()] == ['-65.3 %']
        page.locator('.card').first.click()
        assert page.locator('#large-errors td:visible').count() == 16  # seven landmarks and their mean, of two runs
        assert page.evaluate(STICKS_OUT) == [], width
        pictures, table = (page.locator(place).bounding_box() for place in ('#large-panels', '#large-errors'))
        beside = table['x'] >= pictures['x'] + pictures['width']
        assert beside == (width > 768) and (beside or table['y'] >= pictures['y'] + pictures['height'])
        assert page.evaluate(TOO_SMALL) == [], width
        page.keyboard.press('Escape')


@pytest.mark.parametrize('width', [360, 1366])
def test_six_runs_are_not_wider_either(opened, runs, width):
    page = opened(width, '#image=0', tested=[runs[0]._replace(name=f'robust-all@0.{index}') for index in range(6)])
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert page.evaluate('document.documentElement.scrollWidth') == width and page.evaluate(STICKS_OUT) == []


def test_filters_and_orders(opened):
    page = opened()
    assert ask(page) == ['c', 'a', 'b']  # 20 / 6, 5 / 6 and 0
    assert ask(page, run='0') == ['a', 'b', 'c'] and ask(page, run='0', order='best') == ['c', 'b', 'a']
    assert ask(page, category='lower') == ['b']
    assert ask(page, landmark='left_collar') == ['a', 'b', 'c']
    assert sorted(ask(page, landmark='left_hem')) == ['a', 'c']
    offered = "[...document.querySelectorAll('#landmark option')].map((option) => Number(!option.hidden)).join('')"
    assert page.evaluate(offered) == '111111110'  # all, and those that are annotated on any image
    page.select_option('#category', 'lower')  # which has no such landmark
    assert names(page) == ['b'] and page.evaluate(offered) == '111111100' and page.input_value('#landmark') == ''
    assert ask(page, show='far') == ['c'] and ask(page, show='far-gone') == ['a', 'b']
    assert ask(page, show='far-new') == ['c']
    assert page.locator('.mark.far').count() == 1
    assert ask(page, run='0', show='duplicate') == ['b']
    assert ask(page, run='0', show='duplicate', landmark='left_collar') == []
    assert ask(page, show='duplicate-gone') == ['b'] and ask(page, show='duplicate-new') == []
    assert page.inner_text('#count') == '0 of 3 images'
    assert ask(page, run='0', show='exchanged') == ['b']
    assert ask(page, run='0', show='exchanged', landmark='left_collar') == []
    assert ask(page, show='exchanged-gone') == ['b']
    assert ask(page, show='exchanged') == ask(page, show='exchanged-new') == []
    assert ask(page, order='better') == ['a', 'b', 'c'] and ask(page, order='worse') == ['c', 'b', 'a']
    assert ask(page, order='name') == ['c', 'a', 'b']


def test_the_cards_lead_to_the_images(opened):
    """Of the errors 55, 17 and 0 two are lower and one is higher; each of the others loses its failure."""
    page = opened()
    for label, expected in (('lower in 2 images', ['a', 'b']), ('higher in 1 image', ['c']),
                            ('gone from 2 images', ['a', 'b']), ('new in 1 image', ['c']),
                            ('gone from 1 image', ['b']), ('new in 0 images', [])):
        page.locator('.moved button:visible', has_text=re.compile(f'^{label}$')).click()
        assert sorted(names(page)) == expected, label


def test_far_off_is_what_one_chooses(opened):
    """Each image has an outlier, so that these are not what is filtered by at first."""
    page = opened(tested=[one_landmark_apart('run', [[20 + index] for index in range(40)])])
    assert page.locator('#far option').all_inner_texts() == ['10 % of T (outlier)', '40 % of T', '50 % of T']
    page.select_option('#show', 'far')
    assert page.inner_text('#count') == '9 of 40 images' and page.input_value('#far') == '0.5'
    assert page.locator('.mark.far').count() == 9
    page.select_option('#far', '0.1')
    assert page.inner_text('#count') == '40 of 40 images'
    page.click('#more')
    assert page.locator('.card').count() == page.locator('.mark.far').count() == 40


def test_a_category_leaves_its_own_figures_and_landmarks(opened):
    page = opened()
    rows = page.locator('.choose:visible')
    assert rows.count() == 6  # the sixth and later landmarks count nowhere
    page.select_option('#category', 'lower')
    # The only image's error is 12 times the root of 2, a sixth of which is its mean; nothing is left of it.
    assert page.locator('.values:visible').first.inner_text().split() == ['2.83', '→', '0.00', '-100.0', '%']
    assert page.locator('.spread:visible').first.inner_text() == 'no interval: one image'
    assert '2.83' in page.locator('tr:visible', has_text='all landmarks').inner_text()
    page.select_option('#category', 'upper')
    assert page.locator('.values:visible').first.inner_text().split()[0] == '4.58'
    rows.nth(1).click()  # a landmark's row shows the images by it
    assert page.input_value('#landmark') == 'right_collar' and names(page) == ['a', 'c']


def test_the_address_keeps_the_view(opened):
    page = opened(address='#category=nonsense&run=7&image=length')
    assert names(page) == ['c', 'a', 'b'] and not page.locator('#large').is_visible()
    page.select_option('#category', 'upper')
    page.select_option('#landmark', 'right_sleeve')
    page.select_option('#order', 'best')
    page.locator('.card').first.click()
    shown = page.inner_text('#large-title')
    page.reload()
    assert [page.input_value(f'#{key}') for key in ('category', 'landmark', 'order', 'run')] == [
        'upper', 'right_sleeve', 'best', '1']
    assert page.inner_text('#large-title') == shown and shown.startswith('1 of 2: upper, ')
    page.go_back()
    assert not page.locator('#large').is_visible() and page.input_value('#order') == 'best'
    page.go_back()
    assert page.input_value('#order') == 'worst' and page.input_value('#landmark') == 'right_sleeve'
    page.go_forward()
    assert page.input_value('#order') == 'best'


def test_a_row_and_its_dot_are_linked(opened):
    page = opened(address='#run=0&image=0')
    title = page.locator('#large-title')
    assert title.inner_text() == '1 of 3: upper, a.png'
    row = page.locator('#large-errors tbody tr').nth(1)
    assert row.inner_text().split() == ['right_collar', '50.0', '%', '0.0', '%']
    lit = page.locator('#large svg text.on:visible')
    assert lit.count() == 0
    row.hover()
    assert lit.all_text_contents() == ['right_collar', 'right_collar 50.0\xa0%', 'right_collar 0.0\xa0%']
    assert page.locator('#large svg g.on .mark.far').count() == 1  # found off, in the first run alone
    page.mouse.move(0, 0)
    assert lit.count() == 0
    dots = page.locator('#large-panels .panel').nth(1).locator('.mark')
    dots.nth(1).click()
    assert row.get_attribute('class') == 'on' and lit.count() == 3
    page.mouse.move(0, 0)
    assert lit.count() == 3  # a click keeps it
    row.click()
    page.mouse.move(0, 0)
    assert lit.count() == 0
    row.focus()
    page.keyboard.press('Enter')
    page.locator('#names').focus()
    assert lit.count() == 3  # by keyboard, too
    row.press('Enter')
    page.check('#names')
    assert page.locator('#large svg text:visible').count() == 3 * 7
    assert page.locator('#large svg .outline').first.is_visible()
    page.uncheck('#outline')
    assert not page.locator('#large svg .outline').first.is_visible()

    for key, place in (('ArrowRight', 2), ('ArrowRight', 3), ('ArrowRight', 3), ('ArrowLeft', 2)):
        page.keyboard.press(key)
        assert title.inner_text().startswith(f'{place} of 3')
    assert title.inner_text() == '2 of 3: lower, b.png'
    assert page.locator('#large-panels .twin').count() == page.locator('#large-panels .exchanged').count() == 1
    page.keyboard.press('Escape')
    assert not page.locator('#large').is_visible()
    page.reload()
    assert not page.locator('#large').is_visible()


def test_a_tap_links_them_too(opened):
    page = opened(360, '#run=0&image=0', has_touch=True)
    picture = page.locator('#large-panels .panel').nth(1)
    picture.scroll_into_view_if_needed()
    box = picture.locator('.mark').nth(1).bounding_box()
    page.touchscreen.tap(box['x'] + box['width'] / 2 - 12, box['y'] + box['height'] / 2 + 6)  # beside it
    assert page.locator('#large-errors tr.on').inner_text().startswith('right_collar')
    page.locator('#large-errors tbody tr').first.tap()
    assert page.locator('#large svg text.on:visible').first.text_content() == 'left_collar'
    assert page.locator('#large-errors tbody tr').first.bounding_box()['height'] >= 44


def test_the_table_of_all_errors(opened):
    page = opened()
    with page.expect_download() as download:
        page.click('#csv')
    assert download.value.suggested_filename == 'errors.csv'
    with open(download.value.path(), encoding='utf-8-sig', newline='') as file:
        head, *rows = csv.reader(file)
    assert head == ['image', 'category', 'landmark', 'visibility',
                    'error in % of T, plain', f'error in % of T, {HOSTILE}']
    assert len(rows) == 7 + 6 + 7  # all that are annotated
    assert rows[1] == ['a.png', 'upper', 'right_collar', 'visible', '50.000', '0.000']
    assert rows[6] == ['a.png', 'upper', 'left_hem', 'occluded', '', '']
    assert rows[9] == ['b.png', 'lower', 'left_sleeve', 'visible', '16.971', '0.000']
    assert rows[-2][:1] + rows[-2][2:] == ['\'=c,"&lt;.png', 'right_waistline', 'visible', '0.000', '20.000']


def test_the_dark_is_dark(opened):
    page = opened(color_scheme='dark')
    paper, ink, curve = (page.evaluate(
        "([place, kind]) => getComputedStyle(document.querySelector(place))[kind].match(/[0-9]+/g).map(Number)", look)
        for look in (['body', 'backgroundColor'], ['h1', 'color'], ['.figures svg text', 'fill']))
    assert max(paper) < 40 and min(ink) > 200 and curve == ink
