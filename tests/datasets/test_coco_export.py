"""COCO JSON of a reader's rows: what pycocotools makes of it, and what the comparison with the rows finds."""

import json
from types import SimpleNamespace

import pytest
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pcloss_mmpose.datasets import DeepFashionAttributeDataset, LoadImageStrict, conversion
from pcloss_mmpose.datasets.conversion import rows_of
from pcloss_mmpose.datasets.formats.coco import check_coco, to_coco
from pcloss_mmpose.errors import FileFormatError
from pcloss_mmpose.images import image_size

UPPER = '1  0 11 32  1 21.5 42  2 31 52  0 41 62  0 51 72  0 61 82'
LOWER = '2  0 11 32  1 21 42  0 31.25 52  2 0 0'


@pytest.fixture
def part(raw, tmp_path):
    """A reader of two rows, the sizes of their images, and the content of their JSON."""
    raw.benchmark(tmp_path, {'img/a.jpg': UPPER, 'img/b.jpg': LOWER},
                  boxes={'img/a.jpg': '010 020 090 100', 'img/b.jpg': '000 000 099 119'})
    reader, sizes = DeepFashionAttributeDataset(data_root=str(tmp_path)), [(100, 120)] * 2
    content = to_coco(rows_of(reader), sizes, reader.metainfo, str(tmp_path))
    return SimpleNamespace(reader=reader, sizes=sizes, content=content, root=str(tmp_path), json=tmp_path / 'all.json')


def check(part):
    """Write the content and compare it with the rows."""
    part.json.write_text(json.dumps(part.content))
    check_coco(str(part.json), rows_of(part.reader), part.sizes, part.root)


def test_pycocotools_scores_the_annotations_themselves_as_perfect(part):
    """Its evaluation takes a match with annotation 0 for none, so the numbers must not begin there."""
    coco = COCO()
    coco.dataset = part.content
    coco.createIndex()
    results = [dict(image_id=each['image_id'], category_id=each['category_id'], keypoints=each['keypoints'], score=1.)
               for each in coco.dataset['annotations']]
    evaluator = COCOeval(coco, coco.loadRes(results), 'keypoints')
    evaluator.params.kpt_oks_sigmas = part.reader.metainfo['sigmas']
    evaluator.evaluate()
    evaluator.accumulate()
    evaluator.summarize()
    assert evaluator.stats[0] == pytest.approx(1)


@pytest.mark.parametrize('table, key, value, field', [
    ('images', 'file_name', 'img/b.jpg', 'file_name is .*b.jpg, in the raw files .*a.jpg'),
    ('images', 'width', 101, r'size is \[101, 120\], in the raw files \[100, 120\]'),
    ('annotations', 'bbox', [10, 20, 80, 81], r'bbox is \[10, 20, 80, 81\]'),
    ('annotations', 'category_id', 2, 'category is lower, in the raw files upper'),
    ('annotations', 'keypoints', [11, 32, 1] + [0] * 21, r'keypoints is \[11, 32, 1, '),
])
def test_any_change_in_a_file_is_found(part, table, key, value, field):
    check(part)
    part.content[table][0][key] = value
    with pytest.raises(FileFormatError, match=f'all.json, image 1: {field}'):
        check(part)


def test_a_lost_annotation_is_found(part):
    del part.content['annotations'][1]
    with pytest.raises(FileFormatError, match='2 images and 1 annotations, but the raw files have 2'):
        check(part)


def test_a_json_that_differs_is_not_left_behind(part, monkeypatch):
    del part.content['images'][0]
    monkeypatch.setattr(conversion, 'to_coco', lambda *args: part.content)
    with pytest.raises(FileFormatError, match='1 images and 2 annotations'):
        conversion.write_coco(part.json, part.reader, part.sizes, part.root)
    assert not list(part.json.parent.glob('*.json*'))


@pytest.mark.parametrize('orientation', [1, 3, 6, 8])
def test_the_size_is_that_of_the_loaded_image(tmp_path, orientation):
    """A camera's EXIF turns the image when it is loaded."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new('RGB', (40, 30)).save(tmp_path / 'a.jpg', exif=exif)
    loaded = LoadImageStrict()(dict(img_path=str(tmp_path / 'a.jpg')))['img']
    assert image_size(str(tmp_path / 'a.jpg')) == loaded.shape[1::-1]
