"""How old a release has to be: what a setting may say, and how each tool is told."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from tasks_lib.project.release_age import Limit
from tests.cases import cases


@cases(
    "value, words",
    {
        "days": ("7 days", "P7D"),
        "a day": ("1 day", "P1D"),
        "weeks": ("2 weeks", "P14D"),
        "as conda writes it": ("7d", "P7D"),
        "ISO 8601": ("P2W", "P14D"),
        "a date, whose day counts": ("2026-10-01", "2026-10-02T00:00:00Z"),
        "a date of TOML": (date(2026, 10, 1), "2026-10-02T00:00:00Z"),
        "a time": ("2026-10-01T12:00:00+02:00", "2026-10-01T10:00:00Z"),
        "a time of TOML": (datetime(2026, 10, 1, tzinfo=UTC), "2026-10-01T00:00:00Z"),
    },
)
def test_every_form_has_one_that_the_tools_read_alike(value: object, words: str) -> None:
    limit = Limit.parse(value)
    assert str(limit) == words
    assert Limit.parse(words) == limit


@pytest.mark.parametrize("value", ["", "soon", "-7 days", "7 months", "2026-13-01", 7, [], True])
def test_what_is_none_of_the_forms_is_refused(value: object) -> None:
    with pytest.raises((ValueError, OverflowError)):
        Limit.parse(value)


def test_poetry_gets_whole_days_and_never_too_few() -> None:
    assert Limit.parse("2 weeks").days() == 14
    begun = datetime.now(UTC) - timedelta(days=3, hours=1)
    assert Limit.parse(begun.isoformat()).days() == 4
    assert Limit.parse("2999-01-01").days() == 0
