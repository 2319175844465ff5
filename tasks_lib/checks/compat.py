"""Tell whether the requirements of what is installed agree with each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks_lib import diagnosis, toolbox
from tasks_lib.environments.base import MADE
from tasks_lib.plan import Step
from tasks_lib.process import Command
from tasks_lib.report.model import Result, Status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tasks_lib.process import Outcome
    from tasks_lib.session import Session

_TITLE = "the installed packages are compatible"


def steps(session: Session) -> Iterable[Step]:
    """Run `uv pip check`, which answers as `pip check` does, and sooner."""
    argv = (toolbox.uv(), "pip", "check", "--python", str(session.environment.python))
    command = Command(argv, "look for requirements that are not met", cwd=session.project.root)
    yield Step("check.compat", "check compatibility", command, reads=_read, needs=MADE, check=True)


def _read(outcome: Outcome) -> Iterable[Result]:
    said = outcome.said.splitlines()
    wrong = [line.strip() for line in said if line.startswith("The package ")]
    if outcome.ok and not wrong:
        yield Result("compat.requirements", Status.PASS, _TITLE)
    elif wrong:
        for line in wrong:
            remedy = "lock and install anew: invoke deps.update"
            yield Result("compat.requirements", Status.FAIL, _TITLE, line, remedy)
    elif "No virtual environment or system Python" in outcome.said or "Python interpreter not found" in outcome.said:
        yield Result("compat.requirements", Status.SKIP, _TITLE, "there is no environment to look at", "invoke setup")
    else:
        error = diagnosis.explain(outcome, title="pip check")
        yield Result("compat.requirements", Status.ERROR, _TITLE, error.message, error.remedy)
