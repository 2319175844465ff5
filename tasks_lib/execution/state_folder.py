"""The user's state folder: what runs record of a checkout, where no repository can put anything."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

import platformdirs

from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import files

#: The variable that names another state folder.
VARIABLE = "MLOPS_LAB_STATE_DIR"
_PRIVATE = 0o700
#: Where nothing can be, for a user without a state folder outside of the checkout.
_NOWHERE = Path(os.devnull)
#: The file with the path and the inode of the checkout.
_NOTE = "checkout"


def of_checkout(root: Path) -> Path:
    """Return the folder with what was recorded of the project in `root`; it need not exist.

    Its name comes from the path and the inode of `root`: a copy, and another repository at the same
    path, begin with nothing. It is a folder that cannot exist where the state folder would be in
    the project, since a repository could have brought it.
    """
    base = _base()
    checkout = Path(os.path.realpath(root))
    if not base.is_absolute() or Path(os.path.realpath(base)).is_relative_to(checkout):
        base = _NOWHERE
    key = f"{checkout}\0{_inode(checkout)}"
    return base / "checkouts" / hashlib.sha256(os.fsencode(key)).hexdigest()[:16]


def made(root: Path) -> Path:
    """Return the folder of the project in `root`, which exists now and is only the user's to read.

    Raises:
        LabError: It cannot be made, or belongs to another user.

    """
    place = of_checkout(root)
    if place.is_relative_to(_NOWHERE):
        raise _unusable(_base(), "the project contains it, or the user has no home folder")
    try:
        place.mkdir(parents=True, exist_ok=True)
        if hasattr(os, "getuid") and place.lstat().st_uid != os.getuid():
            raise _unusable(place, "it belongs to another user")
        place.chmod(_PRIVATE)
        if not (place / _NOTE).exists():
            note = f"{os.path.realpath(root)}\n{_inode(root)}\n"
            files.write(place / _NOTE, os.fsencode(note))
    except OSError as error:
        raise _unusable(place, str(error.strerror)) from None
    return place


def kept(root: Path, name: str) -> str | None:
    """Return what `keep` wrote, nothing where there is none or where it cannot be read."""
    try:
        return files.regular_text(of_checkout(root) / name)
    except OSError:
        return None


def keep(root: Path, name: str, text: str) -> None:
    """Write a file for later runs in the checkout; one that cannot be written is done without."""
    with contextlib.suppress(LabError, OSError):
        files.write(made(root) / name, text.encode())


def before_move(root: Path, name: str) -> list[Path]:
    """Return each record `name` of a checkout that is gone from its path and may be `root` now."""
    inode = str(_inode(root))
    found = []
    for record in sorted(_base().glob(f"checkouts/*/{name}")):
        with contextlib.suppress(OSError):
            path, _, number = (
                os.fsdecode((record.parent / _NOTE).read_bytes()).strip().rpartition("\n")
            )
            if number == inode and not os.path.lexists(path):
                found.append(record)
    return found


def _base() -> Path:
    """Return the state folder: the user's choice, else the one that the system usually has."""
    chosen = os.environ.get(VARIABLE)
    if chosen:
        return Path(os.path.expanduser(chosen)).absolute()  # noqa: PTH111 - it never fails
    return platformdirs.user_state_path("mlops-lab", appauthor=False)


def _inode(root: Path) -> int:
    try:
        return root.stat().st_ino
    except OSError:  # it does not exist yet
        return 0


def _unusable(place: Path, why: str) -> LabError:
    text = f"What a run records cannot be kept in {place}: {why}."
    remedy = Remedy(f"Set {VARIABLE} to a folder of your own outside of the project")
    return LabError(text, ErrorCode.STATE_FOLDER, file=place, remedy=remedy)
