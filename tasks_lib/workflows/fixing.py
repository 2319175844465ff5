"""Mend what checks find where that is safe: nothing is deleted, and conda's packages stay as they are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tasks_lib import checks
from tasks_lib.checks.base import Check
from tasks_lib.checks.registry import HYBRID, KNOWN, listing
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.ownership import guard
from tasks_lib.results import Status
from tasks_lib.session.session import Answer, planned
from tasks_lib.tools import executables
from tasks_lib.workflows import installation
from tasks_lib.workflows.changes import change

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tasks_lib.execution.plan import Step, Watcher
    from tasks_lib.session.session import Session


def _conda(session: Session) -> Sequence[Step]:
    session.environment.require()
    return guard.creation(session)


def _lock(session: Session) -> Sequence[Step]:
    session.environment.require()
    session.manager.require_lock()
    return installation.install_steps(session)


#: The safe fixes, in the order in which they are made; each is what a task does too, behind the same guard.
FIXES: dict[str, tuple[str, Callable[[Session], Sequence[Step]]]] = {
    "drift.conda": ("installs what the conda file asks for and is missing", _conda),
    "lock.fresh": (
        "locks anew",
        lambda session: [installation.lock_step(session)],
    ),
    "drift.lock": ("installs what the lock names, behind the guard; strays stay", _lock),
}
_NO_FIX = "nothing that is safe to do unasked: see the remedy"


def explain(check: str) -> Answer:
    """Say why a check exists, how to mend what it finds, and what `check.fix` does; an unknown id lists all."""
    told = KNOWN.get(check)
    if told is None:
        text = f"there is no check {check!r}; {listing()}."
        raise LabError(
            text,
            ErrorCode.UNKNOWN_CHECK,
            remedy=f"try one: invoke check.explain {next(iter(HYBRID))}",
        )
    severity = {"severity": told.severity.value} if isinstance(told, Check) else {}
    remedy, fix = (
        str(executables.typable(told.remedy)),
        FIXES[check][0] if check in FIXES else _NO_FIX,
    )
    return Answer(
        data={
            "check": check,
            "title": told.title,
            **severity,
            "why": told.why,
            "remedy": remedy,
            "fix": fix,
        }
    )


def fix(session: Session, watcher: Watcher, *, dry_run: bool = False) -> Answer:
    """Run the checks, then the safe fixes of those that failed; say what is left to a person."""
    found = checks.run_all(session, watcher).results
    wrong = {result.id for result in found if result.status is Status.FAIL}
    mended = [name for name in FIXES if name in wrong]
    steps: list[Step] = []
    for name in mended:
        steps += [
            step for step in FIXES[name][1](session) if step.id not in {one.id for one in steps}
        ]
    left = [
        replace(one, status=Status.WARN, title=f"left to you: {one.title}", seconds=0.0)
        for one in found
        if one.status in {Status.WARN, Status.FAIL} and one.id not in mended
    ]
    if dry_run:
        return Answer(left, planned(steps).data)
    data = {"fixed": mended, "note": "" if mended else "nothing to fix"}
    answer = change(session, watcher, steps, dry_run=False) if steps else Answer()
    return Answer([*answer.results, *left], {**answer.data, **data})
