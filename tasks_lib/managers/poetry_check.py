"""What `poetry check --lock` finds in the manifest and in the lock."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import failures
from tasks_lib.managers import poetry_tables
from tasks_lib.managers.locks import Origin
from tasks_lib.project.manifests import PYPROJECT, names_of
from tasks_lib.results import Check, Result, Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks_lib.execution.process import Outcome
    from tasks_lib.managers.base import Manager
    from tasks_lib.project.manifests import PyProject

CONFIG_POETRY = Check(
    "config.poetry",
    "poetry check finds nothing wrong",
    "Poetry refuses to work on a manifest that it finds invalid.",
    Remedy("Correct pyproject.toml"),
)


#: How Poetry refuses a manifest before it checks anything.
_INVALID = re.compile(
    r"(?:The Poetry configuration is invalid|The requirement is invalid|Invalid |.* is invalid).*",
    re.DOTALL,
)
_STALE = "changed significantly since poetry.lock"
#: What may keep a requirement of a member out of the lock.
_CONDITIONS = re.compile("python|extra")
CHANGED = "pyproject.toml was changed since poetry.lock was written."


def results(manager: Manager, outcome: Outcome) -> Iterator[Result]:
    """Separate the lock's faults from the manifest's.

    Poetry reports both as errors of one kind.
    """
    errors, warnings = _reported(outcome)
    about_lock = [line for line in errors if "poetry.lock" in line]
    about_manifest = [line for line in errors if line not in about_lock]
    if not errors:
        about_lock = _lock_faults(manager, outcome)
    if not outcome.ok and not about_lock and not about_manifest:
        yield from _not_checked(manager, outcome)
        return
    for line in about_manifest:
        yield CONFIG_POETRY.result(Status.FAIL, line, file=PYPROJECT)
    for line in warnings:
        yield CONFIG_POETRY.result(Status.WARN, line, file=PYPROJECT)
    if not about_manifest and not warnings:
        yield CONFIG_POETRY.result(Status.PASS, file=PYPROJECT)
    if not about_lock:
        yield manager.lock_result(Status.PASS)
    elif any(_STALE in line for line in about_lock):
        yield manager.lock_result(Status.FAIL, CHANGED)
    else:
        yield manager.lock_result(Status.FAIL, about_lock[0])


def _lock_faults(manager: Manager, outcome: Outcome) -> list[str]:
    """Return what is wrong with the lock where Poetry reports no error line."""
    if outcome.ok:
        return members_behind(manager)
    if failures.explain(outcome).code is ErrorCode.DAMAGED_LOCK:
        return ["poetry.lock is damaged."]
    try:
        manager.locked_packages()
    except LabError as error:
        return [error.message]
    return []


def _not_checked(manager: Manager, outcome: Outcome) -> Iterator[Result]:
    """Return the results of a check that ended before it checked anything."""
    found = _INVALID.search(outcome.said)
    if found:
        text = " ".join(found[0].split())
        yield CONFIG_POETRY.result(Status.FAIL, text, file=PYPROJECT)
        reason = "Poetry cannot read pyproject.toml."
        yield manager.lock_result(Status.SKIP, reason, CONFIG_POETRY.remedy)
        return
    error = failures.explain(outcome, title="poetry check")
    yield CONFIG_POETRY.result(Status.ERROR, error.message, remedy=error.remedy, file=PYPROJECT)
    yield manager.lock_result(Status.ERROR, error.message, error.remedy)


def members_behind(manager: Manager) -> list[str]:
    """Name the members that require other names than the lock lists.

    `poetry check` does not look at members.
    """
    rows = [one for one in manager.locked_packages() if one.origin is Origin.ELSEWHERE]
    behind = []
    for name, member in manager.members().items():
        locked = [set(one.dependencies) for one in rows if one.name == name]
        if len(locked) == 1 and _is_behind(member.pyproject, *locked):
            behind.append(f"{member.manifest} was changed since {manager.lock_name} was written.")
    return behind


def _is_behind(pyproject: PyProject, locked: set[str]) -> bool:
    """Return whether a member surely requires other names than those that were locked.

    Poetry leaves out what no Python of the project needs; what is dynamic, a build backend knows.
    """
    project = pyproject.table("project")
    entries = project.get("dependencies")
    always = [one for one in entries or () if not _CONDITIONS.search(str(one).partition(";")[2])]
    if names_of(always) - locked:
        return True
    is_dynamic = any(str(one).endswith("dependencies") for one in project.get("dynamic") or ())
    return not is_dynamic and bool(locked - poetry_tables.required_names(pyproject))


def _reported(outcome: Outcome) -> tuple[list[str], list[str]]:
    """Return the errors and the warnings that `poetry check` printed."""
    lines = [line.strip() for line in outcome.said.splitlines()]
    errors = [line.removeprefix("Error: ") for line in lines if line.startswith("Error: ")]
    warnings = [line.removeprefix("Warning: ") for line in lines if line.startswith("Warning: ")]
    return errors, warnings
