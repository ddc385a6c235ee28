"""Groups by name, for every metainfo file that MMPose installs and every registered data set."""

import functools
import re
from pathlib import Path

import mmpose
import pytest
from mmpose.registry import DATASETS

import pcloss_mmpose.datasets  # noqa: F401  (registers ours)
from pcloss_mmpose.metainfo import load_metainfo
from pcloss_mmpose.models.losses import PCLoss, partition_from_metainfo

FILES = {path.stem: str(path)
         for path in sorted((Path(mmpose.__file__).parent / '.mim/configs/_base_/datasets').glob('*.py'))}
WITHOUT_LANDMARKS = ('BaseCocoStyleDataset', 'BaseMocapDataset', 'CombinedDataset')
REGISTERED = [name for name in sorted(DATASETS.module_dict) if name not in (*WITHOUT_LANDMARKS, 'DeepFashionDataset')]

#: Data sets, by the name in their metainfo, that can only be taken as one group or by lists of indices.
WITHOUT_PAIRS = {'300wlp', 'coco_wholebody_hand', 'freihand', 'horse10', 'interhand2d', 'onehand10k',
                 'panoptic_hand2d', 'rhd2d'}
#: How many pairs have names that do not tell the sides; in all other data sets every name does.
UNTOLD = {
    '300vw': 29, '300w': 29, 'aflw': 8, 'coco_wholebody': 29, 'coco_wholebody_face': 29, 'coco_wholebody_openpose': 29,
    'cofw': 11, 'deepfashion2': 131, 'h3wb': 29, 'halpe': 29, 'lapa': 48, 'ubody2d': 29, 'ubody3d': 30, 'wflw': 44,
}
#: Data sets without upper and lower landmarks.
WITHOUT_HALVES = (WITHOUT_PAIRS - {'horse10'}) | {
    '300vw', '300w', 'aflw', 'coco_wholebody_face', 'cofw', 'deepfashion2', 'deepfashion_full', 'deepfashion_lower',
    'deepfashion_upper', 'fly', 'interhand3d', 'lapa', 'locust', 'wflw', 'zebra'}

pytestmark = pytest.mark.filterwarnings('ignore:The metainfo config file')
every_source = pytest.mark.parametrize('source', [*FILES.values(), *REGISTERED],
                                       ids=lambda source: Path(source).stem)
parsed = functools.lru_cache(maxsize=None)(load_metainfo)


def read_side(name):
    """The side that a person reads in a name: left_eye, Eye_Left, 'left collar', L_Eye, forelegL1."""
    for word, initial in (('left', 'L'), ('right', 'R')):
        if word in name.lower() or re.search(rf'(^{initial}_)|([a-z]{initial}\d?$)', name):
            return word
    return ''


def test_every_file_and_data_set_is_looked_at():
    assert len(FILES) >= 54 and {'coco', 'mpii', 'deepfashion2', 'fly', 'ubody3d'} <= set(FILES)
    assert {'CocoDataset', 'DeepFashion2Dataset', 'FashionAIDataset', 'FLDDataset'} <= set(REGISTERED)


@every_source
def test_left_and_right(source):
    metainfo = parsed(source)
    names, pairs = metainfo['keypoint_id2name'], {frozenset(pair) for pair in metainfo['flip_pairs']}
    assert bool(pairs) == (metainfo['dataset_name'] not in WITHOUT_PAIRS)
    if not pairs:
        with pytest.raises(ValueError, match=f"'{metainfo['dataset_name']}' has no flip pairs; use partition=None"):
            partition_from_metainfo(metainfo, 'left_right')
        return
    left, right = partition_from_metainfo(metainfo, 'left_right')
    assert list(left) == sorted(set(left)) and list(right) == sorted(set(right))
    assert all(len(pair & set(left)) == len(pair & set(right)) == 1 for pair in pairs)
    unpaired = set(names) - {index for pair in pairs for index in pair}
    assert set(left) & set(right) == unpaired
    assert not [names[index] for index in left if read_side(names[index]) == 'right']
    assert not [names[index] for index in right if read_side(names[index]) == 'left']
    untold = [pair for pair in pairs if {read_side(names[index]) for index in pair} != {'left', 'right'}]
    assert len(untold) == UNTOLD.get(metainfo['dataset_name'], 0)
    assert all(min(pair) in left for pair in untold)


@every_source
def test_top_and_bottom(source):
    metainfo = parsed(source)
    names = metainfo['keypoint_id2name']
    assert bool(metainfo['upper_body_ids']) == (metainfo['dataset_name'] not in WITHOUT_HALVES)
    if not metainfo['upper_body_ids']:
        with pytest.raises(ValueError, match=f"'{metainfo['dataset_name']}' has no upper_body_ids; use partition=None"):
            partition_from_metainfo(metainfo, 'top_bottom')
        return
    top, bottom = partition_from_metainfo(metainfo, 'top_bottom')
    assert top and bottom and not set(top) & set(bottom)
    assert not [names[index] for index in top if re.search('hip|ankle|hind|back_paw|_B_', names[index], re.IGNORECASE)]
    assert not [names[index] for index in bottom if re.search('head|eye|shoulder', names[index], re.IGNORECASE)]


@pytest.mark.parametrize('source', ['configs/_base_/datasets/coco.py', 'coco.py', 'CocoDataset',
                                    dict(from_file='configs/_base_/datasets/coco.py')])
def test_mmposes_own_files_are_found_from_any_folder(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.warns(UserWarning, match=r"MMPose's own .*coco.py is taken|A matched config file"):
        loss = PCLoss(partition='left_right', metainfo=source)
    assert loss.groups == ((0, 1, 3, 5, 7, 9, 11, 13, 15), (0, 2, 4, 6, 8, 10, 12, 14, 16))


@pytest.mark.parametrize('subset', [None, 'upper', 'full'])
def test_a_data_set_that_chooses_by_subset_is_named_by_its_file(subset):
    """Whatever subset was built before, which MMPose keeps in the class."""
    if subset:
        DATASETS.build(dict(type='DeepFashionDataset', subset=subset, lazy_init=True))
    with pytest.raises(ValueError, match='chooses its landmarks by `subset`; name the metainfo file instead, '
                                         "'configs/_base_/datasets/deepfashion_full.py'"):
        PCLoss(partition='left_right', metainfo='DeepFashionDataset')
    for end, left in (('full', (0, 2, 4, 6)), ('upper', (0, 2, 4)), ('lower', (0, 2))):
        loss = PCLoss(partition='left_right', metainfo=f'configs/_base_/datasets/deepfashion_{end}.py')
        assert loss.groups == (left, tuple(index + 1 for index in left))


@pytest.mark.parametrize('name', WITHOUT_LANDMARKS)
def test_a_data_set_without_landmarks_is_named_by_a_file(name):
    with pytest.raises(ValueError, match=f"'{name}': this data set has no landmarks of its own; name the metainfo"):
        PCLoss(partition='left_right', metainfo=name)
