"""The one error that a user sees."""

from __future__ import annotations

from pathlib import Path

from tasks_lib.checks.registry import KNOWN
from tasks_lib.errors import ErrorCode, ExitCode, LabError, Remedy, meant, nearest
from tasks_lib.session import combos
from tasks_lib.tasks import namespace
from tests.cases import cases

TASKS = namespace().task_names
COMBOS = combos.names()
GROUPS = ("dev", "docs")


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


@cases(
    "typed, known, expected",
    {
        "a letter less": ("deps.ad", TASKS, ["deps.add"]),
        "letters exchanged": ("setpu", TASKS, ["setup"]),
        "a capital": ("Setup", TASKS, ["setup"]),
        "another mark between": ("check-all", TASKS, ["check.all"]),
        "only its last part": ("install", TASKS, ["deps.install"]),
        "a part of two": ("lock", TASKS, ["deps.lock", "check.lock"]),
        "a part with a mistake": ("bulid", TASKS, ["pkg.build"]),
        "a dash": ("pip-uv", COMBOS, ["pip_uv"]),
        "capitals": ("PIP_UV", COMBOS, ["pip_uv"]),
        "another order": ("uv_pip", COMBOS, ["pip_uv"]),
        "another manager": ("pip_pipenv", COMBOS, []),
        "a short word": ("dve", GROUPS, ["dev"]),
        "an id": ("cloberred", KNOWN, ["ownership.clobbered"]),
        "a package": ("click", TASKS, []),
        "an English word": ("and", TASKS, []),
        "no letters": ("--", TASKS, []),
        "nothing": ("", TASKS, []),
        "nothing known": ("x", (), []),
    },
)
def test_a_mistyped_word_has_its_nearest(typed: str, known: list[str], expected: list[str]) -> None:
    assert nearest(typed, known) == expected


def test_a_word_that_was_meant_completes_its_command() -> None:
    other = Remedy("List them")
    assert meant("nonsense", TASKS, other, "invoke", "explain") == other
    assert meant("dve", GROUPS, other) == Remedy("Did you mean dev?")
    expected = Remedy("Did you mean dev? Type", ("invoke", "x", "dev"))
    assert meant("dve", GROUPS, other, "invoke", "x") == expected
