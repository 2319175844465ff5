"""The one error that a user sees."""

from __future__ import annotations

from pathlib import Path

from tasks_lib.errors import ErrorCode, ExitCode, LabError, Remedy
from tests.cases import cases


def test_exit_codes_are_those_that_the_readme_promises() -> None:
    assert {code.name: int(code) for code in ExitCode} == {
        "DONE": 0,
        "CHECK_FAILED": 1,
        "BAD_REQUEST": 2,
        "TOOL_MISSING": 3,
        "TOOL_FAILED": 4,
        "GUARD_REFUSED": 5,
        "INTERRUPTED": 130,
    }


@cases(
    "error, expected",
    {
        "sentence": (LabError("It is wrong.", ErrorCode.TOOL_FAILED), "It is wrong."),
        "place": (
            LabError("It is wrong.", ErrorCode.TOOL_FAILED, file=Path("a"), line=3),
            "a:3: It is wrong.",
        ),
        "remedy": (
            LabError("It is wrong.", ErrorCode.TOOL_FAILED, file="a", remedy=Remedy("Fix a")),
            "a: It is wrong. Next: Fix a",
        ),
    },
)
def test_error_says_where_what_and_what_next(error: LabError, expected: str) -> None:
    assert str(error) == expected
