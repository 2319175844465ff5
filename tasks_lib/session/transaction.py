"""A run that changes a project happens whole or not at all, also one that is killed.

Before the first change a journal records how the project was. A run that fails or is stopped puts all back from it; one
that was killed cannot, and the next run that changes the project does so first. One run at a time changes a project,
or a conda environment that several projects share.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from tasks_lib.environments import site_packages
from tasks_lib.environments.base import State
from tasks_lib.errors import ErrorCode, ExitCode, LabError
from tasks_lib.execution import file_lock, files, process, redaction
from tasks_lib.execution.plan import execute, say_with
from tasks_lib.project.manifests import PYPROJECT
from tasks_lib.results import Result, Status
from tasks_lib.session import journal
from tasks_lib.session.session import Session
from tasks_lib.tools import uv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tasks_lib.environments.base import Environment
    from tasks_lib.execution.plan import Step, Watcher
    from tasks_lib.execution.process import Command
    from tasks_lib.session.journal import Journal

#: The locks of environments that this run holds: whoever asks for one again is not to wait for itself.
_HELD: set[Path] = set()

#: What installers write at the top of an environment, be it there or not.
_INSTALLED = {"bin", "lib", "lib64", "include", "share", "etc", ".lock", "Lib", "Scripts"}


@contextlib.contextmanager
def alone(
    root: Path, command: str, say: Callable[[str], None], *, offline: bool = False
) -> Iterator[list[Result]]:
    """Hold the project in `root`, after any other run that changes it; put right first what a killed one left.

    A project that cannot be written is not held: a run that finds nothing to do ends well there, and one that has
    something to change is refused as it begins.
    """
    folder = root / journal.FOLDER
    lock = folder / "lock"
    for path, fits in ((folder, folder.is_dir()), (lock, lock.is_file())):
        if path.is_symlink() or (path.exists() and not fits):
            text = (
                f"{path} is in the way: mlops-lab keeps what a run in progress needs in {folder}."
            )
            raise LabError(text, ErrorCode.PATH_OCCUPIED, remedy=f"move it away: {path}")
    with contextlib.ExitStack() as stack:
        stack.callback(_rmdir, folder)
        try:
            died = stack.enter_context(file_lock.held(str(lock), command, say))
            stack.callback(_tidy, folder)
            (folder / ".gitignore").write_text("*\n", "utf-8")
        except OSError:
            yield []
            return
        yield recover(root, say, died, offline=offline)


@contextlib.contextmanager
def environment_alone(session: Session, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the environment, where other projects can have the same one, and this run does not hold it yet."""
    with contextlib.ExitStack() as stack:
        path = session.environment.lock_path
        if path and path not in _HELD:
            with contextlib.suppress(
                OSError
            ):  # then a change is refused as it begins, or needs no lock here
                stack.enter_context(
                    file_lock.held(str(path), f"{session.command} of {session.project.root}", say)
                )
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
    """Carry out steps, and put everything back unless all of them end well.

    Manifests that are `kept` stay where the guard refused; a new environment that is whole `stays`, so that the next
    run need not make it again.
    """
    root, environment = session.project.root, session.environment
    environment.discard_aside()  # what a run left that was killed when it was through
    before = journal.Journal.of(session, manifests, stays=stays)
    try:
        before.save(root, manifests=manifests)
    except LabError:
        journal.forget(root)  # half a journal, on a full disk
        raise
    noted = before

    def note(step: Step) -> None:
        """Enter in the journal that the environment is about to be changed."""
        nonlocal noted
        if step.changes_environment and not noted.touched:
            noted = replace(noted, touched=True)
            noted.save(root)

    try:
        results = execute(steps, watcher, first=note)
        for path in manifests:
            if path.name == PYPROJECT:
                files.keep_line_ends(path, journal.copies(root) / journal.named(root, path))
    except BaseException as error:
        refused = isinstance(error, LabError) and error.exit_code is ExitCode.GUARD_REFUSED
        stuck = _put_back(session, noted, without=kept if refused else ())
        if stuck:  # the journal stays, and the next run tries again
            say_with(error, f"This could not be put back: {'; '.join(stuck)}")
        else:
            journal.forget(root)
        raise
    journal.forget(root)
    environment.discard_aside()
    return results


def recover(
    root: Path, say: Callable[[str], None], died: float | None, *, offline: bool = False
) -> list[Result]:
    """Put right what a run left that was killed at the time `died`, and say so."""
    before = journal.read(root)
    if before is None:
        journal.forget(root)  # copies without a journal are from a run that had not begun
        return []
    say(f"{before.who} was cut short: putting the project back as it was")
    died = died or journal.place(root).stat().st_mtime  # somebody deleted the lock file
    kept = _changed_since(root, before, died)
    _demand_files(root, before, kept, old=True)
    stuck = [f"{name} was changed since, and is left as it is" for name in kept]
    try:
        session = Session.open(
            combo=before.combo,
            engine=before.engine,
            python=before.python,
            offline=offline,
            start=root,
        )
        with environment_alone(session, say):
            stuck += _environment_back(session, before, root)
    except LabError as error:
        stuck.append(f"the environment was not looked at ({error.message})")
    _demand_files(root, before, kept, old=False)  # they may tell the environment
    journal.forget(root)
    title = f"{before.command} was cut short, and what it had changed is put back"
    if not stuck:
        return [Result("recovered", Status.PASS, title, f"process {before.pid}, {before.since}")]
    remedy = "look with invoke check.all; invoke env.remove setup makes the environment anew"
    return [Result("recovered", Status.WARN, title, f"but not all: {'; '.join(stuck)}", remedy)]


def _put_back(session: Session, before: Journal, *, without: Sequence[Path]) -> list[str]:
    root = session.project.root
    kept = [journal.named(root, path) for path in without]
    stuck = _files_back(
        root, before, kept, old=True
    )  # first: what is installed for editing is installed from them
    return [
        *stuck,
        *_environment_back(session, before, root),
        *_files_back(root, before, kept, old=False),
    ]


def _changed_since(root: Path, before: Journal, died: float) -> list[str]:
    """Name the manifests that were written later than the run's death, and its last beat of heart: by a person."""
    late = died + 2 * file_lock.HEARTBEAT
    found = [
        name
        for name in before.files
        if (root / name).is_file() and (root / name).stat().st_mtime > late
    ]
    return [
        name
        for name in found
        if not (before.files[name] and files.same(root / name, journal.copies(root) / name))
    ]


def _demand_files(root: Path, before: Journal, kept: Sequence[str], *, old: bool) -> None:
    """Put manifests back, or stop with the journal still there: without it their copies would be lost."""
    if stuck := _files_back(root, before, kept, old=old):
        text = f"{before.who} was cut short, and this cannot be put back: {'; '.join(stuck)}"
        remedy = f"make that possible; the copies are in {journal.copies(root)}"
        raise LabError(text, ErrorCode.NOT_RESTORED, remedy=remedy)


def _files_back(root: Path, before: Journal, kept: Sequence[str], *, old: bool) -> list[str]:
    """Put the `old` manifests back from their copies, or delete those that there were not. Say what could not be."""
    stuck = []
    for name in (name for name, there in before.files.items() if there is old and name not in kept):
        path = root / name
        try:
            files.clear_unfinished(path)
            if old:
                files.put_back(path, journal.copies(root) / name)
            elif path.is_file() or path.is_symlink():
                path.unlink()
        except (LabError, OSError) as error:
            stuck.append(f"{name} ({error})")
    return stuck


def _environment_back(session: Session, before: Journal, root: Path) -> list[str]:
    """Bring the environment back to what the journal says, or to nothing. Say what could not be."""
    environment = session.environment
    if not (before.is_ours and str(environment.prefix) == before.prefix):
        return []
    try:
        if (
            before.state is State.PRESENT
            and environment.state() is State.FOREIGN
            and _are_remains(environment)
        ):
            environment.discard()  # whatever this run did: a tool that only looks writes there too
        if not before.touched:
            return []
        if environment.aside.exists():
            environment.bring_back()
            return []
        state = environment.state()
        if before.state is not State.PRESENT:
            if state is not State.ABSENT and not (
                before.stays and state is State.PRESENT and _is_whole(environment)
            ):
                environment.discard()
            return []
        return [] if state is State.ABSENT else _repaired(session, before, root)
    except LabError as error:
        return [error.message]


def _are_remains(environment: Environment) -> bool:
    """Tell whether this is only what an installer wrote to where an environment was deleted or moved away meanwhile."""
    return {path.name for path in environment.prefix.iterdir()} <= _INSTALLED


def _is_whole(environment: Environment) -> bool:
    """Tell whether an environment was made to its end."""
    if _is_damaged(environment) or environment.lacking():
        return False
    return set(environment.seeds) <= set(site_packages.installed(environment.prefix))


def _repaired(session: Session, before: Journal, root: Path) -> list[str]:
    """Bring an existing environment back to the packages of the journal, name by name and version by version."""
    failed = [command for command in _repair(session, before, root) if not process.run(command).ok]
    after = journal.packages(session.environment.prefix)
    wrong = sorted(
        name for name in {*before.packages, *after} if before.packages.get(name) != after.get(name)
    )
    said = [f"{failed[0].shown} failed"] if failed else []
    said += [f"{', '.join(wrong)} differ from what was installed"] if wrong else []
    return [redaction.without_secrets(text) for text in said]


def _is_damaged(environment: Environment) -> bool:
    return any(result.status is Status.FAIL for result in environment.health())


def _repair(session: Session, before: Journal, root: Path) -> Iterator[Command]:
    """Give the commands for conda's packages, and when these are through, for what is neither as it was nor conda's.

    Damaged records go first, which no tool can read.
    """
    environment = session.environment
    if before.conda:
        names = {
            f"{one['name']}-{one.get('version')}-{one.get('build')}.json" for one in before.conda
        }
        if names != {path.name for path in environment.marker.glob("*.json")} or _is_damaged(
            environment
        ):
            yield from environment.repair(journal.place(root), before.conda)
    python = ("--python", str(environment.python))
    damaged, after = site_packages.damaged(environment.prefix), journal.packages(environment.prefix)
    theirs = {name for name, asked in before.packages.items() if name not in before.owned}
    unreadable = {
        name for name, one in damaged.items() if not (one.folder / "RECORD").is_file()
    } - {*before.owned}
    for name in unreadable:
        shutil.rmtree(damaged[name].folder, ignore_errors=True)
    new = sorted(set(after) - set(before.packages) - unreadable)
    if new:
        argv = ("pip", "uninstall", *python, *new)
        yield uv.command(session.project, *argv, why="take out what was not there before")
    lost = sorted(
        name for name in theirs if name in damaged or before.packages[name] != after.get(name)
    )
    if lost:
        wanted = [part for name in lost for part in _asked(before.packages[name])]
        argv = ("pip", "install", *python, "--no-deps", "--reinstall", *wanted)
        yield uv.command(session.project, *argv, why="put back what was installed before")


def _asked(requirement: str) -> tuple[str, ...]:
    kind, _, folder = requirement.partition("editable:")
    return ("--editable", folder) if folder and not kind else (requirement,)


def _tidy(folder: Path) -> None:
    """Leave nothing but the journal of a run that could not be put right, with the time of its end."""
    if journal.exists(folder.parent):
        os.utime(journal.place(folder.parent))
    else:
        for name in (".gitignore", "explicit.txt"):
            (folder / name).unlink(missing_ok=True)


def _rmdir(folder: Path) -> None:
    with contextlib.suppress(OSError):  # the next run may have begun, or a journal is kept
        folder.rmdir()
