"""What should not be in a hand-in: environments, caches, large files, and logins in addresses."""

from __future__ import annotations

import re
import stat
from typing import TYPE_CHECKING

from tasks_lib.checks.base import listed
from tasks_lib.errors import LabError, Remedy
from tasks_lib.managers import MANAGERS
from tasks_lib.project import conda_lock
from tasks_lib.project.conda_file import CondaFile
from tasks_lib.project.manifests import PYPROJECT
from tasks_lib.results import Check, Result, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from tasks_lib.cohort.repository import Repository

#: GitHub warns of a file that is larger:
#: https://docs.github.com/en/repositories/working-with-files/managing-large-files
_LARGEST = 50 << 20
_SHOWN = 5
#: a name with a password, or a token as a name; no variable, and no name alone, as of git over SSH
_LOGIN = re.compile(
    r"(?i)(?<!ssh)://(?:[^\s/:@'\"]+:(?![$%{<*])[^\s/@'\"]+@"
    r"|(?:gh[pousr]_|github_pat_|glpat-|hf_|pypi-)[^\s/@'\"]{10,}@)"
)
#: what an environment of conda's has
HISTORY = "conda-meta/history"
#: by these files an environment is known
MARKS = ("pyvenv.cfg", HISTORY)
CACHE_NAMES = {
    "__pycache__",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".ipynb_checkpoints",
    "node_modules",
}
_OUT_OF_GIT = Remedy("Remove it from git by `git rm -r --cached`, and name it in .gitignore")
ENVIRONMENTS = Check(
    "files.environment",
    "no environment is in the repository",
    "An environment works only on the machine that made it, and is made again from the lock.",
    _OUT_OF_GIT,
    Status.WARN,
)
CACHES = Check(
    "files.caches",
    "no cache is in the repository",
    "Caches are made again by each tool, and differ on each machine.",
    _OUT_OF_GIT,
    Status.WARN,
)
SIZE = Check(
    "files.size",
    "no file is too large for git",
    "git keeps each version of a large file for ever.",
    Remedy("Keep data elsewhere, and write down where it comes from"),
    Status.WARN,
)
LOGINS = Check(
    "files.logins",
    "no manifest has a login in an address",
    "Everybody who can read the repository can use the login.",
    Remedy("Revoke the login, then keep it in the tool's own settings"),
)
CHECKS = (ENVIRONMENTS, CACHES, SIZE, LOGINS)


def look(repository: Repository, project: str = "") -> Iterator[Result]:
    """Yield what is found in the tree, or one warning where there are too many files.

    Logins are looked for at the top and in the folder `project`.
    """
    try:
        paths = repository.glob("**")
    except LabError as error:
        yield SIZE.of_error(Status.WARN, error)
    else:
        yield from _told(ENVIRONMENTS, "It has an environment", _environments(paths))
        yield from _told(CACHES, "It has caches", _caches(paths))
        yield from _told(SIZE, "Larger than 50 MiB", _large(repository, paths))
    yield from _logins(repository, dict.fromkeys(("", project)))


def _told(check: Check, text: str, found: Sequence[str]) -> Iterator[Result]:
    if not found:
        yield check.result(Status.PASS)
        return
    yield check.result(check.severity, f"{text}: {listed(found, _SHOWN)}.", file=found[0])


def _environments(paths: Sequence[str]) -> list[str]:
    found = []
    for path in paths:
        mark = next((mark for mark in MARKS if path.endswith(f"/{mark}")), "")
        if mark:
            found.append(path.removesuffix(f"/{mark}"))
    return found


def _caches(paths: Sequence[str]) -> list[str]:
    """Return the caches that are not in an environment."""
    inside = tuple(f"{place}/" for place in _environments(paths))
    caches = [path for path in paths if path.rpartition("/")[2] in CACHE_NAMES]
    return [path for path in caches if not path.startswith(inside)]


def _large(repository: Repository, paths: Sequence[str]) -> list[str]:
    found = []
    for path in paths:
        facts = (repository.root / path).stat()
        if stat.S_ISREG(facts.st_mode) and facts.st_size > _LARGEST:
            found.append(path)
    return found


def _logins(repository: Repository, folders: Iterable[str]) -> Iterator[Result]:
    """Yield a failure for each manifest or lock with a login, which is not shown."""
    names: list[str] = []
    for folder in folders:
        names += _manifests(repository.root, folder)
    is_sound = True
    for name in names:
        line = _line_of_login(repository, name)
        if line:
            is_sound = False
            text = f"{name} has a login in an address."
            yield LOGINS.result(Status.FAIL, text, file=name, line=line)
    if is_sound:
        yield LOGINS.result(Status.PASS)


def _manifests(root: Path, folder: str) -> Iterator[str]:
    """Yield the paths of a folder's manifests and locks, whether they exist or not."""
    place = root / folder
    names = [PYPROJECT, conda_lock.NAME, *(manager.lock_name for manager in MANAGERS.values())]
    conda = CondaFile.find(place)
    names += [conda.name] if conda else []
    names += sorted(path.name for path in place.glob("requirements*.txt"))
    for name in names:
        yield f"{folder}/{name}" if folder else name


def _line_of_login(repository: Repository, name: str) -> int:
    """Return the first line with a login, 0 for none; what cannot be read is told elsewhere."""
    try:
        text = repository.text(name) if repository.exists(name) else ""
    except LabError:
        return 0
    at = text.find("@")  # few lines of a lock have one
    while at >= 0:
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        if _LOGIN.search(text, text.rfind("\n", 0, at) + 1, end):
            return text.count("\n", 0, at) + 1
        at = text.find("@", end)
    return 0
