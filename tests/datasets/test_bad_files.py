"""Faulty raw files, by table: each error names file, line and column."""

import pytest

from pcloss_mmpose.datasets import DeepFashionAttributeDataset, FashionAIDataset
from pcloss_mmpose.datasets.formats.fashionai import HEADER
from pcloss_mmpose.errors import FileFormatError

GOOD = {0: '1_2_1'}


@pytest.mark.parametrize('cells, message', [
    ({0: '1_x_1'}, r"line 3, field neckline_left: '1_x_1' holds something that is not a finite decimal number"),
    ({2: 'nan_2_1'}, r"line 3, field center_front: 'nan_2_1' holds something that is not"),
    ({2: '1_inf_1'}, r"line 3, field center_front: '1_inf_1' holds something that is not"),
    ({23: '1_2'}, r"line 3, field bottom_right_out: expected x_y_v, found '1_2'"),
    ({0: '1_2', 1: '1_2_3_1'}, r"line 3, field neckline_left: expected x_y_v"),
    ({0: ''}, r"line 3, field neckline_left: expected x_y_v, found ''"),
    ({5: '1_2_2'}, r"line 3, field armpit_left: visibility '2' is outside -1, 0, 1"),
    ({5: '1_2_-2'}, r"line 3, field armpit_left: visibility '-2'"),
    ({5: '1_2_0.5'}, r"line 3, field armpit_left: visibility '0.5'"),
    ({5: '١_2_1'}, r'line 3, field armpit_left: .* not a finite decimal number'),  # a digit, but not of ASCII
    ({5: '9' * 45 + '_2_1'}, r'line 3, field armpit_left: .* not a finite decimal number'),
    ({5: '9' * 10_000 + '_2_1'}, r"line 3, field armpit_left: '9{5,99}\.\.\.9{5,99}_2_1' holds something"),
    ({5: '1_\xa02_1'}, r"line 3, field armpit_left: '1_\\xa02_1' holds something that is not a finite"),
    ({5: '100001_2_1'}, r"line 3, field armpit_left: '100001_2_1' lies beyond 100,000 pixels"),
    ({5: '1_-100000.5_0'}, r"line 3, field armpit_left: '1_-100000.5_0' lies beyond 100,000 pixels"),
    ({5: '-1_-1_1'}, r'line 3, field armpit_left: a landmark at -1_-1 must have v = -1'),
])
def test_fashionai_cells(raw, tmp_path, cells, message):
    rows = [raw.fashionai_row('a.jpg', 'dress', GOOD), raw.fashionai_row('b.jpg', 'dress', cells)]
    csv = raw.fashionai(tmp_path / 'train.csv', rows)
    with pytest.raises(FileFormatError, match=r'train\.csv, ' + message):
        FashionAIDataset(csv)


@pytest.mark.parametrize('text, message', [
    ('', r'the file is empty'),
    ('\n \n', r'the file is empty'),
    ('a.jpg,shirt,{cells}\n', r"line 1, field image_category: unknown category 'shirt'"),
    (',dress,{cells}\n', r'line 1, field image_id: the image name is empty'),
    ('a.jpg,dress,{cells}\n\nb.jpg,dress,{cells},9_9_1\n', r'line 3: 27 columns, expected 26'),
    ('a.jpg,dress,{cells}\nb.jpg,dress\n', r'line 2: 2 columns, expected 26'),
    ('a.jpg\n', r'line 1: 1 columns, expected 26'),
    (','.join(HEADER[:-1]) + '\n', r'line 1, field header: 25 columns, expected 26 or 2'),
    (','.join((*HEADER[:2], HEADER[3], HEADER[2], *HEADER[4:])) + '\n',
     r"line 1, field header: expected 'neckline_left', found 'neckline_right'"),
    ('image_id,category\n', r"line 1, field header: expected 'image_category', found 'category'"),
    (','.join(HEADER) + '\n', r'no row is left'),
    ('Images\x00/a.jpg,dress,{cells}\n', r"line 1, field image_id: .* control characters: 'Images\\x00/a.jpg'"),
    ('a.jpg,dress,{cells}\n\ufeffb.jpg,dress,{cells}\n', r"line 2, field image_id: .* '\\ufeffb.jpg'"),  # two files
    ('Images/\x19a.jpg,dress,{cells}\n', r"line 1, field image_id: .* control characters: 'Images/\\x19a.jpg'"),
    ('../a.jpg,dress,{cells}\n', r"line 1, field image_id: '\.\./a.jpg' is not below .*data_prefix"),
    ('/etc/a.jpg,dress,{cells}\n', r"line 1, field image_id: '/etc/a.jpg' is not below "),
    ('s3://b/a.jpg,dress,{cells}\n', r"line 1, field image_id: 's3://b/a.jpg' is not below "),
    ('a' * 5000 + '.jpg,dress,{cells}\n', r"line 1, field image_id: the image name has 5,004 characters: 'a+\.\.\.a+"),
    ('a.jpg,' + 'd' * 5000 + ',{cells}\n', r"line 1, field image_category: unknown category 'd+\.\.\.d+'\."),
    ('a.jpg,dress,{cells}\n"b.jpg,dress,{cells}\n', r'line 2: a quote that opens here does not close at the end'),
    ('"a.jpg"x,dress,{cells}\n', r'line 1: a quote that opens here does not close at the end of its cell'),
    ('"a,b.jpg",dress,{cells}\n', r"line 1: a comma inside of the cell 'a,b.jpg'"),
    ('image_id;image_category\na.jpg;dress\n', r'line 1: 1 columns, expected 26 .*fields are separated by commas'),
    ('image_id\timage_category\na.jpg\tdress\n', r'line 1: 1 columns, expected 26 .*separated by commas'),
    (',' + ','.join(HEADER) + '\n0,a.jpg,dress,{cells}\n', r'line 1, field header: 27 columns, expected 26 or 2'),
])
def test_fashionai_lines(tmp_path, text, message):
    csv = tmp_path / 'train.csv'
    csv.write_text(text.replace('{cells}', ','.join(['-1_-1_-1'] * 24)))
    with pytest.raises(FileFormatError, match=r'train\.csv.*' + message):
        FashionAIDataset(str(csv))


def test_all_faulty_lines_are_counted(raw, tmp_path):
    rows = [raw.fashionai_row('a.jpg', category) for category in ('dress', 'coat', 'hat', 'sock')]
    with pytest.raises(FileFormatError, match=r"line 3.*'coat' \(3 lines have this fault; this is the first\)"):
        FashionAIDataset(raw.fashionai(tmp_path / 'train.csv', rows))


@pytest.mark.parametrize('content, message', [
    (b'\xff\xd8\xff\xe0', r'line 1: not UTF-8\. Save it as UTF-8'),
    ('a.jpg,dress\r\n衣.jpg,dress\r\n'.encode('gbk'), r'line 2: not UTF-8'),
    ('a.jpg,dress\r衣.jpg,dress\r'.encode('gbk'), r'line 2: not UTF-8'),
    ('a.jpg,dress\n'.encode('utf-16'), r'line 1: UTF-16 text\. Save it as UTF-8'),
])
def test_other_encodings(tmp_path, content, message):
    (tmp_path / 'train.csv').write_bytes(content)
    with pytest.raises(FileFormatError, match=r'train\.csv, ' + message):
        FashionAIDataset(str(tmp_path / 'train.csv'), test_mode=True)


CELLS = ','.join(['10_20_1'] + ['-1_-1_-1'] * 23)


@pytest.mark.parametrize('content', [
    f'Images/a.jpg,dress,{CELLS}\r\n',
    f'\n\n\r\n Images/a.jpg , dress,{CELLS}\n',
    f'Images/a.jpg,dress,{CELLS}\r\r',
    ','.join(f'"{cell}"' for cell in f'Images/a.jpg,dress,{CELLS}'.split(',')) + '\r\n',
    ', '.join(f'"{cell}"' for cell in f'Images/a.jpg,dress,{CELLS}'.split(',')),
    f'Images\\a.jpg,dress,{CELLS}\n',
])
def test_what_other_programs_write(raw, tmp_path, content):
    raw.image(tmp_path / 'Images' / 'a.jpg')
    (tmp_path / 'train.csv').write_bytes((','.join(HEADER) + '\r' + content).encode('utf-8-sig'))
    dataset = FashionAIDataset(str(tmp_path / 'train.csv'))
    info = dataset.get_data_info(0)
    assert len(dataset) == 1 and info['keypoints'][0, 0].tolist() == [10, 20]
    assert info['img_path'] == str(tmp_path / 'Images/a.jpg')
    assert info['raw_ann_info']['image_name'] == 'Images/a.jpg'


def test_a_name_with_a_backslash_stays_where_it_exists(raw, tmp_path):
    """Here a backslash is a character like any other; on Windows the path would be found at once."""
    for name in ('s/a.jpg', 's\\a.jpg'):
        raw.image(tmp_path / name)
    csv = raw.fashionai(tmp_path / 'train.csv', [raw.fashionai_row(f's\\{n}.jpg', 'dress', GOOD) for n in 'ab'])
    dataset = FashionAIDataset(csv)
    assert dataset.get_data_info(0)['raw_ann_info']['image_name'] == 's\\a.jpg'
    assert dataset.get_data_info(1)['raw_ann_info']['image_name'] == 's\\b.jpg'  # which is not there in any way


def test_an_image_in_two_spellings_is_one(raw, tmp_path):
    raw.image(tmp_path / 's/a.jpg')
    rows = [raw.fashionai_row(name, 'dress', GOOD) for name in ('s/a.jpg', 's\\a.jpg')]
    with pytest.warns(UserWarning, match="line 3: 's/a.jpg' stands in .*line 2 already; 1 rows repeat an image"):
        assert len(FashionAIDataset(raw.fashionai(tmp_path / 'train.csv', rows))) == 1
    names = ['img/a.jpg', 'img\\a.jpg']
    raw.image(tmp_path / 'img/a.jpg')
    root = raw.benchmark(tmp_path, dict.fromkeys(names, LOWER), boxes={names[0]: '1 2 3 4', names[1]: '5 6 7 8'})
    with pytest.warns(UserWarning, match="line 4: 'img/a.jpg' stands in .*line 3 already; 1 rows repeat an image"):
        dataset = DeepFashionAttributeDataset(data_root=root)
    assert [info['bbox'].tolist() for info in dataset] == [[[1, 2, 3, 4]]]


LOWER = '2 0 11 12 0 21 22 0 31 32 1 41 42'


@pytest.mark.parametrize('row, message', [
    ('2 0 11 12 0 21 22 0 31 32 1 41 4x', r"field landmark_location_y_4: '4x' is not a finite decimal number"),
    ('2 0 11 nan 0 21 22 0 31 32 1 41 42', r"field landmark_location_y_1: 'nan' is not a finite"),
    ('2 0 inf 12 0 21 22 0 31 32 1 41 42', r"field landmark_location_x_1: 'inf' is not a finite"),
    ('2 0 11 12 0 21 22 0 31 32 1 41 \xa042', r"field landmark_location_y_4: '\\xa042' is not a finite"),
    ('2 0 11 12 0 2\x1f1 22 0 31 32 1 41 42', r"field landmark_location_x_2: '2\\x1f1' is not a finite"),
    ('2 0 11 12 0 21 22 0 31 32 1 41\u300042', r"field landmark_location_x_4: '41\\u300042' is not a finite"),
    ('2 0 11 12 0 21 22 0 31 100001 1 41 42', r"field landmark_location_y_3: '100001' lies beyond 100,000 pixels"),
    ('b.jpg 2 0 11 12 0 21 22', r"field clothes_type: 'b.jpg' is not a finite .* take the blanks out of the"),
    ('2 0 11 12 0 21 22 0 31 32 1 41 ' + '4' * 5000, r"field landmark_location_y_4: '4+\.\.\.4+' is not a finite"),
    ('4 0 11 12 0 21 22 0 31 32 1 41 42', r'field clothes_type: unknown clothes_type 4'),
    ('2 0 11 12 3 21 22 0 31 32 1 41 42', r'field landmark_visibility_2: visibility 3 is outside 0, 1, 2'),
    ('2 0 11 12 -1 21 22 0 31 32 1 41 42', r'field landmark_visibility_2: visibility -1'),
    ('1 0 11 12 0 21 22 0 31 32 1 41 42', r': 4 landmarks, but clothes_type 1 has 6'),
    ('2 0 11 12 0 21 22 0 31 32', r': 3 landmarks, but clothes_type 2 has 4'),
    ('2' + ' 0 11 12' * 8, r': 8 landmarks, but clothes_type 2 has 4: what follows them must be zeros'),
    ('2 0 11 12 0 21 22 0 31 32 1 41', r': 13 columns do not make image_name clothes_type and three'),
    ('2 1 0 11 12 0 21 22 0 31 32 1 41 42', r': 15 columns do not make'),
    ('2' + ' 0 11 12' * 9, r': 29 columns, expected at most 27'),
    ('', r': 1 column, too few'),
])
def test_landmark_rows(raw, tmp_path, row, message):
    root = raw.benchmark(tmp_path, {'a.jpg': LOWER, 'b.jpg': row, 'c.jpg': LOWER})
    with pytest.raises(FileFormatError, match=r'list_landmarks\.txt, line 4' + message.replace('field', ', field')):
        DeepFashionAttributeDataset(data_root=root)


def test_variation_out_of_range(raw, tmp_path):
    root = raw.benchmark(tmp_path, {'a.jpg': LOWER.replace('2 ', '2 6 ', 1)}, variation=True)
    with pytest.raises(FileFormatError, match=r'line 3, field variation_type: unknown variation_type 6'):
        DeepFashionAttributeDataset(data_root=root)


@pytest.mark.parametrize('box, message', [
    ('10 20 10 30', r'field x_2: x_2 10 is not greater than x_1 10'),
    ('10 20 15 19', r'field y_2: y_2 19 is not greater than y_1 20'),
    ('10 2o 15 19', r"field y_1: '2o' is not a finite decimal number"),
    ('10 20 nan 30', r"field x_2: 'nan' is not a finite"),
    ('10 20 \x1c 30', r"field x_2: '\\x1c' is not a finite"),
    ('10 20 999999999 30', r"field x_2: '999999999' lies beyond 100,000 pixels"),
    ('10 20 15', r'4 columns, expected 5'),
    ('10 20 15 30 1', r'6 columns, expected at most 5'),
])
def test_boxes(raw, tmp_path, box, message):
    root = raw.benchmark(tmp_path, {'a.jpg': LOWER, 'b.jpg': LOWER}, boxes={'a.jpg': '1 2 3 4', 'b.jpg': box})
    with pytest.raises(FileFormatError, match=r'list_bbox\.txt, line 4.*' + message):
        DeepFashionAttributeDataset(data_root=root)


@pytest.mark.parametrize('files, message', [
    ({'boxes': {'b.jpg': '1 2 3 4'}}, r"list_landmarks\.txt, line 3, field image_name: 'a.jpg' has no box in .*bbox"),
    ({'splits': {'b.jpg': 'train'}}, r"list_landmarks\.txt, line 3, .*'a.jpg' has no split in .*partition\.txt"),
    ({'splits': {'a.jpg': 'valid'}}, r"partition\.txt, line 3, field evaluation_status: unknown split 'valid'"),
])
def test_files_that_do_not_fit_together(raw, tmp_path, files, message):
    root = raw.benchmark(tmp_path, {'a.jpg': LOWER}, **files)
    with pytest.raises(FileFormatError, match=message):
        DeepFashionAttributeDataset(data_root=root, split='train')


@pytest.mark.parametrize('file, text, message', [
    ('Anno/list_landmarks.txt', '2\nimage_name clothes_type\na.jpg {row}\n', r'line 1, field count: it says 2 rows'),
    ('Anno/list_landmarks.txt', 'image_name clothes_type\na.jpg {row}\n', r'line 1, field count: expected the number'),
    ('Anno/list_landmarks.txt', '1\na.jpg {row}\n', r"line 2, field header: expected 'image_name', found 'a.jpg'"),
    ('Anno/list_landmarks.txt', '1\nimage_name landmark_visibility_1\na.jpg {row}\n',
     r"line 2, field header: expected 'clothes_type'"),
    ('Anno/list_landmarks.txt', '1\nimage_name clothes_type landmark_location_x_1\na.jpg {row}\n',
     r"line 2, field header: expected 'landmark_visibility_1', found 'landmark_location_x_1'"),
    ('Anno/list_landmarks.txt', '1\nimage_name clothes_type\na\x00.jpg {row}\n',
     r"line 3, field image_name: the image name holds control characters: 'a\\x00.jpg'"),
    ('Anno/list_landmarks.txt', '1\nimage_name clothes_type\nimg/../../a.jpg {row}\n',
     r"line 3, field image_name: 'img/\.\./\.\./a.jpg' is not below "),
    ('Anno/list_bbox.txt', '9' * 5000 + '\n', r"line 1, field count: expected the number of rows, found '9+\.\.\.9+'"),
    ('Eval/list_eval_partition.txt', '1\nimage_name evaluation_status\nmy a.jpg train\n',
     r"line 3, field evaluation_status: unknown split 'a.jpg train'"),
    ('Anno/list_landmarks.txt', '²\n', r'line 1, field count: expected the number'),
    ('Anno/list_landmarks.txt', '1\n', r'line 1, field count: the file ends here'),
    ('Anno/list_landmarks.txt', '', r'the file is empty'),
    ('Anno/list_bbox.txt', '1\nimage_name x_1 x_2 y_1 y_2\na.jpg 1 2 3 4\n',
     r"line 2, field header: expected 'image_name x_1 y_1 x_2 y_2', found 'image_name x_1 x_2 y_1 y_2'"),
    ('Anno/list_bbox.txt', None, r'no such file'),
    ('Anno/list_landmarks.txt', None, r'no such file'),
    ('Eval/list_eval_partition.txt', None, r'no such file'),
])
def test_whole_files(raw, tmp_path, file, text, message):
    root = raw.benchmark(tmp_path, {'a.jpg': LOWER})
    if text is None:
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_text(text.replace('{row}', LOWER))
    with pytest.raises(FileFormatError, match=file.replace('.', r'\.') + '.*' + message):
        DeepFashionAttributeDataset(data_root=root, split='train')


def test_a_root_that_allows_it(raw, tmp_path):
    """Absolute names are taken where the images' folder holds them."""
    name = str(tmp_path / 'photos/a.jpg')
    csv = raw.fashionai(tmp_path / 'lists/train.csv', [raw.fashionai_row(name, 'dress', GOOD)])
    with pytest.raises(FileFormatError, match='is not below'):
        FashionAIDataset(csv)
    for root in ('/', str(tmp_path)):
        assert FashionAIDataset(csv, data_prefix=dict(img=root)).get_data_info(0)['img_path'] == name
