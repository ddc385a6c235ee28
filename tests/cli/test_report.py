"""The command that makes the report, on folders as tests leave them; tests/visualization has the page itself."""

import pickle
import re

import numpy as np
import pytest
import report

CONFIG = """
test_dataloader = dict(dataset=dict(type='FLDDataset', test_mode=True))
test_evaluator = [dict(type='FailureModes'), dict(type='NormalizedError', norm='box_width', include_occluded=True)]
"""


def write_run(folder, offset, config=CONFIG, path='a.png'):
    """The test of one garment in a box of 50 x 100: eight landmarks, of which the last is occluded and off."""
    truth = np.stack([np.linspace(5, 40, 8), np.linspace(5, 90, 8)], axis=1)
    found = truth.copy()
    found[7, 0] += offset
    entry = dict(
        img_path=path, raw_ann_info=dict(keypoints=np.column_stack([truth, [2] * 7 + [1]]).ravel(), category='upper'),
        gt_instances=dict(keypoints=truth[None], bboxes=np.float32([[0, 0, 50, 100]])),
        pred_instances=dict(keypoints=found[None]))
    (folder / '20260101_000000' / 'vis_data').mkdir(parents=True)
    (folder / '20260101_000000' / 'vis_data' / 'config.py').write_text(config)
    (folder / 'predictions.pkl').write_bytes(pickle.dumps([entry]))
    return folder


def test_measured_as_the_config_says(call, tmp_path, monkeypatch):
    """Eight pixels of a box 50 wide are 16 %, an eighth of which is the mean."""
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / 'base', 8), write_run(tmp_path / 'ours', 4)
    done = call(report, 'base', 'PCLoss=ours', '--title', 'Two runs')
    assert done.code == 0 and 'report.html: 1 pictures' in done.out and '1 pictures could not be read' in done.err
    page = (tmp_path / 'report.html').read_text()
    assert '<h1>Two runs</h1>' in page and 'PCLoss' in page
    row = re.search(r'all landmarks</th>(.*?)</tr>', page, re.S).group(1)
    assert re.findall(r'[-+]?\d+\.\d+', row) == ['2.00', '1.00', '-50.0']
    row = re.search(r'landmarks more than 10 % off</th>(.*?)</tr>', page, re.S).group(1)
    assert re.findall(r'[-+]?\d+\.\d+', row) == ['12.50', '0.00', '-100.0']
    (tmp_path / 'base').rename('lr=0.01')  # a folder, and no name for one
    assert call(report, 'lr=0.01', '--threshold', '20').code == 0
    row = re.search(r'more than 20 % off</th>(.*?)</tr>', (tmp_path / 'report.html').read_text(), re.S).group(1)
    assert re.findall(r'\d+\.\d+', row) == ['0.00']


@pytest.mark.parametrize(('arguments', 'words'), [
    (['nowhere'], 'nowhere: no such folder'),
    (['empty'], 'empty: no config in it; name the --work-dir of a test'),
    (['untested'], 'predictions.pkl: no such file; write it by testing with --work-dir untested --dump'),
    (['broken'], 'predictions.pkl: not what a test dumps (UnpicklingError'),
    (['figures'], 'predictions.pkl: not what a test dumps; test again'),
    (['base', 'other'], "'other' was tested on 1 pictures and 'base' on 1, which are not the same"),
    (['base', '--threshold', '0'], '--threshold must be above 0, got 0'),
    (['base', '-o', 'nowhere/report.html'], 'nowhere/report.html: there is no such folder'),
    (['base', '-o', 'folder.html'], 'folder.html is a folder: name a file'),
    (['base', '-o', 'report.pdf'], 'report.pdf: its name must end in .html or .htm'),
])
def test_bad_input_is_named(call, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'folder.html').mkdir()
    for name in ('base', 'untested', 'broken', 'figures'):
        write_run(tmp_path / name, 8)
    write_run(tmp_path / 'other', 8, path='b.png')
    (tmp_path / 'untested' / 'predictions.pkl').unlink()
    (tmp_path / 'broken' / 'predictions.pkl').write_bytes(b'PK')
    (tmp_path / 'figures' / 'predictions.pkl').write_bytes(pickle.dumps(dict(NE=3.)))
    done = call(report, *arguments)
    assert words in f'{done.code} {done.err}'
    assert not (tmp_path / 'report.html').exists()
