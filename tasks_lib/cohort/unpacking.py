"""The folder of a hand-in; an archive is unpacked within bounds, and nothing of it can lead out.

`tarfile` and `zipfile` only read here. Folders and files are made one by one, and links last, so
that nothing is ever written through a link.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import io
import os
import re
import shutil
import stat
import struct
import tarfile
import tempfile
import time
import zipfile
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from tasks_lib.cohort.hand_ins import is_archive
from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import file_lock, files
from tasks_lib.project.manifests import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks_lib.cohort.base import HandIn

#: a folder in which an archive is unpacked, the lock of its worker in it, and the seconds that a
#: worker may take to lock it
_PREFIX, _LOCK, _SOON = "mlops-lab-unpacked-", "lock", 600
_MOST_FILES = 20_000
_MOST_BYTES = 512 << 20
_LARGEST_FILE = 64 << 20
#: what is read at once: a list of all files, or a header of tar's, whose size the archive chooses
_LARGEST_PART = 8 << 20
_CHUNK = 1 << 16
_DEEPEST = 64
_LONGEST = 255  # bytes of a file's name on most disks
_LONGEST_TARGET = 4096  # bytes of where a link leads
_TAR_BLOCK = 512
_ENCRYPTED, _UTF8 = 0x1, 0x800
#: LZMA would take as much memory as the archive says
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
_BAD_NAME = re.compile(r"[\x00-\x1f\x7f\\]|^[A-Za-z]:")
#: what macOS puts into an archive beside the folder
_NO_PART = "__MACOSX"
_DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RecursionError,
    LookupError,
    ArithmeticError,
    ValueError,
    gzip.BadGzipFile,
)


@contextlib.contextmanager
def folder_of(hand_in: HandIn, scratch: Path | None = None) -> Iterator[Path]:
    """Yield the folder of a hand-in; that of an archive is made in `scratch`, and deleted after.

    Raises:
        LabError: It does not exist, or `invalid_archive`, which names the part that is refused.

    """
    expect_source(hand_in)
    path = Path(hand_in.source)
    if path.is_dir():
        yield path
        return
    shelf = scratch or Path(tempfile.gettempdir())
    _clear(shelf)
    made = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=shelf))
    try:
        with file_lock.taken(str(made / _LOCK), "unpack", lambda _: None):
            root = made / "files"
            root.mkdir()
            try:
                yield unpacked(path, root)
            finally:
                shutil.rmtree(root, ignore_errors=True)  # no files without the lock
    finally:
        shutil.rmtree(made, ignore_errors=True)


@functools.cache
def _clear(shelf: Path) -> None:
    """Delete what workers left that were killed, once in each worker."""
    for made in shelf.glob(f"{_PREFIX}*"):
        lock = made / _LOCK
        with contextlib.suppress(OSError):
            is_new = not lock.exists() and time.time() - made.stat().st_mtime < _SOON
            if not is_new and not file_lock.is_held(str(lock)):
                shutil.rmtree(made, ignore_errors=True)


def expect_source(hand_in: HandIn) -> None:
    """Refuse a source that is neither a folder nor an archive.

    Raises:
        LabError: as of `folder_of`.

    """
    path = Path(hand_in.source)
    if path.is_dir() or (is_archive(path.name) and os.path.lexists(path)):
        return
    what = "is neither a folder nor an archive" if path.exists() else "does not exist"
    text = f"The source of {hand_in.id} {what}: {path}."
    raise LabError(text, ErrorCode.NO_SUCH_PATH, file=path, remedy=Remedy("Check its source"))


def unpacked(archive: Path, root: Path) -> Path:
    """Unpack an archive into an empty folder; return that, or the one folder in it.

    Raises:
        LabError: as of `folder_of`.

    """
    target = _Target(archive, root)
    try:
        stream = io.BufferedReader(files.opened(archive))
    except OSError as error:
        raise unreadable(archive, archive.name, error.strerror or "") from None
    try:
        with stream:
            if archive.name.lower().endswith(".zip"):
                _unpack_zip(stream, target)
            elif archive.name.lower().endswith(".tar"):
                _unpack_tar(stream, target)
            else:
                with gzip.GzipFile(fileobj=stream) as plain:
                    _unpack_tar(cast("IO[bytes]", plain), target)
        target.make_links()
    except _DAMAGED as error:
        reason = str(error).partition("\n")[0][:100]
        raise target.refused(None, f"it is damaged ({reason or type(error).__name__})") from None
    except OSError as error:
        raise files.unwritable(root, error, f"{archive.name} cannot be unpacked: ") from None
    entries = [*root.iterdir()]
    is_one_folder = len(entries) == 1 and entries[0].is_dir() and not entries[0].is_symlink()
    return entries[0] if is_one_folder and not entries[0].name.startswith(".") else root


class _Target:
    """The folder that an archive is unpacked into, and what of the bounds is used up."""

    def __init__(self, archive: Path, root: Path) -> None:
        """Begin with an empty folder."""
        self._archive, self._root = archive, root
        self._files = self._bytes = 0
        #: whether a path, without its case, is a folder
        self._folders: dict[str, bool] = {}
        self._links: list[tuple[Path, str]] = []

    def refused(self, name: str | None, reason: str) -> LabError:
        """Return the error that names the archive and the part of this name."""
        part = f"{name[:200]!a}: " if name else ""
        return LabError(
            f"{self._archive.name} cannot be unpacked: {part}{reason}.",
            ErrorCode.INVALID_ARCHIVE,
            file=self._archive,
            remedy=Remedy("Pack the repository again, without what is refused"),
        )

    def count(self, name: str) -> None:
        """Count one entry of any kind."""
        self._files += 1
        if self._files > _MOST_FILES:
            raise self.refused(name, f"it has more than {_MOST_FILES} entries")

    def folder(self, name: str) -> None:
        """Make a folder."""
        path = self._path(name, is_folder=True)
        if path:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def file(self, name: str, size: int, stream: IO[bytes]) -> None:
        """Write a file of a declared size, which may be a lie."""
        path = self._path(name)
        self._expect_bearable(name, size, size)
        if path is None:
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        written = 0
        with path.open("xb") as new:
            while chunk := stream.read(_CHUNK):
                written += len(chunk)
                self._expect_bearable(name, written, len(chunk))
                self._bytes += len(chunk)
                new.write(chunk)
        path.chmod(0o600)

    def link(self, name: str, to: str) -> None:
        """Remember a symbolic link; it is made when all files are written."""
        path = self._path(name)
        if path:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._links.append((path, to))

    def second_name(self, name: str, first: str) -> None:
        """Give a file that is written already a second name, as a hard link of tar's."""
        path = self._path(name)
        other = self._root.joinpath(*self._parts(first))
        if not other.is_file() or other.is_symlink():
            raise self.refused(name, "it links to what is no file of the archive")
        if path:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.link(other, path)

    def make_links(self) -> None:
        """Make the links; refuse one that leads out."""
        for path, to in self._links:
            name = str(path.relative_to(self._root))
            if not 0 < len(to.encode()) < _LONGEST_TARGET or _BAD_NAME.search(to):
                raise self.refused(name, "it is a link that leads out")
            path.symlink_to(to)
        for path, _ in self._links:
            if not files.leads_inside(self._root, path):
                name = str(path.relative_to(self._root))
                raise self.refused(name, "it is a link that leads out")

    def _expect_bearable(self, name: str, size: int, more: int) -> None:
        if size > _LARGEST_FILE:
            raise self.refused(name, f"it is larger than {_LARGEST_FILE >> 20} MiB")
        if self._bytes + more > _MOST_BYTES:
            raise self.refused(name, f"with it, all is larger than {_MOST_BYTES >> 20} MiB")

    def _parts(self, name: str) -> list[str]:
        """Return the parts of a name; refuse one that leads out, or that a disk cannot have."""
        parts = [part for part in name.split("/") if part not in {"", "."}]
        if name.startswith("/") or ".." in parts:
            raise self.refused(name, "its name leads out")
        if _BAD_NAME.search(name):
            raise self.refused(name, "its name has a drive, a backslash or a control character")
        if len(parts) > _DEEPEST or any(len(part.encode()) > _LONGEST for part in parts):
            raise self.refused(name, "its name is too long")
        return parts

    def _path(self, name: str, *, is_folder: bool = False) -> Path | None:
        """Return where an entry is written, `None` where it is left out."""
        parts = self._parts(name)
        if parts[:1] in ([], [_NO_PART]):
            return None
        for depth in range(1, len(parts)):
            if not self._folders.setdefault("/".join(parts[:depth]).casefold(), True):
                raise self.refused(name, "it is in a folder that is a file")
        whole = "/".join(parts).casefold()
        if whole in self._folders and not (is_folder and self._folders[whole]):
            raise self.refused(name, "its name is there twice, or differs in case alone")
        self._folders[whole] = is_folder
        return self._root.joinpath(*parts)


class _Bounded:
    """A stream that reads no large part at once: the archive says how long its parts are."""

    def __init__(self, stream: IO[bytes]) -> None:
        """Read nothing yet."""
        self._stream = stream
        self.tell, self.seekable = stream.tell, stream.seekable

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place, which the archive says too.

        Raises:
            ValueError: There is no such place.

        """
        try:
            return self._stream.seek(place, whence)
        except OSError as error:
            raise ValueError(error.strerror) from None

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes.

        Raises:
            ValueError: They are too many.

        """
        if not 0 <= size <= _LARGEST_PART:
            size = _LARGEST_PART + 1
        data = self._stream.read(size)
        if len(data) > _LARGEST_PART:
            text = f"a part of it is larger than {_LARGEST_PART >> 20} MiB"
            raise ValueError(text)
        return data


def _unpack_tar(stream: IO[bytes], target: _Target) -> None:
    with tarfile.open(fileobj=cast("IO[bytes]", _Bounded(stream)), mode="r:") as archive:
        for member in archive:
            name = _as_text(member.name)
            target.count(name)
            if member.isdir():
                target.folder(name)
            elif member.issym():
                target.link(name, _as_text(member.linkname))
            elif member.islnk():
                target.second_name(name, _as_text(member.linkname))
            elif member.isreg():
                # a file has content
                target.file(name, member.size, cast("IO[bytes]", archive.extractfile(member)))
            else:
                raise target.refused(name, "it is no file, folder or link")
        # tarfile takes a damaged header for the end
        stream.seek(archive.offset)
        if stream.read(_TAR_BLOCK) != bytes(_TAR_BLOCK):
            raise target.refused(None, "it is damaged, or a part of it is missing")


def _unpack_zip(stream: IO[bytes], target: _Target) -> None:
    with zipfile.ZipFile(cast("IO[bytes]", _Bounded(stream))) as archive:
        for member in archive.infolist():
            name = _name_in_zip(member)
            target.count(name)
            kind = stat.S_IFMT(member.external_attr >> 16)
            if member.flag_bits & _ENCRYPTED:
                raise target.refused(name, "it is encrypted")
            if member.compress_type not in _METHODS:
                raise target.refused(name, "it is compressed by a method other than deflate")
            if name.endswith("/"):
                target.folder(name)
                continue
            with archive.open(member) as content:
                if kind == stat.S_IFLNK:
                    target.link(name, _as_text(content.read(_LONGEST_TARGET + 1)))
                elif kind in {0, stat.S_IFREG}:
                    target.file(name, member.file_size, content)
                else:
                    raise target.refused(name, "it is no file, folder or link")


def _name_in_zip(member: zipfile.ZipInfo) -> str:
    """Return a name; many programs write UTF-8 without saying so."""
    name = member.orig_filename
    if not member.flag_bits & _UTF8:
        with contextlib.suppress(UnicodeError):
            return name.encode("cp437").decode()
    return name


def _as_text(name: str | bytes) -> str:
    """Return a name or a link's target as Unicode; what is not UTF-8 becomes `�`."""
    data = name.encode("utf-8", "surrogateescape") if isinstance(name, str) else name
    return data.decode("utf-8", "replace")
