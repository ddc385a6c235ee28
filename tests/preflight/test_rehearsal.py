"""What the labels of a data set give when they are measured against themselves."""

import json
import logging

import numpy as np
import pytest
from mmengine.logging import MMLogger
from mmpose.registry import DATASETS, METRICS

from pcloss_mmpose.errors import InputError
from pcloss_mmpose.preflight import rehearsal as module
from pcloss_mmpose.preflight import rehearse


@pytest.fixture
def persons(tiny_coco, tmp_path):
    """A CocoDataset of five persons, their annotations changed by a function."""

    def build(change=lambda annotations: None):
        tiny_coco(tmp_path, 'val', 5, seed=1)
        path = tmp_path / 'val.json'
        content = json.loads(path.read_text())
        change(content['annotations'])
        path.write_text(json.dumps(content))
        return DATASETS.build(dict(
            type='CocoDataset', data_root=str(tmp_path), ann_file='val.json', data_prefix=dict(img=''), test_mode=True))

    return build


def metrics(dataset, *configs):
    built = [METRICS.build(config) for config in configs]
    for metric in built:
        metric.dataset_meta = dataset.metainfo
    return built


def make_occluded(annotations):
    for annotation in annotations:
        annotation['keypoints'] = [1 if k % 3 == 2 else value for k, value in enumerate(annotation['keypoints'])]


def drop_areas(annotations):
    for annotation in annotations:
        del annotation['area']


def test_what_can_be_measured_passes_without_a_word_and_leaves_no_result(persons, caplog, capsys):
    dataset = persons()
    own = metrics(dataset, dict(type='NormalizedError'), dict(type='FailureModes'), dict(type='EPE'),
                  dict(type='CocoMetric'))
    capsys.readouterr()
    with caplog.at_level(logging.INFO):
        rehearse(own, dataset, ['NE', 'NE_macro', 'NE/nose', 'outliers', 'EPE', 'coco/AP', 'coco/AR'])
    assert [metric.results for metric in own] == [[], [], [], []]
    assert (caplog.text, capsys.readouterr().out) == ('', '')
    assert MMLogger.get_current_instance().level < logging.CRITICAL


@pytest.mark.parametrize(('change', 'config', 'words'), [
    (make_occluded, dict(type='NormalizedError'), r'none is visible \(v = 2\) and 85 are occluded \(v = 1\); set inc'),
    (make_occluded, dict(type='FailureModes'), 'FailureModes: no landmark counts in 5 images'),
    (make_occluded, dict(type='NormalizedError', include_occluded=True), None),
    (drop_areas, dict(type='CocoMetric'), 'CocoMetric needs the area of every annotation'),
    (drop_areas, dict(type='CocoMetric', use_area=False), None),
    (lambda rows: None, dict(type='NormalizedError', norm='keypoint_pair'), "no pair for the category 'person'"),
    (lambda rows: None, dict(type='NormalizedError', norm='keypoint_pair', norm_pairs=dict(person=('nose', 'hip'))),
     "names the landmark 'hip' for 'person'"),
    (lambda rows: None, dict(type='NormalizedError', norm='keypoint_pair', norm_pairs=dict(
        person=('left_hip', 'right_hip'))), None),
])
def test_what_would_end_the_first_validation_is_refused(persons, change, config, words):
    dataset = persons(change)
    if words is None:
        rehearse(metrics(dataset, config), dataset)
    else:
        with pytest.raises(InputError, match=words):
            rehearse(metrics(dataset, config), dataset)


def test_a_figure_that_no_metric_gives_is_refused_with_those_that_there_are(persons):
    dataset = persons()
    with pytest.raises(InputError, match="no metric of the evaluator gives 'AP', .*; they give coco/AP, coco/AP .L., "):
        rehearse(metrics(dataset, dict(type='CocoMetric')), dataset, ['coco/AR', 'AP'])
    with pytest.raises(InputError, match="'NE', which save_best, a hook or --metric asks for; they give own/NE, own/N"):
        rehearse(metrics(dataset, dict(type='NormalizedError', prefix='own')), dataset, ['NE'])


def test_what_an_unknown_metric_gives_is_not_guessed(persons, tmp_path):
    dataset = persons()
    submission = metrics(dataset, dict(type='FashionAISubmission', out_file=str(tmp_path / 'out.csv')))
    rehearse(submission, dataset, ['anything'])
    assert not (tmp_path / 'out.csv').exists()
    rehearse(metrics(dataset, dict(type='JhmdbPCKAccuracy', norm_item='head')), dataset, ['anything'])  # no head size


def test_nothing_is_refused_for_a_sample_of_the_rows(persons, monkeypatch):
    """One visible landmark in the row that the sample leaves out is enough; a second category there is not."""
    monkeypatch.setattr(module, 'ROWS', 2)  # 1 and 4

    def one_visible(annotations):
        make_occluded(annotations)
        annotations[2]['keypoints'][2] = 2

    dataset = persons(one_visible)
    rehearse(metrics(dataset, dict(type='NormalizedError')), dataset, ['NE/nose'])
    with pytest.raises(InputError, match="gives 'NE/left_eye', .* NE/nose, NE/person"):
        rehearse(metrics(dataset, dict(type='NormalizedError')), dataset, ['NE/left_eye'])


def test_garments_without_a_box_are_measured(raw, tmp_path):
    rows = [raw.fashionai_row(f'{k}.jpg', 'skirt', {15: '10_30_1', 16: '40_30_1'}) for k in range(3)]
    csv = raw.fashionai(tmp_path / 'val.csv', rows)
    dataset = DATASETS.build(dict(type='FashionAIDataset', ann_file=csv, test_mode=True))
    rehearse(metrics(dataset, dict(type='NormalizedError', norm='keypoint_pair')), dataset, ['NE/skirt'])
    sample = module.perfect_sample(dataset.get_data_info(0))
    np.testing.assert_array_equal(sample['pred_instances']['keypoints'][0, 15], [10, 30])
