"""Run the real conda 24.7.1 that the wheel of conda-lock carries, as the program `conda`."""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.util import find_spec, module_from_spec, spec_from_loader
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

_VENDOR = "conda_lock._vendor."


class Vendored(MetaPathFinder, Loader):
    """Answer `conda` and `conda.*` with the vendored modules: some of conda imports those names."""

    def __init__(self) -> None:
        """Start with no module on its way."""
        self._specs: dict[str, ModuleSpec | None] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Claim conda's own names and no other."""
        del path, target
        return spec_from_loader(fullname, self) if fullname.partition(".")[0] == "conda" else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the vendored module, and keep its own spec: the import system overwrites it."""
        module = import_module(_VENDOR + spec.name)
        self._specs[spec.name] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Run nothing, since the module ran under its own name; give it its spec back."""
        name = module.__spec__.name if module.__spec__ else ""
        module.__spec__ = self._specs.pop(name)


def install() -> None:
    """Make `conda` importable without conda-lock itself, which would import Poetry and pydantic."""
    spec = find_spec("conda_lock")
    if spec is None:
        text = "conda-lock is not installed here"
        raise ImportError(text)
    # not executed, only a place to find `_vendor` in
    sys.modules["conda_lock"] = module_from_spec(spec)
    sys.meta_path.insert(0, Vendored())
    # Python 3.13 removed both, and conda 24.7.1 calls them
    if not hasattr(logging, "_acquireLock"):
        lock = logging._lock  # type: ignore[attr-defined]  # noqa: SLF001 - what the removed functions did
        logging._acquireLock, logging._releaseLock = lock.acquire, lock.release  # type: ignore[attr-defined] # noqa: SLF001


install()

# conda looks for CUDA in a spawned process, which imports this file again
if __name__ == "__main__":
    sys.argv[0] = "conda"
    sys.exit(import_module("conda.cli").main())
