"""What becomes of the inputs of `pcloss predict`."""

import json
import subprocess
import sys

import pytest

from pcloss_mmpose.errors import FileFormatError, InputError
from pcloss_mmpose.inference import find_items


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ('photos/b.jpg', 'photos/a.PNG', 'photos/deep/c.jpeg', 'photos/notes.md', 'other/d.jpg',
                 'other/e[1].jpg', 'other/e1.jpg', 'web/f.jfif', 'web/g.GIF'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b'')
    return tmp_path


def paths(*inputs, **options):
    return [item.image for item in find_items(inputs, **options)]


def test_images_folders_and_patterns(folder):
    assert paths('other/d.jpg', 'photos') == ['other/d.jpg', 'photos/a.PNG', 'photos/b.jpg', 'photos/deep/c.jpeg']
    assert paths('web') == ['web/f.jfif', 'web/g.GIF']
    assert paths('photos/*') == ['photos/a.PNG', 'photos/b.jpg']
    assert paths('**/[bc].jp*') == ['photos/b.jpg', 'photos/deep/c.jpeg']
    assert paths('other/e[1].jpg') == ['other/e[1].jpg']  # a file of that name, and no pattern
    for url in ('s3://bucket/a.jpg', 'https://shop/a.jpg?size=[1]'):  # whether it is there, loading will tell
        assert paths(url) == [url]


def test_results_are_no_inputs(folder):
    assert paths('photos', leave_out='photos/deep') == paths('photos/**', leave_out='photos/deep') == [
        'photos/a.PNG', 'photos/b.jpg']


def test_a_list_goes_by_its_own_folder(folder):
    (folder / 'photos/list.txt').write_bytes(b'\xef\xbb\xbfb.jpg\r\n\r\n deep/c.jpeg\n')
    assert paths('photos/list.txt') == ['photos/b.jpg', 'photos/deep/c.jpeg']
    assert paths('photos/list.txt', root='s3://shop') == ['s3://shop/b.jpg', 's3://shop/deep/c.jpeg']


def test_a_list_stays_in_its_folder_or_in_the_root(folder):
    """Whatever way it takes: else a list from somebody else would read what it was not given for."""
    inside, outside = str(folder / 'photos/b.jpg'), str(folder / 'other/d.jpg')
    (folder / 'photos/l.txt').write_text(f'{inside}\ndeep/../b.jpg\n')  # as `find $PWD > l.txt` writes them
    assert paths('photos/l.txt') == [inside, 'photos/deep/../b.jpg']
    words = r"line 2, field image: .* is not below photos\. A list names images below its own folder, or below --root"
    for name in (outside, '../other/d.jpg', 's3://shop/d.jpg', 'deep/../..', '..\\other\\d.jpg'):
        for file, text in (('l.txt', f'b.jpg\n{name}\n'), ('l.csv', f'image\n{name}\n')):
            (folder / 'photos' / file).write_text(text)
            with pytest.raises(FileFormatError, match=words):
                find_items([f'photos/{file}'])
        (folder / 'photos/l.json').write_text(json.dumps([dict(image='b.jpg'), dict(image=name)]))
        with pytest.raises(FileFormatError, match=words.replace('line', 'entry')):
            find_items(['photos/l.json'])
        (folder / 'photos/l.json').write_text(json.dumps(dict(
            images=[dict(id=1, file_name=name)], annotations=[dict(image_id=1, bbox=[1, 2, 3, 4])])))
        with pytest.raises(FileFormatError, match=words.replace('line 2', 'annotation 1')):
            find_items(['photos/l.json'])
    (folder / 'photos/l.txt').write_text(f'{outside}\n{inside}\n')
    for root in (str(folder), '', '/'):
        assert paths('photos/l.txt', root=root) == [outside, inside]
    (folder / 'photos/l.txt').write_text('../other/d.jpg\n')
    assert paths('photos/l.txt', root='other') == ['other/../other/d.jpg']
    (folder / 'photos/l.txt').write_text('https://shop/a.jpg\nhttps://other/a.jpg\n')
    assert paths('photos/l.txt', root='https://') == ['https://shop/a.jpg', 'https://other/a.jpg']
    with pytest.raises(FileFormatError, match=r"line 2, field image: 'https://other/a.jpg' is not below https://shop"):
        find_items(['photos/l.txt'], root='https://shop')


@pytest.mark.parametrize('header', ['image,x1,y1,x2,y2,category,price', '\ufeffImage, X1, Y1, X2, Y2, Category, price'])
def test_tables_bring_boxes_and_categories(folder, header):
    (folder / 'a.csv').write_text(f'{header}\nb.jpg, 1,2,30.5,40, dress ,9\nb.jpg,,,,,,9\n', encoding='utf-8')
    first, second = find_items(['a.csv'], category='skirt')
    assert first[:4] == ('b.jpg', (1, 2, 30.5, 40), 'dress', 'a.csv, line 2')
    assert second[:3] == ('b.jpg', None, 'skirt')


def test_other_tables(folder):
    (folder / 'test.csv').write_text('image_id,image_category\nImages/x.jpg,trousers\n')  # as FashionAI's
    assert find_items(['test.csv'])[0][:3] == ('Images/x.jpg', None, 'trousers')
    (folder / 'a.json').write_text(json.dumps([dict(image='b.jpg', box=[1, 2, 3, 4]), dict(image='c.jpg')]))
    assert [item[:3] for item in find_items(['a.json'])] == [('b.jpg', (1, 2, 3, 4), None), ('c.jpg', None, None)]
    (folder / 'coco.json').write_text(json.dumps(dict(
        images=[dict(id=7, file_name='b.jpg')], categories=[dict(id=3, name='coat')],
        annotations=[dict(image_id=7, bbox=[10, 20, 5, 6], category_id=3)])))
    item, = find_items(['coco.json'], root='photos')
    assert item[:3] == ('photos/b.jpg', (10, 20, 15, 26), 'coat') and (item.image_id, item.category_id) == (7, 3)
    (folder / 'coco.json').write_text(json.dumps(dict(
        images=[dict(id=7, file_name='b.jpg')], annotations=[dict(image_id=7, bbox=[10, 20, 5, 6], category_id=3)])))
    item, = find_items(['coco.json'])  # as detections come, without the names of categories
    assert (item.category, item.category_id) == (None, 3)


def test_keys_hold_all_that_decides_and_not_what_comes_after(folder):
    rows = ['image,x1,y1,x2,y2,category', 'a,1,2,3,4,', 'a,1,2,3,5,', 'a,1,2,3,4,', 'a,,,,,dress', 'b,,,,,']
    (folder / 't.csv').write_text('\n'.join(rows))
    assert [item.key for item in find_items(['t.csv'])] == ['a 1,2,3,4', 'a 1,2,3,5', 'a 1,2,3,4 #2', 'a dress', 'b']


@pytest.mark.parametrize(('name', 'text', 'words'), [
    ('a.csv', 'path,category\nx.jpg,dress\n', 'a.csv, line 1: no column image, there are path, category'),
    ('a.csv', 'image,image\nx.jpg,y.jpg\n', 'a.csv, line 1: two columns image'),
    ('a.csv', 'image,x1,y1,x2\nx.jpg,1,2,3\n', 'a.csv, line 1: columns x1, x2, y1, but not all of x1, y1, x2 and y2'),
    ('a.csv', 'image,xmin,ymin\nx.jpg,1,2\n', 'a.csv, line 1: columns xmin, ymin, but not all of x1'),
    ('a.csv', 'image,x1,y1,x2,y2\nx.jpg,1,2,3,4\ny.jpg,1,2,,4\n',
     'a.csv, line 3, field x1, y1, x2, y2: 1, 2, , 4 are not four numbers'),
    ('a.csv', 'image,x1,y1,x2,y2\nx.jpg,5,2,3,4\n', r'line 2, field box: the box \[5.0, 2.0, 3.0, 4.0\] has no area'),
    ('a.csv', 'image,x1,y1,x2,y2\nx.jpg,1,2,inf,4\n', 'y2: 1, 2, inf, 4 are not four numbers'),
    ('a.csv', 'image,x1,y1,x2,y2\nx.jpg,1,nan,3,4\n', 'y2: 1, nan, 3, 4 are not four numbers'),
    ('a.csv', 'image,x1,y1,x2,y2\nx.jpg,1,2,1_0,4\n', 'y2: 1, 2, 1_0, 4 are not four numbers'),
    ('a.csv', 'image,x1,y1,x2,y2\nx.jpg,1,2,١٠,4\n', 'y2: 1, 2, ١٠, 4 are not four numbers'),
    ('a.csv', 'image,x1,y1,x2,y2\nx.jpg,1,2,1e999,4\n', r'field box: \[1.0, 2.0, inf, 4.0\] is not a list of four'),
    ('a.csv', f'image,category\nx.jpg,{"d" * 5000}\n', r"field category: 'd+\.\.\.d+' is not the name of a category"),
    ('a.json', r'[{"image": "x.jpg", "category": "a\nb"}]', r"field category: 'a\\nb' is not the name of a category"),
    ('a.json', '{"images": [{"id": NaN, "file_name": "a"}], "annotations": [{"image_id": NaN, "bbox": [1, 2, 3, 4]}]}',
     'annotation 1, field image_id: it belongs to no image of the file'),
    ('a.json', '{"images": [{"id": Infinity, "file_name": "a"}], "annotations": [{"image_id": Infinity, '
     '"bbox": [1, 2, 3, 4]}]}', 'annotation 1, field image_id: it belongs to no image of the file'),
    ('a.json', '{"images": [{"id": 4, "file_name": "a"}], "annotations": [{"image_id": 4, "category_id": NaN, '
     '"bbox": [1, 2, 3, 4]}]}', 'annotation 1, field category_id: nan is not the id of a category'),
    ('a.json', '{"images": [{"id": 4, "file_name": "a"}, {"id": 4, "file_name": "b"}], "annotations": []}',
     'a.json, field images: two entries have the id 4'),
    ('a.json', '{"images": [], "categories": [{"id": 4, "name": "a"}, {"id": 4, "name": "b"}], "annotations": []}',
     'a.json, field categories: two entries have the id 4'),
    ('a.csv', 'image,x1,y1,x2,y2\nx.jpg,.1,.2,.8,.9\n', 'line 2, field box: the box .* lies within a pixel'),
    ('a.csv', 'image,category\n,dress\n', 'line 2, field image: no image is named'),
    ('a.csv', f'image\nx.jpg\n{"x" * 200_000}\n', 'a.csv, line 3: not CSV .field larger than field limit'),
    ('a.csv', 'image,category\nx.jpg,dress\n"y.jpg,dress\nz.jpg,dress\n',
     'a.csv, line 3: not CSV .unexpected end of data.. A quote that opens a cell must close at its end'),
    ('a.csv', 'image,category\nx.jpg,dress\n"y.jpg,dress\n"z.jpg,dress\n', 'a.csv, line 3: not CSV .\',\' expected'),
    ('a.csv', 'image,category\n"x.jpg\ny.jpg",dress\n', r"line 2, field image: .* control characters: 'x.jpg\\ny.jpg'"),
    ('a.csv', 'image,category\nx,1.jpg,dress\n', 'a.csv, line 2: 3 cells, and line 1 names 2 columns. A cell that'),
    ('a.csv', 'image;category\nx.jpg;dress\n', "line 1: no column image, there are image;category. .*by commas"),
    ('a.csv', 'image\tcategory\nx.jpg\tdress\n', r"line 1: no column image, there are image\\tcategory. .*by commas"),
    ('a.csv', f'{"x" * 9000},category\n', r'line 1: no column image, there are x+\.\.\.x+, category\.'),
    ('a.csv', 'image,x1,y1,x2,y2\nx.jpg,"1,5",2,3,4\n', 'line 2, field x1, y1, x2, y2: 1,5, 2, 3, 4 are not four'),
    ('a.csv', 'image,x1,y1,x2,y2\nx.jpg,1,2,1e30,4\n', r'line 2, field box: the box .* goes beyond 100,000 pixels'),
    ('a.csv', 'image,x1,y1,x2,y2\nx.jpg,-100001,2,3,4\n', r'line 2, field box: the box .* goes beyond 100,000 pixels'),
    ('a.csv', 'image\na\x00b.jpg\n',  # Python before 3.11 says so itself
     r"line 2, field image: the image name holds control characters: 'a\\x00b.jpg'|line 2: not CSV .line contains NUL"),
    ('a.txt', 'x.jpg\n\x19.jpg\n', r"a.txt, line 2, field image: the image name holds control characters: '\\x19.jpg'"),
    ('a.txt', 'x.jpg\ry\x1c.jpg\r', r"a.txt, line 2, field image: .* control characters: 'y\\x1c.jpg'"),
    ('a.txt', 'x' * 9000, r"a.txt, line 1, field image: the image name has 9,000 characters: 'x+\.\.\.x+'"),
    ('a.json', r'[{"image": "\ud800.jpg"}]', r"entry 1, field image: .* control characters: '\\ud800.jpg'"),
    ('a.json', '[{"image": "x.jpg", "category": [' + '1, ' * 999 + '1]}]', r'category: \[1, 1, [1, .]+\] is not'),
    ('a.json', '[{"image": "x.jpg", "box": [1, 2, 1e6, 4]}]', r'entry 1, field box: the box .* goes beyond 100,000'),
    ('a.json', '{"images": [{"id": 4, "file_name": "a"}], "annotations": [{"image_id": 4, "category_id": [1], '
     '"bbox": [1, 2, 3, 4]}]}', r'annotation 1, field category_id: \[1\] is not the id of a category'),
    ('a.json', '{"images": [{"id": 4, "file_name": "a"}], "annotations": [{"image_id": 4, '
     '"bbox": [99999, 2, 3, 4]}]}', 'annotation 1, field box: the box .* goes beyond 100,000 pixels'),
    ('a.json', '[' * 100_000, 'a.json: not JSON'),
    ('a.json', f'[{{"image": "x.jpg", "box": [1, 2, {10**400}, 4]}}]', 'entry 1, field box: .* is not a list of four'),
    ('a.json', '[{"image": "x.jpg"', r'a.json: not JSON \('),
    ('a.json', '[1]', 'a.json: neither a list of entries nor a COCO file'),
    ('a.json', '[{"image": "x.jpg", "box": [1, 2, 3]}]', r'entry 1, field box: \[1, 2, 3\] is not a list of'),
    ('a.json', '[{"image": "x.jpg", "box": 5}]', 'entry 1, field box: 5 is not a list of four numbers'),
    ('a.json', '[{"image": "x.jpg", "box": "1234"}]', "entry 1, field box: '1234' is not a list of four numbers"),
    ('a.json', '[{"image": "x.jpg", "bbox": [1, 2, 3, 4]}]', 'entry 1, field box: bbox, but no box'),
    ('a.json', '[{"image": "x.jpg", "category": ["dress"]}]', r"field category: \['dress'\] is not the name"),
    ('a.json', '{"images": []}', "a.json: not a COCO annotation file .KeyError: 'annotations'"),
    ('a.json', '{"images": [], "annotations": [{"image_id": 4, "bbox": [1, 2, 3, 4]}]}',
     'annotation 1, field image_id: it belongs to no image of the file'),
    ('a.json', '{"images": [{"id": 4, "file_name": "a"}], "annotations": [{"image_id": 4, "bbox": null}]}',
     'annotation 1, field bbox: None is not x, y, width, height'),
    ('a.json', '{"images": [{"id": 4, "file_name": "a"}], "annotations": [{"image_id": [4], "bbox": [1, 2, 3, 4]}]}',
     'annotation 1, field image_id: it belongs to no image of the file'),
    ('a.json', '{"images": [{"id": 4, "file_name": "a"}], "categories": [{"id": 1, "name": "coat"}], '
     '"annotations": [{"image_id": 4, "category_id": 2, "bbox": [1, 2, 3, 4]}]}',
     'annotation 1, field category_id: 2 is none of the file'),
])
def test_faulty_tables_are_named(folder, name, text, words):
    (folder / name).write_bytes(text.encode())
    with pytest.raises(FileFormatError, match=words) as caught:
        find_items([name])
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(('content', 'words'), [
    ('a.jpg\nbl\xe5.jpg\n'.encode('latin-1'), 'a.txt, line 2: not UTF-8'),
    ('a.jpg\r衣.jpg\r'.encode('gbk'), 'a.txt, line 2: not UTF-8'),
    ('a.jpg\n'.encode('utf-16'), 'a.txt, line 1: UTF-16 text'),
])
def test_another_encoding_is_named(folder, content, words):
    (folder / 'a.txt').write_bytes(content)
    with pytest.raises(FileFormatError, match=f'{words}. Save it as UTF-8'):
        find_items(['a.txt'])


def test_what_other_programs_write(folder):
    (folder / 'photos/a\\b.jpg').write_bytes(b'')
    (folder / 'photos/a').mkdir()
    (folder / 'photos/a/b.jpg').write_bytes(b'')
    names = ['deep\\c.jpeg', 'a\\b.jpg', 'lost\\d.jpg']  # Windows' own, a character of a name, and neither
    expected = ['photos/deep/c.jpeg', 'photos/a\\b.jpg', 'photos/lost\\d.jpg']
    (folder / 'photos/l.txt').write_text('\r'.join(names))
    assert paths('photos/l.txt') == expected
    (folder / 'photos/l.json').write_text(json.dumps([dict(image=name) for name in names]))
    assert paths('photos/l.json') == expected
    (folder / 'photos/l.csv').write_text(''.join(f'"{name}"\r\n' for name in ('image', *names)))
    assert paths('photos/l.csv') == expected
    assert paths('photos/l.csv', root='s3://shop') == [f's3://shop/{name}' for name in names]
    # An index without a name, as pandas writes it, a text over two lines, and empty cells to the right.
    (folder / 'shop.csv').write_text(',image,text,category\n0,b.jpg,"long\nand ""nice""",dress\n1,c.jpg,,skirt,,\n')
    assert [item[:4] for item in find_items(['shop.csv'])] == [
        ('b.jpg', None, 'dress', 'shop.csv, line 2'), ('c.jpg', None, 'skirt', 'shop.csv, line 4')]


def test_every_annotation_of_a_coco_file_is_a_garment(folder):
    """Rectangles without keypoints too, such as Label Studio writes beside those with keypoints."""
    (folder / 'coco.json').write_text(json.dumps(dict(
        images=[dict(id=7, file_name='b.jpg')], categories=[dict(id=3, name='coat')],
        annotations=[dict(image_id=7, bbox=[10, 20, 5, 6], category_id=3, keypoints=[11, 22, 2]),
                     dict(image_id=7, bbox=[30, 20, 5, 6], category_id=3)])))
    assert [item.box for item in find_items(['coco.json'])] == [(10, 20, 15, 26), (30, 20, 35, 26)]


@pytest.mark.parametrize(('name', 'words'), [
    ('nowhere', 'nowhere: there is no such file or folder .in the folder'),
    ('photos\\b.jpg', 'there is no such file .*backslashes, as Windows writes them: write slashes'),
    ('nowhere.jpg', 'nowhere.jpg: there is no such file or folder'),
    ('nowhere.csv', 'nowhere.csv: there is no such file or folder'),
    ('photos/notes.md', 'photos/notes.md: neither an image .* nor a folder that can be listed'),
    ('http://127.0.0.1:9/photos', 'photos: neither an image .* nor a folder that can be listed'),
    ('http://127.0.0.1:9/list.csv', 'list.csv: cannot be read .URLError'),
    ('nowhere/*.jpg', 'no image has such a name'),
    ('empty', 'no image in empty'),
    ('empty.txt', 'no image in empty.txt'),
])
def test_what_is_not_there_is_named(folder, name, words):
    (folder / 'empty').mkdir()
    (folder / 'empty.txt').write_text('\n')
    with pytest.raises(InputError, match=words):
        find_items([name])


def test_what_lies_here_is_found_without_heavy_imports(folder):
    """And so is what is wrong with it, before a model is loaded."""
    (folder / 'a.csv').write_text('image,category\nphotos/b.jpg,dress\n')
    (folder / 'b.json').write_text('[{"image": "b.jpg"}]')
    code = ("import sys; from pcloss_mmpose.inference import find_items, Journal; "
            "assert len(find_items(['a.csv', 'b.json', 'photos', 'other/*'])) == 8; "
            "print(sorted({'torch', 'numpy', 'cv2', 'mmengine', 'mmpose'} & set(sys.modules)))")
    done = subprocess.run([sys.executable, '-c', code], text=True, capture_output=True, check=True)
    assert done.stdout == '[]\n'
