"""Answers as Markdown: tables for a pull request, a job's summary or a README."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks_lib.report.model import Report, Result, Status, counted, printable
from tasks_lib.report.tables import tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_MARKS = {Status.PASS: "✅", Status.SKIP: "⏭️", Status.WARN: "⚠️", Status.FAIL: "❌", Status.ERROR: "💥"}
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "@&#8203;", "\n": "<br>"}  # no mention, whatever is named


def render(report: Report) -> str:
    """Give the page."""
    combo = f", combo {report.combo['id']}" if report.combo else ""
    about = f"{counted(report)} in {report.seconds:.1f} s{combo}, project {report.project}"
    lines = [f"## {_escaped(f'mlops-lab {report.command}: {report.status}')}", "", _escaped(about)]
    if report.results:
        lines += _table("", ("", "check", "what was found", "next", "where"), map(_row, report.results))
    for table in tables(report.data):
        lines += _table(table.title, table.columns, table.rows)
    return "\n".join(lines) + "\n"


def _row(result: Result) -> tuple[str, ...]:
    mark = f"{_MARKS[result.status]} {result.status}"
    return mark, f"{result.title} ({result.id})", result.detail, result.remedy, result.place


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield from (["", f"### {_escaped(title)}", ""] if title else [""])
    yield _line(columns)
    yield _line(["---"] * len(columns), escape=False)
    yield from map(_line, rows)


def _line(cells: Iterable[str], *, escape: bool = True) -> str:
    return f"| {' | '.join(_escaped(cell) if escape else cell for cell in cells)} |"


def _escaped(text: str) -> str:
    """Take every meaning away: from HTML by entities, which all dialects know, from Markdown by backslashes."""
    marked = re.sub(r"[\\`*_\[\]|~]", r"\\\g<0>", printable(text))
    return re.sub(r"[&<>@\n]", lambda match: _ENTITIES[match[0]], marked)
