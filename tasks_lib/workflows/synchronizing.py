"""Bring an environment to its lock, and the lock to what conda owns."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from tasks_lib.environments import site_packages
from tasks_lib.environments.base import SEEDS
from tasks_lib.execution import failures, process, shell_words
from tasks_lib.execution.plan import Step, execute
from tasks_lib.ownership import declarations, graph, guard
from tasks_lib.ownership.facts import Facts
from tasks_lib.ownership.owners import Owner
from tasks_lib.session.session import Answer, passed
from tasks_lib.workflows.changes import change
from tasks_lib.workflows.installation import edit_step, install_steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks_lib.execution.plan import Watcher
    from tasks_lib.project.workspace import Member
    from tasks_lib.session.session import Session


def align(session: Session, watcher: Watcher, *, dry_run: bool = False) -> Answer:
    """Pin in pyproject.toml the versions that conda owns and the lock would replace, and lock.

    The guard looks again afterwards: what it still refuses is not changed. The answer's `pins` has
    a row for each package: what was declared `before` (empty where nothing was), and the pin.

    Raises:
        LabError: There is no environment or no lock, or the pins cannot be satisfied.
    """
    activation = session.environment.require()
    session.manager.require_lock()
    conflicts = guard.conflicts(session, activation)
    wanted = guard.pins(session, conflicts)
    look = guard.step(session, activation, (), ("deps.edit",))
    look = replace(look, work=partial(guard.expect_aligned, session, activation))
    if not wanted:
        execute([replace(look, needs=())], watcher)
        return passed("deps.align", "the lock and conda agree already")
    declared: dict[str, str] = {}
    for one in declarations.read(Facts(session)):
        if one.group == "" and not one.member:
            declared[canonicalize_name(one.requirement.name)] = str(one.requirement)
    pins = [f"{name}=={version}" for name, version in wanted.items()]
    rows = []
    for name, pin in zip(wanted, pins, strict=True):
        rows.append({"name": name, "before": declared.get(name, ""), "after": pin})
    edit = edit_step(session, f"pin {', '.join(pins)}", session.manager.add(activation, pins))
    answer = change(session, watcher, [edit, look], dry_run=dry_run)
    return replace(answer, data={**answer.data, "pins": rows})


def sync(session: Session, watcher: Watcher, *, dry_run: bool = False) -> Answer:
    """Make the environment exactly what the lock says, and leave conda's packages alone.

    Raises:
        LabError: There is no environment or no lock, or the guard refused.
    """
    session.environment.require()
    session.manager.require_lock()
    steps = [*install_steps(session), *prune_steps(session, strays(session))]
    return change(session, watcher, steps, dry_run=dry_run)


def strays(session: Session) -> list[str]:
    """Return the names of what neither layer has, and nothing that is declared needs.

    What a new environment is created with does not count.
    """
    found = graph.read(Facts(session))
    needed = found.reached()
    names = []
    for key, package in found.packages.items():
        if package.owner is Owner.STRAY and key not in needed and package.name not in SEEDS:
            names.append(package.name)
    return sorted(names)


def prune_steps(session: Session, names: Sequence[str]) -> list[Step]:
    """Return the step that uninstalls strays, if there are any."""
    if not names:
        return []
    return [
        Step(
            "deps.prune",
            f"uninstall {', '.join(names)}: neither the lock nor conda has them",
            session.environment.pip("uninstall", *names, why="uninstall packages"),
            needs=("deps.install",),
            safe="removes what neither the lock nor conda has",
        )
    ]


def uninstall_step(
    session: Session, packages: Sequence[str] = (), member: Member | None = None
) -> Step:
    """Return the step that uninstalls what the lock names now and no longer names after the run.

    `packages` are those that the plan can name already. A member is uninstalled too and installed
    again: its record has the requirements of the time when it was installed.
    """
    before = session.manager.locked().keys()
    again = {canonicalize_name(member.name)} if member else set()
    pip = partial(session.environment.pip, "uninstall", why="uninstall packages")

    def uninstall() -> None:
        prefix = session.environment.prefix
        ours = site_packages.installed(prefix).keys() - session.environment.owned().keys()
        gone = before - session.manager.locked().keys() | again
        if gone & ours:
            failures.demand(process.run(pip(*sorted(gone & ours))), title="uninstall")

    title = "uninstall what the lock no longer names"
    if member:
        title += f", and {member.name}, to install it again"
    known = [*packages, *again]
    return Step(
        "deps.uninstall",
        title,
        work=uninstall,
        shown=shell_words.shown(pip(*known)) if known else "",
        needs=("deps.edit", "deps.lock", "guard"),
        safe="removes what the lock no longer names, never what conda owns",
    )
