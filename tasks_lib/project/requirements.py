"""What a person may say after `deps.add`: one set of words for all managers, as PEP 508 and pip have them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tasks_lib.errors import ErrorCode, LabError

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_EXTRAS = re.compile(r"\[[\w\s,.-]*\]$")


def words(text: str, behind: Sequence[str], root: Path) -> list[str]:
    """Split what was typed into requirements; a marker, an address or a folder may have spaces of its own."""
    whole = text.strip()
    paths = (whole, _EXTRAS.sub("", whole)) if is_folder(whole) else ()
    one = re.search(r";|\s@\s", whole) or any(Path(path).expanduser().exists() for path in paths)
    found = [*([whole] if one else text.split()), *map(str.strip, behind)]
    for word in found:
        if is_folder(word) and not (root / _from_root(word.partition("[")[0], root)).exists():
            message = f"there is no {word.partition('[')[0]} to install."
            raise LabError(message, ErrorCode.NO_SUCH_PATH, remedy="check the path")
    return [_from_root(word, root) for word in found]


def is_folder(word: str) -> bool:
    """Tell a path from a name, as pip does: by how it begins."""
    return word.startswith((".", "/", "~", "\\")) or bool(re.match(r"[A-Za-z]:[\\/]", word))


def _from_root(word: str, root: Path) -> str:
    """Write a path that was typed in another folder as the managers have to read it: they start in the project's."""
    path = Path(word).expanduser()
    if (
        not is_folder(word)
        or Path(word).is_absolute()
        or (Path.cwd() == root and not word.startswith("~"))
    ):
        return word
    return str(path) if path.is_absolute() else f"./{Path(os.path.relpath(path, root)).as_posix()}"


def names(packages: Sequence[str]) -> list[str]:
    """Give the names alone, for what is taken away by its name."""
    found = [_NAME.match(package) for package in packages]
    return [match[0] if match else package for match, package in zip(found, packages, strict=True)]


def expect_editable(packages: Sequence[str], root: Path) -> None:
    """Refuse what cannot be edited: only a folder can, and that is so for every manager."""
    for package in packages:
        folder = package.partition("[")[0]
        if not is_folder(folder) or not (root / folder).is_dir():
            text = f"--editable takes folders, and {package!r} is none."
            raise LabError(
                text,
                ErrorCode.NOT_EDITABLE,
                remedy="name a folder: invoke deps.add ./path --editable",
            )
