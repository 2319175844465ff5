"""Answers as text for a user: results as lines, listings as tables, a plan as commands."""

from __future__ import annotations

import io
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from tasks_lib.execution import shell_words
from tasks_lib.execution.streams import cells, columns, folded, printable
from tasks_lib.report import layers
from tasks_lib.report.remedies import Told
from tasks_lib.report.tables import are_rows, cell, shaped
from tasks_lib.results import Report, Result, Status, counts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import ConsoleOptions

_MARKS = {
    Status.PASS: ("✓", "ok", "green"),
    Status.SKIP: ("-", "skip", "cyan"),
    Status.WARN: ("!", "warn", "yellow"),
    Status.FAIL: ("✗", "FAIL", "red"),
    Status.ERROR: ("✗", "ERROR", "red"),
}
_LEAST_SHOWN = 0.05
_INDENT = 4 * " "
#: the columns of what is no terminal: a pipe is read by programs, and nothing is folded
_ENDLESS = 1 << 20
_PASTED = {"command", "path"}
_LINES = 25  # rich wants both, or takes 80 columns on a dumb terminal


def console(*, stderr: bool = False, plain: bool = False) -> Console:
    """Return a console that folds and colours only on a terminal, and never if `plain`.

    What is printed on it is folded already, at words: see `folded`.
    """
    stream = sys.stderr if stderr else sys.stdout
    if plain:
        stream = io.TextIOWrapper(io.BytesIO(), "utf-8")
    size: dict[str, Any] = {}  # as the terminal says, from time to time
    if not stream.isatty() or os.environ.get("TERM") == "dumb":
        size = {"width": columns(stream) or _ENDLESS, "height": _LINES}
    return Console(
        file=stream,
        soft_wrap=True,
        highlight=False,
        emoji=False,
        color_system=None if plain else "auto",
        **size,
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
        out.print(layers.tree(data), soft_wrap=False, overflow="ignore", crop=False)
        return
    if "plan" in data:
        _plan(out, data.pop("plan"))
    for key, value in data.items():
        _value(out, key.replace("_", " "), value)
    counts = counts_of(report.results)
    failed = counts.get(Status.FAIL, 0) + counts.get(Status.ERROR, 0)
    if failed:
        text = f"{failed} of {len(report.results)} failed (exit code {int(report.code)})"
        _say(out, text, style="bold red")


def _result(out: Console, result: Result) -> None:
    symbol, word, style = _MARKS[result.status]
    unicode = (out.encoding or "").lower().startswith("utf")
    mark = symbol if unicode else word
    took = f"  {result.seconds:.1f} s" if result.seconds >= _LEAST_SHOWN else ""
    title = folded(printable(f"{mark} {result.title}"), out.width - len(took), "  ")
    text = Text(title).append(took, "dim")
    text.stylize(style, 0, len(mark))
    out.print(text)
    if result.status is Status.PASS:
        if result.detail and result.id.startswith("env."):
            _say(out, result.detail, _INDENT, "dim")
        return
    if result.detail:
        place = f"{result.place}: " if result.place else ""
        _say(out, f"{place}{result.detail}", _INDENT)
    if result.next:
        _remedy(out, _INDENT, result.next, result.remedy.command, "bold")


def _remedy(out: Console, indent: str, text: str, command: str, style: str = "") -> None:
    """Print what to do; where it is too long for a line, its command has one of its own."""
    if command and cells(indent + text) > out.width:
        _say(out, text.removesuffix(command).rstrip(), indent, style)
        out.print(_text(_INDENT + command, style))
    else:
        _say(out, text, indent, style)


def _say(out: Console, text: str, indent: str = "", style: str = "") -> None:
    """Print text in lines of the terminal's width."""
    out.print(_text(folded(indent + printable(text), out.width, indent), style))


def _text(text: str, style: str = "") -> Text:
    """Return text that a repository may have written: it cannot reach the terminal's controls."""
    return Text(printable(text), style=style)


def _plan(out: Console, plan: Sequence[Mapping[str, Any]]) -> None:
    if not any(step["command"] for step in plan):
        out.print("nothing to do")
    for folder, names in _off_path(plan).items():
        out.print(_text(f"# for {', '.join(names)}, which your PATH does not have", "dim"))
        out.print(_text(shell_words.with_path(folder)))
    for step in plan:
        why = str(step["why"]).replace("\n", " ")  # a second line would be no comment
        out.print(_text(folded(printable(f"# {why}"), out.width, "# "), "dim"))
        if step["command"]:
            out.print(_text(str(step["command"])))


def _off_path(plan: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the programs that a shell would not find by their names, by their folders."""
    programs = dict.fromkeys(step["argv"][0] for step in plan if step.get("argv"))
    found: dict[str, list[str]] = {}
    for folder, name in map(os.path.split, programs):
        is_whole = name.startswith("python")  # as `shell_words.shown` writes it
        if folder and not is_whole and shutil.which(name) is None:
            found.setdefault(folder, []).append(name)
    return found


def _value(out: Console, name: str, value: object) -> None:
    if are_rows(value):
        _rows(out, value)
        return
    if isinstance(value, dict):
        value = [f"{key} {inner}" for key, inner in value.items()]
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    if isinstance(value, Told):
        _remedy(out, "", f"{name}: {value}", value.command)
    elif value not in (None, ""):
        _named(out, "", name, str(value))


def _named(out: Console, indent: str, name: str, value: str) -> None:
    """Print a value; what can be pasted is whole."""
    if name in _PASTED:
        out.print(_text(f"{indent}{name}: {value}"))
    else:
        _say(out, f"{name}: {value}", indent)


def _rows(out: Console, rows: Sequence[Mapping[str, object]]) -> None:
    """Print a table, or each row below the other where the table would break words or commands."""
    table = _table(rows)
    needed = Measurement.get(out, out.options.update(width=_ENDLESS), table)
    if out.width >= (needed.maximum if "command" in rows[0] else needed.minimum):
        out.print(_Trimmed(table))
        return
    for row in rows:
        head, *rest = row.items()
        if cell(head[1]):  # else the row goes on
            _say(out, cell(head[1]), style="bold")
        for name, value in rest:
            if cell(value):
                _named(out, _INDENT, name, cell(value))


class _Trimmed:
    """A table without the blanks that fill its last column."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def __rich_console__(self, out: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Yield each line."""
        for line in out.render_lines(self._table, options, pad=False):
            text = Text.assemble(*((one.text, one.style or "") for one in line))
            text.rstrip()
            yield text


def _table(rows: Sequence[Mapping[str, object]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in rows[0]:
        table.add_column(escape(printable(name)), overflow="fold")
    for row in rows:
        table.add_row(*(escape(printable(cell(value))) for value in row.values()))
    return table
