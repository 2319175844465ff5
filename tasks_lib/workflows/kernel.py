"""Describe the environment to Jupyter as a kernel, and take that back."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tasks_lib.environments import claims, jupyter, shells, site_packages
from tasks_lib.environments.base import WINDOWS
from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import failures, files, process, shell_words
from tasks_lib.execution.plan import Step, Writes
from tasks_lib.report.remedies import program
from tasks_lib.session.session import Answer, passed
from tasks_lib.workflows.changes import carry_out

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tasks_lib.environments.base import Activation
    from tasks_lib.execution.plan import Watcher
    from tasks_lib.session.session import Session

_SAFE = "replaces one file of this program's own"
#: what a shell sets for itself
_OF_SHELLS = {"_", "SHLVL", "PWD", "OLDPWD", "PS1"}
#: prints the variables, runs the script, and prints them again; the script's own words go to stderr
_TELL = 'tell() { "$2" -I -c "$3"; }; tell "$@"; eval "$1" >&2; tell "$@"'
_VARIABLES = "import json, os; print(json.dumps(dict(os.environ)))"


def make(  # noqa: PLR0913 - each is one option
    session: Session,
    watcher: Watcher,
    *,
    name: str = "",
    display_name: str = "",
    inside: bool = False,
    dry_run: bool = False,
) -> Answer:
    """Write the description of a kernel that runs in the environment with all of its variables.

    It is for every Jupyter of this user, or, if `inside`, for the one in the environment itself.

    Raises:
        LabError: The environment has no ipykernel, or the name is taken.
    """
    environment, root = session.environment, session.project.root
    activation = environment.require()
    if jupyter.PACKAGE not in site_packages.installed(activation.prefix):
        text = f"{environment.where} has no {jupyter.PACKAGE}, which a kernel starts."
        remedy = Remedy("Add it", ("invoke", "deps.add", jupyter.PACKAGE, "--group", "dev"))
        raise LabError(text, ErrorCode.PROGRAM_NOT_FOUND, remedy=remedy)
    named = _named(session, name)
    file = jupyter.of_user() / named / jupyter.FILE
    if inside:
        claims.refuse_frozen(environment)
        file = jupyter.of_environment(activation.prefix) / named / jupyter.FILE
        files.inside(activation.prefix, file)
    _refuse_occupied(file, root)
    display = display_name or f"{session.project.pyproject.name or root.name} ({session.combo.id})"
    sourced: dict[str, str] = {}
    steps = list(_sourcing(activation, sourced))

    def write() -> None:
        values = jupyter.variables(activation, sourced)
        text = json.dumps(jupyter.description(activation, display, root, values), indent=1)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise files.unwritable(file.parent, error) from None
        files.write(file, text.encode(), private=True)  # a variable may be a secret

    words = [str(activation.python), "-m", jupyter.PACKAGE, "install"]
    words += ["--sys-prefix" if inside else "--user", "--name", named, "--display-name", display]
    for key, value in jupyter.variables(activation, {}).items():
        words += ["--env", key, process.visible(key, value)[0]]
    title = f"describe {environment.where} to Jupyter as {display}"
    shown = shell_words.joined(words)
    steps.append(
        Step("env.kernel", title, work=write, shown=shown, needs=("kernel.variables",), safe=_SAFE)
    )
    steps = [replace(step, writes=Writes.PROJECT) for step in steps]
    answer = carry_out(session, watcher, steps, changes=(), dry_run=dry_run)
    data = {"kernel": named, "display_name": display, "file": str(file)}
    return answer if dry_run else replace(answer, data=data)


def _named(session: Session, name: str) -> str:
    """Return the kernel's name: the given one, else the project's."""
    if name and not jupyter.NAME.fullmatch(name.lower()):
        text = f"{name!r} cannot be the name of a kernel."
        remedy = Remedy("Use letters, digits, hyphens, dots and underscores")
        raise LabError(text, ErrorCode.INVALID_OPTION, remedy=remedy)
    project = session.project
    words = re.sub(r"[^a-z0-9._-]+", "-", (project.pyproject.name or project.root.name).lower())
    return name.lower() or words.strip("-.") or "mlops-lab"


def _refuse_occupied(file: Path, root: Path) -> None:
    """Raise an error where a kernel of the name is somebody else's."""
    if not os.path.lexists(file):
        return
    for one in jupyter.listed(file.parents[1]):
        if one.file == file and (one.is_of(root) or one.is_orphan):
            return
    name = file.parent.name
    text = f"Jupyter has another kernel {name!r} already: {file}."
    remedy = Remedy("Give this one another name", ("invoke", "env.kernel", "--name", f"{name}-2"))
    raise LabError(text, ErrorCode.PATH_OCCUPIED, file=file, remedy=remedy)


def _sourcing(activation: Activation, sourced: dict[str, str]) -> Iterator[Step]:
    """Yield the step that notes what the environment's own scripts set, where it has some."""
    bash = shutil.which("bash") or shutil.which("sh")
    if WINDOWS or bash is None or not activation.scripts:
        return
    script = shells.activation_script("bash", activation)
    argv = (bash, "-c", _TELL, bash, script, sys.executable, _VARIABLES)

    def note() -> None:
        outcome = failures.demand(process.run(process.Command(argv)), title="activate")
        before, after = map(json.loads, outcome.stdout.splitlines())
        changed = dict(after.items() - before.items())
        names = filter(str.isidentifier, changed.keys() - _OF_SHELLS)
        sourced.update({name: changed[name] for name in names})

    line = shells.hint("bash", program())
    title = "note the variables that the scripts in activate.d set"
    yield Step(
        "kernel.variables",
        title,
        work=note,
        shown=f"({line}; env)",
        safe="only variables are taken over",
    )


def remove(session: Session, watcher: Watcher, *, name: str = "", dry_run: bool = False) -> Answer:
    """Delete the descriptions of this project's kernels, or of the one of this name."""
    found = jupyter.of_project(session.project.root, session.environment.prefix)
    chosen = [one for one in found if name.lower() in {"", one.name}]
    if not chosen:
        which = f"kernel {name!r}" if name else "kernel"
        return passed("env.kernel", f"this project has no {which}", "nothing to remove")
    steps = [_removal(one.file, number) for number, one in enumerate(chosen)]
    answer = carry_out(session, watcher, steps, changes=(), dry_run=dry_run)
    return answer if dry_run else replace(answer, data={"removed": _names(chosen)})


def _names(kernels: Sequence[jupyter.Kernel]) -> list[str]:
    return [one.name for one in kernels]


def _removal(file: Path, number: int) -> Step:
    return Step(
        f"env.kernel.{number}" if number else "env.kernel",
        f"delete the kernel {file.parent.name}",
        work=partial(_delete, file),
        shown=shell_words.joined(["rm", str(file)]),
        writes=Writes.PROJECT,
        safe="what else is in its folder stays",
    )


def _delete(file: Path) -> None:
    """Delete a kernel's file, and its folder where nothing else is in it.

    Raises:
        LabError: `cannot_delete`.

    """
    try:
        file.unlink(missing_ok=True)
        if not any(file.parent.iterdir()):
            file.parent.rmdir()
    except OSError as error:
        text = f"{file} cannot be deleted: {error.strerror}."
        remedy = Remedy(f"Check the permissions of {file.parent}")
        raise LabError(text, ErrorCode.CANNOT_DELETE, file=file, remedy=remedy) from None
