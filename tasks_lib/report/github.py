"""Answers as GitHub's workflow commands, which become annotations of a run and its lines.

Source: GitHub's documentation, 'Workflow commands for GitHub Actions'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks_lib.execution.streams import printable
from tasks_lib.results import Report, Result, Status, counted

if TYPE_CHECKING:
    from collections.abc import Mapping

_COMMANDS = {
    Status.PASS: "debug",
    Status.SKIP: "notice",
    Status.WARN: "warning",
    Status.FAIL: "error",
    Status.ERROR: "error",
}
_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = {**_DATA, **str.maketrans({":": "%3A", ",": "%2C"})}


def render(report: Report) -> str:
    """Return a command for each result.

    Every line is one, so that no text of a repository can become another.
    """
    lines = [_result(report, result) for result in report.results]
    title = f"mlops-lab {report.command}: {report.status}"
    lines.append(_line("notice", counted(report), {"title": title}))
    return "".join(lines)


def _result(report: Report, result: Result) -> str:
    command = _COMMANDS[result.status]
    if result.status is Status.PASS:
        return _line(command, result.title, {})
    properties = {}
    if result.file:
        properties = {"file": report.from_root(result.file), "line": str(result.line or "")}
    message = "\n".join(filter(None, (result.detail or result.title, result.next)))
    return _line(command, message, {**properties, "title": result.title})


def _line(command: str, message: str, properties: Mapping[str, str]) -> str:
    pairs = []
    for name, value in properties.items():
        if value:
            pairs.append(f"{name}={printable(value.translate(_PROPERTY))}")
    head = f"{command} {','.join(pairs)}".strip()
    return f"::{head}::{printable(message.translate(_DATA))}\n"
