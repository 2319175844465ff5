"""A `results.json` for Gradescope, by gradescope-autograders.readthedocs.io/en/latest/specs/.

All formats are `text`: the output of the whole would be HTML otherwise. A score of the whole goes
before the sum of the tests. Where there is no score, there is no file: Gradescope then shows that
the autograder failed, and gives no zero. A test without a score only informs.

When it was handed in, and when it was due, is in `submission_metadata.json` beside the submission
(gradescope-autograders.readthedocs.io/en/latest/submission_metadata/). A student with an extension
has dates of an own: of a group, the last counts.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tasks_lib.cohort.exports import documents, expect_score
from tasks_lib.cohort.rubric import moment
from tasks_lib.errors import ErrorCode, LabError, Remedy, meant
from tasks_lib.project.manifests import invalid, read_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks_lib.cohort.base import Graded, Mark
    from tasks_lib.cohort.exports import Exported, Settings

_METADATA = "submission_metadata.json"
_VISIBILITY = ("visible", "hidden", "after_due_date", "after_published")


def files(graded: Sequence[Graded], settings: Settings) -> Exported:
    """Return a file for each hand-in."""
    return documents.each(graded, settings, one)


def times(submission: Path) -> tuple[str, str]:
    """Return when a submission was handed in and due, each empty where that is not known.

    Raises:
        LabError: Gradescope's file about it cannot be read.

    """
    path = submission.absolute().parent / _METADATA
    if not path.exists():
        return "", ""
    try:
        found = json.loads(read_text(path, str(path)))
        dues = [one["assignment"]["due_date"] for one in found["users"] if "assignment" in one]
        dues = [due for due in dues or [found["assignment"]["due_date"]] if due]
        return found["created_at"] or "", max(dues, key=moment, default="")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        text = f"{path} does not say when it was handed in and due ({type(error).__name__})."
        raise invalid(text, path, advice="Give --submitted and --due") from None


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
