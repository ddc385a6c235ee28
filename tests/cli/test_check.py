from pathlib import Path

import cv2
import pytest

from pcloss_mmpose.cli.check import RELEASES
from pcloss_mmpose.datasets import checks
from pcloss_mmpose.metainfo.deepfashion_attribute import dataset_info

PAIRS = ('  flip pairs: left_collar/right_collar, left_sleeve/right_sleeve, left_waistline/right_waistline, '
         'left_hem/right_hem')
SIDE = 252  # of an image: the page's cells then show it pixel by pixel
LOWER = '2 0 50 60 0 150 60 1 50 200 0 150 200'


@pytest.fixture
def check(call):
    """Run the command: its exit code, the lines of its output and of its errors."""

    def run(*arguments):
        done = call('check', *arguments)
        return done.code, done.out.splitlines(), done.err.splitlines()

    return run


@pytest.fixture
def root(raw, tmp_path):
    """DeepFashion's layout: twelve images for training, two for validation, none for testing."""
    names = [f'img/{index:02}.jpg' for index in range(14)]
    for index, name in enumerate(names):
        raw.image(tmp_path / name, size=(SIDE, SIDE), seed=index)
    splits = {name: 'train' if index < 12 else 'val' for index, name in enumerate(names)}
    return Path(raw.benchmark(tmp_path, dict.fromkeys(names, LOWER), dict.fromkeys(names, '20 30 180 220'), splits))


def test_fit_to_train(check, root):
    code, lines, _ = check('deepfashion', root)
    assert code == 0
    assert lines == [
        'train: 12 rows, 12 images, 12 decoded',
        PAIRS,
        '  note: train: 12 rows, 209,222 in the official release',
        'val: 2 rows, 2 images, 2 decoded',
        '  note: val: 2 rows, 40,000 in the official release',
        'test: not read',
        f'  note: test: no row of {root}/Eval/list_eval_partition.txt belongs to it',
        'fit to train']


def test_many_problems_of_a_kind_are_cut_short_and_all_counted(check, root):
    for index in range(8):
        (root / f'img/{index:02}.jpg').unlink()
    code, lines, _ = check('deepfashion', root)
    assert code == 1
    assert lines[3:9] == [f'  problem: {root}/img/{index:02}.jpg: no such file' for index in range(5)] + [
        '  problem: and 3 more missing images']
    assert lines[-1] == '8 problems: not fit to train'


def test_a_fault_that_all_splits_share_is_said_and_counted_once(check, root):
    (root / 'Anno/list_bbox.txt').write_text('')
    code, lines, _ = check('deepfashion', root)
    assert code == 1
    assert [line for line in lines if 'problem' in line] == [
        f'  problem: {root}/Anno/list_bbox.txt: the file is empty. Download it again.', '1 problem: not fit to train']


def test_a_sample_says_that_it_is_one(check, root):
    code, lines, _ = check('deepfashion', root, '--sample', 3)
    assert code == 0
    assert lines[0] == 'train: 12 rows, 12 images, 3 decoded'
    assert lines[-1] == 'fit to train, as far as this sample of images shows (--all decodes every one)'
    assert check('deepfashion', root, '--sample', 3, '--all')[1][-1] == 'fit to train'


def test_the_root_comes_from_the_environment(check, root, monkeypatch):
    monkeypatch.setenv('DEEPFASHION_ROOT', str(root))
    assert check('deepfashion') == check('deepfashion', root)


def test_the_page_shows_boxes_and_landmarks_by_category(check, root):
    code, lines, _ = check('deepfashion', root, '--picture', root / 'page.png')
    assert code == 0 and lines[-2].startswith(f'{root}/page.png: ')
    page = cv2.imread(str(root / 'page.png'))
    assert page.shape[1] == 4 * 256 and 10 < len(page) - (28 + 4 * 256) < 60  # a category in four columns, and a legend
    first = page[30:30 + SIDE, 2:2 + SIDE]
    assert (first[30, 20:181] == (255, 0, 255)).all() and (first[30:221, 180] == (255, 0, 255)).all()
    assert first[60, 50].tolist() == dataset_info['keypoint_info'][4]['color'][::-1]  # left_waistline
    assert first[200, 50].tolist() == [255, 255, 255]  # left_hem is occluded: a ring around white
    assert (page[28 + 3 * 256:, 2 * 256:] == 255).all()  # nothing after the last image


def test_a_page_of_nothing_is_not_written(check, tmp_path):
    code, lines, _ = check('fld', tmp_path, '--picture', tmp_path / 'page.png')
    assert code == 1
    assert lines[-2:] == [
        f'{tmp_path}/page.png: not written, as there is nothing to draw', '3 problems: not fit to train']
    assert not (tmp_path / 'page.png').exists()


def test_a_config_names_its_own_data(check, tiny_config):
    code, lines, _ = check(tiny_config)
    assert code == 0
    assert lines[1].startswith('  flip pairs: left_eye/right_eye, ') and lines[1].endswith('; without a pair: nose')
    assert lines[:1] + lines[2:] == [
        'train: 4 rows, 4 images, 4 decoded', 'val: 5 rows, 5 images, 5 decoded', 'fit to train']
    code, lines, _ = check(tiny_config, '--cfg-options', 'val_dataloader.dataset.ann_file=lost.json')
    assert code == 1
    assert lines[3] == (f'  problem: {tiny_config.parent}/lost.json: no such file '
                        '(docs/datasets.md shows what belongs where)')


@pytest.mark.parametrize(('option', 'line'), [
    ('model.head.out_channels=4', 'model: the head gives 4 landmarks, and the training data have 17'),
    ('model.head.pc_loss.partition=top_bottom', 'fit to train'),
    ('model.head.pc_loss.metainfo=OneHand10KDataset', "model: partition 'left_right': the data set 'onehand10k'"),
    ('model.head.pc_loss.partition=[[0,1],[2,17]]', 'model: partition index 17 is out of range: there are 17 landm'),
    ('model.head.pc_loss=None model.head.structural_loss.type=BoneVectorLoss '
     'model.head.structural_loss.metainfo=OneHand10KDataset',
     'model: BoneVectorLoss is made for 21 landmarks, and the head gives 17'),
    ('model.head.pc_loss=None model.head.structural_loss.type=ShapePriorLoss model.head.structural_loss.modes=99',
     'model: ShapePriorLoss finds no category to learn: '),
    ('model.head.pc_loss=None model.head.structural_loss.type=STARLoss', 'fit to train'),
    ('default_hooks.checkpoint.save_best=NME', "val_evaluator: no metric of the evaluator gives 'NME', which save_best"
     ', a hook or --metric asks for; they give EPE, NE, NE/left_ankle, '),
    ("val_evaluator.2.norm=keypoint_pair", "val_evaluator: NormalizedError: norm_pairs has no pair for the category "
     "'person', it has blouse, "),
])
def test_a_config_fits_its_data(check, tiny_config, option, line):
    code, lines, _ = check(tiny_config, '--cfg-options', *option.split())
    assert (code, len(lines)) == ((0, 4) if line == 'fit to train' else (1, 5))
    assert lines[3].strip().replace('problem: ', '').startswith(line)


def test_a_config_is_known_by_its_name(check, root, monkeypatch):
    monkeypatch.setenv('DEEPFASHION_ROOT', str(root))
    code, lines, _ = check('td-hm_efflite0-pcloss_1xb12-600_deepfashion-160x160')
    assert code == 0
    assert [line for line in lines if not line.startswith(' ')] == [
        'train: 12 rows, 12 images, 12 decoded', 'val: 2 rows, 2 images, 2 decoded', 'fit to train']
    for option, problem in (
            ('model.data_preprocessor.batch_augments=[]', 'nothing makes the targets of the training: '),
            ('train_dataloader.dataset.pipeline.5.type=TopdownAffine', 'TopdownAffine may need the pixels, which ')):
        code, lines, _ = check('td-hm_efflite0-pcloss_1xb12-600_deepfashion-160x160', '--cfg-options', option)
        assert code == 1
        assert [line for line in lines if line.startswith('  problem: ')] == [
            line for line in lines if line.startswith(f'  problem: train_dataloader: {problem}')] != []


def test_the_releases_are_those_that_can_be_checked():
    assert tuple(checks.RELEASES) == RELEASES


@pytest.mark.parametrize(('arguments', 'message'), [
    ([], 'required: DATA'),
    (['deepfashoin', '.'], 'deepfashoin: no such file'),
    (['deepfashoin', '.'], 'the releases are fashionai, deepfashion, deepfashion2, fld, coco'),
    (['deepfashion', 'no/such/folder'], 'no/such/folder: no such folder'),
    (['coco', '.', '--sample', '0'], 'argument --sample: must be at least 1, got 0'),
    (['coco', '.', '--seed', '-1'], 'argument --seed: must be at least 0, got -1'),
    (['coco', '.', '--picture', 'no/such/page.png'], 'no/such/page.png: there is no such folder'),
    (['coco', '.', '--picture', 'page.txt'], 'page.txt: its name must end in .png or .jpg or .jpeg'),
    (['coco', '.', '--cfg-options', 'a=1'], '--cfg-options goes with a config'),
    (['no_such_config.py'], 'no_such_config.py: no such file'),
    (['CONFIG', '.'], '.py names its own root: . is not needed'),
    (['CONFIG', '--cfg-options', 'train_dataloader.dataset.ann_file.part=1'], '--cfg-options train_dataloader.dataset'),
])
def test_wrong_arguments(check, tiny_config, arguments, message):
    code, _, errors = check(*(str(tiny_config) if argument == 'CONFIG' else argument for argument in arguments))
    assert code == 2
    assert message in errors[-1] and len(errors) == 1


@pytest.mark.parametrize(('text', 'message'), [
    ("model = dict(type='TopdownPoseEstimator')\n", 'it has no train_dataloader, val_dataloader or test_dataloader'),
    ('model = dict(\n', 'not a complete config'),
    ("_base_ = 'gone.py'\n", 'not a complete config'),
])
def test_bad_configs(check, tmp_path, text, message):
    path = tmp_path / 'config.py'
    path.write_text(text)
    code, _, errors = check(path)
    assert code == 2 and message in errors[-1] and str(path) in errors[-1]
