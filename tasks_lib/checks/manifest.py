"""Tell whether the manifests are valid, and whether the lock fits them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks_lib.environments.base import State
from tasks_lib.errors import LabError
from tasks_lib.plan import Step
from tasks_lib.report.model import Result, Status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tasks_lib.environments.base import Activation
    from tasks_lib.project import Project
    from tasks_lib.session import Session


def steps(session: Session) -> Iterable[Step]:
    """Check conda's file where there is one, then what the manager has to say."""
    project = session.project
    if project.conda_path is not None:
        title = f"check {project.conda_path.name}"
        yield Step("check.config.conda", title, work=lambda: _conda_file(project), check=True)
    elif not session.environment.applies(project):
        session.environment.require()  # says what this layer is made from
    yield from session.manager.checks(_activation(session))


def _activation(session: Session) -> Activation | None:
    """Give the environment's activation, nothing where there is none or where conda's file cannot be read."""
    try:
        usable = session.environment.state() is State.PRESENT
        return session.environment.activation() if usable else None
    except LabError:
        return None  # `config.conda` reports it


def _conda_file(project: Project) -> Iterable[Result]:
    path = project.conda_path
    title = f"{path.name if path else 'conda.yml'} is valid"
    try:
        name = project.conda_file.path.name
    except LabError as error:
        yield Result("config.conda", Status.FAIL, title, error.message, error.remedy, error.file, error.line)
    else:
        yield Result("config.conda", Status.PASS, title, file=name)
