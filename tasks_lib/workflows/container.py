"""Write a Dockerfile for the combo, and the files that a development container needs beside it."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import files
from tasks_lib.execution.plan import Step, Writes
from tasks_lib.project.manifests import read_text
from tasks_lib.project.version_ranges import allowed, minor
from tasks_lib.session.session import Answer, passed
from tasks_lib.workflows import container_parts
from tasks_lib.workflows.changes import carry_out
from tasks_lib.workflows.container_parts import HOME, PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tasks_lib.execution.plan import Watcher
    from tasks_lib.session.session import Session

DOCKERFILE, IGNORED, DEVCONTAINER = "Dockerfile", ".dockerignore", ".devcontainer/devcontainer.json"
_PROJECT = f"{HOME}/project"
_PYTHONS = ("3.14", "3.13", "3.12", "3.11", "3.10")
#: the line by which a file is known again: the hash of all other lines
_MARK = re.compile(r"^(?:#|//) mlops-lab env\.container ([0-9a-f]{16})\n", re.MULTILINE)
_IGNORED = """\
.git
.venv
.nox
.env
.env.*
.envrc
**/__pycache__
"""


class _State(Enum):
    """Whose a file is; the words end a sentence that says how it came to be."""

    ABSENT = "absent"
    OURS = "ours"
    CHANGED = "changed since this task wrote it"
    FOREIGN = "not written by this task"


@dataclass(frozen=True)
class _File:
    """A file of the project: its place, its path as shown, and whose it is."""

    place: Path
    shown: str
    state: _State

    @classmethod
    def read(cls, root: Path, shown: str) -> _File:
        """Look at a file.

        Raises:
            LabError: It leads out of the project, or cannot be read.

        """
        place = files.inside(root, root / shown)
        if not os.path.lexists(place):
            return cls(place, shown, _State.ABSENT)
        text = read_text(place, shown).replace("\r\n", "\n")
        mark = _MARK.search(text)
        if mark is None:
            return cls(place, shown, _State.FOREIGN)
        fits = _hash(_MARK.sub("", text, count=1)) == mark[1]
        return cls(place, shown, _State.OURS if fits else _State.CHANGED)


def _hash(text: str) -> str:
    """Return the 16 digits that a mark has of the other lines."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def make(session: Session, watcher: Watcher, *, dry_run: bool = False) -> Answer:
    """Write the files; those of an earlier run are replaced.

    Raises:
        LabError: There is no lock, or one of the files is the user's.
    """
    root, texts = session.project.root, _texts(session)
    steps, places = [], []
    for shown, text in texts.items():
        file = _File.read(root, shown)
        if shown == IGNORED and file.state in {_State.FOREIGN, _State.CHANGED}:
            continue
        if file.state in {_State.FOREIGN, _State.CHANGED}:
            said = f"{shown} exists, and was {file.state.value}."
            remedy = Remedy("Move it away", ("mv", shown, f"{shown}.old"))
            raise LabError(said, ErrorCode.PATH_OCCUPIED, file=shown, remedy=remedy)
        steps.append(_step(file, text))
        places.append(file.place)
    return _carried_out(session, watcher, steps, places, dry_run=dry_run)


def remove(session: Session, watcher: Watcher, *, dry_run: bool = False) -> Answer:
    """Delete those of the files that are as this task wrote them."""
    read = [_File.read(session.project.root, shown) for shown in _NAMES]
    ours = [file for file in read if file.state is _State.OURS]
    left = [f"{one.shown} was {one.state.value}" for one in read if one.state is _State.CHANGED]
    if not ours:
        return passed("env.container", "; ".join(left) or "nothing to remove")
    steps = [_step(file, "") for file in ours]
    places = [file.place for file in ours]
    return _carried_out(session, watcher, steps, places, left, dry_run=dry_run)


def _step(file: _File, text: str) -> Step:
    """Return the step that writes a file, or deletes it where there is no text."""

    def work() -> None:
        if text:
            files.write(file.place, text.encode())
        else:
            file.place.unlink()

    shown = f"cat > {file.shown} <<'EOF'\n{text}EOF" if text else f"rm {file.shown}"
    return Step(
        f"env.container.{_NAMES[file.shown]}",
        f"write {file.shown}" if text else f"delete {file.shown}",
        work=work,
        shown=shown,
        writes=Writes.PROJECT,
        safe="only a file that this task wrote is replaced, and it is put back if the run fails",
    )


def _carried_out(  # noqa: PLR0913 - what is written, and what is told
    session: Session,
    watcher: Watcher,
    steps: Sequence[Step],
    places: Sequence[Path],
    left: Sequence[str] = (),
    *,
    dry_run: bool,
) -> Answer:
    """Write or delete all of the files, or none; an empty folder is not left.

    Raises:
        LabError: The project cannot be written.

    """
    if dry_run:
        return carry_out(session, watcher, steps, dry_run=True)
    root = session.project.root
    with files.folder_for_files((root / DEVCONTAINER).parent):
        answer = carry_out(session, watcher, steps, changes=places, dry_run=False)
    shown = [path.relative_to(root).as_posix() for path in places]
    return replace(answer, data={"files": shown, "left": list(left)})


_NAMES = {DOCKERFILE: "dockerfile", IGNORED: "dockerignore", DEVCONTAINER: "devcontainer"}


def _texts(session: Session) -> dict[str, str]:
    """Return the text of each file, with its mark."""
    first, _, rest = _dockerfile(session).partition("\n")
    lines = {
        DOCKERFILE: (f"{first}\n", "#", f"{rest}"),
        IGNORED: ("", "#", _IGNORED),
        DEVCONTAINER: ("", "//", _devcontainer(session)),
    }
    found = {}
    for shown, (before, comment, text) in lines.items():
        mark = f"{comment} mlops-lab env.container {_hash(before + text)}\n"
        found[shown] = f"{before}{mark}{text}"
    return found


def _dockerfile(session: Session) -> str:
    """Return the instructions without the mark.

    Source: https://docs.docker.com/build/building/best-practices/
    """
    layer = container_parts.of_layer(session.environment)
    manager = container_parts.of_manager(session.manager)
    tools = f"/opt/{session.manager.name}"
    lines = ["# syntax=docker/dockerfile:1", f"# the environment of {session.combo.id}"]
    if layer.copied:
        lines.append(f"FROM {layer.copied[0]} AS layer")
    lines.append(f"FROM python:{_python(session)}-slim")
    if layer.copied:
        lines.append(f"COPY --from=layer {layer.copied[1]} /usr/local/bin/")
    lines += [
        "RUN useradd --create-home --uid 1000 --shell /bin/bash lab \\",
        f"    && install --directory --owner=lab --group=lab {_PROJECT} {HOME}/.cache",
        "RUN --mount=type=cache,target=/root/.cache/pip \\",
        f"    python -m venv {tools} \\",
        f"    && {tools}/bin/pip install {container_parts.requirement(session.manager)} \\",
        f"    && ln -s {tools}/bin/{session.manager.name} /usr/local/bin/",
        "USER 1000:1000",
        f"WORKDIR {_PROJECT}",
        _variables(layer.variables),
        "# what seldom changes comes first: its layers are used again until a lock changes",
    ]
    if layer.files:
        lines.append(_copy(layer.files))
    lines += [layer.run(layer.command), _copy(manager.files), manager.run(manager.command)]
    lines += [_copy((".",)), manager.run(manager.again), 'CMD ["bash"]']
    return "\n".join(lines) + "\n"


def _copy(names: Sequence[str]) -> str:
    """Return the instruction that copies files; one with a space in its name would need JSON."""
    return f"COPY --chown=lab:lab {' '.join(names)} ./"


def _variables(variables: Mapping[str, str]) -> str:
    """Return the instruction that sets them, each on a line of its own."""
    rows = [f'PATH="{PREFIX}/bin:$PATH"']
    for name, value in sorted(variables.items()):
        rows.append(f"{name}={value}")
    return "ENV " + " \\\n    ".join(rows)


def _python(session: Session) -> str:
    """Return the version of the environment here, else the newest on which the project may run."""
    environment = session.environment
    if environment.exists():
        found = environment.python_version()
        if found:
            return minor(found)
    ranges = session.project.pyproject.pythons()
    for version in _PYTHONS:
        if allowed(f"{version}.99", ranges):
            return version
    return _PYTHONS[0]


def _devcontainer(session: Session) -> str:
    """Return the description: the checkout lies where the image has its copy."""
    python = f"{PREFIX}/bin/python"
    data = {
        "name": f"{session.project.pyproject.name or session.project.root.name}"
        f" ({session.combo.id})",
        "build": {"dockerfile": "../Dockerfile", "context": ".."},
        "workspaceMount": f"source=${{localWorkspaceFolder}},target={_PROJECT},type=bind",
        "workspaceFolder": _PROJECT,
        "remoteUser": "lab",
        "customizations": {
            "vscode": {
                "extensions": ["ms-python.python"],
                "settings": {"python.defaultInterpreterPath": python},
            }
        },
    }
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"
