"""What uv is asked for an audit, and what its answers mean, as uv 0.13.9 printed them."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from tasks_lib.errors import ExitCode, LabError
from tasks_lib.report.progress import Progress
from tasks_lib.results import verdict
from tasks_lib.session.session import Session
from tasks_lib.workflows import auditing
from tests.steps import outcome
from tests.unit.workflows.conftest import CONDA_YML, LOCK, PYPROJECT

if TYPE_CHECKING:
    from tests.conftest import MakeProject

HOLE: dict[str, Any] = {
    "dependency": {"name": "click", "version": "8.5.1"},
    "id": "GHSA-aaaa-bbbb-cccc",
    "display_id": "GHSA-aaaa-bbbb-cccc",
    "aliases": ["CVE-2024-0001"],
    "summary": "a hole\nin it " + "x" * 400,
    "description": "long",
    "link": "https://example.org/a",
    "fix_versions": ["8.5.2"],
    "published": "2024-01-01T00:00:00Z",
    "modified": "2024-01-01T00:00:00Z",
}
STATUS = {"name": "six", "status": "quarantined", "reason": "bad"}
SKIPPED = (
    "TRACE Skipping project-status check for `iniconfig`: "
    "Package `iniconfig` was not found in the registry\n"
)


def said(*holes: dict[str, Any], statuses: tuple[dict[str, Any], ...] = ()) -> str:
    """Return what uv prints."""
    rows = {"vulnerabilities": holes, "adverse_statuses": statuses}
    return json.dumps({"schema": {"version": "preview"}, "summary": {}, **rows})


@pytest.fixture
def session(project: MakeProject) -> Session:
    """Return a session with a lock."""
    made = project(PYPROJECT, CONDA_YML, files={"uv.lock": LOCK})
    return Session.open(combo="conda_uv", engine="rattler", start=made.root)


def read(session: Session, code: int, stdout: str, stderr: str = "") -> list[tuple[str, str, str]]:
    """Return id, status and detail of each result."""
    found = auditing.results(session, 1, outcome(code, stdout, stderr))
    return [(one.id, one.status.value, one.detail) for one in found]


def test_a_vulnerability(session: Session) -> None:
    (hole, *_) = auditing.results(session, 1, outcome(1, said(HOLE)))
    assert (hole.file, hole.line) == ("uv.lock", 4)
    assert hole.detail.startswith("click 8.5.1: a hole in it xxx")
    assert hole.detail.endswith(
        "x … (GHSA-aaaa-bbbb-cccc, CVE-2024-0001). Fixed in 8.5.2. https://example.org/a"
    )
    words = ("invoke", "env.create", "deps.update", "--package", "click")
    assert hole.remedy.argv == words
    assert verdict([hole]) is ExitCode.CHECK_FAILED


def test_one_that_no_release_fixes_has_no_command(session: Session) -> None:
    (hole, *_) = auditing.results(session, 1, outcome(1, said({**HOLE, "fix_versions": []})))
    assert hole.remedy.argv == ()


def test_what_is_marked_or_unknown(session: Session) -> None:
    marked = (STATUS, {**STATUS, "status": "archived", "reason": None})
    assert read(session, 1, said(statuses=marked), SKIPPED) == [
        ("audit.advisory", "pass", "1 releases of uv.lock were asked about."),
        ("audit.status", "fail", "six is quarantined: bad."),
        ("audit.status", "warn", "six is archived: no reason is given."),
        ("audit.status", "skip", "Your index does not tell the status of iniconfig."),
    ]
    assert [row[:2] for row in read(session, 0, said())] == [
        ("audit.advisory", "pass"),
        ("audit.status", "pass"),
    ]


@pytest.mark.parametrize(
    ("code", "stdout"), [(2, ""), (1, ""), (0, "{}"), (0, "[]"), (0, "null"), (-9, said())]
)
def test_an_answer_that_is_none_never_passes(session: Session, code: int, stdout: str) -> None:
    with pytest.raises(LabError) as refused:
        read(session, code, stdout, "error: no\n")
    assert refused.value.exit_code is ExitCode.TOOL_FAILED
    assert "protocol" in refused.value.remedy.text


def test_the_lock_for_uv_holds_what_is_written_as_it_is() -> None:
    hostile = 'x"\n[[package]]\nname = "y'
    asked = [("click", "8.5.1"), ("click", "8.1.7"), (hostile, "1")]
    data = tomllib.loads(auditing.made_lock(asked, 'https://u:p"@index.example/simple'))
    own, *rows = data["package"]
    assert [(row["name"], row["version"]) for row in rows] == asked
    assert own["dependencies"] == rows
    assert {row["source"]["registry"] for row in rows} == {'https://u:p"@index.example/simple'}


def test_offline_or_without_a_lock_it_is_refused(project: MakeProject) -> None:
    made = project(PYPROJECT)
    for offline, text in ((True, "offline"), (False, r"no uv\.lock")):
        session = Session.open(combo="pip_uv", start=made.root, offline=offline)
        with pytest.raises(LabError, match=text) as refused:
            auditing.audit(session, Progress())
        assert refused.value.exit_code is ExitCode.BAD_REQUEST
