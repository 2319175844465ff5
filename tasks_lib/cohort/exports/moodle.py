"""Moodle's grade book, as `grade/import/csv/classes/load_data.php` of moodle/moodle reads it.

The columns are free: who imports the file says which one is the student's `username`, `email`,
`idnumber` or `id`, and which the grade. One student that is not found, and one grade above 100, the
most that a site allows unless its owner changed that, ends the whole import. `-` and an empty grade
delete the one that Moodle has: who has no score has no row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks_lib.cohort.exports import Exported, cells, moodle_worksheet
from tasks_lib.errors import ErrorCode, LabError, Remedy, meant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks_lib.cohort.base import Graded, HandIn
    from tasks_lib.cohort.exports import Settings

_IDS = ("username", "email", "idnumber", "id")
_MOST = 100


def files(graded: Sequence[Graded], settings: Settings) -> Exported:
    """Return `moodle.csv`: the student, the grade, and a feedback of one line; or the worksheet."""
    if settings.worksheet:
        return moodle_worksheet.filled(graded, settings, settings.worksheet)
    title = cells.expect_title(settings.title)
    own = settings.identifier or _IDS[0]
    if own not in _IDS:
        text = f"Moodle finds no student by {own!r}."
        remedy = meant(own, _IDS, Remedy(f"Use one of {', '.join(_IDS)}"))
        raise LabError(text, ErrorCode.WRONG_SETTING, remedy=remedy)
    maximum = settings.maximum
    if maximum is None and any(one.maximum > _MOST for one in graded):
        text = f"The rubric has more than {_MOST} points, which is the most that Moodle takes."
        remedy = Remedy("Set the maximum that the grade has in Moodle; scores are converted to it")
        raise LabError(text, ErrorCode.WRONG_SETTING, remedy=remedy)
    rows = [[own, "name", title, f"{title} feedback"]]
    found, left_out = cells.scored(graded, lambda hand_in: _unfit(hand_in, own), maximum)
    for one, score in found:
        feedback = "; ".join(f"{mark.name}: {mark.text}" for mark in one.marks)
        name = cells.name(one.hand_in.name or one.hand_in.id)
        identifier = _identifier(one.hand_in, own)
        rows.append([identifier, name, cells.number(score), cells.name(feedback)])
    return Exported({"moodle.csv": cells.table(rows)}, left_out)


def _identifier(hand_in: HandIn, own: str) -> str:
    """Return what Moodle knows a student by; the roster's id stands for all but the address."""
    if own == "email":
        return hand_in.email
    if own == "id":
        return hand_in.id
    return hand_in.columns.get(own, "") or hand_in.id


def _unfit(hand_in: HandIn, own: str) -> str:
    """Return why Moodle would not find the student; PHP takes `0` for nothing."""
    identifier = _identifier(hand_in, own)
    if identifier in {"", "0"}:
        return f"it has no {own} that Moodle could find"
    return cells.unsafe(identifier)
