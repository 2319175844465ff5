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

from tasks_lib.environments import ENVIRONMENTS, conda_health, foreign, shells
from tasks_lib.environments.base import State
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution import process
from tasks_lib.ownership.facts import Facts
from tasks_lib.ownership.owners import Owner
from tasks_lib.results import Result, Status
from tasks_lib.session.session import Answer
from tasks_lib.tools import package_index

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks_lib.session.session import Session


def listing(session: Session, name: str = "") -> Answer:
    """List the project's environments of every kind, then conda's, each with what it is; only those of a `name`."""
    rows: list[dict[str, Any]] = []
    for layer in ENVIRONMENTS.values():
        if layer.applies(session.project):
            environment = layer(session.project)
            state = environment.state()
            if state is not State.ABSENT or layer is type(session.environment):
                rows.append(
                    _row(
                        environment.prefix,
                        environment.kind,
                        environment.name,
                        state.value,
                        mine=True,
                    )
                )
    known = {row["path"] for row in rows}
    for one in foreign.virtual_environments(session.project, os.environ):
        if str(one.prefix) not in known:
            broken = not any((one.prefix / folder).is_dir() for folder in ("bin", "Scripts"))
            state = State.BROKEN if broken else State.PRESENT
            rows.append(_row(one.prefix, one.kind, one.prefix.name, state.value, mine=one.mine))
    for layer in ENVIRONMENTS.values():
        for other, prefix in layer.on_machine():
            if str(prefix) not in known:
                rows.append(_row(prefix, layer.kind, other, State.PRESENT.value, mine=False))
    found = [
        row
        for row in rows
        if not name or (row["name"] == name and row["state"] != State.ABSENT.value)
    ]
    if name and not found:
        text = f"there is no environment {name!r}; there are {', '.join(str(row['name']) for row in rows)}."
        raise LabError(
            text, ErrorCode.UNKNOWN_ENVIRONMENT, remedy="see all of them: invoke env.list"
        )
    return Answer(data={"environments": found})


def _row(prefix: Path, kind: str, name: str, state: str, *, mine: bool) -> dict[str, Any]:
    active = str(prefix) in {os.environ.get("VIRTUAL_ENV"), os.environ.get("CONDA_PREFIX")}
    python = conda_health.python_version(prefix) if state == State.PRESENT.value else ""
    row: dict[str, Any] = {"name": name, "kind": kind, "python": python, "state": state}
    return {**row, "project": mine, "active": active, "path": str(prefix)}


def info(session: Session) -> Answer:
    """Describe the environment: combo, engine, folder, Python, packages by layer, and the tools."""
    environment, manager = session.environment, session.manager
    state = environment.state()
    data: dict[str, Any] = {
        "combo": session.combo.id,
        "because": session.combo.reason,
        "environment": environment.name,
        "engine": environment.engine,
        "manager": manager.name,
        "state": state.value,
        "path": str(environment.prefix),
    }
    if state is State.PRESENT:
        facts = Facts(session)
        owners = Counter({one.name: facts.owner(one) for one in facts.distributions}.values())
        owners[Owner.CONDA] = len(facts.conda)  # of which some are no distributions of Python's
        data["python"] = conda_health.python_version(environment.prefix)
        data["interpreter"] = str(environment.python)
        data["packages"] = owners.total()
        data["packages_by_owner"] = {owner: owners[owner] for owner in Owner}
    lock = manager.lock_path
    data["lock"] = (
        f"{lock.name} ({len(manager.locked())} packages)" if lock.is_file() else f"no {lock.name}"
    )
    data["platform"] = f"{platform.system()} {platform.machine()}"
    if environment.owns_packages:
        data["virtual_packages"] = conda_health.virtual_packages()
    data["tool_environment"] = sys.prefix
    return Answer(data=data)


def activation(session: Session, shell_name: str, *, undo: bool = False) -> Answer:
    """Give the script that activates the environment, or the one that undoes it."""
    chosen = shell_name or shells.detect(os.environ)
    value = session.environment.require()
    script = shells.deactivation_script(chosen) if undo else shells.activation_script(chosen, value)
    return Answer(data={"shell": chosen, "script": script})


def shell(session: Session, shell_name: str) -> Answer:
    """Open an interactive shell in the environment, and hand on its exit code."""
    value = session.environment.require()
    chosen = shell_name or shells.detect(os.environ)
    with tempfile.TemporaryDirectory(prefix="mlops-lab-") as folder:
        command = shells.interactive(chosen, value, Path(folder))
        env = {**package_index.for_programs(session.project.options), **command.env}
        return Answer(code=process.run_attached(replace(command, env=env)))


def run(session: Session, text: str, words: Sequence[str], *, captured: bool = False) -> Answer:
    """Run a command through the environment's own interpreter, PATH and variables, and hand on its exit code."""
    argv = [*shlex.split(text), *words]
    if not argv:
        message = "no command was given."
        raise LabError(
            message, ErrorCode.NO_COMMAND, remedy="give one behind --: invoke env.run -- python -V"
        )
    value = session.environment.require()
    env = {**package_index.for_programs(session.project.options), **value.env()}
    program = shutil.which(argv[0], path=env["PATH"])
    if program is None:
        message = f"there is no program {argv[0]!r} in {session.environment.where} or on PATH."
        raise LabError(message, ErrorCode.PROGRAM_NOT_FOUND)
    command = process.Command((program, *argv[1:]), env=env)
    if not captured:
        return Answer(code=process.run_attached(command))
    outcome = process.run(command)
    status = Status.PASS if outcome.ok else Status.FAIL
    result = Result(
        "env.run", status, shlex.join(argv), f"exit code {outcome.code}", seconds=outcome.seconds
    )
    data = {"stdout": outcome.stdout, "stderr": outcome.stderr, "returncode": outcome.code}
    return Answer([result], data, code=outcome.code)
