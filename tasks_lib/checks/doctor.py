"""Tell whether the environment is there, and sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks_lib.environments.base import MADE, State
from tasks_lib.plan import Step
from tasks_lib.report.model import Result, Status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tasks_lib.environments.base import Environment
    from tasks_lib.session import Session


def steps(session: Session) -> Iterable[Step]:
    """Ask the engine's doctor where it has one, and verify what the records say."""
    environment = session.environment
    tool = environment.doctor()
    if tool is not None:
        yield tool
    title = f"verify every file that the records of {environment.where} name"
    yield Step("check.doctor", title, work=lambda: _health(environment), needs=MADE, check=True)


def _health(environment: Environment) -> Iterable[Result]:
    state = environment.state()
    if state in {State.PRESENT, State.BROKEN}:
        yield Result("env.exists", Status.PASS, f"{environment.where} is there", str(environment.prefix))
        yield from environment.health()
        return
    detail = f"{environment.prefix} {'is no environment' if state is State.FOREIGN else 'does not exist'}."
    yield Result("env.exists", Status.FAIL, f"{environment.where} is there", detail, "make it: invoke setup")
