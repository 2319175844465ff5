"""Move an environment out of the way in one operation, until a run has ended well.

What is in that place counts as an environment only by the record of it in the user's state folder:
a repository can have a folder of that name. And nothing is moved that could not be deleted then.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from pathlib import Path

from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import state_folder
from tasks_lib.execution.files import write

_RECORD = "aside"


def place_for(prefix: Path) -> Path:
    """Return where an environment is moved to: a neighbour, on the same file system."""
    return prefix.with_name(f".mlops-lab-aside-{prefix.name}")


def is_ours(place: Path, root: Path) -> bool:
    """Return whether a run of the project in `root` moved what is in this place there."""
    try:
        return _record(root)[0] == _identity(place)
    except OSError:
        return False


def left(root: Path) -> Path | None:
    """Return the place where a run of the project in `root` left what it had moved, if any."""
    try:
        place = Path(_record(root)[1])
    except OSError:
        return None
    return place if is_ours(place, root) else None


def forget(root: Path) -> None:
    """Delete the record: a later folder may have the same number."""
    with contextlib.suppress(OSError):
        (state_folder.of_checkout(root) / _RECORD).unlink()


def move(prefix: Path, place: Path, root: Path) -> None:
    """Move an environment to `place`, or stop before anything is changed.

    Raises:
        LabError: A part of it could not be deleted, or something else is in that place.

    """
    if not prefix.is_symlink():
        _expect_deletable(prefix)
    if is_ours(place, root):
        delete(place)
    if os.path.lexists(place):
        text = f"{place} is in the way: {prefix} would be moved there."
        remedy = Remedy("Move it away", ("mv", str(place), f"{place}.old"))
        raise LabError(text, ErrorCode.PATH_OCCUPIED, remedy=remedy)
    record = f"{_identity(prefix)}\n{place}"
    write(state_folder.made(root) / _RECORD, os.fsencode(record))
    bring(prefix, place)


def copy(source: Path, target: Path) -> None:
    """Copy an environment: what installers replace and never write into is the same file."""
    shutil.copytree(source, target, symlinks=True, copy_function=_copied)


def _copied(source: str, target: str) -> None:
    if "/lib/" in source:
        with contextlib.suppress(OSError):  # not every file system has hard links
            os.link(source, target, follow_symlinks=False)
            return
    shutil.copy2(source, target, follow_symlinks=False)


def bring(source: Path, target: Path) -> None:
    """Move a folder to where another may be, which is deleted."""
    delete(target)
    try:
        source.replace(target)
    except OSError as error:
        text = f"{source} cannot be moved: {error.strerror}."
        raise LabError(text, ErrorCode.CANNOT_DELETE) from None


def delete(place: Path) -> None:
    """Delete a file or folder; of a link, what it points to stays."""
    try:
        if place.is_symlink() or place.is_file():
            place.unlink()
        elif place.exists():
            shutil.rmtree(place)
    except OSError as error:
        raise _undeletable(place, error.filename or place, str(error.strerror)) from None


def _record(root: Path) -> tuple[str, str]:
    """Return the identity of what was moved, and the place where it was moved to."""
    text = os.fsdecode((state_folder.of_checkout(root) / _RECORD).read_bytes())
    identity, _, place = text.partition("\n")
    return identity, place


def _identity(place: Path) -> str:
    facts = place.lstat()
    return f"{facts.st_dev} {facts.st_ino}"


def _expect_deletable(prefix: Path) -> None:
    """Raise an error where a folder in it cannot be written, or a file in it not be removed."""
    device = prefix.stat().st_dev

    def stop(error: OSError) -> None:
        raise _undeletable(prefix, error.filename, str(error.strerror))

    for folder, folders, names in os.walk(prefix, onerror=stop):
        facts = os.stat(folder)  # noqa: PTH116 - pathlib is too slow for thousands of folders
        if facts.st_dev != device:
            raise _undeletable(prefix, folder, "another file system is mounted there")
        entries = [f"{folder}/{name}" for name in (*folders, *names)]
        if entries and not os.access(folder, os.W_OK | os.X_OK):
            raise _undeletable(prefix, folder, "the folder cannot be written")
        for path in entries:
            if _is_kept(path, facts):
                raise _undeletable(prefix, path, "the system keeps it")


def _is_kept(path: str, folder: os.stat_result) -> bool:
    """Return whether a file cannot be removed though its folder can be written.

    It is immutable, or it is another user's in a folder like `/tmp`.
    """
    facts = os.lstat(path)
    user = os.geteuid() if hasattr(os, "geteuid") else facts.st_uid
    if folder.st_mode & stat.S_ISVTX and user not in {0, facts.st_uid, folder.st_uid}:
        return True
    may_write = user == 0 or (user == facts.st_uid and bool(facts.st_mode & stat.S_IWUSR))
    if stat.S_ISLNK(facts.st_mode) or not may_write:
        return False
    return not os.access(path, os.W_OK)


def _undeletable(place: Path, part: Path | str, why: str) -> LabError:
    text = f"{place} cannot be deleted: {why} ({part})."
    remedy = Remedy(f"Make that possible, or delete {place} as a user who may")
    return LabError(text, ErrorCode.CANNOT_DELETE, remedy=remedy)
