"""Requirements by PEP 508, and what a user may type after `deps.add`: that and pip's forms."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution.known import known

if TYPE_CHECKING:
    from collections.abc import Sequence

    from packaging.requirements import Requirement

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_EXTRAS = re.compile(r"\[[\w\s,.-]*\]$")
_MARKER_OR_ADDRESS = re.compile(r";|\s@\s")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


def words(text: str, behind: Sequence[str], root: Path) -> list[str]:
    """Split what was typed into requirements; a marker, an address or a folder may contain spaces.

    Raises:
        LabError: A folder does not exist.

    """
    whole = text.strip()
    typed = [whole] if _is_one(whole) else text.split()
    typed += [word.strip() for word in behind]
    found = []
    for word in typed:
        seen = _from_root(word, root)
        folder = word.partition("[")[0]
        if is_folder(word) and not (root / _from_root(folder, root)).exists():
            message = f"There is no {folder} to install."
            raise LabError(message, ErrorCode.NO_SUCH_PATH, remedy=Remedy("Check the path"))
        found.append(seen)
    return found


def parse(text: object) -> Requirement | None:
    """Return a requirement, `None` where the text is not one: `config` and `doctor` report it."""
    return _parsed(text) if isinstance(text, str) else None


@known()
def _parsed(text: str) -> Requirement | None:
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 - 0.03 s

    try:
        return Requirement(text)
    except InvalidRequirement:
        return None


def _is_one(text: str) -> bool:
    """Return whether the text is one requirement, though it contains spaces."""
    if _MARKER_OR_ADDRESS.search(text):
        return True
    if not is_folder(text):
        return False
    paths = (text, _EXTRAS.sub("", text))
    return any(Path(path).expanduser().exists() for path in paths)


def is_folder(word: str) -> bool:
    """Return whether a word is a path and not a name: as in pip, by how it begins."""
    return word.startswith((".", "/", "~", "\\")) or bool(_DRIVE.match(word))


def _from_root(word: str, root: Path) -> str:
    """Return a typed path as seen from the project's folder, where the managers run."""
    if not is_folder(word) or Path(word).is_absolute():
        return word
    if word.startswith("~"):
        return str(Path(word).expanduser())
    if Path.cwd() == root:
        return word
    return f"./{Path(os.path.relpath(word, root)).as_posix()}"


def names(packages: Sequence[str]) -> list[str]:
    """Return the names alone, for what is removed by its name."""
    found = []
    for package in packages:
        name = _NAME.match(package)
        found.append(name[0] if name else package)
    return found


def expect_editable(packages: Sequence[str], root: Path) -> None:
    """Raise an error unless every package is a folder: no manager can edit anything else."""
    for package in packages:
        folder = package.partition("[")[0]
        if not is_folder(folder) or not (root / folder).is_dir():
            text = f"--editable needs folders, and {package!r} is not one."
            remedy = Remedy("Name a folder, e.g. deps.add ./packages/core --editable")
            raise LabError(text, ErrorCode.NOT_EDITABLE, remedy=remedy)
