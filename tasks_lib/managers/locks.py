"""What a lock says of one package, whichever manager wrote it; and how a lock in TOML is read."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.managers import lock_lines
from tasks_lib.project.manifests import LOCK, parse_toml, read_text
from tasks_lib.project.version_ranges import minor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

LOCK_AGAIN = Remedy("Lock again", ("invoke", "deps.lock"))


class Origin(Enum):
    """Where a locked package comes from."""

    INDEX = "a package index"
    ELSEWHERE = "a repository, an address or a folder"
    PROJECT = "the project itself, or the root of its workspace"


@dataclass(frozen=True)
class LockedPackage:
    """One package of a lock.

    `name` and `dependencies` are normalised. `version` is empty where the lock has none, `index` is
    the address of the package index. At least one of `markers` must hold for the package to be
    installed; none means always.
    """

    name: str
    version: str = ""
    origin: Origin = Origin.INDEX
    index: str = ""
    dependencies: tuple[str, ...] = ()
    markers: tuple[str, ...] = ()

    def applies(self, python: str) -> bool:
        """Return whether the package may be installed for this Python on this machine.

        The answer is true where that is uncertain.
        """
        if not self.markers or any("extra" in text for text in self.markers):
            return True
        from packaging.markers import InvalidMarker, Marker, UndefinedEnvironmentName  # noqa: PLC0415 - 0.03 s

        here = {"python_version": minor(python), "python_full_version": python}
        try:
            return any(Marker(text).evaluate(here) for text in self.markers)
        except (InvalidMarker, UndefinedEnvironmentName):
            return True


def data(path: Path) -> Mapping[str, Any]:
    """Return the data of a lock without the files of its packages. Not to be changed.

    Raises:
        LabError: The lock cannot be read.

    """
    return _parsed(read_text(path), path.name)


def _parsed(text: str, name: str) -> dict[str, Any]:
    found = _outcome(text, name)
    if isinstance(found, LabError):
        raise found.with_traceback(None)
    return found


@functools.lru_cache(maxsize=1)  # each part that looks at a lock reads it
def _outcome(text: str, name: str) -> dict[str, Any] | LabError:
    try:
        return parse_toml(text, name, LOCK, lock_lines.loads)
    except LabError as error:
        return error


def read(path: Path, parse: Callable[[dict[str, Any]], LockedPackage]) -> tuple[LockedPackage, ...]:
    """Return the packages in the tables `[[package]]` of a lock, none without a lock.

    Raises:
        LabError: The lock cannot be read, or `parse` finds a table that has another shape.

    """
    if not path.is_file():
        return ()
    try:
        text = read_text(path)
        _parsed(text, path.name)
    except LabError as error:
        if error.code is ErrorCode.CANNOT_READ:
            raise
        raise _damaged(path, error.message, error.line) from None
    try:
        return _packages(text, path.name, parse)
    except (AttributeError, KeyError, TypeError):
        raise _damaged(path, "it does not list packages.") from None


@functools.lru_cache(maxsize=1)
def _packages(
    text: str, name: str, parse: Callable[[dict[str, Any]], LockedPackage]
) -> tuple[LockedPackage, ...]:
    return tuple(parse(row) for row in _parsed(text, name).get("package", []))


def _damaged(path: Path, reason: str, line: int | None = None) -> LabError:
    text = f"{path.name} is damaged: {reason}"
    return LabError(text, ErrorCode.DAMAGED_LOCK, file=path.name, line=line, remedy=LOCK_AGAIN)
