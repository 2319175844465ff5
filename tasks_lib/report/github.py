"""Answers as GitHub's workflow commands, which become annotations of the run and of the changed lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks_lib.results import Report, Result, Status, counted, printable

if TYPE_CHECKING:
    from collections.abc import Mapping

_COMMANDS = {Status.PASS: "debug", Status.SKIP: "notice", Status.WARN: "warning"}
_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = {**_DATA, **str.maketrans({":": "%3A", ",": "%2C"})}


def render(report: Report) -> str:
    """Give a command per result; every line is one, so that nothing from a repository can be taken for another."""
    summary = _line(
        "notice", counted(report), {"title": f"mlops-lab {report.command}: {report.status}"}
    )
    return "".join([*(_result(report, result) for result in report.results), summary])


def _result(report: Report, result: Result) -> str:
    command = _COMMANDS.get(result.status, "error")
    if command == "debug":
        return _line(command, result.title, {})
    file = report.from_root(result.file) if result.file else ""
    properties = {
        "file": file,
        "line": str(result.line or "") if file else "",
        "title": result.title,
    }
    return _line(
        command, "\n".join(filter(None, (result.detail or result.title, result.next))), properties
    )


def _line(command: str, message: str, properties: Mapping[str, str]) -> str:
    told = ",".join(
        f"{name}={_escaped(value, _PROPERTY)}" for name, value in properties.items() if value
    )
    return f"::{command}{f' {told}' if told else ''}::{_escaped(message, _DATA)}\n"


def _escaped(text: str, table: Mapping[int, str]) -> str:
    return printable(text).translate(table)
