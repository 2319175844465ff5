"""Read regular files alone, and replace files whole: a reader never sees half of a text."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import secrets
import shutil
import stat
from contextvars import ContextVar
from typing import TYPE_CHECKING

from tasks_lib.errors import ErrorCode, LabError, Remedy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_TOKEN = 4  # bytes, twice as many letters
#: the largest file that is read, in bytes: to parse a larger one takes minutes
LARGEST = 16 << 20
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
#: what was read in `read_once`, by path
_KNOWN: ContextVar[dict[str, bytes] | None] = ContextVar("_KNOWN", default=None)
#: a pipe is opened without waiting for one who writes; Windows has no such pipes
_READ_ONLY = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class NotAFileError(OSError):
    """Something else is in a file's place: a pipe or a device may have no end."""


class TooLargeError(OSError):
    """A file is larger than any that is read should be."""


def opened(path: str | Path) -> io.FileIO:
    """Return a regular file, opened for reading: a pipe or a device may have no end.

    Raises:
        OSError: It cannot be read; `NotAFileError` where it is not a file.

    """
    descriptor = os.open(path, _READ_ONLY)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotAFileError(errno.EINVAL, "it is not a file")
    return io.FileIO(descriptor, "rb")


def regular(path: str | Path, largest: int = LARGEST) -> bytes:
    """Return the content of a regular file of bearable size.

    Raises:
        OSError: It cannot be read; `NotAFileError` or `TooLargeError` where it should not be.

    """
    known = _KNOWN.get()
    data = known.get(str(path)) if known else None
    if data is None:
        with opened(path) as stream:
            data = stream.read(largest + 1)
    if len(data) > largest:
        raise TooLargeError(errno.EFBIG, f"it is larger than {largest >> 20} MiB")
    if known is not None and sum(map(len, known.values())) + len(data) <= LARGEST:
        known[str(path)] = data
    return data


def state(path: str | Path) -> tuple[int, int, int, int]:
    """Return what is another once a file was written: its number, its size and its times.

    Raises:
        OSError: It cannot be looked at.

    """
    facts = os.stat(path)  # noqa: PTH116 - pathlib is too slow for thousands of files
    return facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


@contextlib.contextmanager
def read_once() -> Iterator[None]:
    """Let `regular` read each file once, but for very large ones: nothing changes them in here."""
    token = _KNOWN.set({})
    try:
        yield
    finally:
        _KNOWN.reset(token)


def regular_text(path: Path) -> str:
    """Return the text of a regular file of bearable size; what is not UTF-8 becomes `�`.

    Raises:
        OSError: as of `regular`.

    """
    return regular(path).decode("utf-8", "replace")


def expect_regular(path: Path) -> bytes:
    """Return what a tool will read, nothing where nothing exists; refuse what has no end.

    Raises:
        LabError: Something exists that is not a file, or it is too large.

    """
    if not os.path.lexists(path):
        return b""
    if not path.is_file():
        text = f"{path.name} exists, and it is not a file."
        remedy = Remedy(f"Move {path.name} away")
        raise LabError(text, ErrorCode.NOT_A_FILE, file=path.name, remedy=remedy)
    try:
        return regular(path)
    except TooLargeError:
        raise too_large(path.name) from None
    except OSError:
        return b""  # whoever reads it says why it cannot


def too_large(shown: str, most: str = f"larger than {LARGEST >> 20} MiB") -> LabError:
    """Return the error for a file that would take minutes to parse."""
    text = f"{shown} is {most}, which no such file should be."
    remedy = Remedy(f"Look at what is in {shown}")
    return LabError(text, ErrorCode.FILE_TOO_LARGE, file=shown, remedy=remedy)


def typed(path: Path) -> str:
    """Return a path as a user types it in the current folder."""
    return os.path.relpath(path)


def leads_inside(root: Path, path: Path) -> bool:
    """Return whether `path` ends in the folder `root`, links followed."""
    try:
        folder, end = (os.path.realpath(one) for one in (root, path))
    except (OSError, ValueError):
        return True  # a loop of links or a NUL: whoever opens it gets the error
    return end == folder or end.startswith(os.path.join(folder, ""))  # noqa: PTH118 - `/` as well


def is_same_place(one: Path, other: Path) -> bool:
    """Return whether two paths end in the same place, links followed."""
    try:
        return one.resolve() == other.resolve()
    except (OSError, RuntimeError, ValueError):
        return False  # a loop of links, or a NUL


def inside(root: Path, path: Path, *, typed: bool = False) -> Path:
    """Return `path`; refuse one that leads out of the project in `root`, links followed.

    What a repository names, or links to, is never read or written elsewhere. A place that the user
    `typed` may be elsewhere, unless a link in the project leads there.

    Raises:
        LabError: `outside_project`, which says nothing of what is there.

    """
    shown = os.path.relpath(path, root)
    is_named_outside = shown == os.pardir or shown.startswith(os.pardir + os.sep)
    if leads_inside(root, path) or (typed and is_named_outside):
        return path
    text = f"{path if is_named_outside else shown} leads out of the project {root}."
    remedy = Remedy("Put the file itself there, or remove the link; then run it again")
    if is_named_outside:
        remedy = Remedy("Move it into the project")
    raise LabError(text, ErrorCode.OUTSIDE_PROJECT, remedy=remedy, file=shown)


def write(path: Path, data: bytes, *, private: bool = False) -> None:
    """Replace a file whole; a link stays one, and what it points to is replaced.

    What is `private` is only its owner's to read and write, at any moment.
    """
    target = path.resolve()
    new = target.with_name(f".{target.name}.{secrets.token_hex(_TOKEN)}")
    try:
        try:
            descriptor = os.open(new, _NEW, 0o600 if private else 0o666)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            if target.exists() and not private:
                shutil.copymode(target, new)
            new.replace(target)
        finally:
            new.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, error) from None


def write_texts(texts: Mapping[Path, str]) -> None:
    """Replace each file by its new text."""
    for path, text in texts.items():
        write(path, text.encode())


def put_back(path: Path, copy: Path) -> None:
    """Replace a file by its `copy` where they differ; a move needs no space on a full disk."""
    target = path.resolve()
    if not copy.is_file():
        if target.is_file():
            return  # a run that was killed while it put back has done it
        raise unwritable(path, FileNotFoundError(2, f"its copy {copy} does not exist"))
    try:
        if same(target, copy):
            return
        if target.is_dir() and not path.is_symlink():
            raise IsADirectoryError(21, "a folder stands there")
        try:
            copy.replace(target)
        except OSError:  # another disk
            _overwrite(target, copy.read_bytes())
            shutil.copystat(copy, target)
    except OSError as error:
        raise unwritable(path, error) from None


def _overwrite(target: Path, data: bytes) -> None:
    """Replace a file whole; where the disk has no room for a second one, overwrite it."""
    try:
        write(target, data)
    except LabError:
        with target.open("r+b") as stream:
            stream.write(data)
            stream.truncate()


def same(one: Path, other: Path) -> bool:
    """Return whether both are files with the same bytes."""
    return one.is_file() and other.is_file() and one.read_bytes() == other.read_bytes()


def keep_line_ends(path: Path, old: Path) -> None:
    """Give a text the line ends of `old`, where all of those were CRLF: tools write LF."""
    if not (path.is_file() and old.is_file()):
        return
    before, after = old.read_bytes(), path.read_bytes()
    had_crlf = b"\r\n" in before
    had_lf = b"\n" in before.replace(b"\r\n", b"")
    if had_crlf and not had_lf and b"\r\n" not in after:
        write(path, after.replace(b"\n", b"\r\n"))


def clear_unfinished(path: Path) -> None:
    """Delete what an interrupted `write` of that file left beside it."""
    target = path.resolve()
    for other in target.parent.glob(f".{target.name}.*"):
        if re.fullmatch(rf"[0-9a-f]{{{2 * _TOKEN}}}", other.name.rpartition(".")[2]):
            other.unlink(missing_ok=True)


def expect_writable(path: Path) -> None:
    """Raise the error for a file that cannot be replaced in its folder, before anything changes."""
    folder = path.resolve().parent
    if not os.access(folder, os.W_OK):
        error = OSError(errno.EACCES, "no permission, or a read-only disk")
        raise unwritable(folder, error, "Nothing was changed: ")


@contextlib.contextmanager
def folder_for_files(folder: Path) -> Iterator[None]:
    """Make a folder in which files are written or deleted; an empty one is not left.

    Raises:
        LabError: It cannot be made.

    """
    place = folder.resolve()
    try:
        place.mkdir(exist_ok=True)
    except OSError as error:
        raise unwritable(place, error) from None
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # it has files
            folder.rmdir()


def unwritable(path: Path, error: OSError, text: str = "") -> LabError:
    """Return the error for a file or folder that cannot be written."""
    said = f"{text}{path} cannot be written: {error.strerror}."
    remedy = Remedy(f"Check the free space and the permissions of {path.parent}")
    return LabError(said, ErrorCode.CANNOT_WRITE, file=path, remedy=remedy)
