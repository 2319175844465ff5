"""Answers as Markdown: tables for a pull request, a job's summary or a README."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks_lib.report.tables import Table, tables
from tasks_lib.results import Report, Result, Status, counted, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: how a verdict is seen at a glance
MARKS = {
    Status.PASS: "✅",
    Status.SKIP: "⏭️",
    Status.WARN: "⚠️",
    Status.FAIL: "❌",
    Status.ERROR: "💥",
}
_ENTITIES = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    "@": "@&#8203;",
    "\n": "<br>",
}  # no mention, whatever is named


def render(report: Report) -> str:
    """Give the page."""
    combo = f", combo {report.combo['id']}" if report.combo else ""
    about = f"{counted(report)} in {report.seconds:.1f} s{combo}, project {report.project}"
    lines = [f"## {escaped(f'mlops-lab {report.command}: {report.status}')}", "", escaped(about)]
    if report.results:
        lines += grid(
            Table(
                "", ("", "check", "what was found", "next", "where"), [*map(_row, report.results)]
            )
        )
    for table in tables(report.data):
        lines += grid(table)
    return "\n".join(lines) + "\n"


def _row(result: Result) -> tuple[str, ...]:
    mark = f"{MARKS[result.status]} {result.status}"
    return mark, f"{result.title} ({result.id})", result.detail, str(result.remedy), result.place


def grid(table: Table) -> Iterator[str]:
    """Give the lines of a table, under its title where it has one."""
    yield from (["", f"### {escaped(table.title)}", ""] if table.title else [""])
    yield _line(table.columns)
    yield _line(["---"] * len(table.columns))
    yield from map(_line, table.rows)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(map(escaped, cells))} |"


def escaped(text: str) -> str:
    """Take every meaning away: from HTML by entities, which all dialects know, from Markdown by backslashes."""
    marked = re.sub(r"[\\`*_\[\]|~]", r"\\\g<0>", printable(text))
    return re.sub(r"[&<>@\n]", lambda match: _ENTITIES[match[0]], marked)
