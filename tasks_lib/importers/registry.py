"""The kinds of files that `init` reads; a new kind is one module and one row here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from tasks_lib.importers.conda_files import CondaFiles
from tasks_lib.importers.declarations import MOST, NAME, Declarations
from tasks_lib.importers.pipfile import Pipfile
from tasks_lib.importers.poetry_tables import PoetryTables
from tasks_lib.importers.requirements_files import RequirementsFiles
from tasks_lib.importers.setup_cfg import SetupCfg
from tasks_lib.importers.setup_py import SetupPy
from tasks_lib.importers.setuptools_dynamic import SetuptoolsDynamic

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tasks_lib.importers.base import Importer
    from tasks_lib.project.project import Project

#: the kind of file that wins comes first
IMPORTERS: tuple[type[Importer], ...] = (
    SetuptoolsDynamic,
    PoetryTables,
    SetupCfg,
    SetupPy,
    Pipfile,
    RequirementsFiles,
    CondaFiles,
)


def read_all(project: Project) -> list[Declarations]:
    """Return what all files declare, without the project itself and without repetitions."""
    found: list[Declarations] = []
    for importer in IMPORTERS:
        for declared in importer(project).read():
            found.append(declared)
            if sum(len(one.items) for one in found) > 2 * MOST:
                declared.refuse(f"All files together have more than {MOST} requirements", None)
    name = _project_name(project, found)
    if name:
        for declared in found:
            declared.leave_out(canonicalize_name(name))
    return _without_repetitions(found)


def _project_name(project: Project, found: Iterable[Declarations]) -> str:
    """Return the project's name; what only names an environment does not count."""
    name = project.pyproject.table("project").get("name")
    if name:
        return str(name)
    for declared in found:
        for item in declared.items:
            if item.target == NAME and not declared.spare:
                return str(item.value)
    return ""


def _without_repetitions(found: Iterable[Declarations]) -> list[Declarations]:
    """Return each file once that is read for itself and because another file names it."""
    kept: list[Declarations] = []
    for declared in found:
        is_known = any(
            declared.file == other.file and declared.items == other.items for other in kept
        )
        if not declared.items or not is_known:
            kept.append(declared)
    return kept
