"""Whether this user trusts the code of a checkout: a task that runs it says so, or `--trust`.

What reads runs nothing of a repository before that: see the page `trust` of the documentation.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import state_folder

if TYPE_CHECKING:
    from pathlib import Path

#: The variable by which a user trusts every checkout, e.g. in CI.
VARIABLE = "MLOPS_LAB_TRUST"
NOBODY = "nobody has said yet that this checkout is trusted with the environment in it"
WHY = f"it runs code of this repository, and {NOBODY}"
REMEDY = Remedy("Set it up if you trust its code, or add --trust", ("invoke", "setup"))
_NAME = "trusted"


def is_given(root: Path, environment: str = "") -> bool:
    """Return whether the user has trusted the checkout in `root`, or trusts all of them.

    An `environment` in its folder is told from those that came since by its `claims.identity`.
    """
    if os.environ.get(VARIABLE):
        return True
    known = state_folder.kept(root, _NAME)
    return known is not None and environment in {"", known}


def give(root: Path, environment: str = "") -> None:
    """Remember that the user trusts the checkout in `root`, where that can be written."""
    if not is_given(root, environment):
        state_folder.keep(root, _NAME, environment)


def demand(what: str, *, given: bool) -> None:
    """Raise an error where trust is not given for what cannot be told without a repository's code.

    Raises:
        LabError: `not_trusted`.

    """
    if not given:
        text = f"{what} cannot be told: {WHY}."
        raise LabError(text, ErrorCode.NOT_TRUSTED, remedy=REMEDY)
