"""Answers as Markdown: tables for a pull request, a job's summary or a README."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks_lib.execution.streams import printable
from tasks_lib.report.tables import Table, tables
from tasks_lib.results import Report, Result, Status, counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: the symbol of each status
MARKS = {
    Status.PASS: "✅",
    Status.SKIP: "⏭️",
    Status.WARN: "⚠️",
    Status.FAIL: "❌",
    Status.ERROR: "💥",
}
#: HTML's entities, a line break in a cell, and an `@` that mentions nobody
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "@&#8203;", "\n": "<br>"}
_COLUMNS = ("", "check", "what was found", "next", "where")


def render(report: Report) -> str:
    """Return the page."""
    about = [f"{counted(report)} in {report.seconds:.1f} s", f"project {report.project}"]
    if report.combo:
        about.insert(1, f"combo {report.combo['id']}")
    title = escaped(f"mlops-lab {report.command}: {report.status}")
    lines = [f"## {title}", "", escaped(", ".join(about))]
    if report.results:
        lines += grid(Table("", _COLUMNS, [_row(result) for result in report.results]))
    for table in tables(report.data):
        lines += grid(table)
    return "\n".join(lines) + "\n"


def _row(result: Result) -> tuple[str, ...]:
    mark = f"{MARKS[result.status]} {result.status}"
    return mark, f"{result.title} ({result.id})", result.detail, str(result.remedy), result.place


def grid(table: Table) -> Iterator[str]:
    """Yield the lines of a table, under its title where it has one."""
    yield ""
    if table.title:
        yield f"### {escaped(table.title)}"
        yield ""
    yield _line(table.columns)
    yield _line(["---"] * len(table.columns))
    for row in table.rows:
        yield _line(row)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(map(escaped, cells))} |"


def escaped(text: str) -> str:
    """Return a text that means nothing to HTML, by entities, nor to Markdown, by backslashes."""
    marked = re.sub(r"[\\`*_\[\]|~]", r"\\\g<0>", printable(text))
    return re.sub(r"[&<>@\n]", lambda match: _ENTITIES[match[0]], marked)
