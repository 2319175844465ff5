"""Points by hand: what gives them, what takes them, and what does neither."""

from __future__ import annotations

import pytest

from tasks_lib.cohort.base import MANIFEST, Examined, Finding, Graded, HandIn
from tasks_lib.cohort.rubric import Late, Row, expect_known, grade, moment
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.results import Status
from tests.cases import cases

CHECKS = {
    "p": Status.PASS,
    "w": Status.WARN,
    "s": Status.SKIP,
    "f": Status.FAIL,
    "e": Status.ERROR,
}
LOCKS = Row("locks", ("lock.fresh",), 4)
AGREEMENT = Row("agreement", ("agreement",), 6)
SHARED = Row("agreement", ("agreement",), 6, partial=True)
TIPS = Row("tips", ("leak",), 3, advice=True)


def examined(text: str) -> Examined:
    """Return the findings that a text lists: `lock.fresh=p` is one that passed."""
    findings = []
    for word in text.split():
        check, _, status = word.partition("=")
        findings.append(Finding(check, CHECKS[status], f"the title of {check}"))
    return Examined("ada", tuple(findings))


def graded(text: str, *rubric: Row, due: str = "", **values: object) -> Graded:
    """Return the grade of what a text lists."""
    return grade(HandIn("ada", "x", due=due), examined(text), rubric, **values)  # type: ignore[arg-type]


@cases(
    "rubric, found, points, score",
    {
        "all passed": ((LOCKS, AGREEMENT), "lock.fresh=p agreement.python=p", [4, 6], 10),
        "a warning is no failure": ((LOCKS,), "lock.fresh=w", [4], 4),
        "a failure takes its row": (
            (LOCKS, AGREEMENT),
            "lock.fresh=p agreement.python=f agreement.locks=p",
            [4, 0],
            4,
        ),
        "with partial credit its share": (
            (LOCKS, SHARED),
            "lock.fresh=p agreement.python=f agreement.locks=p",
            [4, 3],
            7,
        ),
        "thirds are rounded once, at the end": (
            (Row("a", ("agreement",), 1, partial=True), Row("b", ("agreement",), 1, partial=True)),
            "agreement.python=f agreement.locks=p agreement.both-layers=f",
            [0.33, 0.33],
            0.67,
        ),
        "two failures of one check are one": (
            (SHARED,),
            "agreement.python=f agreement.python=f agreement.locks=p",
            [3],
            3,
        ),
        "a skip in a row neither gives nor takes": (
            (SHARED,),
            "agreement.python=f agreement.locks=p agreement.both-layers=s",
            [3],
            3,
        ),
        "an error is no zero": (
            (LOCKS, AGREEMENT),
            "lock.fresh=e agreement.python=p",
            [None, 6],
            None,
        ),
        "nor is it one beside a failure": (
            (SHARED,),
            "agreement.python=e agreement.locks=f",
            [None],
            None,
        ),
        "a skipped row is left out, and the others count for all": (
            (Row("a", ("lock.fresh",), 2), Row("b", ("agreement",), 8, partial=True)),
            "lock.fresh=s agreement.a=p agreement.b=p agreement.c=p agreement.d=f",
            [None, 6],
            7.5,
        ),
        "a row of which no check looked is left out too": (
            (LOCKS, AGREEMENT),
            "lock.fresh=f",
            [0, None],
            0,
        ),
        "nothing judged": ((LOCKS,), "lock.fresh=s", [None], None),
        "nothing examined": ((LOCKS,), "", [None], None),
        "advice has no points": ((LOCKS, TIPS), "lock.fresh=p leak.pythonpath=f", [4, 0], 4),
        "nor has its error": ((LOCKS, TIPS), "lock.fresh=p leak.pythonpath=e", [4, None], 4),
        "every check": ((Row("all", ("*",), 1),), "lock.fresh=p own.readme=f", [0], 0),
        "an error of the run ends the rest": (
            (LOCKS,),
            "lock.fresh=p error.tool_failed=e",
            [4],
            None,
        ),
        "an error of another check does not": ((LOCKS,), "lock.fresh=p config.uv=e", [4], 4),
        "tenths are exact": (
            (Row("a", ("lock",), 0.1), Row("b", ("lock",), 0.2)),
            "lock.fresh=p",
            [0.1, 0.2],
            0.3,
        ),
        "a half is rounded up": (
            (Row("a", ("agreement",), 0.01, partial=True),),
            "agreement.a=p agreement.b=f",
            [0.01],
            0.01,
        ),
    },
)
def test_points(
    rubric: tuple[Row, ...], found: str, points: list[float | None], score: float | None
) -> None:
    answer = graded(found, *rubric)
    assert [mark.points for mark in answer.marks] == points
    assert answer.score == score
    assert answer.maximum == round(sum(row.points for row in rubric if not row.advice), 2)


def test_an_error_of_a_check_that_the_rubric_does_not_count_is_told_by_the_known_ones() -> None:
    found = "lock.fresh=p own.readme=e"
    assert graded(found, LOCKS).score is None
    assert graded(found, LOCKS, known=["lock.fresh", "own.readme"]).score == 4


def test_without_a_row_that_gives_points_there_is_no_score() -> None:
    found = Examined("ada", (Finding("lock.fresh", Status.PASS, "the lock fits"),))
    for rubric in ((), (Row("advice", ("lock",), 5, advice=True),)):
        assert grade(HandIn("ada", "x"), found, rubric).score is None


def test_nothing_handed_in_gives_no_points_for_what_could_not_be_looked_at() -> None:
    found = Examined(
        "ada",
        (
            Finding(MANIFEST, Status.FAIL, "pyproject.toml can be read"),
            Finding("files.size", Status.PASS, "no file is too large"),
        ),
    )
    rubric = (Row("files", ("files",), 2), Row("both agree", ("agreement",), 8))
    graded = grade(HandIn("ada", "x"), found, rubric)
    assert (graded.score, graded.maximum) == (2, 10)


def test_a_mark_says_why() -> None:
    locks, agreement, tips = graded(
        "lock.fresh=e agreement.python=f agreement.locks=p", LOCKS, SHARED, TIPS
    ).marks
    assert "no fault of yours" in locks.text
    assert agreement.text == "1 of 2 checks passed; failed: agreement.python"
    assert agreement.failed == ("agreement.python",)
    assert tips.advice
    assert tips.maximum == 0


DUE = "2026-03-01T12:00:00+02:00"  # 10:00 UTC


@cases(
    "late, due, submitted, penalty, score",
    {
        "in time": (Late(1), DUE, "2026-03-01T10:00:00Z", 0, 10),
        "a second late is a day": (Late(1), DUE, "2026-03-01T10:00:01Z", 1, 9),
        "a day to the second": (Late(1), DUE, "2026-03-02T10:00:00Z", 1, 9),
        "the second day": (Late(1), DUE, "2026-03-02T10:00:01Z", 2, 8),
        "a time without a zone is UTC": (Late(1), DUE, "2026-03-01T10:00:00", 0, 10),
        "another zone": (Late(1), DUE, "2026-03-01T05:00:00-05:00", 0, 10),
        "in the grace": (Late(1, grace=15), DUE, "2026-03-01T10:15:00Z", 0, 10),
        "days count from its end": (Late(1, grace=15), DUE, "2026-03-02T10:15:00Z", 1, 9),
        "per cent of the maximum": (Late(25, is_percent=True), DUE, "2026-03-02T11:00Z", 5, 5),
        "at most": (Late(25, is_percent=True, most=30), DUE, "2026-03-09T11:00Z", 3, 7),
        "at most, in points": (Late(3, most=4), DUE, "2026-03-09T11:00Z", 4, 6),
        "never below nothing": (Late(3), DUE, "2026-04-09T11:00Z", 10, 0),
        "a due day has its whole day": (Late(1), "2026-03-01", "2026-03-01T23:59:59Z", 0, 10),
        "and ends with it": (Late(1), "2026-03-01", "2026-03-02T00:00:01Z", 1, 9),
        "no due time": (Late(1), "", "2026-03-02T10:00:01Z", 0, 10),
        "nothing known": (Late(1), DUE, "", 0, 10),
        "no policy": (None, DUE, "2026-03-09T11:00Z", 0, 10),
    },
)
def test_late(late: Late | None, due: str, submitted: str, penalty: float, score: float) -> None:
    rubric = (LOCKS, AGREEMENT)
    answer = graded(
        "lock.fresh=p agreement.locks=p", *rubric, due=due, late=late, submitted=submitted
    )
    assert (answer.penalty, answer.score) == (penalty, score)
    assert answer.submitted == submitted
    assert bool(answer.late) is (penalty > 0 or not submitted)


def test_a_time_that_is_none_is_refused() -> None:
    with pytest.raises(LabError, match="'tomorrow' is not a date") as raised:
        moment("tomorrow")
    assert raised.value.code is ErrorCode.WRONG_SETTING


@cases(
    "row, code, said",
    {
        "a mistyped id": (
            Row("a", ("lock.frehs",), 1),
            ErrorCode.UNKNOWN_CHECK,
            "Did you mean lock.fresh?",
        ),
        "a mistyped family": (
            Row("a", ("agrement",), 1),
            ErrorCode.UNKNOWN_CHECK,
            "Did you mean agreement",
        ),
        "nothing like it": (Row("a", ("xyzzy",), 1), ErrorCode.UNKNOWN_CHECK, "Name one of *, "),
        "no check": (Row("a", (), 1), ErrorCode.WRONG_SETTING, "Name ids"),
        "less than nothing": (Row("a", ("*",), -1), ErrorCode.WRONG_SETTING, "not negative"),
        "no number": (Row("a", ("*",), float("nan")), ErrorCode.WRONG_SETTING, "not negative"),
    },
)
def test_a_row_that_means_nothing_is_refused(row: Row, code: ErrorCode, said: str) -> None:
    with pytest.raises(LabError) as raised:
        expect_known([LOCKS, row])
    assert raised.value.code is code
    assert said in str(raised.value.remedy)


def test_rows_of_known_and_of_own_checks() -> None:
    expect_known([LOCKS, AGREEMENT, TIPS, Row("all", ("*",), 1)])
    expect_known([Row("own", ("own.readme", "own"), 1)], ["own.readme"])


def test_a_hand_in_of_several_projects_has_no_score() -> None:
    found = graded("files.size=p cohort.project=w lock.fresh=s", Row("files", ("files",), 4), LOCKS)
    assert (found.score, found.maximum) == (None, 8)
    assert found.marks[0].points == 4
