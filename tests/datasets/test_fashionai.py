import pickle
import warnings

import numpy as np
import pytest
from mmengine.dataset import ClassBalancedDataset, ConcatDataset
from mmengine.logging import MessageHub
from mmpose.registry import DATASETS

from pcloss_mmpose.datasets import FashionAIDataset
from pcloss_mmpose.datasets.fashionai import archive_root
from pcloss_mmpose.errors import FileFormatError


def test_data_info_worked_by_hand(raw, tmp_path):
    """Visible, occluded and undefined are three states; a coordinate may equal the image's size."""
    csv = raw.fashionai(tmp_path / 'train.csv', [
        raw.fashionai_row('Images/skirt/a.jpg', 'skirt', {15: '100_30_1', 16: '512_31_0', 17: '90.5_200_1'})])
    info = FashionAIDataset(csv).get_data_info(0)

    keypoints = np.zeros((1, 24, 2), np.float32)
    keypoints[0, 15:18] = [[100, 30], [512, 31], [90.5, 200]]
    visible = np.zeros((1, 24), np.float32)
    visible[0, 15:18] = 1
    np.testing.assert_array_equal(info['keypoints'], keypoints)
    np.testing.assert_array_equal(info['keypoints_visible'], visible)
    assert info['keypoints'].dtype == info['keypoints_visible'].dtype == np.float32
    assert (info['id'], info['img_id'], info['category_id']) == (0, 0, 4)
    assert info['img_path'] == str(tmp_path / 'Images/skirt/a.jpg')
    assert 'bbox' not in info

    annotation = info['raw_ann_info']
    assert annotation['category'] == 'skirt' and annotation['image_name'] == 'Images/skirt/a.jpg'
    assert annotation['keypoints'][45:54] == [100, 30, 2, 512, 31, 1, 90.5, 200, 2]
    assert not any(annotation['keypoints'][:45] + annotation['keypoints'][54:])
    assert annotation['num_keypoints'] == 3


@pytest.mark.parametrize('header', [True, False])
@pytest.mark.parametrize('ending', ['\n', '\r\n'])
def test_header_and_line_ends_do_not_matter(raw, tmp_path, header, ending):
    csv = tmp_path / 'train.csv'
    raw.fashionai(csv, [raw.fashionai_row(f'{n}.jpg', 'dress', {0: '1_2_1'}) for n in 'ab'], header)
    csv.write_bytes(b'\xef\xbb\xbf' + csv.read_text().replace('\n', ending).encode())
    dataset = FashionAIDataset(str(csv))
    assert [dataset.get_data_info(i)['raw_ann_info']['image_name'] for i in range(2)] == ['a.jpg', 'b.jpg']
    assert dataset.get_data_info(1)['keypoints'][0, 0].tolist() == [1, 2]


@pytest.mark.parametrize('csv, root', [
    ('train/Annotations/train.csv', 'train'), ('test/test.csv', 'test'), ('s3://bucket/a/Annotations/x.csv',
                                                                          's3://bucket/a'), ('x.csv', '')])
def test_archive_root(csv, root):
    assert archive_root(csv) == root


class TestSeveralFiles:

    @pytest.fixture()
    def files(self, raw, tmp_path):
        row = raw.fashionai_row
        raw.fashionai(tmp_path / 'warm/Annotations/annotations.csv', [row('a.jpg', 'blouse'), row('b.jpg', 'dress')])
        raw.fashionai(tmp_path / 'train/Annotations/train.csv', [row('b.jpg', 'skirt'), row('c.jpg', 'skirt')], False)
        return {'data_root': str(tmp_path),
                'ann_file': ['warm/Annotations/annotations.csv', 'train/Annotations/train.csv']}

    def test_repeats_warn_once_and_the_first_stays(self, files, tmp_path):
        message = "train.csv, line 1: 'b.jpg' stands in .*annotations.csv, line 3 already"
        with pytest.warns(UserWarning, match=message) as caught:
            dataset = FashionAIDataset(**files)
        assert sum('repeat' in str(warning.message) for warning in caught) == 1
        infos = [dataset.get_data_info(i) for i in range(len(dataset))]
        assert [info['raw_ann_info']['category'] for info in infos] == ['blouse', 'dress', 'skirt']
        assert [info['id'] for info in infos] == [0, 1, 2]
        assert [info['img_path'] for info in infos] == [
            str(tmp_path / path) for path in ('warm/a.jpg', 'warm/b.jpg', 'train/c.jpg')]

    @pytest.mark.parametrize('img, paths', [
        ('all', ['all/a.jpg', 'all/c.jpg']), (['one', 'two'], ['one/a.jpg', 'two/c.jpg'])])
    @pytest.mark.filterwarnings('ignore:.*repeat')
    def test_roots_as_given(self, files, tmp_path, img, paths):
        dataset = FashionAIDataset(**files, data_prefix={'img': img})
        assert [dataset.get_data_info(i)['img_path'] for i in (0, 2)] == [str(tmp_path / path) for path in paths]

    def test_as_many_roots_as_files(self, files):
        with pytest.raises(ValueError, match='2 files in ann_file, 3 folders'):
            FashionAIDataset(**files, data_prefix={'img': ['a', 'b', 'c']})

    @pytest.mark.filterwarnings('ignore:.*repeat')
    def test_categories(self, files):
        dataset = FashionAIDataset(**files, categories=['dress', 'skirt'])
        assert [dataset.get_data_info(i)['id'] for i in range(len(dataset))] == [1, 2]


@pytest.mark.filterwarnings('ignore:.*repeat')
def test_paper_split_counts_rows_after_repeats_are_dropped(raw, tmp_path):
    row = raw.fashionai_row
    skirts = [row(f's{n}.jpg', 'skirt') for n in range(2102)]
    csv = raw.fashionai(tmp_path / 'train.csv', [*skirts[:5], *skirts[:5], row('b.jpg', 'blouse'), *skirts[5:]])
    val, train = (FashionAIDataset(csv, subset=subset) for subset in ('val', 'train'))
    names = [train.get_data_info(i)['raw_ann_info']['image_name'] for i in range(len(train))]
    assert names == ['s2100.jpg', 's2101.jpg']
    assert len(val) == 2101
    assert val.get_data_info(5)['raw_ann_info']['image_name'] == 'b.jpg'
    assert len(FashionAIDataset(csv)) == 2103
    assert not {train.get_data_info(i)['id'] for i in range(2)} & {val.get_data_info(i)['id'] for i in range(2101)}


@pytest.fixture()
def few(raw, tmp_path):
    """Writes a CSV with so many rows of each category."""

    def write(**numbers):
        return raw.fashionai(tmp_path / 'few.csv', [
            raw.fashionai_row(f'{category}{n}.jpg', category)
            for category, rows in numbers.items() for n in range(rows)])

    return write


def test_a_subset_of_which_validation_takes_all_rows_says_so(few):
    csv = few(skirt=3, dress=1900)
    with pytest.raises(FileFormatError) as caught:
        FashionAIDataset(csv, subset='train')
    assert str(caught.value) == (
        f"{csv}: no row is left for subset='train': there are 1,900 dress, 3 skirt, and the paper's rule validates on "
        'the first 1,900 dress, 2,100 skirt. Train on all rows with subset=None, and validate on a CSV of your own, '
        'also with subset=None.')
    assert len(FashionAIDataset(csv, subset='val')) == len(FashionAIDataset(csv)) == 1903
    with pytest.raises(FileFormatError, match='there are 3 skirt, and .* the first 2,100 skirt'):
        FashionAIDataset(csv, subset='train', categories='skirt')


def test_a_category_of_which_validation_takes_all_rows_is_named(few):
    csv = few(skirt=3, dress=1901)
    warning = "no skirt is left to train on: the paper's rule validates on the first 2,100, and the files have 3"
    with pytest.warns(UserWarning, match=warning):
        assert len(FashionAIDataset(csv, subset='train')) == 1
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        FashionAIDataset(csv, subset='val')
        FashionAIDataset(csv, subset='train', categories=['dress'])


def test_a_category_that_is_not_there_is_another_fault(few):
    with pytest.raises(FileFormatError, match='no row is left. Check the split and the filters'):
        FashionAIDataset(few(skirt=3), subset='train', categories=['dress'])


def test_file_without_landmarks_is_for_testing(raw, tmp_path):
    csv = tmp_path / 'test.csv'
    csv.write_text('image_id,image_category\nImages/dress/a.jpg,dress\n')
    info = FashionAIDataset(str(csv), test_mode=True).get_data_info(0)
    assert not info['keypoints_visible'].any() and info['keypoints'].shape == (1, 24, 2)
    with pytest.raises(FileFormatError, match='test_mode=True'):
        FashionAIDataset(str(csv))


class TestInMMEngine:

    @pytest.fixture()
    def config(self, raw, tmp_path):
        names = ['blouse', 'dress', 'dress', 'dress']
        csv = raw.fashionai(tmp_path / 'train.csv', [raw.fashionai_row(f'{i}.jpg', c) for i, c in enumerate(names)])
        return {'type': 'FashionAIDataset', 'ann_file': csv}

    @pytest.mark.parametrize('serialize', [True, False])
    def test_indices_subset_and_interval(self, config, serialize):
        dataset = DATASETS.build({**config, 'serialize_data': serialize, 'indices': 3})
        assert len(dataset) == 3
        assert dataset.get_subset([2, 0]).get_data_info(0)['id'] == 2
        assert dataset.get_data_info(-1)['id'] == 2
        assert [dataset.get_subset(part).get_data_info(0)['id'] for part in (2, -1, range(1, 3))] == [0, 2, 1]
        assert len(dataset.get_subset([])) == 0 and len(dataset) == 3
        dataset.get_subset_([2, 1])
        assert [dataset.get_data_info(i)['id'] for i in range(2)] == [2, 1]
        chosen = DATASETS.build({**config, 'serialize_data': serialize, 'indices': [3, 0]})
        assert [chosen.get_data_info(i)['id'] for i in range(2)] == [3, 0]
        every_second = DATASETS.build({**config, 'serialize_data': serialize, 'sample_interval': 2})
        assert [every_second.get_data_info(i)['id'] for i in range(2)] == [0, 2]

    def test_what_is_done_to_an_info_stays_with_it(self, config):
        dataset = DATASETS.build(config)
        info = dataset.get_data_info(0)
        info['keypoints'][:], info['raw_ann_info']['keypoints'][0] = 7, 7
        info['flip_indices'][0] = info['dataset_keypoint_weights'][0] = 7
        again = dataset.get_data_info(0)
        for key in ('flip_indices', 'flip_pairs', 'dataset_keypoint_weights', 'skeleton_links'):
            np.testing.assert_array_equal(again[key], dataset.metainfo[key])
        assert not again['keypoints'].any() and again['raw_ann_info']['keypoints'][0] == 0

    def test_workers_that_start_anew(self, config):
        """They are sent the data set in a pickle."""
        dataset = pickle.loads(pickle.dumps(DATASETS.build(config)))
        assert [info['raw_ann_info']['category'] for info in dataset] == ['blouse', 'dress', 'dress', 'dress']

    def test_lazy(self, config):
        dataset = DATASETS.build({**config, 'ann_file': 'nowhere.csv', 'lazy_init': True})
        assert dataset.metainfo['num_keypoints'] == 24
        with pytest.raises(FileFormatError, match='nowhere.csv: no such file'):
            dataset.full_init()

    def test_wrappers(self, config):
        dataset = DATASETS.build(config)
        assert [dataset.get_cat_ids(i) for i in range(4)] == [[1], [3], [3], [3]]
        balanced = ClassBalancedDataset(dataset, oversample_thr=0.75)  # one blouse in four: repeated sqrt(3) times
        assert sorted(balanced[i]['id'] for i in range(len(balanced))) == [0, 0, 1, 2, 3]
        assert len(ConcatDataset([dataset, dataset])) == 8
        combined = DATASETS.build({
            'type': 'CombinedDataset', 'metainfo': FashionAIDataset.METAINFO, 'datasets': [config, config]})
        assert combined[5]['id'] == 1

    def test_coco_metric_finds_no_file_to_open(self, config):
        DATASETS.build({**config, 'test_mode': True})
        assert MessageHub.get_current_instance().get_info('fashionai_ann_file') is None

    def test_metainfo_of_the_class_stays(self, config):
        first = DATASETS.build(config)
        first._metainfo['sigmas'][:] = 7
        assert DATASETS.build(config).metainfo['sigmas'].max() < 1

    @pytest.mark.parametrize('arguments, message', [
        ({'subset': 'test'}, 'unknown subset'), ({'data_prefix': {'img_path': 'x'}}, "data_prefix takes the key 'img'"),
        ({'categories': ['shoe']}, "unknown categories .'shoe'"),
        ({'bbox_file': 'x.json', 'test_mode': True}, 'remove bbox_file'), ({'data_mode': 'bottomup'}, 'topdown')])
    def test_wrong_arguments(self, config, arguments, message):
        with pytest.raises(ValueError, match=message):
            DATASETS.build({**config, **arguments})
