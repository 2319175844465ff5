"""Answers as one page that works offline: filled from page.html and page.css, with every value escaped."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from pathlib import Path
from string import Template
from types import MappingProxyType
from typing import TYPE_CHECKING

from tasks_lib.report.tables import Table, tables
from tasks_lib.results import Report, Result, Status, counted, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TEMPLATE = Path(__file__).with_name("page.html")
_STYLE = Path(__file__).with_name("page.css")


def render(report: Report) -> str:
    """Give the page."""
    statuses = [result.status for result in report.results]
    buttons = [
        f'<button type="button" class="{status}" aria-pressed="false" value="{status}">'
        f"{status} <b>{statuses.count(status)}</b></button>"
        for status in reversed(Status)
        if status in statuses
    ]
    combo = report.combo or {}
    facts = {
        "project": report.project,
        "combo": f"{combo['id']} ({combo.get('reason') or combo['source']})" if combo else "",
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
        none="" if statuses else "hidden",
        results="\n".join(map(_result, report.results)),
        tables="\n".join(map(_section, tables(report.data))),
    )


def filled(template: Path, code: Mapping[str, str] = MappingProxyType({}), **values: str) -> str:
    """Fill a template of a page, whose policy lets nothing run or load but its own elements, known by their hashes.

    What `<style>` and `<script>` hold is the template's own, the shared style (`$css`) and `code`: no value gets there.
    """
    text, own = (
        template.read_text(encoding="utf-8"),
        {"css": _STYLE.read_text(encoding="utf-8"), **code},
    )
    inner = {
        tag: re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL) for tag in ("style", "script")
    }
    allowed = {
        tag: " ".join(_hash(Template(one).substitute(own)) for one in found)
        for tag, found in inner.items()
    }
    return Template(text).substitute(own, **allowed, **values)


def _hash(text: str) -> str:
    """Give the source expression that allows exactly this text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _result(result: Result) -> str:
    told = (
        ("detail", result.detail),
        ("next", result.next),
        ("id", " · ".join(filter(None, (result.place, result.id)))),
    )
    more = "".join(f'<p class="{kind}">{escaped(text)}</p>' for kind, text in told if text)
    return (
        f'<li class="{result.status}" data-status="{result.status}"><span class="mark">{result.status}</span>'
        f"<div><h3>{escaped(result.title)}</h3>{more}</div>"
        f'<span class="time">{result.seconds:.1f} s</span></li>'
    )


def listed(facts: Mapping[str, object]) -> str:
    """Give names and values, less those that are empty."""
    found = ((name, value) for name, value in facts.items() if value != "")
    return "".join(f"<div><dt>{name}</dt><dd>{escaped(value)}</dd></div>" for name, value in found)


def _section(table: Table) -> str:
    return f"<section><h2>{escaped(table.title)}</h2>{grid(table)}</section>"


def grid(table: Table) -> str:
    """Give a table that can be scrolled by keyboard."""
    head = f"<tr>{_cells('th', table.columns)}</tr>"
    rows = "".join(f"<tr>{_cells('td', row)}</tr>" for row in table.rows)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escaped(table.title)}">'
        f"<table><thead>{head}</thead><tbody>{rows}</tbody></table></div>"
    )


def _cells(tag: str, values: Sequence[str]) -> str:
    return "".join(f"<{tag}>{escaped(value)}</{tag}>" for value in values)


def escaped(value: object) -> str:
    """Write a value so that a page shows it, and nothing else."""
    return html.escape(printable(str(value)))
