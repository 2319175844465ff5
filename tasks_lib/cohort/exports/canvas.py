"""Canvas's grade book, as `lib/gradebook_importer.rb` of instructure/canvas-lms reads it.

Canvas finds a student by `ID`, its own number, else by `SIS User ID`, else by `SIS Login ID`, else
by name. It takes the digits at the start of an `ID` (`7-ada` is user 7), so only a roster's own
column `ID` gets there, and only a number. Its converters change an id of digits with commas or
several dots. An empty grade would delete the one that Canvas has, and `EX` excuse the student: who
has no score has no row, and Canvas leaves such students alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks_lib.cohort.exports import Exported, cells
from tasks_lib.errors import ErrorCode, LabError, Remedy, meant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks_lib.cohort.base import Graded, HandIn
    from tasks_lib.cohort.exports import Settings

_IDS = ("ID", "SIS User ID", "SIS Login ID")
_POINTS = "Points Possible"
#: titles of columns that the importer takes for totals, and ignores
_TOTALS = re.compile(
    "(Current|Final) (Score|Points|Grade)|Override (Score|Grade|Status)",
)
#: what the importer's converter makes another number of
_CONVERTED = re.compile(r"-?[0-9.]*(,|\.[0-9]*\.)[0-9.,]*%?")


def files(graded: Sequence[Graded], settings: Settings) -> Exported:
    """Return `canvas.csv`: the columns of the roster that Canvas knows, and the assignment."""
    title = cells.expect_title(settings.title)
    if _TOTALS.search(title):
        text = f"Canvas ignores a column whose title contains {title!r}."
        remedy = Remedy("Give the assignment another title")
        raise LabError(text, ErrorCode.WRONG_SETTING, remedy=remedy)
    if settings.number:
        title += f" ({settings.number})"
    own = settings.identifier or _IDS[-1]
    if own not in _IDS:
        text = f"Canvas has no column {own!r} for the ids of students."
        remedy = meant(own, _IDS, Remedy(f"Use one of {', '.join(_IDS)}"))
        raise LabError(text, ErrorCode.WRONG_SETTING, remedy=remedy)
    rows = []
    maximum = settings.maximum
    found, left_out = cells.scored(graded, lambda hand_in: _unfit(_ids(hand_in, own)), maximum)
    for one, score in found:
        name = cells.name(one.hand_in.name or one.hand_in.id).replace(_POINTS, "Points-Possible")
        section = cells.name(one.hand_in.columns.get("Section", ""))
        rows.append([name, *_ids(one.hand_in, own), section, cells.number(score)])
    if maximum is None:
        maximum = max((one.maximum for one in graded), default=0.0)
    head = ["Student", *_IDS, "Section", title]
    points = [f"    {_POINTS}", "", "", "", "", cells.number(maximum)]
    return Exported({"canvas.csv": cells.table([head, points, *rows])}, left_out)


def _ids(hand_in: HandIn, own: str) -> list[str]:
    """Return what Canvas knows a student by; the roster's own columns go before its id."""
    found = {name: hand_in.columns.get(name, "").strip() for name in _IDS}
    if not any(found.values()):
        found[own] = hand_in.id
    return list(found.values())


def _unfit(ids: Sequence[str]) -> str:
    """Return why Canvas would not find the student by these ids."""
    number = ids[0]
    if number and not (number.isascii() and number.isdigit()):
        return f"its ID {number!a} is not a number of Canvas, which would read its first digits"
    for one in ids:
        if _CONVERTED.fullmatch(one):
            return f"Canvas would read its id {one!a} as another number"
        if cells.unsafe(one):
            return cells.unsafe(one)
    return ""
