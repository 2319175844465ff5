"""What a dependency manager is: it returns commands, and reads what they left."""

from __future__ import annotations

import json
import os
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from packaging.utils import canonicalize_name

from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import failures
from tasks_lib.managers.tables import ManagerTables
from tasks_lib.project.manifests import LARGEST, PYPROJECT, read_toml, too_large
from tasks_lib.results import Check, Fix, Result, Status
from tasks_lib.tools import executables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from tasks_lib.environments.base import Activation
    from tasks_lib.execution.plan import Step
    from tasks_lib.execution.process import Command, Outcome
    from tasks_lib.project.project import Project
    from tasks_lib.project.workspace import Member

_ELSEWHERE = {"git", "url", "path", "file", "directory", "editable"}
LOCK_ANEW = Remedy("Lock again", ("invoke", "deps.lock"))
#: what a check of the lock waits for: the lock, and the interpreter of an environment that is made anew
AFTER_LOCK = ("deps.lock", "env.create")


@dataclass(frozen=True)
class Change:
    """What would become of one distribution: versions before and after, empty where there is none."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Place:
    """Where packages are declared: in a group, in the manifest of a member; and whether to be edited in place."""

    group: str | None = None
    member: Member | None = None
    editable: bool = False


#: among the project's own dependencies
MAIN = Place()

LOCK_FRESH = Check(
    "lock.fresh",
    "the lock matches pyproject.toml",
    "A lock that is older than the manifest installs what nobody asks for any more, and CI refuses it.",
    LOCK_ANEW,
    fix=Fix.LOCK,
)


class Manager(ABC):
    """One dependency manager on one project. An `activation` is the environment that a command works on.

    `lock`, `add` and `remove` change the manifest and the lock alone; `install` alone changes the environment, and
    only ever adds to it or changes what the lock names.
    """

    name: ClassVar[str]
    lock_name: ClassVar[str]
    #: its own tables in pyproject.toml
    tables: ClassVar[type[ManagerTables]] = ManagerTables
    #: how a project gets a member
    member_remedy: ClassVar[str]
    #: whether a member is edited as if it stood alone: a lock is left beside it, and the project's own is still stale
    edits_apart: ClassVar[bool] = False
    #: whether it writes the address of a repository on this machine otherwise than it was given
    misspells: ClassVar[bool] = False
    #: the files beside the manifest that hold its settings
    config_files: ClassVar[tuple[str, ...]] = ()
    #: the variables by which a user changes what it resolves or where it keeps its data; a proof unsets them
    user_variables: ClassVar[tuple[str, ...]] = ()
    #: the checks that `checks` answers for
    known_checks: ClassVar[tuple[Check, ...]] = (LOCK_FRESH,)
    #: the check that `diversions` answers for, where the manager has one
    diversion_check: ClassVar[Check | None] = None
    #: whose packages `outdated` answers for
    outdated_owners: ClassVar[tuple[str, ...]] = ("lock",)

    def __init__(self, project: Project) -> None:
        """Keep the project."""
        self.project = project

    @property
    def lock_path(self) -> Path:
        """Give the path of the lock."""
        return self.project.root / self.lock_name

    @property
    def program(self) -> str:
        """Give the path of the manager's program."""
        return executables.tool(self.name)

    @classmethod
    def caches(cls) -> dict[str, str]:
        """Return the user's download caches: each folder by the variable that names it."""
        return {}

    def diversions(self, *, in_project: bool) -> Iterable[tuple[str, str]]:
        """Yield what makes the manager, typed by hand, leave the environment, and the file that says so.

        `in_project` says whether the environment is a .venv in the project.
        """
        del in_project
        return ()

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
        """Give a function that says who asks for a name: `pyproject.toml`, and locked packages."""
        wants: dict[str, list[str]] = {
            canonicalize_name(name): [PYPROJECT] for name in self.project.pyproject.required_names()
        }
        for package in self._packages():
            for name in _asked(package) if _is_foreign(package) else ():
                wants.setdefault(name, []).append(str(package["name"]))
        return lambda name: tuple(dict.fromkeys(wants.get(name, ())))

    def ended(self, outcome: Outcome) -> Iterable[Result]:
        """Read what a command left that locks or installs; one that failed is raised."""
        failures.demand(outcome, title="")
        return ()

    @abstractmethod
    def add(self, activation: Activation, packages: Sequence[str], place: Place = MAIN) -> Command:
        """Declare packages and lock; what it cannot take is an error."""

    @abstractmethod
    def remove(
        self, activation: Activation, packages: Sequence[str], place: Place = MAIN
    ) -> Command:
        """Take declared packages away and lock."""

    @abstractmethod
    def default_groups(self) -> set[str]:
        """Give the dependency groups that it installs unasked."""

    @property
    @abstractmethod
    def installs_project(self) -> bool:
        """Tell whether it installs the project itself too."""

    @abstractmethod
    def folders(self) -> Iterable[Path]:
        """Give the folders and files that the manifest has it install from."""

    @abstractmethod
    def members(self) -> dict[str, Member]:
        """Give by normalised name the projects in this one's folder that share its lock and its environment."""

    def member(self, name: str) -> Member | None:
        """Give a member, `None` for no name; an unknown one is an error that lists those there are."""
        known = self.members()
        if name and canonicalize_name(name) not in known:
            text = f"this project has no member {name!r}; {self.name} knows {', '.join(known) or 'none'}."
            raise LabError(
                text, ErrorCode.UNKNOWN_MEMBER, file=PYPROJECT, remedy=self.member_remedy
            )
        return known[canonicalize_name(name)] if name else None

    @abstractmethod
    def export(self, activation: Activation | None, form: str, *, hashes: bool = True) -> Command:
        """Print what `install` would install, from a fresh lock: `form` is requirements.txt or pylock.toml."""

    @abstractmethod
    def build(self, activation: Activation | None, into: Path, member: Member | None) -> Command:
        """Build the source distribution and the wheel of the project, or of a member, into a folder."""

    @abstractmethod
    def publish(
        self, files: Sequence[Path], address: str, login: Mapping[str, str], member: Member | None
    ) -> Command:
        """Upload built files to an index; `login` has a TOKEN, or USERNAME and PASSWORD, and is in variables alone."""

    @abstractmethod
    def outdated(self, activation: Activation) -> Command:
        """Ask the index for newer versions of what is installed."""

    def newer(self, outcome: Outcome) -> dict[str, str]:
        """Read the answer of `outdated`: normalised names and the newest versions; one that failed is raised."""
        rows = json.loads(
            failures.demand(outcome, title=f"ask {self.name} for newer versions").stdout or "[]"
        )
        return {canonicalize_name(row["name"]): row["latest_version"] for row in rows}

    @abstractmethod
    def checks(self, activation: Activation | None) -> tuple[Step, ...]:
        """Give the steps that check the manifest (results `config.*`) and the lock (results `lock.*`)."""

    def fresh(self, activation: Activation | None) -> Step:
        """Give the one of `checks` that says whether the lock fits the manifest."""
        return next(step for step in self.checks(activation) if "lock" in step.id)

    def refuse_odd_lock(self) -> None:
        """Stop where something else stands in the lock's place: the manager would wait for a pipe for ever."""
        if os.path.lexists(self.lock_path) and not self.lock_path.is_file():
            text = f"{self.lock_name} is there, and it is no file."
            raise LabError(
                text,
                ErrorCode.NOT_A_FILE,
                file=self.lock_name,
                remedy=f"move {self.lock_name} away",
            )
        if self.lock_path.is_file() and self.lock_path.stat().st_size > LARGEST:
            raise too_large(self.lock_name)

    def require_lock(self) -> None:
        """Stop with a clear error where there is no lock."""
        if not self.lock_path.is_file():
            text = f"there is no {self.lock_name}, and it says what to install."
            raise LabError(text, ErrorCode.NO_LOCK, file=self.lock_name, remedy=LOCK_ANEW)

    def locked(self, python: str = "") -> dict[str, set[str]]:
        """Read normalised names and versions from the lock, less the project itself and its workspace.

        With a `python`, versions are left out that the lock's own markers keep from that Python and this machine.
        """
        found: dict[str, set[str]] = {}
        for package in self._packages():
            if _is_foreign(package) and (not python or _applies(package, python)):
                found.setdefault(canonicalize_name(package["name"]), set()).add(
                    str(package.get("version", ""))
                )
        return found

    def behind(self) -> list[str]:
        """Name the members that ask for other names than the lock says, where a manager does not look at them."""
        asked: dict[str, set[str]] = {
            canonicalize_name(package["name"]): set(_asked(package)) for package in self._packages()
        }
        found = []
        for name, member in self.members().items():
            entries = member.pyproject.table("project").get("dependencies", ())
            wanted = {
                canonicalize_name(word)
                for entry in entries
                for word in re.findall(r"^[\w.-]+", str(entry))
            }
            known = {canonicalize_name(one) for one in member.pyproject.required_names()}
            if name in asked and (wanted - asked[name] or asked[name] - known):
                found.append(f"{member.manifest} was changed since {self.lock_name} was written")
        return found

    def from_elsewhere(self) -> set[str]:
        """Give the normalised names that the lock takes from no index: a repository, an address, a folder."""
        sources = [
            (one["name"], one.get("source", {})) for one in self._packages() if _is_foreign(one)
        ]
        # Poetry says in words what a package comes from, uv by the first key
        kinds = [
            (name, str(source.get("type") or next(iter(source), ""))) for name, source in sources
        ]
        return {canonicalize_name(name) for name, kind in kinds if kind in _ELSEWHERE}

    def indexes(self) -> set[str]:
        """Give the addresses that the lock takes packages from."""
        sources = [one.get("source", {}) for one in self._packages()]
        return {
            str(source.get("registry") or source.get("url", "")).rstrip("/") for source in sources
        }

    def _packages(self) -> list[dict[str, Any]]:
        """Read the lock's packages, none where there is no lock; a damaged lock is an error with a way out."""
        if not self.lock_path.is_file():
            return []
        try:
            packages: list[dict[str, Any]] = read_toml(self.lock_path)[0].get("package", [])
            if isinstance(packages, list) and all(map(_is_package, packages)):
                return packages
            reason, line = "it does not list packages", None
        except LabError as error:
            reason, line = error.message, error.line
        text = f"{self.lock_name} is damaged: {reason}"
        raise LabError(
            text, ErrorCode.DAMAGED_LOCK, file=self.lock_name, line=line, remedy=LOCK_ANEW
        )

    def lock_result(
        self, status: Status, detail: str = "", remedy: Remedy | str | None = None
    ) -> Iterable[Result]:
        """Report on the lock's freshness."""
        yield LOCK_FRESH.result(status, detail, remedy=remedy, file=self.lock_name)


def _is_foreign(package: Mapping[str, Any]) -> bool:
    """Tell a package from the project itself, and from the root of its workspace."""
    source = package.get("source", {})
    return "virtual" not in source and source.get("editable") != "."


def _applies(package: Mapping[str, Any], python: str) -> bool:
    """Tell whether a package's markers (Poetry's one, uv's choices) can be met; what cannot be told for certain is."""
    said = package.get("markers") or package.get("resolution-markers") or ()
    markers = [said] if isinstance(said, str) else said if isinstance(said, list) else ()
    if not markers or any("extra" in str(text) for text in markers):
        return True
    from packaging.markers import InvalidMarker, Marker, UndefinedEnvironmentName  # noqa: PLC0415 - 0.03 s

    here = {"python_version": ".".join(python.split(".")[:2]), "python_full_version": python}
    try:
        return any(Marker(text).evaluate(here) for text in markers)
    except (InvalidMarker, UndefinedEnvironmentName, TypeError):
        return True


def _asked(package: Mapping[str, Any]) -> list[str]:
    """Name what a package asks for: uv lists tables, Poetry has a table with the names as its keys."""
    groups = [package.get("dependencies", ()), *package.get("dev-dependencies", {}).values()]
    every = [
        entry["name"] if isinstance(entry, dict) else entry for group in groups for entry in group
    ]
    return [canonicalize_name(name) for name in every]


def _is_package(entry: Any) -> bool:  # noqa: ANN401 - whatever stands in a lock
    """Tell whether an entry of the lock has the shape that is relied on here."""
    sound = (
        isinstance(entry, dict)
        and isinstance(entry.get("name"), str)
        and isinstance(entry.get("source", {}), dict)
    )
    try:
        return sound and _asked(entry) is not None
    except (TypeError, KeyError, AttributeError):
        return False
