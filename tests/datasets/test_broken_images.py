"""Broken images in training and test: the limits, and that they hold for every data set with our loader."""

import pickle

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.dataset import ConcatDataset, RepeatDataset
from mmengine.runner import Runner
from mmpose.datasets import CocoDataset
from mmpose.registry import DATASETS
from torch.utils.data import DataLoader

from pcloss_mmpose.datasets import FashionAIDataset, LoadImageStrict
from pcloss_mmpose.datasets.broken_images import BrokenImageCount
from pcloss_mmpose.errors import BrokenImageError, TooManyBrokenImagesError

PIPELINE = [{'type': 'LoadImageStrict'}]


@pytest.mark.parametrize('read, broken, stops', [
    (9, 9, False),  # nine are tolerated, even if nothing else is read
    (10, 10, True),
    (999, 10, True),  # just over 1 %
    (1000, 10, False),  # just 1 %
    (1099, 11, True),
])
def test_limits(read, broken, stops):
    count = BrokenImageCount()
    count.read = read
    for number in range(broken - 1):
        count.reasons[f'{number}.jpg'] = 'gone'
    error = BrokenImageError('last.jpg', 'truncated')
    if stops:
        with pytest.raises(TooManyBrokenImagesError, match=rf'{broken} different images are broken of {read} read'):
            count.add(error)
    else:
        count.add(error)


def test_one_image_met_often_counts_once():
    count = BrokenImageCount()
    for _ in range(100):
        count.read += 1
        count.add(BrokenImageError('a.jpg', 'gone'))
    assert count.reasons == {'a.jpg': 'gone'}


@pytest.fixture()
def csv(raw, tmp_path):
    """Three images, of which the second is missing."""
    for name in 'ac':
        raw.image(tmp_path / f'{name}.jpg')
    return raw.fashionai(tmp_path / 'train.csv', [raw.fashionai_row(f'{n}.jpg', 'dress', {0: '1_2_1'}) for n in 'abc'])


def test_an_image_that_breaks_when_its_crop_decodes_it_is_replaced_too(raw, tmp_path, csv):
    raw.image(tmp_path / 'b.jpg')
    (tmp_path / 'b.jpg').write_bytes((tmp_path / 'b.jpg').read_bytes()[:-60])
    steps = [dict(type='LoadImageStrict', deferred=True), dict(type='WholeImageBox'),
             dict(type='GetBBoxCenterScale', padding=1.0), dict(type='TopdownStretch', input_size=(8, 8))]
    dataset = FashionAIDataset(csv, pipeline=steps)
    assert dataset[1]['raw_ann_info']['image_name'] in ('a.jpg', 'c.jpg')
    assert 'truncated' in dataset.broken_images.reasons[str(tmp_path / 'b.jpg')]
    with pytest.raises(BrokenImageError, match='b.jpg: .*truncated'):
        FashionAIDataset(csv, pipeline=steps, test_mode=True)[1]


def test_training_replaces_it(csv):
    np.random.seed(0)
    dataset = FashionAIDataset(csv, pipeline=PIPELINE)
    assert dataset[1]['raw_ann_info']['image_name'] in ('a.jpg', 'c.jpg')
    assert [path[-5:] for path in dataset.broken_images.reasons] == ['b.jpg']
    assert dataset.broken_images.read >= 2


def test_testing_stops_at_the_first(csv):
    dataset = FashionAIDataset(csv, pipeline=PIPELINE, test_mode=True)
    assert dataset[0]['img'].shape == (30, 40, 3)
    with pytest.raises(BrokenImageError, match=r'b\.jpg: FileNotFoundError'):
        dataset[1]


def test_training_stops_when_too_many_are_broken(raw, tmp_path):
    csv = raw.fashionai(tmp_path / 'train.csv', [raw.fashionai_row(f'{i}.jpg', 'dress') for i in range(40)])
    dataset = FashionAIDataset(csv, pipeline=PIPELINE)
    with pytest.raises(TooManyBrokenImagesError, match='10 different images are broken'):
        dataset[0]


def test_a_worker_hands_the_error_on(csv):
    loader = DataLoader(
        FashionAIDataset(csv, pipeline=PIPELINE, test_mode=True), num_workers=1, collate_fn=lambda batch: batch)
    with pytest.raises(BrokenImageError, match=r'b\.jpg'):
        list(loader)


def test_the_error_survives_pickling():
    error = pickle.loads(pickle.dumps(BrokenImageError('a.jpg', 'gone')))
    assert (error.path, error.reason, str(error)) == ('a.jpg', 'gone', 'a.jpg: gone')


@pytest.fixture(scope='module')
def coco(tiny_coco, tmp_path_factory):
    """COCO data of six images, of which number 2 is truncated."""
    root = tmp_path_factory.mktemp('coco')
    tiny_coco(root, 'train', 6, seed=0)
    picture = root / 'train_2.png'
    picture.write_bytes(picture.read_bytes()[:-1000])
    return root


def coco_config(root, pipeline=PIPELINE, **options):
    return dict(type='CocoDataset', data_root=str(root), data_prefix=dict(img=''), ann_file='train.json',
                pipeline=pipeline, **options)


def combined(root, outer=(), inner=PIPELINE, inner_options=(), **options):
    return dict(type='CombinedDataset', metainfo=CocoDataset.METAINFO, pipeline=list(outer),
                datasets=[coco_config(root, inner, **dict(inner_options))], **options)


#: Data sets that read six images, with how to find the one that counts the broken ones.
DATA_SETS = {
    'CocoDataset': (coco_config, lambda dataset: dataset),
    'RepeatDataset': (lambda root, **options: dict(type=RepeatDataset, times=2, dataset=coco_config(root, **options)),
                      lambda dataset: dataset.dataset),
    'ConcatDataset': (lambda root, **options: dict(type=ConcatDataset, datasets=[coco_config(root, **options)]),
                      lambda dataset: dataset.datasets[0]),
    'CombinedDataset, inner': (lambda root, **options: combined(root, inner_options=options),
                               lambda dataset: dataset.datasets[0]),
    'CombinedDataset, outer': (lambda root, **options: combined(root, PIPELINE, [], options),
                               lambda dataset: dataset),
}


@pytest.mark.parametrize('kind', DATA_SETS)
def test_every_data_set_replaces_it(coco, kind):
    make, counting = DATA_SETS[kind]
    np.random.seed(0)
    dataset = DATASETS.build(make(coco))
    paths = [dataset[index]['img_path'] for index in range(6)]
    others = {str(coco / f'train_{index}.png') for index in (0, 1, 3, 4, 5)}
    assert [path for index, path in enumerate(paths) if index != 2] == sorted(others) and paths[2] in others
    count = counting(dataset).broken_images
    (path, reason), = count.reasons.items()
    assert path == str(coco / 'train_2.png') and 'truncated' in reason and count.read >= 7


@pytest.mark.parametrize('kind', DATA_SETS)
def test_every_data_set_stops_a_test(coco, kind):
    """Where the data that are combined are in test mode, and the combination does not say so, too."""
    dataset = DATASETS.build(DATA_SETS[kind][0](coco, test_mode=True))
    assert dataset[1]['img'].shape == (64, 64, 3)
    with pytest.raises(BrokenImageError, match=r'train_2\.png: OSError: .*truncated'):
        dataset[2]


def test_a_data_set_without_a_sound_image_ends(tiny_coco, tmp_path):
    tiny_coco(tmp_path, 'train', 3, seed=0)
    for picture in tmp_path.glob('*.png'):
        picture.write_bytes(b'')
    dataset = DATASETS.build(coco_config(tmp_path, max_refetch=20))
    with pytest.raises(TooManyBrokenImagesError, match=r'21 tries have met broken images alone, such as .*_0\.png'):
        dataset[0]


def test_nothing_else_is_replaced(coco):
    """Other errors pass, a pipeline that gives None is another's concern, and so is what MMPose's own loader raises."""

    def fail(results):
        raise OSError('out of memory')

    with pytest.raises(OSError, match='^out of memory$'):
        DATASETS.build(coco_config(coco, [fail]))[0]
    with pytest.raises(Exception, match='Cannot find valid image after 3!'):
        DATASETS.build(coco_config(coco, [lambda results: None], max_refetch=3))[0]
    (coco / 'train_5.png').rename(coco / 'away')
    try:
        with pytest.raises(FileNotFoundError):
            DATASETS.build(coco_config(coco, [dict(type='LoadImage')]))[5]
    finally:
        (coco / 'away').rename(coco / 'train_5.png')
    with pytest.raises(BrokenImageError):
        LoadImageStrict()({'img_path': str(coco / 'train_2.png')})


@pytest.mark.parametrize('kind', ['CocoDataset', 'CombinedDataset, outer'])
def test_a_training_goes_on(coco, tiny_config, tmp_path, kind):
    """Two epochs over the six images, with workers: the log names the broken one."""
    config = Config.fromfile(tiny_config)
    load, *others = config.train_dataloader.dataset.pipeline
    steps = [dict(load, type='LoadImageStrict'), *others]
    dataset = coco_config(coco, steps) if kind == 'CocoDataset' else combined(coco, steps, [])
    config.train_dataloader = dict(batch_size=2, num_workers=1, dataset=dataset,
                                   sampler=dict(type='DefaultSampler', shuffle=True))
    config.update(work_dir=str(tmp_path), train_cfg=dict(max_epochs=2, by_epoch=True, val_interval=9))
    runner = Runner.from_cfg(config)
    runner.train()
    assert runner.iter == 6
    log = next(tmp_path.glob('*/*.log')).read_text()
    assert f"Skipped broken image {coco / 'train_2.png'}: OSError: " in log
