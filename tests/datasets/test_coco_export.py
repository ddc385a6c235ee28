"""The converter's files against the readers that they come from, through MMPose's CocoDataset and pycocotools."""

import json
import re
import runpy
import sys
from itertools import compress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from mmpose.datasets import CocoDataset
from PIL import Image

from pcloss_mmpose.datasets import (
    DeepFashionAttributeDataset,
    FashionAIDataset,
    FLDDataset,
    LoadImageStrict,
    WholeImageBox,
)
from pcloss_mmpose.datasets.formats.coco import check_coco, image_size, to_coco
from pcloss_mmpose.datasets.formats.fashionai import VAL_IMAGES
from pcloss_mmpose.evaluation import NormalizedError
from pcloss_mmpose.synthetic import write_fashionai

TOOL = Path(__file__).resolve().parents[2] / 'tools' / 'convert_to_coco.py'

UPPER = '0 11 32  1 21.5 42  2 31 52  0 41 62  0 51 72  0 61 82'
LOWER = '0 11 32  1 21 42  0 31.25 52  2 0 0'
SPLITS = dict(zip(('img/a.jpg', 'img/b.jpg', 'img/c.jpg', 'img/d.jpg'), ('train', 'val', 'test', 'train')))


@pytest.fixture
def convert(monkeypatch, capsys):
    """Run the tool in this process: its exit code and what it printed."""

    def run(*arguments):
        monkeypatch.setattr(sys, 'argv', ['convert_to_coco.py', *map(str, arguments)])
        code = 0
        try:
            runpy.run_path(str(TOOL), run_name='__main__')
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
            print(stop.code if code == 1 else '')
        printed = capsys.readouterr()
        return SimpleNamespace(code=code, text=printed.out + printed.err)

    return run


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


def test_fashionai(raw, tmp_path, monkeypatch, convert):
    fashionai(raw, tmp_path, monkeypatch)
    done = convert('fashionai', tmp_path, '--out', tmp_path / 'coco')
    assert done.code == 0, done.text
    assert f'{tmp_path}/coco/train.json: 3 images, read back, all equal' in done.text
    assert f'{tmp_path}/coco/val.json: 2 images, read back, all equal' in done.text
    csvs = [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.glob('*/Annotations/*.csv'), reverse=True)]
    for subset in ('train', 'val'):
        reader = FashionAIDataset(csvs, data_root=str(tmp_path), subset=subset, test_mode=True)
        assert_same(reader, tmp_path / 'coco' / f'{subset}.json', tmp_path, 'keypoint_pair')


def test_generated_garments_each_csv_whole(tmp_path, convert):
    csvs = []
    for split, count in (('train', 5), ('val', 3)):
        csvs.append(write_fashionai(tmp_path, split, count, size=(64, 80)).relative_to(tmp_path))
    done = convert('fashionai', tmp_path, '--out', tmp_path / 'new' / 'coco', '--each', '--ann-file', *csvs)
    assert done.code == 0, done.text
    for csv in csvs:
        reader = FashionAIDataset(str(csv), data_root=str(tmp_path), test_mode=True)
        assert_same(reader, tmp_path / 'new' / 'coco' / f'{csv.stem}.json', tmp_path, 'keypoint_pair')


@pytest.mark.parametrize('layout, dataset', [('deepfashion', DeepFashionAttributeDataset), ('fld', FLDDataset)])
def test_the_benchmarks(raw, tmp_path, convert, layout, dataset):
    benchmark(raw, tmp_path, variation=layout == 'fld')
    done = convert(layout, tmp_path, '--out', tmp_path)
    assert done.code == 0, done.text
    for split in ('train', 'val', 'test'):
        assert_same(dataset(data_root=str(tmp_path), split=split, test_mode=True), tmp_path / f'{split}.json', tmp_path,
                    'box')


def test_real_photographs_that_have_no_test_split(shared_data, tmp_path, convert):
    root = shared_data / 'robot_garments'
    done = convert('deepfashion', root, '--out', tmp_path)
    assert done.code == 0, done.text
    assert sorted(path.name for path in tmp_path.iterdir()) == ['metainfo.py', 'train.json', 'val.json']
    for split in ('train', 'val'):
        assert_same(DeepFashionAttributeDataset(data_root=str(root), split=split, test_mode=True),
                    tmp_path / f'{split}.json', root, 'box')


def test_the_json_by_hand(raw, tmp_path, convert):
    """Every value of one row, and numbers from 1."""
    benchmark(raw, tmp_path, variation=True)
    convert('fld', tmp_path, '--out', tmp_path)
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


def test_pycocotools_scores_the_annotations_themselves_as_perfect(raw, tmp_path):
    """Its evaluation takes a match with annotation 0 for none, so the numbers must not begin there."""
    coco_module, evaluation = pytest.importorskip('pycocotools.coco'), pytest.importorskip('pycocotools.cocoeval')
    benchmark(raw, tmp_path)
    dataset = DeepFashionAttributeDataset(data_root=str(tmp_path))
    coco = coco_module.COCO()
    coco.dataset = to_coco(dataset, [(100, 120)] * 4, str(tmp_path))
    coco.createIndex()
    results = [dict(image_id=each['image_id'], category_id=each['category_id'], keypoints=each['keypoints'], score=1.)
               for each in coco.dataset['annotations']]
    evaluator = evaluation.COCOeval(coco, coco.loadRes(results), 'keypoints')
    evaluator.params.kpt_oks_sigmas = dataset.metainfo['sigmas']
    evaluator.evaluate()
    evaluator.accumulate()
    evaluator.summarize()
    assert evaluator.stats[0] == 1


@pytest.mark.parametrize('table, key, value, field', [
    ('images', 'file_name', 'img/b.jpg', 'file_name is .*b.jpg, in the raw files .*a.jpg'),
    ('images', 'width', 101, r'size is \[101, 120\], in the raw files \[100, 120\]'),
    ('annotations', 'bbox', [10, 20, 80, 81], r'bbox is \[10, 20, 80, 81\]'),
    ('annotations', 'category_id', 2, 'category is lower, in the raw files upper'),
    ('annotations', 'keypoints', [11, 32, 1] + [0] * 21, r'keypoints is \[11, 32, 1, '),
])
def test_any_change_in_a_file_is_found(raw, tmp_path, table, key, value, field):
    benchmark(raw, tmp_path)
    dataset, sizes = DeepFashionAttributeDataset(data_root=str(tmp_path)), [(100, 120)] * 4
    content = to_coco(dataset, sizes, str(tmp_path))
    path = tmp_path / 'all.json'
    path.write_text(json.dumps(content))
    check_coco(str(path), dataset, sizes, str(tmp_path))
    content[table][0][key] = value
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=f'all.json, image 1: {field}'):
        check_coco(str(path), dataset, sizes, str(tmp_path))


def test_a_lost_annotation_is_found(raw, tmp_path):
    benchmark(raw, tmp_path)
    dataset, sizes = DeepFashionAttributeDataset(data_root=str(tmp_path)), [(100, 120)] * 4
    content = to_coco(dataset, sizes, str(tmp_path))
    del content['annotations'][1]
    (tmp_path / 'all.json').write_text(json.dumps(content))
    with pytest.raises(ValueError, match='4 images and 3 annotations, but the raw files have 4'):
        check_coco(str(tmp_path / 'all.json'), dataset, sizes, str(tmp_path))


@pytest.mark.parametrize('orientation', [1, 3, 6, 8])
def test_the_size_is_that_of_the_loaded_picture(tmp_path, orientation):
    """A camera's EXIF turns the picture when it is loaded."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new('RGB', (40, 30)).save(tmp_path / 'a.jpg', exif=exif)
    loaded = LoadImageStrict()(dict(img_path=str(tmp_path / 'a.jpg')))['img']
    assert image_size(str(tmp_path / 'a.jpg')) == loaded.shape[1::-1]


def test_images_that_cannot_be_read_are_named_before_anything_is_written(raw, tmp_path, convert):
    benchmark(raw, tmp_path)
    (tmp_path / 'img/b.jpg').unlink()
    (tmp_path / 'img/c.jpg').write_bytes(b'')
    done = convert('deepfashion', tmp_path, '--out', tmp_path / 'coco')
    assert done.code == 1
    assert '2 of 4 images cannot be read, and nothing was written' in done.text
    assert f'{tmp_path}/img/b.jpg: no such file' in done.text
    assert f'{tmp_path}/img/c.jpg: no readable image' in done.text
    assert list((tmp_path / 'coco').iterdir()) == []


def test_of_many_missing_images_the_first_are_named(raw, tmp_path, convert):
    raw.fashionai(tmp_path / 'all.csv', [raw.fashionai_row(f'{n:02d}.jpg', 'skirt', {15: '1_2_1'}) for n in range(25)])
    done = convert('fashionai', tmp_path, '--out', tmp_path / 'coco', '--each', '--ann-file', 'all.csv')
    assert done.code == 1
    assert '19.jpg: no such file' in done.text and '20.jpg' not in done.text and '... and 5 more' in done.text


def test_a_file_that_is_there_stays(raw, tmp_path, convert):
    benchmark(raw, tmp_path)
    (tmp_path / 'val.json').write_text('labelled by hand')
    done = convert('deepfashion', tmp_path, '--out', tmp_path)
    assert done.code == 1
    assert f'{tmp_path}/val.json is there already: remove it, or choose another folder with --out' in done.text
    assert (tmp_path / 'val.json').read_text() == 'labelled by hand' and not (tmp_path / 'train.json').exists()


@pytest.mark.parametrize('arguments, code, message', [
    (['fashionai'], 1, 'annotations.csv: no such file.* --ann-file names other CSVs'),
    (['fashionai', '--ann-file', 'all.csv'], 1, 'no row is left.* --each takes them whole'),
    (['deepfashion'], 1, 'list_eval_partition.txt: no such file'),
    (['fld', '--each'], 2, '--ann-file and --each are for fashionai'),
    (['fashionai', '--each', '--ann-file', 'a/all.csv', 'b/all.csv'], 2, 'two of them have the same name'),
])
def test_what_is_missing_or_does_not_fit_is_said(raw, tmp_path, convert, arguments, code, message):
    raw.fashionai(tmp_path / 'all.csv', [raw.fashionai_row('a.jpg', 'skirt', {15: '1_2_1'})])
    done = convert(*arguments[:1], tmp_path, '--out', tmp_path / 'coco', *arguments[1:])
    assert done.code == code
    assert re.search(message, done.text)
    assert not (tmp_path / 'coco').exists()
