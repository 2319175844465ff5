"""What a user asked for: a task, and the options that many tasks share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Scope(Enum):
    """What a task works on."""

    PROJECT = "project"  # the project that the current folder lies in
    FOLDER = "folder"  # the current folder, which may not be a project yet
    ANYWHERE = "anywhere"  # no project, and no session


@dataclass(frozen=True)
class Request:
    """One task with its shared options; an empty option was not given.

    A task that `changes` its project has it for itself meanwhile. `source` is a file of env.export
    that describes the project. What stdout gets of a task `is_for_eval` of a shell, or is nothing.
    One that runs its code says that the user `trusts` it, as the option `trust` does; that is
    remembered of a task that changes the project. The current folder is `project` meanwhile.
    """

    command: str
    scope: Scope = Scope.PROJECT
    changes: bool = False
    is_for_eval: bool = False
    trusts: bool = False
    source: str = ""
    combo: str = ""
    engine: str = ""
    python: str = ""
    strict: bool = False
    offline: bool = False
    trust: bool = False
    json: bool = False
    format: str = ""
    output: str = ""
    extra: Sequence[str] = ()
    dev: bool = False
    no_dev: bool = False
    project: str = ""
    quiet: bool = False

    @property
    def acts(self) -> bool:
        """Return whether the task does something, and does not only look."""
        return self.changes or self.trusts

    @property
    def is_for_this_folder(self) -> bool:
        """Return whether the project is the current folder itself, be it a project yet or not."""
        return self.scope is Scope.FOLDER or bool(self.source)
