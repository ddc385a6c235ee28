"""The console command itself, and the configs that every command takes by name."""

import pickle
import re
from argparse import ArgumentParser

import pytest

from pcloss_mmpose import __version__
from pcloss_mmpose.cli import COMMANDS
from pcloss_mmpose.cli.errors import explanation
from pcloss_mmpose.cli.mmpose_tool import as_argv, find_tool
from pcloss_mmpose.cli.test import OPTIONS as TEST_OPTIONS
from pcloss_mmpose.cli.train import OPTIONS as TRAIN_OPTIONS
from pcloss_mmpose.cli.train import add_arguments
from pcloss_mmpose.configs import find_config, list_configs, load_config, package_folder
from pcloss_mmpose.errors import BrokenImageError, InputError

NAME = 'td-hm_efflite0_1xb12-600_garments-128x128'


def test_the_overview_has_every_command(call):
    shown = call('--help').out
    assert all(f'\n  {command} ' in shown for command in COMMANDS)
    assert call().out == shown
    assert call('--version').out.split()[-1] == __version__


@pytest.mark.parametrize(('arguments', 'words'), [
    (['trian'], "no command 'trian': did you mean train?"),
    (['xyz'], "no command 'xyz': there are train, test"),
    (['train'], 'the following arguments are required: CONFIG'),
    (['train', 'xyz'], 'xyz: no such file (in the folder'),
    (['train', 'mmpose::xyz.py'], 'mmpose::xyz.py: no such config of mmpose, looked for'),
    (['train', 'nowhere::xyz.py'], "there is no package 'nowhere' here"),
    (['train', NAME, '--resume', 'xyz.pth'], 'argument --resume: xyz.pth: no such file'),
    (['train', NAME, '--cfg-options', 'xyz'], "argument --cfg-options: 'xyz' is not KEY=VALUE"),
    (['train', NAME, '--launcher', 'xyz'], "argument --launcher: invalid choice: 'xyz'"),
    (['train', NAME, '--interval', '0'], 'argument --interval: must be at least 1, got 0'),
    (['test', NAME], 'the following arguments are required: CHECKPOINT'),
    (['test', NAME, 'xyz.pth'], 'xyz.pth: no such file'),
    (['configs', 'xyz'], 'no config has xyz in its path'),
])
def test_what_does_not_fit_is_one_line(call, arguments, words):
    done = call(*arguments)
    assert done.code == 2 and done.out == ''
    assert done.err.startswith('error: ') and words in done.err and done.err.count('\n') == 1


def test_configs_are_listed_by_name_and_by_words(call):
    names = call('configs').out.split()
    assert names == [path.stem for path in list_configs()] and len(names) > 20
    assert call('configs', 'fashionai', 'fpn').out.split() == [
        name for name in names if 'fashionai' in name and 'fpn' in name]
    assert find_config(NAME) == find_config(f'{NAME}.py') == list_configs()[names.index(NAME)]


def test_a_config_is_found_by_path_before_its_name_and_in_packages(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / f'{NAME}.py').write_text('a = 1')
    assert load_config(find_config(f'{NAME}.py')).a == 1
    below = 'body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py'
    assert find_config(f'mmpose::{below}') == package_folder('mmpose') / 'configs' / below
    broken = tmp_path / 'broken.py'
    broken.write_text('a = (')
    with pytest.raises(InputError, match='broken.py: not a complete config .SyntaxError'):
        load_config(broken)


@pytest.mark.parametrize(('options', 'tool'), [(TRAIN_OPTIONS, 'train.py'), (TEST_OPTIONS, 'test.py')])
def test_the_options_are_those_of_mmposes_tool(options, tool):
    """Read from its source: every flag that one has, the other has."""
    assert set(re.findall(r"'(--[a-z_-]+)'", find_tool(tool).read_text())) - {'--local-rank', '--cfg-options'} == (
        options.keys() - {'--cfg-options'})


def test_options_are_passed_on_as_they_were_given():
    given = ['--work-dir', 'a b', '--resume', '--amp', '--cfg-options', 'a=1', 'b=[2,3]', '--launcher', 'pytorch']
    parser = ArgumentParser()
    add_arguments(parser)
    passed = as_argv(parser.parse_args([NAME, *given, '--cfg-options', 'c=4']), TRAIN_OPTIONS)
    assert passed == ['--work-dir', 'a b', '--cfg-options', 'a=1', 'b=[2,3]', 'c=4', '--launcher', 'pytorch',
                      '--resume', 'auto', '--amp']


def test_an_mmpose_without_tools_is_an_error():
    with pytest.raises(InputError, match='MMPose has no .*xyz.py: install it'):
        find_tool('xyz.py')


WORKER = """Caught BrokenImageError in DataLoader worker process 0.
Original Traceback (most recent call last):
  File "x.py", line 1
pcloss_mmpose.errors.BrokenImageError: a.jpg: no such file
"""


@pytest.mark.parametrize(('error', 'line'), [
    (InputError('two\nlines'), 'two lines'),
    (BrokenImageError(WORKER), 'a.jpg: no such file'),
    (FileNotFoundError(2, 'No such file or directory', 'a.pth'), 'a.pth: No such file or directory'),
    (pickle.UnpicklingError('anything'), 'the checkpoint is broken, or no checkpoint (UnpicklingError)'),
    (ValueError('inside'), None),
    (AssertionError('inside'), None),
])
def test_what_a_user_can_mend_is_explained_and_nothing_else(error, line):
    assert explanation(error) == line
