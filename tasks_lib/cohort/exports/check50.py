"""What check50 prints with `-o json`, by cs50.github.io/check50/json_specification.html.

It has no points: each check passed, failed, or was skipped (`null`), which check50 also says of one
that it could not carry out. `name` is an id of mlops-lab's, and `version` its version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks_lib import __version__
from tasks_lib.cohort.exports import documents
from tasks_lib.results import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks_lib.cohort.base import Finding, Graded
    from tasks_lib.cohort.exports import Exported, Settings

_PASSED = {Status.PASS: True, Status.WARN: True, Status.FAIL: False}
_ENDED = "a check could not be carried out, which is nobody's fault"


def files(graded: Sequence[Graded], settings: Settings) -> Exported:
    """Return a file for each hand-in."""
    return documents.each(graded, settings, one)


def one(graded: Graded, settings: Settings) -> str:
    """Return the file for one hand-in."""

    def build(length: int) -> dict[str, Any]:
        findings = graded.examined.findings
        results = [_result(finding, length) for finding in findings]
        return {"slug": settings.title, "results": results, "version": __version__}

    return documents.bounded(build)


def _result(finding: Finding, length: int) -> dict[str, Any]:
    passed = _PASSED.get(finding.status)
    cause = None
    if not passed:
        rationale = finding.detail or finding.title
        if finding.status is Status.ERROR:
            rationale = f"{_ENDED}: {rationale}"
        rationale = documents.cut(rationale, length)
        cause = {"rationale": rationale, "help": documents.cut(finding.remedy, length) or None}
    log = [documents.cut(finding.detail, length)] if passed and finding.detail else []
    return {
        "name": finding.check,
        "description": documents.cut(finding.title, 200),
        "passed": passed,
        "log": log,
        "cause": cause,
        "data": {},
        "dependency": None,
    }
