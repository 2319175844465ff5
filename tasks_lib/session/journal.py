"""The record that a run leaves before it changes anything, and from which it, or the next run, puts all back.

It stands in `.mlops-lab` in the project, beside copies of the manifests, and is gone when the run is through.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from tasks_lib.environments import conda_health, site_packages
from tasks_lib.environments.base import State
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution import files
from tasks_lib.project.manifests import read_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tasks_lib.session.session import Session

FOLDER = ".mlops-lab"
_SCHEMA = "mlops-lab-journal/1"
#: what a repair may hand to an installer: a name with a version or an address, or a folder
_REQUIREMENT = re.compile(
    r"[a-z0-9][\w.-]*(==[\w.+!-]+| @ [a-z][\w+.-]*:\S+)?|editable:[^\0\n]+", re.ASCII
)
_NAME = re.compile(r"[\w][\w.-]*", re.ASCII)
#: a manifest, as seen from the project's folder; one of a member stands deeper, and none outside
_FILE = re.compile(r"(?:(?!\.\.?/)[^/\\:\0\n]+/)*[\w][\w.-]*", re.ASCII)


@dataclass(frozen=True)
class Journal:
    """How a project was before a run changed it."""

    command: str
    combo: str
    engine: str
    python: str
    prefix: str
    state: State
    files: Mapping[str, bool]  # each manifest's name, and whether there was one
    packages: Mapping[str, str] = field(
        default_factory=dict
    )  # installed distributions, and how to ask for each
    owned: Sequence[str] = ()  # those of them that conda owns
    conda: Sequence[Mapping[str, Any]] = ()
    machine: str = field(default_factory=platform.node)
    pid: int = field(default_factory=os.getpid)
    since: str = field(default_factory=lambda: time.strftime("%Y-%m-%d %H:%M:%S"))
    touched: bool = False  # whether the environment may differ already
    stays: bool = (
        True  # whether a new environment that is whole may stay, though the run did not end well
    )

    @classmethod
    def of(cls, session: Session, manifests: Sequence[Path], *, stays: bool = True) -> Journal:
        """Look at a project."""
        environment, project = session.environment, session.project
        prefix, state = environment.prefix, environment.state()
        looked: dict[str, Any] = {}
        if state is State.PRESENT:
            try:
                conda = [
                    conda_health.public(record) for record in conda_health.packages(prefix).values()
                ]
                owned = sorted(conda_health.owned(prefix))
            except LabError:  # damaged before this run: there is nothing sound to go back to, and check.doctor says so
                conda, owned = [], []
            whole = all("url" in record for record in conda)
            looked = {"packages": packages(prefix), "owned": owned, "conda": conda if whole else []}
        return cls(
            command=session.command,
            combo=session.combo.id,
            engine=project.options.engine,
            python=project.options.python,
            prefix=str(prefix),
            state=state,
            stays=stays,
            files={named(project.root, path): path.is_file() for path in manifests},
            **looked,
        )

    @property
    def who(self) -> str:
        """Name the run."""
        return f"{self.command} (process {self.pid}, {self.since})"

    @property
    def is_ours(self) -> bool:
        """Tell whether it was written on this machine: one that came with a repository says nothing of what is here."""
        return self.machine == platform.node()

    def save(self, root: Path, *, manifests: Sequence[Path] = ()) -> None:
        """Copy the manifests, then write the journal: without it the copies count for nothing."""
        try:
            copies(root).mkdir(parents=True, exist_ok=True)
            for path in manifests:
                copy = copies(root) / named(root, path)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.unlink(missing_ok=True)
                if path.is_file():
                    shutil.copy2(path, copy)
        except OSError as error:
            raise files.unwritable(root / FOLDER, error, "nothing was changed: ") from None
        files.write(place(root), self.text().encode())

    def text(self) -> str:
        """Give the journal as JSON."""
        return json.dumps({"schema": _SCHEMA, **asdict(self), "state": self.state.value}, indent=1)


def place(root: Path) -> Path:
    """Give the path of a project's journal."""
    return root / FOLDER / "journal.json"


def copies(root: Path) -> Path:
    """Give the folder with the manifests as they were, by their names."""
    return root / FOLDER / "before"


def named(root: Path, path: Path) -> str:
    """Name a manifest as it is seen from the project's folder."""
    return path.relative_to(root).as_posix()


def packages(prefix: Path) -> dict[str, str]:
    """Give what is installed, and what asks for exactly it; what no installer can be asked for is left out."""
    found = site_packages.requirements(prefix).items()
    return {
        name: asked
        for name, asked in found
        if _NAME.fullmatch(name) and _REQUIREMENT.fullmatch(asked)
    }


def exists(root: Path) -> bool:
    """Tell whether a run is in progress, or was cut short."""
    return os.path.lexists(place(root))


def read(root: Path) -> Journal | None:
    """Read the journal of a run that was cut short; `None` where there is none.

    What it says is held to what a journal may say: it may have come with a repository.
    """
    path, top = place(root), root.resolve()
    if not exists(root):
        return None
    try:
        text = read_text(path, str(path))
    except LabError:  # alone: a fault of this program is no damage
        raise _damaged(path) from None
    try:
        data = json.loads(text)
        schema = data.pop("schema")
        made = Journal(**{**data, "state": State(data["state"])})
        words = (
            made.command,
            made.combo,
            made.engine,
            made.python,
            made.prefix,
            made.machine,
            made.since,
        )
        names = [*made.packages, *made.owned]
        inside = [
            _FILE.fullmatch(name) and (root / name).parent.resolve().is_relative_to(top)
            for name in made.files
        ]
        sound = (
            schema == _SCHEMA
            and not path.is_symlink()
            and all(
                isinstance(word, str) for word in (*words, *made.owned, *made.packages.values())
            )
            and all(_NAME.fullmatch(name) for name in names)
            and all(inside)
            and all(_REQUIREMENT.fullmatch(text) for text in made.packages.values())
            and all(isinstance(there, bool) for there in made.files.values())
            and all(
                isinstance(record["name"], str) and isinstance(record["url"], str)
                for record in made.conda
            )
            and isinstance(made.pid, int)
            and isinstance(made.stays, bool)
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise _damaged(path) from None
    if not sound:
        raise _damaged(path)
    return made


def _damaged(path: Path) -> LabError:
    text = f"the record of a run that was cut short is damaged: {path}."
    remedy = f"see whether the manifests are whole (copies: {path.parent / 'before'}), then delete {path.parent}"
    return LabError(text, ErrorCode.DAMAGED_JOURNAL, file=path, remedy=remedy)


def forget(root: Path) -> None:
    """Delete the journal first, which ends the run, then the copies."""
    place(root).unlink(missing_ok=True)
    files.clear_unfinished(place(root))
    shutil.rmtree(copies(root), ignore_errors=True)
