"""How long a tool may take that may download, settable by `MLOPS_LAB_TIMEOUT`.

A tool has limits of its own for silence. None has one for an index that sends a byte a second, and
Poetry sleeps for as long as an index says (`Retry-After`). Standard library alone, as its user.
"""

from __future__ import annotations

import os

from tasks_lib.errors import ErrorCode, LabError, Remedy

VARIABLE = "MLOPS_LAB_TIMEOUT"
#: The seconds without that variable, and the most that it may have: a month.
_USUAL = 1800.0
_MOST = 31 * 24 * 3600


def seconds() -> float:
    """Return how many seconds a tool may take.

    Raises:
        LabError: The variable is not a number of seconds.

    """
    text = os.environ.get(VARIABLE, "")
    if not text:
        return _USUAL
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:9]) <= _MOST):
        said = f"{VARIABLE} is {text!r}, and must be a number of seconds, at most {_MOST}."
        raise LabError(
            said, ErrorCode.INVALID_OPTION, remedy=Remedy("Unset it", ("unset", VARIABLE))
        )
    return float(text)


def exceeded(program: str, limit: float) -> LabError:
    """Return the error for a tool that did not end within that limit."""
    said = f"{program} did not end within {limit:.0f} s, the limit of {VARIABLE}."
    remedy = Remedy(f"Check the network and the index; if they are slow, set {VARIABLE} higher")
    return LabError(said, ErrorCode.TOOL_TIMEOUT, remedy=remedy)
