"""Puts configs, tools and reproduce/ into the wheel's ``.mim``, where MIM looks; all else is in pyproject.toml."""

from pathlib import Path
from shutil import copy2, copytree, ignore_patterns

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithMim(build_py):

    def run(self):
        super().run()
        if self.editable_mode:  # a clone has them beside the package
            return
        mim = Path(self.build_lib) / 'pcloss_mmpose' / '.mim'
        for folder in ('configs', 'tools', 'reproduce'):
            copytree(folder, mim / folder, ignore=ignore_patterns('__pycache__'), dirs_exist_ok=True)
        copy2('model-index.yml', mim)


setup(cmdclass={'build_py': BuildWithMim})
