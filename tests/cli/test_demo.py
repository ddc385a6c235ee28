import json
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

DEMO = Path(__file__).resolve().parents[2] / 'tools' / 'demo.py'


def run_demo(*arguments):
    return subprocess.run([sys.executable, DEMO, *map(str, arguments)], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_the_main_job_from_drawing_to_the_table(tmp_path):
    """Generated garments, both arms trained and tested by the ordinary tools, figures and pictures."""
    done = run_demo('--out', tmp_path, '--train', 12, '--val', 5, '--iterations', 2)
    assert done.returncode == 0, done.stdout
    for arm, extra in (('without_PCLoss', set()), ('with_PCLoss', {'loss_pc'})):
        metrics = json.loads((tmp_path / arm / 'metrics.json').read_text())
        assert f"{metrics['NE']:.2f}" in done.stdout and f"{metrics['NE/crotch']:.2f}" in done.stdout
        scalars, = (tmp_path / arm).glob('*/vis_data/scalars.json')
        logged = json.loads(scalars.read_text().splitlines()[0])
        assert {key for key in logged if key.startswith('loss_')} == {'loss_kpt'} | extra
    assert 'On this seed PCLoss' in done.stdout
    assert f"<td>{metrics['NE']:.2f}" in (tmp_path / 'report.html').read_text()  # as the test measured it
    grid = cv2.imread(str(tmp_path / 'predictions.png'))
    assert grid.shape == (28 + 2 * 256, 6 * 256, 3)  # four of the five pictures, in two blocks of three columns


@pytest.mark.parametrize(('option', 'value'), [('--train', 3), ('--val', 0), ('--iterations', 0), ('--seed', -1)])
def test_bad_arguments_name_the_least_that_is_possible(monkeypatch, capsys, option, value):
    import runpy
    monkeypatch.setattr(sys, 'argv', ['demo.py', option, str(value)])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(DEMO), run_name='__main__')
    assert stop.value.code == 2
    assert f'{option} must be at least' in capsys.readouterr().err
