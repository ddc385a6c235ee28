"""The wheel, built from the tracked files, installed alone into an empty folder, and used from another one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from pcloss_mmpose.configs import list_configs, package_folder
from pcloss_mmpose.synthetic import write_fashionai

ROOT = Path(__file__).resolve().parents[1]
NAME = 'td-hm_efflite0-pcloss_1xb12-600_garments-128x128'
PARTS = ('pcloss_mmpose', 'configs', 'tools', 'reproduce', 'model-index.yml', 'setup.py', 'pyproject.toml',
         'MANIFEST.in', 'README.md', 'LICENSE')
SHORT = ['--no-validate', '--cfg-options', 'train_cfg.max_iters=2', 'train_dataloader.batch_size=2',
         'default_hooks.logger.interval=1']


def build(kind: str, source: Path, out: Path) -> Path:
    """An sdist or a wheel of a folder, by setuptools itself, without a download."""
    code = f'from setuptools.build_meta import build_{kind}; build_{kind}({str(out)!r})'
    subprocess.run([sys.executable, '-c', code], cwd=source, check=True, stdout=subprocess.DEVNULL)
    built, = out.iterdir()
    return built


@pytest.fixture(scope='module')
def built(tmp_path_factory):
    """The wheel of the tree, and that of its sdist."""
    root = tmp_path_factory.mktemp('build')
    (root / 'tree').mkdir()
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
        copy(ROOT / part, root / 'tree' / part)
    wheel = build('wheel', root / 'tree', root / 'wheel')
    sdist = build('sdist', root / 'tree', root / 'sdist')
    with tarfile.open(sdist) as archive:
        archive.extractall(root / 'unpacked')
    unpacked, = (root / 'unpacked').iterdir()
    return SimpleNamespace(wheel=wheel, of_sdist=build('wheel', unpacked, root / 'second'))


@pytest.fixture(scope='module')
def run(built, tmp_path_factory):
    """Run a program in a folder of its own, where the wheel's package is the only one of ours."""
    root = tmp_path_factory.mktemp('installed')
    subprocess.run([sys.executable, '-m', 'pip', 'install', '-q', '--no-deps', '--no-index', '--target', root / 'site',
                    built.wheel], check=True)
    (root / 'work').mkdir()
    write_fashionai(root / 'garments', 'train', 4, 64)
    environment = dict(os.environ, PYTHONPATH=str(root / 'site'), GARMENTS_ROOT=str(root / 'garments'),
                       CUDA_VISIBLE_DEVICES='', OMP_NUM_THREADS='1')

    def execute(*command) -> str:
        done = subprocess.run([sys.executable, *map(str, command)], cwd=root / 'work', env=environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout
        return done.stdout

    execute.site, execute.root = root / 'site', root
    return execute


def content(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_sdist_builds_the_same_wheel(built):
    assert content(built.wheel) == content(built.of_sdist)


def test_the_wheel_has_all_that_git_has(built):
    tracked = subprocess.run(['git', 'ls-files', 'pcloss_mmpose', 'configs', 'tools', 'reproduce', 'model-index.yml'],
                             cwd=ROOT, text=True, stdout=subprocess.PIPE).stdout.split()
    if not tracked:
        pytest.skip('not a clone')
    expected = {name if name.startswith('pcloss_mmpose/') else f'pcloss_mmpose/.mim/{name}' for name in tracked
                if (ROOT / name).is_file()}
    found = content(built.wheel)
    assert expected <= found.keys()
    metadata, = (text.decode() for name, text in found.items() if name.endswith('METADATA'))
    assert (ROOT / 'README.md').read_text() in metadata
    assert 'Requires-Dist: torch' not in metadata  # pip must never replace what works


def test_it_lists_its_own_configs(run):
    listed = run(run.site / 'bin' / 'pcloss', 'configs', '--paths').split()
    assert sorted(Path(path).stem for path in listed) == sorted(path.stem for path in list_configs())
    assert all(path.startswith(str(run.site / 'pcloss_mmpose' / '.mim')) for path in listed)


def test_it_trains_by_name_and_predicts(run):
    run(run.site / 'bin' / 'pcloss', 'train', NAME, '--work-dir', 'run', *SHORT)
    picture = next((run.root / 'garments').rglob('*.jpg'))
    run(run.site / 'bin' / 'pcloss', 'predict', NAME, 'run/iter_2.pth', picture, '-o', 'out')
    assert str(picture) in (run.root / 'work' / 'out' / 'predictions.jsonl').read_text()


def test_mmposes_own_script_trains_by_custom_imports(run):
    """On the config of the wheel, whose ``custom_imports`` is all that leads to the package."""
    config, = (run.site / 'pcloss_mmpose' / '.mim' / 'configs').rglob(f'{NAME}.py')
    run(package_folder('mmpose') / 'tools' / 'train.py', config, '--work-dir', 'stock', *SHORT)
    assert (run.root / 'work' / 'stock' / 'iter_2.pth').is_file()
