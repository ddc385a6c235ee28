"""What must be there before MMPose can be imported, checked from the packages' metadata alone.

pip never installs these for us (it would replace builds that work), so what is missing is said here, with the command.
"""

from __future__ import annotations

from importlib import metadata
from typing import NamedTuple

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from .errors import MissingPackageError


class Requirement(NamedTuple):
    """A package, the range of it that was tested, how to install it, and what else provides the same modules."""

    name: str
    versions: str
    install: str
    alternatives: tuple[str, ...] = ()  # other names of the same releases
    fork: tuple[str, str] | None = None  # its name, and its range where it counts its own releases

    def distributions(self) -> list[tuple[str, str]]:
        """The name and the range of everything that will do."""
        names = (self.name, *self.alternatives)
        return [(name, self.versions) for name in names] + ([self.fork] if self.fork else [])


# requirements.txt lists the same ranges; a test compares the two.
REQUIREMENTS = (
    Requirement('torch', '>=1.13.0,<2.16', 'pip install "torch{versions}" torchvision'),
    # 0.10.2 drops images when the processes that evaluate have unequal shares.
    Requirement('mmengine', '>=0.10.3,<1.0', 'pip install "mmengine{versions}"',
                fork=('onedl-mmengine', '>=0.10.12,<1.0')),
    Requirement(
        'mmcv', '>=2.0.0,<2.2',
        'mim install "mmcv{versions}" (with compiled operators) or pip install "mmcv-lite{versions}" (without)',
        alternatives=('mmcv-lite', ), fork=('onedl-mmcv', '>=2.3.6,<2.4')),
    # Without its dependencies, because one of them, chumpy, does not build and is never imported.
    Requirement(
        'mmpose', '>=1.3.0,<1.4',
        'pip install --no-deps "mmpose{versions}" && pip install json-tricks "munkres<2" pillow scipy '
        '"xtcocotools>=1.12 ; python_version < \'3.12\'"'),
    Requirement('mmdet', '>=3.0.0,<3.4', 'pip install "mmdet{versions}"', fork=('onedl-mmdetection', '>=3.5.1,<3.6')),
    Requirement('pycocotools', '>=2.0.7,<3', 'pip install "pycocotools{versions}"'),
    Requirement(
        'opencv-python', '>=4.6.0.66,<5', 'pip install "opencv-python{versions}"',
        alternatives=('opencv-python-headless', 'opencv-contrib-python', 'opencv-contrib-python-headless')),
)


def installed_version(name: str) -> str | None:
    """The version of an installed distribution, ``None`` if there is none of that name."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def unmet(requirement: Requirement) -> str | None:
    """One line that says what is wrong and the command that mends it, ``None`` if all is well."""
    state = f'{requirement.name} is not installed'
    for name, versions in requirement.distributions():
        found = installed_version(name)
        if found is not None and Version(found) in SpecifierSet(versions, prereleases=True):
            return None
        if found is not None:
            state = f'{name} {found} is outside {versions}'
    return f'{state}: {requirement.install.format(versions=requirement.versions)}'


def check_requirements(requirements: tuple[Requirement, ...] = REQUIREMENTS) -> None:
    """Check what the package needs.

    Raises:
        MissingPackageError: A package is missing or out of range; names every such package with the command for it.
    """
    problems = [problem for problem in map(unmet, requirements) if problem]
    if problems:
        raise MissingPackageError('\n  '.join(
            ['pcloss_mmpose cannot work in this environment (see docs/install.md):', *problems]))
