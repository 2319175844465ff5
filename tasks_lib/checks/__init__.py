"""The checks, all of which only read: those of the tools are steps, the others rows of the catalogue."""

from __future__ import annotations

import functools
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from tasks_lib.checks.registry import HYBRID, KNOWN, Selection, family
from tasks_lib.checks.tools import FAMILIES
from tasks_lib.environments.base import MADE
from tasks_lib.errors import LabError
from tasks_lib.execution.plan import Step, execute
from tasks_lib.ownership.facts import Facts
from tasks_lib.results import Result, Status, verdict
from tasks_lib.session.session import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tasks_lib.execution.plan import Watcher
    from tasks_lib.session.session import Session


def steps(session: Session, families: Sequence[str] = tuple(FAMILIES)) -> list[Step]:
    """Give the steps of some families, each once, though two families may share one."""
    found: dict[str, Step] = {}
    for name in families:
        try:
            found.update({step.id: step for step in FAMILIES[name](session)})
        except LabError as error:
            if (
                name in {"config", "lock"} or "config" not in families
            ):  # `config` reports it as what it is
                raise
            found[name] = _skipped(name, error)
    return list(found.values())


def _skipped(name: str, error: LabError) -> Step:
    results = [_not_looked_at(f"{name}.skipped", name, error)]
    return Step(f"check.{name}", results[0].title, work=lambda: results, check=True)


def _not_looked_at(check: str, what: str, error: LabError) -> Result:
    title = f"{what} was not looked at"
    return Result(check, Status.SKIP, title, error.message, error.remedy, error.file, error.line)


def run(session: Session, watcher: Watcher, families: Sequence[str]) -> Answer:
    """Run the checks of some families; of the settings only the severities count."""
    chosen = Selection.of(session.project)
    return _answer(session, watcher, Selection(frozenset(families), severity=chosen.severity))


def run_all(session: Session, watcher: Watcher, *, select: str = "", ignore: str = "") -> Answer:
    """Run every check that is asked for, those of the tools and those that read."""
    return _answer(session, watcher, Selection.of(session.project, select, ignore))


def _answer(session: Session, watcher: Watcher, chosen: Selection) -> Answer:
    """Run what is chosen at the same time; the doctor's family tells too whether there is an environment."""
    families = {
        "doctor" if name == "env" else name for name in map(family, filter(chosen.wants, KNOWN))
    }
    plan = steps(session, [name for name in FAMILIES if name in families])
    if wanted := list(filter(chosen.wants, HYBRID)):
        work = functools.partial(_all_of, wanted, chosen, Facts(session))
        plan.append(
            Step("check.hybrid", "compare the two layers", work=work, needs=MADE, check=True)
        )
    results = [chosen.judged(one) for one in execute(plan, watcher) if chosen.keeps(one.id)]
    return Answer(results, code=verdict(results, strict=True) if chosen.strict else None)


def _all_of(wanted: Sequence[str], chosen: Selection, facts: Facts) -> Iterator[Result]:
    """Carry out the checks that read for themselves, in one step: they share what one of them has read."""
    for name in wanted:
        started = time.perf_counter()
        for result in looked_at(name, facts, chosen):
            yield replace(result, seconds=time.perf_counter() - started)


def looked_at(name: str, facts: Facts, chosen: Selection) -> list[Result]:
    """Carry one check out. Where it does not apply it has nothing to say, unless it was asked for by its id."""
    check = HYBRID[name]
    try:
        found = list(check.look(facts)) if check.applies(facts) else None
    except LabError as error:
        return [_not_looked_at(name, check.title, error)]
    if found is None:
        text = f"it has nothing to look at here ({facts.session.combo.id})"
        return [Result(name, Status.SKIP, check.title, text)] if name in chosen.select else []
    allowed = chosen.allowed(name)
    if sum(finding.count for finding in found) <= allowed:
        text = " ".join(finding.text for finding in found)
        return [
            Result(
                name,
                Status.PASS,
                check.title,
                f"{text} (up to {allowed} are let pass)" if text else "",
            )
        ]
    return [
        Result(
            name,
            one.status or check.severity,
            check.title,
            one.text,
            check.remedy,
            one.file,
            one.line,
        )
        for one in found
    ]
