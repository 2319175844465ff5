"""What a dependency manager is: it returns commands, and reads what they printed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from packaging.utils import canonicalize_name

from tasks_lib.errors import ErrorCode, LabError, Remedy, meant
from tasks_lib.execution import failures, files
from tasks_lib.managers import parts
from tasks_lib.managers.locks import LOCK_AGAIN, LockedPackage, Origin
from tasks_lib.managers.tables import ManagerTables
from tasks_lib.project.manifests import LOCK, MANIFEST, PYPROJECT, read_text
from tasks_lib.results import Check, Fix, Result, Status
from tasks_lib.tools import executables, uv

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tasks_lib.environments.base import Activation
    from tasks_lib.execution.plan import Step
    from tasks_lib.execution.process import Command, Outcome
    from tasks_lib.project.project import Project
    from tasks_lib.project.workspace import Member
    from tasks_lib.tools.changes import Change
    from tasks_lib.tools.variables import Variables

#: What a check of the lock waits for: the lock, and the interpreter of an environment that is
#: created again.
AFTER_LOCK = ("deps.lock", "env.create")


@dataclass(frozen=True)
class Place:
    """Where packages are declared, with which extras of theirs, and whether they stay editable.

    A place is a group, an extra (`optional`), a member's manifest, or by default the project's own
    dependencies.
    """

    group: str | None = None
    optional: str = ""
    extras: tuple[str, ...] = ()
    member: Member | None = None
    editable: bool = False

    @property
    def options(self) -> list[str]:
        """Return the options for the table and for what stays editable, alike in all managers."""
        words = ["--group", self.group] if self.group else []
        words += ["--optional", self.optional] if self.optional else []
        return [*words, "--editable"] if self.editable else words


#: Among the project's own dependencies.
MAIN = Place()

LOCK_FRESH = Check(
    "lock.fresh",
    "the lock matches pyproject.toml",
    "An older lock installs what nobody needs any more, and CI refuses it.",
    LOCK_AGAIN,
    fix=Fix.LOCK,
)


class Manager(ABC):
    """One dependency manager on one project.

    An `activation` is the environment that a command works on.
    `lock`, `add` and `remove` change only the manifest and the lock. Only `install` changes the
    environment: it adds to it or changes what the lock lists, and never removes anything. Each
    method returns a command and runs nothing, unless its docstring says so. A method that reads an
    outcome raises `LabError` for a command that failed.
    """

    name: ClassVar[str]
    lock_name: ClassVar[str]
    #: its own tables in pyproject.toml
    tables: ClassVar[type[ManagerTables]] = ManagerTables
    #: how a project gets a member
    member_remedy: ClassVar[Remedy]
    #: whether it edits a member as a project of its own: it leaves a lock there, and the project's
    #: own is still stale
    edits_apart: ClassVar[bool] = False
    #: whether it changes the address of a repository on this machine when it declares it
    misspells: ClassVar[bool] = False
    #: how the names of its own build backends begin
    backend: ClassVar[str] = ""
    #: whether its checks and its export load nothing of a repository that is not trusted
    reads_apart: ClassVar[bool] = False
    #: the files beside the manifest that hold its settings
    config_files: ClassVar[tuple[str, ...]] = ()
    #: what the names are like of files that it leaves beside a manifest where it is ended
    unfinished: ClassVar[str] = ""
    #: what Dependabot and Renovate call it, where they know it
    bots: ClassVar[tuple[str, ...]] = ()
    #: the variables by which a user steers it
    variables: ClassVar[tuple[Variables, ...]] = ()
    #: the checks of which `checks` gives results
    known_checks: ClassVar[tuple[Check, ...]] = (LOCK_FRESH,)
    #: the check of what `diversions` finds, where the manager has one
    diversion_check: ClassVar[Check | None] = None
    #: the owners whose packages `outdated` reports on
    outdated_owners: ClassVar[tuple[str, ...]] = ("lock",)

    def __init__(self, project: Project) -> None:
        """Keep the project."""
        self.project = project

    @property
    def lock_path(self) -> Path:
        """Return the path of the lock."""
        return self.project.root / self.lock_name

    @property
    def program(self) -> str:
        """Return the path of the manager's program."""
        return executables.tool(self.name)

    @classmethod
    def caches(cls) -> dict[str, str]:
        """Return the user's download caches: each folder by the variable that names it."""
        return {}

    @classmethod
    def sign(cls, project: Project) -> str:
        """Return what in the project's files speaks for it beside a lock; empty for nothing."""
        if project.pyproject.table("tool", cls.name):
            return f"[tool.{cls.name}]"
        for name in cls.config_files:
            if (project.root / name).is_file():
                return name
        backend = str(project.pyproject.table("build-system").get("build-backend", ""))
        is_own = cls.backend and backend.startswith(cls.backend)
        return f"the build backend {backend}" if is_own else ""

    def diversions(self, prefix: Path) -> Iterable[tuple[str, str, Remedy]]:
        """Yield why a typed command would not do as a task does, the cause's file and its end.

        `prefix` is the project's environment, which need not exist.
        """
        del prefix
        return ()

    @abstractmethod
    def lock(self, activation: Activation | None, upgrade: Sequence[str] | None = None) -> Command:
        """Resolve and write the lock.

        `upgrade` names packages to upgrade, and an empty one upgrades all.
        """

    @abstractmethod
    def install(self, activation: Activation, groups: Sequence[str] = ()) -> Command:
        """Install what the lock lists, with what was chosen and `groups`; remove nothing."""

    def reinstall(self, activation: Activation, names: Collection[str]) -> Command:
        """Install what the lock lists; `names` were uninstalled since they were damaged."""
        del names
        return self.install(activation)

    @abstractmethod
    def preview(self, activation: Activation, groups: Sequence[str] = ()) -> Command:
        """Find out what `install` would do, without changing anything."""

    @abstractmethod
    def changes(self, outcome: Outcome) -> list[Change]:
        """Return what `preview` found or `install` did."""

    def keeps(self, prefix: Path, names: Collection[str], python: str) -> bool:
        """Return whether `install` is known to leave installed distributions as they are.

        Where it is not, which is the default, `preview` is asked.
        """
        del prefix, names, python
        return False

    def required_names(self) -> set[str]:
        """Return the normalised names that the manifest requires, in any table it reads."""
        return self.project.pyproject.required_names()

    def dependents(self) -> Callable[[str], tuple[str, ...]]:
        """Return a function that names who requires a package: the manifest, locked packages."""
        found: dict[str, list[str]] = {name: [PYPROJECT] for name in self.required_names()}
        for package in self.foreign_packages():
            for name in package.dependencies:
                found.setdefault(name, []).append(package.name)
        return lambda name: tuple(dict.fromkeys(found.get(name, ())))

    def ended(self, outcome: Outcome) -> Iterable[Result]:
        """Read what a command printed that locks or installs."""
        failures.demand(outcome, title="")
        return ()

    def distrust_index(self) -> None:  # noqa: B027 - not every manager keeps such things
        """Forget what an index said that sent damaged data, where the manager keeps it unseen."""

    @abstractmethod
    def add(self, activation: Activation, packages: Sequence[str], place: Place = MAIN) -> Command:
        """Declare packages and lock; a package that the manager cannot declare is an error."""

    @abstractmethod
    def remove(
        self, activation: Activation, packages: Sequence[str], place: Place = MAIN
    ) -> Command:
        """Remove declared packages and lock."""

    @abstractmethod
    def default_groups(self) -> set[str]:
        """Return the dependency groups that it installs without being told."""

    def chosen_groups(self) -> set[str]:
        """Return the groups that this checkout has: default ones, and those of the settings."""
        default = self.default_groups() if self.project.included.dev else set()
        return {*default, *parts.wanted_groups(self)}

    def extras(self) -> dict[str, str]:
        """Return the project's extras by normalised name, as they are spelt."""
        return self.project.pyproject.extras

    def chosen_extras(self) -> list[str]:
        """Return the extras that this checkout has; one that was chosen long ago may be gone."""
        known, chosen = self.extras(), self.project.included.extras
        if self.project.chosen:  # one of them may be declared only in this run
            return [known.get(name, name) for name in chosen]
        return [known[name] for name in chosen if name in known]

    @property
    @abstractmethod
    def installs_project(self) -> bool:
        """Return whether it installs the project itself too."""

    @abstractmethod
    def folders(self) -> Iterable[Path]:
        """Return the folders and files from which the manifest lets it install."""

    @abstractmethod
    def members(self) -> dict[str, Member]:
        """Return by normalised name the projects in its folder that share lock and environment."""

    def own_names(self) -> set[str]:
        """Return the normalised names of the project and its members, where it installs them."""
        names = {canonicalize_name(self.project.pyproject.name)} if self.installs_project else set()
        return names | self.members().keys()

    def member(self, name: str) -> Member | None:
        """Return a member, nothing for an empty name; an unknown name is an error."""
        if not name:
            return None
        known = self.members()
        member = known.get(canonicalize_name(name))
        if member is None:
            names = ", ".join(known) or "none"
            text = f"This project has no member {name!r}; {self.name} knows {names}."
            remedy = meant(name, known, self.member_remedy)
            raise LabError(text, ErrorCode.UNKNOWN_MEMBER, file=PYPROJECT, remedy=remedy)
        return member

    @abstractmethod
    def export(self, activation: Activation | None, form: str, *, hashes: bool = True) -> Command:
        """Print as `form` (requirements.txt or pylock.toml) what a fresh lock lets it install."""

    @abstractmethod
    def build(self, activation: Activation | None, into: Path, member: Member | None) -> Command:
        """Build the source distribution and the wheel of the project, or of a member."""

    @abstractmethod
    def publish(
        self, files: Sequence[Path], address: str, login: Mapping[str, str], member: Member | None
    ) -> Command:
        """Upload built files to an index.

        `login` has a TOKEN, or USERNAME and PASSWORD, passed in variables only.
        """

    @abstractmethod
    def outdated(self, activation: Activation) -> Command:
        """Ask the index for newer versions of what is installed."""

    def newer(self, outcome: Outcome) -> dict[str, str]:
        """Return the newest version of each normalised name that `outdated` found."""
        return uv.newer(outcome, f"ask {self.name} for newer versions")

    @classmethod
    def publish_addresses(cls) -> dict[str, str]:
        """Return the upload address of each index that the user's own files or variables name.

        Never those of the project: a login would go wherever a repository says.
        """
        return {}

    @abstractmethod
    def checks(self, activation: Activation | None) -> tuple[Step, ...]:
        """Return the steps that check the manifest (`config.*`) and the lock (`lock.*`)."""

    @abstractmethod
    def fresh(self, activation: Activation | None) -> Step:
        """Return the one of `checks` that finds whether the lock matches the manifest."""

    def by_reading(self) -> Iterator[Result]:
        """Yield what the files show of the manifest and the lock, where nothing may be started.

        A file that cannot be read is an error, and no failure.
        """
        yield from self.manifest_by_reading()
        if not self.lock_path.is_file():
            yield self.lock_result(Status.FAIL, f"There is no {self.lock_name}.")
            return
        try:
            files.inside(self.project.root, self.lock_path)
            self.refuse_odd_files()
            self.locked_packages()
            fits, text = self.lock_by_reading()
        except LabError as error:
            yield LOCK_FRESH.of_unread(error)
            return
        judged = {True: Status.PASS, False: Status.FAIL, None: Status.SKIP}[fits]
        yield self.lock_result(judged, text)

    def manifest_by_reading(self) -> Iterable[Result]:
        """Return what is told of the manifest by reading it."""
        return ()

    def lock_by_reading(self) -> tuple[bool | None, str]:
        """Return whether the lock fits the manifest, `None` where no file tells, and the reason."""
        return None, f"That {self.lock_name} fits cannot be told by reading it."

    def refuse_project(self) -> None:  # noqa: B027 - not every manager has such a rule
        """Raise an error where it would not find the project's own module."""

    def refuse_odd_files(self) -> None:
        """Raise an error where what the manager reads is not a file: it would wait for a pipe."""
        for name in (self.lock_name, *self.config_files, ".python-version"):
            data = files.expect_regular(self.project.root / name)
            (LOCK if name == self.lock_name else MANIFEST).expect(data, name)

    def apart(self, command: Command, to: Path) -> Command:
        """Copy what `export` reads to a new folder; return it as a command that sees no more."""
        to.mkdir()
        for name in (PYPROJECT, self.lock_name):
            (to / name).write_text(read_text(self.project.root / name), encoding="utf-8")
        return replace(command, cwd=to)

    def require_lock(self) -> None:
        """Raise an error where there is no lock."""
        if not self.lock_path.is_file():
            text = f"There is no {self.lock_name}, which lists what to install."
            raise LabError(text, ErrorCode.NO_LOCK, file=self.lock_name, remedy=LOCK_AGAIN)

    @abstractmethod
    def locked_packages(self) -> tuple[LockedPackage, ...]:
        """Return what the lock lists, nothing where there is no lock.

        A damaged lock is an error.
        """

    def is_damage(self, outcome: Outcome) -> bool:
        """Return whether a command failed since the lock cannot be read."""
        if outcome.ok or not self.lock_path.is_file():
            return False
        if failures.explain(outcome).code is ErrorCode.DAMAGED_LOCK:
            return True
        try:
            self.locked_packages()
        except LabError:
            return True
        return False

    def foreign_packages(self) -> list[LockedPackage]:
        """Return what the lock lists beside the project itself and its workspace."""
        return [one for one in self.locked_packages() if one.origin is not Origin.PROJECT]

    def locked(self, python: str = "") -> dict[str, set[str]]:
        """Return the locked versions by normalised name, without the project and its workspace.

        With a `python`, versions are left out that the lock's own markers exclude for that Python
        on this machine.
        """
        found: dict[str, set[str]] = {}
        for package in self.foreign_packages():
            if not python or package.applies(python):
                found.setdefault(package.name, set()).add(package.version)
        return found

    def from_elsewhere(self) -> set[str]:
        """Return the normalised names that are locked from a repository, an address or a folder."""
        return {one.name for one in self.foreign_packages() if one.origin is Origin.ELSEWHERE}

    def indexes(self) -> set[str]:
        """Return the addresses of the indexes that the lock takes packages from."""
        return {one.index.rstrip("/") for one in self.locked_packages()}

    def lock_result(self, status: Status, detail: str = "", remedy: Remedy | None = None) -> Result:
        """Return the result on the lock's freshness."""
        return LOCK_FRESH.result(status, detail, remedy=remedy, file=self.lock_name)
