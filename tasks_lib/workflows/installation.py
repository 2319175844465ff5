"""What each task does: observe, plan, act, look again. One function a task; both layers are composed here."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from tasks_lib import checks
from tasks_lib.environments import conda_health, shells, site_packages
from tasks_lib.environments.base import MADE, SEEDS, State
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution import process
from tasks_lib.execution.plan import Step, Writes, execute
from tasks_lib.execution.process import Command
from tasks_lib.ownership import graph, guard
from tasks_lib.ownership.facts import Facts
from tasks_lib.ownership.owners import Owner
from tasks_lib.project import requirements
from tasks_lib.results import Result, Status
from tasks_lib.session import transaction
from tasks_lib.session.session import Answer, planned
from tasks_lib.tools import executables, messages

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from tasks_lib.environments.base import Activation
    from tasks_lib.execution.plan import Watcher
    from tasks_lib.execution.process import Outcome
    from tasks_lib.project.workspace import Member
    from tasks_lib.session.session import Session

_AFTER_ENV = MADE[:-1]
#: Why a step that edits a manifest is safe.
EDIT_IS_SAFE = "the manifest and the lock are put back if the run fails"


def manifests_of(session: Session, member: Member | None = None) -> list[Path]:
    """List the files of the project that a run may change, and that are put back when it fails."""
    project = session.project
    paths = [project.pyproject.path, session.manager.lock_path]
    if member:
        paths += [member.pyproject.path, member.folder / session.manager.lock_name]
    return [*paths, project.conda_path] if project.conda_path else paths


def setup(session: Session, watcher: Watcher, *, dry_run: bool = False) -> Answer:
    """Make the environment, lock, install and check; do only what is not done already."""
    changes, known = missing_parts(session, watcher)
    looks = checks.steps(session)
    if dry_run:
        return planned([*changes, *looks])
    if changes:  # a new lock stays where the guard refuses: `deps.align` goes on from it
        results = _carry_out(session, [*changes, *looks], watcher, kept=[session.manager.lock_path])
    else:  # what was just observed need not be asked again
        results = execute(
            [_known(look, known[look.id]) if look.id in known else look for look in looks], watcher
        )
    done = [step.title for step in changes if not step.check]
    asked = f" --combo {session.combo.id}" if session.combo.source == "flag" else ""
    hint = shells.hint(shells.detect(os.environ), executables.program()).replace(
        "env.activate", f"env.activate{asked}"
    )
    return Answer(
        results, {"changed": done, "note": "" if done else "nothing to do", "activate": hint}
    )


def missing_parts(session: Session, watcher: Watcher) -> tuple[list[Step], dict[str, list[Result]]]:
    """Compute what `setup` has to change, and give what was learnt by looking; no step where all is as it should be."""
    environment, manager = session.environment, session.manager
    environment.refuse_foreign()
    state = environment.state()
    creation = (
        [] if state is State.PRESENT and not environment.lacking() else guard.creation(session)
    )
    made = any(step.writes is Writes.NEW_ENVIRONMENT for step in creation)
    known: dict[str, list[Result]] = {}
    stale, pending = True, True
    if manager.lock_path.is_file():
        usable = None if made else environment.activation()
        fresh = manager.fresh(usable)
        with ThreadPoolExecutor(max_workers=1) as pool:
            asked = pool.submit(process.run, manager.preview(usable)) if usable else None
            known[fresh.id] = execute([replace(fresh, needs=())], watcher)
            pending = (
                asked is None or not asked.result().ok or bool(manager.changes(asked.result()))
            )
        stale = any(
            found.id == "lock.fresh" and found.status is Status.FAIL for found in known[fresh.id]
        )
    if not (creation or stale or pending):
        return [], known
    steps = list(creation)
    if stale:
        steps.append(lock_step(session, after_environment=made))
    return [*steps, *install_steps(session, environment.activation())], known


def _known(step: Step, results: list[Result]) -> Step:
    """Give a step that answers with what is known already."""
    return replace(step, command=None, reads=None, work=lambda: results)


def lock_step(
    session: Session, *, after_environment: bool, upgrade: Sequence[str] | None = None
) -> Step:
    """Lock while the environment is being made, unless only that environment's Python fits the project."""
    manager, environment = session.manager, session.environment
    wait = after_environment and not session.project.pyproject.allows(executables.running_python())
    usable = wait or (not after_environment and environment.exists())
    command = manager.lock(environment.activation() if usable else None, upgrade)
    return Step(
        "deps.lock",
        f"lock with {manager.name}",
        command,
        reads=manager.ended,
        needs=_AFTER_ENV if wait else (),
        writes=Writes.PROJECT,
        safe="writes the lock alone, which is put back if the run fails",
    )


def create(session: Session, watcher: Watcher, *, dry_run: bool = False) -> Answer:
    """Make the environment; one that exists already and fits is left as it is, and said so."""
    environment = session.environment
    if environment.state() is State.PRESENT and not environment.lacking():
        title = f"{environment.where} exists already, and has what is asked for"
        return Answer([Result("env.create", Status.PASS, title, str(environment.prefix))])
    steps = guard.creation(session)
    return planned(steps) if dry_run else Answer(_carry_out(session, steps, watcher))


def remove(session: Session, watcher: Watcher, *, dry_run: bool = False) -> Answer:
    """Delete the environment; the manifests and the lock stay."""
    environment = session.environment
    environment.refuse_foreign()
    if environment.state() is State.ABSENT:
        return Answer(
            [
                Result(
                    "env.remove",
                    Status.PASS,
                    f"there is no {environment.prefix}",
                    "nothing to remove",
                )
            ]
        )
    title, shown = f"remove {environment.where}", f"rm -r {environment.prefix}"
    steps = [
        Step(
            "env.remove",
            title,
            work=environment.set_aside,
            shown=shown,
            safe="moved aside first, deleted when the run has ended; manifests and lock stay",
        )
    ]  # deleted when the run is through
    return planned(steps) if dry_run else Answer(_carry_out(session, steps, watcher))


def lock(session: Session, watcher: Watcher, *, dry_run: bool = False) -> Answer:
    """Resolve the dependencies and write the lock."""
    return change(session, watcher, [lock_step(session, after_environment=False)], dry_run=dry_run)


def install(
    session: Session, watcher: Watcher, *, groups: Sequence[str] = (), dry_run: bool = False
) -> Answer:
    """Install what the lock names into the environment, and take nothing away."""
    activation = session.environment.require()
    return change(session, watcher, install_plan(session, activation, groups), dry_run=dry_run)


def install_plan(
    session: Session, activation: Activation, groups: Sequence[str] = ()
) -> list[Step]:
    """Give the steps that install what an existing lock names."""
    session.manager.require_lock()
    return install_steps(session, activation, groups)


def update(
    session: Session,
    watcher: Watcher,
    packages: Sequence[str],
    *,
    group: str | None,
    dry_run: bool = False,
) -> Answer:
    """Renew locked versions (of `packages`, of a group, or all), then install them."""
    activation = session.environment.require()
    names = [*packages, *(_names_in_group(session, group) if group else ())]
    steps = [
        lock_step(session, after_environment=False, upgrade=names),
        *install_steps(session, activation, (group,) if group else ()),
    ]
    return change(session, watcher, steps, dry_run=dry_run)


def uninstall_step(
    session: Session, activation: Activation, packages: Sequence[str], member: Member | None = None
) -> Step:
    """Give the step that uninstalls what the lock names now, and no longer once it was written anew.

    A member goes too, and is installed again: its record says what it asked for when it was installed.
    """
    before, anew = (
        set(session.manager.locked()),
        {canonicalize_name(member.name)} if member else set(),
    )

    def uninstall() -> None:
        ours = set(site_packages.installed(activation.prefix)) - set(
            conda_health.owned(activation.prefix)
        )
        gone = sorted(((before - set(session.manager.locked())) | anew) & ours)
        if gone:
            messages.demand(process.run(_uninstall(activation, gone)), title="uninstall")

    return Step(
        "deps.uninstall",
        f"uninstall what the lock no longer names{f', and {member.name}, to install it anew' if member else ''}",
        work=uninstall,
        shown=_uninstall(activation, [*packages, *anew]).shown if packages or anew else "",
        needs=("deps.edit", "deps.lock", "guard"),
        safe="removes what the lock no longer names, never what conda owns",
    )


def align(session: Session, watcher: Watcher, *, dry_run: bool = False) -> Answer:
    """Pin in pyproject.toml the versions that conda owns and the lock would replace, lock, and see the guard pass."""
    activation = session.environment.require()
    session.manager.require_lock()
    found = guard.conflicts(session, activation)
    if not found:
        return Answer([Result("deps.align", Status.PASS, "the lock and conda agree already")])
    pins = [f"{conflict.name}=={conflict.before}" for conflict in found]
    steps = [
        Step(
            "deps.edit",
            f"pin {', '.join(pins)}",
            session.manager.add(activation, pins),
            writes=Writes.PROJECT,
            safe=EDIT_IS_SAFE,
        ),
        guard.step(session, activation, (), ("deps.edit",)),
    ]
    return change(session, watcher, steps, dry_run=dry_run)


def sync(session: Session, watcher: Watcher, *, dry_run: bool = False) -> Answer:
    """Make the environment exactly what the lock says, and leave conda's packages alone."""
    activation = session.environment.require()
    steps = install_plan(session, activation)
    return change(
        session, watcher, [*steps, *prune_steps(activation, strays(session))], dry_run=dry_run
    )


def strays(session: Session) -> list[str]:
    """Name what was put into the environment by hand: neither layer has it, and nothing that is declared needs it."""
    found = graph.read(Facts(session))
    rest = found.packages.keys() - found.reached()
    return sorted(
        name
        for layer, name in rest
        if found.packages[layer, name].owner is Owner.STRAY and name not in SEEDS
    )


def prune_steps(activation: Activation, names: Sequence[str]) -> list[Step]:
    """Give the step that takes strays away, where there are any."""
    title = f"uninstall {', '.join(names)}: neither the lock nor conda has them"
    if not names:
        return []
    return [
        Step(
            "deps.prune",
            title,
            _uninstall(activation, names),
            needs=("deps.install",),
            safe="removes what neither the lock nor conda has",
        )
    ]


def change(
    session: Session,
    watcher: Watcher,
    steps: Sequence[Step],
    *,
    member: Member | None = None,
    dry_run: bool,
) -> Answer:
    """Carry out steps that change manifests or packages; when one fails, everything is put back."""
    if dry_run:
        return planned(steps)
    environment = session.environment
    prefix = environment.prefix
    before = site_packages.installed(prefix) if environment.exists() else None
    results = _carry_out(session, steps, watcher, member=member)
    after = site_packages.installed(prefix) if before is not None else {}
    return Answer(results, {"packages": difference(before or {}, after)})


def _carry_out(
    session: Session,
    steps: Sequence[Step],
    watcher: Watcher,
    kept: Sequence[Path] = (),
    member: Member | None = None,
) -> list[Result]:
    return transaction.carry_out(
        session, steps, watcher, manifests=manifests_of(session, member), kept=kept
    )


def difference(before: dict[str, str], after: dict[str, str]) -> list[dict[str, str]]:
    """Give a row for each name whose version differs."""
    names = sorted({*before, *after})
    rows = [
        {"package": name, "before": before.get(name, ""), "after": after.get(name, "")}
        for name in names
    ]
    return [row for row in rows if row["before"] != row["after"]]


def install_steps(
    session: Session, activation: Activation, groups: Sequence[str] = ()
) -> list[Step]:
    """Install what the lock names, behind the guard."""
    needs = (*_AFTER_ENV, "deps.lock", "deps.edit")
    command = session.manager.install(activation, groups)
    title = f"install with {session.manager.name}"

    def look_again(outcome: Outcome) -> Iterable[Result]:
        found = session.manager.ended(outcome)
        _demand_installed(session, activation, outcome)
        return found

    last = Step(
        "deps.install",
        title,
        command,
        reads=look_again,
        needs=(*needs, "guard", "deps.uninstall"),
        safe="removes nothing, and the guard has refused what would replace a package of conda's",
    )
    return [
        *(
            [guard.step(session, activation, groups, needs)]
            if session.environment.owns_packages
            else []
        ),
        last,
    ]


def _demand_installed(session: Session, activation: Activation, outcome: Outcome) -> None:
    """Stop where the environment does not have what its manager says that it has just installed."""
    have = site_packages.installed(activation.prefix)
    lost = sorted(
        change.name
        for change in session.manager.changes(outcome)
        if change.after and change.name not in have
    )
    if lost:
        name, where = session.manager.name, session.environment.where
        text = f"{name} says that it installed {', '.join(lost)}, and {where} does not have it: it went elsewhere."
        remedy = f"clear the cache of {name}, which may know another environment by this path; then: invoke env.remove setup"
        raise LabError(text, ErrorCode.INSTALLED_ELSEWHERE, remedy=remedy)


def _uninstall(activation: Activation, names: Sequence[str]) -> Command:
    argv = (executables.uv(), "pip", "uninstall", "--python", str(activation.python), *names)
    return Command(argv, "uninstall packages")


def _names_in_group(session: Session, group: str) -> list[str]:
    """Give the names that a dependency group declares; an unknown group lists those there are."""
    groups = session.project.pyproject.table("dependency-groups")
    if group not in groups:
        text = f"pyproject.toml has no dependency group {group!r}; it has {', '.join(groups) or 'none'}."
        raise LabError(text, ErrorCode.UNKNOWN_GROUP, file="pyproject.toml")
    return requirements.names([entry.strip() for entry in groups[group] if isinstance(entry, str)])
