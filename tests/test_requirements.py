from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement as Line
from packaging.specifiers import SpecifierSet

from pcloss_mmpose.requirements import REQUIREMENTS, Requirement, check_requirements

ROOT = Path(__file__).resolve().parents[1]


def test_requirements_txt_lists_what_is_checked():
    lines = [line for line in (ROOT / 'requirements.txt').read_text().splitlines() if not line.startswith('#')]
    listed = {line.name: line.specifier for line in map(Line, lines)}
    assert listed == {requirement.name: SpecifierSet(requirement.versions) for requirement in REQUIREMENTS}


def test_this_environment_passes():
    check_requirements()


def test_a_local_build_is_its_release(monkeypatch):
    monkeypatch.setattr(metadata, 'version', {'torch': '2.1.0+cu118'}.__getitem__)
    check_requirements((Requirement('torch', '>=2.1.0,<2.2', 'unused'), ))


def test_any_of_the_names_will_do():
    check_requirements((Requirement('no-such-package', '>=1', 'unused', alternatives=('numpy', )), ))


def test_a_fork_has_a_range_of_its_own():
    check_requirements((Requirement('no-such-package', '>=99', 'unused', fork=('numpy', '>=1')), ))
    with pytest.raises(ImportError, match=f'numpy {metadata.version("numpy")} is outside >=99: pip install it'):
        check_requirements((Requirement('no-such-package', '>=1', 'pip install it', fork=('numpy', '>=99')), ))


@pytest.mark.parametrize('requirement, message', [
    (Requirement('no-such-package', '>=1,<2', 'pip install "no-such-package{versions}"'),
     'no-such-package is not installed: pip install "no-such-package>=1,<2"'),
    (Requirement('numpy', '<1', 'pip install "numpy{versions}"'),
     f'numpy {metadata.version("numpy")} is outside <1: pip install "numpy<1"'),
    (Requirement('numpy', '>=99', 'mim install "numpy{versions}"'),
     f'numpy {metadata.version("numpy")} is outside >=99: mim install "numpy>=99"'),
], ids=['missing', 'too new', 'too old'])
def test_the_error_gives_the_command(requirement, message):
    with pytest.raises(ImportError) as error:
        check_requirements((requirement, ))
    assert message in str(error.value)


def test_every_problem_is_listed_at_once():
    missing = [Requirement(f'no-such-package-{index}', '>=1', 'pip install it') for index in range(2)]
    with pytest.raises(ImportError, match='no-such-package-0(.|\n)*no-such-package-1'):
        check_requirements(tuple(missing))


def test_the_project_pulls_in_nothing_it_checks():
    # pip would replace working builds of torch and mmcv, and MMPose's chumpy does not build.
    try:
        lines = metadata.requires('pcloss-mmpose')
    except metadata.PackageNotFoundError:
        pytest.skip('used from the clone, not installed')
    required = {Line(line).name for line in lines if 'extra ==' not in line}
    checked = {name for requirement in REQUIREMENTS for name, _ in requirement.distributions()}
    assert required
    assert required.isdisjoint(checked | {'torchvision', 'numpy'})


@pytest.mark.parametrize('python', ['3.10', '3.11', '3.12', '3.13'])
def test_the_lock_pins_every_package_to_one_version_with_hashes(python):
    lines = (ROOT / 'requirements.lock').read_text().replace('\\\n', '').splitlines()
    assert not any('//' in line for line in lines)  # no download addresses
    entries = [line.split('--hash=sha256:') for line in lines if not line.startswith('#')]
    assert all(len(entry) > 1 for entry in entries)
    here = dict(
        python_version=python, python_full_version=f'{python}.0', sys_platform='linux', platform_machine='x86_64')
    pins = [pin for pin in (Line(entry[0].strip()) for entry in entries) if not pin.marker or pin.marker.evaluate(here)]
    assert all(len(pin.specifier) == 1 and str(pin.specifier).startswith('==') for pin in pins)
    versions = {pin.name: str(pin.specifier)[2:] for pin in pins}
    assert len(versions) == len(pins)
    for requirement in REQUIREMENTS:
        name = 'mmcv-lite' if requirement.name == 'mmcv' else requirement.name
        assert versions[name] in SpecifierSet(requirement.versions)
    assert ('xtcocotools' in versions) == (versions['numpy'] in SpecifierSet('<2')) == (python in ('3.10', '3.11'))
