"""Answers as SARIF 2.1.0, for code scanning and editors: what is wrong, and where."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tasks_lib import __version__
from tasks_lib.errors import ExitCode
from tasks_lib.results import Report, Result, Status, printable

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_LEVELS = {Status.WARN: "warning", Status.FAIL: "error", Status.ERROR: "error"}


def render(report: Report) -> str:
    """Give the log: what passed is among the rules alone, since some viewers take every result for an alert."""
    rules = list(dict.fromkeys(result.id for result in report.results))
    titles = {result.id: result.title for result in reversed(report.results)}
    invocation = {
        "executionSuccessful": report.code in {ExitCode.DONE, ExitCode.CHECK_FAILED},
        "exitCode": int(report.code),
        "toolExecutionNotifications": [
            {"level": "note", "message": _message(one), "descriptor": {"id": printable(one.id)}}
            for one in report.results
            if one.status is Status.SKIP
        ],
    }
    driver = {
        "name": "mlops-lab",
        "version": __version__,
        "rules": [
            {"id": printable(rule), "shortDescription": _text(titles[rule])} for rule in rules
        ],
    }
    run = {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"mlops-lab/{printable(report.command)}/"},
        "originalUriBaseIds": {"ROOT": {"uri": f"{_uri(report.root).rstrip('/')}/"}},
        "invocations": [invocation],
        "results": [
            _result(report, one, rules.index(one.id))
            for one in report.results
            if one.status in _LEVELS
        ],
    }
    return (
        json.dumps(
            {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False
        )
        + "\n"
    )


def _result(report: Report, result: Result, index: int) -> dict[str, Any]:
    """Describe one finding; code scanning shows none without a place, so the manifest stands in."""
    place = {
        "artifactLocation": _artifact(report, result.file),
        "region": {"startLine": max(result.line or 1, 1)},
    }
    return {
        "ruleId": printable(result.id),
        "ruleIndex": index,
        "level": _LEVELS[result.status],
        "message": _message(result),
        "locations": [{"physicalLocation": place}],
    }


def _artifact(report: Report, file: str | None) -> Mapping[str, str]:
    path = Path(report.from_root(file or "pyproject.toml"))
    return (
        {"uri": _uri(path)} if path.is_absolute() else {"uri": _quoted(path), "uriBaseId": "ROOT"}
    )


def _uri(path: Path) -> str:
    """Give a file's address, which `Path.as_uri` refuses for a name that a record invents and no disk can have."""
    return f"file:///{_quoted(path).lstrip('/')}"


def _quoted(path: Path) -> str:
    return quote(path.as_posix(), safe="/:", errors="surrogatepass")


def _message(result: Result) -> dict[str, str]:
    return _text("\n".join(filter(None, (f"{result.title}: {result.detail}", result.next))))


def _text(text: str) -> dict[str, str]:
    """Give a message; SARIF reads `[text](link)` and `{0}` in it unless they are escaped."""
    return {
        "text": re.sub(r"[\\\[\]]", r"\\\g<0>", printable(text))
        .replace("{", "{{")
        .replace("}", "}}")
    }
