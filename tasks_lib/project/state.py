"""What this user's runs keep of a checkout, outside of it: whoever wrote a repository wrote none.

Each checkout has a folder of its own in the user's state folder. Its name comes from the checkout's
path and its inode, so a copy, and another repository at the same path, begin with nothing. The
folders are only the user's to read.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

import platformdirs

from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import files

#: The variable that names another state folder.
STATE = "MLOPS_LAB_STATE_DIR"
_PRIVATE = 0o700
_LARGEST = 1 << 16


def folder(root: Path) -> Path:
    """Return the folder for the checkout in `root`, which may not exist yet.

    Raises:
        LabError: The user's state folder is in the checkout, where anybody could have written it.

    """
    checkout = root.resolve()
    base = _base()
    if base.resolve().is_relative_to(checkout):
        text = f"{base} is in the project, and what a run records must be outside of it."
        raise LabError(text, ErrorCode.STATE_FOLDER, remedy=_ELSEWHERE)
    key = f"{checkout}\0{checkout.stat().st_ino}"
    return base / "checkouts" / hashlib.sha256(os.fsencode(key)).hexdigest()[:16]


def find(root: Path) -> Path | None:
    """Return the folder for the checkout in `root`; `None` where nothing can be recorded."""
    with contextlib.suppress(LabError, OSError):
        return folder(root)
    return None


def made(root: Path) -> Path:
    """Return the folder for the checkout in `root`, which exists now.

    Raises:
        LabError: It cannot be made, or belongs to another user.

    """
    place = folder(root)
    try:
        place.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        facts = place.lstat()
        note = place / "checkout"
        if not note.exists():
            files.write(note, f"{root.resolve()}\n".encode("utf-8", "surrogateescape"))
    except OSError as error:
        text = f"What a run records cannot be written to {place}: {error.strerror}."
        raise LabError(text, ErrorCode.STATE_FOLDER, file=place, remedy=_ELSEWHERE) from None
    if hasattr(os, "getuid") and facts.st_uid != os.getuid():
        text = f"What a run records cannot be written to {place}: it belongs to another user."
        raise LabError(text, ErrorCode.STATE_FOLDER, file=place, remedy=_ELSEWHERE)
    return place


def remembered(root: Path, name: str) -> str:
    """Return what `remember` wrote for the checkout; empty where there is nothing to be read."""
    place = find(root)
    with contextlib.suppress(OSError, ValueError):
        if place:
            with (place / name).open("rb") as stream:
                return stream.read(_LARGEST).decode()
    return ""


def remember(root: Path, name: str, text: str) -> None:
    """Write the file `name` for the checkout; nothing is remembered where the text is empty.

    Raises:
        LabError: It cannot be written.

    """
    if text:
        files.write(made(root) / name, text.encode())
    elif place := find(root):
        (place / name).unlink(missing_ok=True)


def _base() -> Path:
    """Return the user's state folder: the user's choice, else the one that the system has."""
    chosen = os.environ.get(STATE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    found = platformdirs.user_state_path("mlops-lab", appauthor=False)
    if not found.is_absolute():  # a user without a home folder
        text = "This user has no home folder for what a run records."
        raise LabError(text, ErrorCode.STATE_FOLDER, remedy=_ELSEWHERE)
    return found


_ELSEWHERE = Remedy(f"Set {STATE} to a folder of your own, outside of the project")
