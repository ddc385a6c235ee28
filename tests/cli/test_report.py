"""The command that makes the report, on folders as tests leave them; tests/visualization has the page itself."""

import io
import json
import os
import pickle
import re
import sys

import numpy as np
import pytest
import torch

from pcloss_mmpose.evaluation.predictions import record, write_predictions
from pcloss_mmpose.metainfo import fld, load_metainfo

METRICS = "[dict(type='FailureModes'), dict(type='NormalizedError', norm='box_width', include_occluded=True)]"
CONFIG = "test_dataloader = dict(dataset=dict(type='FLDDataset', test_mode=True))\ntest_evaluator = {}\n"


def error(done):
    """The only line beside those that say what is being done."""
    line, = [line for line in done.err.splitlines() if not line.endswith(' ...')]
    return line


def write_run(folder, offset, metrics=METRICS, path='a.png', config=None, raw=None, dump='jsonl', classes=()):
    """The test of one garment in a box of 50 x 100: eight landmarks, of which the last is occluded and off."""
    truth = np.stack([np.linspace(5, 40, 8), np.linspace(5, 90, 8)], axis=1)
    found = truth.copy()
    found[7, 0] += offset
    raw = dict(raw or dict(category='upper'), keypoints=np.column_stack([truth, [2] * 7 + [1]]).ravel())
    entry = dict(
        img_path=path, raw_ann_info=raw,
        gt_instances=dict(keypoints=truth[None], bboxes=np.float32([[0, 0, 50, 100]])),
        pred_instances=dict(keypoints=found[None]))
    (folder / '20260101_000000' / 'vis_data').mkdir(parents=True)
    (folder / '20260101_000000' / 'vis_data' / 'config.py').write_text(config or CONFIG.format(metrics))
    if dump == 'pkl':
        (folder / 'predictions.pkl').write_bytes(pickle.dumps([entry]))
    else:
        metainfo = dict(load_metainfo(fld.dataset_info), CLASSES=classes)
        write_predictions(folder / 'predictions.jsonl', [record(entry)], metainfo)
    return folder


def row(page, label):
    """The numbers in the page's row of a label."""
    return re.findall(r'[-+]?\d+\.\d+', re.search(rf'{re.escape(label)}</th>(.*?)</tr>', page, re.S).group(1))


def test_measured_as_the_config_says(call, tmp_path, monkeypatch):
    """Eight pixels of a box 50 wide are 16 %, an eighth of which is the mean."""
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / 'base', 8), write_run(tmp_path / 'ours', 4)
    before = tmp_path / 'base' / '20251231_235959' / 'vis_data' / 'config.py'
    before.parent.mkdir(parents=True)
    before.write_text(CONFIG.format([]))  # of an earlier test; the newest counts
    done = call('report', 'base', 'PCLoss=ours', '--title', 'Two runs')
    assert done.code == 0 and 'report.html: 1 images' in done.out and '1 images could not be read' in done.err
    assert "\n'PCLoss' against 'base' on 1 image, one seed: NE fell from 2.00 to 1.00 % (-50.0 %" in done.out
    page = (tmp_path / 'report.html').read_text()
    assert '<title>Two runs</title>' in page
    assert "&#39;PCLoss&#39; against &#39;base&#39; on 1 image, one seed: NE fell from 2.00 to 1.00" in page
    assert row(page, 'all landmarks') == ['2.00', '1.00', '-50.0']
    assert row(page, 'landmarks more than 10 % off') == ['12.50', '0.00', '-100.0']
    words = ' '.join(page.split())
    assert 'divided by T, the width of the garment&#39;s box. NE is its mean. Occluded landmarks count too.' in words
    assert 'found within 3 % of each other whose true places are more than 10 % apart' in words
    (tmp_path / 'base').rename('lr=0.01')  # a folder, and no name for one
    assert call('report', 'lr=0.01', '--threshold', '20').code == 0
    assert row((tmp_path / 'report.html').read_text(), 'more than 20 % off') == ['0.00']


@pytest.mark.parametrize(('metrics', 'figures'), [
    # Without options of its own, a box of 50 x 100 divides each axis by its side, and the occluded landmark is none.
    ([], {'all landmarks': '0.00', 'landmarks more than 10 % off': '0.00', 'pairs found on one spot': '0.00'}),
    # 36 pixels of a width of 50 are 72 %, an eighth of which is the mean.
    ([dict(type='NormalizedError', include_occluded=True)],
     {'all landmarks': '9.00', 'landmarks more than 10 % off': '12.50', 'pairs found on one spot': '0.00'}),
    # The ends of the row are 35 and 85 pixels from each other, 1.8 widths, and found within 1.7.
    ([dict(type='FailureModes', norm='box_width', include_occluded=True, threshold=0.8, near=1.75, apart=1.8)],
     {'all landmarks': '9.00', 'landmarks more than 80 % off': '0.00', 'pairs found on one spot': '100.00'}),
    # The first of a kind; NormalizedError's norm, and the limits of FailureModes.
    ([dict(type='FailureModes', threshold=0.75, near=1.75, apart=1.8), dict(type='FailureModes', threshold=0.1),
      dict(type='NormalizedError', norm='box_width', include_occluded=True, prefix='all', landmarks=False),
      dict(type='NormalizedError')],
     {'all landmarks': '9.00', 'landmarks more than 75 % off': '0.00', 'pairs found on one spot': '100.00'}),
])
def test_the_configs_own_options_decide(call, tmp_path, metrics, figures):
    write_run(tmp_path / 'run', -36, metrics)
    assert call('report', tmp_path / 'run', '-o', tmp_path / 'report.html').code == 0
    page = (tmp_path / 'report.html').read_text()
    assert {label: row(page, label)[0] for label in figures} == figures


@pytest.mark.parametrize('dump', ['jsonl', 'pkl'])
def test_categories_of_a_coco_file_have_names(call, tmp_path, dump):
    """Its annotations have the category's id; norm_pairs has its name."""
    categories = [dict(id=3, name='waistcoat')]
    (tmp_path / 'val.json').write_text(json.dumps(dict(images=[], annotations=[], categories=categories)))
    pairs = dict(waistcoat=('left_collar', 'right_collar'))
    config = (f"test_dataloader = dict(dataset=dict(type='CocoDataset', data_root={str(tmp_path)!r}, "
              f"ann_file='val.json', metainfo=dict(from_file={str(tmp_path / 'metainfo.py')!r})))\n"
              f"test_evaluator = dict(type='NormalizedError', norm='keypoint_pair', norm_pairs={pairs})\n")
    (tmp_path / 'metainfo.py').write_text(f'dataset_info = {fld.dataset_info!r}\n')
    write_run(tmp_path / 'run', 8, config=config, raw=dict(category_id=3), dump=dump, classes=categories)
    done = call('report', tmp_path / 'run', '-o', tmp_path / 'report.html')
    assert done.code == 0, done.err
    page = (tmp_path / 'report.html').read_text()
    assert row(page, 'all landmarks') == ['0.00'] and '<option value="waistcoat">' in page


def test_both_forms_of_predictions_give_the_same_page(call, tmp_path):
    pages = []
    for dump in ('jsonl', 'pkl'):
        write_run(tmp_path / dump, 8, dump=dump)
        assert call('report', f'one={tmp_path / dump}', '-o', tmp_path / 'report.html').code == 0
        pages.append((tmp_path / 'report.html').read_text())
    assert pages[0] == pages[1]


def test_predictions_of_an_earlier_version_have_no_flip_pairs(call, tmp_path):
    """So nothing is said about exchanged sides, and no outline is drawn."""
    run = write_run(tmp_path / 'run', 8)
    for pairs in (1, 0):
        assert call('report', run, '-o', tmp_path / 'report.html').code == 0
        page = (tmp_path / 'report.html').read_text()
        for text in ('images with exchanged sides', 'with exchanged sides</option>', 'id="outline"'):
            assert (text in page) == pairs
        first, second = (run / 'predictions.jsonl').read_text().splitlines()
        first = {key: value for key, value in json.loads(first).items() if key not in ('flip_pairs', 'skeleton_links')}
        (run / 'predictions.jsonl').write_text(f'{json.dumps(first)}\n{second}\n')


def test_the_newer_predictions_count(call, tmp_path):
    write_run(tmp_path / 'run', 8, dump='pkl')
    other = write_run(tmp_path / 'other', 0)
    (other / 'predictions.jsonl').rename(tmp_path / 'run' / 'predictions.jsonl')
    for seconds, error in ((1e9, '2.00'), (3e9, '0.00')):
        os.utime(tmp_path / 'run' / 'predictions.jsonl', (seconds, seconds))
        assert call('report', tmp_path / 'run', '-o', tmp_path / 'report.html').code == 0
        assert row((tmp_path / 'report.html').read_text(), 'all landmarks') == [error]


class Call:
    """Pickled as a call of ``function(*arguments)``."""

    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


def saved(value):
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


HOSTILE = {
    'a command': lambda trace: Call(os.system, f'touch {trace}'),
    'eval': lambda trace: Call(eval, f'open({str(trace)!r}, "w")'),
    'in a sample': lambda trace: dict(img_path='a.png', pred_instances=Call(os.mkdir, str(trace))),
    'in a tensor': lambda trace: Call(torch.storage._load_from_bytes, saved(Call(os.mkdir, str(trace)))),
    'by numpy': lambda trace: Call(np.load, str(trace), None, True),
    'by an attribute': lambda trace: Call(getattr, Call(__import__, 'os'), 'mkdir'),
}


@pytest.mark.parametrize('protocol', [0, 2, 4])
@pytest.mark.parametrize('kind', HOSTILE)
def test_nothing_in_predictions_is_run(call, tmp_path, monkeypatch, kind, protocol):
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / 'run', 8, dump='pkl')
    content = pickle.dumps([HOSTILE[kind](tmp_path / 'trace')], protocol)
    (tmp_path / 'run' / 'predictions.pkl').write_bytes(content)
    done = call('report', 'run')
    assert done.code == 2
    assert error(done).startswith('error: run/predictions.pkl: refused, as it holds more than predictions (it asks for')
    assert not (tmp_path / 'trace').exists()


@pytest.mark.parametrize('text', [
    "open({trace!r}, 'w')\n",
    "test_evaluator = [open({trace!r}, 'w')]\n",
    "test_evaluator = dict(type=[open({trace!r}, 'w') for _ in 'a'])\n",
    "test_evaluator = f'{{open({trace!r}, \"w\")}}'\n",
    "import evil\n",
    "custom_imports = dict(imports=['evil'], allow_failed_imports=False)\n",
    "_base_ = 'evil.py'\n",
    "test_dataloader = dict(dataset=dict(type='evil.Dataset'))\n",
    "test_dataloader = dict(dataset=dict(type='FLDDataset', metainfo=dict(from_file='evil.py')))\n",
    "test_dataloader = dict(dataset=dict(type='FLDDataset', metainfo=dict(from_file='other.py')))\n",
])
@pytest.mark.parametrize('dump', ['jsonl', 'pkl'])
def test_nothing_that_a_runs_config_says_is_run(call, tmp_path, monkeypatch, text, dump):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    trace = tmp_path / 'trace'
    (tmp_path / 'evil.py').write_text(f'open({str(trace)!r}, "w")\ndataset_info = {{}}\n')
    (tmp_path / 'other.py').write_text("dataset_info = dict(from_file='evil.py')\n")
    write_run(tmp_path / 'run', 8, config=CONFIG.format('[]') + text.format(trace=str(trace)), dump=dump)
    done = call('report', 'run')
    assert not trace.exists() and 'evil' not in sys.modules
    harmless = 'custom_imports' in text or (dump == 'jsonl' and text.startswith('test_dataloader'))
    assert done.code == (0 if harmless else 2)
    assert harmless or error(done).startswith('error: run/')


@pytest.mark.parametrize(('arguments', 'words'), [
    (['nowhere'], 'nowhere: no such folder'),
    (['strange'], 'strange: no config in it; name the --work-dir of a test'),
    (['trained'], 'config.py: it has no test_dataloader, so that nothing was tested with it'),
    (['untested'], 'predictions.jsonl: no such file; write it by testing with --work-dir untested --dump'),
    (['broken'], 'predictions.pkl: not what a test dumps (UnpicklingError'),
    (['figures'], 'predictions.pkl: not what a test dumps; test again'),
    (['half'], 'half/predictions.jsonl: 0 garments, and not 1 as the first line says. Test again with --dump.'),
    (['unlike'], 'unlike/predictions.jsonl, line 2, field pred_instances.keypoints: an array (1, 3, 2) instead of (1'),
    (['twisted'], 'twisted/predictions.jsonl, line 1, field flip_pairs: no pairs of landmarks'),
    (['crooked'], 'crooked/predictions.jsonl, line 1, field skeleton_links: no pairs of landmarks'),
    (['base', 'other'], "'other' was tested on 1 images and 'base' on 1, which are not the same"),
    (['base', 'box'], "'box' is measured with include_occluded=False and 'base' with include_occluded=True: give"),
    (['base', '--threshold', '0'], '--threshold: must be above 0, got 0'),
    (['base', '--threshold', 'ten'], "--threshold: 'ten' is not a number"),
    (['base', '-o', 'nowhere/report.html'], 'nowhere/report.html: there is no such folder'),
    (['base', '-o', 'folder.html'], 'folder.html is a folder: name a file'),
    (['base', '-o', 'report.pdf'], 'report.pdf: its name must end in .html or .htm'),
])
def test_bad_input_is_named(call, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'folder.html').mkdir()
    for name in ('base', 'untested', 'half', 'unlike', 'strange', 'twisted', 'crooked'):
        write_run(tmp_path / name, 8)
    for name in ('broken', 'figures'):
        write_run(tmp_path / name, 8, dump='pkl')
    write_run(tmp_path / 'other', 8, path='b.png')
    write_run(tmp_path / 'box', 8, metrics="dict(type='NormalizedError')")
    write_run(tmp_path / 'trained', 8, config='test_dataloader = None')
    (tmp_path / 'untested' / 'predictions.jsonl').unlink()
    first, second = (tmp_path / 'half' / 'predictions.jsonl').read_text().splitlines()
    (tmp_path / 'half' / 'predictions.jsonl').write_text(first + '\n')
    second = dict(json.loads(second), pred_instances=dict(keypoints=[[[0, 0]] * 3]))
    (tmp_path / 'unlike' / 'predictions.jsonl').write_text(f'{first}\n{json.dumps(second)}\n')
    (tmp_path / 'twisted' / 'predictions.jsonl').write_text(json.dumps(dict(json.loads(first), flip_pairs=[[0, 8]])))
    (tmp_path / 'crooked' / 'predictions.jsonl').write_text(json.dumps(dict(json.loads(first), skeleton_links=[[0]])))
    (tmp_path / 'strange' / '20260101_000000' / 'vis_data' / 'config.py').unlink()
    (tmp_path / 'broken' / 'predictions.pkl').write_bytes(b'PK')
    (tmp_path / 'figures' / 'predictions.pkl').write_bytes(pickle.dumps(dict(NE=3.)))
    done = call('report', *arguments)
    assert done.code == 2 and words in error(done)
    assert not (tmp_path / 'report.html').exists()
