"""Upgrade the locked versions, or bring an environment to what its manifests say now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tasks_lib.environments.base import SEEDS
from tasks_lib.errors import ErrorCode, LabError, Remedy, meant
from tasks_lib.execution.plan import Step
from tasks_lib.ownership import graph
from tasks_lib.ownership.facts import Facts
from tasks_lib.ownership.owners import Owner
from tasks_lib.project import requirements
from tasks_lib.session.session import Answer, passed
from tasks_lib.workflows import locking, synchronizing
from tasks_lib.workflows.changes import change, difference
from tasks_lib.workflows.installation import install_steps, lock_step, missing_parts
from tasks_lib.workflows.locking import PYTHON

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tasks_lib.execution.plan import Watcher
    from tasks_lib.ownership.graph import Graph
    from tasks_lib.session.session import Session


def update_dependencies(  # noqa: PLR0913 - each flag is one option
    session: Session,
    watcher: Watcher,
    packages: Sequence[str],
    *,
    group: str = "",
    layer: str = PYTHON,
    dry_run: bool = False,
) -> Answer:
    """Upgrade the locked versions of `packages`, of a group, or of all, and install them.

    Raises:
        LabError: There is no environment, or no such group or layer.
    """
    session.environment.require()
    names = list(packages)
    if layer != PYTHON:
        locking.expect_layer(session, layer)
        if group:
            text = f"--group does not apply to the lock of the {layer} layer."
            remedy = Remedy("Leave out --layer or --group")
            raise LabError(text, ErrorCode.NOT_SUPPORTED, remedy=remedy)
        before = _conda_versions(session)
        answer = change(session, watcher, locking.renewal(session, names), dry_run=dry_run)
        return answer if dry_run else _with_conda(session, answer, before)
    groups = []
    if group:
        names += _names_in_group(session, group)
        groups.append(group)
    steps = [lock_step(session, upgrade=names), *install_steps(session, groups)]
    return change(session, watcher, steps, dry_run=dry_run)


def _names_in_group(session: Session, group: str) -> list[str]:
    """Return the names that a dependency group declares."""
    groups = session.project.pyproject.table("dependency-groups")
    if group not in groups:
        known = ", ".join(groups) or "none"
        text = f"pyproject.toml has no dependency group {group!r}; its groups: {known}."
        remedy = meant(group, groups, Remedy("Correct --group"))
        raise LabError(text, ErrorCode.UNKNOWN_GROUP, file="pyproject.toml", remedy=remedy)
    return requirements.names([entry.strip() for entry in groups[group] if isinstance(entry, str)])


def update_environment(
    session: Session, watcher: Watcher, *, prune: bool = False, dry_run: bool = False
) -> Answer:
    """Make an existing environment what a new one would be; strays stay, unless `prune`.

    The answer's `packages` and `conda` list the versions that changed, of distributions and of
    conda's packages.

    Raises:
        LabError: There is no environment, or conda would remove files of another installation.
    """
    environment = session.environment
    environment.require()
    missing = missing_parts(session, watcher)
    steps = missing.steps
    strays: list[str] = []
    unneeded: list[str] = []
    if prune and not missing.new_environment:
        strays = synchronizing.strays(session)
    if environment.owns_packages and not missing.new_environment:
        unneeded = _unneeded(session, strays)
    if unneeded and not steps:  # the lock may name what conda had
        session.manager.require_lock()
        steps = install_steps(session)
    if not (steps or unneeded or strays):
        title = f"{environment.where} is what the manifests say"
        return passed("env.update", title)
    before = _conda_versions(session)
    plan = _plan(session, steps, unneeded, strays)
    answer = change(session, watcher, plan, dry_run=dry_run)
    return answer if dry_run else _with_conda(session, answer, before)


def _with_conda(session: Session, answer: Answer, before: Mapping[str, str]) -> Answer:
    """Return an answer with the versions of conda's packages that changed."""
    changed = difference(before, _conda_versions(session))
    return replace(answer, data={**answer.data, "conda": changed})


def _plan(
    session: Session, steps: Sequence[Step], unneeded: Sequence[str], strays: Sequence[str]
) -> list[Step]:
    """Return the whole plan; what is removed from conda may conflict with what is installed."""
    plan = [step.after("conda.prune") for step in steps]
    if unneeded:
        file = session.project.conda_file.path.name
        names = ", ".join(unneeded)
        prune = Step(
            "conda.prune",
            f"remove {names} with {session.environment.engine}: {file} no longer needs it",
            session.environment.uninstall(unneeded),
            safe="removes what the conda file no longer names and nothing needs",
        )
        plan.insert(0, prune)
    if any(step.id == "deps.lock" for step in steps):
        plan.append(synchronizing.uninstall_step(session))
    return [*plan, *synchronizing.prune_steps(session, strays)]


def _unneeded(session: Session, pruned: Sequence[str]) -> list[str]:
    """Return the conda packages that neither the conda file needs nor what pip installed."""
    found = graph.read(Facts(session))
    file = session.project.conda_file.path.name
    wanted = [*found.roots.get(file, ())]
    for key, package in found.packages.items():
        if package.owner in {Owner.PIP, Owner.STRAY} and package.name not in pruned:
            wanted.append(key)
    needed = found.reached(wanted)
    if ("conda", "python") not in needed:
        text = f"{file} contains no Python, and the managers need one."
        remedy = Remedy("Add '- python' to its dependencies")
        raise LabError(text, ErrorCode.NO_PYTHON, file=file, remedy=remedy)
    seeds = {("conda", name) for name in SEEDS}  # they come with Python, and stay
    needed |= found.reached(seeds & found.packages.keys())
    unneeded = {key for key in found.packages.keys() - needed if key[0] == "conda"}
    names = sorted(name for _, name in unneeded)
    _refuse_replaced(session, found, names)
    return names


def _refuse_replaced(session: Session, found: Graph, names: Sequence[str]) -> None:
    """Stop where conda would remove what another installation wrote over its files."""
    replaced = []
    for name, owned in session.environment.owned().items():
        is_damaged = not owned.whole or ("python", name) in found.packages
        if owned.package in names and is_damaged:
            replaced.append(name)
    if replaced:
        text = (
            f"{', '.join(replaced)}: conda no longer needs it, but another installation replaced "
            "its files."
        )
        remedy = Remedy("Create the environment again", ("invoke", "setup", "--recreate"))
        raise LabError(text, ErrorCode.GUARD_REFUSED, remedy=remedy)


def _conda_versions(session: Session) -> dict[str, str]:
    """Return the versions of conda's own packages."""
    records = session.environment.packages()
    return {name: str(record["version"]) for name, record in records.items()}
