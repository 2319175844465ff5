"""A `results.json` for Gradescope, by gradescope-autograders.readthedocs.io/en/latest/specs/.

All formats are `text`: the output of the whole would be HTML otherwise. A score of the whole goes
before the sum of the tests. Where there is no score, there is no file: Gradescope then shows that
the autograder failed, and gives no zero. A test without a score only informs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks_lib.cohort.exports import documents, expect_score
from tasks_lib.errors import ErrorCode, LabError, Remedy, meant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks_lib.cohort.base import Graded, Mark
    from tasks_lib.cohort.exports import Exported, Settings

_VISIBILITY = ("visible", "hidden", "after_due_date", "after_published")


def files(graded: Sequence[Graded], settings: Settings) -> Exported:
    """Return a file for each hand-in."""
    return documents.each(graded, settings, one)


def one(graded: Graded, settings: Settings) -> str:
    """Return the file for one hand-in."""
    if settings.visibility not in _VISIBILITY:
        text = f"Gradescope has no visibility {settings.visibility!r}."
        known = Remedy(f"Use one of {', '.join(_VISIBILITY)}")
        remedy = meant(settings.visibility, _VISIBILITY, known)
        raise LabError(text, ErrorCode.WRONG_SETTING, remedy=remedy)
    score = expect_score(graded)

    def build(length: int) -> dict[str, Any]:
        return {
            "score": score,
            "execution_time": round(graded.examined.seconds, 3),
            "output": documents.summary(graded),
            "output_format": "text",
            "test_output_format": "text",
            "test_name_format": "text",
            "visibility": settings.visibility,
            "stdout_visibility": "hidden",
            "extra_data": {"content": graded.examined.content, "submitted": graded.submitted},
            "tests": [_test(graded, mark, length) for mark in graded.marks],
        }

    return documents.bounded(build)


def _test(graded: Graded, mark: Mark, length: int) -> dict[str, Any]:
    output = documents.cut(documents.found(graded, mark), length)
    test: dict[str, Any] = {"name": documents.cut(mark.name, 200), "output": output}
    if mark.points is not None:
        test["status"] = "failed" if mark.failed else "passed"
        if not mark.advice:
            test |= {"score": mark.points, "max_score": mark.maximum}
    return test
