"""Points for what was found: the rows of a rubric, and what a late hand-in loses.

What could not be judged neither gives nor takes. An `error` is ours: its row has no points, and the
hand-in no score. A row of which every check was skipped, or looked at nothing, is left out, and the
other rows count for the whole maximum: a student of whom 8 of 10 points could be judged and who has
6 of these has 7.5 points. Where no row could be judged, there is no score; nor where nobody knows
which of several projects counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING

from tasks_lib.checks import registry
from tasks_lib.cohort.base import MANIFEST, Graded, Mark, worst_of
from tasks_lib.errors import ErrorCode, LabError, Remedy, meant
from tasks_lib.results import Status

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from tasks_lib.cohort.base import Examined, Finding, HandIn

#: stands for every check
EVERY = "*"
_HUNDREDTH = Decimal("0.01")
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Row:
    """One row of a rubric.

    `checks` are ids of checks, families or `*`. With `partial`, the share of its checks that did
    not fail counts. What is only `advice` has no points.
    """

    name: str
    checks: tuple[str, ...]
    points: float = 0.0
    partial: bool = False
    advice: bool = False

    def covers(self, check: str) -> bool:
        """Return whether a check belongs to the row."""
        names = self.checks
        return check in names or EVERY in names or registry.family(check) in names


@dataclass(frozen=True)
class Late:
    """What a hand-in loses for each day that has begun after its time and the `grace`, in minutes.

    `per_day` and `most` are points, or per cent of the rubric's maximum if `is_percent`.
    """

    per_day: float
    is_percent: bool = False
    grace: float = 0.0
    most: float | None = None


@dataclass(frozen=True)
class _Judged:
    """A row's mark before it is rounded; `share` of its points, `None` if it cannot be judged."""

    row: Row
    share: Fraction | None
    text: str
    failed: tuple[str, ...] = ()
    is_error: bool = False

    @property
    def maximum(self) -> Fraction:
        """Return the row's points."""
        return Fraction(0) if self.row.advice else exact(self.row.points)

    @property
    def mark(self) -> Mark:
        """Return the mark."""
        points = None if self.share is None else rounded(self.share * self.maximum)
        maximum = rounded(self.maximum)
        advice = self.row.advice
        return Mark(self.row.name, points, maximum, self.text, self.failed, advice=advice)


def expect_known(rubric: Iterable[Row], known: Collection[str] = tuple(registry.KNOWN)) -> None:
    """Refuse a row that names no known check, or whose points mean nothing.

    Raises:
        LabError: `unknown_check` or `wrong_setting`.

    """
    words = [EVERY, *dict.fromkeys(map(registry.family, known)), *known]
    for row in rubric:
        if not row.checks:
            text = f"The row {row.name!r} of the rubric names no check."
            remedy = Remedy(f"Name ids, families or {EVERY!r} in its checks")
            raise LabError(text, ErrorCode.WRONG_SETTING, remedy=remedy)
        for check in row.checks:
            if check not in words:
                text = f"The row {row.name!r} of the rubric names {check!r}, which is no check."
                remedy = meant(check, words, Remedy(f"Name one of {', '.join(words)}"))
                raise LabError(text, ErrorCode.UNKNOWN_CHECK, remedy=remedy)
        if not 0 <= row.points < float("inf"):
            text = f"The row {row.name!r} of the rubric has {row.points} points."
            remedy = Remedy("Give it a number of points that is not negative")
            raise LabError(text, ErrorCode.WRONG_SETTING, remedy=remedy)


def grade(  # noqa: PLR0913 - what a grade is made of
    hand_in: HandIn,
    examined: Examined,
    rubric: Sequence[Row],
    late: Late | None = None,
    submitted: str = "",
    *,
    known: Collection[str] = registry.KNOWN,
) -> Graded:
    """Return the grade of a hand-in; `submitted` is the ISO 8601 time of what was examined.

    An error that is of none of the `known` checks, nor of the rubric's, ended the run early.

    The score is exact until the end, and then rounded once to a hundredth of a point, halves up.

    Raises:
        LabError: `wrong_setting`: a time is not ISO 8601.

    """
    judged = [_judged(row, examined.findings) for row in rubric]
    marks = tuple(one.mark for one in judged)
    counted = [one for one in judged if not one.row.advice]
    maximum = sum((one.maximum for one in counted), Fraction(0))
    lost, why = _lost(hand_in.due, submitted, late, maximum)
    earned = _earned(counted, maximum)
    if earned is None or examined.unclear or _ended_early(examined.findings, rubric, known):
        return Graded(hand_in, examined, marks, None, rounded(maximum), 0.0, submitted, why)
    score = rounded(max(earned - lost, Fraction(0)))
    penalty = rounded(min(lost, earned))
    return Graded(hand_in, examined, marks, score, rounded(maximum), penalty, submitted, why)


def _earned(counted: Sequence[_Judged], maximum: Fraction) -> Fraction | None:
    """Return the points before the late policy, `None` if they cannot be told."""
    if any(one.is_error for one in counted):
        return None
    earned, possible = Fraction(0), Fraction(0)
    for one in counted:
        if one.share is not None:
            earned += one.share * one.maximum
            possible += one.maximum
    if possible == maximum:
        return earned if maximum else None
    return earned / possible * maximum if possible else None


def _ended_early(
    findings: Iterable[Finding], rubric: Sequence[Row], known: Collection[str]
) -> bool:
    """Return whether an error is not one of a check: then other checks may be missing."""
    for one in findings:
        is_of_a_check = one.check in known or any(row.covers(one.check) for row in rubric)
        if one.status is Status.ERROR and not is_of_a_check:
            return True
    return False


def _judged(row: Row, findings: Iterable[Finding]) -> _Judged:
    """Return what a row's checks say: of several findings of one check the worst counts."""
    statuses = worst_of(one for one in findings if row.covers(one.check))
    errors = _with(statuses, Status.ERROR)
    failed = _with(statuses, Status.FAIL)
    seen = [check for check, status in statuses.items() if status is not Status.SKIP]
    if errors:
        text = (
            f"not judged, through no fault of yours: {', '.join(errors)} could not be carried out"
        )
        return _Judged(row, None, text, is_error=True)
    if not seen and any(one.check == MANIFEST and one.status is Status.FAIL for one in findings):
        return _Judged(row, Fraction(0), "it cannot be told without a valid pyproject.toml")
    if not seen:
        text = "not judged: no check of this row looked at anything"
        if statuses:
            text = f"not judged: {', '.join(statuses)} could not be told here"
        return _Judged(row, None, text)
    passed = len(seen) - len(failed)
    text = f"{passed} of {len(seen)} checks passed"
    if failed:
        text += f"; failed: {', '.join(failed)}"
    share = Fraction(passed, len(seen)) if row.partial else Fraction(not failed)
    return _Judged(row, share, text, tuple(failed))


def _with(statuses: dict[str, Status], wanted: Status) -> list[str]:
    return [check for check, status in statuses.items() if status is wanted]


def _lost(due: str, submitted: str, late: Late | None, maximum: Fraction) -> tuple[Fraction, str]:
    """Return the points that the late policy takes, and why."""
    if late is None or not due:
        return Fraction(0), ""
    if not submitted:
        return Fraction(0), "when it was handed in is not known: nothing was taken for lateness"
    after = moment(submitted) - moment(due, ends_day=True) - timedelta(minutes=late.grace)
    days = ceil(after / _DAY)
    if days <= 0:
        return Fraction(0), ""
    unit = maximum / 100 if late.is_percent else Fraction(1)
    lost = days * exact(late.per_day) * unit
    if late.most is not None:
        lost = min(lost, exact(late.most) * unit)
    return lost, f"{days} day{'' if days == 1 else 's'} late"


def moment(text: str, *, ends_day: bool = False) -> datetime:
    """Return an ISO 8601 date or time; one without a time zone is UTC, a due day has its whole day.

    Raises:
        LabError: `wrong_setting`: it is none.

    """
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        said = f"{text!r} is not a date or time of ISO 8601."
        remedy = Remedy("Write it like 2026-03-31T23:59:00+02:00")
        raise LabError(said, ErrorCode.WRONG_SETTING, remedy=remedy) from None
    if ends_day and not re.search(r"[T ]", text.strip()):
        found += _DAY
    return found.replace(tzinfo=found.tzinfo or UTC)


def exact(number: float) -> Fraction:
    """Return a number as it was written: 0.1 is a tenth."""
    return Fraction(str(number))


def rounded(number: Fraction) -> float:
    """Return a number of points to the hundredth, halves up."""
    decimal = Decimal(number.numerator) / Decimal(number.denominator)
    return float(decimal.quantize(_HUNDREDTH, ROUND_HALF_UP))
