"""Answers as text for a user: results as lines, listings as tables, a plan as commands."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from tasks_lib.execution.streams import printable
from tasks_lib.report import layers
from tasks_lib.report.tables import are_rows, cell, shaped
from tasks_lib.results import Report, Result, Status, counts_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MARKS = {
    Status.PASS: ("✓", "ok", "green"),
    Status.SKIP: ("-", "skip", "cyan"),
    Status.WARN: ("!", "warn", "yellow"),
    Status.FAIL: ("✗", "FAIL", "red"),
    Status.ERROR: ("✗", "ERROR", "red"),
}
_LEAST_SHOWN = 0.05


def console(*, stderr: bool = False, plain: bool = False) -> Console:
    """Return a console that wraps and colours only on a terminal, and never if `plain`."""
    stream = sys.stderr if stderr else sys.stdout
    if plain:
        stream = io.TextIOWrapper(io.BytesIO(), "utf-8")
    width = None if stream.isatty() else 1000  # a pipe is read by programs: no folding there
    return Console(
        file=stream,
        soft_wrap=True,
        highlight=False,
        emoji=False,
        width=width,
        color_system=None if plain else "auto",
    )


def render(
    report: Report, *, plain: bool = False, stderr: bool = False, is_quiet: bool = False
) -> str:
    """Return what a user reads, `plain` for a file; scripts and pages are returned as they are.

    A text that `is_quiet` says nothing of what passed.
    """
    if report.script is not None:
        return report.script
    if "markdown" in report.data:
        return str(report.data["markdown"])
    out = console(plain=plain, stderr=stderr)
    with out.capture() as captured:
        _print(out, report, is_quiet=is_quiet)
    return captured.get()


def _print(out: Console, report: Report, *, is_quiet: bool) -> None:
    data = shaped(report.data)
    for result in report.results:
        if not (is_quiet and result.status is Status.PASS):
            _result(out, result)
    if "layers" in data:
        out.print(layers.tree(data))
        return
    if "plan" in data:
        _plan(out, data.pop("plan"))
    for key, value in data.items():
        _value(out, key.replace("_", " "), value)
    counts = counts_of(report.results)
    failed = counts.get(Status.FAIL, 0) + counts.get(Status.ERROR, 0)
    if failed:
        text = f"{failed} of {len(report.results)} failed (exit code {int(report.code)})"
        out.print(Text(text, style="bold red"))


def _result(out: Console, result: Result) -> None:
    symbol, word, style = _MARKS[result.status]
    unicode = (out.encoding or "").lower().startswith("utf")
    text = Text.assemble((symbol if unicode else word, style), " ", printable(result.title))
    if result.seconds >= _LEAST_SHOWN:
        text.append(f"  {result.seconds:.1f} s", style="dim")
    out.print(text)
    if result.status is Status.PASS:
        if result.detail and result.id.startswith("env."):
            out.print(_text(f"    {result.detail}", "dim"))
        return
    if result.detail:
        place = f"{result.place}: " if result.place else ""
        out.print(_text(f"    {place}{result.detail}"))
    if result.next:
        out.print(_text(f"    {result.next}", "bold"))


def _text(text: str, style: str = "") -> Text:
    """Return text that a repository may have written: it cannot reach the terminal's controls."""
    return Text(printable(text), style=style)


def _plan(out: Console, plan: Sequence[Mapping[str, Any]]) -> None:
    if not any(step["command"] for step in plan):
        out.print("nothing to do")
    for step in plan:
        why = str(step["why"]).replace("\n", " ")  # a second line would be no comment
        out.print(_text(f"# {why}", "dim"))
        if step["command"]:
            out.print(_text(str(step["command"])))


def _value(out: Console, name: str, value: object) -> None:
    if are_rows(value):
        out.print(_table(value))
        return
    if isinstance(value, dict):
        value = [f"{key} {inner}" for key, inner in value.items()]
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    if value not in (None, ""):
        out.print(_text(f"{name}: {value}"))


def _table(rows: Sequence[Mapping[str, object]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in rows[0]:
        table.add_column(escape(printable(name)), overflow="fold")
    for row in rows:
        table.add_row(*(escape(printable(cell(value))) for value in row.values()))
    return table
