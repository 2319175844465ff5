"""The checks, all of which only read: a family is one module that gives steps, and one row here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks_lib.checks import compat, doctor, manifest
from tasks_lib.errors import LabError
from tasks_lib.plan import Step, execute
from tasks_lib.report.model import Result, Status
from tasks_lib.session import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tasks_lib.plan import Watcher
    from tasks_lib.session import Session

#: Each family's name is the first part of its results' ids.
FAMILIES: dict[str, Callable[[Session], Iterable[Step]]] = {
    "config": manifest.steps,
    "lock": manifest.steps,
    "doctor": doctor.steps,
    "compat": compat.steps,
}


def steps(session: Session, families: Sequence[str] = tuple(FAMILIES)) -> list[Step]:
    """Give the steps of some families, each once, though two families may share one."""
    found: dict[str, Step] = {}
    for family in families:
        try:
            found.update({step.id: step for step in FAMILIES[family](session)})
        except LabError as error:
            if family in {"config", "lock"} or "config" not in families:  # `config` reports it as what it is
                raise
            found[family] = _skipped(family, error)
    return list(found.values())


def _skipped(family: str, error: LabError) -> Step:
    title = f"{family} was not looked at"
    results = [Result(f"{family}.skipped", Status.SKIP, title, error.message, error.remedy, error.file, error.line)]
    return Step(f"check.{family}", title, work=lambda: results, check=True)


def run(session: Session, watcher: Watcher, families: Sequence[str] = tuple(FAMILIES)) -> Answer:
    """Run the checks of some families at the same time, and give their results."""
    return Answer(select(execute(steps(session, families), watcher), families))


def select(results: Iterable[Result], families: Sequence[str]) -> list[Result]:
    """Keep the results that belong to `families`."""
    return [result for result in results if result.id.partition(".")[0] in {*families, "env"}]
