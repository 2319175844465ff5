"""What a check of the facts is, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tasks_lib.results import Check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tasks_lib.errors import Remedy
    from tasks_lib.ownership.facts import Facts
    from tasks_lib.results import Status

_SHOWN = 8


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    `status` is set where the finding is milder than its check, `remedy` where what it names has to
    be in the command. `count` is the number of faults that it sums up, 0 where it is none.
    """

    text: str
    file: str | None = None
    line: int | None = None
    status: Status | None = None
    count: int = 1
    remedy: Remedy | None = None


def _always(_: Facts) -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class FactCheck(Check):
    """A check that reads the facts itself; it is silent where `applies` is false."""

    look: Callable[[Facts], Iterable[Finding]]
    applies: Callable[[Facts], bool] = field(default=_always)


def has_environment(facts: Facts) -> bool:
    """Return whether the environment exists and can be used."""
    return facts.prefix is not None


def has_conda_file(facts: Facts) -> bool:
    """Return whether there is a conda file that can be read."""
    return facts.conda_file is not None


def conda_line(facts: Facts, name: str) -> tuple[str | None, int | None]:
    """Return the conda file's name, and the line of a dependency in it."""
    file = facts.conda_file
    if file is None:
        return None, None
    return file.path.name, file.lines.get(name)


def listed(names: Iterable[str], most: int = _SHOWN) -> str:
    """List names for a sentence, the first few of many."""
    every = list(names)
    text = ", ".join(every[:most])
    if len(every) > most:
        text += f" and {len(every) - most} more"
    return text
