"""What is installed against what was asked for: the lock, and the conda file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from tasks_lib.checks.base import FactCheck, Finding, has_conda_file, has_environment, listed
from tasks_lib.environments import site_packages
from tasks_lib.environments.base import SEEDS
from tasks_lib.errors import Remedy
from tasks_lib.execution import file_lock
from tasks_lib.results import Fix, Status
from tasks_lib.session import journal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tasks_lib.ownership.facts import Facts


def _lock(facts: Facts) -> Iterable[Finding]:
    from packaging.utils import canonicalize_version  # noqa: PLC0415 - 0.03 s

    name, locked, installed = facts.session.manager.lock_name, facts.locked, facts.installed
    absent, spare = locked.keys() - installed.keys(), {*SEEDS} & locked.keys() & installed.keys()
    asked = needed(facts) if absent or spare else set[str]()
    spare -= asked  # an environment comes with these
    other = [
        f"{one} {version} ({name}: {' or '.join(sorted(locked[one]))}{', conda owns it' if one in facts.owned else ''})"
        for one, version in installed.items()
        if locked.get(one, {""}) != {""}
        and one not in spare
        and canonicalize_version(version)
        not in {canonicalize_version(wanted) for wanted in locked[one]}
    ]
    missing = sorted(absent & asked)
    ours = {*locked, *facts.owned, *SEEDS, facts.own_name, *pip_names(facts)}
    stray = [f"{one} {version}" for one, version in installed.items() if one not in ours]
    if missing:
        yield Finding(f"not installed: {listed(missing)}.", name, count=len(missing))
    if other:
        yield Finding(f"installed at another version: {listed(other)}.", name, count=len(other))
    if stray:
        text = f"neither the lock nor conda has {listed(stray)}."
        yield Finding(text, name, status=Status.WARN, count=len(stray))


def needed(facts: Facts) -> set[str]:
    """Give the names that are needed here: locks are for all platforms, groups and extras.

    They are what the manifest declares in what is installed by default, and what the installed distributions among
    these ask for in turn, with the extras that were asked for.
    """
    groups, found = (
        {"", *facts.session.manager.default_groups()},
        {one.name: one for one in facts.distributions},
    )
    declared = [wanted for group, wanted in facts.declared() if group in groups]
    declared += [
        wanted for one in facts.members for group, wanted in facts.declared(one) if not group
    ]
    waiting, seen = list(facts.asked(declared)), set[tuple[str, str]]()
    while waiting:
        name, extra = one = waiting.pop()
        if one not in seen:
            seen.add(one)
            waiting += facts.asked(
                site_packages.requires(found[name]) if name in found else (), extra
            )
    return {name for name, _ in seen}


def pip_names(facts: Facts) -> set[str]:
    """Give what the conda file has pip install."""
    entries = facts.conda_file.pip if facts.conda_file else ()
    return {canonicalize_name(re.split(r"[^\w.-]", entry, maxsplit=1)[0]) for entry in entries}


def _conda(facts: Facts) -> Iterable[Finding]:
    lacking = facts.session.environment.lacking()
    if lacking:
        file = facts.conda_file.path.name if facts.conda_file else None
        yield Finding(
            f"asked for, and not installed so: {listed(lacking)}.", file, count=len(lacking)
        )


def _interrupted(facts: Facts) -> Iterable[Finding]:
    root = facts.project.root
    if not journal.exists(root):
        return
    if file_lock.is_held(str(root / journal.FOLDER / "lock")):
        yield Finding("another run changes the project right now.", status=Status.WARN)
    else:
        yield Finding(f"{root / journal.FOLDER} holds the record of a run that did not end.")


CHECKS = (
    FactCheck(
        "drift.lock",
        "the environment has what the lock lists",
        "An environment in which somebody installed by hand works on that machine alone. Packages that are missing or "
        "have another version than the lock says are a failure; packages that nobody needs are a warning. What conda "
        "owns is not a stray.",
        Remedy("Install what the lock lists, and remove strays", ("invoke", "deps.sync")),
        fix=Fix.INSTALL,
        look=_lock,
        applies=lambda facts: has_environment(facts) and facts.session.manager.lock_path.is_file(),
    ),
    FactCheck(
        "drift.conda",
        "the environment has what the conda file lists",
        "A conda file that was edited after the environment was created describes an environment that nobody has. "
        "Whoever creates it next gets another one.",
        Remedy("Install what is missing", ("invoke", "env.create")),
        fix=Fix.CREATE,
        look=_conda,
        applies=lambda facts: (
            facts.conda_layer and has_environment(facts) and has_conda_file(facts)
        ),
    ),
    FactCheck(
        "drift.interrupted",
        "no run was interrupted",
        "A run that was killed, or that is still going on, leaves a state that is neither the old nor the new one. The "
        "next run that changes the project puts it back first.",
        Remedy("Put it back", ("invoke", "setup")),
        look=_interrupted,
    ),
)
