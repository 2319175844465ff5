"""What a checkout's commit is and when it was made, from git's plain files: no git runs."""

from __future__ import annotations

import re
import struct
import zlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tasks_lib.errors import LabError
from tasks_lib.execution import files

if TYPE_CHECKING:
    from pathlib import Path

GIT = ".git"
#: the longest name of a branch, the largest list of branches, and the most of a commit, in bytes
_LONGEST_REF, _LARGEST_REFS, _LARGEST_COMMIT = 512, 4 << 20, 64 << 10
#: how many packs are looked into, and the largest part of their lists that is read
_MOST_PACKS, _LARGEST_LIST = 50, 4 << 20
_REF = re.compile(r"ref: (refs/[^\s\0]+)")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_COMMITTER = re.compile(rb"(?m)^committer .*> (\d{1,11}) [+-]\d{4}$")
#: the list of a pack begins so: https://git-scm.com/docs/gitformat-pack
_IDX, _FANOUT = b"\xfftOc\0\0\0\2", 256
_IS_COMMIT = 1


def commit(root: Path) -> str:
    """Return the commit that a checkout is at; empty where git's files do not tell it."""
    git = root / GIT
    if not git.is_dir():
        return ""
    head = _text(root, git / "HEAD", _LONGEST_REF).strip()
    ref = _REF.fullmatch(head)
    if ref:
        head = _text(root, git / ref[1], _LONGEST_REF).strip() or _of_packed_ref(root, ref[1])
    return head if _COMMIT.fullmatch(head) else ""


def committed(root: Path) -> str:
    """Return the committer's time of that commit as ISO 8601; empty where it is not told."""
    name = commit(root)
    if not name:
        return ""
    try:
        data = _loose(root, name) or _in_packs(root, name)
    except (OSError, ValueError, IndexError, struct.error, zlib.error, LabError):
        return ""
    found = _COMMITTER.search(data.partition(b"\n\n")[0])
    return datetime.fromtimestamp(int(found[1]), UTC).isoformat() if found else ""


def _of_packed_ref(root: Path, ref: str) -> str:
    """Return the commit of a branch from git's list of them."""
    for line in _text(root, root / GIT / "packed-refs", _LARGEST_REFS).splitlines():
        found, _, name = line.partition(" ")
        if name == ref:
            return found
    return ""


def _text(root: Path, path: Path, largest: int) -> str:
    """Return the text of a file of the repository; nothing where it cannot be read."""
    try:
        return files.regular(files.inside(root, path), largest).decode("utf-8", "replace")
    except (OSError, ValueError, LabError):
        return ""


def _loose(root: Path, name: str) -> bytes:
    """Return a commit that has a file of its own; nothing where it has none."""
    path = root / GIT / "objects" / name[:2] / name[2:]
    if not path.exists():
        return b""
    data = files.regular(files.inside(root, path), _LARGEST_COMMIT)
    return zlib.decompressobj().decompress(data, _LARGEST_COMMIT)


def _in_packs(root: Path, name: str) -> bytes:
    """Return a commit from a pack; nothing where it is stored as what differs from another."""
    lists = sorted((root / GIT / "objects" / "pack").glob("*.idx"))
    for path in lists[:_MOST_PACKS]:
        place = _place(files.inside(root, path), bytes.fromhex(name))
        if place is not None:
            pack = files.inside(root, path.with_suffix(".pack"))
            return _at(pack, place)
    return b""


def _place(path: Path, name: bytes) -> int | None:
    """Return where a pack has an object, by the pack's list."""
    with files.opened(path) as stream:
        if stream.read(len(_IDX)) != _IDX:
            return None
        ends = struct.unpack(f">{_FANOUT}I", stream.read(4 * _FANOUT))
        first = ends[name[0] - 1] if name[0] else 0
        size = (ends[name[0]] - first) * len(name)
        names_at = len(_IDX) + 4 * _FANOUT
        stream.seek(names_at + first * len(name))
        names = stream.read(min(max(size, 0), _LARGEST_LIST))
        at = names.find(name)
        while at % len(name) and at >= 0:
            at = names.find(name, at + 1)
        if at < 0:
            return None
        # behind all names is a checksum for each, then the place of each
        stream.seek(names_at + ends[-1] * (len(name) + 4) + (first + at // len(name)) * 4)
        (place,) = struct.unpack(">I", stream.read(4))
        return int(place)


def _at(pack: Path, place: int) -> bytes:
    """Return the commit at a place of a pack."""
    with files.opened(pack) as stream:
        stream.seek(place)
        data = stream.read(_LARGEST_COMMIT)
    kind = data[0] >> 4 & 7
    start = 1
    while data[start - 1] & 0x80:
        start += 1
    if kind != _IS_COMMIT:
        return b""
    return zlib.decompressobj().decompress(data[start:], _LARGEST_COMMIT)
