"""Look at what is stored of a class: the counts, and one repository with what changed in it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib.cohort.run import STORE, Tally, answer, verdict
from tasks_lib.cohort.store import Store
from tasks_lib.errors import ErrorCode, LabError, Remedy, meant
from tasks_lib.results import Status
from tasks_lib.session.session import Answer

if TYPE_CHECKING:
    from tasks_lib.cohort.base import Examined
    from tasks_lib.cohort.store import Stored


def status(store: str) -> Answer:
    """Return the counts of a class, as far as it was checked."""
    path = expect_store(store)
    tally = Tally(0, path)
    with Store(path) as opened:
        tally.total = opened.count()
        for _, one in opened.latest():
            tally.add(one.examined)
            tally.checked += 1
    return answer((), tally)


def show(store: str, repository: str) -> Answer:
    """Return all findings of one repository, and what changed since it was checked before."""
    with Store(expect_store(store)) as opened:
        history = opened.history(repository)
        if not history:
            known = [hand_in.id for hand_in, _ in opened.latest()]
            remedy = meant(repository, known, Remedy("List them", ("invoke", "cohort.status")))
            text = f"The store has no repository {repository!r}."
            raise LabError(text, ErrorCode.UNKNOWN_HAND_IN, remedy=remedy)
    latest = history[0].examined
    results = [one.result for one in latest.findings]
    data: dict[str, Any] = {"combo": latest.combo, "since": latest.evidence}
    if len(history) > 1:
        data["changed"] = _changes(history[1].examined, latest)
    data["checked"] = [_line(one) for one in history]
    return Answer(results, data, verdict(Counter([latest.status])))


def _line(one: Stored) -> str:
    when = datetime.fromtimestamp(one.at, UTC).isoformat(" ", "seconds")
    return f"{when}: {one.examined.status} ({one.examined.content[:12]})"


def _changes(before: Examined, after: Examined) -> list[str]:
    """Return what one result has and the other lacks, of all that did not pass."""
    lists = []
    for one in (before, after):
        faults = [found for found in one.findings if found.status is not Status.PASS]
        lists.append({f"{found.status} {found.check}: {found.detail}" for found in faults})
    gone, new = lists[0] - lists[1], lists[1] - lists[0]
    return [f"gone: {text}" for text in sorted(gone)] + [f"new: {text}" for text in sorted(new)]


def expect_store(typed: str) -> Path:
    """Return the store that was typed, or the usual one.

    Raises:
        LabError: There is none.

    """
    path = Path(typed or STORE)
    if not path.is_file():
        text = f"There is no store {path} here."
        remedy = Remedy("Check one by cohort.check, or name its store with --store")
        raise LabError(text, ErrorCode.NO_SUCH_PATH, remedy=remedy)
    return path
