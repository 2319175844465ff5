"""The checks, all of which only read: a family is one module that gives steps, or rows of the catalogue."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from tasks_lib.checks import compat, doctor, manifest
from tasks_lib.checks.base import Facts
from tasks_lib.checks.catalogue import HYBRID, KNOWN, family
from tasks_lib.checks.selection import Selection, listing
from tasks_lib.environments.base import MADE
from tasks_lib.errors import LabError
from tasks_lib.plan import Step, execute
from tasks_lib.report.model import Result, Status, verdict
from tasks_lib.session import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tasks_lib.checks.base import Check
    from tasks_lib.plan import Watcher
    from tasks_lib.session import Session

#: Each family's name is the first part of its results' ids. These ask the tools, and `setup` ends with them.
FAMILIES: dict[str, Callable[[Session], Iterable[Step]]] = {
    "config": manifest.steps,
    "lock": manifest.steps,
    "doctor": doctor.steps,
    "compat": compat.steps,
}


def steps(session: Session, families: Sequence[str] = tuple(FAMILIES)) -> list[Step]:
    """Give the steps of some families, each once, though two families may share one."""
    found: dict[str, Step] = {}
    for name in families:
        try:
            found.update({step.id: step for step in FAMILIES[name](session)})
        except LabError as error:
            if name in {"config", "lock"} or "config" not in families:  # `config` reports it as what it is
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
    """Run the checks of some families at the same time, and give their results."""
    judged = Selection.of(session.project).judged
    return Answer([judged(result) for result in select(execute(steps(session, families), watcher), families)])


def select(results: Iterable[Result], families: Sequence[str]) -> list[Result]:
    """Keep the results that belong to `families`."""
    return [result for result in results if family(result.id) in {*families, "env"}]


def run_all(session: Session, watcher: Watcher, *, select: str = "", ignore: str = "") -> Answer:
    """Run every check that is asked for, those of the tools and those that read, at the same time."""
    chosen = Selection.of(session.project, select, ignore)
    families = ["doctor" if name == "env" else name for name in chosen.families()]
    plan = steps(session, [name for name in FAMILIES if name in families])
    wanted = [check for check in HYBRID.values() if chosen.wants(check.id)]
    if wanted:
        plan.append(hybrid_step(session, wanted, chosen))
    results = [
        chosen.judged(one)
        for one in execute(plan, watcher)
        if one.id not in KNOWN or chosen.wants(one.id) or (one.id == "env.exists" and one.id not in chosen.ignore)
    ]
    kept = [one for one in results if family(one.id) in {*families, "env"}]
    return Answer(kept, code=verdict(kept, strict=True) if chosen.strict else None)


def hybrid_step(session: Session, wanted: Sequence[Check], chosen: Selection) -> Step:
    """Give the one step of all checks that read for themselves: they share what one of them has read."""
    facts = Facts(session)

    def work() -> Iterator[Result]:
        for check in wanted:
            started = time.perf_counter()
            for result in looked_at(check, facts, chosen):
                yield replace(result, seconds=time.perf_counter() - started)

    return Step("check.hybrid", "compare the two layers", work=work, needs=MADE, check=True)


def looked_at(check: Check, facts: Facts, chosen: Selection) -> list[Result]:
    """Carry one check out. Where it does not apply it has nothing to say, unless it was asked for by its id."""
    try:
        found = list(check.look(facts)) if check.applies(facts) else None
    except LabError as error:
        return [_not_looked_at(check.id, check.title, error)]
    if found is None:
        text = f"it has nothing to look at here ({facts.session.combo.id})"
        return [Result(check.id, Status.SKIP, check.title, text)] if check.id in chosen.select else []
    allowed = chosen.allowed(check.id)
    if sum(finding.count for finding in found) <= allowed:
        text = " ".join(finding.text for finding in found)
        return [Result(check.id, Status.PASS, check.title, f"{text} (up to {allowed} are let pass)" if text else "")]
    return [
        Result(check.id, one.status or check.severity, check.title, one.text, check.remedy, one.file, one.line)
        for one in found
    ]


def explain(check: str) -> Answer:
    """Say why a check exists and how to mend what it finds; an unknown id lists those there are."""
    told = KNOWN.get(check)
    if told is None:
        text = f"there is no check {check!r}; {listing()}."
        raise LabError(text, remedy=f"try one: invoke check.explain {next(iter(HYBRID))}", title="unknown check")
    severity = {"severity": HYBRID[check].severity.value} if check in HYBRID else {}
    return Answer(data={"check": check, "title": told.title, **severity, "why": told.why, "remedy": told.remedy})
