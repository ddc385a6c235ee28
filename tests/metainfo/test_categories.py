"""What is known of a category's landmarks: from metainfo, or from the labels of COCO files."""

import json

import pytest

from pcloss_mmpose.metainfo import build_dataset_info, known_categories, load_metainfo, read_annotations

NAMES = ['left_neck', 'right_neck', 'top_button', 'cuff']


def metainfo(names=NAMES, **categories):
    return build_dataset_info('waistcoats', names, categories=categories)


def coco(*visibilities, category='waistcoat', **more):
    """A COCO file of one category, with v of each landmark in each annotation."""
    return dict(
        images=[], categories=[dict(id=3, name=category, **more)],
        annotations=[dict(category_id=3, keypoints=[value for v in visible for value in (5, 5, v)])
                     for visible in visibilities])


@pytest.fixture
def config(tmp_path):
    """A config whose data sets have this metainfo and these annotations; None: no file."""

    def build(info, train=None, val=None):
        for name, content in (('train', train), ('val', val)):
            if content is not None:
                text = content if isinstance(content, str) else json.dumps(content)
                (tmp_path / f'{name}.json').write_text(text)
        train, val = (dict(dataset=dict(type='CocoDataset', data_root=str(tmp_path), ann_file=f'{name}.json',
                                        metainfo=info)) for name in ('train', 'val'))
        return dict(train_dataloader=train, val_dataloader=val, test_dataloader=val)

    return build


def test_metainfo_comes_before_labels(config):
    info = metainfo(waistcoat=['cuff', 'top_button'], coat=['cuff'])
    known = known_categories(config(info, coco([2, 2, 2, 2])), load_metainfo(info))
    assert known == dict(waistcoat=(3, 2), coat=(3, ))


def test_the_models_own_metainfo_serves_where_the_configs_says_nothing(config):
    said = load_metainfo(metainfo(waistcoat=['cuff']))
    for silent in (metainfo(), dict(from_file='gone.py'), metainfo(NAMES[::-1], waistcoat=['right_neck'])):
        assert known_categories(config(silent, coco([2, 2, 2, 2])), said) == dict(waistcoat=(3, ))


def test_a_registered_data_set_has_its_own():
    config = dict(test_dataloader=dict(dataset=dict(type='FLDDataset')))
    assert known_categories(config, load_metainfo('FLDDataset'))['lower'] == (4, 5, 6, 7)


@pytest.mark.parametrize(('train', 'val', 'expected'), [
    (coco([2, 0, 0, 0], [0, 0, 1, 0]), None, dict(waistcoat=(0, 2))),  # labelled in any annotation, occluded or not
    (coco([2, 0, 0, 0]), coco([0, 1, 0, 0]), dict(waistcoat=(0, 1))),  # and in any file
    (coco([2, 0, 0, 0]), coco([0, 1, 0, 0], category='coat'), dict(waistcoat=(0, ), coat=(1, ))),
    (coco([2, 0, 0, 0], keypoints=NAMES), None, dict(waistcoat=(0, ))),
    (coco([2, 0, 0, 0], keypoints=NAMES[::-1]), coco([0, 1, 0, 0]), dict(waistcoat=(1, ))),  # of other landmarks
    (coco([2, 0, 0, 0, 2]), None, {}),
    (coco([0, 0, 0, 0]), None, {}),
    ('[1', coco([0, 1, 0, 0]), dict(waistcoat=(1, ))),
    ('[1]', '{"categories": 1}', {}),
    (None, None, {}),
])
def test_labels_serve_where_no_metainfo_says_anything(config, train, val, expected):
    assert known_categories(config(metainfo(), train, val), load_metainfo(metainfo())) == expected


@pytest.mark.parametrize('file', ['train.json', '/nowhere/train.json', ['train.json'], 'train.csv', '', None])
def test_what_cannot_be_read_is_empty(tmp_path, file):
    assert read_annotations(dict(data_root=str(tmp_path), ann_file=file)) == {}
