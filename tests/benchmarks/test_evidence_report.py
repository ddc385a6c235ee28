"""What is kept of comparisons, and that the pages show it."""

import json

import numpy as np
import pytest
import torch

from benchmarks import evidence_report as report
from benchmarks.ablation_report import with_tables
from benchmarks.evidence.share_head import factor_for
from pcloss_mmpose.comparison.tables import arms_table, as_markdown
from pcloss_mmpose.evaluation.predictions import record, write_predictions


def write_run(folder, arm, seed, error, share=None):
    folder = folder / arm / f'seed{seed}'
    folder.mkdir(parents=True)
    figures = {'NE': error, 'NE/hem': error + 1.23456789, 'outliers': 2 * error, 'duplicate_images': 8.,
               'exchanged_images': 4., 'outlier_images': 40., 'outliers@2': 99.}
    folder.joinpath('result.json').write_text(json.dumps(dict(
        figures=figures, share=share, landmarks=['hem'], seconds=3, config='abc', versions={}, date='2026-01-01')))


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Two arms of two seeds, and one of a single seed, kept as a study."""
    for seed, (base, worse) in enumerate([(10., 11.), (12., 12.)]):
        write_run(tmp_path / 'runs', 'none', seed, base)
        write_run(tmp_path / 'runs', 'worse', seed, worse, [0.1, 0.25, 0.3])
    write_run(tmp_path / 'runs', 'better', 0, 9., [0.1, 0.5, 0.3])
    (tmp_path / 'runs' / 'begun' / 'seed0').mkdir(parents=True)
    monkeypatch.setattr(report, 'RESULTS', tmp_path)
    lines = list(report.collect(tmp_path / 'runs'))
    (tmp_path / 'study.jsonl').write_text('\n'.join(map(json.dumps, lines)) + '\n')
    return lines


def test_what_is_kept_of_a_run(study):
    assert [(line['arm'], line['seed']) for line in study] == [
        ('better', 0), ('none', 0), ('none', 1), ('worse', 0), ('worse', 1)]
    assert study[0]['figures'] == {'NE': 9., 'NE/hem': 10.235, 'outliers': 18., 'duplicate_images': 8.,
                                   'exchanged_images': 4.}


def test_figures_on_some_of_the_images(tmp_path):
    """Four landmarks in a box of 100: errors of 10 % on one image, of 30 % on the other."""
    write_run(tmp_path, 'none', 0, 20.)
    run = tmp_path / 'none' / 'seed0'
    run.joinpath('config.py').write_text("test_evaluator = [dict(type='NormalizedError', norm='box'),\n"
                                         "                  dict(type='FailureModes', norm='box', threshold=0.2)]\n")
    truth, box = np.array([[10., 10.], [90., 10.], [10., 90.], [90., 90.]]), np.array([[0, 0, 100, 100]])
    names = ['left_hem', 'right_hem', 'collar', 'hood']
    records = [record(dict(
        img_path=f'photos/{name}.jpg', id=number, img_id=number,
        gt_instances=dict(keypoints=truth[None], keypoints_visible=np.ones((1, 4)), bboxes=box),
        pred_instances=dict(keypoints=truth[None] + [off, 0], keypoint_scores=np.ones((1, 4)))))
        for number, (name, off) in enumerate([('near', 10), ('far', 30)])]
    write_predictions(run / 'predictions.jsonl', records, dict(
        dataset_name='made', keypoint_id2name=dict(enumerate(names)), flip_pairs=[[0, 1]]))
    only = tmp_path / 'only.json'
    only.write_text(json.dumps(dict(images=[dict(file_name='near.jpg')])))
    kept, = report.collect(tmp_path, only)
    assert kept['figures']['NE'] == pytest.approx(10) and kept['figures']['outliers'] == 0
    only.write_text(json.dumps(dict(images=[dict(file_name='far.jpg'), dict(file_name='gone.jpg')])))
    with pytest.raises(ValueError, match='1 of 2 images'):
        list(report.collect(tmp_path, only))


def test_the_table_has_the_best_arm_first_and_changes_over_common_seeds(study):
    header, _, none, better, worse = as_markdown(arms_table(report.read_outcome('study'))).splitlines()
    cells = [[cell.strip() for cell in line.strip('|').split('|')] for line in (none, better, worse)]
    assert cells[0][:5] == ['none', '2', '', '11', '22']
    assert cells[1][:4] == ['better', '1', '0.50', '9 (-10.0)']  # against seed 0 of none alone
    # Differences 1 and 0: mean 0.5 of 11; half of the interval is 12.706 * 0.5 of 11.
    assert cells[2][:4] == ['worse', '2', '0.25', '11.5 (+4.5 ± 57.8)']


def test_the_pages_show_what_is_kept():
    for page, tables in report.all_tables().items():
        assert with_tables(page.read_text(), tables) == page.read_text()


def test_a_share_is_held_and_stays_finite_without_gradients():
    own, other = torch.tensor(4.), torch.tensor(2.)
    factor = factor_for(0.2, own, other)  # 0.25 * 2 / 4
    assert factor.item() == pytest.approx(0.125) and factor * own / (factor * own + other) == pytest.approx(0.2)
    nothing = torch.tensor(0.)
    assert factor_for(0.5, nothing, nothing) == 0 and factor_for(0.5, own, nothing) == 0
    assert factor_for(0.5, nothing, other).item() == pytest.approx(1e6)
