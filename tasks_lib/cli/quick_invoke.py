"""Import Invoke without what it imports and does not use here: that was a third of a start.

Invoke 3.0 imports `unittest.mock` for a context of tests, its own copy of YAML for settings files,
of which none is read here, and `importlib.metadata` to learn its own version. Whoever uses one of
these all the same gets the module itself.
"""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType
from typing import Any

_SUFFIX = ".dist-info"


class _Later(ModuleType):
    """Stands for a module, which is imported when a name of it is wanted that is not here."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the module has
        """Return a name of the module itself; the import system asks for some that it lacks."""
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


def _mock(*args: object, **options: object) -> object:
    """Make a `Mock`."""
    made: object = importlib.import_module("unittest.mock").Mock(*args, **options)
    return made


def _version(name: str) -> str:
    """Return the version of a distribution beside Invoke, which the name of its record has."""
    site = os.path.dirname(sys.modules["invoke"].__path__[0])  # noqa: PTH120 - pathlib is not needed yet
    for entry in os.listdir(site):  # noqa: PTH208 - the same
        found, _, version = entry.removesuffix(_SUFFIX).partition("-")
        if found == name and entry.endswith(_SUFFIX):
            return version
    return str(importlib.import_module("importlib.metadata").version(name))


def load() -> None:
    """Import Invoke; one that was imported before stays as it is."""
    mock, metadata = _Later("unittest.mock"), _Later("importlib.metadata")
    vars(mock)["Mock"], vars(metadata)["version"] = _mock, _version
    standing = {one.__name__: one for one in (mock, metadata, _Later("invoke.vendor.yaml"))}
    for name, module in standing.items():
        sys.modules.setdefault(name, module)
    try:
        importlib.import_module("invoke")
    finally:
        for name, module in standing.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
