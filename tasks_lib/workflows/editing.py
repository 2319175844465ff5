"""Declare packages or remove them: in either layer, in the project's manifest or in a member's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from tasks_lib.checks.own_settings import TORCH
from tasks_lib.environments.site_packages import spelt
from tasks_lib.errors import ErrorCode, ExitCode, LabError, Remedy
from tasks_lib.execution import shell_words
from tasks_lib.execution.files import write_texts
from tasks_lib.execution.plan import Step, Writes
from tasks_lib.managers.base import Place
from tasks_lib.ownership import guard
from tasks_lib.project import requirements
from tasks_lib.project.manifests import read_text
from tasks_lib.workflows import locking, own_settings
from tasks_lib.workflows.changes import change
from tasks_lib.workflows.installation import edit_step, install_steps, lock_step
from tasks_lib.workflows.locking import PYTHON, expect_layer
from tasks_lib.workflows.synchronizing import uninstall_step

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks_lib.execution.plan import Watcher
    from tasks_lib.project.workspace import Member
    from tasks_lib.session.session import Answer, Session


@dataclass(frozen=True)
class Edit:
    """How packages are declared, or removed (`drop`).

    `package` names a member of the project, `optional` an extra of the project, and `extras` those
    of the packages.
    """

    layer: str = PYTHON
    group: str | None = None
    drop: bool = False
    editable: bool = False
    package: str = ""
    optional: str = ""
    extras: tuple[str, ...] = ()


def edit(
    session: Session, watcher: Watcher, packages: Sequence[str], how: Edit, *, dry_run: bool
) -> Answer:
    """Declare packages or remove them, in the layer that was named.

    Raises:
        LabError: The layer is unknown, or does not support an option; no package was named.
    """
    if how.layer == PYTHON:
        return _edit_python(session, watcher, packages, how, dry_run=dry_run)
    given = {
        "--package": how.package,
        "--group": how.group,
        "--editable": how.editable,
        "--optional": how.optional,
        "--extra": how.extras,
    }
    for option, value in given.items():
        if value:
            text = f"{option} does not apply to the manifest of the {how.layer} layer."
            remedy = Remedy(f"Leave out --layer or {option}")
            raise LabError(text, ErrorCode.NOT_SUPPORTED, remedy=remedy)
    expect_layer(session, how.layer)
    return edit_layer(session, watcher, packages, drop=how.drop, dry_run=dry_run)


def _edit_python(
    session: Session, watcher: Watcher, packages: Sequence[str], how: Edit, *, dry_run: bool
) -> Answer:
    """Have the manager declare or remove packages, then lock and install."""
    manager = session.manager
    member = manager.member(how.package)
    activation = session.environment.require()
    _expect_packages(packages)
    if how.editable:
        requirements.expect_editable(packages, session.project.root)
    if how.optional and how.group:
        text = "A package is declared in an extra (--optional) or in a group (--group)."
        raise LabError(text, ErrorCode.INVALID_OPTION, remedy=Remedy("Leave out one of them"))
    place = Place(how.group, how.optional, how.extras, member=member, editable=how.editable)
    if how.optional:
        chosen = session.project.included
        extras = dict.fromkeys([*chosen.extras, canonicalize_name(how.optional)])
        session = session.choosing(replace(chosen, extras=tuple(extras)))
    if how.drop:
        title = f"remove {', '.join(packages)}"
        command = manager.remove(activation, packages, place)
    else:
        title = f"declare {', '.join(packages)}"
        command = manager.add(activation, packages, place)
    if member:
        title += f" ({member.manifest})"
    steps = [edit_step(session, title, command), *_corrections(session, member, packages)]
    removed = packages if how.drop else []
    if removed or member:
        steps.append(uninstall_step(session, removed, member))
    groups = [how.group] if how.group and not how.drop else []
    steps += install_steps(session, groups)
    answer = change(session, watcher, steps, member=member, dry_run=dry_run)
    if how.optional and not dry_run:
        session.project.remember_included()
    return answer


def _corrections(session: Session, member: Member | None, packages: Sequence[str]) -> list[Step]:
    """Return the steps that correct what a manager leaves wrong after an edit, then lock again.

    A package of PyTorch's gets its index.
    """
    manager = session.manager
    steps = []
    named = {canonicalize_name(one) for one in requirements.names(packages)}
    if session.project.settings.torch and TORCH & named and not member:
        steps.append(own_settings.step(session))
    if manager.misspells and any("git+file:" in package for package in packages):
        steps.append(_correct_address((member or session.project).pyproject.path, manager.name))
    if member and manager.edits_apart:
        lock = member.folder / manager.lock_name
        if not lock.exists():
            steps.append(_delete_lock(lock, f"{member.place}/{lock.name}"))
    elif not steps:
        return []
    needs = ("deps.edit", *(step.id for step in steps))
    return [*steps, replace(lock_step(session), needs=needs)]


def _correct_address(path: Path, manager: str) -> Step:
    """Return the step that corrects the address of a repository on this machine.

    Seen with poetry-core 2.5.0: `ParsedUrl.url` makes `file://None/` of `file:///`.
    """
    return Step(
        "deps.address",
        f"correct the address in {path.name}: {manager} gives the repository a host, None",
        work=lambda: write_texts({path: spelt(read_text(path))}),
        shown=f"# write {path.name}",
        needs=("deps.edit",),
        writes=Writes.PROJECT,
        safe="the manifest is put back if the run fails",
    )


def _delete_lock(lock: Path, shown: str) -> Step:
    """Return the step that deletes the lock which a manager writes beside a member."""
    return Step(
        "deps.tidy",
        f"delete {shown}: the project's own is the lock",
        work=partial(lock.unlink, missing_ok=True),
        shown=shell_words.joined(["rm", shown]),
        needs=("deps.edit",),
        writes=Writes.PROJECT,
        safe="a lock of the member's own that was there before stays",
    )


def edit_layer(
    session: Session,
    watcher: Watcher,
    specs: Sequence[str],
    *,
    drop: bool = False,
    dry_run: bool = False,
) -> Answer:
    """Add packages to the environment layer and to its manifest, or remove them from both.

    Raises:
        LabError: There is no environment, no package was named, or the engine refused them.
    """
    environment = session.environment
    environment.require()
    _expect_packages(specs)
    manifest, text, command = environment.edit(specs, drop=drop)
    names = ", ".join(specs)
    write = Step(
        "conda.edit",
        f"remove {names} from {manifest.name}" if drop else f"write {names} to {manifest.name}",
        work=lambda: write_texts({manifest: text}),
        needs=("guard.conda",),
        writes=Writes.PROJECT,
        safe="the conda file is put back if the run fails",
    )
    verb = "remove" if drop else "install"
    title = f"{verb} {names} with {environment.engine}"
    install = Step("conda.install", title, command, needs=("conda.edit",))
    lock = locking.edited(session, manifest, text).environment.layer_lock
    relocks = lock is not None and lock.serves
    if lock and relocks and not drop:
        steps = [
            replace(write, needs=()),
            lock.step(),
            *guard.creation(session, lock.installation()),
        ]
    else:
        # the manifest first: it is put back when the engine fails, and that changes all or nothing
        steps = [install] if drop else guard.before_conda(session, install)
        steps.insert(-1, write)
        steps += [lock.step()] if lock and relocks else []
    try:
        return change(session, watcher, steps, dry_run=dry_run)
    except LabError as error:
        if error.exit_code is ExitCode.BAD_REQUEST and not drop:
            error.message += environment.elsewhere(specs)
        raise


def _expect_packages(packages: Sequence[str]) -> None:
    options = [package for package in packages if package.startswith("-")]
    if packages and not options:
        return
    text = f"{options[0]!r} is not a package." if options else "No package was named."
    remedy = Remedy("Name one, e.g. deps.add rich")
    raise LabError(text, ErrorCode.NO_PACKAGE_NAMED, remedy=remedy)
