"""How old a release has to be before it is taken."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

_AGE = re.compile(r"(?:(\d{1,4}) ?(days?|d|weeks?|w)|P(\d{1,4})([DW]))", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_DAY = timedelta(days=1)
#: what a setting may say
FORMS = 'an age such as "7 days" or "2 weeks", a date such as 2026-10-01, or a time (RFC 3339)'


@dataclass(frozen=True)
class Limit:
    """An age that a release must have, or a time after which none is taken.

    A date includes its day, which ends at midnight UTC on every machine. `written` is what the
    setting says.
    """

    age: timedelta | None = None
    time: datetime | None = None
    written: str = field(default="", compare=False)

    @classmethod
    def parse(cls, value: object) -> Limit:
        """Return the limit in a value of a TOML file.

        Raises:
            ValueError: It is none of the forms.

        """
        text = value.isoformat() if isinstance(value, date) else str(value).strip()
        found = _AGE.fullmatch(text)
        if found:
            number, unit = found[1] or found[3], found[2] or found[4]
            days = int(number) * (7 if unit.lower().startswith("w") else 1)
            return cls(age=days * _DAY, written=text)
        time = datetime.fromisoformat(text)
        if _DATE.fullmatch(text):
            return cls(time=time.replace(tzinfo=UTC) + _DAY, written=text)
        if time.tzinfo is None:
            raise ValueError(text)
        return cls(time=time.astimezone(UTC), written=text)

    def __str__(self) -> str:
        """Return it in a form that uv, pip, conda and mamba read alike: `P7D`, or a time."""
        if self.time:
            return f"{self.time:%Y-%m-%dT%H:%M:%SZ}"
        return f"P{(self.age or timedelta()).days}D"

    def moment(self) -> datetime:
        """Return the time after which no release is taken."""
        return self.time or datetime.now(UTC) - (self.age or timedelta())

    def days(self) -> int:
        """Return the whole days that a release must be old, rounded up."""
        age = self.age if self.age is not None else datetime.now(UTC) - self.moment()
        return max(0, -(-age // _DAY))
