"""Carry out steps that change a project, and say which versions changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tasks_lib.environments import site_packages
from tasks_lib.session import transaction
from tasks_lib.session.session import Answer, planned

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tasks_lib.execution.plan import Step, Watcher
    from tasks_lib.project.workspace import Member
    from tasks_lib.session.session import Session


def manifests_of(session: Session, member: Member | None = None) -> list[Path]:
    """Return the files that a run may change, and that are put back when it fails."""
    project = session.project
    paths = [project.pyproject.path, session.manager.lock_path]
    if member:
        paths += [member.pyproject.path, member.folder / session.manager.lock_name]
    if project.conda_path:
        paths.append(project.conda_path)
    if lock := session.environment.layer_lock:
        paths.append(lock.path)
    return paths


def carry_out(  # noqa: PLR0913 - what is changed, and what of it may stay
    session: Session,
    watcher: Watcher,
    steps: Sequence[Step],
    *,
    changes: Sequence[Path] | None = None,
    kept: Sequence[Path] = (),
    dry_run: bool,
) -> Answer:
    """Carry out steps, or show them in a dry run; when one fails, everything is put back.

    `changes` are the files of the project that they write, by default its manifests and locks.
    Those that are `kept` stay where the guard refused.
    """
    if any(step.changes_environment for step in steps):
        session.environment.refuse_change()
    if dry_run:
        return planned(steps)
    paths = manifests_of(session) if changes is None else changes
    return Answer(transaction.carry_out(session, steps, watcher, manifests=paths, kept=kept))


def change(
    session: Session,
    watcher: Watcher,
    steps: Sequence[Step],
    *,
    member: Member | None = None,
    dry_run: bool,
) -> Answer:
    """Carry out steps as `carry_out` does, and look at the environment before and after.

    `member` is the one whose manifest changes too.
    The answer's `packages` lists the distributions whose version changed, as `difference` does.
    """
    if dry_run:
        return carry_out(session, watcher, steps, dry_run=True)
    prefix = session.environment.prefix
    before = site_packages.installed(prefix)
    changes = manifests_of(session, member)
    answer = carry_out(session, watcher, steps, changes=changes, dry_run=False)
    changed = difference(before, site_packages.installed(prefix))
    return replace(answer, data={"packages": changed})


def difference(before: Mapping[str, str], after: Mapping[str, str]) -> list[dict[str, str]]:
    """Return a row for each name whose version differs; a version is empty where there is none."""
    rows = []
    for name in sorted({*before, *after}):
        old = before.get(name, "")
        new = after.get(name, "")
        if old != new:
            rows.append({"package": name, "before": old, "after": new})
    return rows
