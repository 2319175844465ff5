"""The one registry of checks: of tools, layers and managers, and those that read the facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks_lib.checks import (
    agreement,
    conda_rules,
    drift,
    kernels,
    leaks,
    native,
    ownership,
    tools,
    update_bots,
)
from tasks_lib.environments import ENVIRONMENTS
from tasks_lib.errors import ErrorCode, LabError, Remedy, meant
from tasks_lib.managers import MANAGERS
from tasks_lib.results import Check, Fix

if TYPE_CHECKING:
    from collections.abc import Iterable

_READING = (
    *ownership.CHECKS,
    *drift.CHECKS,
    *agreement.CHECKS,
    *leaks.CHECKS,
    *conda_rules.CHECKS,
    *native.CHECKS,
    *kernels.CHECKS,
    *update_bots.CHECKS,
)
#: the checks that read the facts, in the order of their results
FACT_CHECKS = {check.id: check for check in _READING}


def _all() -> dict[str, Check]:
    """Return all rows, each id once: managers and layers may share some."""
    rows = list(tools.CHECKS)
    for manager in MANAGERS.values():
        rows += manager.known_checks
    for environment in ENVIRONMENTS.values():
        rows += environment.known_checks
    return {check.id: check for check in (*rows, *_READING)}


KNOWN = _all()


def family(check: str) -> str:
    """Return the family of an id: its first part."""
    return check.partition(".")[0]


def families() -> list[str]:
    """Return the names of all families."""
    return list(dict.fromkeys(map(family, KNOWN)))


def fixes() -> dict[str, Fix]:
    """Return the checks that have a safe fix, in the order in which the fixes are made."""
    found = {}
    for fix in Fix:
        for check in KNOWN.values():
            if check.fix is fix:
                found[check.id] = fix
    return found


def find(check: str, others: Iterable[Check] = ()) -> Check:
    """Return the check of this id, which may be one of the `others` too.

    Raises:
        LabError: `unknown_check`, with the ids that exist.
    """
    known = {**KNOWN, **{one.id: one for one in others}}
    if check not in known:
        command = ("invoke", "check.explain")
        otherwise = Remedy("Try one", (*command, next(iter(FACT_CHECKS))))
        remedy = meant(check, known, otherwise, *command)
        text = f"There is no check {check!r}."
        if remedy is otherwise:
            text += f" {listing(known)}"
        raise LabError(text, ErrorCode.UNKNOWN_CHECK, remedy=remedy)
    return known[check]


def listing(known: Iterable[str] = KNOWN) -> str:
    """Name all checks in a sentence."""
    return f"The checks are {', '.join(known)}."
