"""Answers as SARIF 2.1.0, for code scanning and editors: what is wrong, and where."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tasks_lib import __version__
from tasks_lib.errors import ExitCode
from tasks_lib.execution import streams
from tasks_lib.execution.streams import printable
from tasks_lib.results import Report, Result, Status

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_LEVELS = {Status.WARN: "warning", Status.FAIL: "error", Status.ERROR: "error"}


def render(report: Report) -> str:
    """Return the log; what passed is only a rule: some viewers show every result as an alert."""
    titles: dict[str, str] = {}
    results, skipped = [], []
    for one in report.results:
        titles.setdefault(one.id, one.title)
        if one.status in _LEVELS:
            results.append(_result(report, one, list(titles).index(one.id)))
        elif one.status is Status.SKIP:
            skipped.append(
                {"level": "note", "message": _message(one), "descriptor": {"id": one.id}}
            )
    rules = [{"id": rule, "shortDescription": _text(title)} for rule, title in titles.items()]
    invocation = {
        "executionSuccessful": report.code in {ExitCode.DONE, ExitCode.CHECK_FAILED},
        "exitCode": int(report.code),
        "toolExecutionNotifications": skipped,
    }
    run = {
        "tool": {"driver": {"name": "mlops-lab", "version": __version__, "rules": rules}},
        "automationDetails": {"id": f"mlops-lab/{report.command}/"},
        "originalUriBaseIds": {"ROOT": {"uri": f"{_uri(report.root).rstrip('/')}/"}},
        "invocations": [invocation],
        "results": results,
    }
    document = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return streams.document(text) + "\n"


def _result(report: Report, result: Result, index: int) -> dict[str, Any]:
    """Describe one finding; code scanning shows none without a place, so the manifest stands in."""
    place = {
        "artifactLocation": _artifact(report, result.file or "pyproject.toml"),
        "region": {"startLine": max(result.line or 1, 1)},
    }
    return {
        "ruleId": result.id,
        "ruleIndex": index,
        "level": _LEVELS[result.status],
        "message": _message(result),
        "locations": [{"physicalLocation": place}],
    }


def _artifact(report: Report, file: str) -> Mapping[str, str]:
    path = Path(report.from_root(file))
    if path.is_absolute():
        return {"uri": _uri(path)}
    return {"uri": _quoted(path), "uriBaseId": "ROOT"}


def _uri(path: Path) -> str:
    """Return a file's address.

    `Path.as_uri` refuses a name that a record invents and that no disk can have.
    """
    return f"file:///{_quoted(path).lstrip('/')}"


def _quoted(path: Path) -> str:
    return quote(path.as_posix(), safe="/:", errors="surrogatepass")


def _message(result: Result) -> dict[str, str]:
    return _text("\n".join(filter(None, (f"{result.title}: {result.detail}", result.next))))


def _text(text: str) -> dict[str, str]:
    """Return a message; SARIF reads `[text](link)` and `{0}` in it unless they are escaped."""
    escaped = re.sub(r"[\\\[\]]", r"\\\g<0>", printable(text))
    return {"text": escaped.replace("{", "{{").replace("}", "}}")}
