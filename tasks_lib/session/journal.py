"""The record that a run writes before it changes anything, and from which all is restored.

It is in the user's state folder, beside copies of the manifests, and is deleted when the run has
ended. Nothing in a project is ever restored from: a repository could have brought it.
"""

from __future__ import annotations

import functools
import json
import os
import platform
import re
import shutil
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib.environments import conda_health, site_packages
from tasks_lib.environments.base import State
from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import files, state_folder
from tasks_lib.managers import MANAGERS
from tasks_lib.project import conda_lock
from tasks_lib.project.conda_file import CONDA_FILES
from tasks_lib.project.manifests import PYPROJECT, read_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tasks_lib.environments.base import Environment
    from tasks_lib.session.session import Session

#: What an older version left in a project: it is named, and neither read nor changed.
LEFTOVER = ".mlops-lab"
_NAME = "journal.json"
_SCHEMA = "mlops-lab-journal/1"
#: what `env.direnv`, `env.editor` and `env.container` write
_OF_OTHERS = re.compile(
    r"\.envrc|\.vscode/settings\.json|[^/]+\.code-workspace|"
    r"Dockerfile|\.dockerignore|\.devcontainer/devcontainer\.json"
)


@dataclass(frozen=True)
class Journal:
    """How a project was before a run changed it.

    - `files` names each manifest, and says whether it existed.
    - `packages` has each installed distribution, with the requirement that installs exactly it.
    - `owned` names those of them that conda owns, and `conda` holds conda's own records.
    - `touched` says whether the environment may differ already.
    - `stays` says whether a complete new environment may stay though the run failed.
    """

    command: str
    combo: str
    engine: str
    python: str
    prefix: str
    state: State
    files: Mapping[str, bool]
    packages: Mapping[str, str] = field(default_factory=dict)
    owned: Sequence[str] = ()
    conda: Sequence[Mapping[str, Any]] = ()
    machine: str = field(default_factory=platform.node)
    pid: int = field(default_factory=os.getpid)
    since: str = field(default_factory=lambda: time.strftime("%Y-%m-%d %H:%M:%S"))
    touched: bool = False
    stays: bool = True

    @classmethod
    def of(cls, session: Session, manifests: Sequence[Path], *, stays: bool = True) -> Journal:
        """Return the journal of a project as it is now."""
        project, environment = session.project, session.environment
        prefix, state = environment.prefix, environment.state()
        installed: dict[str, str] = {}
        owned: list[str] = []
        records: list[dict[str, Any]] = []
        if state is State.PRESENT:
            installed = packages(prefix)
            owned, records = _own_packages(environment)
        return cls(
            command=session.command,
            combo=session.combo.id,
            engine=project.options.engine,
            python=project.options.python,
            prefix=str(prefix),
            state=state,
            files={named(project.root, path): path.is_file() for path in manifests},
            packages=installed,
            owned=owned,
            conda=records,
            stays=stays,
        )

    @property
    def who(self) -> str:
        """Return the name of the run, for a sentence."""
        return f"{self.command} (process {self.pid}, {self.since})"

    @property
    def is_ours(self) -> bool:
        """Return whether it was written on this machine; another one's says nothing of this one."""
        return self.machine == platform.node()

    def save(self, root: Path, *, manifests: Sequence[Path] = ()) -> None:
        """Copy the manifests, then write the journal: without it the copies do not count."""
        folder = state_folder.made(root)
        try:
            for path in manifests:
                copy = copies(root) / named(root, path)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.unlink(missing_ok=True)
                if path.is_file():
                    shutil.copy2(path.resolve(), copy, follow_symlinks=False)
        except OSError as error:
            raise files.unwritable(folder, error, "Nothing was changed: ") from None
        files.write(place(root), self.text().encode())

    def text(self) -> str:
        """Return the journal as JSON."""
        return json.dumps({"schema": _SCHEMA, **asdict(self), "state": self.state.value}, indent=1)


def _own_packages(environment: Environment) -> tuple[list[str], list[dict[str, Any]]]:
    """Return the distributions that the layer owns, and its records; both empty if damaged.

    Of a damaged environment nothing sound could be restored; `check.doctor` reports the damage.
    Records without an address cannot be installed again, so none is kept then.
    """
    try:
        packages = environment.packages()
        owned = sorted(environment.owned(packages=packages))
    except LabError:
        return [], []
    records = [conda_health.public(record) for record in packages.values()]
    has_addresses = all("url" in record for record in records)
    return owned, records if has_addresses else []


def place(root: Path) -> Path:
    """Return the path of a project's journal."""
    return state_folder.of_checkout(root) / _NAME


def copies(root: Path) -> Path:
    """Return the folder with the manifests as they were, under their names."""
    return place(root).with_name("before")


def named(root: Path, path: Path) -> str:
    """Return the name of a manifest as seen from the project's folder."""
    return path.relative_to(root).as_posix()


def packages(prefix: Path) -> dict[str, str]:
    """Return what is installed, with the requirement that installs exactly it.

    What no installer can be asked for is left out.
    """
    definitions = _schema()["definitions"]
    is_name = re.compile(definitions["name"]["pattern"]).fullmatch
    can_ask = re.compile(definitions["requirement"]["pattern"]).fullmatch
    found = site_packages.requirements(prefix).items()
    return {name: asked for name, asked in found if is_name(name) and can_ask(asked)}


def exists(root: Path) -> bool:
    """Return whether a run is in progress, or was interrupted."""
    return os.path.lexists(place(root))


def before_move(root: Path) -> list[Path]:
    """Return the journals of runs in a folder that is gone, and may have been moved to `root`."""
    return state_folder.before_move(root, _NAME)


def read(root: Path) -> Journal | None:
    """Return the journal of an interrupted run, or `None` where there is none.

    It is compared with the schema of a journal, and names manifests of the project alone.

    Raises:
        LabError: It is damaged.

    """
    path = place(root)
    if not exists(root):
        return None
    import fastjsonschema  # noqa: PLC0415 - 0.05 s, and seldom needed

    try:
        text = read_text(path, str(path))
    except LabError:  # alone: a fault of this program is no damage
        raise _damaged(path) from None
    try:
        data = json.loads(text)
        fastjsonschema.validate(_schema(), data)
    except (ValueError, RecursionError):  # a violation of the schema is a ValueError too
        raise _damaged(path) from None
    if not all(_is_manifest(root, name) for name in data["files"]):
        raise _damaged(path)
    del data["schema"]
    return Journal(**{**data, "state": State(data["state"])})


@functools.cache
def _schema() -> dict[str, Any]:
    path = Path(__file__).with_name("journal.schema.json")
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema


def _is_manifest(root: Path, name: str) -> bool:
    """Return whether a run changes this file, in a folder of the project, links followed."""
    locks = (conda_lock.NAME, *(manager.lock_name for manager in MANAGERS.values()))
    known = (PYPROJECT, *CONDA_FILES, *locks)
    path = root / name
    is_known = path.name in known or _OF_OTHERS.fullmatch(name)
    return bool(is_known) and files.leads_inside(root, path.parent)


def _damaged(path: Path) -> LabError:
    text = f"The record of an interrupted run is damaged: {path}."
    check = f"Check that the manifests are complete (copies: {path.parent / 'before'})"
    remedy = Remedy(f"{check}, then delete {path.parent}", ("rm", "-r", str(path.parent)))
    return LabError(text, ErrorCode.DAMAGED_JOURNAL, file=path, remedy=remedy)


def forget(root: Path) -> None:
    """Delete the journal first, which ends the run, then the copies."""
    place(root).unlink(missing_ok=True)
    files.clear_unfinished(place(root))
    shutil.rmtree(copies(root), ignore_errors=True)
