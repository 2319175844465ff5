"""A repository that is only read: what own checks and `[require]` see of it, and its identity."""

from __future__ import annotations

import functools
import hashlib
import itertools
import os
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib.cohort.commits import GIT, commit
from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import files
from tasks_lib.project import path_patterns
from tasks_lib.project.manifests import LOCK, read_text, read_toml, unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MOST = 20_000
#: how many entries of a folder decide on whether it has changed
_MOST_SEEN = 200_000
_WILD = re.compile(r"[*?\[]")
_CHUNK = 1 << 20


class Repository:
    """The files of a repository, each by its path from the folder `root`, as `docs/README.md`.

    Every method refuses a path that leads out of the repository, links followed, with the error
    `outside_project`. Nothing here opens a pipe or a device, or runs anything.

    `top` is the whole hand-in where this is the folder of its project, and else the same.
    """

    def __init__(self, root: Path, top: Repository | None = None) -> None:
        """Read nothing yet."""
        self.root = root
        self.top = top or self

    def exists(self, path: str) -> bool:
        """Return whether there is a file or folder."""
        place = self._place(path)
        return place.is_file() or place.is_dir()

    def text(self, path: str) -> str:
        """Return the text of a file.

        Raises:
            LabError: There is none, or it is larger than 16 MiB or not UTF-8.

        """
        return read_text(self._place(path), path)

    def toml(self, path: str) -> dict[str, Any]:
        """Return the data of a file in TOML.

        Raises:
            LabError: as of `text`, or it is not valid TOML.

        """
        return read_toml(self._place(path), path, LOCK)[0]

    def size(self, path: str) -> int:
        """Return the size of a file in bytes.

        Raises:
            LabError: There is none.

        """
        place = self._place(path)
        if not place.is_file():
            text = f"There is no file {path}."
            raise LabError(text, ErrorCode.FILE_MISSING, file=path)
        return place.stat().st_size

    def glob(self, pattern: str) -> tuple[str, ...]:
        """Return the paths of the files and folders that match, sorted: `src/**/*.py`.

        A link counts as what it leads to, and none is followed to what is below it.

        Raises:
            LabError: The repository has more than 20,000 files and folders.

        """
        if not _WILD.search(pattern):
            path = pattern.rstrip("/")
            return (path,) if self.exists(path) else ()
        wanted = path_patterns.parts(pattern)
        return tuple(path for path in self._paths if path_patterns.matches(path.split("/"), wanted))

    @functools.cached_property
    def _paths(self) -> tuple[str, ...]:
        """Return the path of each file and folder."""
        found = []
        start = len(os.path.join(self.root, ""))  # noqa: PTH118 - with a slash at the end
        for number, entry in enumerate(walked(self.root)):
            if number == _MOST:
                text = f"The repository has more than {_MOST} files and folders."
                remedy = Remedy("Remove what is no source, such as a committed environment")
                raise LabError(text, ErrorCode.FILE_TOO_LARGE, remedy=remedy)
            if _is_part(self.root, entry):
                found.append(entry.path[start:].replace(os.sep, "/"))
        return tuple(sorted(found))

    def _place(self, path: str) -> Path:
        return files.inside(self.root, self.root / path)


def content(source: Path) -> str:
    """Return what changes when a hand-in does: its commit, and a hash of all of its files.

    The hash is that of an archive's bytes; for a folder, that of each file's path, size and time,
    which costs no reading. So a copy of a folder may differ from it, and a change is always seen: a
    folder with more than 200,000 entries is `cut`, and never what it was.

    Raises:
        LabError: It cannot be read.

    """
    made = hashlib.sha256()
    try:
        if source.is_dir():
            is_whole = _add_facts(made, source)
            cut = "" if is_whole else f"cut-{secrets.token_hex(4)}"
            return "-".join(filter(None, (commit(source), made.hexdigest()[:16], cut)))
        with files.opened(source) as stream:
            while chunk := stream.read(_CHUNK):
                made.update(chunk)
    except OSError as error:
        raise unreadable(source, str(source), str(error.strerror)) from None
    return made.hexdigest()


def _add_facts(made: hashlib._Hash, folder: Path) -> bool:
    """Add to a hash what the disk says of each file in a folder; return whether that was all."""
    entries = walked(folder)
    for entry in itertools.islice(entries, _MOST_SEEN):
        facts = entry.stat(follow_symlinks=False)
        made.update(os.fsencode(entry.path[len(str(folder)) :]))
        made.update(b"\0%d %d %d\0" % (facts.st_mode, facts.st_size, facts.st_mtime_ns))
    return next(entries, None) is None


def _is_git(entry: os.DirEntry[str]) -> bool:
    return entry.name == GIT


def walked(
    root: Path, is_left_out: Callable[[os.DirEntry[str]], bool] = _is_git
) -> Iterator[os.DirEntry[str]]:
    """Yield each entry below a folder but `.git`, in a stable order; follow no link."""
    folders = [str(root)]
    while folders:
        try:
            entries = sorted(os.scandir(folders.pop()), key=lambda entry: entry.name)
        except OSError:
            continue  # a folder that nobody may open has no files to see
        for entry in entries:
            if not is_left_out(entry):
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)


def _is_part(root: Path, entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a file or folder of the repository, or a link to one."""
    if entry.is_symlink() and not files.leads_inside(root, Path(entry.path)):
        return False
    try:
        return entry.is_file() or entry.is_dir()
    except OSError:
        return False
