"""A `result.json` for Classroom 50, as its runner's `validate_result` takes it.

That is foundation50/classroom50, cli/gh-teacher/skeleton/dotgithub/scripts/runner.py: points are
whole numbers, a submission is a tag `submit/…`, and the identity has to be the repository's.
`datetime` is when it was handed in, which no second grading changes; `graded_at` is when this was
written. Where there is no score there is no file: the runner then records a failed grader, once the
grader's exit code is not 0. In the runner the identity stands in variables, and the runner itself
writes the times over these.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING, Any

from tasks_lib.cohort import rubric
from tasks_lib.cohort.exports import documents, expect_score
from tasks_lib.errors import ErrorCode, LabError, Remedy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks_lib.cohort.base import Graded, Mark
    from tasks_lib.cohort.exports import Exported, Settings

SCHEMA = "classroom50/result/v1"
#: what names a hand-in, and the variable of the runner that holds it
VARIABLES = {
    "classroom": "CLASSROOM",
    "assignment": "ASSIGNMENT",
    "owner": "USERNAME",
    "submission": "SUBMISSION_TAG",
    "commit": "COMMIT_URL",
    "release": "RELEASE_URL",
    "review": "REVIEW_URL",
    "assignment_type": "ASSIGNMENT_TYPE",
}
_TAG = "submit/"


def files(graded: Sequence[Graded], settings: Settings) -> Exported:
    """Return a file for each hand-in."""
    return documents.each(graded, settings, _document)


def one(graded: Graded, settings: Settings) -> str:
    """Return the file for one hand-in in the runner, whose variables say whose it is."""
    here = {name: os.environ.get(variable, "") for name, variable in VARIABLES.items()}
    submitted = graded.submitted or datetime.now(UTC).isoformat()
    known = replace(settings, identity={**here, **settings.identity})
    return _document(replace(graded, submitted=submitted), known)


def _document(graded: Graded, settings: Settings) -> str:
    identity = _identity(graded, settings)
    maximum = _whole(graded.maximum, "the rubric")
    score = min(_points(expect_score(graded)), maximum)

    def build(length: int) -> dict[str, Any]:
        del length  # there are no texts
        now = datetime.now(UTC).isoformat()
        return {
            "schema": SCHEMA,
            **identity,
            "datetime": _time(graded.submitted),
            "graded_at": _time(settings.identity.get("graded_at", now)),
            "score": score,
            "max-score": maximum,
            "tests": [_test(mark) for mark in graded.marks if mark.points is not None],
        }

    return documents.bounded(build)


def _identity(graded: Graded, settings: Settings) -> dict[str, str]:
    """Return what names the hand-in.

    Raises:
        LabError: `wrong_setting`: something is missing or is not as the runner demands.

    """
    columns = graded.hand_in.columns
    found = {}
    for name in VARIABLES:
        found[name] = columns.get(name, "") or settings.identity.get(name, "")
    found["review"] = found["review"] or found["commit"]
    found["assignment_type"] = found["assignment_type"] or "individual"
    lacking = [name for name, value in found.items() if not value]
    if lacking or not graded.submitted:
        names = ", ".join([*lacking, *([] if graded.submitted else ["the time of the submission"])])
        variables = ", ".join(VARIABLES[name] for name in lacking)
        text = f"The result for {graded.hand_in.id} lacks {names}."
        advice = "Run it in Classroom 50's runner, or give the roster these columns"
        remedy = Remedy(f"{advice} (in the runner: {variables})" if variables else advice)
        raise LabError(text, ErrorCode.WRONG_SETTING, remedy=remedy)
    if not found["submission"].startswith(_TAG):
        text = f"The submission {found['submission']!r} is no tag of Classroom 50."
        remedy = Remedy(f"Name the tag that begins with {_TAG}")
        raise LabError(text, ErrorCode.WRONG_SETTING, remedy=remedy)
    return found


def _time(text: str) -> str:
    return rubric.moment(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _points(value: float) -> int:
    """Return earned points as a whole number, halves up: Classroom 50 takes no others."""
    return floor(rubric.exact(value) + Fraction(1, 2))


def _whole(value: float, name: str) -> int:
    """Return a maximum; one that is not whole would change what all others are worth.

    Raises:
        LabError: `wrong_setting`.

    """
    if value != int(value):
        text = f"Classroom 50 takes whole points alone, and {name} has {value:g}."
        remedy = Remedy("Give each row of the rubric a whole number of points")
        raise LabError(text, ErrorCode.WRONG_SETTING, remedy=remedy)
    return int(value)


def _test(mark: Mark) -> dict[str, Any]:
    maximum = _whole(mark.maximum, f"its row {mark.name!r}")
    score = 0 if mark.points is None else min(_points(mark.points), maximum)
    return {
        "test-name": documents.cut(mark.name, 200) or "row",
        "passed": not mark.failed,
        "score": score,
        "max-score": maximum,
    }
