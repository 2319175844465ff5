"""Answers as text for a person: results as lines, listings as tables, a plan as commands."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from tasks_lib.report import layers
from tasks_lib.report.model import Report, Result, Status

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


def console(*, stderr: bool = False) -> Console:
    """Give a console that neither wraps nor colours where nobody looks at a terminal."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else 1000  # a pipe is read by programs: no folding there
    return Console(file=stream, soft_wrap=True, highlight=False, emoji=False, width=width)


def render(report: Report) -> None:
    """Print a report on stdout; a script is printed as it is, for `eval`."""
    out = console()
    data = dict(report.data)
    if "script" in data and not any(result.status is not Status.PASS for result in report.results):
        sys.stdout.flush()
        sys.stdout.buffer.write(str(data["script"]).encode("utf-8", "surrogateescape"))  # the same on Windows
        return
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
        out.print(Text(f"{failed} of {len(report.results)} failed (exit code {int(report.code)})", style="bold red"))


def _line(out: Console, result: Result) -> None:
    symbol, word, style = _MARKS[result.status]
    mark = symbol if (out.encoding or "").lower().startswith("utf") else word
    text = Text.assemble((mark, style), " ", result.title)
    if result.seconds >= _LEAST_SHOWN:
        text.append(f"  {result.seconds:.1f} s", style="dim")
    out.print(text)
    place = f"{result.file}{f':{result.line}' if result.line else ''}: " if result.file else ""
    bad = result.status in {Status.FAIL, Status.ERROR, Status.WARN, Status.SKIP}
    if result.detail and (bad or result.id.startswith("env.")):
        out.print(Text(f"    {place if bad else ''}{result.detail}", style="" if bad else "dim"))
    if result.remedy and bad:
        out.print(Text(f"    next: {result.remedy}", style="bold"))


def _plan(out: Console, plan: Sequence[Mapping[str, Any]]) -> None:
    if not any(step["command"] for step in plan):
        out.print("nothing to do")
    for step in plan:
        out.print(Text(f"# {step['why']}", style="dim"))
        if step["command"]:
            out.print(Text(str(step["command"])))


def _value(out: Console, key: str, value: object) -> None:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in value[0]:
            table.add_column(str(name), overflow="fold")
        for row in value:
            table.add_row(*(escape(_cell(cell)) for cell in row.values()))
        out.print(table)
    elif isinstance(value, list):
        if value:
            out.print(Text(f"{key.replace('_', ' ')}: {', '.join(map(str, value))}"))
    elif isinstance(value, dict):
        out.print(Text(f"{key.replace('_', ' ')}: {', '.join(f'{name} {inner}' for name, inner in value.items())}"))
    elif value not in (None, ""):
        out.print(Text(f"{key.replace('_', ' ')}: {value}"))


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return "" if value is None else str(value)
