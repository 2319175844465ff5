"""What a dependency manager is: it returns commands, and reads what they left."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tasks_lib import diagnosis
from tasks_lib.environments import records
from tasks_lib.errors import LabError
from tasks_lib.manifests import read_toml
from tasks_lib.report.model import Result, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from tasks_lib.environments.base import Activation
    from tasks_lib.plan import Step
    from tasks_lib.process import Command, Outcome
    from tasks_lib.project import Project

LOCK_ANEW = "lock anew: invoke deps.lock"


@dataclass(frozen=True)
class Change:
    """What would become of one distribution: versions before and after, empty where there is none."""

    name: str
    before: str
    after: str


class Manager(ABC):
    """One dependency manager on one project. An `activation` is the environment that a command works on.

    `lock`, `add` and `remove` change the manifest and the lock alone; `install` alone changes the environment, and
    only ever adds to it or changes what the lock names.
    """

    name: ClassVar[str]
    lock_name: ClassVar[str]

    def __init__(self, project: Project) -> None:
        """Keep the project."""
        self.project = project

    @property
    def lock_path(self) -> Path:
        """Give the path of the lock."""
        return self.project.root / self.lock_name

    @property
    @abstractmethod
    def program(self) -> str:
        """Give the path of the manager's program."""

    @abstractmethod
    def lock(self, activation: Activation | None, upgrade: Sequence[str] | None = None) -> Command:
        """Resolve and write the lock; `upgrade` names packages to renew, and an empty one renews all."""

    @abstractmethod
    def install(self, activation: Activation, groups: Sequence[str] = ()) -> Command:
        """Install what the lock names, with the default groups and `groups`; take nothing away."""

    @abstractmethod
    def preview(self, activation: Activation, groups: Sequence[str] = ()) -> Command:
        """Ask, without changing anything, what `install` would do."""

    @abstractmethod
    def changes(self, outcome: Outcome) -> list[Change]:
        """Read the answer of `preview`; one that failed is raised."""

    def dependents(self) -> Callable[[str], tuple[str, ...]]:
        """Give a function that says which locked packages ask for a name; the project itself is one of them."""
        wants: dict[str, list[str]] = {}
        for package in self._packages():
            asked = package.get("dependencies", [])
            groups = package.get("dev-dependencies", {}).values()
            every = [*asked, *(entry for group in groups for entry in group)]
            for entry in every:
                name = entry["name"] if isinstance(entry, dict) else entry
                wants.setdefault(records.normalised(name), []).append(str(package["name"]))
        return lambda name: tuple(dict.fromkeys(wants.get(name, ["pyproject.toml"])))

    def ended(self, outcome: Outcome) -> Iterable[Result]:
        """Read what a command left that locks or installs; one that failed is raised."""
        diagnosis.demand(outcome, title="")
        return ()

    @abstractmethod
    def add(self, activation: Activation, packages: Sequence[str], group: str | None) -> Command:
        """Declare packages and lock them."""

    @abstractmethod
    def remove(self, activation: Activation, packages: Sequence[str], group: str | None) -> Command:
        """Take declared packages away and lock."""

    @abstractmethod
    def export(self, activation: Activation | None, form: str, *, hashes: bool = True) -> Command:
        """Print what `install` would install, from a fresh lock: `form` is requirements.txt or pylock.toml."""

    @abstractmethod
    def checks(self, activation: Activation | None) -> tuple[Step, ...]:
        """Give the steps that check the manifest (results `config.*`) and the lock (results `lock.*`)."""

    def fresh(self, activation: Activation | None) -> Step:
        """Give the one of `checks` that says whether the lock fits the manifest."""
        return next(step for step in self.checks(activation) if "lock" in step.id)

    def require_lock(self) -> None:
        """Stop with a clear error where there is no lock."""
        if not self.lock_path.is_file():
            text = f"there is no {self.lock_name}, and it says what to install."
            raise LabError(text, file=self.lock_name, remedy=LOCK_ANEW, title="no lock")

    def locked(self) -> dict[str, set[str]]:
        """Read normalised names and versions from the lock, less the project itself and its workspace."""
        found: dict[str, set[str]] = {}
        for package in self._packages():
            source = package.get("source", {})
            if "virtual" not in source and source.get("editable") != ".":
                found.setdefault(records.normalised(package["name"]), set()).add(str(package.get("version", "")))
        return found

    def _packages(self) -> list[dict[str, Any]]:
        """Read the lock's packages, none where there is no lock; a damaged lock is an error with a way out."""
        if not self.lock_path.is_file():
            return []
        try:
            packages: list[dict[str, Any]] = read_toml(self.lock_path)[0].get("package", [])
            sound = isinstance(packages, list) and all(_is_package(package) for package in packages)
            reason, line = "it does not list packages", None
        except LabError as error:
            packages, sound, reason, line = [], False, error.message, error.line
        if not sound:
            text = f"{self.lock_name} is damaged: {reason}"
            raise LabError(text, file=self.lock_name, line=line, remedy=LOCK_ANEW, title="damaged lock")
        return packages

    def lock_result(self, status: Status, detail: str = "", remedy: str = LOCK_ANEW) -> Iterable[Result]:
        """Report on the lock's freshness."""
        good = status is Status.PASS
        title = f"{self.lock_name} fits pyproject.toml"
        yield Result("lock.fresh", status, title, detail, "" if good else remedy, file=self.lock_name)


def _is_package(entry: object) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("name"), str) and isinstance(entry.get("source", {}), dict)
