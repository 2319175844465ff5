"""A hand-in as bytes, for a machine that does not have this one's disk."""

from __future__ import annotations

import functools
import io
import os
import stat
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tasks_lib.cohort.commits import GIT
from tasks_lib.cohort.repository import walked
from tasks_lib.cohort.tree_checks import CACHE_NAMES, HISTORY
from tasks_lib.cohort.unpacking import expect_source
from tasks_lib.environments import ENVIRONMENTS
from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import files
from tasks_lib.project.manifests import unreadable

if TYPE_CHECKING:
    from collections.abc import Container

    from tasks_lib.cohort.base import HandIn

#: the largest hand-in that is sent, in bytes
LARGEST = 16 << 20
#: what a file costs beside its content: tar's header
_HEADER = 512
#: the folder in which a packed checkout is: what is in it alone would be taken for that folder
_TOP = "repository"
#: what an environment has; of one, these are sent alone, and of a cache its name
_MARKS = tuple(layer.mark for layer in ENVIRONMENTS.values())
_HISTORY = HISTORY.split("/")


class Parcel(NamedTuple):
    """An archive that a worker unpacks: its name, and its bytes."""

    name: str
    data: bytes


def packed(hand_in: HandIn) -> Parcel:
    """Return a hand-in as an archive: its own bytes, or the files of its checkout.

    `.git` and what is in environments and caches are left out, and so is a link that leads out of
    the checkout, and what is no file.

    Raises:
        LabError: It does not exist, it or a file in it cannot be read, or it is too large to send.

    """
    expect_source(hand_in)
    path = Path(hand_in.source)
    if path.is_dir():
        return Parcel("checkout.tar", _checkout(path))
    try:
        return Parcel(path.name, files.regular(path, LARGEST))
    except files.TooLargeError:
        raise _too_large(path) from None
    except OSError as error:
        raise unreadable(path, path.name, error.strerror or "") from None


def _checkout(root: Path) -> bytes:
    """Return the files of a folder as a tar."""
    made = io.BytesIO()
    left = LARGEST
    # tarfile's usual format takes longer
    with tarfile.TarFile(fileobj=made, mode="w", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(_info(_TOP, tarfile.DIRTYPE))
        names = functools.cache(functools.partial(_sent_names, root))  # once for each folder

        def is_left_out(entry: os.DirEntry[str]) -> bool:
            sent = names(entry.path[: -len(entry.name) - 1])
            return entry.name == GIT or (sent is not None and entry.name not in sent)

        for entry in walked(root, is_left_out):
            path = Path(entry.path)
            try:
                part = _part(root, path, left)
            except files.TooLargeError:
                raise _too_large(root) from None
            except OSError as error:
                raise unreadable(path, path.name, error.strerror or "") from None
            if part is None:
                continue
            info, data = part
            left -= _HEADER + len(data)
            if left < 0:
                raise _too_large(root)
            archive.addfile(info, io.BytesIO(data))
    return made.getvalue()


def _part(root: Path, path: Path, most: int) -> tuple[tarfile.TarInfo, bytes] | None:
    """Return a file, folder or link as tar has it, and its content; `None` for all else."""
    name = f"{_TOP}/{path.relative_to(root).as_posix()}"
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode) and files.leads_inside(root, path):
        info = _info(name, tarfile.SYMTYPE)
        info.linkname = _target(path)
        return info, b""
    if stat.S_ISDIR(mode):
        return _info(name, tarfile.DIRTYPE), b""
    if stat.S_ISREG(mode):
        info, data = _info(name, tarfile.REGTYPE), files.regular(path, max(most, 0))
        info.size = len(data)
        return info, data
    return None


def _info(name: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    return info


def _target(link: Path) -> str:
    """Return where a link leads, seen from its folder: an absolute place is another one there."""
    to = link.readlink()
    if not to.is_absolute():
        return str(to)
    return os.path.relpath(os.path.realpath(link), os.path.realpath(link.parent))


def _sent_names(root: Path, folder: str) -> Container[str] | None:
    """Return which entries of a folder are sent: few of a cache or an environment, else all."""
    path = Path(folder)
    if path == root:
        return None
    if path.name == _HISTORY[0]:
        return _HISTORY[1:]
    if any((path / mark).exists() for mark in _MARKS):
        return _MARKS
    return () if path.name in CACHE_NAMES else None


def _too_large(path: Path) -> LabError:
    text = f"{path.name} is larger than the {LARGEST >> 20} MiB that are sent to another machine: "
    text += "check it without --dask and --scheduler."
    remedy = Remedy("Check it without --dask and --scheduler")
    return LabError(text, ErrorCode.FILE_TOO_LARGE, file=path, remedy=remedy)
