"""Moodle's offline grading worksheet, filled.

It is read by mod/assign/feedback/offline of moodle/moodle: `importgradeslib.php` finds the columns
by their English names, for a user with that language, and a student by the number at the end of
`Identifier`; `locallib.php` skips a grade that is above the maximum or locked, and says nothing of
it: both are refused or named here. All other cells stay as they were downloaded, a comment that
somebody wrote too; a comment is HTML.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from typing import TYPE_CHECKING

from tasks_lib.cohort import hand_ins
from tasks_lib.cohort.exports import Exported, cells
from tasks_lib.errors import ErrorCode, LabError, Remedy, meant
from tasks_lib.project.manifests import invalid

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks_lib.cohort.base import Graded, HandIn
    from tasks_lib.cohort.exports import Settings

_IDENTIFIER, _GRADE, _NAME = "Identifier", "Grade", "Full name"
_REQUIRED = (_IDENTIFIER, _GRADE, "Last modified (grade)")
_MAXIMUM, _CHANGEABLE, _COMMENT = "maximum grade", "Grade can be changed", "Feedback comments"
#: by what a student is found, and the column that has it
_BY = {
    "idnumber": "ID number",
    "username": "Username",
    "email": "Email address",
    "id": _IDENTIFIER,
}
_NUMBER = re.compile(r"(?:\D*\s)?(\d+)")
#: the folder of a student in Moodle's archive of all hand-ins
_IN_FOLDER = re.compile(r"_(\d+)_assignsubmission_")
#: a row, by the names of the columns
Row = dict[str, str]


def filled(graded: Sequence[Graded], settings: Settings, path: Path) -> Exported:
    """Return the worksheet at `path` with the grades and, where it has none, a comment.

    Raises:
        LabError: It is no such worksheet, or a score is above the maximum that it names.

    """
    names, sheet = _read(path)
    own = _found_by(graded, names, sheet, settings.identifier)
    students = {_number(row, own): row for row in sheet}
    keys = Counter(_key(one.hand_in, own) for one in graded)
    numbers = Counter(_number(row, own) for row in sheet)

    def unfit(hand_in: HandIn) -> str:
        key = _key(hand_in, own)
        row = students.get(key)
        if row is None:
            return f"the worksheet has no row with its {_BY[own]}"
        if keys[key] > 1 or numbers[key] > 1:
            return f"its {_BY[own]} is that of others too"
        return "its grade is locked in Moodle" if row.get(_CHANGEABLE) == "No" else ""

    found, left_out = cells.scored(graded, unfit, settings.maximum)
    for one, score in found:
        row = students[_key(one.hand_in, own)]
        _expect_possible(path, names, row, score)
        row[_GRADE] = cells.number(score)
        if row.get(_COMMENT) == "":
            comment = "; ".join(f"{mark.name}: {mark.text}" for mark in one.marks)
            row[_COMMENT] = cells.name(html.escape(comment, quote=False))
    for row in sheet:
        if _NAME in row:
            row[_NAME] = cells.name(row[_NAME])  # Moodle does not read it again
    texts = [[row[name] for name in names] for row in sheet]
    return Exported({path.name: cells.table([names, *texts])}, left_out)


def _read(path: Path) -> tuple[list[str], list[Row]]:
    """Return the columns and the rows of a worksheet."""
    rows = hand_ins.rows(path)
    line, names = next(rows, (1, []))
    for name in _REQUIRED:
        if name not in names:
            text = f"{path.name} is no grading worksheet of Moodle: it has no column {name!r}."
            advice = "Download it from the assignment, with English as your language in Moodle"
            raise invalid(text, path, line, advice)
    sheet = []
    for line, row in rows:
        if len(row) != len(names):
            text = f"The row has {len(row)} values, and the first row names {len(names)} columns."
            raise invalid(text, path, line, "Download the worksheet again")
        sheet.append(dict(zip(names, row, strict=True)))
    return names, sheet


def _found_by(graded: Sequence[Graded], names: list[str], sheet: list[Row], asked: str) -> str:
    """Return by what students are found: as asked, else by what finds the most of them."""
    known = [own for own, column in _BY.items() if column in names]
    if asked:
        if asked not in known:
            text = f"The worksheet finds no student by {asked!r}."
            remedy = meant(asked, known, Remedy(f"Use one of {', '.join(known)}"))
            raise LabError(text, ErrorCode.WRONG_SETTING, remedy=remedy)
        return asked

    def count(own: str) -> int:
        students = {_number(row, own) for row in sheet}
        return sum(_key(one.hand_in, own) in students for one in graded)

    return max(known, key=count)


def _number(row: Row, own: str) -> str:
    """Return what a row is found by."""
    value = row[_BY[own]].strip()
    if own == "id":
        found = _NUMBER.fullmatch(value)
        return found[1] if found else value
    return value.casefold() if own == "email" else value


def _key(hand_in: HandIn, own: str) -> str:
    """Return what finds the row of a hand-in; its id stands for what the roster does not say."""
    if own == "id":
        found = _IN_FOLDER.search(hand_in.id) or _NUMBER.fullmatch(hand_in.id)
        return found[1] if found else hand_in.id
    if own == "email":
        return (hand_in.email or hand_in.id).casefold()
    return hand_in.columns.get(own, "") or hand_in.id


def _expect_possible(path: Path, names: list[str], row: Row, score: float) -> None:
    """Refuse a score that Moodle would skip: above the maximum, or none of a scale."""
    for name in names:
        if name.lower() != _MAXIMUM:
            continue
        try:
            most = float(row[name].replace(",", "."))
        except ValueError:
            text = f"{path.name} has no maximum but {row[name]!r:.40}: a scale has no points."
            remedy = Remedy("Let the assignment in Moodle be graded by points")
            raise LabError(text, ErrorCode.WRONG_SETTING, remedy=remedy) from None
        if score > most:
            text = f"{score:g} points are more than the {most:g} that Moodle takes here."
            remedy = Remedy(f"Convert them, such as by --maximum {most:g}")
            raise LabError(text, ErrorCode.WRONG_SETTING, remedy=remedy)
