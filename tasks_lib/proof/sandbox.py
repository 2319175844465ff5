"""Where a proof happens: a copy of the project's manifests, and a home of its own. Only download caches are shared."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from tasks_lib import bootstrap
from tasks_lib.environments import ENVIRONMENTS
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution import usage
from tasks_lib.managers import MANAGERS
from tasks_lib.project import conda_edit
from tasks_lib.project.manifests import PYPROJECT, read_text
from tasks_lib.tools import executables, package_index

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tasks_lib.environments.base import Environment
    from tasks_lib.managers.base import Manager
    from tasks_lib.proof.channel import Channel
    from tasks_lib.session.session import Session

#: all that may read a user's settings and fill caches, whichever combo is proven
_TOOLS: tuple[type[Environment | Manager], ...] = (*ENVIRONMENTS.values(), *MANAGERS.values())
#: how the folder of a proof begins
PREFIX = "mlops-lab proof "
#: What is never copied: histories, environments, caches, and proofs where the folder for what is temporary is inside.
_LEFT_OUT = shutil.ignore_patterns(
    *(
        ".git",
        ".hg",
        ".svn",
        ".nox",
        ".tox",
        "__pycache__",
        ".*_cache",
        "node_modules",
        ".mlops-lab",
        f"{PREFIX}*",
    )
)
#: What is built, at the top; deeper, a folder of that name may be a package.
_BUILT = {"build", "dist"}
#: What says that something comes from a folder: a source, a folder of wheels, an address that is none.
_LOCAL = re.compile(
    r"""^\s*[^#\n]*\b(?:(?:path|workspace|from|find-links)\s*=|url\s*=\s*["'](?!\w[\w+]*:))|@\s*file:|"""
    r"""^\s*\[tool\.uv\.workspace""",
    re.MULTILINE,
)


@dataclass
class Sandbox:
    """A project's folder, the variables that give its processes a home of their own, and what was made there."""

    project: Path
    env: Mapping[str, str | None]
    prefix: Path = Path()
    python: str = ""


def make(session: Session, folder: Path, number: str, channel: Channel) -> Sandbox:
    """Make a home in `folder`, with a `.condarc` that leads to the channel, for a project that is to lie beside it."""
    own = folder / f"home{number}"
    folders = {
        "HOME": own,
        "USERPROFILE": own,
        "APPDATA": own / "AppData" / "Roaming",
        "LOCALAPPDATA": own / "AppData" / "Local",
        "XDG_CONFIG_HOME": own / ".config",
        "XDG_DATA_HOME": own / ".local" / "share",
        "XDG_STATE_HOME": own / ".local" / "state",
        "XDG_CACHE_HOME": own / ".cache",
    }
    for path in folders.values():
        path.mkdir(parents=True, exist_ok=True)
    settings = {**channel.condarc, "envs_dirs": [str(own / ".conda" / "envs")]}
    (own / ".condarc").write_text(yaml.safe_dump(settings), encoding="utf-8")
    env: dict[str, str | None] = {
        **dict.fromkeys(_settings()),
        **caches(),
        **channel.caches,
        **{name: str(path) for name, path in folders.items()},
        "MLOPS_LAB_COMBO": session.combo.id,
        "MLOPS_LAB_ENGINE": session.environment.engine if session.environment.choices() else "auto",
        "MLOPS_LAB_PYTHON": session.project.options.python or None,
        **({bootstrap.OFFLINE: "1"} if session.project.options.offline else {}),
        bootstrap.OWN_TASKS: "1",
        usage.VARIABLE: "1",
    }
    found = package_index.resolve(session.project.options)
    if Path(found.source).is_absolute():  # a person's file, which is out of sight there
        env[package_index.VARIABLE] = found.url
    python = (
        executables.find_python(session.project.options.python)
        if session.project.options.python
        else None
    )
    if python is not None:  # uv keeps Pythons in the person's data folder
        env["PATH"] = os.pathsep.join((os.environ.get("PATH", ""), str(python.parent)))
    return Sandbox(folder / f"project{number}", env)


def _settings() -> set[str]:
    """Return the names of the variables by which a user changes what the tools do."""
    return {name for tool in _TOOLS for name in tool.user_variables}


def caches() -> dict[str, str]:
    """Return the download caches that proofs share: the user's own, and those of mlops-lab."""
    found = {bootstrap.CACHE: bootstrap.cache_folder()}
    for tool in _TOOLS:
        found |= tool.caches()
    return {name: os.environ.get(name) or folder for name, folder in found.items()}


def copy_project(session: Session, to: Path, name: str, channels: Mapping[str, str]) -> None:
    """Copy what setting the project up reads: its manifests, and this manager's lock.

    All its files are copied instead, less histories, environments and caches, where the project itself is installed
    or something is installed from one of its folders. One that needs a folder outside of its own is refused.
    In the conda file the environment gets the `name`, which no other has, and `channels` are put in others' places.
    """
    root = session.project.root
    _refuse_outside(session)
    if needs_sources(session):
        try:
            shutil.copytree(root, to, symlinks=True, ignore=functools.partial(_left_out, str(root)))
        except shutil.Error as error:
            path, _, why = error.args[0][0]
            text = f"{path} cannot be copied: {why}."
            raise LabError(
                text, ErrorCode.OUTSIDE_PROJECT, remedy="move it away, or make it readable"
            ) from None
    else:
        for path in dict.fromkeys(manifests(session)):
            target = to / path.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
    if session.project.conda_path is not None and session.environment.kind == "conda":
        path = session.project.conda_path
        text = conda_edit.with_name_and_channels(path, conda_edit.read(path), name, channels)
        (to / path.name).write_bytes(text.encode())


def _left_out(root: str, folder: str, names: list[str]) -> set[str]:
    environments = {
        name
        for name in names
        for mark in ("pyvenv.cfg", "conda-meta")
        if Path(folder, name, mark).exists()
    }
    return {*_LEFT_OUT(folder, names), *environments, *(_BUILT if folder == root else ())}


def _refuse_outside(session: Session) -> None:
    """Stop where something is to be installed from a folder that the copy will not have."""
    root = session.project.root.resolve()
    for path in session.manager.folders():
        if not path.resolve().is_relative_to(root):
            text = f"a proof copies the project's own folder alone, and {PYPROJECT} asks for {path.resolve()}."
            raise LabError(
                text, ErrorCode.OUTSIDE_PROJECT, file=PYPROJECT, remedy="move it into the project"
            )


def needs_sources(session: Session) -> bool:
    """Tell whether the project's own files are installed, and not its manifests read alone."""
    project = session.project
    conda = project.conda_file.pip if session.environment.kind == "conda" else ()
    texts = [
        project.pyproject.text,
        *(read_text(path) for path in (project.root / "uv.toml",) if path.is_file()),
    ]
    return bool(
        session.manager.installs_project
        or any(map(_LOCAL.search, texts))
        or any(entry[:1] in {"-", "."} for entry in conda)
    )


def manifests(session: Session) -> Iterator[Path]:
    """Give the files that describe the project, and those that its `[project]` table names."""
    root, table = session.project.root, session.project.pyproject.table("project")
    names = [PYPROJECT, session.manager.lock_name, ".python-version", "uv.toml", "poetry.toml"]
    names += [session.project.conda_path.name] if session.project.conda_path else []
    patterns = list(table.get("license-files") or ())
    poetry = session.project.pyproject.table("tool", "poetry").get("readme") or ()
    for value in (
        table.get("readme"),
        table.get("license"),
        *([poetry] if isinstance(poetry, str) else poetry),
    ):
        names += [str(value.get("file") or "") if isinstance(value, dict) else str(value or "")]
    found = [root / name for name in names if name]
    for pattern in patterns:
        with contextlib.suppress(
            ValueError, TypeError, NotImplementedError
        ):  # no pattern; the manager says so itself
            found += root.glob(pattern)
    yield from (
        path for path in found if path.is_file() and path.resolve().is_relative_to(root.resolve())
    )
