"""Sides and flip pairs from names, however they are written; metainfo that a flip would spoil is refused."""

import copy
from pathlib import Path

import mmpose
import pytest
from mmpose.datasets import DeepFashion2Dataset
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import DATASETS

from pcloss_mmpose.errors import InputError
from pcloss_mmpose.metainfo import build_dataset_info, left_right_pairs, likely_pairs, load_metainfo, mirror_names, side

FILES = sorted((Path(mmpose.__file__).parent / '.mim/configs/_base_/datasets').glob('*.py'))


@pytest.mark.parametrize(('left', 'right'), [
    ('left_neck', 'right_neck'),
    ('Left_Neck', 'Right_Neck'),
    ('left-neck', 'right-neck'),
    ('leftNeck', 'rightNeck'),
    ('L_neck', 'R_neck'),
    ('left neck', 'right neck'),
    ('LNeck', 'RNeck'),
    ('LEFTNECK', 'RIGHTNECK'),
    ('leftneck', 'rightneck'),
    ('neck.l', 'neck.r'),
    ('neckL1', 'neckR1'),
    ('cuff_left_in', 'cuff_right_in'),
    ('Left_Hem', 'right-hem'),  # a mixture of styles
    ('l hem', 'HemRight'),
    ('左_left', 'right 左'),
])
def test_left_and_right_are_understood(left, right):
    assert (side(left), side(right)) == ('left', 'right')
    landmarks = ['left_shoulder', right, 'top', left, 'R_Shoulder']
    assert mirror_names(landmarks) == {
        left: right, right: left, 'top': 'top', 'left_shoulder': 'R_Shoulder', 'R_Shoulder': 'left_shoulder'}
    metainfo = load_metainfo(build_dataset_info('own', landmarks))
    assert metainfo['flip_indices'] == [4, 3, 2, 1, 0]


def test_the_left_landmark_of_a_pair_comes_first():
    """Where the names do not tell, the lower index."""
    landmarks = ['right_hem', 'top', 'left_hem', 'a', 'b', 'L cuff', 'R cuff']
    metainfo = load_metainfo(build_dataset_info('own', landmarks))
    assert left_right_pairs(metainfo) == [(2, 0), (5, 6)]
    metainfo = dict(metainfo, flip_pairs=[(4, 3), (3, 4), (0, 2)])
    assert left_right_pairs(metainfo) == [(2, 0), (3, 4)]
    assert left_right_pairs(dict(metainfo, flip_pairs=[])) == []


@pytest.mark.parametrize('name', [
    'crotch', 'center_front', 'upright', 'cleft', 'collar', 'label', 'left_to_right', 'kpt-3', 'rib'])
def test_no_side(name):
    assert side(name) == ''
    assert mirror_names([name, 'other']) == {name: name, 'other': 'other'}


@pytest.mark.parametrize(('landmarks', 'words'), [
    (['left_hem', 'bottom'], "half a flip pair: 'left_hem' without a landmark for the other side"),
    (['left_neck', 'right_neck', 'R_hem', 'LeftCuff'], "half a flip pair: 'R_hem', 'LeftCuff' without"),
    (['left_hem', 'L-Hem', 'right_hem'], "'left_hem' and 'L-Hem' have names of the same meaning"),
    (['left_hem_1', 'right_hem_2'], "'left_hem_1', 'right_hem_2' without"),
    (['top', 'bottom', 'top'], "two landmarks are called 'top'"),
])
def test_pairs_that_do_not_close_are_refused(landmarks, words):
    with pytest.raises(InputError, match=f"metainfo of 'own': .*{words}"):
        build_dataset_info('own', landmarks)


@pytest.mark.parametrize(('options', 'words'), [
    (dict(outline=[('top', 'buttom')]), "outline names the landmark 'buttom', which there is not"),
    (dict(upper=['Top']), "upper names the landmark 'Top'"),
    (dict(categories=dict(vest=['top', 'hem'])), "the category 'vest' names the landmark 'hem'"),
])
def test_names_of_no_landmark_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        build_dataset_info('own', ['top', 'bottom'], **options)


def test_colors_and_links_follow_the_side_in_any_style():
    plain = build_dataset_info('own', ['left_hem', 'right_hem', 'top'], outline=[('left_hem', 'top')])
    styled = build_dataset_info('own', ['LHem', 'R-hem', 'top'], outline=[('LHem', 'top')])
    assert [info['color'] for info in styled['keypoint_info'].values()] == [
        info['color'] for info in plain['keypoint_info'].values()]
    assert [link['link'] for link in styled['skeleton_info'].values()] == [('LHem', 'top'), ('R-hem', 'top')]


@pytest.mark.parametrize(('landmarks', 'pairs'), [
    (['neckleft', 'neckright', 'hem'], [('neckleft', 'neckright')]),  # not understood, but likely
    (['Right hem', 'l_hem', 'top'], [('l_hem', 'Right hem')]),
    (['left_hem', 'bottom'], []),
    (['kpt1', 'kpt2'], []),
])
def test_likely_pairs(landmarks, pairs):
    assert likely_pairs(landmarks) == pairs


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('source', FILES, ids=lambda path: path.stem)
def test_flipping_twice_gives_every_landmark_of_mmpose_back(source):
    metainfo = parse_pose_metainfo(dict(from_file=str(source)))
    flip = metainfo['flip_indices']
    assert [flip[k] for k in flip] == list(range(metainfo['num_keypoints']))
    assert {frozenset(pair) for pair in metainfo['flip_pairs']} == {
        frozenset(pair) for pair in enumerate(flip) if pair[0] != pair[1]}


@pytest.mark.filterwarnings('ignore')
def test_the_vest_of_deepfashion2_is_mended_where_it_is_used():
    metainfo = DeepFashion2Dataset(ann_file='', lazy_init=True).metainfo
    ids, flip = metainfo['keypoint_name2id'], metainfo['flip_indices']
    assert (flip[ids['vest_kpt9']], flip[ids['vest_kpt13']]) == (ids['vest_kpt13'], ids['vest_kpt9'])


SWAPS = build_dataset_info('own', ['left_hem', 'right_hem', 'top'], outline=[('top', 'left_hem')])


@pytest.mark.parametrize(('change', 'words'), [
    (lambda info: info['keypoint_info'][1].update(swap=''), "'left_hem' swaps with 'right_hem', and 'right_hem' with"),
    (lambda info: info['keypoint_info'][1].update(swap='top'), "'left_hem' swaps .* and 'right_hem' with 'top'"),
    (lambda info: info['keypoint_info'][1].update(swap='left'), "a swap or a link names 'left', which keypoint_info"),
    (lambda info: info['skeleton_info'][0].update(link=('top', 'hem')), "a swap or a link names 'hem'"),
])
def test_users_swaps_are_checked_wherever_mmpose_parses_them(change, words):
    info = copy.deepcopy(SWAPS)
    change(info)
    for parse in (load_metainfo, parse_pose_metainfo,
                  lambda info: DATASETS.get('CocoDataset')(metainfo=info, ann_file='', lazy_init=True)):
        with pytest.raises(InputError, match=words):
            parse(copy.deepcopy(info))


def test_a_file_that_mmengine_takes_for_another_style_of_config_says_what_to_write(tmp_path):
    path = tmp_path / 'own.py'
    text = ("from pcloss_mmpose.metainfo import build_dataset_info\n"
            "dataset_info = build_dataset_info('own', ['LHem', 'R-hem'])\n")
    path.write_text(text)
    for parse in (load_metainfo, lambda source: parse_pose_metainfo(dict(from_file=source))):
        with pytest.raises(InputError, match=r"own\.py': MMEngine takes .* write `_base_ = \[\]` above all"):
            parse(str(path))
    path.write_text(f'_base_ = []\n{text}')
    assert load_metainfo(str(path))['flip_indices'] == [1, 0]
