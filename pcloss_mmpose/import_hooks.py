"""Other packages' modules, imported in another way: inside a context, or without what they may never need."""

from __future__ import annotations

import builtins
import contextlib
import importlib.abc
import importlib.util
import sys
import types
from importlib import import_module
from typing import Any, Callable, ContextManager, Iterator

Context = Callable[[], ContextManager]


class _ImportHook(importlib.abc.MetaPathFinder):
    """Runs the import of a module inside a context, however often its spec is looked up before."""

    def __init__(self, name: str, context: Context) -> None:
        self.name, self.context, self.searching = name, context, False

    def find_spec(self, name, path=None, target=None):
        if name != self.name or self.searching:
            return None
        self.searching = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self.searching = False
        if spec is not None:
            run = spec.loader.exec_module

            def exec_module(module: types.ModuleType) -> None:
                with self.context():
                    run(module)
                sys.meta_path.remove(self)

            spec.loader.exec_module = exec_module
        return spec


def on_import(name: str, context: Context) -> None:
    """Import a module inside a context when its time comes, or enter and leave the context now if it is there."""
    if name in sys.modules:
        with context():
            pass
    else:
        sys.meta_path.insert(0, _ImportHook(name, context))


class Deferred:
    """Stands for a function, a class or a module, which is imported when it is called or asked for an attribute.

    Args:
        source: Module that has it.
        name: In that module.
    """

    def __init__(self, source: str, name: str) -> None:
        self._place = source, name

    @property
    def __wrapped__(self) -> Any:
        """What it stands for; by this name ``inspect.signature`` finds it."""
        source, name = self._place
        with contextlib.suppress(AttributeError):
            return getattr(import_module(source), name)
        return import_module(f'{source}.{name}')

    def __call__(self, *args, **kwargs) -> Any:
        return self.__wrapped__(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__'):  # by such names others only ask what kind of thing it is
            raise AttributeError(name)
        return getattr(self.__wrapped__, name)


@contextlib.contextmanager
def deferred(name: str, source: str) -> Iterator[None]:
    """While a module is imported: its ``from <source> import ...`` gives a :class:`Deferred` for each name.

    Imports by other modules, other imports of this one, and a source that is there already or not installed are as
    they were.

    Args:
        name: Of the module.
        source: What it imports from.
    """

    def import_or_defer(wanted, globals=None, locals=None, fromlist=(), level=0):
        asked = wanted == source and fromlist and source not in sys.modules
        if asked and importlib.util.find_spec(source.partition('.')[0]) is not None:
            return types.SimpleNamespace(**{each: Deferred(source, each) for each in fromlist})
        return builtins.__import__(wanted, globals, locals, fromlist, level)

    module = sys.modules[name]
    module.__builtins__ = own = dict(vars(builtins), __import__=import_or_defer)
    try:
        yield
    finally:
        own['__import__'] = builtins.__import__  # its functions keep these
        module.__builtins__ = vars(builtins)
