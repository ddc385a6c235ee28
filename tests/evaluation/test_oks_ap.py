"""DeepFashion2's AP: worked by hand, as one COCOeval over all 294 landmarks gives it, and from the definition."""

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pcloss_mmpose.errors import InputError
from pcloss_mmpose.evaluation import Found, Truths, oks_ap
from pcloss_mmpose.metainfo.deepfashion2 import CATEGORIES, SIGMAS, SLICES

SKIRT, VEST = CATEGORIES.index('skirt') + 1, CATEGORIES.index('vest') + 1
COUNTS = [part.stop - part.start for part in SLICES]


def truths(*items):
    """Of (image, category_id, box, v of its landmarks, scale); the landmarks are spread over the box."""
    images, categories, boxes, visible, scales = zip(*items)
    landmarks = np.zeros((len(items), 39, 3))
    for row, (category, (x1, y1, x2, y2), v) in enumerate(zip(categories, boxes, visible)):
        count = COUNTS[category - 1]
        along = np.linspace(0, 1, count)
        landmarks[row, :count] = np.column_stack([x1 + along * (x2 - x1), y1 + along**2 * (y2 - y1),
                                                  np.broadcast_to(v, count)])
    attributes = np.ones((len(items), 4), dtype=int)
    attributes[:, 0] = scales
    return Truths(np.array(images), np.array(categories), np.array(boxes, dtype=float), landmarks, attributes)


def found(truth, rows, scores, off=0.):
    """What is found at some truths, ``off`` pixels to the right."""
    landmarks = truth.landmarks[rows][..., :2].copy()
    landmarks[..., 0] += np.reshape(off, (-1, 1))
    return Found(truth.images[rows], truth.categories[rows], landmarks, np.array(scores, dtype=float))


def distance_of(oks, truth, landmark=0):
    """How far off a landmark is that has this OKS by itself: OKS = exp(-d^2 / (2 area (2 sigma)^2))."""
    x1, y1, x2, y2 = truth.boxes[0]
    sigma = SIGMAS[SLICES[truth.categories[0] - 1]][landmark]
    return np.sqrt(-2 * np.log(oks) * (x2 - x1) * (y2 - y1) * (2 * sigma)**2)


BOX, FAR, SMALL = (100, 100, 300, 400), (1000, 100, 1200, 400), (100, 100, 150, 150)
ONLY_FIRST = [2] + [0] * 7


def test_what_is_found_where_it_lies():
    truth = truths(*((image, category, BOX, 2, 1) for image in (1, 2) for category in range(1, 14)))
    figures = oks_ap(truth, found(truth, np.arange(26), np.linspace(.1, 1, 26)))
    assert {key.partition('/')[0] if key.startswith('AP') else key for key in figures if not key.startswith('visible')
            } == {'AP', 'AP50', 'AP75', 'AP_L', 'AR'}
    assert {key for key in figures if key.startswith('AP/')} == {
        *(f'AP/{name}' for name in CATEGORIES), 'AP/scale=small', 'AP/occlusion=slight', 'AP/zoom_in=no',
        'AP/viewpoint=no wear'}
    assert {key.replace('visible/', '') for key in figures if key.startswith('visible/')} == {
        key for key in figures if not key.startswith('visible/')}
    np.testing.assert_allclose(list(figures.values()), 1)
    assert all(type(value) is float for value in figures.values())


def test_one_item_of_a_known_oks():
    """0.72 is enough for the thresholds 0.50, 0.55 to 0.70: 5 of 10."""
    truth = truths((1, SKIRT, BOX, ONLY_FIRST, 1))
    figures = oks_ap(truth, found(truth, [0], [.5], distance_of(.72, truth)), subsets=False)
    assert figures == pytest.approx({
        f'{prefix}{key}': value for prefix in ('', 'visible/') for key, value in {
            'AP': .5, 'AP50': 1, 'AP75': 0, 'AP_L': .5, 'AR': .5, 'AP/skirt': .5}.items()})


def test_occluded_landmarks_count_and_do_not():
    """One landmark of two is off by so much that its part of the OKS is 0: 0.5 with it and 1 without it."""
    truth = truths((1, SKIRT, BOX, [2, 1] + [0] * 6, 1))
    results = found(truth, [0], [.5])
    results.landmarks[0, 1] = 9999
    figures = oks_ap(truth, results)
    assert figures['AP'] == pytest.approx(.1) and figures['AP50'] == pytest.approx(1)
    assert figures['visible/AP'] == pytest.approx(1)


@pytest.mark.parametrize(('rows', 'scores', 'off', 'ap'), [
    ([0], [.9], 0, 51 / 101),  # recall 0.5: the recalls 0, 0.01, ... 0.5 have precision 1, the others 0
    ([0, 1], [.9, .8], 0, 1),
    ([0, 0, 1], [.9, .7, .8], 0, 1),  # a second one at the first truth, found last
    ([0, 0, 1], [.9, .85, .8], 0, (51 + 50 * 2 / 3) / 101),  # in between: precision 2/3 from recall 0.5 on
    ([0, 0, 1], [.9, .95, .8], [0, 9999, 0], 2 / 3),  # first, and a precision counts for all lower recalls
    ([], [], 0, 0),
])
def test_missed_doubled_and_wrong_items(rows, scores, off, ap):
    truth = truths((1, SKIRT, BOX, 2, 1), (1, SKIRT, FAR, 2, 1))
    results = found(truth, np.array(rows, dtype=int), scores, off if rows else np.zeros(0))
    assert oks_ap(truth, results, subsets=False)['AP'] == pytest.approx(ap)


def test_the_mean_is_over_the_categories_that_have_a_truth():
    """Three skirts of which all are found and a vest that is not; a dress where there is none is no category's."""
    truth = truths(*((image, SKIRT, BOX, 2, 1) for image in (1, 2, 3)), (1, VEST, FAR, 2, 1), (9, 13, BOX, 2, 1))
    results = found(truth, [0, 1, 2, 4], [.9] * 4)
    truth = Truths(*(column[:4] for column in truth))
    figures = oks_ap(truth, results, subsets=False)
    assert (figures['AP'], figures['AR']) == (pytest.approx(.5), pytest.approx(.5))
    assert (figures['AP/skirt'], figures['AP/vest']) == (pytest.approx(1), 0)
    assert 'AP/sling_dress' not in figures and 'AP_M' not in figures


def test_areas():
    truth = truths((1, SKIRT, BOX, 2, 1), (2, SKIRT, SMALL, 2, 1))
    figures = oks_ap(truth, found(truth, [1], [.9]), subsets=False)
    assert (figures['AP_M'], figures['AP_L']) == (pytest.approx(1), 0)


def test_no_more_than_20_of_an_image_count():
    truth = truths((1, SKIRT, BOX, 2, 1))
    others = [9999.] * 20
    first = found(truth, [0] * 21, [*np.linspace(.9, .8, 20), .5], [*others, 0])
    assert oks_ap(truth, first, subsets=False)['AP'] == 0
    assert oks_ap(truth, Found(*(column[1:] for column in first)), subsets=False)['AP'] == pytest.approx(1 / 20)


def test_subsets_by_hand():
    """A small item found, a large one missed, and two more found: one at another large item, and one at none."""
    truth = truths((1, SKIRT, BOX, 2, 1), (1, SKIRT, FAR, 2, 3), (2, SKIRT, BOX, 2, 3))
    results = found(truth, [0, 2, 0], [.8, .7, .9], [0, 0, 5000])
    figures = oks_ap(truth, results)
    # Small: wrong, right, and one at an ignored truth: precision 1/2 at every recall.
    assert figures['AP/scale=small'] == pytest.approx(1 / 2)
    # Large: wrong, ignored, right, of two: precision 1/2 up to recall 0.5.
    assert figures['AP/scale=large'] == pytest.approx(51 / 101 / 2)
    # All: wrong, right, right, of three: precision 2/3 up to recall 2/3.
    assert figures['AP'] == figures['AP/viewpoint=no wear'] == pytest.approx(67 / 101 * 2 / 3)
    assert not {key for key in figures if 'moderate' in key or 'heavy' in key}
    assert figures['visible/AP/scale=small'] == pytest.approx(1 / 2)


def test_an_item_of_which_nothing_is_said_is_in_no_subset():
    truth = truths((1, SKIRT, BOX, 2, 0))
    assert not {key for key in oks_ap(truth, found(truth, [0], [.9])) if 'scale' in key}


@pytest.mark.parametrize(('off', 'ap'), [(0, 1), (5000, 1 / 2)])
def test_a_truth_without_landmarks_is_neither_to_be_found_nor_a_fault(off, ap):
    """What is found in its doubled box is ignored, and what is found beside it is wrong."""
    truth = truths((1, SKIRT, FAR, 0, 1), (1, SKIRT, BOX, 2, 1))
    assert oks_ap(truth, found(truth, [0, 1], [.9, .8], [off, 0]), subsets=False)['AP'] == pytest.approx(ap)


# ------------------------------------------------------------------------------------- against references


def random_items(seed=0, images=40, noise=8.):
    """Several items an image and category, some without a landmark, some missed, some found twice or far off."""
    rng = np.random.default_rng(seed)
    count = 6 * images
    categories = rng.integers(1, 14, count)
    categories[rng.random(count) < .4] = 8
    corners = rng.uniform(0, 400, (count, 2))
    boxes = np.round(np.concatenate([corners, corners + rng.uniform(20, 300, (count, 2))], axis=1))
    landmarks = np.zeros((count, 39, 3))
    for row, category in enumerate(categories):
        own = COUNTS[category - 1]
        places = boxes[row, :2] + rng.random((own, 2)) * (boxes[row, 2:] - boxes[row, :2])
        landmarks[row, :own] = np.column_stack([places.round(), rng.choice(3, own, p=[.1, .3, .6])])
    landmarks[rng.random(count) < .1, :, 2] = 0
    landmarks[landmarks[..., 2] == 0] = 0
    truth = Truths(rng.integers(1, images + 1, count), categories, boxes, landmarks, rng.integers(0, 4, (count, 4)))
    rows = np.concatenate([rng.permutation(count)[:int(.8 * count)], rng.integers(0, count, count // 2)])
    points = truth.landmarks[rows][..., :2] + rng.normal(0, noise, (len(rows), 39, 2))
    empty = (truth.landmarks[rows, :, 2] == 0).all(axis=1)
    points[empty] += truth.boxes[rows][empty, None, :2]  # in the truth's box, or beside it
    points[rng.random(len(rows)) < .1] += 300
    scores = rng.random(len(rows)).round(1)  # many are equal
    images_found = np.where(rng.random(len(rows)) < .05, images + 7, truth.images[rows])  # without a truth
    return truth, Found(images_found, categories[rows], points, scores)


def all_landmarks(truth, results, least, others):
    """The benchmark's own form: all 294, 0 where a truth has none; ``others`` gives a result's other landmarks."""
    annotations = []
    for row, (image, category, (x1, y1, x2, y2)) in enumerate(zip(*map(np.ndarray.tolist, truth[:3]))):
        points = np.zeros((294, 3))
        own = truth.landmarks[row, :COUNTS[category - 1]].copy()
        own[own[:, 2] < least] = 0
        points[SLICES[category - 1]] = own
        annotations.append(dict(
            id=row + 1, image_id=image, category_id=category, bbox=[x1, y1, x2 - x1, y2 - y1], iscrowd=0,
            area=(x2 - x1) * (y2 - y1), keypoints=points.ravel().tolist(), num_keypoints=int((own[:, 2] > 0).sum())))
    entries = []
    for image, category, points, score in zip(*(column.tolist() for column in results)):
        own = np.array(points)[:COUNTS[category - 1]]
        every = np.ones((294, 3))
        every[:, :2] = others(own)
        every[SLICES[category - 1], :2] = own
        entries.append(dict(image_id=image, category_id=category, keypoints=every.ravel().tolist(), score=score))
    images = sorted({*truth.images.tolist(), *results.images.tolist()})
    return dict(images=[dict(id=image) for image in images], annotations=annotations,
                categories=[dict(id=number) for number in range(1, 14)]), entries


def official(content, entries):
    """One evaluation of all categories, as the benchmark's code runs it; its ten figures."""
    index = COCO()
    index.dataset = content
    index.createIndex()
    evaluation = COCOeval(index, index.loadRes(entries), 'keypoints')
    evaluation.params.kpt_oks_sigmas = SIGMAS
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation


FIGURES = dict(AP=0, AP50=1, AP75=2, AP_M=3, AP_L=4, AR=5)


@pytest.mark.parametrize('seed', range(3))
@pytest.mark.parametrize(('prefix', 'least'), [('', 1), ('visible/', 2)])
def test_own_landmarks_give_what_all_294_give(seed, prefix, least):
    truth, results = random_items(seed)
    figures = oks_ap(truth, results, subsets=False)
    evaluation = official(*all_landmarks(truth, results, least, lambda own: own.mean(axis=0)))
    assert {key: figures[prefix + key] for key in FIGURES} == pytest.approx(
        {key: evaluation.stats[place] for key, place in FIGURES.items()}, abs=1e-12)
    assert .1 < figures[prefix + 'AP'] < .9 and len({round(figures[prefix + key], 3) for key in FIGURES}) == 6
    precision = evaluation.eval['precision'][..., 0, 0]
    for number, name in enumerate(CATEGORIES):
        assert figures[f'{prefix}AP/{name}'] == pytest.approx(precision[:, :, number].mean(), abs=1e-12)


def test_other_landmarks_count_where_the_truth_has_some():
    """A model gives all 294: those of other categories change nothing, unless a truth has no landmark at all."""
    truth, results = random_items(5)
    some = (truth.landmarks[..., 2] > 0).any(axis=1)
    truth = Truths(*(column[some] for column in truth))
    anywhere = np.random.default_rng(0)
    evaluation = official(*all_landmarks(truth, results, 1, lambda own: anywhere.uniform(-900, 900, (294, 2))))
    figures = oks_ap(truth, results, subsets=False)
    for key in ('AP', 'AP50', 'AP75', 'AR'):
        assert figures[key] == pytest.approx(evaluation.stats[FIGURES[key]], abs=1e-12)


def plain_ap(truth, results):
    """From the definition, without pycocotools, for items of which all have landmarks that count."""
    thresholds, recalls = np.arange(50, 100, 5) / 100, np.arange(101) / 100
    of_categories = []
    for category, own in enumerate(SLICES, 1):
        gt, dt = np.flatnonzero(truth.categories == category), np.flatnonzero(results.categories == category)
        dt = dt[np.argsort(-results.scores[dt])]
        for threshold in thresholds if len(gt) else ():
            free, hits = set(gt.tolist()), []
            for one in dt:
                best, match = threshold, None
                for other in sorted(free):
                    if truth.images[other] == results.images[one]:
                        x, y, v = truth.landmarks[other, :COUNTS[category - 1]].T
                        dx, dy = results.landmarks[one, :COUNTS[category - 1]].T - [x, y]
                        x1, y1, x2, y2 = truth.boxes[other]
                        similarity = np.exp(-(dx**2 + dy**2) / (2 * (x2 - x1) * (y2 - y1) * (2 * SIGMAS[own])**2))
                        oks = similarity[v > 0].mean()
                        if oks >= best:
                            best, match = oks, other
                hits.append(match is not None)
                free.discard(match)
            right = np.cumsum(hits)
            recall, precision = right / len(gt), right / np.arange(1, len(hits) + 1)
            of_categories.append([max(precision[recall >= least], default=0) for least in recalls])
    return np.mean(of_categories)


def test_noise_of_eight_pixels_from_the_definition():
    truth, results = random_items(1)
    rng = np.random.default_rng(1)
    some = (truth.landmarks[..., 2] > 0).any(axis=1)
    truth = Truths(*(column[some] for column in truth))
    results = found(truth, np.arange(some.sum()), rng.random(some.sum()))
    results.landmarks[...] += rng.normal(0, 8, results.landmarks.shape)
    ap = oks_ap(truth, results, subsets=False)['AP']
    assert ap == pytest.approx(plain_ap(truth, results), abs=1e-9)
    assert .1 < ap < .9


def test_a_subset_is_what_coco_makes_of_an_area():
    """Boxes of other areas are those of another subset, and no result's area is asked for."""
    truth, results = random_items(2)
    area = np.prod(truth.boxes[:, 2:] - truth.boxes[:, :2], axis=1)
    truth.attributes[:, 1] = np.where(area > 96**2, 3, 1)
    content, entries = all_landmarks(truth, results, 1, lambda own: own.mean(axis=0))
    index = COCO()
    index.dataset = content
    index.createIndex()
    found_ones = index.loadRes(entries)
    for entry in found_ones.anns.values():
        entry['area'] = 96**2 + 1  # never outside
    evaluation = COCOeval(index, found_ones, 'keypoints')
    evaluation.params.kpt_oks_sigmas = SIGMAS
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert oks_ap(truth, results)['AP/occlusion=heavy'] == pytest.approx(evaluation.stats[4], abs=1e-12)


# ---------------------------------------------------------------------------------------------- bad input

GOOD = truths((1, SKIRT, BOX, 2, 1), (2, VEST, BOX, 2, 1))


@pytest.mark.parametrize(('columns', 'words'), [
    (dict(categories=np.array([9, 14])), r'truths: a category must be from 1 to 13, got 9 to 14'),
    (dict(categories=np.array([0, 9])), r'truths: a category must be from 1 to 13, got 0 to 9'),
    (dict(categories=np.array([9])), r'truths: categories must have shape \(2,\), got \(1,\)'),
    (dict(boxes=np.zeros((2, 5))), r'truths: boxes must have shape \(2, 4\), got \(2, 5\)'),
    (dict(boxes=np.full((2, 4), np.nan)), 'truths: 8 numbers of the boxes are not finite: a faulty annotation'),
    (dict(landmarks=np.zeros((2, 294, 3))), r'truths: landmarks must have shape \(2, 39, 3\), got \(2, 294, 3\)'),
    (dict(attributes=np.ones((2, 3))), r'truths: attributes must have shape \(2, 4\), got \(2, 3\)'),
    (dict(landmarks=np.zeros((2, 39, 3))), 'no landmark of any truth counts, in 2 items'),
])
def test_bad_truths(columns, words):
    with pytest.raises(InputError, match=words):
        oks_ap(GOOD._replace(**columns), found(GOOD, [0], [.5]))


@pytest.mark.parametrize(('columns', 'words'), [
    (dict(landmarks=np.full((1, 39, 2), np.nan)), 'results: 16 numbers of the landmarks are not finite: a div'),
    (dict(scores=np.array([np.inf])), 'results: 1 numbers of the scores are not finite'),
    (dict(scores=np.zeros((1, 1))), r'results: scores must have shape \(1,\), got \(1, 1\)'),
    (dict(categories=np.array([14])), 'results: a category must be from 1 to 13, got 14 to 14'),
])
def test_bad_results(columns, words):
    with pytest.raises(InputError, match=words):
        oks_ap(GOOD, found(GOOD, [0], [.5])._replace(**columns))


def test_what_lies_after_the_last_landmark_of_a_category_is_not_read():
    results = found(GOOD, [0, 1], [.5, .5])
    results.landmarks[0, COUNTS[SKIRT - 1]:] = np.nan
    assert oks_ap(GOOD, results, subsets=False)['AP'] == pytest.approx(1)


def test_what_is_given_stays_as_it_is():
    truth, results = random_items(3, images=5)
    before = [column.copy() for column in (*truth, *results)]
    oks_ap(truth, results)
    for old, new in zip(before, (*truth, *results)):
        np.testing.assert_array_equal(old, new)
