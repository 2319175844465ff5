"""Run checks, all of which only read: the tools' as steps, and those that read the facts."""

from __future__ import annotations

import functools
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from tasks_lib.checks.registry import FACT_CHECKS, KNOWN, family
from tasks_lib.checks.selection import Selection
from tasks_lib.checks.tools import FAMILIES, USUAL
from tasks_lib.environments.base import MADE
from tasks_lib.errors import NO_REMEDY, LabError
from tasks_lib.execution.plan import Step, execute
from tasks_lib.ownership.facts import Facts
from tasks_lib.results import Result, Status, verdict
from tasks_lib.session.session import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tasks_lib.checks.base import FactCheck, Finding
    from tasks_lib.execution.plan import Watcher
    from tasks_lib.session.session import Session


def steps(session: Session, families: Sequence[str] = USUAL) -> list[Step]:
    """Return the steps of some families, each once: two families may share a step."""
    found: dict[str, Step] = {}
    for name in families:
        try:
            for step in FAMILIES[name](session):
                found[step.id] = step
        except LabError as error:
            # with `config` among them, that family reports what is wrong with a manifest
            if name in {"config", "lock"} or "config" not in families:
                raise
            found[name] = _skipped(name, error)
    return list(found.values())


def _skipped(name: str, error: LabError) -> Step:
    title = f"{name} was not checked"
    result = Result(
        f"{name}.skipped",
        Status.SKIP,
        title,
        error.message,
        error.remedy,
        error.file,
        error.line,
    )
    return Step(f"check.{name}", title, work=lambda: [result], check=True)


def run(session: Session, watcher: Watcher, families: Sequence[str]) -> Answer:
    """Run the checks of some families; of the settings only the severities count."""
    chosen = Selection.of(session.project)
    return _answer(session, watcher, Selection(frozenset(families), severity=chosen.severity))


def run_all(session: Session, watcher: Watcher, *, select: str = "", ignore: str = "") -> Answer:
    """Run every selected check, those of the tools and those that read the facts."""
    return _answer(session, watcher, Selection.of(session.project, select, ignore))


def _answer(session: Session, watcher: Watcher, chosen: Selection) -> Answer:
    """Run the chosen checks at the same time."""
    wanted = [name for name in KNOWN if chosen.wants(name)]
    families = set(map(family, wanted))
    if "env" in families:
        families.add("doctor")  # it says too whether the environment exists
    plan = steps(session, [name for name in FAMILIES if name in families])
    readers = [FACT_CHECKS[name] for name in wanted if name in FACT_CHECKS]
    if readers:
        work = functools.partial(_all_of, readers, chosen, Facts(session))
        plan.append(
            Step("check.hybrid", "compare the two layers", work=work, needs=MADE, check=True)
        )
    results = []
    for result in execute(plan, watcher):
        if chosen.keeps(result.id):
            status = chosen.judged(result.id, result.status)
            results.append(replace(result, status=status))
    return Answer(results, code=verdict(results, strict=True) if chosen.strict else None)


def _all_of(readers: Sequence[FactCheck], chosen: Selection, facts: Facts) -> Iterator[Result]:
    """Carry out the checks that read the facts, in one step: they share what they read."""
    for check in readers:
        yield from look_at(check, facts, chosen)


def look_at(check: FactCheck, facts: Facts, chosen: Selection) -> list[Result]:
    """Carry out one check.

    Where it does not apply there is no result, unless the check was selected by its id: then it is
    a skip.
    """
    started = time.perf_counter()
    try:
        found = list(check.look(facts)) if check.applies(facts) else None
    except LabError as error:
        return [check.of_error(Status.SKIP, error)]
    if found is None:
        if check.id not in chosen.select:
            return []
        text = f"This check does not apply to this project with {facts.session.combo.id}."
        return [check.result(Status.SKIP, text, remedy=NO_REMEDY)]
    return _judged(check, found, chosen.allowed(check.id), time.perf_counter() - started)


def _judged(
    check: FactCheck, found: Sequence[Finding], allowed: int, seconds: float
) -> list[Result]:
    """Return a result for each finding, or one pass where no more faults exist than `allowed`."""
    if sum(finding.count for finding in found) <= allowed:
        text = " ".join(finding.text for finding in found)
        if text and allowed:
            text += f" (up to {allowed} are allowed)"
        return [check.result(Status.PASS, text, seconds=seconds)]
    return [
        check.result(
            finding.status or check.severity,
            finding.text,
            remedy=finding.remedy,
            file=finding.file,
            line=finding.line,
            seconds=seconds,
        )
        for finding in found
        if finding.count
    ]
