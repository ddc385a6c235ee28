"""Commands, run in this process."""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections import OrderedDict
from types import SimpleNamespace

import pytest

from pcloss_mmpose.cli import main


@pytest.fixture
def no_name(monkeypatch):
    """Let files with an ending be written, but not get their name: as a kill between the two, or a full disk, leaves
    them."""
    replace = os.replace

    def refuse(ending):
        def replace_others(source, target):
            if str(target).endswith(ending):
                raise OSError(errno.ENOSPC, 'No space left on device', str(target))
            replace(source, target)

        monkeypatch.setattr(os, 'replace', replace_others)

    return refuse


@pytest.fixture
def call(capsys, monkeypatch):
    """Run ``pcloss`` with arguments: its exit code, and what it printed."""

    def run(*arguments):
        with monkeypatch.context() as patch:
            patch.setattr(logging, 'raiseExceptions', False)  # loggers hold the streams of earlier tests
            if 'mmengine.registry' in sys.modules:  # no scope of an earlier test, as in a process of its own
                patch.setattr(sys.modules['mmengine.registry'].DefaultScope, '_instance_dict', OrderedDict())
            patch.setenv('LOCAL_RANK', os.environ.get('LOCAL_RANK', '0'))  # MMPose's scripts set it for good
            try:
                main([str(argument) for argument in arguments])
                code = 0
            except SystemExit as stop:
                code = stop.code
        printed = capsys.readouterr()
        return SimpleNamespace(code=code, out=printed.out, err=printed.err)

    return run
