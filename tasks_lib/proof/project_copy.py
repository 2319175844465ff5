"""The copy of a project that a proof works on."""

from __future__ import annotations

import contextlib
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib.environments import ENVIRONMENTS
from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.managers import MANAGERS
from tasks_lib.project import conda_edit, conda_lock
from tasks_lib.project.manifests import PYPROJECT, read_text
from tasks_lib.proof.channel import NONE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks_lib.proof.channel import Channel
    from tasks_lib.session.session import Session

#: how the folder of a proof begins
PREFIX = "mlops-lab proof "
#: histories, caches, and proofs where the folder for temporary files is in the project
_LEFT_OUT = shutil.ignore_patterns(
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
#: what is built, at the top; deeper, a folder of that name may be a package
_BUILT = {"build", "dist"}
#: what says that something comes from a folder: a source, a folder of wheels, a path for an address
_LOCAL = re.compile(
    r"""
    ^\s*[^#\n]*\b(?:(?:path|workspace|from|find-links)\s*=|url\s*=\s*["'](?!\w[\w+]*:))
    |@\s*file:
    """,
    re.MULTILINE | re.VERBOSE,
)


def copy_project(session: Session, to: Path, name: str, channel: Channel) -> None:
    """Copy what setting the project up reads: its manifests, and this manager's lock.

    All its files are copied, less histories, environments and caches, where the project itself is
    installed or something is installed from one of its folders. In the conda file the environment
    gets the `name`, which no other has, and the channel's addresses replace those of others.

    Raises:
        LabError: `outside_project` for a project that needs a folder outside of its own.
    """
    root = session.project.root
    _refuse_outside(session)
    if needs_sources(session):
        _copy_all(root, to)
    else:
        for path in sorted(set(manifests(session))):
            target = to / path.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
    conda_path = session.project.conda_path
    if conda_path is not None and channel is not NONE:
        text = conda_edit.read(conda_path)
        text = conda_edit.with_name_and_channels(conda_path, text, name, channel.instead)
        (to / conda_path.name).write_bytes(text.encode())


def _copy_all(root: Path, to: Path) -> None:
    def left_out(folder: str, names: list[str]) -> set[str]:
        ignored = _LEFT_OUT(folder, names)
        for name in names:
            if _is_environment(Path(folder, name)):
                ignored.add(name)
        return ignored | _BUILT if Path(folder) == root else ignored

    try:
        shutil.copytree(root, to, symlinks=True, ignore=left_out)
    except shutil.Error as error:
        path, _, why = error.args[0][0]
        text = f"{path} cannot be copied: {why}."
        remedy = Remedy("Move it away, or make it readable")
        raise LabError(text, ErrorCode.OUTSIDE_PROJECT, remedy=remedy) from None


def _is_environment(folder: Path) -> bool:
    return any((folder / layer.mark).exists() for layer in ENVIRONMENTS.values())


def _refuse_outside(session: Session) -> None:
    root = session.project.root.resolve()
    for path in session.manager.folders():
        folder = path.resolve()
        if not folder.is_relative_to(root):
            text = f"A proof copies the project's own folder alone, and {PYPROJECT} needs {folder}."
            remedy = Remedy("Move it into the project")
            raise LabError(text, ErrorCode.OUTSIDE_PROJECT, file=PYPROJECT, remedy=remedy)


def needs_sources(session: Session) -> bool:
    """Return whether the project's own files are installed, and not only its manifests read."""
    project, manager = session.project, session.manager
    if manager.installs_project or manager.members() or session.environment.installs_files:
        return True
    texts = [project.pyproject.text]
    paths = [project.root / name for name in _config_files()]
    texts += [read_text(path) for path in paths if path.is_file()]
    return any(_LOCAL.search(text) for text in texts)


def _config_files() -> Iterator[str]:
    """Return the settings files of all managers: an environment layer may use one of them too."""
    for manager in MANAGERS.values():
        yield from manager.config_files


def manifests(session: Session) -> list[Path]:
    """Return the files that describe the project, and those that its metadata names."""
    project = session.project
    root, table = project.root, project.pyproject.table("project")
    names = [PYPROJECT, session.manager.lock_name, ".python-version", *_config_files()]
    if project.conda_path:
        names += [project.conda_path.name, conda_lock.NAME]
    readme = project.pyproject.table("tool", "poetry").get("readme")
    names += _file_names(table.get("readme"), table.get("license"), readme)
    found = [root / name for name in names]
    for pattern in table.get("license-files") or ():
        with contextlib.suppress(ValueError, TypeError, NotImplementedError):  # not a pattern
            found += root.glob(pattern)
    inside = root.resolve()
    return [path for path in found if path.is_file() and path.resolve().is_relative_to(inside)]


def _file_names(*values: Any) -> Iterator[str]:  # noqa: ANN401 - whatever a manifest holds
    """Yield the files that metadata names: a name, a list of names, or a table with a `file`."""
    for value in values:
        if isinstance(value, list):
            yield from _file_names(*value)
        elif isinstance(value, dict):
            yield from _file_names(value.get("file"))
        elif value:
            yield str(value)
