"""What a hybrid's check is, and the facts that all of them share: each is read once in a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks_lib.results import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tasks_lib.ownership.facts import Facts


_SHOWN = 8


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong; `status` is set where it is milder than its check, `count` where it sums up several."""

    text: str
    file: str | None = None
    line: int | None = None
    status: Status | None = None
    count: int = 1


@dataclass(frozen=True)
class Told:
    """What `check.explain` tells of a check."""

    title: str
    why: str
    remedy: str


@dataclass(frozen=True)
class Check(Told):
    """A check that reads for itself; it is silent where it does not apply."""

    look: Callable[[Facts], Iterable[Finding]]
    applies: Callable[[Facts], bool] = lambda _: True
    severity: Status = Status.WARN


def conda_line(facts: Facts, name: str) -> tuple[str | None, int | None]:
    """Give the conda file's name, and the line of a dependency in it."""
    file = facts.conda_file
    return (file.path.name, file.lines.get(name)) if file else (None, None)


def listed(names: Iterable[str]) -> str:
    """List names for a sentence, the first few of many."""
    every = list(names)
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return f"{', '.join(every[:_SHOWN])}{more}"
