"""Answers as one page that works offline, from page.html and page.css; values are escaped."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from itertools import zip_longest
from pathlib import Path
from string import Template
from types import MappingProxyType
from typing import TYPE_CHECKING

from tasks_lib.execution.streams import printable
from tasks_lib.report.tables import Table, tables
from tasks_lib.results import Report, Result, Status, counted, counts_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TEMPLATE = Path(__file__).with_name("page.html")
_STYLE = Path(__file__).with_name("page.css")


def render(report: Report) -> str:
    """Return the page."""
    counts = counts_of(report.results)
    buttons = [_button(status, count) for status, count in counts.items()]
    combo = report.combo or {}
    reason = combo.get("reason") or combo.get("source")
    facts = {
        "project": report.project,
        "combo": f"{combo['id']} ({reason})" if combo else "",
        "exit code": int(report.code),
        "seconds": f"{report.seconds:.1f}",
    }
    return filled(
        _TEMPLATE,
        command=escaped(report.command),
        status=escaped(report.status),
        counted=escaped(counted(report)),
        facts=listed(facts),
        buttons="".join(buttons),
        none="" if counts else "hidden",
        results="\n".join(map(item, _worst_first(report.results))),
        tables="\n".join(map(section, tables(report.data))),
    )


def filled(template: Path, code: Mapping[str, str] = MappingProxyType({}), **values: str) -> str:
    """Fill a template of a page, whose policy allows only the page's own elements by hash.

    `<style>` and `<script>` hold the template's own text, the shared style (`$css`) and `code`:
    no value gets there.
    """
    text = template.read_text(encoding="utf-8")
    own = {"css": _STYLE.read_text(encoding="utf-8"), **code}
    policy = {tag: _allowed(tag, text, own) for tag in ("style", "script")}
    return Template(text).substitute(own, **policy, **values)


def _allowed(tag: str, text: str, own: Mapping[str, str]) -> str:
    """Return the source expressions that allow exactly the elements of this tag."""
    allowed = []
    for inner in re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL):
        digest = hashlib.sha256(Template(inner).substitute(own).encode()).digest()
        allowed.append(f"'sha256-{base64.b64encode(digest).decode()}'")
    return " ".join(allowed)


def _button(status: Status, count: int) -> str:
    return (
        f'<button type="button" class="{status}" aria-pressed="false" value="{status}">'
        f"{status} <b>{count}</b></button>"
    )


def _worst_first(results: Sequence[Result]) -> list[Result]:
    statuses = list(Status)
    return sorted(results, key=lambda one: statuses.index(one.status), reverse=True)


def item(result: Result, *, timed: bool = True) -> str:
    """Return a result as an item of a list."""
    place = " · ".join(filter(None, (result.place, result.id)))
    paragraphs = []
    for kind, text in (("detail", result.detail), ("next", result.next), ("id", place)):
        if text:
            paragraphs.append(f'<p class="{kind}">{escaped(text)}</p>')
    command = result.remedy.command
    if command:
        shown = escaped(result.next.removesuffix(command))
        paragraphs[-2] = f'<p class="next">{shown}<code>{escaped(command)}</code></p>'
    time = f'<span class="time">{result.seconds:.1f} s</span>' if timed else ""
    return (
        f'<li class="{result.status}" data-status="{result.status}">'
        f'<span class="mark">{result.status}</span>'
        f"<div><h3>{escaped(result.title)}</h3>{''.join(paragraphs)}</div>{time}</li>"
    )


def listed(facts: Mapping[str, object]) -> str:
    """Return names and values as a description list, without those that are empty."""
    rows = []
    for name, value in facts.items():
        if value != "":
            rows.append(f"<div><dt>{name}</dt><dd>{escaped(value)}</dd></div>")
    return "".join(rows)


def section(table: Table) -> str:
    """Return a table under its title."""
    return f"<section><h2>{escaped(table.title)}</h2>{grid(table)}</section>"


def grid(table: Table) -> str:
    """Return a table that can be scrolled by keyboard."""
    commands = [name == "command" for name in table.columns]
    rows = "".join(_row("td", row, commands) for row in table.rows)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escaped(table.title)}">'
        f"<table><thead>{_row('th', table.columns)}</thead><tbody>{rows}</tbody></table></div>"
    )


def _row(tag: str, values: Sequence[str], commands: Sequence[bool] = ()) -> str:
    cells = []
    for value, is_command in zip_longest(values, commands, fillvalue=False):
        shown = escaped(value)
        if is_command and value:
            shown = f"<code>{shown}</code>"
        cells.append(f"<{tag}>{shown}</{tag}>")
    return f"<tr>{''.join(cells)}</tr>"


def escaped(value: object) -> str:
    """Return a value so that a page shows it, and nothing else."""
    return html.escape(printable(str(value)))
