import json

import cv2
import pytest

from pcloss_mmpose.synthetic import write_fashionai


def test_the_main_job_from_drawing_to_the_table(call, tmp_path):
    """Generated garments, both arms trained and tested by the ordinary commands, figures and images."""
    done = call('demo', '--out', tmp_path, '--train', 12, '--val', 5, '--iterations', 2)
    assert done.code == 0, done.out
    for arm, extra in (('without_PCLoss', set()), ('with_PCLoss', {'loss_pc'})):
        metrics = json.loads((tmp_path / arm / 'metrics.json').read_text())
        assert f"{metrics['NE']:.2f}" in done.out and f"{metrics['NE/crotch']:.2f}" in done.out
        assert 'Load checkpoint from pcloss:garments' in (tmp_path / arm / 'train.log').read_text()
        scalars, = (tmp_path / arm).glob('*/vis_data/scalars.json')
        logged = json.loads(scalars.read_text().splitlines()[0])
        assert {key for key in logged if key.startswith('loss_')} == {'loss_kpt'} | extra
    drawn = cv2.imread(str(tmp_path / 'garments/Images/blouse/train_000000.jpg'))
    write_fashionai(tmp_path / 'ordinary', 'train', 1, difficulty='ordinary')
    assert (drawn == cv2.imread(str(tmp_path / 'ordinary/Images/blouse/train_000000.jpg'))).all()
    *_, start, last = done.out.splitlines()
    assert start == 'both began with pcloss:garments, which was trained on other drawings, with PCLoss'
    page = (tmp_path / 'report.html').read_text()
    assert last.startswith("'with PCLoss' against 'without PCLoss' on 5 images, one seed: NE ")
    assert f"{metrics['NE']:.2f}" in last and f"{metrics['NE']:.2f}" in page  # as the test measured it
    grid = cv2.imread(str(tmp_path / 'predictions.png'))
    # Four of the five images, in two blocks of three columns, below the titles and above the legend.
    assert grid.shape[1] == 6 * 256 and 28 + 2 * 256 < grid.shape[0] < 28 + 2.5 * 256


def test_a_run_that_fails_is_shown(call, tmp_path, monkeypatch):
    monkeypatch.setenv('PYTHONHASHSEED', 'not a number')  # no Python starts with it
    done = call('demo', '--out', tmp_path, '--train', 12, '--val', 1)
    assert done.code == 1
    assert 'failed' in done.out and 'train.log' in done.out and 'PYTHONHASHSEED' in done.out


@pytest.mark.parametrize(('option', 'least'), [('--train', 12), ('--val', 1), ('--iterations', 1), ('--seed', 0)])
def test_bad_arguments_name_the_least_that_is_possible(call, option, least):
    done = call('demo', option, least - 1)
    assert done.code == 2 and f'argument {option}: must be at least {least}, got {least - 1}' in done.err
