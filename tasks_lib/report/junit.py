"""Answers as JUnit XML, which Jenkins, GitLab and most CI systems read: a result is a test case."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from tasks_lib.errors import ExitCode
from tasks_lib.execution.streams import printable
from tasks_lib.results import Report, Result, Status

if TYPE_CHECKING:
    from collections.abc import Mapping

_TAGS = {Status.FAIL: "failure", Status.ERROR: "error", Status.SKIP: "skipped"}


def render(report: Report) -> str:
    """Return the document; a warning fails its case only where it is what failed the run."""
    tags = _tags(report)
    found = [tags.get(result.status) for result in report.results]
    counts = {
        "tests": len(found),
        "failures": found.count("failure"),
        "errors": found.count("error"),
        "time": f"{report.seconds:.3f}",
    }
    root = ET.Element("testsuites", _attributes({"name": "mlops-lab", **counts}))
    about = {"name": report.command, **counts, "skipped": found.count("skipped")}
    suite = _add(root, "testsuite", about)
    properties = _add(suite, "properties", {})
    combo = (report.combo or {}).get("id", "")
    facts = {"project": report.project, "exit_code": int(report.code), "combo": combo}
    for name, value in facts.items():
        _add(properties, "property", {"name": name, "value": value})
    for result in report.results:
        _case(suite, result, tags.get(result.status))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _tags(report: Report) -> dict[Status, str]:
    """Return the element of each status that is not a pass."""
    failed = any(result.status is Status.FAIL for result in report.results)
    if report.code == ExitCode.CHECK_FAILED and not failed:
        return {**_TAGS, Status.WARN: "failure"}
    return _TAGS


def _case(suite: ET.Element, result: Result, tag: str | None) -> None:
    about = {"classname": result.id, "name": result.title, "time": f"{result.seconds:.3f}"}
    case = _add(suite, "testcase", about)
    text = "\n".join(filter(None, (result.place, result.detail, result.next)))
    if tag:
        _add(case, tag, {"type": result.id, "message": result.detail}, text)
    elif result.status is Status.WARN:
        _add(case, "system-out", {}, f"warning: {text}")


def _add(parent: ET.Element, tag: str, values: Mapping[str, object], text: str = "") -> ET.Element:
    element = ET.SubElement(parent, tag, _attributes(values))
    if text:
        element.text = printable(text)
    return element


def _attributes(values: Mapping[str, object]) -> dict[str, str]:
    return {name: printable(str(value)) for name, value in values.items()}
