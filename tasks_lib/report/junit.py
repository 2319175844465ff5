"""Answers as JUnit XML, which Jenkins, GitLab and most CI systems read: a result is a test case."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from tasks_lib.errors import ExitCode
from tasks_lib.results import Report, Result, Status, printable

if TYPE_CHECKING:
    from collections.abc import Mapping

_TAGS = {Status.FAIL: "failure", Status.ERROR: "error", Status.SKIP: "skipped"}


def render(report: Report) -> str:
    """Give the document; a warning fails its case only where it is what failed the run."""
    tags: Mapping[Status, str] = _TAGS
    if report.code == ExitCode.CHECK_FAILED and not any(
        one.status is Status.FAIL for one in report.results
    ):
        tags = {**_TAGS, Status.WARN: "failure"}
    found = [tags.get(result.status) for result in report.results]
    counts = {
        "tests": len(found),
        "failures": found.count("failure"),
        "errors": found.count("error"),
    }
    whole = {"name": "mlops-lab", **counts, "time": f"{report.seconds:.3f}"}
    root = ET.Element("testsuites", _attributes(whole))
    suite = ET.SubElement(
        root,
        "testsuite",
        _attributes({**whole, "name": report.command, "skipped": found.count("skipped")}),
    )
    properties = ET.SubElement(suite, "properties")
    facts = {
        "project": report.project,
        "exit_code": int(report.code),
        "combo": (report.combo or {}).get("id", ""),
    }
    for name, value in facts.items():
        ET.SubElement(properties, "property", _attributes({"name": name, "value": value}))
    for result, tag in zip(report.results, found, strict=True):
        _case(suite, result, tag)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _case(suite: ET.Element, result: Result, tag: str | None) -> None:
    about = {"classname": result.id, "name": result.title, "time": f"{result.seconds:.3f}"}
    case = ET.SubElement(suite, "testcase", _attributes(about))
    said = printable("\n".join(filter(None, (result.place, result.detail, result.next))))
    if tag:
        ET.SubElement(
            case, tag, _attributes({"type": result.id, "message": result.detail})
        ).text = said
    elif result.status is Status.WARN:
        ET.SubElement(case, "system-out").text = f"warning: {said}"


def _attributes(values: Mapping[str, object]) -> dict[str, str]:
    return {name: printable(str(value)) for name, value in values.items()}
