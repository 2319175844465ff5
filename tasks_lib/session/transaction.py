"""A run that changes a project happens whole or not at all, also one that is killed.

Before the first change a journal records how the project was. A run that fails or is stopped
restores all from it. One that was killed cannot, so the next run that changes the project does it
first. One run at a time changes a project, or a conda environment that several projects share.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tasks_lib.environments import claims
from tasks_lib.environments.base import CREATE, State
from tasks_lib.errors import ErrorCode, ExitCode, LabError, Remedy
from tasks_lib.execution import file_lock, files, keeping, state_folder
from tasks_lib.execution.plan import execute, say_with
from tasks_lib.project.manifests import PYPROJECT
from tasks_lib.results import Result, Status
from tasks_lib.session import journal
from tasks_lib.session.restoring import bring_back, restore_environment, restore_manifests
from tasks_lib.session.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tasks_lib.execution.plan import Step, Watcher
    from tasks_lib.session.journal import Journal

LOCK = "lock"
#: What says that an index sent damaged data.
_DAMAGED = {ErrorCode.BROKEN_DOWNLOAD, ErrorCode.HASH_MISMATCH}
#: The locks of environments that this run holds: a second request must not wait for the first.
_HELD: set[Path] = set()


@contextlib.contextmanager
def alone(
    root: Path, command: str, say: Callable[[str], None], *, offline: bool = False
) -> Iterator[list[Result]]:
    """Hold the project in `root` after any other run that changes it, and recover a killed one.

    Another user's run holds the folder itself, since its lock is in that user's state folder.
    """
    lock = state_folder.made(root) / LOCK
    with contextlib.ExitStack() as stack:
        died = stack.enter_context(file_lock.held(str(lock), command, say))
        stack.enter_context(file_lock.folder_held(str(root), say))
        stack.enter_context(keeping.kept(str(lock)))
        stack.callback(_tidy, root)
        yield [*recover(root, say, died, offline=offline), *_not_recovered(root)]


def is_held(root: Path) -> bool:
    """Return whether a run of this user is changing the project in `root`."""
    return file_lock.is_held(str(state_folder.of_checkout(root) / LOCK))


@contextlib.contextmanager
def environment_alone(session: Session, say: Callable[[str], None]) -> Iterator[None]:
    """Hold an environment that other projects can share, unless this run holds it already."""
    path = session.environment.lock_path
    with contextlib.ExitStack() as stack:
        if path and path not in _HELD:
            purpose = f"{session.command} of {session.project.root}"
            # where no lock can be made, a change is refused as it begins, or needs none
            with contextlib.suppress(OSError):
                stack.enter_context(file_lock.held(str(path), purpose, say))
                _HELD.add(path)
                stack.callback(_HELD.discard, path)
        yield


def carry_out(  # noqa: PLR0913 - what is changed, and what of it may stay
    session: Session,
    steps: Sequence[Step],
    watcher: Watcher,
    *,
    manifests: Sequence[Path],
    kept: Sequence[Path] = (),
    stays: bool = True,
) -> list[Result]:
    """Carry out steps, and restore everything unless all of them end well.

    Manifests that are `kept` stay where the guard refused. A complete new environment `stays`, so
    that the next run need not create it again.
    """
    root, environment = session.project.root, session.environment
    for path in manifests:
        files.expect_writable(files.inside(root, path))
    with contextlib.suppress(LabError):  # it is in the way only of another
        environment.discard_aside()  # left by a run that was killed after its last step
    noted = journal.Journal.of(session, manifests, stays=stays)
    there = {path.name for path in root.iterdir()}
    try:
        noted.save(root, manifests=manifests)
    except LabError:
        journal.forget(root)  # half a journal, on a full disk
        raise

    def note(step: Step) -> None:
        """Record that the environment is about to be changed."""
        nonlocal noted
        if step.changes_environment and not noted.touched:
            noted = replace(noted, touched=True)
            noted.save(root)

    try:
        results = execute(steps, watcher, first=note)
        _expect_there(session, noted)
        _keep_line_ends(root, manifests)
    except BaseException as error:
        is_refused = isinstance(error, LabError) and error.exit_code is ExitCode.GUARD_REFUSED
        names = [journal.named(root, path) for path in kept] if is_refused else []
        _clear_unfinished(session, there)
        failed = _restore(session, noted, names)
        if failed:  # the journal stays, and the next run tries again
            say_with(error, f"This could not be restored: {'; '.join(failed)}")
        else:
            journal.forget(root)
        if noted.touched:
            claims.claim(environment)
        if isinstance(error, LabError) and error.code in _DAMAGED:
            session.manager.distrust_index()  # another step may have been told the same
        raise
    journal.forget(root)
    environment.discard_aside()
    if noted.touched:
        claims.claim(environment)
    return results


def _clear_unfinished(session: Session, there: set[str]) -> None:
    """Delete what was not there before, and is what the manager was writing when it was ended."""
    for path in session.project.root.glob("*"):  # it may be gone
        if path.name not in there and re.fullmatch(session.manager.unfinished, path.name):
            path.unlink(missing_ok=True)


def _expect_there(session: Session, before: Journal) -> None:
    """Raise an error where the environment went away, and a tool installed into what was not one.

    Its files would stay, and be in the way of the next environment.
    """
    environment = session.environment
    if before.state is State.PRESENT and environment.state() is State.FOREIGN:
        text = f"{environment.where} was removed while this run used it."
        raise LabError(text, ErrorCode.NO_ENVIRONMENT, remedy=CREATE)


def _keep_line_ends(root: Path, manifests: Sequence[Path]) -> None:
    """Give pyproject.toml the line ends that it had: the managers write their own."""
    for path in manifests:
        if path.name == PYPROJECT:
            files.keep_line_ends(path, journal.copies(root) / journal.named(root, path))


def _restore(session: Session, before: Journal, kept: Sequence[str]) -> list[str]:
    """Restore manifests and environment, and return what could not be restored."""
    root = session.project.root
    # the old files first: editable packages are installed from them
    failed = restore_manifests(root, before, kept, existed=True)
    failed += restore_environment(session, before)
    return failed + restore_manifests(root, before, kept, existed=False)


def recover(
    root: Path, say: Callable[[str], None], died: float | None, *, offline: bool
) -> list[Result]:
    """Restore what a run changed that was killed at the time `died`, and report it."""
    before = journal.read(root)
    if before is None:
        journal.forget(root)  # copies without a journal are from a run that had not begun
        return []
    say(f"{before.who} was interrupted: restoring the project as it was")
    died = died or journal.place(root).stat().st_mtime  # somebody deleted the lock file
    kept = _changed_since(root, before, died)
    failed = [f"{name} was changed since, and is left as it is" for name in kept]
    _demand_manifests(root, before, kept, existed=True)
    failed += _recover_environment(root, before, say, offline=offline)
    _demand_manifests(root, before, kept, existed=False)  # they may name the environment
    journal.forget(root)
    title = f"{before.command} was interrupted, and what it had changed is restored"
    if not failed:
        return [Result("recovered", Status.PASS, title, f"process {before.pid}, {before.since}")]
    remedy = Remedy("Check the environment, or create it again", ("invoke", "setup", "--recreate"))
    return [Result("recovered", Status.WARN, title, f"but not all: {'; '.join(failed)}", remedy)]


def _recover_environment(
    root: Path, before: Journal, say: Callable[[str], None], *, offline: bool
) -> list[str]:
    """Restore the environment of the journal's combo, and return what could not be restored."""
    try:
        session = Session.open(
            combo=before.combo,
            engine=before.engine,
            python=before.python,
            offline=offline,
            start=root,
        )
        # where it was: another folder may come first now, or the conda file has another name
        environment = type(session.environment)(session.project, Path(before.prefix))
        session = replace(session, environment=environment)
        with environment_alone(session, say):
            return restore_environment(session, before)
    except LabError as error:
        return [*bring_back(root, before), f"the environment was not looked at ({error.message})"]


def _changed_since(root: Path, before: Journal, died: float) -> list[str]:
    """Return the manifests that a user changed: modified after the run's last heartbeat."""
    last = died + 2 * file_lock.HEARTBEAT
    changed = []
    for name, existed in before.files.items():
        path = root / name
        if not path.is_file() or path.stat().st_mtime <= last:
            continue
        if not (existed and files.same(path, journal.copies(root) / name)):
            changed.append(name)
    return changed


def _demand_manifests(root: Path, before: Journal, kept: Sequence[str], *, existed: bool) -> None:
    """Restore manifests, or stop with the journal still there: else their copies would be lost."""
    failed = restore_manifests(root, before, kept, existed=existed)
    if failed:
        text = f"{before.who} was interrupted, and this cannot be restored: {'; '.join(failed)}."
        remedy = Remedy(f"Make that possible; the copies are in {journal.copies(root)}")
        raise LabError(text, ErrorCode.NOT_RESTORED, remedy=remedy)


def _not_recovered(root: Path) -> Iterator[Result]:
    """Yield what looks like the record of an interrupted run and is left alone."""
    old = root / journal.LEFTOVER
    if os.path.lexists(old):
        title = f"{journal.LEFTOVER} is of an older version, and is left alone"
        detail = "Nothing in a project is restored from: it may have come with the repository."
        remedy = Remedy("Look at what is in it, and delete it", ("rm", "-r", str(old)))
        yield Result("leftover", Status.WARN, title, detail, remedy, file=journal.LEFTOVER)
    for record in journal.before_move(root):
        title = "a run was interrupted in a folder that is gone, and may be this one"
        detail = f"Its record is in {record.parent}, with copies of the manifests in `before`."
        remedy = Remedy("Move the project back, and run this again; else delete the record")
        yield Result("leftover", Status.WARN, title, detail, remedy)


def _tidy(root: Path) -> None:
    """Leave only the journal of a run that could not be restored, with the time of its end."""
    place = journal.place(root)
    if journal.exists(root):
        os.utime(place)
    else:
        place.with_name("explicit.txt").unlink(missing_ok=True)
