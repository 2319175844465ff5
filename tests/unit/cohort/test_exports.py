"""The files of the course systems, read back by small readers written from their specifications."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from tasks_lib.cohort import exports
from tasks_lib.cohort.base import Examined, Finding, Graded, HandIn, Mark
from tasks_lib.cohort.exports import EXPORTS, SINGLE, Settings, export, grade_one, times
from tasks_lib.cohort.naming import file_name
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.results import Status
from tests.cases import cases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

HOSTILE = (
    "=cmd|'/c calc'!A1",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "\uff1d1+1",
    "Doe; =1+1",
    'Doe,"=1+1"',
    '"quoted", Jürgen "Ö"',
    "Points Possible",
    "two\nlines\n=1",
    "</script><img src=x onerror=alert(1)>",
    "nul\0 esc\x1b[31m bidi \u202e no code \udc80",
)
FINDING = Finding(
    "lock.fresh",
    Status.FAIL,
    "The lock fits",
    "uv.lock is old",
    "Lock again: uv lock",
    "uv.lock",
    3,
)
#: what a course gave as ids, and what none of its systems could be told exactly
IDS = ("ada", "0042", "jürgen.ö@uni.example", "o'brien, a", "7-ada", "s 1")


def graded(
    id_: str = "ada",
    name: str = "Ada",
    score: float | None = 7.5,
    columns: Mapping[str, str] = MappingProxyType({}),
) -> Graded:
    """Return the grade of a hand-in with 8 of 10 points, half a day late."""
    hand_in = HandIn(id_, "x", due="2026-03-01T12:00:00+02:00", name=name, columns=columns)
    marks = (
        Mark("locks", 2.0, 4.0, "1 of 2 checks passed; failed: lock.fresh", ("lock.fresh",)),
        Mark("agreement", None if score is None else 6.0, 6.0, "could not be carried out"),
        Mark("tips", 0.0, 0.0, "2 of 2 checks passed", advice=True),
    )
    passed = Finding("agreement.python", Status.PASS, "Both layers agree")
    examined = Examined(id_, (FINDING, passed), "0123abc", seconds=1.25)
    penalty = 0.0 if score is None else 0.5
    late = "1 day late" if penalty else ""
    return Graded(hand_in, examined, marks, score, 10.0, penalty, "2026-03-01T22:00:00Z", late)


def rows(text: str) -> list[list[str]]:
    """Return the rows of a CSV file, in which no reader may find a formula."""
    found = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert len({len(row) for row in found}) == 1
    for separator in ",;\t|":  # what a spreadsheet of another country splits at
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            for cell in row:
                assert not re.match(
                    r"[\s'\"]*[=+@\uff1d\uff0b\uff0d\uff20-]", cell.replace("'", "\x01")
                ), cell
    return found


def canvas(text: str) -> Iterator[tuple[str, str]]:
    """Yield whom Canvas finds, and their grade: `gradebook_importer.rb`, in its own order."""
    head, *others = rows(text)
    assert len(head) > 3
    assert "Student" in head[0]
    assert "ID" in head[1]
    assert re.search(r"SIS\s+User\s+ID", head[2])
    assert re.search(r"SIS\s+Login\s+ID", head[3])
    assert "Section" in head[4]
    title, number = re.fullmatch(r"(.*) \((\d+)\)", head[5]).groups()  # type: ignore[union-attr]
    assert (title, number) == ("Lab 1", "77")
    for row in others:
        if "Points Possible" in row[0]:
            assert row[5] == "10"
            continue
        cells = [_converted(cell) for cell in row]
        digits = re.match(r"\s*\d+", cells[1])  # to_i
        yield (digits[0] if digits else cells[2] or cells[3] or cells[0]), cells[5]


def _converted(cell: str) -> str:
    """Return what the importer's converter `decimal_comma_to_period` makes of a cell."""
    if not re.fullmatch(r"-?[0-9.,]+%?", cell):
        return cell
    *parts, last = re.split(r"[,.]", cell)
    return f"{''.join(parts)}.{last}" if parts else last


def moodle(text: str) -> Iterator[tuple[str, str]]:
    """Yield whom Moodle finds, and their grade: `load_data.php`, which trims each value."""
    head, *others = rows(text)
    assert head == ["username", "name", "Lab 1", "Lab 1 feedback"]
    for row in others:
        identifier, grade = row[0].strip(), row[2].strip()
        assert identifier not in {"", "0"}
        assert grade not in {"", "-"}
        assert float(grade) <= 100
        yield identifier, grade


def nbgrader(text: str) -> Iterator[tuple[str, str]]:
    """Yield the students and scores of nbgrader's export, whose sums have to be right."""
    for row in csv.DictReader(io.StringIO(text, newline="")):
        assert " ".join(row) == (
            "assignment duedate timestamp student_id last_name first_name email raw_score "
            "late_submission_penalty score max_score"
        )
        assert row["duedate"] == "2026-03-01 10:00:00"
        assert row["timestamp"] == "2026-03-01 22:00:00"
        raw, penalty = float(row["raw_score"]), float(row["late_submission_penalty"])
        assert float(row["score"]) == max(0.0, raw - penalty)
        yield row["student_id"], row["score"]
    rows(text)


CSVS: dict[str, Callable[[str], Iterator[tuple[str, str]]]] = {
    "canvas": canvas,
    "moodle": moodle,
    "nbgrader": nbgrader,
}
SETTINGS = Settings("Lab 1", "77")


@pytest.mark.parametrize("name", CSVS)
def test_a_csv_file_finds_each_student_and_no_formula(name: str) -> None:
    class_ = [graded(f"s{number}", text) for number, text in enumerate(HOSTILE)]
    class_ += [graded(id_) for id_ in IDS]
    exported = export(name, class_, SETTINGS)
    (text,) = exported.texts.values()
    assert exported.left_out == {}
    assert list(CSVS[name](text)) == [(one.hand_in.id, "7.5") for one in class_]


@pytest.mark.parametrize("name", CSVS)
def test_who_has_no_score_or_no_exact_id_is_left_out_and_named(name: str) -> None:
    odd = ("=1", "+49", "-7", "@ada", "ada;=1", "\tada", "ada\nb", "ada  b", " ada", "a\x1bb")
    class_ = [graded("ada"), graded("bob", score=None), *map(graded, odd)]
    exported = export(name, class_, SETTINGS)
    (text,) = exported.texts.values()
    assert list(CSVS[name](text)) == [("ada", "7.5")]
    assert exported.left_out.keys() == {"bob", *odd}
    assert "no score" in exported.left_out["bob"]
    assert all("formula or another id" in exported.left_out[id_] for id_ in odd)


def test_canvas_knows_a_student_by_its_own_columns() -> None:
    columns = {"ID": "1042", "SIS User ID": "2026.001", "SIS Login ID": "ada@x", "Section": "=A"}
    one = graded("ada", "Ada, L.", columns=columns)
    _, _, row = rows(export("canvas", [one], SETTINGS).texts["canvas.csv"])
    assert row == ["Ada, L.", "1042", "2026.001", "ada@x", "'=A", "7.5"]
    settings = replace(SETTINGS, identifier="SIS User ID", maximum=20)
    _, points, row = rows(export("canvas", [graded("0042")], settings).texts["canvas.csv"])
    assert row[1:4] == ["", "0042", ""]
    assert row[5] == "15", "converted to that maximum"
    assert points == ["    Points Possible", "", "", "", "", "20"]


@cases(
    "id_, columns, reason",
    {
        "its first digits are another student": ("ada", {"ID": "7-ada"}, "first digits"),
        "digits and commas": ("1,234", {}, "another number"),
        "several dots": ("1.2.3", {}, "another number"),
    },
)
def test_canvas_would_find_another_student(id_: str, columns: dict[str, str], reason: str) -> None:
    exported = export("canvas", [graded(id_, columns=columns)], SETTINGS)
    assert reason in exported.left_out[id_]
    assert list(canvas(exported.texts["canvas.csv"])) == []


def test_moodle_finds_nobody_by_nothing_and_by_0() -> None:
    assert "could find" in export("moodle", [graded("0")], SETTINGS).left_out["0"]
    by_email = replace(SETTINGS, identifier="email")
    assert "no email" in export("moodle", [graded("ada")], by_email).left_out["ada"]


def test_moodle_takes_at_most_100_points() -> None:
    one = replace(graded(score=150), maximum=200.0)
    with pytest.raises(LabError, match="more than 100") as raised:
        export("moodle", [one], SETTINGS)
    assert raised.value.code is ErrorCode.WRONG_SETTING
    text = export("moodle", [one], replace(SETTINGS, maximum=100)).texts["moodle.csv"]
    assert list(moodle(text)) == [("ada", "75")]


#: as `assign_grading_table` of Moodle 4 makes it for a user whose language is English
WORKSHEET = """\
\ufeffIdentifier,"Full name","ID number","Email address",Status,Grade,"Maximum grade",\
"Grade can be changed","Last modified (submission)","Last modified (grade)","Feedback comments"
"Participant 101","Lovelace, Ada",m-1,Ada@uni.example,"Submitted for grading",,10.00,\
Yes,"Friday, 27 November 2026, 9:00 PM",-,
"Participant 102","=HYPERLINK(1)",m-2,bob@uni.example,"Submitted for grading",3.00,10.00,\
Yes,-,"Saturday, 28 November 2026, 9:00 PM","See me, ""Bob""."
"Participant 103",Cyd,m-3,cyd@uni.example,"No submission",,10.00,No,-,-,
"Participant 104",Dan,m-4,dan@uni.example,"No submission",,10.00,Yes,-,-,
"""


def plain(text: str) -> list[list[str]]:
    """Return the rows; Moodle's own `-` is none that `rows` takes."""
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


def worksheet(text: str) -> dict[str, tuple[str, str]]:
    """Return grade and comment of each participant, as `importgradeslib.php` reads them."""
    head, *others = plain(text)
    at = [head.index(name) for name in ("Identifier", "Grade", "Feedback comments")]
    assert "Last modified (grade)" in head
    found = {}
    for row in others:
        identifier, grade, comment = (row[column] for column in at)
        assert identifier.startswith("Participant ")
        found[identifier.removeprefix("Participant ")] = (grade, comment)
    return found


@cases(
    "ids, emails, identifier",
    {
        "the addresses": (("ada", "bob", "cyd"), ("ADA@uni.example", "bob@uni.example", ""), ""),
        "the ID numbers": (("m-1", "m-2", "m-3"), ("", "", ""), ""),
        "the folders of Moodle's archive": (
            ("Ada_101_assignsubmission_file_", "B C_102_assignsubmission_file_", "x"),
            ("", "", ""),
            "",
        ),
        "as asked": (("101", "102", "m-3"), ("", "", ""), "id"),
    },
)
def test_the_worksheet_of_moodle_is_filled(
    tmp_path: Path, ids: tuple[str, ...], emails: tuple[str, ...], identifier: str
) -> None:
    path = tmp_path / "Grades.csv"
    path.write_text(WORKSHEET, encoding="utf-8")
    class_ = [replace(graded(id_), maximum=10) for id_ in ids]
    for number, email in enumerate(emails):
        hand_in = replace(class_[number].hand_in, email=email)
        class_[number] = replace(class_[number], hand_in=hand_in)
    class_[1] = replace(class_[1], marks=(Mark("a<b", 0, 1, "no"),))
    class_.append(graded("nobody", score=None))
    exported = export("moodle", class_, Settings(identifier=identifier, worksheet=path))
    (name,) = exported.texts
    assert name == "Grades.csv"
    found = worksheet(exported.texts[name])
    assert found["101"][0] == "7.5"
    assert found["101"][1]
    assert found["102"] == ("7.5", 'See me, "Bob".')  # what somebody wrote stays
    assert (found["103"], found["104"]) == (("", ""), ("", ""))
    assert {*exported.left_out} == {ids[2], "nobody"}
    before, after = plain(WORKSHEET.lstrip("\ufeff")), plain(exported.texts[name])
    assert [row[2:5] + row[6:10] for row in after] == [row[2:5] + row[6:10] for row in before]
    assert after[2][1] == "'=HYPERLINK(1)"


def test_a_comment_in_the_worksheet_is_no_html(tmp_path: Path) -> None:
    path = tmp_path / "w.csv"
    path.write_text(WORKSHEET, encoding="utf-8")
    one = replace(graded("m-4"), maximum=10, marks=(Mark("a<b", 0, 1, "<script>"),))
    exported = export("moodle", [one], Settings(worksheet=path))
    assert worksheet(exported.texts["w.csv"])["104"] == ("7.5", "a&lt;b: &lt;script&gt;")


@cases(
    "old, new, said",
    {
        "another language": (",Grade,", ",Bewertung,", "has no column 'Grade'"),
        "no worksheet": ("Identifier", "Student", "has no column 'Identifier'"),
        "a cut row": (",-,-,\n", ",-\n", "9 values"),
        "more than the maximum": ("10.00", "5.00", "7.5 points are more than the 5"),
        "a scale": ("10.00", "Good", "a scale has no points"),
        "no such identifier": ("", "", "no student by 'username'"),
    },
)
def test_what_is_wrong_with_a_worksheet(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "w.csv"
    path.write_text(WORKSHEET.replace(old, new, -1 if old == "10.00" else 1), encoding="utf-8")
    identifier = "username" if "username" in said else ""
    settings = Settings(worksheet=path, identifier=identifier)
    with pytest.raises(LabError, match=re.escape(said)) as raised:
        export("moodle", [graded("m-1")], settings)
    assert str(raised.value.remedy)


def test_who_cannot_be_told_from_another_has_no_row_in_a_worksheet(tmp_path: Path) -> None:
    path = tmp_path / "w.csv"
    path.write_text(WORKSHEET.replace("m-2", "m-3"), encoding="utf-8")
    class_ = [graded("m-1"), graded("m-3"), graded("twin", columns={"idnumber": "m-1"})]
    exported = export("moodle", class_, Settings(worksheet=path, identifier="idnumber"))
    assert {*exported.left_out} == {"m-1", "m-3", "twin"}
    with pytest.raises(LabError, match="canvas has no worksheet"):
        export("canvas", class_, Settings(worksheet=path))


def test_names_are_split_where_the_roster_splits_them() -> None:
    class_ = [
        graded(name="Lovelace, Ada"),
        graded(columns={"last_name": "Doe", "first_name": "J."}),
        graded(name="Ada L"),
    ]
    found = rows(export("nbgrader", class_, SETTINGS).texts["grades.csv"])[1:]
    assert [row[4:6] for row in found] == [["Lovelace", "Ada"], ["Doe", "J."], ["Ada L", ""]]


@cases(
    "name, settings, said",
    {
        "canvas: a formula": ("canvas", Settings("=1"), "begin with ="),
        "moodle: a formula": ("moodle", Settings("-x"), "begin with ="),
        "nbgrader: no title": ("nbgrader", Settings(""), "Give it a title"),
        "canvas: a total": ("canvas", Settings("Final Grade"), "another title"),
        "canvas: no such column": ("canvas", Settings(identifier="SIS Login"), "SIS Login ID"),
        "moodle: no such column": ("moodle", Settings(identifier="e-mail"), "Did you mean email?"),
        "gradescope: no such word": ("gradescope", Settings(visibility="hiden"), "hidden"),
        "classroom50: nobody's": ("classroom50", Settings(), "CLASSROOM, ASSIGNMENT"),
    },
)
def test_settings_that_fit_no_file_are_refused(name: str, settings: Settings, said: str) -> None:
    with pytest.raises(LabError) as raised:
        export(name, [graded()], settings)
    assert raised.value.code is ErrorCode.WRONG_SETTING
    assert said in str(raised.value.remedy)


def _object(required: dict[str, Any], **optional: Any) -> dict[str, Any]:  # noqa: ANN401 - schemas
    properties = {**required, **optional}
    return {
        "type": "object",
        "required": list(required),
        "properties": properties,
        "additionalProperties": False,
    }


_TEXT = {"type": "string"}
_NUMBER = {"type": "number", "minimum": 0}
_WHOLE = {"type": "integer", "minimum": 0}
_TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}
_NAMED = {"type": "string", "minLength": 1}
_PLAIN = {"const": "text"}
_SHOWN = {"enum": ["hidden", "after_due_date", "after_published", "visible"]}
#: the specifications' own words as schemas; where each is from stands in the exports' modules
SCHEMAS = {
    "gradescope": _object(
        {
            "score": _NUMBER,
            "output": _TEXT,
            # without these, or with any other, a repository's text would be HTML there
            **dict.fromkeys(("output_format", "test_output_format", "test_name_format"), _PLAIN),
        },
        execution_time=_NUMBER,
        visibility=_SHOWN,
        stdout_visibility=_SHOWN,
        extra_data={"type": "object"},
        tests={
            "type": "array",
            "items": _object(
                {},
                score=_NUMBER,
                max_score=_NUMBER,
                status={"enum": ["passed", "failed"]},
                name=_TEXT,
                output=_TEXT,
            ),
        },
    ),
    "prairielearn": _object(
        {"gradable": {"const": True}, "score": {"type": "number", "minimum": 0, "maximum": 1}},
        message=_TEXT,
        tests={
            "type": "array",
            "items": _object(
                {"name": _TEXT, "points": {"type": "number"}, "max_points": _NUMBER}, output=_TEXT
            ),
        },
    ),
    "classroom50": _object(
        {
            "schema": {"const": "classroom50/result/v1"},
            **dict.fromkeys(("classroom", "assignment", "owner"), _NAMED),
            "assignment_type": {"enum": ["individual", "group", "team"]},
            "submission": {"type": "string", "pattern": "^submit/"},
            **dict.fromkeys(("commit", "release", "review"), _NAMED),
            "datetime": _TIME,
            "graded_at": _TIME,
            "score": _WHOLE,
            "max-score": _WHOLE,
            "tests": {
                "type": "array",
                "items": _object(
                    {
                        "test-name": _NAMED,
                        "passed": {"type": "boolean"},
                        "score": _WHOLE,
                        "max-score": _WHOLE,
                    }
                ),
            },
        }
    ),
    "check50": _object(
        {
            "slug": _TEXT,
            "version": _TEXT,
            "results": {
                "type": "array",
                "items": _object(
                    {
                        "name": _TEXT,
                        "description": _TEXT,
                        "passed": {"type": ["boolean", "null"]},
                        "log": {"type": "array", "items": _TEXT},
                        "cause": {
                            "oneOf": [
                                {"type": "null"},
                                _object({"rationale": _TEXT}, help={"type": ["string", "null"]}),
                            ]
                        },
                        "data": {"type": "object"},
                        "dependency": {"type": ["string", "null"]},
                    }
                ),
            },
        }
    ),
}
HERE = {
    "CLASSROOM": "cs1",
    "ASSIGNMENT": "lab-1",
    "USERNAME": "ada",
    "SUBMISSION_TAG": "submit/20260301-0123abc",
    "COMMIT_URL": "https://git.example/o/r/commit/0123abc",
    "RELEASE_URL": "https://git.example/o/r/releases/tag/x",
}
IDENTITY = dict(
    zip(
        ("classroom", "assignment", "owner", "submission", "commit", "release"),
        HERE.values(),
        strict=True,
    )
)


def document(name: str, one: Graded, **settings: Any) -> dict[str, Any]:  # noqa: ANN401 - any setting
    """Return a hand-in's document, which has to be as the specification says."""
    exported = export(name, [one], replace(SETTINGS, identity=IDENTITY, **settings))
    assert exported.left_out == {}
    (text,) = exported.texts.values()
    assert text.isascii()
    assert len(text) <= 1_000_000
    found: dict[str, Any] = json.loads(text)
    jsonschema.Draft202012Validator(SCHEMAS[name]).validate(found)
    return found


def hostile(text: str) -> Graded:
    """Return a grade of which every text is hostile."""
    finding = Finding("lock.fresh", Status.FAIL, text, text, text, text)
    one = graded(name=text)
    marks = tuple(replace(mark, name=text, text=text) for mark in one.marks) * 20
    return replace(one, marks=marks, examined=replace(one.examined, findings=(finding,)))


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_document_is_as_specified_whatever_is_in_it(name: str) -> None:
    for text in (*HOSTILE, "x" * 50_000, "\U0001f40d" * 3_000):
        found = json.dumps(document(name, hostile(text)))
        assert not re.search(r"(?<!\\)\\u(0000|001b|202e|dc80)", found)


#: the example of gradescope-autograders.readthedocs.io/en/latest/submission_metadata/, shortened
METADATA = {
    "id": 123456,
    "created_at": "2018-07-01T14:22:32.365935-07:00",
    "assignment": {
        "due_date": "2018-07-31T23:00:00.000000-07:00",
        "late_due_date": None,
        "title": "Programming Assignment 1",
    },
    "submission_method": "upload",
    "users": [{"email": "student@example.com", "id": 1234, "name": "Student User"}],
}
HANDED_IN, DUE = "2018-07-01T14:22:32.365935-07:00", "2018-07-31T23:00:00.000000-07:00"
LATER = "2018-08-01T07:00:00+00:00"  # an hour after that, in another zone


@cases(
    "changes, expected",
    {
        "the example": ({}, (HANDED_IN, DUE)),
        "no due": ({"assignment": {"due_date": None}}, (HANDED_IN, "")),
        "an extension of one in a group": (
            {"users": [{"assignment": {"due_date": due}} for due in (LATER, DUE)]},
            (HANDED_IN, LATER),
        ),
    },
)
def test_when_gradescope_says_that_it_was_due(
    tmp_path: Path, changes: dict[str, object], expected: tuple[str, str]
) -> None:
    submission = tmp_path / "submission"
    submission.mkdir()
    assert times("gradescope", submission) == ("", "")
    metadata = tmp_path / "submission_metadata.json"
    metadata.write_text(json.dumps({**METADATA, **changes}))
    assert times("gradescope", submission) == expected
    assert times("prairielearn", submission) == ("", "")


@cases("text", {"no JSON": "{", "a list": "[]", "no times": '{"users": []}', "a number": "1"})
def test_what_gradescope_does_not_say_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "submission_metadata.json").write_text(text)
    with pytest.raises(LabError, match="does not say when") as raised:
        times("gradescope", tmp_path / "submission")
    assert raised.value.code is ErrorCode.INVALID_MANIFEST


def test_gradescope() -> None:
    found = document("gradescope", graded())
    assert found["score"] == 7.5
    assert found["output"] == "7.5 of 10 points (1 day late: -0.5)"
    locks, agreement, tips = found["tests"]
    assert locks == {
        "name": "locks",
        "output": "1 of 2 checks passed; failed: lock.fresh\nThe lock fits (lock.fresh): fail\n"
        "  uv.lock:3\n  uv.lock is old\n  next: Lock again: uv lock",
        "status": "failed",
        "score": 2,
        "max_score": 4,
    }
    assert agreement["score"] == 6
    assert tips["status"] == "passed"
    assert "score" not in tips
    assert (
        document("gradescope", graded(), visibility="after_published")["visibility"]
        == "after_published"
    )


def test_prairielearn() -> None:
    found = document("prairielearn", graded())
    assert found["score"] == 0.75
    points = [(row["points"], row["max_points"]) for row in found["tests"]]
    assert points == [(2, 4), (6, 6), (0, 0), (-0.5, 0)]
    assert sum(row["points"] for row in found["tests"]) == 7.5


def test_prairielearn_neither_gives_nor_takes_where_there_is_no_score() -> None:
    text = grade_one("prairielearn", graded(score=None), SETTINGS)
    found = json.loads(text)
    assert found.keys() == {"gradable", "format_errors"}
    assert found["gradable"] is False
    assert found["format_errors"][1] == "agreement: could not be carried out"


def test_check50() -> None:
    skipped = Finding("lock.a", Status.SKIP, "a", "dynamic")
    ours = Finding("lock.b", Status.ERROR, "b", "no answer")
    warned = Finding("lock.c", Status.WARN, "c", "odd")
    one = graded()
    findings = (*one.examined.findings, skipped, ours, warned)
    found = document("check50", replace(one, examined=replace(one.examined, findings=findings)))
    assert found["slug"] == "Lab 1"
    results = {row["name"]: row for row in found["results"]}
    assert {name: row["passed"] for name, row in results.items()} == {
        "lock.fresh": False,
        "agreement.python": True,
        "lock.a": None,
        "lock.b": None,
        "lock.c": True,
    }
    assert results["lock.fresh"]["cause"] == {
        "rationale": "uv.lock is old",
        "help": "Lock again: uv lock",
    }
    assert results["agreement.python"]["cause"] is None
    assert "nobody's fault" in results["lock.b"]["cause"]["rationale"]
    assert results["lock.c"]["log"] == ["odd"]


def test_classroom50() -> None:
    found = document("classroom50", graded())
    assert found["datetime"] == "2026-03-01T22:00:00Z"
    assert (found["score"], found["max-score"]) == (8, 10), "7.5 points, halves up"
    assert [row["passed"] for row in found["tests"]] == [False, True, True]
    assert found["review"] == found["commit"]
    whose = {"owner": "bob", "submission": "submit/x", "assignment_type": "group"}
    assert document("classroom50", graded(columns=whose))["owner"] == "bob", "the roster's columns"


def test_classroom50_takes_its_identity_from_the_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in HERE.items():
        monkeypatch.setenv(variable, value)
    unknown = replace(graded(), submitted="")  # the runner writes its own time over any other
    found = json.loads(grade_one("classroom50", unknown, Settings()))
    jsonschema.Draft202012Validator(SCHEMAS["classroom50"]).validate(found)
    assert {name: found[name] for name in IDENTITY} == IDENTITY
    with pytest.raises(LabError, match="lacks classroom"):
        export("classroom50", [graded()], Settings())  # a class is not of this shell's user


@cases(
    "change, said",
    {
        "points that are not whole": ({"maximum": 9.5}, "the rubric has 9.5"),
        "nor a row's": ({"marks": (Mark("a", 1, 1.5),)}, "row 'a' has 1.5"),
        "no time": ({"submitted": ""}, "the time of the submission"),
    },
)
def test_classroom50_refuses(change: dict[str, Any], said: str) -> None:
    with pytest.raises(LabError, match=said):
        export("classroom50", [replace(graded(), **change)], Settings(identity=IDENTITY))
    with pytest.raises(LabError, match="no tag"):
        export("classroom50", [graded(columns={"submission": "main"})], Settings(identity=IDENTITY))


@pytest.mark.parametrize("name", ["gradescope", "classroom50"])
def test_a_system_without_a_word_for_it_gets_no_file_where_there_is_no_score(name: str) -> None:
    settings = Settings(identity=IDENTITY)
    exported = export(name, [graded("ada"), graded("bob", score=None)], settings)
    assert exported.texts.keys() == {"ada.json"}
    assert "bob has no score: could not be carried out" in exported.left_out["bob"]
    with pytest.raises(LabError) as raised:
        grade_one(name, graded(score=None), settings)
    assert raised.value.code is ErrorCode.TOOL_FAILED
    ours = Finding("cohort.read", Status.ERROR, "it could be read", "The disk is full.")
    unread = replace(graded(score=None), examined=Examined("ada", (ours,)))
    with pytest.raises(LabError, match=r"no score: cohort.read: The disk is full\. Next"):
        grade_one(name, unread, settings)


def test_the_registry() -> None:
    assert {*CSVS, *SCHEMAS} == {*EXPORTS}
    assert {*SINGLE} < {*EXPORTS}
    for ask in (export, grade_one):
        with pytest.raises(LabError) as raised:
            ask("gradscope", [], Settings())  # type: ignore[arg-type]
        assert raised.value.code is ErrorCode.UNKNOWN_FORMAT
        assert str(raised.value.remedy) == "Did you mean gradescope?"
    assert exports.export("canvas", [], Settings()).left_out == {}


@cases(
    "id_, name",
    {
        "a plain one": ("ada-l_2.x", "ada-l_2.x"),
        "letters of others": ("jürgen", r"j_rgen-[0-9a-f]{12}"),
        "a path": ("../../etc/passwd", r"_.._etc_passwd-[0-9a-f]{12}"),
        "a device": ("nul.txt", r"nul\.txt-[0-9a-f]{12}"),
        "an option": ("-rf", r"rf-[0-9a-f]{12}"),
        "hidden": (".git", r"git-[0-9a-f]{12}"),
        "nothing of a name": ("/", r"_-[0-9a-f]{12}"),
        "no letter at all": ("..", r"id-[0-9a-f]{12}"),
        "a long one": ("a" * 300, r"a{80}-[0-9a-f]{12}"),
        "no code": ("\udc80", r"_-[0-9a-f]{12}"),
    },
)
def test_file_names(id_: str, name: str) -> None:
    assert re.fullmatch(name, file_name(id_))


def test_two_ids_never_share_a_file() -> None:
    ids = ("a b", "a_b", "a/b", "jürgen", "j_rgen", "a" * 300, "a" * 301)
    assert len({*map(file_name, ids)}) == len(ids)
