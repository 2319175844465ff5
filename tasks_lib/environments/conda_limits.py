"""How old a package of conda's has to be: which engines know it, and which take all there are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.version import Version

from tasks_lib.environments.conda_messages import LOCK_LAYER
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution import process
from tasks_lib.project.manifests import PYPROJECT

if TYPE_CHECKING:
    from tasks_lib.environments.conda_engines import Engine
    from tasks_lib.environments.conda_layer_lock import CondaLayerLock

_VERSION = re.compile(r"\d+(?:\.\d+)+")


def older(said: str, since: str) -> str:
    """Return the version that an engine said, empty where it is no older than `since`."""
    found = _VERSION.search(said)
    if found is None or Version(found[0]) >= Version(since):
        return ""
    return found[0]


def expect(engine: Engine, lock: CondaLayerLock) -> None:
    """Raise an error where nothing would follow `exclude-newer`: neither the lock nor an engine."""
    if lock.serves or not (engine.is_cli and engine.options.exclude_newer):
        return
    asked = process.run(engine.ask("ask the engine for its version", "--version"))
    version = older(asked.stdout, engine.limits_since)
    if not version:
        return
    text = (
        f"{engine.name} {version} takes the newest packages, whatever exclude-newer in "
        f"[tool.mlops-lab] says; {engine.name} {engine.limits_since} would follow it."
    )
    raise LabError(text, ErrorCode.NOT_SUPPORTED, file=PYPROJECT, remedy=LOCK_LAYER)
