import numpy as np
import pytest

from pcloss_mmpose.datasets import DeepFashionAttributeDataset, FLDDataset
from pcloss_mmpose.errors import FileFormatError

UPPER = '1  0 11 12  1 21 22  2 31 32  0 41 42  0 51 52  0 61 62'
LOWER = '2  0 11 12  0 21 22  0 31 32  1 41 42'
FULL = '3  0 11 12  0 21 22  0 31 32  0 41 42  0 51 52  0 61 62  0 71 72  2 000 000'


def infos(dataset):
    return [dataset.get_data_info(i) for i in range(len(dataset))]


def test_data_info_worked_by_hand(raw, tmp_path):
    """Slots go by clothes_type; visibility 0, 1, 2 is visible, occluded, cut off: the opposite of COCO's."""
    root = raw.benchmark(tmp_path, {'img/u.jpg': UPPER, 'img/l.jpg': LOWER, 'img/f.jpg': FULL})
    upper, lower, full = infos(DeepFashionAttributeDataset(data_root=root))

    expected = [[11, 12], [21, 22], [0, 0], [41, 42], [0, 0], [0, 0], [51, 52], [61, 62]]
    np.testing.assert_array_equal(upper['keypoints'], np.float32([expected]))
    assert upper['keypoints_visible'].tolist() == [[1, 1, 0, 1, 0, 0, 1, 1]]
    assert upper['raw_ann_info']['keypoints'][2::3] == [2, 1, 0, 2, 0, 0, 2, 2]
    assert lower['keypoints'][0, 4:].tolist() == [[11, 12], [21, 22], [31, 32], [41, 42]]
    assert lower['raw_ann_info']['keypoints'][2::3] == [0, 0, 0, 0, 2, 2, 2, 1]
    assert full['raw_ann_info']['keypoints'][2::3] == [2] * 7 + [0]

    np.testing.assert_array_equal(upper['bbox'], np.float32([[10, 20, 110, 220]]))
    assert upper['bbox'].dtype == np.float32 and upper['bbox_score'].tolist() == [1]
    assert upper['raw_ann_info']['bbox'] == [10, 20, 100, 200] and upper['raw_ann_info']['area'] == 20000
    assert [info['raw_ann_info']['category'] for info in (upper, lower, full)] == ['upper', 'lower', 'full']
    assert [info['category_id'] for info in (upper, lower, full)] == [1, 2, 3]
    assert upper['img_path'] == str(tmp_path / 'img/u.jpg') and 'variation' not in upper['raw_ann_info']


def test_tabs_part_cells_too(raw, tmp_path):
    root = raw.benchmark(tmp_path, {'img/a.jpg': LOWER}, boxes={'img/a.jpg': '1 2 30 40'})
    for file in tmp_path.glob('*/*.txt'):
        file.write_text(file.read_text().replace('  ', ' \t').replace(' ', '\t'))
    info, = infos(DeepFashionAttributeDataset(data_root=root, split='train'))
    assert info['keypoints'][0, 4:].tolist() == [[11, 12], [21, 22], [31, 32], [41, 42]]
    assert info['bbox'].tolist() == [[1, 2, 30, 40]] and info['img_path'] == str(tmp_path / 'img/a.jpg')


def test_variation_column(raw, tmp_path):
    rows = {'a.jpg': UPPER.replace('1 ', '1 5 ', 1), 'b.jpg': LOWER.replace('2 ', '2 1 ', 1)}
    first, second = infos(FLDDataset(data_root=raw.benchmark(tmp_path, rows, variation=True)))
    assert [first['raw_ann_info']['variation'], second['raw_ann_info']['variation']] == [5, 1]
    assert first['keypoints'][0, 0].tolist() == [11, 12] and second['keypoints'][0, 4].tolist() == [11, 12]
    assert first['dataset_name'] == 'fld'


def test_header_may_name_a_column_that_rows_lack(raw, tmp_path):
    root = raw.benchmark(tmp_path, {'a.jpg': UPPER}, variation=True)
    assert infos(DeepFashionAttributeDataset(data_root=root))[0]['keypoints'][0, 0].tolist() == [11, 12]


@pytest.mark.parametrize('row', [UPPER, LOWER])
def test_rows_padded_with_zeros(raw, tmp_path, row):
    missing = 8 - len(row.split()) // 3
    root = raw.benchmark(tmp_path, {'a.jpg': row, 'b.jpg': row + ' 0 000 000' * missing})
    plain, padded = infos(DeepFashionAttributeDataset(data_root=root))
    assert padded['raw_ann_info']['keypoints'] == plain['raw_ann_info']['keypoints']


def test_split_keeps_ids_and_files_may_differ_in_order(raw, tmp_path):
    names = ['a.jpg', 'b.jpg', 'c.jpg']
    root = raw.benchmark(
        tmp_path, dict.fromkeys(names, LOWER),
        boxes={name: f'0 0 {10 + names.index(name)} 9' for name in reversed(names)},
        splits={'c.jpg': 'val', 'b.jpg': 'train', 'a.jpg': 'val', 'unused.jpg': 'test'})
    val = infos(DeepFashionAttributeDataset(data_root=root, split='val'))
    assert [info['id'] for info in val] == [0, 2]
    assert [info['bbox'][0, 2] for info in val] == [10, 12]
    assert len(DeepFashionAttributeDataset(data_root=root)) == 3


def test_anno_coarse_of_newer_downloads(raw, tmp_path):
    root = raw.benchmark(tmp_path, {'a.jpg': UPPER}, anno='Anno_coarse')
    assert len(DeepFashionAttributeDataset(data_root=root, split='train')) == 1
    raw.benchmark(tmp_path, {'a.jpg': UPPER, 'b.jpg': UPPER}, anno='Anno')
    assert len(DeepFashionAttributeDataset(data_root=root)) == 2  # Anno comes first


def test_fld_warns_where_the_file_is_the_other_benchmarks(raw, tmp_path):
    with pytest.warns(UserWarning, match="list_landmarks.txt lacks FLD's column variation_type"):
        assert len(FLDDataset(data_root=raw.benchmark(tmp_path, {'a.jpg': UPPER}))) == 1


def test_repeats_warn_and_the_first_stays(raw, tmp_path):
    root = raw.benchmark(tmp_path, {'a.jpg': UPPER})
    raw.listing(tmp_path / 'Anno/list_landmarks.txt', 'image_name clothes_type', [f'a.jpg {UPPER}', f'a.jpg {LOWER}'])
    with pytest.warns(UserWarning, match="landmarks.txt, line 4: 'a.jpg' stands in .*landmarks.txt, line 3 already"):
        only, = infos(DeepFashionAttributeDataset(data_root=root))
    assert only['raw_ann_info']['category'] == 'upper'


def test_unknown_split(tmp_path):
    with pytest.raises(ValueError, match="unknown split 'valid': use train, val, test"):
        DeepFashionAttributeDataset(data_root=str(tmp_path), split='valid')


def test_empty_split(raw, tmp_path):
    root = raw.benchmark(tmp_path, {'a.jpg': UPPER})
    with pytest.raises(FileFormatError, match=r"list_eval_partition.txt, field evaluation_status: no image .* "
                                                 r"belongs to 'val'.*The file has train"):
        DeepFashionAttributeDataset(data_root=root, split='val')
