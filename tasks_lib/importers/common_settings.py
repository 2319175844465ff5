"""What every combo needs in `pyproject.toml`: metadata, and settings by which managers agree."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks_lib.execution import files
from tasks_lib.importers.declarations import (
    DYNAMIC,
    GROUPS,
    MAIN,
    NAME,
    PYTHON,
    Declarations,
    Target,
)
from tasks_lib.importers.merging import BACKEND, REQUIRES
from tasks_lib.importers.metadata import distribution
from tasks_lib.importers.poetry_tables import BACKEND as POETRY_BACKEND
from tasks_lib.importers.poetry_tables import CORE
from tasks_lib.managers import MANAGERS
from tasks_lib.managers.poetry_tables import has_module
from tasks_lib.project.manifests import PYPROJECT, read_text
from tasks_lib.project.version_ranges import minor
from tasks_lib.tools import executables

if TYPE_CHECKING:
    from tasks_lib.importers.merging import Merged
    from tasks_lib.managers.base import Manager
    from tasks_lib.project.project import Project

COMBO: Target = ("tool", "mlops-lab", "combo")
_VERSION: Target = ("project", "version")
_PYTHON = re.compile(r"3\.\d+(\.\d+)?")


def complete(project: Project, manager: Manager, merged: Merged, combo: str) -> None:
    """Add what is missing, so that every manager installs what `manager` does."""
    needed = Declarations(PYPROJECT, adds=True)
    needed.put(NAME, distribution(project.root.name) or "project")
    dynamic = list(merged.at(DYNAMIC) or ())
    if not dynamic and _is_computed_by_setuptools(merged):
        dynamic = ["version"]
        needed.put(DYNAMIC, dynamic)
    if "version" not in dynamic:
        needed.put(_VERSION, "0.1.0")
    needed.put(PYTHON, f">={_python(project)}")
    if not merged.entries(MAIN) and "dependencies" not in dynamic:
        needed.put(MAIN, [])
    optional = set(project.pyproject.table(GROUPS)) - manager.default_groups()
    for other in MANAGERS.values():
        optional |= other.tables.optional_groups(project.pyproject)
    package = _is_package(project, merged)
    if package and not merged.is_built:  # Poetry, which needs no build system, installed it
        needed.put(REQUIRES, [CORE])
        needed.put(BACKEND, POETRY_BACKEND)
    for other in MANAGERS.values():
        settings = other.tables.settings(
            package=package,
            dynamic_version="version" in dynamic,
            groups=merged.groups(),
            optional=optional,
        )
        for target, value in settings.items():
            needed.put(target, value)
    needed.put(COMBO, combo)
    merged.take(needed)


def _is_computed_by_setuptools(merged: Merged) -> bool:
    """Return whether a plugin of setuptools computes the version."""
    backend = str(merged.at(BACKEND) or "")
    return merged.at(_VERSION) is None and backend.startswith("setuptools")


def _python(project: Project) -> str:
    """Return the minor version that `.python-version` names, else the one that runs this."""
    python = executables.running_python()
    pinned = files.inside(project.root, project.root / ".python-version")
    for word in read_text(pinned).split() if pinned.is_file() else ():
        if _PYTHON.fullmatch(word):
            python = word
            break
    return minor(python)


def _is_package(project: Project, merged: Merged) -> bool:
    """Return whether the managers are to install the project itself."""
    for manager in MANAGERS.values():
        if manager.tables.package_key and merged.at(manager.tables.package_key) is False:
            return False
    backend = merged.at(BACKEND)
    if backend is None and (merged.is_built or not project.pyproject.table("tool", "poetry")):
        return False
    if backend is None or str(backend).startswith("poetry"):
        return has_module(project, str(merged.at(NAME)))
    return True
