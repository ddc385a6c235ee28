"""A config without the places of the machine that it was trained on, and metainfo that is part of it."""

import numpy as np
import pytest
from mmengine.config import Config

from pcloss_mmpose.configs import plain_values
from pcloss_mmpose.deploy.portable import config_text, placeless, portable_config, raw_info
from pcloss_mmpose.deploy.publish import plain
from pcloss_mmpose.metainfo import load_metainfo

ROOTS = ['/home/ann/garments/set', '/home/ann/garments', 'C:\\data']


@pytest.mark.parametrize(('text', 'left'), [
    ('/home/ann/garments', 'data/garments'),
    ('/home/ann/garments/', 'data/garments/'),
    ('/home/ann/garments/set/val.json', 'data/set/val.json'),
    ('/home/ann/garments2/val.json', 'val.json'),
    ('/mnt/weights/resnet50.pth', 'resnet50.pth'),
    ('~/weights/a.pth', 'a.pth'),
    ('C:\\data\\val.json', 'data/data/val.json'),
    ('D:/other/val.json', 'val.json'),
    ('file:///home/ann/a.pth', 'a.pth'),
    ('Annotations/val.csv', 'Annotations/val.csv'),
    ('https://example.org/a.pth', 'https://example.org/a.pth'),
    ('s3://bucket/a', 's3://bucket/a'),
    ('torchvision://resnet50', 'torchvision://resnet50'),
    ('', ''),
])
def test_a_text_loses_its_place(text, left):
    assert placeless(text, ROOTS) == left


def test_a_config_loses_places_and_files():
    config = dict(
        data_root='/home/ann/garments', work_dir='/home/ann/run', load_from='/home/ann/a.pth', resume=True, number=1.5,
        train_dataloader=dict(dataset=dict(
            data_root='/home/ann/garments', ann_file=['/home/ann/garments/train.json', 'b.json'],
            metainfo=dict(from_file='/home/ann/info.py'))),
        model=dict(head=dict(pc_loss=dict(metainfo='/home/ann/info.py'), size=(1, 2)), loss=dict(metainfo='Coco')))
    asked = []
    found = portable_config(config, lambda path: asked.append(path) or dict(dataset_name='vests'))
    assert found == dict(
        data_root='data/garments', number=1.5,
        train_dataloader=dict(dataset=dict(
            data_root='data/garments', ann_file=['data/garments/train.json', 'b.json'],
            metainfo=dict(dataset_name='vests'))),
        model=dict(head=dict(pc_loss=dict(metainfo=dict(dataset_name='vests')), size=(1, 2)),
                   loss=dict(metainfo='Coco')))
    assert asked == ['/home/ann/info.py'] * 2


@pytest.mark.parametrize('name', ['CocoDataset', 'FashionAIDataset', 'FLDDataset', 'OneHand10KDataset'])
def test_metainfo_comes_out_of_a_config_as_it_went_in(name):
    """Also where MMEngine has dumped it in between, which sorts 10 before 2."""
    parsed = load_metainfo(name)
    info = plain(raw_info(parsed))
    dumped = plain_values(Config(dict(metainfo=info)).pretty_text)
    for text in (config_text(dict(metainfo=info)), config_text(portable_config(dumped, dict))):
        found = load_metainfo(plain_values(text)['metainfo'])
        assert plain({key: found[key] for key in parsed if key != 'stats_info'}) == plain(
            {key: value for key, value in parsed.items() if key != 'stats_info'})
        assert isinstance(found['sigmas'], np.ndarray)
