"""A class in every format: what it says, and that hostile text is only text in it."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
import xmlschema

from tasks_lib.cohort import feedback, reports
from tasks_lib.cohort.base import Examined, Finding, Graded, HandIn, Mark
from tasks_lib.cohort.exports import Settings, export
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.results import Status

RESOURCES = Path(__file__).parents[2] / "resources"
HOSTILE = (
    "</script><script>window.evil = 1</script><img src=x onerror=alert(1)> ]]>",
    "=cmd|'/c calc'!A1",
    "[f](javascript:g) `c` | *d* @someone ##[x]\n::error::x",
    "nul\0 esc\x1b[31m bidi \u202e no code \udc80",
    "$css ${style} {0}",
)


def graded(
    id_: str, *statuses: Status, score: float | None = 7.5, text: str = "It is old"
) -> Graded:
    """Return a grade with a finding for each status."""
    findings = []
    for number, status in enumerate(statuses):
        check, title = f"lock.c{number}", f"Check {number} passes"
        findings.append(Finding(check, status, title, text, "Lock again: uv lock", "uv.lock", 3))
    marks = (Mark("locks", score, 10, "1 of 2 checks passed"),)
    examined = Examined(id_, tuple(findings), "0123abc", "pip_uv", text, 0.5)
    return Graded(HandIn(id_, "x", name=f"Name of {id_}"), examined, marks, score, 10, 0.5)


CLASS = [
    graded("ada", Status.PASS, Status.FAIL, Status.FAIL, Status.WARN),
    graded("bob", Status.PASS, Status.PASS, Status.FAIL, Status.SKIP, score=10),
    graded("eve", Status.ERROR, score=None),
]


def evil(text: str) -> list[Graded]:
    """Return a class in which every text is hostile."""
    one = graded(text, Status.FAIL, Status.WARN, Status.SKIP, Status.ERROR, text=text)
    change = {"title": text, "remedy": text, "file": text.replace("\0", "")}
    findings = (replace(finding, **change) for finding in one.examined.findings)  # type: ignore[arg-type]
    mark = Mark(text, 1, 2, text)
    examined = replace(one.examined, findings=tuple(findings), content=text, combo=text)
    return [replace(one, examined=examined, marks=(mark,), late=text)]


def test_what_fails_most_comes_first_and_is_counted_by_hand_in() -> None:
    found = reports.failing(CLASS)
    assert [check for check, _, _ in found] == ["lock.c2", "lock.c1", "lock.c0", "lock.c3"]
    counts = {check: dict(numbers) for check, _, numbers in found}
    assert counts["lock.c2"] == {Status.FAIL: 2}
    assert counts["lock.c0"] == {Status.PASS: 2, Status.ERROR: 1}
    assert counts["lock.c3"] == {Status.WARN: 1, Status.SKIP: 1}
    twice = graded("ada", Status.FAIL)
    twice = replace(twice, examined=replace(twice.examined, findings=twice.examined.findings * 2))
    assert reports.failing([twice])[0][2] == {Status.FAIL: 1}
    assert reports.counted(CLASS) == "1 error, 2 fail"
    assert reports.counted([]) == "no hand-ins"


def test_markdown() -> None:
    text = reports.render("markdown", CLASS, "Lab 1")
    assert text.startswith("## Lab 1: 1 error, 2 fail\n")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert "| Check 2 passes (lock.c2) | 2 | 0 | 0 |" in rows
    assert "| ❌ fail | ada | Name of ada | 7.5 of 10 | lock.c1, lock.c2 |" in rows
    assert "| 💥 error | eve | Name of eve | no score |  |" in rows


def test_csv() -> None:
    rows = list(csv.DictReader(io.StringIO(reports.render("csv", CLASS, "Lab 1"), newline="")))
    assert [row["id"] for row in rows] == ["ada", "bob", "eve"]
    assert [row["score"] for row in rows] == ["7.5", "10", ""]
    assert rows[0]["failed"] == "lock.c1 lock.c2"
    assert rows[2]["errors"] == "lock.c0"
    assert rows[0]["verdict"] == "fail"


def test_json_lines_hold_all() -> None:
    lines = reports.render("jsonl", CLASS, "Lab 1").splitlines()
    first, _, last = map(json.loads, lines)
    assert first["schema"] == "mlops-lab/cohort-result/1"
    assert (first["id"], first["score"], last["score"]) == ("ada", 7.5, None)
    assert first["marks"][0]["name"] == "locks"
    assert first["findings"][1] == {
        "check": "lock.c1",
        "status": "fail",
        "title": "Check 1 passes",
        "detail": "It is old",
        "remedy": "Lock again: uv lock",
        "file": "uv.lock",
        "line": 3,
    }


def junit(text: str) -> ET.Element:
    """Return a document that its schema allows."""
    found = ET.fromstring(text.encode())  # noqa: S314 - our own
    xmlschema.XMLSchema(RESOURCES / "junit.xsd").validate(found)
    return found


def sarif(text: str) -> Any:  # noqa: ANN401 - JSON
    """Return a document that its schema allows."""
    found = json.loads(text)
    schema = json.loads((RESOURCES / "sarif-2.1.0.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(found)
    return found


def test_junit_and_sarif_name_the_hand_in() -> None:
    suite = junit(reports.render("junit", CLASS, "Lab 1"))
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("9", "3", "1")
    names = [case.get("name") for case in suite.iter("testcase")]
    assert names[1] == "ada: Check 1 passes"
    results = sarif(reports.render("sarif", CLASS, "Lab 1"))["runs"][0]["results"]
    place = results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert place == "ada/uv.lock"


def page_data(text: str) -> Any:  # noqa: ANN401 - JSON
    """Return what the page's script reads."""
    (found,) = re.findall(r'(?s)<script type="application/json" id="data">(.*?)</script>', text)
    return json.loads(found)


def test_the_page_holds_each_text_once_and_no_passes() -> None:
    text = reports.render("html", CLASS * 50, "Lab 1")
    data = page_data(text)
    assert len(data["rows"]) == 150
    assert text.count("Lock again: uv lock") == 1
    assert len({*data["texts"]}) == len(data["texts"])
    ada = data["rows"][0]
    assert ada[:5] == ["ada", "Name of ada", [*Status].index(Status.FAIL), 7.5, 10]
    told = [[data["statuses"][one[0]], *(data["texts"][at] for at in one[1:])] for one in ada[8]]
    assert told[0] == [
        "fail",
        "lock.c1",
        "Check 1 passes",
        "It is old",
        "Lock again: uv lock",
        "uv.lock:3",
    ]
    assert [one[0] for one in told] == ["fail", "fail", "warn"]
    assert "70 to 80 %: 50" in text
    assert "50 without a score" in text


def test_the_page_without_scores_and_without_anyone() -> None:
    plain = [replace(one, marks=(), score=None, maximum=0) for one in CLASS]
    assert 'id="scores"' not in reports.render("html", plain, "Lab 1")
    assert page_data(reports.render("html", [], "Lab 1"))["rows"] == []


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_only_text(text: str) -> None:
    class_ = evil(text)
    shown = {name: reports.render(name, class_, text) for name in reports.FORMATS}
    for one in shown.values():
        one.encode()
        assert not re.search("[\0\x1b\u202e]", one)
    html = shown["html"]
    assert html.count("<script") == 2
    tags = re.findall("<[^>]*>", re.sub('"[^"]*"', '""', html.partition("<script")[0]))
    assert not [tag for tag in tags if re.match(r"<(img|a|iframe)\b|.*\son\w+=", tag)]
    assert page_data(html)["rows"][0][0]
    assert re.findall(r"<(?!br>)|(?<!\\)[`\[]", shown["markdown"]) == []
    for row in csv.reader(io.StringIO(shown["csv"], newline="")):
        assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@"))]
    assert json.loads(shown["jsonl"])["name"] == f"Name of {text}"
    junit(shown["junit"])
    sarif(shown["sarif"])


def test_a_login_in_a_finding_is_never_shown() -> None:
    text = "https://me:hunter22@index.example/simple is asked"
    class_ = [graded("ada", Status.FAIL, text=text)]
    shown = [reports.render(name, class_, "Lab 1") for name in reports.FORMATS]
    shown += feedback.files(class_, "Lab 1").values()
    for name in ("gradescope", "check50"):
        shown += export(name, class_, Settings()).texts.values()
    assert not [one for one in shown if "hunter22" in one]


def test_a_format_that_does_not_exist() -> None:
    with pytest.raises(LabError) as raised:
        reports.render("htlm", CLASS, "Lab 1")
    assert raised.value.code is ErrorCode.UNKNOWN_FORMAT
    assert str(raised.value.remedy) == "Did you mean html?"
