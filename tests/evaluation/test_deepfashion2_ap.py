"""The metric on the samples that the data sets and MMPose's packing give, and the file of results."""

import contextlib
import io
import json
import pickle

import numpy as np
import pytest
from mmengine.structures import InstanceData
from mmpose.datasets.transforms import PackPoseInputs
from mmpose.registry import METRICS
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

import pcloss_mmpose  # noqa: F401
from pcloss_mmpose.datasets import DeepFashion2Dataset, DeepFashion2SharedDataset
from pcloss_mmpose.errors import InputError
from pcloss_mmpose.evaluation import NormalizedError
from pcloss_mmpose.metainfo.deepfashion2 import SIGMAS, SLICES, TO_SHARED
from pcloss_mmpose.preflight import rehearse

DATASETS = {294: DeepFashion2Dataset, 81: DeepFashion2SharedDataset}
COUNTS = [part.stop - part.start for part in SLICES]


def annotation(rng, category, box, **attributes):
    """An item as the official files have it."""
    x1, y1, x2, y2 = box
    count = COUNTS[category - 1]
    landmarks = np.column_stack([rng.integers(x1, x2, count), rng.integers(y1, y2, count), rng.choice([1, 2], count)])
    return dict(category_id=category, bounding_box=box, landmarks=landmarks.ravel().tolist(), **{
        **dict(scale=1, occlusion=1, zoom_in=1, viewpoint=2), **attributes})


@pytest.fixture
def split(tmp_path):
    """Twelve images, on each two tops and one of the other categories, and an image without an item."""
    rng = np.random.default_rng(0)
    folder = tmp_path / 'annos'
    folder.mkdir()
    for image in range(1, 13):
        items = {f'item{n}': annotation(rng, category, box, scale=n) for n, (category, box) in enumerate([
            (1, [20, 20, 220, 240]), (1, [300, 20, 500, 260]), (1 + image, [20, 300, 320, 700])], 1)}
        (folder / f'{image:06d}.json').write_text(json.dumps(dict(source='user', pair_id=1, **items)))
    (folder / '000013.json').write_text(json.dumps(dict(source='user', pair_id=1)))
    return tmp_path


def detections(path, entries):
    (path / 'boxes.json').write_text(json.dumps(entries))
    return str(path / 'boxes.json')


def dataset_of(split, landmarks=294, **options):
    return DATASETS[landmarks](ann_file=str(split / 'annos'), data_prefix=dict(img=str(split / 'image')),
                               test_mode=True, pipeline=[], **options)


def packed(dataset):
    """What a metric is given, before there are predictions."""
    for index in range(len(dataset)):
        info = dict(dataset.get_data_info(index), img=np.zeros((8, 8, 3), np.uint8))
        info.update(bbox_center=np.zeros((1, 2)), bbox_scale=np.ones((1, 2)), bbox_scores=info['bbox_score'])
        yield PackPoseInputs()(info)['data_samples']


def predicted(dataset, noise=0., points=None, scores=None, seed=0):
    """With predictions: at the truth, off by ``noise``, or as given; what no truth has lies anywhere."""
    rng, samples = np.random.default_rng(seed), []
    for row, sample in enumerate(packed(dataset)):
        truth = sample.gt_instances.keypoints[0] if points is None else points[row]
        found = rng.uniform(0, 700, truth.shape)
        known = (truth != 0).any(axis=-1)
        found[known] = truth[known] + rng.normal(0, noise, (known.sum(), 2)) if noise else truth[known]
        keypoint_scores = np.full((1, len(truth)), .5) if scores is None else scores[row][None]
        sample.pred_instances = InstanceData(keypoints=np.float32(found[None]), keypoint_scores=keypoint_scores)
        samples.append(sample.to_dict())
    return samples


def evaluate(samples, size=None, **options):
    metric = METRICS.build(dict(type='DeepFashion2AP', **options))
    for start in range(0, len(samples), 5):
        metric.process({}, samples[start:start + 5])
    metric.results = pickle.loads(pickle.dumps(metric.results))  # as from another process
    return metric.evaluate(size or len(samples))


@pytest.mark.parametrize('landmarks', [294, 81])
def test_what_is_found_where_it_lies(split, landmarks):
    figures = evaluate(predicted(dataset_of(split, landmarks)))
    assert {'AP', 'visible/AP', 'AP/sling_dress', 'AP/scale=large', 'visible/AP/viewpoint=frontal'} <= figures.keys()
    np.testing.assert_allclose(list(figures.values()), 1)
    assert evaluate(predicted(dataset_of(split, landmarks)), subsets=False, prefix='test').keys() == {
        f'test/{key}' for key in figures if '=' not in key}


def test_shared_landmarks_are_measured_as_the_own_ones(split):
    """A model of 81 that finds what one of 294 finds."""
    dataset, shared = dataset_of(split), dataset_of(split, 81)
    samples = predicted(dataset, noise=8.)
    points = []
    for sample in samples:
        own = SLICES[sample['category_id'] - 1]
        found = np.zeros((81, 2), np.float32)
        found[TO_SHARED[own]] = sample['pred_instances']['keypoints'][0, own]
        points.append(found)
    figures = evaluate(samples)
    assert evaluate(predicted(shared, points=points)) == figures
    assert .1 < figures['AP'] < .9


@pytest.mark.parametrize('landmarks', [294, 81])
def test_boxes_of_a_detector(split, landmarks):
    """With the annotations of the whole split: what has no box is missed, on images without any, too."""
    dataset = dataset_of(split)
    infos = [dataset.get_data_info(index) for index in range(len(dataset))]
    entries = [dict(image_id=info['img_id'], category_id=info['category_id'], score=.9,
                    bbox=[*info['bbox'][0, :2].tolist(), 100, 100]) for info in infos if info['img_id'] != 12]
    detected = dataset_of(split, landmarks, bbox_file=detections(split, entries))
    own = [dataset_of(split, landmarks).get_data_info(index)['keypoints'][0] for index in range(len(dataset) - 3)]
    assert len(detected) == 33 and len(dataset) == 36
    figures = evaluate(predicted(detected, points=own), ann_file=str(split / 'annos'))
    assert figures['AP/sling_dress'] == 0 and figures['AP/trousers'] == pytest.approx(1)
    assert figures['AP/short_sleeve_top'] == pytest.approx(92 / 101)  # of 24 tops 22 are found
    assert figures['AP'] == pytest.approx((11 + 92 / 101) / 13)

    with pytest.raises(InputError, match=r'000001\.jpg has no annotation, .* set ann_file to the folder'):
        evaluate(predicted(detected, points=own))


def test_annotations_that_are_needed_are_asked_for_before_a_training(split):
    dataset = dataset_of(split)
    rehearse([METRICS.build(dict(type='DeepFashion2AP'))], dataset, ['AP', 'visible/AP50', 'AP/skirt'])
    with pytest.raises(InputError, match="no metric of the evaluator gives 'mAP'"):
        rehearse([METRICS.build(dict(type='DeepFashion2AP'))], dataset, ['mAP'])
    entry = dict(image_id=1, category_id=1, bbox=[20, 20, 200, 220], score=.9)
    with pytest.raises(InputError, match='set ann_file to the folder'):
        rehearse([METRICS.build(dict(type='DeepFashion2AP'))], dataset_of(split, bbox_file=detections(split, [entry])))


def test_the_whole_split_is_to_be_found(split):
    """A part of its items, with true boxes: the others are missed where ann_file says so, and only there."""
    samples = predicted(dataset_of(split))[:-3]
    assert evaluate(samples)['AP'] == pytest.approx(1)
    assert evaluate(samples, ann_file=str(split / 'annos'))['AP/sling_dress'] == 0


def test_the_score_is_the_box_times_the_mean_over_the_own_landmarks(split):
    """A wrong skirt comes before or after a right one by it."""
    boxes = [dict(image_id=8, category_id=9, bbox=[20, 300, 300, 400], score=score) for score in (.5, .8)]
    detected = dataset_of(split, bbox_file=detections(split, boxes))
    info = next(info for info in map(dataset_of(split).get_data_info, range(36)) if info['category_id'] == 9)
    right, wrong = info['keypoints'][0], np.where(info['keypoints'][0] > 0, 9999, 0)

    def ap(right_scores, wrong_scores):
        scores = np.ones((2, 294))
        scores[:, SLICES[8]] = np.array([right_scores, wrong_scores])
        return evaluate(predicted(detected, points=[right, wrong], scores=scores), ann_file=str(split / 'annos'),
                        subsets=False)['AP/skirt']

    half = [1, 0] * 4  # a mean of 0.5, and of the scores above a threshold 1
    assert ap([1] * 8, [1] * 8) == pytest.approx(1 / 2)
    assert ap([1] * 8, half) == pytest.approx(1)
    assert ap([.79] * 8, half) == pytest.approx(1 / 2) and ap([.81] * 8, half) == pytest.approx(1)


def test_an_item_seen_twice_counts_once(split):
    """Samplers of several processes repeat some; the same box found twice by a detector is another item."""
    samples = predicted(dataset_of(split), noise=8.)
    assert evaluate(samples + samples[:3]) == evaluate(samples)
    twice = [dict(sample, id=99 + n) for n, sample in enumerate(samples[:3])]
    assert evaluate(samples + twice, ann_file=str(split / 'annos'))['AP'] < evaluate(samples)['AP']


def test_the_benchmark_gives_the_same_for_the_file_of_results(split, tmp_path):
    path = tmp_path / 'keypoints.json'
    samples = predicted(dataset_of(split), noise=8., scores=np.random.default_rng(1).random((36, 294)))
    figures = evaluate(samples, out_file=str(path))
    entries = json.loads(path.read_text())
    assert [list(entry) for entry in entries] == [['image_id', 'category_id', 'keypoints', 'score']] * 36
    for entry, sample in zip(entries, samples):
        points, own = np.reshape(entry['keypoints'], (294, 3)), SLICES[sample['category_id'] - 1]
        np.testing.assert_array_equal(points[own, :2], sample['pred_instances']['keypoints'][0, own])
        others = np.delete(points, np.r_[own], axis=0)
        np.testing.assert_allclose(others - [*points[own, :2].mean(axis=0), 1], 0, atol=.006)
        assert entry['image_id'] == sample['img_id']
    index = COCO()
    annotations = [dict(sample['raw_ann_info'], id=number) for number, sample in enumerate(samples, 1)]
    index.dataset = dict(images=[dict(id=image) for image in range(1, 14)], annotations=annotations,
                         categories=[dict(id=category) for category in range(1, 14)])
    with contextlib.redirect_stdout(io.StringIO()):
        index.createIndex()
        evaluation = COCOeval(index, index.loadRes(str(path)), 'keypoints')
        evaluation.params.kpt_oks_sigmas = SIGMAS
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert [figures[key] for key in ('AP', 'AP50', 'AP75')] == pytest.approx(evaluation.stats[:3], abs=1e-12)
    assert .1 < figures['AP'] < .9


def test_annotations_without_attributes(split):
    """Those of COCO JSON: there are no subsets."""
    samples = predicted(dataset_of(split))
    for sample in samples:
        sample['raw_ann_info'] = {key: value for key, value in sample['raw_ann_info'].items() if key != 'attributes'}
    figures = evaluate(samples)
    assert figures['AP'] == pytest.approx(1) and not [key for key in figures if '=' in key]


def first(split, **changes):
    sample = predicted(dataset_of(split))[0]
    points = changes.pop('landmarks', 294)
    sample['pred_instances'] = dict(keypoints=np.full((1, points, 2), changes.pop('at', 5.)),
                                    keypoint_scores=np.ones((1, points)))
    return dict(sample, **changes)


@pytest.mark.parametrize(('changes', 'words'), [
    (dict(landmarks=17), 'DeepFashion2AP: 17 landmarks; DeepFashion2 has 294, or 81 that its categories share'),
    (dict(category_id=14), r"000001\.jpg has the category_id 14 instead of 1 to 13; it is for a DeepFashion2Dataset, "
                           "with 'category_id' among the meta_keys"),
    (dict(category_id=None), 'has the category_id None'),
    (dict(raw_ann_info=None), 'has no annotation'),
    (dict(at=np.nan), 'results: 50 numbers of the landmarks are not finite: a diverged model'),
])
def test_what_does_not_fit_is_an_error(split, changes, words):
    with pytest.raises(InputError, match=words):
        evaluate([first(split, **changes)])


def test_no_sample_is_an_error():
    with pytest.raises(InputError, match='nothing was predicted: the data set is empty'):
        METRICS.build(dict(type='DeepFashion2AP')).compute_metrics([])


def test_annotations_of_another_split_are_an_error(split):
    samples = [dict(sample, img_id=sample['img_id'] + 9) for sample in predicted(dataset_of(split))]
    with pytest.raises(InputError, match=r'8 images were tested of which .* has no annotation, such as 000014\.jpg;'):
        evaluate(samples, ann_file=str(split / 'annos'))


def test_splits_are_tested_one_at_a_time(split):
    """Each counts its images from 1."""
    samples = predicted(dataset_of(split))
    others = [dict(sample, img_path=sample['img_path'].replace('image', 'others')) for sample in samples]
    with pytest.raises(InputError, match='image/000001.jpg and .*others/000001.jpg have the same number; test one'):
        evaluate(samples + others)


@pytest.mark.parametrize(('options', 'words'), [
    (dict(out_file='results.jsonl'), r"out_file must end in \.json, got 'results.jsonl'"),
    (dict(out_file='nowhere/results.json'), "there is no folder '.*nowhere'; make it first"),
    (dict(ann_file='nowhere/annos'), 'nowhere/annos: no such folder'),
])
def test_bad_options_are_refused_before_the_test(options, words):
    with pytest.raises(ValueError, match=words):
        METRICS.build(dict(type='DeepFashion2AP', **options))


@pytest.mark.parametrize('landmarks', [294, 81])
def test_normalized_error_by_hand(split, landmarks):
    """One landmark of the first top is off by a tenth of its box's height."""
    dataset = dataset_of(split, landmarks)
    samples, raw = predicted(dataset), dataset.get_data_info(0)['raw_ann_info']
    visible = np.reshape(raw['keypoints'], (-1, 3))[:, 2] == 2
    samples[0]['pred_instances']['keypoints'][0, np.flatnonzero(visible)[0], 1] += 22
    metric = NormalizedError()
    metric.dataset_meta = dataset.metainfo
    metric.process({}, samples)
    figures = metric.evaluate(len(samples))
    counted = sum((np.reshape(sample['raw_ann_info']['keypoints'], (-1, 3))[:, 2] == 2).sum() for sample in samples)
    assert figures['NE'] == pytest.approx(10 / counted)
    assert figures['NE/short_sleeve_top'] > 0 and figures['NE/skirt'] == 0
