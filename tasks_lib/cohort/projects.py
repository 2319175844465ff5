"""Which folder of a hand-in is its project: many push `repository/project/pyproject.toml`."""

from __future__ import annotations

import itertools
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from tasks_lib.checks.base import listed
from tasks_lib.cohort.base import PROJECT
from tasks_lib.cohort.repository import walked
from tasks_lib.cohort.tree_checks import CACHE_NAMES, MARKS
from tasks_lib.errors import Remedy
from tasks_lib.project.conda_file import CondaFile
from tasks_lib.project.manifests import PYPROJECT
from tasks_lib.results import Check, Status

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

#: how far below the top, and among how many entries, a project is looked for
_DEEPEST, _MOST = 3, 20_000
_SHOWN = 5
#: a path from the top, which leads nowhere else
_FOLDER = re.compile(r"(?!/|[A-Za-z]:)(?!(?:.*/)?\.\.(?:/|$))[^\\\x00-\x1f\x7f]+")
COHORT_PROJECT = Check(
    PROJECT,
    "the project's folder is known",
    "Of several projects in one hand-in, nobody but the course can say which one counts.",
    Remedy("Name the folder by `project` in cohort.toml, or in the roster's column of that name"),
    Status.WARN,
)


def is_folder(text: str) -> bool:
    """Return whether a text names a folder of a hand-in: no other place, on any system."""
    return _FOLDER.fullmatch(text) is not None


def choices(root: Path, asked: str) -> list[str]:
    """Return the folders that may be the project, from the top, which is empty.

    The one that is `asked` for is the only one; else the top if it has a `pyproject.toml`, or each
    folder below that has one. A conda file counts where there is no `pyproject.toml` at all.
    """
    if asked:
        folder = str(PurePosixPath(asked))
        return ["" if folder == "." else folder]
    if (root / PYPROJECT).exists():
        return [""]
    return _below(root) or [""]


def _below(root: Path) -> list[str]:
    """Return the topmost folders with a manifest; none is looked for in an environment or cache."""
    with_pyproject, with_conda = [], []
    for folder in _folders(root):
        name = folder.relative_to(root).as_posix()
        if (folder / PYPROJECT).is_file():
            with_pyproject.append(name)
        elif CondaFile.find(folder):
            with_conda.append(name)
    if not with_pyproject and CondaFile.find(root):
        return []
    found = sorted(with_pyproject or with_conda)
    # below a project are its members and examples
    return [one for one in found if not any(one.startswith(f"{other}/") for other in found)]


def _folders(root: Path) -> Iterator[Path]:
    """Yield the folders in which a project may be."""

    def is_left_out(entry: os.DirEntry[str]) -> bool:
        path = Path(entry.path)
        if entry.name.startswith(".") or entry.name in CACHE_NAMES:
            return True
        if len(path.relative_to(root).parts) > _DEEPEST:
            return True
        return any((path / mark).exists() for mark in MARKS)

    for entry in itertools.islice(walked(root, is_left_out), _MOST):
        if entry.is_dir(follow_symlinks=False):
            yield Path(entry.path)


def told(folders: list[str]) -> str:
    """Return that there are several projects."""
    return f"{len(folders)} folders may be the project: {listed(folders, _SHOWN)}."
