"""The converter's files against the readers that they come from, through MMPose's CocoDataset."""

import json
import os
import re
import signal
import subprocess
import sys
from itertools import compress
from pathlib import Path

import numpy as np
import pytest
from mmpose.datasets import CocoDataset

from pcloss_mmpose.cli.convert import LAYOUTS
from pcloss_mmpose.datasets import (
    DeepFashionAttributeDataset,
    FashionAIDataset,
    FLDDataset,
    LoadImageStrict,
    WholeImageBox,
)
from pcloss_mmpose.datasets.conversion import READERS
from pcloss_mmpose.datasets.formats.fashionai import VAL_IMAGES
from pcloss_mmpose.evaluation import NormalizedError
from pcloss_mmpose.synthetic import write_fashionai

UPPER = '0 11 32  1 21.5 42  2 31 52  0 41 62  0 51 72  0 61 82'
LOWER = '0 11 32  1 21 42  0 31.25 52  2 0 0'
SPLITS = dict(zip(('img/a.jpg', 'img/b.jpg', 'img/c.jpg', 'img/d.jpg'), ('train', 'val', 'test', 'train')))


def fashionai(raw, root, monkeypatch):
    """The two official archives; the first skirt and the first blouse are the validation set."""
    for category in ('skirt', 'blouse'):
        monkeypatch.setitem(VAL_IMAGES, category, 1)
    skirt, blouse = {15: '5_6_0', 16: '30_8_1', 18: '64_48.5_1'}, {2: '20_9_1', 5: '9_30_1', 6: '50.25_31_0'}
    for archive, csv, rows in (
            ('warm_up_train_20180222', 'annotations.csv',
             [('Images/a.jpg', 'skirt', skirt), ('Images/b.jpg', 'skirt', skirt), ('Images/c.jpg', 'skirt', {})]),
            ('fashionAI_key_points_train_20180227', 'train.csv',
             [('Images/d.jpg', 'blouse', blouse), ('Images/e.jpg', 'blouse', blouse)])):
        for seed, (name, *_) in enumerate(rows):
            raw.image(root / archive / name, size=(64, 48 + seed), seed=seed)
        raw.fashionai(root / archive / 'Annotations' / csv, [raw.fashionai_row(*row) for row in rows])


def benchmark(raw, root, variation=False):
    """Four images; the box of the last leaves the picture."""
    types = ('1 2 ', '2 2 ') if variation else ('1 ', '2 ')
    raw.benchmark(
        root, dict(zip(SPLITS, (types[0] + UPPER, types[1] + LOWER) * 2)),
        boxes=dict(zip(SPLITS, ['010 020 090 100', '000 000 099 119', '001.5 002 080 090', '010 020 100 130'])),
        splits=SPLITS, variation=variation)
    for name in SPLITS:
        raw.image(root / name, size=(100, 120))


def in_pipeline(dataset, *steps):
    """Samples of a dataset, after loading and the given steps."""
    dataset.pipeline.transforms = [LoadImageStrict(), *steps]
    return [dataset[index] for index in range(len(dataset))]


def normalized_errors(samples, dataset, norm):
    """All keys of NormalizedError for predictions that are 3 pixels off to the right."""
    metric = NormalizedError(norm=norm)
    metric.dataset_meta = dataset.metainfo
    metric.process(None, [
        dict(gt_instances=dict(keypoints=sample['keypoints'], bboxes=sample['bbox']),
             pred_instances=dict(keypoints=sample['keypoints'] + [3, 0]), raw_ann_info=sample['raw_ann_info'])
        for sample in samples])
    return metric.evaluate(len(samples))


def assert_same(reader, json_file, root, norm):
    """CocoDataset gives what the reader gives, but for two habits of its own: see below."""
    coco = CocoDataset(data_root=str(root), ann_file=str(json_file), test_mode=True,
                       metainfo=dict(from_file=str(json_file.parent / 'metainfo.py')))
    # It leaves out images on which nothing is annotated.
    expected = [row for row in in_pipeline(reader, WholeImageBox()) if row['raw_ann_info']['num_keypoints']]
    found = in_pipeline(coco)
    assert len(found) == len(expected) > 0
    for ours, theirs in zip(expected, found):
        assert Path(theirs['img_path']) == Path(ours['img_path'])
        np.testing.assert_array_equal(theirs['keypoints'], ours['keypoints'])
        np.testing.assert_array_equal(theirs['keypoints_visible'], ours['keypoints_visible'])
        # It clips a box to the last pixel: 0 to w - 1.
        np.testing.assert_array_equal(
            theirs['bbox'], np.minimum(ours['bbox'], np.tile(np.array(ours['img'].shape[1::-1]) - 1, 2)))
        for key in ('keypoints', 'num_keypoints', 'bbox', 'area', 'category', 'category_id', 'variation'):
            assert theirs['raw_ann_info'].get(key) == ours['raw_ann_info'].get(key)
    for key in ('dataset_name', 'keypoint_id2name', 'flip_pairs', 'skeleton_links', 'upper_body_ids', 'sigmas',
                'keypoint_colors', 'skeleton_link_colors'):
        np.testing.assert_equal(coco.metainfo[key], reader.metainfo[key])
    assert [each['name'] for each in coco.metainfo['CLASSES']] == [each['name'] for each in reader.metainfo['CLASSES']]
    if norm == 'box':  # a clipped box is another measure
        unclipped = [np.array_equal(ours['bbox'], theirs['bbox']) for ours, theirs in zip(expected, found)]
        expected, found = (list(compress(rows, unclipped)) for rows in (expected, found))
    errors = normalized_errors(expected, reader, norm)
    assert errors['NE'] > 0 and normalized_errors(found, coco, norm) == errors


def test_fashionai(raw, tmp_path, monkeypatch, call):
    fashionai(raw, tmp_path, monkeypatch)
    done = call('convert', 'fashionai', tmp_path, '--out', tmp_path / 'coco')
    assert done.code == 0, done.err
    assert f'{tmp_path}/coco/train.json: 3 images, read back, all equal' in done.out
    assert f'{tmp_path}/coco/val.json: 2 images, read back, all equal' in done.out
    csvs = [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.glob('*/Annotations/*.csv'), reverse=True)]
    for subset in ('train', 'val'):
        reader = FashionAIDataset(csvs, data_root=str(tmp_path), subset=subset, test_mode=True)
        assert_same(reader, tmp_path / 'coco' / f'{subset}.json', tmp_path, 'keypoint_pair')


def test_generated_garments_each_csv_whole(tmp_path, call):
    csvs = []
    for split, count in (('train', 5), ('val', 3)):
        csvs.append(write_fashionai(tmp_path, split, count, size=(64, 80)).relative_to(tmp_path))
    done = call('convert', 'fashionai', tmp_path, '--out', tmp_path / 'new' / 'coco', '--each', '--ann-file', *csvs)
    assert done.code == 0, done.err
    for csv in csvs:
        reader = FashionAIDataset(str(csv), data_root=str(tmp_path), test_mode=True)
        assert_same(reader, tmp_path / 'new' / 'coco' / f'{csv.stem}.json', tmp_path, 'keypoint_pair')


@pytest.mark.parametrize('layout, dataset', [('deepfashion', DeepFashionAttributeDataset), ('fld', FLDDataset)])
def test_the_benchmarks(raw, tmp_path, call, layout, dataset):
    benchmark(raw, tmp_path, variation=layout == 'fld')
    done = call('convert', layout, tmp_path, '--out', tmp_path)
    assert done.code == 0, done.err
    for split in ('train', 'val', 'test'):
        assert_same(dataset(data_root=str(tmp_path), split=split, test_mode=True), tmp_path / f'{split}.json', tmp_path,
                    'box')


def test_real_photographs_that_have_no_test_split(shared_data, tmp_path, call):
    root = shared_data / 'robot_garments'
    done = call('convert', 'deepfashion', root, '--out', tmp_path)
    assert done.code == 0, done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ['metainfo.py', 'train.json', 'val.json']
    for split in ('train', 'val'):
        assert_same(DeepFashionAttributeDataset(data_root=str(root), split=split, test_mode=True),
                    tmp_path / f'{split}.json', root, 'box')


def test_the_json_by_hand(raw, tmp_path, call):
    """Every value of one row, and numbers from 1."""
    benchmark(raw, tmp_path, variation=True)
    call('convert', 'fld', tmp_path, '--out', tmp_path)
    content = json.loads((tmp_path / 'val.json').read_text())
    category, = (category for category in content['categories'] if category['name'] == 'lower')
    assert content['images'] == [dict(id=2, file_name='img/b.jpg', width=100, height=120)]
    assert content['annotations'] == [dict(
        id=2, image_id=2, category_id=category['id'], category='lower', variation=2, iscrowd=0, num_keypoints=3,
        bbox=[0, 0, 99, 119], area=99 * 119,
        keypoints=[0] * 12 + [11, 32, 2, 21, 42, 1, 31.25, 52, 2, 0, 0, 0])]
    names = category['keypoints']
    assert names[4:] == ['left_waistline', 'right_waistline', 'left_hem', 'right_hem']
    assert [names.index('left_hem') + 1, names.index('right_hem') + 1] in category['skeleton']


def test_images_that_cannot_be_read_are_named_before_anything_is_written(raw, tmp_path, call):
    benchmark(raw, tmp_path)
    (tmp_path / 'img/b.jpg').unlink()
    (tmp_path / 'img/c.jpg').write_bytes(b'')
    done = call('convert', 'deepfashion', tmp_path, '--out', tmp_path / 'coco')
    assert done.code == 1
    assert '2 of 4 images cannot be read, and nothing was written' in done.out
    assert f'{tmp_path}/img/b.jpg: no such file' in done.out
    assert f'{tmp_path}/img/c.jpg: no readable image' in done.out
    assert not (tmp_path / 'coco').exists()


def test_of_many_missing_images_the_first_are_named(raw, tmp_path, call):
    raw.fashionai(tmp_path / 'all.csv', [raw.fashionai_row(f'{n:02d}.jpg', 'skirt', {15: '1_2_1'}) for n in range(25)])
    done = call('convert', 'fashionai', tmp_path, '--out', tmp_path / 'coco', '--each', '--ann-file', 'all.csv')
    assert done.code == 1
    assert '19.jpg: no such file' in done.out and '20.jpg' not in done.out and 'and 5 more' in done.out


def test_a_file_that_is_there_stays(raw, tmp_path, call):
    benchmark(raw, tmp_path)
    (tmp_path / 'val.json').write_text('labelled by hand')
    done = call('convert', 'deepfashion', tmp_path, '--out', tmp_path)
    assert done.code == 2
    assert f'{tmp_path}/val.json is there already, and is not what would be written: remove it' in done.err
    assert (tmp_path / 'val.json').read_text() == 'labelled by hand' and not (tmp_path / 'train.json').exists()


KILLED = """
import os, signal, sys
number = int(sys.argv[1])

def replace(source, target, real=os.replace):
    global number
    number -= 1
    if number < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    real(source, target)

os.replace = replace
from pcloss_mmpose.cli import main
main(sys.argv[2:])
"""


def convert_killed(at, *arguments):
    """The command, killed without warning where its file of this number would get its name."""
    done = subprocess.run([sys.executable, '-c', KILLED, str(at), 'convert', *map(str, arguments)],
                          env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)), capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.skipif(not hasattr(signal, 'SIGKILL'), reason='kills a process')
def test_a_killed_conversion_goes_on(raw, tmp_path, call):
    """Its second JSON lies whole beside its name; that it is torn, as by an earlier kill, makes no difference."""
    benchmark(raw, tmp_path)
    whole, out = tmp_path / 'whole', tmp_path / 'out'
    assert call('convert', 'deepfashion', tmp_path, '--out', whole).code == 0
    convert_killed(1, 'deepfashion', tmp_path, '--out', out)
    assert sorted(path.name for path in out.iterdir()) == ['train.json', 'val.json.part']
    part = out / 'val.json.part'
    part.write_text(part.read_text()[:50])
    done = call('convert', 'deepfashion', tmp_path, '--out', out)
    assert done.code == 0, done.err
    assert f'{out}/train.json: 2 images, kept, read back, all equal' in done.out
    assert f'{out}/val.json: 1 images, read back, all equal' in done.out

    def contents(folder):
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    assert contents(out) == contents(whole)
    assert call('convert', 'deepfashion', tmp_path, '--out', out).out.count('kept, read back') == 3  # nothing is left


def test_images_with_several_garments(raw, tmp_path, call):
    """DeepFashion2's: a garment without a labelled landmark is one too, and the same command again changes nothing."""
    item = dict(category_id=9, bounding_box=[5, 8, 57, 94], landmarks=[10, 20, 2] * 8)
    bare = dict(item, landmarks=[0, 0, 0] * 8)
    (tmp_path / 'validation' / 'annos').mkdir(parents=True)
    for number, (garments, size) in {2: ([item, bare], (90, 100)), 7: ([item], (64, 96))}.items():
        content = {f'item{n}': garment for n, garment in enumerate(garments, 1)}
        (tmp_path / 'validation' / 'annos' / f'{number:06d}.json').write_text(json.dumps(content))
        raw.image(tmp_path / 'validation' / 'image' / f'{number:06d}.jpg', size=size)
    out = tmp_path / 'out'
    for what in ('', 'kept, '):
        done = call('convert', 'deepfashion2', tmp_path, '--out', out)
        assert f'{out}/validation.json: 3 garments on 2 images, {what}read back, all equal' in done.out, done.err
    content = json.loads((out / 'validation.json').read_text())
    assert [(each['id'], each['width'], each['height']) for each in content['images']] == [(2, 90, 100), (7, 64, 96)]
    assert [(each['id'], each['image_id'], each['num_keypoints']) for each in content['annotations']] == [
        (1, 2, 8), (2, 2, 0), (3, 7, 8)]


@pytest.mark.parametrize(('name', 'change', 'words'), [
    ('train.json', lambda text: text.replace('"lower"', '"upper"', 1), 'train.json is there already'),
    ('train.json', lambda text: text[:-1], 'train.json is there already'),
    ('train.json', lambda text: text.replace('"width": 100', '"width": 101', 1),
     'image 1: size is [101, 120], in the raw files [100, 120]'),
    ('train.json', lambda text: '[' * 100_000, 'train.json is there already'),
    ('train.json', lambda text: '{"images": [1]}', 'train.json is there already'),
    ('metainfo.py', lambda text: text + '#', 'metainfo.py is there already'),
])
def test_what_a_hand_has_changed_is_not_replaced(raw, tmp_path, call, name, change, words):
    benchmark(raw, tmp_path)
    out = tmp_path / 'out'
    call('convert', 'deepfashion', tmp_path, '--out', out)
    changed = change((out / name).read_text())
    (out / name).write_text(changed)
    (out / 'val.json').unlink()
    done = call('convert', 'deepfashion', tmp_path, '--out', out)
    assert done.code == 2 and words in done.err
    assert (out / name).read_text() == changed and not (out / 'val.json').exists()


def test_repeated_images_are_noted_once(raw, tmp_path, call):
    raw.image(tmp_path / 'a.jpg')
    raw.fashionai(tmp_path / 'all.csv', [raw.fashionai_row('a.jpg', 'skirt', {15: '1_2_1'})] * 2)
    done = call('convert', 'fashionai', tmp_path, '--out', tmp_path / 'coco', '--each', '--ann-file', 'all.csv')
    assert done.code == 0
    assert done.err.count('note: ') == 1 and "'a.jpg' stands in" in done.err


@pytest.mark.parametrize('arguments, message', [
    (['fashionai'], 'annotations.csv: no such file.* --ann-file names other CSVs'),
    (['fashionai', '--ann-file', 'all.csv'], 'no row is left.* --each takes them whole'),
    (['deepfashion'], 'list_eval_partition.txt: no such file'),
    (['fld', '--each'], '--ann-file and --each are for fashionai'),
    (['fashionai', '--each', '--ann-file', 'a/all.csv', 'b/all.csv'], 'two of them have the same name'),
])
def test_what_is_missing_or_does_not_fit_is_said(raw, tmp_path, call, arguments, message):
    raw.fashionai(tmp_path / 'all.csv', [raw.fashionai_row('a.jpg', 'skirt', {15: '1_2_1'})])
    done = call('convert', *arguments[:1], tmp_path, '--out', tmp_path / 'coco', *arguments[1:])
    assert done.code == 2
    assert re.search(message, done.err)
    assert not (tmp_path / 'coco').exists()


def test_a_missing_root_is_named(call):
    done = call('convert', 'fld', 'no/such/folder', '--out', 'coco')
    assert done.code == 2 and 'no/such/folder: no such folder' in done.err


def test_the_layouts_are_those_of_the_readers():
    assert tuple(READERS) == LAYOUTS
