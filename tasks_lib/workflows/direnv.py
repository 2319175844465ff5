"""Let direnv activate the environment: a marked part of the project's `.envrc`."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from tasks_lib.environments import shells
from tasks_lib.execution import files, process, redaction
from tasks_lib.execution.plan import Step, Writes
from tasks_lib.project.manifests import read_text
from tasks_lib.session.session import Answer, passed
from tasks_lib.workflows.changes import carry_out
from tasks_lib.workflows.environment_info import entered

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks_lib.environments.base import Activation
    from tasks_lib.execution.plan import Watcher
    from tasks_lib.session.session import Session

FILE = ".envrc"
_BEGIN, _END = "# >>> mlops-lab env.direnv >>>\n", "# <<< mlops-lab env.direnv <<<\n"
_PART = re.compile(f"{_BEGIN}.*?{_END}", re.DOTALL)


def make(session: Session, watcher: Watcher, *, dry_run: bool = False) -> Answer:
    """Write the part that activates the environment; an older one is replaced.

    Raises:
        LabError: There is no environment.
    """
    path, before = _read(session)
    activation = entered(session)
    secrets = [name for name in activation.variables if redaction.is_secret(name)]
    part = _part(session, activation, secrets)
    after = _PART.sub(lambda _: part, before, count=1)
    if not _PART.search(before):
        after = before + ("" if before[-1:] in {"", "\n"} else "\n") + part
    hidden = {}
    for name, value in activation.variables.items():
        hidden[name] = value and process.visible(name, value)[0]
    shown = _part(session, replace(activation, variables=hidden), secrets)
    title = f"let direnv activate {session.environment.where}"
    shown = f"cat >> {FILE} <<'EOF'\n{shown}EOF"
    step = _step(path, after, title, shown)
    answer = carry_out(session, watcher, [step], changes=[path], dry_run=dry_run)
    data = {"file": FILE, "left_out": secrets, "next": "direnv allow"}
    return answer if dry_run else replace(answer, data=data)


def _part(session: Session, activation: Activation, secrets: Sequence[str]) -> str:
    """Return the marked part, which says of each secret that it is not in there."""
    lines = [f"# {name} is a secret: export it in a file of your own\n" for name in secrets]
    public = {name: text for name, text in activation.variables.items() if name not in secrets}
    script = shells.direnv(replace(activation, variables=public), session.project.root)
    return "".join([_BEGIN, *lines, script, _END])


def remove(session: Session, watcher: Watcher, *, dry_run: bool = False) -> Answer:
    """Take the part out; a file with nothing else is deleted."""
    path, before = _read(session)
    after = _PART.sub("", before)
    if after == before:
        return passed("env.direnv", f"{FILE} has no part of this task", "nothing to remove")
    title = f"take the environment out of {FILE}"
    shown = f"sed -i '/{_BEGIN.strip()}/,/{_END.strip()}/d' {FILE}" if after else f"rm {FILE}"
    step = _step(path, after, title, shown)
    return carry_out(session, watcher, [step], changes=[path], dry_run=dry_run)


def _read(session: Session) -> tuple[Path, str]:
    root = session.project.root
    path = files.inside(root, root / FILE)
    return path, read_text(path, FILE) if os.path.lexists(path) else ""


def _step(path: Path, text: str, title: str, shown: str) -> Step:
    def work() -> None:
        if text:
            files.write(path, text.encode())
        else:
            path.unlink()

    return Step(
        "env.direnv",
        title,
        work=work,
        shown=shown,
        writes=Writes.PROJECT,
        safe="all else in the file stays, and it is put back if the run fails",
    )
