"""What an installer would do, or did, to one distribution."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """A distribution's normalised name, and its version before and after.

    A version is empty where there is none.
    """

    name: str
    before: str
    after: str
