"""Install again what of an environment is damaged, and only that."""

from __future__ import annotations

import shutil
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tasks_lib import checks
from tasks_lib.environments import site_packages
from tasks_lib.execution import failures, process, shell_words
from tasks_lib.execution.plan import Step
from tasks_lib.workflows.installation import install_steps

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from tasks_lib.execution.process import Command
    from tasks_lib.session.session import Session

_KEEP = "env.keep"
_REST = "deps.reinstall"
#: what changes the environment in other fixes comes after these
_FIRST = (_KEEP, "env.explicit", "env.link", "env.repair")


def steps(session: Session) -> list[Step]:
    """Return the steps that install the damaged packages again, none where nothing can be.

    They work on a copy of the environment, since a damaged one could not be put back otherwise.
    """
    environment = session.environment
    damage = environment.damage()
    if not damage:
        return []
    keep = Step(
        _KEEP,
        f"keep {environment.where} as it is, and work on a copy",
        work=environment.work_on_copy,
        shown=shell_words.joined(["cp", "-al", str(environment.prefix), str(environment.aside)]),
        safe="it is moved back unless the run ends well",
    )
    found = [keep, *damage.steps]
    if damage.records:
        found += _distributions(session, damage.records)
    looks = [look.after(_REST) for look in checks.steps(session, ["doctor"])]
    return [*found, *looks]


def in_order(plan: Sequence[Step]) -> list[Step]:
    """Return the plan, in which no other step changes an environment that is damaged still."""
    if _KEEP not in {step.id for step in plan}:
        return list(plan)
    found = []
    for step in plan:
        is_later = step.changes_environment and step.id not in _FIRST
        found.append(step.after(*_FIRST) if is_later else step)
    return found


def _distributions(session: Session, records: Mapping[Path, str]) -> list[Step]:
    """Return the steps that uninstall distributions, and let the manager install them again.

    What the lock does not list is installed by its version, or from where it came.
    """
    environment, manager = session.environment, session.manager
    names = sorted(set(records.values()))
    before = site_packages.requirements(environment.prefix)
    locked: set[str] = set()
    found = []
    if manager.lock_path.is_file():
        locked = manager.locked().keys() | manager.own_names()
        again = manager.reinstall(environment.activation(), names)
        for step in install_steps(session):
            is_install = step.id == "deps.install"
            found.append(replace(step, command=again) if is_install else step)
    uninstall = Step(
        "deps.uninstall",
        f"uninstall {', '.join(names)}, which {'is' if len(names) == 1 else 'are'} damaged",
        work=partial(_uninstall, session, records),
        shown=shell_words.shown(_pip(session, "uninstall", names)),
        needs=(*_FIRST, "guard"),
        safe="what was damaged is installed again, or all is as it was",
    )
    words = [
        word
        for name in names
        if name not in locked
        for word in site_packages.arguments(before[name])
    ]
    rest = Step(
        _REST,
        "install what the lock does not list",
        work=partial(_install_rest, session, before, names),
        shown=shell_words.shown(_pip(session, "install", words)) if words else "",
        needs=("deps.uninstall", "deps.install"),
        safe="each in the version that was there",
    )
    return [uninstall, *found, rest]


def _pip(session: Session, verb: str, words: Iterable[str]) -> Command:
    options = ["--no-deps", "--reinstall"] if verb == "install" else []
    why = f"{verb} what is damaged"
    return session.environment.pip(verb, *options, *words, why=why, cwd=session.project.root)


def _uninstall(session: Session, records: Mapping[Path, str]) -> None:
    """Uninstall distributions; a record that no tool can read is deleted."""
    names = list(records.values())
    known = []
    for one in site_packages.distributions(session.environment.prefix):
        if one.name not in names:
            continue
        is_whole = one.version and site_packages.record_rows(one) is not None
        if is_whole and one.name not in known:
            known.append(one.name)
        else:
            shutil.rmtree(one.folder)
    if known:
        command = _pip(session, "uninstall", known)
        failures.demand(process.run(command), title="uninstall what is damaged")


def _install_rest(session: Session, before: Mapping[str, str], names: Sequence[str]) -> None:
    """Install what the manager has not."""
    have = site_packages.installed(session.environment.prefix)
    words: list[str] = []
    for name in names:
        if name not in have:
            words += site_packages.arguments(before[name])
    if words:
        command = _pip(session, "install", words)
        failures.demand(process.run(command), title="install what the lock does not list")
