"""The checks of the tools: manifests, lock, environment, and compatible packages."""

from __future__ import annotations

import contextlib
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tasks_lib.checks import imports
from tasks_lib.environments.base import MADE, State
from tasks_lib.environments.health_checks import STARTS
from tasks_lib.errors import LabError, Remedy
from tasks_lib.execution import failures
from tasks_lib.execution.plan import Step, unknown
from tasks_lib.execution.process import Command
from tasks_lib.ownership import graph
from tasks_lib.ownership.facts import Facts
from tasks_lib.project import conda_file, trust
from tasks_lib.results import Check, Result, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tasks_lib.environments.base import Activation, Environment
    from tasks_lib.execution.process import Outcome
    from tasks_lib.project.project import Project
    from tasks_lib.session.session import Session

_SETUP = Remedy("Create the environment", ("invoke", "setup"))
_NO_ENVIRONMENT = "There is no environment to check."
CONFIG_CONDA = Check(
    "config.conda",
    "the conda file is valid",
    "conda reads a broken file in its own way, or fails late.",
    Remedy("Correct the conda file"),
)
ENV_EXISTS = Check(
    "env.exists",
    "the environment exists",
    "Without an environment there is nothing to check.",
    _SETUP,
)
COMPAT = Check(
    "compat.requirements",
    "the installed packages are compatible",
    "Each distribution lists what it needs, and a later installation may have replaced that. `pip "
    "check` reports the "
    "same.",
    Remedy("Install what the lock lists, and remove strays", ("invoke", "deps.lock", "deps.sync")),
)
#: the rows of this module; environments and managers have their own
CHECKS = (CONFIG_CONDA, ENV_EXISTS, COMPAT, STARTS, imports.IMPORTS)
#: what Python's `site` says on stderr of a line that fails (3.9 to 3.14, `addpackage`)
_PTH = re.compile(r"Error processing line (\d+) of ([^\n]+):\n(.*?)\nRemainder of file", re.DOTALL)


def config(session: Session) -> Iterable[Step]:
    """Check the manifests; of the lock, only what is told without waiting for a resolution."""
    for step in manifest(session):
        yield step if step.known is unknown else replace(step, command=None)


def manifest(session: Session) -> Iterable[Step]:
    """Check the conda file where there is one, then let the manager check manifest and lock."""
    project = session.project
    if project.conda_path:
        title = f"check {project.conda_path.name}"
        yield Step(
            "check.config.conda", title, work=lambda: conda_file_checked(project), check=True
        )
    elif not session.environment.applies(project):
        session.environment.require()  # says what this layer is made from
    if lock := session.environment.layer_lock:
        yield from lock.check()
    if session.trusted or session.manager.reads_apart:
        yield from session.manager.checks(_activation(session))
    else:
        result = session.manager.lock_result(Status.SKIP, f"{trust.WHY}.", trust.REMEDY)
        yield Step("check.lock", result.title, work=lambda: [result], check=True)


def _activation(session: Session) -> Activation | None:
    """Return the activation, `None` without an environment that may be used.

    Where the project names no Python, `setup` has locked for that of the environment it makes.
    """
    made = session.command == "setup" and not session.project.pyproject.python_range
    try:
        if session.trusted and (made or session.environment.exists()):
            return session.environment.activation()
    except LabError:
        pass  # `config.conda` reports it
    return None


def conda_file_checked(project: Project) -> Iterable[Result]:
    """Read the conda file, and name what nothing installs."""
    try:
        file = project.conda_file
    except LabError as error:
        yield CONFIG_CONDA.of_error(Status.FAIL, error)
        return
    name = file.path.name
    for section, line in file.ignored:
        text, remedy = conda_file.ignored(section)
        yield CONFIG_CONDA.result(Status.WARN, text, remedy=remedy, file=name, line=line)
    if not file.ignored:
        yield CONFIG_CONDA.result(Status.PASS, file=name)


def doctor(session: Session) -> Iterable[Step]:
    """Run the engine's doctor where it has one, and verify what the records say."""
    environment = session.environment
    tool = environment.doctor()
    if tool:
        yield tool
    title = f"verify every file that the records of {environment.where} name"
    yield Step("check.doctor", title, work=lambda: _health(environment), needs=MADE, check=True)

    yield _start(session)


def _start(session: Session) -> Step:
    """Return the step that starts the environment's interpreter, which runs its .pth files."""
    why = "see whether the interpreter starts, and what its .pth files say"
    python = str(session.environment.python)
    return Step(
        "check.doctor.start",
        "start the interpreter",
        Command((python, "-I", "-B", "-c", ""), why),
        reads=_started,
        known=lambda _: _not_started(session),
        needs=MADE,
        check=True,
    )


def _not_started(session: Session) -> Iterable[Result] | None:
    if session.environment.state() is not State.PRESENT:
        return ()  # `env.exists` reports it
    if session.trusted:
        return None
    remedy = Remedy("Add --trust, if you trust its code")
    return [STARTS.result(Status.SKIP, f"{trust.WHY}.", remedy=remedy)]


def _started(outcome: Outcome) -> Iterable[Result]:
    """Read what was said: Python goes on where a line of a .pth file fails."""
    for line, path, said in _PTH.findall(outcome.stderr):
        reason = said.strip().rpartition("\n")[2].strip() or "it does not say why"
        yield STARTS.result(Status.FAIL, f"Line {line} of {Path(path).name} fails: {reason}")
    if not outcome.ok:
        said = (outcome.said.splitlines() or ["it printed nothing"])[-1]
        yield STARTS.result(Status.FAIL, f"The interpreter does not start: {said}")
    elif not _PTH.search(outcome.stderr):
        yield STARTS.result(Status.PASS)


def _health(environment: Environment) -> Iterable[Result]:
    state, prefix = environment.state(), environment.prefix
    if state in {State.PRESENT, State.BROKEN}:
        yield ENV_EXISTS.result(Status.PASS, str(prefix))
        yield from environment.health()
    elif state is State.FOREIGN:
        yield ENV_EXISTS.result(Status.FAIL, f"{prefix} is not an environment of this layer.")
    else:
        yield ENV_EXISTS.result(Status.FAIL, f"{prefix} does not exist.")


def compat(session: Session) -> Iterable[Step]:
    """Run `uv pip check`, which answers as `pip check` does, and sooner.

    uv starts the environment's interpreter: without trust, the records are compared here.
    """
    why = "look for requirements that are not met"
    command = session.environment.pip("check", why=why, cwd=session.project.root)
    reads = partial(_compatible, session)
    step = Step("check.compat", "check compatibility", command, reads=reads, needs=MADE, check=True)
    yield step if session.trusted else replace(step, known=lambda _: _compared(session))


def _compared(session: Session) -> Iterable[Result]:
    """Compare what each distribution requires with what is installed."""
    facts = Facts(session)
    if facts.prefix is None:
        return [COMPAT.result(Status.SKIP, _NO_ENVIRONMENT, remedy=_SETUP)]
    return _counted(facts, list(graph.unmet(facts)))


def _compatible(session: Session, outcome: Outcome) -> Iterable[Result]:
    """Read the words of `uv pip check`: its exit code does not tell the cases apart (uv 0.13)."""
    lines = [line.strip() for line in outcome.said.splitlines()]
    wrong = [line for line in lines if line.startswith("The package ")]
    no_python = ("No virtual environment or system Python", "Python interpreter not found")
    if wrong or outcome.ok:
        yield from _counted(Facts(session), wrong)
    elif any(words in outcome.said for words in no_python):
        yield COMPAT.result(Status.SKIP, _NO_ENVIRONMENT, remedy=_SETUP)
    else:
        error = failures.explain(outcome, title="pip check")
        yield COMPAT.of_error(Status.ERROR, error)


def _counted(facts: Facts, wrong: Sequence[str]) -> Iterable[Result]:
    """Return a failure for each sentence about a package that something needs, or one pass.

    What the environment came with, and nothing needs, does not count.
    """
    idle: set[str] = set()
    if wrong:
        with contextlib.suppress(LabError):  # a damaged lock, which `lock.fresh` reports
            idle = {f"`{name}`" for name in graph.idle_seeds(facts)}
    counting = [line for line in wrong if line.split()[2] not in idle]
    for line in counting:
        twice = "multiple installed distributions" in line
        remedy = facts.session.environment.renewal() if twice else None
        yield COMPAT.result(Status.FAIL, line, remedy=remedy)
    if not counting:
        text = f"{' '.join(wrong)} It came with the environment, and nothing here needs it."
        yield COMPAT.result(Status.PASS, text if wrong else "")


#: Each family's name is the first part of its results' ids. These run the tools, and `setup` ends
#: with the usual ones.
FAMILIES: dict[str, Callable[[Session], Iterable[Step]]] = {
    "config": config,
    "lock": manifest,
    "doctor": doctor,
    "compat": compat,
    "imports": imports.steps,
}
#: those that run without being asked for
USUAL = tuple(name for name in FAMILIES if name != imports.IMPORTS.family)
