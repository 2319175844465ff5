"""Write what `[tool.mlops-lab]` says to the manager's own tables."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tasks_lib.checks import own_settings
from tasks_lib.execution.files import write_texts
from tasks_lib.execution.plan import Step, Writes
from tasks_lib.importers import toml_document
from tasks_lib.project.manifests import PyProject

if TYPE_CHECKING:
    from tasks_lib.session.session import Session

STEP = "settings.write"


def step(session: Session) -> Step:
    """Return the step that writes what the tables do not say by then."""
    path = session.project.pyproject.path
    return Step(
        STEP,
        f"write what [tool.mlops-lab] says to the tables of {session.manager.name}",
        work=lambda: write_texts({path: text(session)}),
        shown=f"# write {path.name}",
        needs=("deps.edit",),
        writes=Writes.PROJECT,
        safe="the manifest is put back if the run fails",
    )


def renewed(session: Session) -> list[str] | None:
    """Return the packages to lock again from another index, None where that stays."""
    found = own_settings.differences(session.manager)
    if all(one.setting != own_settings.BUILD for one in found):
        return None
    return sorted({key[-1] for key in own_settings.declared(session.manager)})


def text(session: Session) -> str:
    """Return the manifest with all that its tables do not say; an index goes behind the rest."""
    project = session.project
    pyproject = PyProject.read(project.pyproject.path)
    manager = type(session.manager)(replace(project, pyproject=pyproject))
    found, rows = pyproject.text, []
    for one in own_settings.differences(manager):
        if one.key == manager.tables.index_key:
            rows.append(one.value)
        else:
            found = toml_document.with_value(found, one.key, one.value)
    for row in rows:
        found = toml_document.with_row(found, manager.tables.index_key, row)
    return found
