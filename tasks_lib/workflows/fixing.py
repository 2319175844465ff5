"""Explain checks, and fix what they find where that is safe.

Nothing is deleted, and conda's packages stay.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tasks_lib import checks
from tasks_lib.checks import registry
from tasks_lib.environments.base import State
from tasks_lib.ownership import guard
from tasks_lib.results import Fix, Result, Status
from tasks_lib.session.session import Answer, planned
from tasks_lib.workflows import installation, own_settings, repair
from tasks_lib.workflows.changes import change

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tasks_lib.execution.plan import Step, Watcher
    from tasks_lib.results import Check
    from tasks_lib.session.session import Session


def _settings(session: Session) -> Sequence[Step]:
    """Return the steps that write the settings, then lock and install by them."""
    write = own_settings.step(session)
    renewed = own_settings.renewed(session)  # Poetry would keep another build that is locked
    steps = [write, installation.lock_step(session, upgrade=renewed).after(write.id)]
    if session.environment.state() is State.PRESENT:
        steps += installation.install_steps(session)
    return steps


def _create(session: Session) -> Sequence[Step]:
    session.environment.require()
    return guard.creation(session, session.environment.creation())


def _lock(session: Session) -> Sequence[Step]:
    lock = session.environment.layer_lock
    renewed = [lock.step()] if lock and lock.outdated else []
    return [*renewed, installation.lock_step(session)]


def _install(session: Session) -> Sequence[Step]:
    session.environment.require()
    session.manager.require_lock()
    return installation.install_steps(session)


#: each fix is what a task does too, behind the same guard
_STEPS: dict[Fix, Callable[[Session], Sequence[Step]]] = {
    Fix.SETTINGS: _settings,
    Fix.CREATE: _create,
    Fix.REPAIR: repair.steps,
    Fix.LOCK: _lock,
    Fix.INSTALL: _install,
}
#: the fixes of what is only warned of too
_OF_WARNINGS = {Fix.SETTINGS, Fix.REPAIR}
_NO_FIX = "nothing: no fix is safe without asking, see the remedy"


def explain(check: str, others: Iterable[Check] = ()) -> Answer:
    """Return why a check exists, how to fix what it finds, and what `check.fix` does.

    The `others` are checks that are in no registry here.

    Raises:
        LabError: `unknown_check`, with the ids that exist.
    """
    row = registry.find(check, others)
    data = {
        "check": check,
        "title": row.title,
        "severity": row.severity.value,
        "why": row.why,
        "remedy": row.remedy,
        "fix": row.fix or _NO_FIX,
    }
    return Answer(data=data)


def fix(session: Session, watcher: Watcher, *, dry_run: bool = False) -> Answer:
    """Run the checks, then the safe fixes of those that failed; report what is left to the user."""
    found = checks.run_all(session, watcher).results
    wrong = {(result.id, result.status) for result in found}
    fixed = []
    made: dict[Fix, Sequence[Step]] = {}
    steps: dict[str, Step] = {}
    for check, name in registry.fixes().items():
        statuses = [Status.FAIL, *([Status.WARN] if name in _OF_WARNINGS else [])]
        if wrong.isdisjoint((check, status) for status in statuses):
            continue
        if name not in made:
            made[name] = _STEPS[name](session)
        if made[name]:
            fixed.append(check)
        for step in made[name]:
            steps.setdefault(step.id, step)
    plan = repair.in_order(list(steps.values()))
    if dry_run:
        return Answer(_left(found, fixed), planned(plan).data)
    answer = change(session, watcher, plan, dry_run=False) if plan else Answer()
    checked = {one.id for one in found}
    again = [one for one in answer.results if one.id in checked]
    left = _left(found, [*fixed, *(one.id for one in again)]) + _left(again, ())
    still = {one.id for one in left}
    fixed = [check for check in fixed if check not in still]
    data = {"fixed": fixed, "note": "" if fixed else "nothing to fix"}
    ended_well = [one for one in answer.results if one.id not in still]
    return Answer([*ended_well, *left], {**answer.data, **data})


def _left(found: Iterable[Result], done: Sequence[str]) -> list[Result]:
    """Return what was found and not fixed, as warnings."""
    left = []
    for one in found:
        if one.status in {Status.WARN, Status.FAIL} and one.id not in done:
            title = f"left to you: {one.title}"
            left.append(replace(one, status=Status.WARN, title=title, seconds=0.0))
    return left
