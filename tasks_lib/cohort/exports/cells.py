"""CSV files that no spreadsheet takes for formulas, and that keep the ids of a course exactly.

A spreadsheet runs a cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return, in some
countries in their wide forms too, and one that splits at another separator finds such a cell inside
of a text (OWASP, 'CSV Injection', owasp.org/www-community/attacks/CSV_Injection). A name gets an
apostrophe there, as that page advises. An id would no longer be the student's: its row is left out.
"""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

from tasks_lib.cohort import rubric
from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution.streams import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tasks_lib.cohort.base import Graded, HandIn

_FORMULA = re.compile("""((?:^|[,;|\\t\\r\\n])[\\s"']*)(?=[=+@\uff1d\uff0b\uff0d\uff20-])""")
_LONGEST = 1000
#: what a hand-in without a score is left out with
NO_SCORE = "it has no score, since a check could not be carried out"


def name(text: str) -> str:
    """Return a text for readers, in one line and without a formula."""
    line = " ".join(printable(" ".join(text.split())).split())
    return _FORMULA.sub(r"\1'", line[:_LONGEST])


def unsafe(identifier: str) -> str:
    """Return why an id cannot stand in a file as it is, empty where it can."""
    if name(identifier) == identifier:
        return ""
    return f"its id {identifier!a} would be a formula or another id in a spreadsheet"


def expect_title(text: str) -> str:
    """Return the title of an assignment, which has to be the course's own.

    Raises:
        LabError: `wrong_setting`: it would be altered.

    """
    if text and name(text) == text:
        return text
    said = f"The assignment's title {text!r} cannot stand in a CSV file."
    remedy = Remedy("Give it a title of one line that does not begin with =, +, - or @")
    raise LabError(said, ErrorCode.WRONG_SETTING, remedy=remedy)


def scored(
    graded: Iterable[Graded], unfit: Callable[[HandIn], str], maximum: float | None = None
) -> tuple[list[tuple[Graded, float]], dict[str, str]]:
    """Return the grades that get a row, with their scores, and why the others get none.

    `unfit` says why a course system would not find a student. With a `maximum`, which the
    assignment has there, scores are converted to it.
    """
    rows = []
    left_out = {}
    for one in graded:
        reason = NO_SCORE if one.score is None else unfit(one.hand_in)
        if reason or one.score is None:
            left_out[one.hand_in.id] = reason
            continue
        score = one.score
        if maximum is not None and one.maximum:
            part = rubric.exact(score) / rubric.exact(one.maximum)
            score = rubric.rounded(part * rubric.exact(maximum))
        rows.append((one, score))
    return rows, left_out


def table(rows: Iterable[Sequence[str]]) -> str:
    """Return a CSV file as RFC 4180 describes it."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def number(value: float) -> str:
    """Return a number of points without needless digits."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
