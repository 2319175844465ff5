"""A whole class as one document: each format is a function of the grades."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tasks_lib.cohort import page
from tasks_lib.cohort.base import presentable, worst_of
from tasks_lib.cohort.exports import cells
from tasks_lib.errors import ErrorCode, LabError, Remedy, meant
from tasks_lib.execution.streams import document, printable
from tasks_lib.report import junit, markdown, sarif
from tasks_lib.report.tables import Table
from tasks_lib.results import Report, Status, verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tasks_lib.cohort.base import Graded

SCHEMA = "mlops-lab/cohort-result/1"
_COLUMNS = (
    "id",
    "name",
    "verdict",
    "score",
    "maximum",
    "penalty",
    "late",
    "submitted",
    "content",
    "combo",
    "failed",
    "errors",
)
_MOST = 20


def render(name: str, graded: Sequence[Graded], title: str) -> str:
    """Return a class in a format.

    Raises:
        LabError: `unknown_format`.

    """
    if name not in FORMATS:
        text = f"There is no format {name!r}. The formats are {', '.join(FORMATS)}."
        remedy = meant(name, FORMATS, Remedy("Choose one of them"))
        raise LabError(text, ErrorCode.UNKNOWN_FORMAT, remedy=remedy)
    return FORMATS[name](presentable(graded), title)


def failing(graded: Sequence[Graded]) -> list[tuple[str, str, Counter[Status]]]:
    """Return each check that was no pass somewhere, with its title, that which failed most first.

    The numbers are those of the hand-ins in which it was what.
    """
    titles: dict[str, str] = {}
    counts: dict[str, Counter[Status]] = {}
    for one in graded:
        for finding in one.examined.findings:
            titles.setdefault(finding.check, finding.title)
        for check, status in worst_of(one.examined.findings).items():
            counts.setdefault(check, Counter())[status] += 1
    rows = [(check, titles[check], found) for check, found in counts.items()]
    rows = [row for row in rows if row[2][Status.PASS] < row[2].total()]
    order = (Status.FAIL, Status.ERROR, Status.WARN, Status.SKIP)
    return sorted(rows, key=lambda row: (*(-row[2][status] for status in order), row[0]))


def counted(graded: Sequence[Graded]) -> str:
    """Return how many hand-ins have which verdict."""
    counts = Counter(one.examined.status for one in graded)
    told = [f"{counts[status]} {status}" for status in reversed(Status) if counts[status]]
    return ", ".join(told) or "no hand-ins"


def _report(graded: Sequence[Graded], title: str) -> Report:
    """Return the findings of all as results, each named after its hand-in."""
    results = []
    for one in graded:
        for found in one.examined.findings:
            name = f"{one.hand_in.id}: {found.title}"
            file = f"{one.hand_in.id}/{found.file}" if found.file else one.hand_in.id
            results.append(replace(found.result, title=name, file=file))
    seconds = sum(one.examined.seconds for one in graded)
    return Report("cohort.report", title, results, None, seconds, verdict(results))


def _markdown(graded: Sequence[Graded], title: str) -> str:
    lines = [f"## {markdown.escaped(f'{title}: {counted(graded)}')}"]
    checks = []
    for check, about, found in failing(graded)[:_MOST]:
        numbers = [str(found[status]) for status in (Status.FAIL, Status.ERROR, Status.SKIP)]
        checks.append((f"{about} ({check})", *numbers))
    if checks:
        lines += markdown.grid(Table("Checks that fail most", _CHECKS, checks))
    rows = []
    for one in graded:
        status = one.examined.status
        failed = ", ".join(_checks(one, Status.FAIL))
        name = one.hand_in.name
        rows.append(
            (f"{markdown.MARKS[status]} {status}", one.hand_in.id, name, _score(one), failed)
        )
    if rows:
        columns = ("verdict", "id", "name", "points", "failed")
        lines += markdown.grid(Table("Hand-ins", columns, rows))
    return "\n".join(lines) + "\n"


_CHECKS = ("check", "failed", "not carried out", "could not be told")


def _score(one: Graded) -> str:
    if not one.marks:
        return ""
    if one.score is None:
        return "no score"
    return f"{cells.number(one.score)} of {cells.number(one.maximum)}"


def _checks(one: Graded, status: Status) -> list[str]:
    """Return the ids of the checks of one status, each once."""
    return list(dict.fromkeys(finding.check for finding in one.examined.with_status(status)))


def _csv(graded: Sequence[Graded], title: str) -> str:
    """Return a row for each; for readers: what a spreadsheet would run has an apostrophe."""
    del title
    rows: list[Sequence[str]] = [_COLUMNS]
    for one in graded:
        score = "" if one.score is None else cells.number(one.score)
        texts = [
            *(one.hand_in.id, one.hand_in.name, one.examined.status, score),
            *(cells.number(one.maximum), cells.number(one.penalty), one.late, one.submitted),
            *(one.examined.content, one.examined.combo),
            *(" ".join(_checks(one, status)) for status in (Status.FAIL, Status.ERROR)),
        ]
        rows.append([cells.name(text) for text in texts])
    return cells.table(rows)


def _lines(graded: Sequence[Graded], title: str) -> str:
    """Return a JSON document for each, one a line; its texts are those that were stored."""
    del title
    return "".join(document(json.dumps(row(one))) + "\n" for one in graded)


def row(one: Graded) -> dict[str, Any]:
    """Return all that is known of one hand-in and its grade."""
    hand_in, examined = one.hand_in, one.examined
    about = {"id": hand_in.id, "name": hand_in.name, "email": hand_in.email, "due": hand_in.due}
    known = {"content": examined.content, "combo": examined.combo, "evidence": examined.evidence}
    grade = {"score": one.score, "maximum": one.maximum, "penalty": one.penalty, "late": one.late}
    return {
        "schema": SCHEMA,
        **about,
        "submitted": one.submitted,
        "status": examined.status,
        **grade,
        **known,
        "seconds": round(examined.seconds, 3),
        "marks": [{**vars(mark), "failed": list(mark.failed)} for mark in one.marks],
        "findings": [vars(finding) for finding in examined.findings],
    }


def _junit(graded: Sequence[Graded], title: str) -> str:
    return junit.render(_report(graded, title))


def _sarif(graded: Sequence[Graded], title: str) -> str:
    return sarif.render(_report(graded, title))


def _html(graded: Sequence[Graded], title: str) -> str:
    return page.render(graded, printable(title), counted(graded), failing(graded))


FORMATS: dict[str, Callable[[Sequence[Graded], str], str]] = {
    "html": _html,
    "markdown": _markdown,
    "csv": _csv,
    "jsonl": _lines,
    "junit": _junit,
    "sarif": _sarif,
}
