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
    """A package, the range of it that was tested, the names it is published under and how to install it."""

    name: str
    versions: str
    install: str
    alternatives: tuple[str, ...] = ()


# requirements.txt lists the same ranges; a test compares the two.
REQUIREMENTS = (
    Requirement('torch', '>=1.13.0,<2.12', 'pip install "torch{versions}" torchvision'),
    # 0.10.2 drops images when the processes that evaluate have unequal shares.
    Requirement('mmengine', '>=0.10.3,<1.0', 'pip install "mmengine{versions}"'),
    Requirement(
        'mmcv', '>=2.0.0,<2.2',
        'mim install "mmcv{versions}" (with compiled operators) or pip install "mmcv-lite{versions}" (without)',
        alternatives=('mmcv-lite', )),
    # Without its dependencies, because one of them, chumpy, does not build and is never imported.
    Requirement(
        'mmpose', '>=1.3.0,<1.4',
        'pip install --no-deps "mmpose{versions}" && '
        'pip install "numpy<2" json-tricks "munkres<2" pillow scipy "xtcocotools>=1.12"'),
    Requirement('mmdet', '>=3.0.0,<3.4', 'pip install "mmdet{versions}"'),
    Requirement('pycocotools', '>=2.0.7,<3', 'pip install "pycocotools{versions}"'),
    Requirement(
        'opencv-python', '>=4.6.0.66,<5', 'pip install "numpy<2" "opencv-python{versions}"',
        alternatives=('opencv-python-headless', 'opencv-contrib-python', 'opencv-contrib-python-headless')),
)


def installed_version(requirement: Requirement) -> str | None:
    """The version found under any of the requirement's names, ``None`` where there is none."""
    for name in (requirement.name, *requirement.alternatives):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None


def unmet(requirement: Requirement) -> str | None:
    """One line that says what is wrong and the command that mends it, ``None`` if all is well."""
    found = installed_version(requirement)
    if found is not None and Version(found) in SpecifierSet(requirement.versions, prereleases=True):
        return None
    state = 'is not installed' if found is None else f'{found} is outside {requirement.versions}'
    return f'{requirement.name} {state}: {requirement.install.format(versions=requirement.versions)}'


def check_requirements(requirements: tuple[Requirement, ...] = REQUIREMENTS) -> None:
    """Check what the package needs.

    Raises:
        MissingPackageError: A package is missing or out of range; names every such package with the command for it.
    """
    problems = [problem for problem in map(unmet, requirements) if problem]
    if problems:
        raise MissingPackageError('\n  '.join(
            ['pcloss_mmpose cannot work in this environment (see docs/install.md):', *problems]))
