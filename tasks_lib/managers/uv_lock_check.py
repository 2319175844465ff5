"""Whether uv.lock fits, as uv tells it from copies of the manifests: nothing else is loaded.

uv compares what it recorded in the lock with the manifests before it resolves (`Lock::satisfies`,
seen with uv 0.13.9). So in a folder that has the manifests alone, without the network and with a
build backend that does not exist, it answers in 20 ms and runs no code of the project.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import stat
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomlkit

from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import files, process
from tasks_lib.execution.process import Command
from tasks_lib.project import trust, workspace
from tasks_lib.project.manifests import PYPROJECT, PyProject, read_text, read_toml
from tasks_lib.results import Result, Status
from tasks_lib.tools import executables, package_index, uv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tasks_lib.environments.base import Activation
    from tasks_lib.execution.process import Outcome
    from tasks_lib.managers.base import Manager

#: What uv logs of a lock that it would leave as it is, and of one that it would write again.
_FITS = re.compile(r"^DEBUG Existing `uv\.lock` satisfies", re.MULTILINE)
_DIFFERS = re.compile(
    r"""
    ^DEBUG\ (?:
        (?:Resolving\ despite|Ignoring)\ existing\ lockfile\ due\ to\ (?:
            mismatched\ (?!hash|static|resolved) | change\ in\ (?!minimum|package)
            | (?:static|dynamic)\ version | missing\ root
        )
        | Static\ .*\ is\ out-of-date
    )
    """,
    re.MULTILINE | re.VERBOSE,
)
#: The keys of a source in uv.lock that name a folder or file.
_LOCAL = ("editable", "virtual", "directory", "path")
_LARGEST_COPY = 1 << 28
#: A larger file is linked into a copy: data, and nothing that a build writes.
_LARGEST_FILE = 1 << 20
_IGNORED = shutil.ignore_patterns(
    ".git", ".hg", ".svn", ".nox", ".tox", "__pycache__", ".*_cache", "node_modules", "conda-meta"
)
_NO_BACKEND = "mlops_lab_builds_nothing"
_ALONE: dict[str, str | None] = {
    **package_index.OFFLINE["uv"],
    "UV_NO_BUILD": "1",
    "UV_KEYRING_PROVIDER": "disabled",
    "UV_PYTHON_DOWNLOADS": "never",
    "RUST_LOG": None,
}


def outcome(
    manager: Manager, activation: Activation | None, children: process.Children
) -> Outcome | None:
    """Run `uv lock --check` on copies; return None where the copies cannot be made."""
    argv = [manager.program, "lock", "--check", "--verbose"]
    pyproject = manager.project.pyproject
    python = executables.fitting(pyproject)
    if activation and not (python and pyproject.python_range):
        python = activation.python  # uv locks for that one and newer ones
    if python:
        argv += ["--python", str(python)]
    command = Command(tuple(argv), "compare uv.lock with the manifests", failures=uv.FAILURES)
    command = replace(command, env=uv.variables(manager.project))
    with tempfile.TemporaryDirectory(prefix="mlops-lab-") as name:
        try:
            command = apart(manager, command, Path(name, "project"))
        except (LabError, OSError):
            return None
        return process.run(command, children=children)


def built(
    manager: Manager,
    command: Command,
    told: Outcome,
    children: process.Children,
    read: Callable[[Outcome], Iterable[Result]],
) -> list[Result] | None:
    """Return what is `read` of a build in a copy, where uv has told that it needs one."""
    try:
        outcome = _in_a_copy(manager.project.root, command, told, children)
    except OSError as error:
        why = error.strerror or "some of its files cannot be read"
        text = f"uv cannot tell: it has to build a copy of the project, and {why}."
        remedy = Remedy("Move what no build needs out of the project's folder")
        return [manager.lock_result(Status.SKIP, text, remedy)]
    return list(read(outcome)) if outcome else None


def _in_a_copy(
    root: Path, command: Command, told: Outcome, children: process.Children
) -> Outcome | None:
    """Run a command in a copy; return None where uv has told that it needs no build.

    Raises:
        OSError: The project is too large, or cannot be read.

    """
    if _NO_BACKEND not in told.stderr:
        return None
    if _size(root) > _LARGEST_COPY:
        raise files.TooLargeError(errno.EFBIG, f"it has more than {_LARGEST_COPY >> 20} MiB")
    with tempfile.TemporaryDirectory(prefix="mlops-lab-") as name:
        folder = Path(name, root.name or "project")
        shutil.copytree(root, folder, symlinks=True, ignore=_left_out, copy_function=_copy)
        if (root / ".git").is_dir():  # a backend may compute the version from it
            (folder / ".git").symlink_to(root / ".git")
        env = {**command.env, "GIT_OPTIONAL_LOCKS": "0"}
        return process.run(replace(command, cwd=folder, env=env), children=children)


def _left_out(folder: str, names: list[str]) -> set[str]:
    """Return what no build needs: environments, histories and caches."""
    found = set(_IGNORED(folder, names))
    return found | {name for name in names if Path(folder, name, "pyvenv.cfg").exists()}


def _copy(source: str, target: str) -> None:
    """Copy a file, or link to a large one; a pipe is nothing that a build needs."""
    found = os.lstat(source)
    if found.st_size > _LARGEST_FILE:
        Path(target).symlink_to(source)
    elif stat.S_ISREG(found.st_mode):
        shutil.copy2(source, target)


def _size(root: Path) -> int:
    """Return the bytes that a copy of a folder would have."""
    total = 0
    for folder, folders, names in os.walk(root):
        left_out = _left_out(folder, folders)
        folders[:] = [name for name in folders if name not in left_out]
        for name in names:
            size = os.lstat(os.path.join(folder, name)).st_size  # noqa: PTH118 - thousands
            total += size if size <= _LARGEST_FILE else 0
    return total


def fits(outcome: Outcome) -> bool | None:
    """Return whether the lock fits; None where uv did not come as far as to say so."""
    if _FITS.search(outcome.stderr):
        return True
    return False if _DIFFERS.search(outcome.stderr) else None


def apart(manager: Manager, command: Command, to: Path) -> Command:
    """Return a command as one that sees, in the new folder `to`, the manifests and the lock alone.

    None of the copies can be built. The variables win over the copies' settings.

    Raises:
        LabError: A path in one of them leads out of the project, or a file cannot be read.
        OSError: A file cannot be read or written.

    """
    root = manager.project.root
    to.mkdir()
    for name in (manager.lock_name, *manager.config_files):
        if (root / name).is_file():
            files.inside(root, root / name)
            (to / name).write_text(read_text(root / name), encoding="utf-8")
    for name in manager.config_files:
        if (to / name).is_file():
            _expect_paths_inside(root, "", read_toml(to / name)[0])
    for place in {".", *_places(manager)}:
        path = root / place / PYPROJECT
        _expect_inside(root, PYPROJECT, place)
        if path.is_file():
            (to / place).mkdir(parents=True, exist_ok=True)
            text = read_text(path)
            pyproject = _read(path)
            if pyproject:
                _expect_paths_inside(root, place, pyproject.table("tool", "uv"))
                text = _not_buildable(text)
            (to / place / PYPROJECT).write_text(text, encoding="utf-8")
    env = {**command.env, **_ALONE, "UV_CACHE_DIR": str(to.parent / "cache")}
    env["UV_PROJECT_ENVIRONMENT"] = executables.nowhere()
    return replace(command, env=env, cwd=to)


def _read(path: Path) -> PyProject | None:
    """Return a manifest, None for one that uv cannot read either; it says where."""
    try:
        return PyProject.read(path)
    except LabError:
        return None


def _places(manager: Manager) -> Iterator[str]:
    """Yield the folders in the project of what is locked from it, and of its members."""
    root = manager.project.root
    for folder in workspace.of_workspace(manager.project.pyproject):
        yield os.path.relpath(folder, root)
    rows: object = ()
    with contextlib.suppress(LabError):  # uv cannot read it either
        rows = read_toml(manager.lock_path)[0].get("package")
    for row in rows if isinstance(rows, list) else ():
        source = row.get("source") if isinstance(row, dict) else None
        for key in _LOCAL:
            if isinstance(source, dict) and key in source:
                yield os.path.normpath(str(source[key]))


def _expect_paths_inside(root: Path, place: str, value: object) -> None:
    """Raise an error where any text of a table is a path that leads outside of the project.

    uv builds what is installed as editable even where it may build nothing (uv 0.13.9).
    """
    if isinstance(value, dict):
        value = [one for key, one in value.items() if key != "cache-dir"]  # a variable wins
    if isinstance(value, list):
        for one in value:
            _expect_paths_inside(root, place, one)
    elif isinstance(value, str):
        _expect_inside(root, value, place)


def _expect_inside(root: Path, path: str, seen_from: str = "") -> None:
    """Raise an error where a path leads outside of the project, by its words or by a link."""
    words = os.path.normpath(os.path.join(seen_from, path))  # noqa: PTH118 - pathlib keeps `..`
    leads_out = Path(words).is_absolute() or Path(words).parts[:1] == ("..",)
    if leads_out or not files.leads_inside(root, root / words):
        text = f"{path} leads out of the project."
        raise LabError(text, ErrorCode.OUTSIDE_PROJECT, remedy=trust.REMEDY)


def _not_buildable(text: str) -> str:
    """Return a manifest with a build backend that does not exist, in as many lines."""
    document: Any = tomlkit.parse(text)
    table: Any = document.get("build-system")
    if not hasattr(table, "add"):
        return text
    for key in list(table):
        del table[key]
    table["requires"] = []
    table["build-backend"] = _NO_BACKEND
    for _ in range(text.count("\n") - tomlkit.dumps(document).count("\n")):
        table.add(tomlkit.nl())
    return tomlkit.dumps(document)
