"""The floor: what the raw calls of a plan take, each alone, where none waits but for what it needs.

A dry run prints the calls as a user could type them. So each layer and manager names its own.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from tests.bench.place import Took, timed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tests.bench.place import Place

#: the one check that a first `setup` cannot leave out; the others look at what it has just made
_LAST = "check.compat"
_INSTALL = "deps.install"


class Call(NamedTuple):
    """A raw call of a plan."""

    id: str
    shown: str
    needs: Sequence[str]


class Floor(NamedTuple):
    """The raw calls of a first `setup`, and those of one that has nothing to do."""

    first: Sequence[Call]
    again: Sequence[Call]

    @classmethod
    def of(cls, place: Place, combo: str, engine: str) -> Floor:
        """Ask for the plan of a first `setup`."""
        words = ("--dry-run", "--json", "--combo", combo, "--engine", engine)
        rows = json.loads(place.lab("setup", *words))["data"]["plan"]
        calls = [Call(row["id"], row["command"], row["needs"]) for row in rows if row["argv"]]
        checks = [call for call in calls if call.id.startswith("check.")]
        first = [call for call in calls if call not in checks or call.id == _LAST]
        looks = [call for call in calls if call.id == _INSTALL]
        again = [call._replace(shown=f"{call.shown} --dry-run") for call in looks]
        return cls(first, [*again, *checks])

    def measured(self, place: Place) -> tuple[Took, Took]:
        """Run all calls, on nothing at first; return the time of the first path and of the slowest.

        With nothing to do all are looks, and none waits for another.
        """
        first = {call.id: _alone(place, call) for call in self.first}
        again = [_alone(place, call) for call in self.again]
        cpu = sum(one.cpu for one in first.values())
        seconds = {name: one.seconds for name, one in first.items()}
        longest = critical(seconds, {call.id: call.needs for call in self.first})
        slowest = max(one.seconds for one in again)
        return Took(longest, cpu), Took(slowest, sum(one.cpu for one in again))


def _alone(place: Place, call: Call) -> Took:
    return timed(partial(place.run, "sh", "-ec", call.shown))


def critical(seconds: Mapping[str, float], needs: Mapping[str, Iterable[str]]) -> float:
    """Return the seconds of the longest path; each name comes behind those that it needs."""
    ends: dict[str, float] = {}
    for name, own in seconds.items():
        ends[name] = own + max((ends.get(one, 0.0) for one in needs[name]), default=0.0)
    return max(ends.values(), default=0.0)
