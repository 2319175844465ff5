"""Answers as one page that works offline: filled from page.html, with every value escaped."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from tasks_lib.report.model import Report, Result, Status, counted, printable
from tasks_lib.report.tables import Table, tables

if TYPE_CHECKING:
    from collections.abc import Sequence

_TEMPLATE = Path(__file__).with_name("page.html")


def render(report: Report) -> str:
    """Give the page; its policy lets nothing run or load but its own style and script, known by their hashes."""
    text = _TEMPLATE.read_text(encoding="utf-8")
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
    return Template(text).substitute(
        style=_hash(text, "style"),
        script=_hash(text, "script"),
        command=_escaped(report.command),
        status=_escaped(report.status),
        counted=_escaped(counted(report)),
        facts="".join(
            f"<div><dt>{name}</dt><dd>{_escaped(value)}</dd></div>" for name, value in facts.items() if value != ""
        ),
        buttons="".join(buttons),
        none="" if statuses else "hidden",
        results="\n".join(map(_result, report.results)),
        tables="\n".join(map(_table, tables(report.data))),
    )


def _hash(text: str, tag: str) -> str:
    """Give the source expression that allows exactly the template's own element."""
    inner = re.search(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    digest = hashlib.sha256(inner[1].encode() if inner else b"").digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _result(result: Result) -> str:
    told = (
        ("detail", result.detail),
        ("next", result.next),
        ("id", " · ".join(filter(None, (result.place, result.id)))),
    )
    more = "".join(f'<p class="{kind}">{_escaped(text)}</p>' for kind, text in told if text)
    return (
        f'<li class="{result.status}" data-status="{result.status}"><span class="mark">{result.status}</span>'
        f"<div><h3>{_escaped(result.title)}</h3>{more}</div>"
        f'<span class="time">{result.seconds:.1f} s</span></li>'
    )


def _table(table: Table) -> str:
    head = f"<tr>{_cells('th', table.columns)}</tr>"
    rows = "".join(f"<tr>{_cells('td', row)}</tr>" for row in table.rows)
    title = _escaped(table.title)
    return (
        f'<section><h2>{title}</h2><div class="wide" tabindex="0" role="region" aria-label="{title}">'
        f"<table><thead>{head}</thead><tbody>{rows}</tbody></table></div></section>"
    )


def _cells(tag: str, values: Sequence[str]) -> str:
    return "".join(f"<{tag}>{_escaped(value)}</{tag}>" for value in values)


def _escaped(value: object) -> str:
    return html.escape(printable(str(value)))
