"""Whether a folder holds what it held: all files cost a look each, folders far fewer.

Every start passes through here: standard library alone, and no more of it than is needed.
"""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False  # typing's own costs 9 ms
if TYPE_CHECKING:
    from collections.abc import Mapping

#: beside the folder: what a look at all its files has found, and the seconds for which that counts
_RECORD, _DAY = ".look", 24 * 60 * 60
_BYTECODE = "__pycache__"


def digest(home: str, but: str) -> str:
    """Return a digest of the names and sizes of the files, less bytecode and one at the top."""
    from hashlib import sha256  # noqa: PLC0415 - OpenSSL costs 3 ms

    lines = []
    folders = [os.path.realpath(home)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    lines.append(f"{entry.path} {entry.stat(follow_symlinks=False).st_size}")
                elif entry.name != _BYTECODE:
                    folders.append(entry.path)
    left_out = os.path.join(os.path.realpath(home), but) + " "
    text = "\n".join(sorted(line for line in lines if not line.startswith(left_out)))
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def folders(home: str) -> dict[str, int]:
    """Return when a name in each folder last changed, less those of bytecode.

    What deletes, adds or replaces a file changes its folder; what writes into one does not.
    """
    found = {}
    for folder, names, _ in os.walk(os.path.realpath(home)):
        found[folder] = os.stat(folder).st_mtime_ns
        names[:] = [name for name in names if name != _BYTECODE]
    return found


def remember(home: str, mark: str, seen: Mapping[str, int]) -> None:
    """Write down that all files were as they should be, with what `folders` returned before."""
    half = f"{home}.{os.getpid()}{_RECORD}"
    lines = [mark, *(f"{state} {path}" for path, state in seen.items())]
    try:
        with open(half, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write("\n".join(lines))
        os.replace(half, f"{home}{_RECORD}")
    except OSError:  # such as a folder that is only read: all is looked at again
        pass


def is_as_seen(home: str, mark: str) -> bool:
    """Return whether every folder, and the mark, is as it was written down not a day ago."""
    try:
        with open(f"{home}{_RECORD}", encoding="utf-8", errors="surrogateescape") as file:
            age = time.time() - os.fstat(file.fileno()).st_mtime
            expected, *lines = file.read().split("\n")
        is_same = bool(lines) and mark == expected and 0 <= age < _DAY
        for line in lines:
            state, _, path = line.partition(" ")
            is_same = is_same and str(os.stat(path).st_mtime_ns) == state
    except (OSError, ValueError):
        return False
    return is_same
