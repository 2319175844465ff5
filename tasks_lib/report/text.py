"""Answers as text for a person: results as lines, listings as tables, a plan as commands."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from tasks_lib.report import layers
from tasks_lib.report.tables import are_rows, cell, shaped
from tasks_lib.results import Report, Result, Status, printable

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
    """Give a console that neither wraps nor colours where nobody looks at a terminal, nor where it is `plain`."""
    stream = (
        io.TextIOWrapper(io.BytesIO(), "utf-8") if plain else sys.stderr if stderr else sys.stdout
    )
    width = None if stream.isatty() else 1000  # a pipe is read by programs: no folding there
    return Console(
        file=stream,
        soft_wrap=True,
        highlight=False,
        emoji=False,
        width=width,
        color_system=None if plain else "auto",
    )


def render(report: Report, *, plain: bool = False) -> str:
    """Give what a person reads, `plain` for a file; a script is given as it is, for `eval`."""
    if report.script is not None:
        return report.script
    if "markdown" in report.data:
        return str(report.data["markdown"])
    out = console(plain=plain)
    with out.capture() as captured:
        _print(out, report)
    return captured.get()


def _print(out: Console, report: Report) -> None:
    data = shaped(report.data)
    for result in report.results:
        _line(out, result)
    if "layers" in data:
        out.print(layers.tree(data))
        return
    plan = data.pop("plan", None)
    if plan is not None:
        _plan(out, plan)
    for key, value in data.items():
        _value(out, key, value)
    failed = sum(result.status in {Status.FAIL, Status.ERROR} for result in report.results)
    if failed:
        out.print(
            Text(
                f"{failed} of {len(report.results)} failed (exit code {int(report.code)})",
                style="bold red",
            )
        )


def _line(out: Console, result: Result) -> None:
    symbol, word, style = _MARKS[result.status]
    mark = symbol if (out.encoding or "").lower().startswith("utf") else word
    text = Text.assemble((mark, style), " ", printable(result.title))
    if result.seconds >= _LEAST_SHOWN:
        text.append(f"  {result.seconds:.1f} s", style="dim")
    out.print(text)
    place = f"{result.place}: " if result.file else ""
    bad = result.status in {Status.FAIL, Status.ERROR, Status.WARN, Status.SKIP}
    if result.detail and (bad or result.id.startswith("env.")):
        out.print(_text(f"    {place if bad else ''}{result.detail}", "" if bad else "dim"))
    if result.remedy and bad:
        out.print(_text(f"    {result.next}", "bold"))


def _text(text: str, style: str = "") -> Text:
    """Give text that a repository may have written: it cannot reach the terminal's controls."""
    return Text(printable(text), style=style)


def _plan(out: Console, plan: Sequence[Mapping[str, Any]]) -> None:
    if not any(step["command"] for step in plan):
        out.print("nothing to do")
    for step in plan:
        out.print(_text(f"# {step['why']}", "dim"))
        if step["command"]:
            out.print(_text(str(step["command"])))


def _value(out: Console, key: str, value: object) -> None:
    if are_rows(value):
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in value[0]:
            table.add_column(escape(printable(str(name))), overflow="fold")
        for row in value:
            table.add_row(*(escape(printable(cell(one))) for one in row.values()))
        out.print(table)
    elif isinstance(value, list):
        if value:
            out.print(_text(f"{key.replace('_', ' ')}: {', '.join(map(str, value))}"))
    elif isinstance(value, dict):
        out.print(
            _text(
                f"{key.replace('_', ' ')}: {', '.join(f'{name} {inner}' for name, inner in value.items())}"
            )
        )
    elif value not in (None, ""):
        out.print(_text(f"{key.replace('_', ' ')}: {value}"))
