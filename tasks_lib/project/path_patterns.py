"""Patterns for paths, in which `**` is any number of folders; no pattern takes long to try."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_ANY = "**"


def parts(pattern: str) -> list[str]:
    """Return the parts of a pattern or of a path."""
    return [part for part in pattern.split("/") if part not in {"", "."}]


def matches(path: Iterable[str], wanted: Sequence[str]) -> bool:
    """Return whether the parts of a path match those of a pattern."""
    reached = _with_any({0}, wanted)
    for name in path:
        further = set()
        for at in reached - {len(wanted)}:
            if wanted[at] == _ANY:
                further.add(at)
            elif fnmatchcase(name, wanted[at]):
                further.add(at + 1)
        reached = _with_any(further, wanted)
    return len(wanted) in reached


def _with_any(reached: set[int], wanted: Sequence[str]) -> set[int]:
    """Add the places behind each `**`, which may be no folder at all."""
    for at, part in enumerate(wanted):
        if at in reached and part == _ANY:
            reached.add(at + 1)
    return reached
