"""Whether the environment has what the lock and the conda file list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks_lib.checks.base import FactCheck, Finding, has_conda_file, has_environment, listed
from tasks_lib.environments.base import SEEDS
from tasks_lib.errors import LabError, Remedy
from tasks_lib.managers import own_project
from tasks_lib.ownership import graph
from tasks_lib.ownership.owners import Owner
from tasks_lib.project.manifests import PYPROJECT
from tasks_lib.results import Fix, Status
from tasks_lib.session import journal, transaction

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tasks_lib.environments.site_packages import Distribution
    from tasks_lib.ownership.facts import Facts


_ALIGN = Remedy(
    "Pin the versions that conda has, then install", ("invoke", "deps.align", "deps.sync")
)


def _lock(facts: Facts) -> Iterable[Finding]:
    name = facts.session.manager.lock_name
    missing, other = [], []
    remedy = None
    needed = graph.needed(facts)
    for package, pins in sorted(facts.locked.items()):
        version = facts.installed.get(package)
        if version is None:
            if package in needed:
                missing.append(package)
        elif not _is_pinned(version, pins) and (package in needed or package not in SEEDS):
            expected = " or ".join(sorted(pins))
            if package in facts.owned:
                expected += ", conda owns it"
                remedy = _ALIGN
            other.append(f"{package} {version} ({name}: {expected})")
    for text, packages in (("Not installed", missing), ("Installed at another version", other)):
        if packages:
            said = f"{text}: {listed(packages)}."
            yield Finding(said, name, count=len(packages), remedy=remedy)
    yield from _own(facts)
    stray = [f"{one.name} {one.version}" for one in _strays(facts)]
    if stray:
        text = f"Neither the lock nor conda has {listed(stray)}."
        yield Finding(text, name, status=Status.WARN, count=len(stray))


def _own(facts: Facts) -> Iterable[Finding]:
    """Report where the project itself is not installed as its manifest declares it."""
    if facts.prefix and facts.session.manager.installs_project:
        for text in own_project.differences(facts.project.pyproject, facts.prefix):
            yield Finding(f"{text}.", PYPROJECT)


def _is_pinned(version: str, pins: set[str]) -> bool:
    """Return whether a version is one of the pins.

    A package from a folder has an empty one, which says nothing.
    """
    from packaging.utils import canonicalize_version  # noqa: PLC0415 - 0.03 s

    if pins == {""}:
        return True
    return canonicalize_version(version) in {canonicalize_version(pin) for pin in pins}


def _strays(facts: Facts) -> Iterable[Distribution]:
    """Yield what somebody installed by hand: not a seed, nor in the conda file's `pip:` section."""
    owners = graph.owners(facts)
    for one in facts.distributions:
        if owners[one.folder.name] is Owner.STRAY and one.name not in {*facts.owned, *SEEDS}:
            yield one


def _conda(facts: Facts) -> Iterable[Finding]:
    lacking = facts.session.environment.lacking()
    if lacking and facts.conda_file:
        name = facts.conda_file.path.name
        yield Finding(
            f"{name} lists what is not installed: {listed(lacking)}.", name, count=len(lacking)
        )


def _interrupted(facts: Facts) -> Iterable[Finding]:
    root = facts.project.root
    if (root / journal.LEFTOVER).is_dir():
        text = f"{journal.LEFTOVER} is of an older version, and nothing reads it: delete it."
        yield Finding(text, journal.LEFTOVER, status=Status.WARN)
    if not journal.exists(root):
        return
    if transaction.is_held(root):
        yield Finding("Another run is changing the project.", status=Status.WARN)
        return
    try:
        journal.read(root)
    except LabError as error:  # `setup` would stop at it
        yield Finding(error.message, remedy=error.remedy)
    else:
        yield Finding(f"{journal.place(root).parent} has the record of a run that did not end.")


CHECKS = (
    FactCheck(
        "drift.lock",
        "the environment has what the lock lists, and the project as declared",
        "An environment in which somebody installed by hand works on that machine alone. Packages "
        "that are missing or "
        "have another version than the lock says are a failure; packages that nobody needs are a "
        "warning. What conda "
        "owns is not a stray.",
        Remedy("Install what the lock lists, and remove strays", ("invoke", "deps.sync")),
        fix=Fix.INSTALL,
        look=_lock,
        applies=lambda facts: has_environment(facts) and facts.session.manager.lock_path.is_file(),
    ),
    FactCheck(
        "drift.conda",
        "the environment has what the conda file lists",
        "A conda file that was edited after the environment was created describes an environment "
        "that nobody has. "
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
        "A run that was killed, or that is still going on, leaves a state that is neither the old "
        "nor the new one. The "
        "next run that changes the project puts it back first.",
        Remedy("Put it back", ("invoke", "setup")),
        look=_interrupted,
    ),
)
