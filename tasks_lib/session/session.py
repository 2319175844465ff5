"""One run on one project: the combo that was chosen, and its two layers, composed."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib.environments import ENVIRONMENTS
from tasks_lib.managers import MANAGERS
from tasks_lib.project.manifests import unreadable
from tasks_lib.project.project import Project
from tasks_lib.results import Result, Status
from tasks_lib.session import combos

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks_lib.environments.base import Environment
    from tasks_lib.execution.plan import Step
    from tasks_lib.managers.base import Manager
    from tasks_lib.project.included import Included
    from tasks_lib.session.combos import Combo


@dataclass(frozen=True)
class Answer:
    """What a workflow found or did, before it is a report."""

    results: Sequence[Result] = ()
    data: dict[str, Any] = field(default_factory=dict)
    code: int | None = None  # where the task hands on a program's own exit code
    steps: Sequence[Step] = ()  # the plan of a dry run


@dataclass(frozen=True)
class Session:
    """A project with its environment layer and its manager."""

    project: Project
    combo: Combo
    environment: Environment
    manager: Manager
    command: str = ""
    #: the folder that `--project` named
    place: str = ""

    @classmethod
    def open(  # noqa: PLR0913 - each flag is one option
        cls,
        *,
        combo: str = "",
        engine: str = "",
        python: str = "",
        offline: bool = False,
        command: str = "",
        start: Path | None = None,
    ) -> Session:
        """Read the project that `start` (the current folder) lies in, and choose its combo."""
        project = Project.load(
            start or Path.cwd(),
            os.environ,
            combo=combo,
            engine=engine,
            python=python,
            offline=offline,
        )
        session = cls.of(project, combos.resolve(project), command)
        lock = session.manager.lock_path
        if lock.exists() and not os.access(lock, os.R_OK):
            raise unreadable(lock, lock.name, "no permission")
        return session

    @classmethod
    def of(cls, project: Project, combo: Combo, command: str = "") -> Session:
        """Return the session of a project and a combo that are known already."""
        environment = ENVIRONMENTS[combo.environment](project)
        return cls(project, combo, environment, MANAGERS[combo.manager](project), command)

    def flags(self) -> tuple[str, ...]:
        """Return the options with which later commands take this project and this combo too."""
        place = ("--project", self.place) if self.place else ()
        return (*place, *combos.flags(self.project, self.combo))

    @property
    def trusted(self) -> bool:
        """Return whether code of the repository may run."""
        return self.project.options.trusted

    def choosing(self, chosen: Included) -> Session:
        """Return the session for these optional parts of the project."""
        project = replace(self.project, chosen=chosen)
        return replace(self.of(project, self.combo, self.command), place=self.place)

    def untrusting(self) -> Session:
        """Return the session in which no code of the repository may run."""
        project = replace(self.project, options=self.project.options.untrusted)
        return self.of(project, self.combo, self.command)


def passed(check: str, title: str, detail: str = "", **data: str) -> Answer:
    """Answer with one result that passed."""
    return Answer([Result(check, Status.PASS, title, detail)], data)


def planned(steps: Sequence[Step]) -> Answer:
    """Answer a dry run: the very steps that a run would take."""
    return Answer(data={"plan": [step.as_dict() for step in steps]}, steps=tuple(steps))
