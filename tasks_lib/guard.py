"""Refuse a run that would remove or replace a distribution which conda owns, before anything changes.

Measured: `uv sync` deletes what conda installed and no lock names, and `uv sync --inexact` and `poetry install` replace
what the lock pins at another version; `conda doctor` then reports missing files, and exits 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks_lib import process
from tasks_lib.environments import conda_health, records
from tasks_lib.errors import ExitCode, LabError
from tasks_lib.plan import Step
from tasks_lib.report.model import Result, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tasks_lib.environments.base import Activation
    from tasks_lib.session import Session


@dataclass(frozen=True)
class Conflict:
    """A distribution that conda owns at one version, and that the manager would replace or (`after` empty) remove."""

    name: str
    before: str
    after: str
    owner: str
    asked_by: tuple[str, ...]

    def __str__(self) -> str:
        """Say it in one sentence."""
        who = f"asked for by {', '.join(self.asked_by)}" if self.asked_by else "asked for by the lock"
        what = f"would become {self.after} ({who})" if self.after else "would be removed"
        return f"{self.name} {self.before}, which conda owns (package {self.owner}), {what}"


def conflicts(session: Session, activation: Activation, groups: Sequence[str] = ()) -> list[Conflict]:
    """Intersect what the manager is about to remove or replace with what `conda-meta` owns by file.

    The manager is asked for its plan only where the lock names something that conda owns at another version: nothing
    else can be replaced, since what this project runs never removes.
    """
    owned = conda_health.owned(activation.prefix)
    if not owned:
        return []
    have, locked = records.installed(activation.prefix), session.manager.locked()
    if all(locked.get(name, {have.get(name)}) == {have.get(name)} for name in owned):
        return []
    outcome = process.run(session.manager.preview(activation, groups))
    planned = session.manager.changes(outcome)
    asked_by = session.manager.dependents()
    return [
        Conflict(change.name, have.get(change.name, ""), change.after, owned[change.name], asked_by(change.name))
        for change in planned
        if change.name in owned and change.before and change.after != have.get(change.name)
    ]


def refusal(found: Sequence[Conflict]) -> LabError:
    """Give the error that names each package, its owner, both versions, and the command that solves it."""
    text = f"conda's packages would be destroyed: {'; '.join(map(str, found))}."
    remedy = "pin what conda has: invoke deps.align"
    return LabError(text, code=ExitCode.GUARD_REFUSED, remedy=remedy, title="the guard refused")


def step(session: Session, activation: Activation, groups: Sequence[str], needs: tuple[str, ...]) -> Step:
    """Give the step that stands before every installation."""

    def look() -> Iterable[Result]:
        if found := conflicts(session, activation, groups):
            raise refusal(found)
        return (Result("guard", Status.PASS, "nothing of conda's is replaced or removed"),)

    return Step("guard", "see that nothing of conda's is replaced", work=look, needs=needs, check=True)


def refuse_takeover(session: Session, activation: Activation, names: Sequence[str]) -> None:
    """Stop before conda installs what the lock already owns."""
    owned, have = conda_health.owned(activation.prefix), records.installed(activation.prefix)
    locked = session.manager.locked()
    taken = [name for name in map(records.normalised, names) if name in locked and name in have and name not in owned]
    if taken:
        versions = ", ".join(f"{name} {have[name]}" for name in taken)
        text = f"{session.manager.lock_name} owns {versions}, and conda would install over it."
        remedy = f"take it out of the lock first: invoke deps.remove {taken[0]}"
        raise LabError(text, code=ExitCode.GUARD_REFUSED, remedy=remedy, title="the guard refused")
