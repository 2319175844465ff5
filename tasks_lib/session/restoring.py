"""Restore the manifests and the environment of a project as its journal describes them.

Each function returns what it could not restore, as phrases for one sentence.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tasks_lib.environments import claims, distribution_health, setting_aside, site_packages
from tasks_lib.environments.base import State
from tasks_lib.errors import LabError
from tasks_lib.execution import files, process, redaction, shell_words
from tasks_lib.results import Status
from tasks_lib.session import journal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from tasks_lib.environments.base import Environment
    from tasks_lib.execution.process import Command
    from tasks_lib.session.journal import Journal
    from tasks_lib.session.session import Session

#: What installers write at the top of a folder, whether an environment is there or not.
_INSTALLED = {"bin", "lib", "lib64", "include", "share", "etc", ".lock", "Lib", "Scripts"}


def restore_manifests(
    root: Path, before: Journal, kept: Sequence[str], *, existed: bool
) -> list[str]:
    """Restore the manifests that existed from their copies, or delete those that did not exist.

    Those that are `kept` stay as they are.
    """
    failed = []
    for name, was_there in before.files.items():
        if was_there is not existed or name in kept:
            continue
        path = root / name
        try:
            files.inside(root, path if existed else path.parent)
            files.clear_unfinished(path)
            if existed:
                files.put_back(path, journal.copies(root) / name)
            elif path.is_file() or path.is_symlink():
                path.unlink()
        except (LabError, OSError) as error:
            failed.append(f"{name} ({error})")
    return failed


def restore_environment(session: Session, before: Journal) -> list[str]:
    """Restore the environment, or delete one that did not exist."""
    if not before.is_ours:
        return []
    others = claims.of_others(session.environment)
    if others:
        return [f"{before.prefix} is the environment of {others[0]} now"]
    try:
        return _restored(session, before)
    except LabError as error:
        return [error.message]


def bring_back(root: Path, before: Journal) -> list[str]:
    """Move what was set aside to its place again, where nothing else is known of the environment.

    Raises:
        LabError: It cannot be moved.

    """
    left = setting_aside.left(root)
    prefix = Path(before.prefix)
    others = claims.besides(root, prefix)
    if others:
        return [f"{prefix} is the environment of {others[0]} now"]
    if before.is_ours and left:
        setting_aside.bring(left, prefix)
        setting_aside.forget(root)
    return []


def _restored(session: Session, before: Journal) -> list[str]:
    """Bring the environment back, or delete a new one; return what a user has to know."""
    environment = session.environment
    existed = before.state is State.PRESENT
    if existed and environment.state() is State.FOREIGN and _is_debris(environment):
        environment.discard()  # a tool that only looks writes there too
    if not before.touched:
        return []
    if environment.is_aside():
        environment.bring_back()
        return []
    state = environment.state()
    if state is State.ABSENT:
        return []
    if existed:
        return _repaired(session, before)
    may_stay = before.stays and state is State.PRESENT and _is_complete(environment)
    if not may_stay:
        environment.discard()
    return []


def _is_debris(environment: Environment) -> bool:
    """Return whether this is only what an installer wrote where the environment had been."""
    return {path.name for path in environment.prefix.iterdir()} <= _INSTALLED


def _is_complete(environment: Environment) -> bool:
    """Return whether a new environment was made to its end."""
    if _is_damaged(environment) or environment.lacking():
        return False
    return set(environment.seeds) <= set(site_packages.installed(environment.prefix))


def _is_damaged(environment: Environment) -> bool:
    return any(result.status is Status.FAIL for result in environment.health())


def _repaired(session: Session, before: Journal) -> list[str]:
    """Bring an existing environment back to the journal's packages, each in its version."""
    environment = session.environment
    failed: list[Command] = []
    if before.conda and not _has_records(environment, before.conda):
        record = journal.place(session.project.root)
        failed += _failing(environment.repair(record, before.conda))
    failed += _failing(_package_repair(session, before))
    after = journal.packages(environment.prefix)
    different = dict(before.packages.items() ^ after.items())
    phrases = []
    if failed:
        phrases.append(f"{redaction.without_secrets(shell_words.shown(failed[0]))} failed")
    if different:
        phrases.append(f"{', '.join(sorted(different))} differ from what was installed")
    return phrases


def _failing(commands: Iterable[Command]) -> list[Command]:
    """Run each command, and return those that failed."""
    return [command for command in commands if not process.run(command).ok]


def _has_records(environment: Environment, records: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether the environment has exactly these records of conda's, and is sound."""
    wanted = {f"{one['name']}-{one.get('version')}-{one.get('build')}.json" for one in records}
    found = {path.name for path in environment.marker.glob("*.json")}
    return wanted == found and not _is_damaged(environment)


def _package_repair(session: Session, before: Journal) -> list[Command]:
    """Return the commands for the distributions that conda does not own and that differ now.

    Records that no tool can read are deleted first.
    """
    environment = session.environment
    damaged = distribution_health.damaged(environment.prefix)
    after = journal.packages(environment.prefix)
    unreadable = set()
    for name, distribution in damaged.items():
        if name not in before.owned and not (distribution.folder / "RECORD").is_file():
            unreadable.add(name)
            shutil.rmtree(distribution.folder, ignore_errors=True)
    commands = []
    new = sorted(after.keys() - before.packages.keys() - unreadable)
    if new:
        commands.append(environment.pip("uninstall", *new, why="remove what was not installed"))
    wanted: list[str] = []
    for name, requirement in sorted(before.packages.items()):
        is_changed = name in damaged or requirement != after.get(name)
        if is_changed and name not in before.owned:
            wanted += site_packages.arguments(requirement)
    if wanted:
        words = ("--no-deps", "--reinstall", *wanted)
        commands.append(environment.pip("install", *words, why="restore what was installed"))
    return commands
