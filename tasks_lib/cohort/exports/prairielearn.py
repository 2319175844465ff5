"""A `results.json` for PrairieLearn, by docs/externalGrading.md of PrairieLearn/PrairieLearn.

The score is a share, 0 to 1, and the file at most 1 MB. Where there is no score the hand-in is not
`gradable`: no points are awarded or lost, and no attempt is used up. A test without points would
hide the points of all others, and what the page shows is their sum: so a row that was not judged is
no test, and lateness is one of 0 points.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks_lib.cohort.exports import documents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks_lib.cohort.base import Graded
    from tasks_lib.cohort.exports import Exported, Settings

_DIGITS = 6


def files(graded: Sequence[Graded], settings: Settings) -> Exported:
    """Return a file for each hand-in."""
    return documents.each(graded, settings, one)


def one(graded: Graded, settings: Settings) -> str:
    """Return the file for one hand-in."""
    del settings  # PrairieLearn knows the question

    def build(length: int) -> dict[str, Any]:
        reasons = [f"{mark.name}: {mark.text}" for mark in graded.marks if mark.points is None]
        notes = [documents.cut(reason, length) for reason in reasons]
        message = documents.summary(graded)
        if graded.score is None:
            return {"gradable": False, "format_errors": [message, *notes]}
        share = graded.score / graded.maximum if graded.maximum else 1.0
        return {
            "gradable": True,
            "score": round(min(share, 1.0), _DIGITS),
            "message": "\n".join([message, *notes]),
            "tests": _tests(graded, length),
        }

    return documents.bounded(build)


def _tests(graded: Graded, length: int) -> list[dict[str, Any]]:
    tests: list[dict[str, Any]] = []
    for mark in graded.marks:
        if mark.points is not None:
            name = documents.cut(mark.name, 200)
            output = documents.cut(documents.found(graded, mark), length)
            points = {"points": mark.points, "max_points": mark.maximum}
            tests.append({"name": name, **points, "output": output})
    if graded.penalty:
        tests.append({"name": graded.late, "points": -graded.penalty, "max_points": 0})
    return tests
