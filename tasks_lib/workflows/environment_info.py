"""Look at environments, and enter one: nothing here changes the project."""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib.environments import ENVIRONMENTS, conda_health, foreign, jupyter, shells
from tasks_lib.environments.base import State
from tasks_lib.errors import ErrorCode, LabError, Remedy, meant
from tasks_lib.execution import process, shell_words
from tasks_lib.managers import MANAGERS
from tasks_lib.ownership import graph
from tasks_lib.ownership.facts import Facts
from tasks_lib.ownership.owners import Owner
from tasks_lib.results import Result, Status
from tasks_lib.session.session import Answer
from tasks_lib.tools import package_index
from tasks_lib.tools.variables import Use

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tasks_lib.environments.base import Activation
    from tasks_lib.report.progress import Progress
    from tasks_lib.session.session import Session


def listing(session: Session, name: str = "") -> Answer:
    """List the project's environments, then the others of this machine; `name` selects one.

    Each row has the environment's kind, Python, state and path, whether it is the project's, and
    whether it is active in the shell that started this run.

    Raises:
        LabError: No environment has this name.
    """
    rows: dict[str, dict[str, Any]] = {}
    for row in (*_own(session), *_others(session)):
        rows.setdefault(row["path"], row)
    found = list(rows.values())
    if name:
        found = [row for row in found if row["name"] == name and row["state"] != "absent"]
    if not found:
        names = ", ".join(row["name"] for row in rows.values())
        text = f"There is no environment {name!r}; there are {names}."
        remedy = Remedy("See all of them", ("invoke", "env.list"))
        remedy = meant(name, (row["name"] for row in rows.values()), remedy)
        raise LabError(text, ErrorCode.UNKNOWN_ENVIRONMENT, remedy=remedy)
    return Answer(data={"environments": found})


def _own(session: Session) -> Iterator[dict[str, Any]]:
    """Yield the project's environment of each layer that exists, and of this run's layer."""
    for layer in ENVIRONMENTS.values():
        if layer.applies(session.project):
            one = layer(session.project)
            state = one.state()
            if state is not State.ABSENT or one.kind == session.environment.kind:
                yield _row(one.kind, one.name, one.prefix, state, mine=True)


def _others(session: Session) -> Iterator[dict[str, Any]]:
    """Yield what other tools keep for the project, then what each layer knows on this machine."""
    for one in foreign.virtual_environments(session.project, os.environ):
        has_programs = (one.prefix / "bin").is_dir() or (one.prefix / "Scripts").is_dir()
        state = State.PRESENT if has_programs else State.BROKEN
        yield _row(one.kind, one.prefix.name, one.prefix, state, mine=True)
    for layer in ENVIRONMENTS.values():
        for name, prefix in layer.on_machine():
            yield _row(layer.kind, name, prefix, State.PRESENT, mine=False)


def _row(kind: str, name: str, prefix: Path, state: State, *, mine: bool) -> dict[str, Any]:
    return {
        "name": name,
        "kind": kind,
        "python": conda_health.python_version(prefix) if state is State.PRESENT else "",
        "state": state.value,
        "project": mine,
        "active": str(prefix) in {os.environ.get("VIRTUAL_ENV"), os.environ.get("CONDA_PREFIX")},
        "path": str(prefix),
    }


def info(session: Session) -> Answer:
    """Describe the environment: combo, engine, folder, Python, packages by owner, and the tools."""
    environment = session.environment
    lock = session.manager.lock_path
    state = environment.state()
    data: dict[str, Any] = {
        "combo": session.combo.id,
        "because": session.combo.reason,
        "environment": environment.name,
        "engine": environment.engine,
        "manager": session.manager.name,
        "state": state.value,
        "path": str(environment.prefix),
    }
    if state is State.PRESENT:
        facts = Facts(session)
        owners = Counter(graph.owners(facts).values())
        owners[Owner.CONDA] = len(facts.conda)  # not each of them is a Python distribution
        data["python"] = environment.python_version()
        data["interpreter"] = str(environment.python)
        data["packages"] = owners.total()
        shown = [owner for owner in Owner if owner is not Owner.PIP or owners[owner]]
        data["packages_by_owner"] = {owner: owners[owner] for owner in shown}
    data["extras"] = session.manager.chosen_extras()
    if not session.project.included.dev:
        data["left_out"] = sorted(session.manager.default_groups())
    data["lock"] = f"no {lock.name}"
    if lock.is_file():
        data["lock"] = f"{lock.name} ({len(session.manager.locked())} packages)"
    data["platform"] = f"{platform.system()} {platform.machine()}"
    data |= environment.details()
    kernels = jupyter.of_project(session.project.root, environment.prefix)
    data["kernels"] = [one.as_dict() for one in kernels]
    data["tool_environment"] = sys.prefix
    return Answer(data=data)


def entered(session: Session) -> Activation:
    """Return the activation for a user's own programs: no manager is led to another environment."""
    value = session.environment.require()
    names: list[str] = []
    for manager in MANAGERS.values():
        for table in manager.variables:
            names += table.named(Use.ENVIRONMENT)
    return replace(value, variables={**dict.fromkeys(names), **value.variables})


def activation(session: Session, shell_name: str, *, undo: bool = False) -> Answer:
    """Return the script that activates the environment, or the one that undoes it.

    `shell_name` is empty for the shell that started this run.
    """
    chosen = shell_name or shell_words.of_user()
    value = entered(session)
    script = shells.deactivation_script(chosen) if undo else shells.activation_script(chosen, value)
    return Answer(data={"shell": chosen, "script": script})


def shell(session: Session, progress: Progress, shell_name: str) -> Answer:
    """Open an interactive shell in the environment; the answer has its exit code."""
    value = entered(session)
    chosen = shell_name or shell_words.of_user()
    with tempfile.TemporaryDirectory(prefix="mlops-lab-") as folder:
        command = shells.interactive(chosen, value, Path(folder))
        env = {**package_index.for_programs(session.project.options), **command.env}
        progress.give_terminal()
        return Answer(code=process.run_attached(replace(command, env=env)))


def run(
    session: Session,
    progress: Progress,
    text: str,
    words: Sequence[str],
    *,
    captured: bool = False,
) -> Answer:
    """Run a command in the environment; the answer has its exit code.

    It runs with the environment's own PATH and variables. `captured` output is part of the answer.

    Raises:
        LabError: No command was given, or there is no such program.
    """
    try:
        argv = [*shlex.split(text), *words]
    except ValueError:
        remedy = Remedy("Close the quote, or give the command behind --")
        message = f"The command is not one word list: {text!r}."
        raise LabError(message, ErrorCode.INVALID_OPTION, remedy=remedy) from None
    if not argv:
        message = "No command was given."
        remedy = Remedy("Give one after --", ("invoke", "env.run", "--", "python", "-V"))
        raise LabError(message, ErrorCode.NO_COMMAND, remedy=remedy)
    value = entered(session)
    env = {**package_index.for_programs(session.project.options), **value.env()}
    program = shutil.which(argv[0], path=env["PATH"])
    if program is None:
        message = f"There is no program {argv[0]!r} in {session.environment.where} or on PATH."
        raise LabError(message, ErrorCode.PROGRAM_NOT_FOUND)
    env["PYTHONUTF8"] = os.environ.get("PYTHONUTF8")  # as the user's shell has it
    command = process.Command((program, *argv[1:]), env=env)
    if not captured:
        progress.give_terminal()
        return Answer(code=process.run_attached(command))
    outcome = process.run(command)
    status = Status.PASS if outcome.ok else Status.FAIL
    detail = f"exit code {outcome.code}"
    result = Result("env.run", status, shell_words.joined(argv), detail, seconds=outcome.seconds)
    data = {"stdout": outcome.stdout, "stderr": outcome.stderr, "returncode": outcome.code}
    return Answer([result], data, code=outcome.code)
