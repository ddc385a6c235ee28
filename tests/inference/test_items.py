"""What becomes of the inputs of tools/predict.py."""

import json

import pytest

from pcloss_mmpose.datasets import DatasetFormatError
from pcloss_mmpose.inference import Item, find_items


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ('photos/b.jpg', 'photos/a.PNG', 'photos/deep/c.jpeg', 'photos/notes.md', 'other/d.jpg'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b'')
    return tmp_path


def paths(*inputs, **options):
    return [item.image for item in find_items(inputs, **options)]


def test_pictures_folders_and_patterns(folder):
    assert paths('other/d.jpg', 'photos') == ['other/d.jpg', 'photos/a.PNG', 'photos/b.jpg', 'photos/deep/c.jpeg']
    assert paths('photos/*') == ['photos/a.PNG', 'photos/b.jpg']
    assert paths('**/[bc].jp*') == ['photos/b.jpg', 'photos/deep/c.jpeg']
    assert paths('s3://bucket/a.jpg') == ['s3://bucket/a.jpg']  # whether it is there, loading will tell


def test_a_list_goes_by_its_own_folder(folder):
    (folder / 'photos/list.txt').write_text('b.jpg\n\n deep/c.jpeg\n/abs/e.jpg\n')
    assert paths('photos/list.txt') == ['photos/b.jpg', 'photos/deep/c.jpeg', '/abs/e.jpg']
    assert paths('photos/list.txt', root='s3://shop') == ['s3://shop/b.jpg', 's3://shop/deep/c.jpeg', '/abs/e.jpg']


def test_tables_bring_boxes_and_categories(folder):
    (folder / 'a.csv').write_text('image,x1,y1,x2,y2,category,price\nb.jpg,1,2,30.5,40,dress,9\nb.jpg,,,,,,9\n')
    first, second = find_items(['a.csv'], category='skirt')
    assert first == Item('b.jpg', (1, 2, 30.5, 40), 'dress', key='b.jpg')
    assert second == Item('b.jpg', None, 'skirt', key='b.jpg#2')
    (folder / 'test.csv').write_text('image_id,image_category\nImages/x.jpg,trousers\n')  # as FashionAI's
    assert find_items(['test.csv'])[0] == Item('Images/x.jpg', category='trousers', key='Images/x.jpg')
    (folder / 'a.json').write_text(json.dumps([dict(image='b.jpg', box=[1, 2, 3, 4]), dict(image='c.jpg')]))
    assert [item[:3] for item in find_items(['a.json'])] == [('b.jpg', (1, 2, 3, 4), None), ('c.jpg', None, None)]
    (folder / 'coco.json').write_text(json.dumps(dict(
        images=[dict(id=7, file_name='b.jpg')], categories=[dict(id=3, name='coat')],
        annotations=[dict(image_id=7, bbox=[10, 20, 5, 6], category_id=3)])))
    assert find_items(['coco.json'], root='photos') == [
        Item('photos/b.jpg', (10, 20, 15, 26), 'coat', image_id=7, category_id=3, key='photos/b.jpg')]


def test_keys_do_not_depend_on_what_comes_after(folder):
    (folder / 'l.txt').write_text('a\nb\na\n')
    assert [item.key for item in find_items(['l.txt'])] == ['a', 'b', 'a#2']


@pytest.mark.parametrize(('name', 'text', 'words'), [
    ('a.csv', 'path,category\nx.jpg,dress\n', 'a.csv, line 1: no column image, there are path, category'),
    ('a.csv', 'image,x1,y1,x2\nx.jpg,1,2,3\n', 'a.csv, line 1: a box needs all of x1, y1, x2 and y2'),
    ('a.csv', 'image,x1,y1,x2,y2\nx.jpg,1,2,3,4\ny.jpg,1,2,,4\n',
     r"a.csv, line 3, field box: \['1', '2', '', '4'\] are not four numbers"),
    ('a.csv', 'image,x1,y1,x2,y2\nx.jpg,5,2,3,4\n', r'line 2, field box: the box \[5.0, 2.0, 3.0, 4.0\] has no area'),
    ('a.csv', 'image,category\n,dress\n', 'line 2, field image: no image is named'),
    ('a.json', '[{"image": "x.jpg"', r'a.json: not JSON \('),
    ('a.json', '[1]', 'a.json: neither a list of entries nor a COCO file'),
    ('a.json', '[{"image": "x.jpg", "box": [1, 2, 3]}]', r'entry 1, field box: \[1, 2, 3\] are not four numbers'),
    ('a.json', '{"images": []}', "a.json: not a COCO annotation file .KeyError: 'annotations'"),
    ('a.json', '{"images": [], "annotations": [{"image_id": 4, "bbox": [1, 2, 3, 4]}]}', 'KeyError: 4'),
])
def test_faulty_tables_are_named(folder, name, text, words):
    (folder / name).write_text(text)
    with pytest.raises(DatasetFormatError, match=words):
        find_items([name])


@pytest.mark.parametrize(('name', 'words'), [
    ('nowhere', 'nowhere: neither a picture .* nor a folder'),
    ('nowhere.csv', 'nowhere.csv: no such file'),
    ('nowhere/*.jpg', 'no picture has such a name'),
    ('empty', 'no picture in empty'),
    ('empty.txt', 'no picture in empty.txt'),
])
def test_what_is_not_there_is_named(folder, name, words):
    (folder / 'empty').mkdir()
    (folder / 'empty.txt').write_text('\n')
    with pytest.raises(FileNotFoundError, match=words):
        find_items([name])
