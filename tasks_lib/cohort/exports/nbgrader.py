"""The grades as nbgrader exports them: `nbgrader/plugins/export.py` of jupyter/nbgrader.

Times are in UTC, without a zone, as nbgrader stores them. Its own writer puts no quotes around what
has a comma; these are as RFC 4180 says, which csv and pandas read.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from tasks_lib.cohort import rubric
from tasks_lib.cohort.exports import Exported, cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks_lib.cohort.base import Graded, HandIn
    from tasks_lib.cohort.exports import Settings

_COLUMNS = (
    "assignment",
    "duedate",
    "timestamp",
    "student_id",
    "last_name",
    "first_name",
    "email",
    "raw_score",
    "late_submission_penalty",
    "score",
    "max_score",
)


def files(graded: Sequence[Graded], settings: Settings) -> Exported:
    """Return `grades.csv`, nbgrader's name for it."""
    title = cells.expect_title(settings.title)
    rows: list[Sequence[str]] = [_COLUMNS]
    found, left_out = cells.scored(graded, lambda hand_in: cells.unsafe(hand_in.id))
    for one, score in found:
        hand_in = one.hand_in
        raw = rubric.rounded(rubric.exact(score) + rubric.exact(one.penalty))
        points = (raw, one.penalty, score, one.maximum)
        times = (_time(hand_in.due, ends_day=True), _time(one.submitted))
        names = map(cells.name, (*_names(hand_in), hand_in.email))
        rows.append([title, *times, hand_in.id, *names, *map(str, points)])
    return Exported({"grades.csv": cells.table(rows)}, left_out)


def _time(text: str, *, ends_day: bool = False) -> str:
    if not text:
        return ""
    moment = rubric.moment(text, ends_day=ends_day).astimezone(UTC)
    return str(moment.replace(tzinfo=None))


def _names(hand_in: HandIn) -> tuple[str, str]:
    """Return the last and the first name as the roster has them; a name is not split by guess."""
    last = hand_in.columns.get("last_name", "")
    first = hand_in.columns.get("first_name", "")
    if not last and not first:
        last, _, first = hand_in.name.partition(",")
    return last, first
