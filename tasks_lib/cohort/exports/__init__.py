"""Grades in the files that course systems read: one module a system, each by its specification.

A hand-in without a score has no row and no file, unless the system has a word for it: so the course
keeps the grade that it has, and nobody gets a zero for an error of ours. What was left out is
reported with its reason.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from tasks_lib.cohort.base import presentable
from tasks_lib.errors import ErrorCode, LabError, Remedy, meant
from tasks_lib.results import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import ModuleType

    from tasks_lib.cohort.base import Graded

#: each is a module here that has `files(graded, settings) -> Exported`
EXPORTS = (
    "canvas",
    "moodle",
    "nbgrader",
    "gradescope",
    "prairielearn",
    "classroom50",
    "check50",
)
#: those whose container grades one submission: they have `one(graded, settings) -> str`
SINGLE = ("gradescope", "prairielearn", "classroom50")
#: those that make a worksheet, which is filled
WORKSHEETS = ("moodle",)


@dataclass(frozen=True)
class Settings:
    """What a course system has to know besides the grades.

    `title` is the assignment's name there, and for check50 its slug. `number` is its id in Canvas.
    `maximum` is the most points that it has there, where that is not the rubric's own. `identifier`
    is the column for Canvas or Moodle that the ids of the roster are. `worksheet` is a file that
    Moodle made and that is filled. `visibility` is a word of
    Gradescope. `identity` is what Classroom 50 knows a result by: see `classroom50.VARIABLES`; a
    column of the roster of such a name goes before it.
    """

    title: str = "mlops-lab"
    number: str = ""
    maximum: float | None = None
    identifier: str = ""
    worksheet: Path | None = None
    visibility: str = "visible"
    identity: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class Exported:
    """The texts of the files by their names, and whom they leave out, with the reason."""

    texts: Mapping[str, str]
    left_out: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def export(name: str, graded: Sequence[Graded], settings: Settings) -> Exported:
    """Return what a course system reads for a class; the caller writes the files.

    Raises:
        LabError: `unknown_format`, or `wrong_setting` where the settings fit no such file.

    """
    files: Callable[..., Exported] = _module(name, EXPORTS).files
    if settings.worksheet and name not in WORKSHEETS:
        text = f"{name} has no worksheet that could be filled; {', '.join(WORKSHEETS)} has."
        raise LabError(text, ErrorCode.WRONG_SETTING, remedy=Remedy("Leave out --into"))
    return files(presentable(graded), settings)


def grade_one(name: str, graded: Graded, settings: Settings) -> str:
    """Return the file with which a course system's container answers for one submission.

    Raises:
        LabError: `unknown_format`; `wrong_setting`; `tool_failed` where there is no score, and the
            system has no word for that: it then reports a failed grader, and no zero.

    """
    one: Callable[..., str] = _module(name, SINGLE).one
    return one(*presentable([graded]), settings)


def times(name: str, submission: Path) -> tuple[str, str]:
    """Return when a course system says that a submission was handed in and due; empty for unknown.

    Raises:
        LabError: `unknown_format`, or what it says cannot be read.

    """
    told: Callable[[Path], tuple[str, str]] | None = getattr(_module(name, SINGLE), "times", None)
    return told(submission) if told else ("", "")


def _module(name: str, known: Sequence[str]) -> ModuleType:
    if name not in known:
        text = f"There is no export {name!r} of this kind. There are {', '.join(known)}."
        remedy = meant(name, known, Remedy("Choose one of them"))
        raise LabError(text, ErrorCode.UNKNOWN_FORMAT, remedy=remedy)
    return importlib.import_module(f"tasks_lib.cohort.exports.{name}")


def expect_score(graded: Graded) -> float:
    """Return the score.

    Raises:
        LabError: `tool_failed`: there is none.

    """
    if graded.score is None:
        failed = [*graded.examined.with_status(Status.ERROR), *graded.examined.unclear]
        reasons = [f"{one.check}: {one.detail or one.title}" for one in failed]
        reasons = reasons or [mark.text for mark in graded.marks if mark.points is None]
        said = "; ".join(dict.fromkeys(reasons)) or "nothing could be judged"
        text = f"{graded.hand_in.id} has no score: {said.rstrip('.')}."
        remedy = Remedy("Run it again; the grader failed, not the student")
        if graded.examined.unclear:
            remedy = Remedy(graded.examined.unclear[0].remedy)
        raise LabError(text, ErrorCode.TOOL_FAILED, remedy=remedy)
    return graded.score
