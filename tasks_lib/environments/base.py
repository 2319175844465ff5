"""What an environment layer is, and the small frozen value in which the two layers meet."""

from __future__ import annotations

import os
from abc import abstractmethod
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from tasks_lib.environments import (
    claims,
    damage,
    distribution_health,
    health_checks,
    site_packages,
)
from tasks_lib.environments.moving import Movable
from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import shell_words
from tasks_lib.execution.plan import Step, Writes
from tasks_lib.tools import uv

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from tasks_lib.environments.conda_layer_lock import CondaLayerLock
    from tasks_lib.execution.process import Command
    from tasks_lib.project.project import Project
    from tasks_lib.results import Check, Result
    from tasks_lib.tools.variables import Variables

WINDOWS = os.name == "nt"
#: The steps after which an environment is complete; a check waits for those in its plan.
MADE = ("env.create", "env.link", "env.repair", "env.update", "env.pip", "deps.install")
#: What a new virtual environment has before any lock, from `uv venv --seed` or `python -m venv`.
SEEDS = ("pip", "setuptools", "wheel", "packaging")
#: Why a step that creates an environment is safe.
CREATION_IS_SAFE = "deleted again if it is not completed"
CREATE = Remedy("Create it", ("invoke", "setup"))


@dataclass(frozen=True)
class Activation:
    """What a process needs to run in an environment; a variable of the value `None` is unset."""

    prefix: Path
    python: Path
    path: tuple[Path, ...]
    variables: Mapping[str, str | None] = field(default_factory=dict, hash=False)
    scripts: tuple[Path, ...] = ()
    undo_scripts: tuple[Path, ...] = ()

    def env(self) -> dict[str, str | None]:
        """Return the variables for a process; the environment's folders come first on PATH."""
        ahead = [str(folder) for folder in self.path]
        behind = os.environ.get("PATH", "").split(os.pathsep)
        rest = [part for part in behind if part and part not in ahead]
        return {**self.variables, "PATH": os.pathsep.join([*ahead, *rest])}


class Owned(NamedTuple):
    """A Python distribution that a package of the layer installed.

    `folder` is the name of its record in site-packages; `whole` says whether that exists.
    """

    package: str
    version: str
    folder: str
    whole: bool


class State(Enum):
    """What exists at an environment's place."""

    ABSENT = "absent"
    PRESENT = "present"
    BROKEN = "broken"  # an environment whose interpreter is missing or does not start
    FOREIGN = "foreign"  # something that is not an environment


class Environment(Movable):
    """One environment layer of one project; it returns steps and commands, and runs nothing."""

    kind: ClassVar[str]
    #: the name of what only this kind of environment has
    mark: ClassVar[str]
    #: the file in it that says that nothing may change it, where this kind has one
    frozen_mark: ClassVar[str] = ""
    #: all that can make it, on this machine or another
    makers: ClassVar[tuple[str, ...]]
    #: the manager that is chosen where nothing in the project names one
    usual_manager: ClassVar[str] = "uv"
    #: whether it holds packages of its own that a manager could destroy
    owns_packages: ClassVar[bool] = False
    #: the distributions of the tool environment that create it
    tools: ClassVar[tuple[str, ...]] = ()
    #: the checks that `health` and `doctor` answer for
    known_checks: ClassVar[tuple[Check, ...]] = health_checks.OF_DISTRIBUTIONS
    #: the distributions that it is made with
    seeds: ClassVar[tuple[str, ...]] = ()
    #: the variables by which a user steers what makes it
    variables: ClassVar[tuple[Variables, ...]] = ()

    #: the lock of its own packages, None where the layer has none
    layer_lock: CondaLayerLock | None = None

    def __init__(self, project: Project, place: Path | None = None) -> None:
        """Keep the project, and the folder where a killed run had it; nothing is read yet."""
        self.project, self.place = project, place

    @classmethod
    @abstractmethod
    def applies(cls, project: Project) -> bool:
        """Return whether the project has what this layer is created from."""

    @classmethod
    def program_on_path(cls) -> str:
        """Return the program on PATH for which this layer is chosen unasked; empty for none."""
        return ""

    @staticmethod
    def expect_engine(name: str) -> None:
        """Raise an error where no engine of this kind has this name, be it used or not."""
        del name

    @classmethod
    def choices(cls) -> list[str]:
        """List the engines of this machine, where a user may choose one."""
        return []

    @classmethod
    def caches(cls) -> dict[str, str]:
        """Return the user's download caches: each folder by the variable that names it."""
        return {}

    @classmethod
    def on_machine(cls) -> list[tuple[str, Path]]:
        """Return the names and folders of the environments of this kind that are known here."""
        return []

    @property
    def installs_files(self) -> bool:
        """Return whether its manifest installs something from the project's folder."""
        return False

    @property
    @abstractmethod
    def name(self) -> str:
        """Return the name by which people know it."""

    @property
    @abstractmethod
    def engine(self) -> str:
        """Return the name of the engine that creates it."""

    def version_of_engine(self) -> Command | None:
        """Return the command that prints the engine's version, None if it is one of `tools`."""
        return None

    @property
    @abstractmethod
    def where(self) -> str:
        """Return which environment this is, for a sentence."""

    @property
    def manifest(self) -> Path | None:
        """Return the file that names the layer's own packages, or None without such a file."""
        return None

    def edit(self, specs: Sequence[str], *, drop: bool) -> tuple[Path, str, Command]:
        """Return the manifest, its new text, and the command that installs or removes `specs`.

        Raises:
            LabError: The layer has no manifest, or it cannot be edited.
        """
        del specs, drop
        text = f"{self.where} has no packages of its own that a manifest names."
        raise LabError(text, ErrorCode.NO_CONDA_LAYER, remedy=Remedy("Leave out --layer"))

    def details(self) -> dict[str, Any]:
        """Return what `env.info` shows of this kind of environment alone."""
        return {}

    def packages(self, prefix: Path | None = None) -> dict[str, dict[str, Any]]:
        """Return the records of its own packages by name; `prefix` is another environment."""
        del prefix
        return {}

    def owned(
        self, prefix: Path | None = None, packages: Mapping[str, dict[str, Any]] | None = None
    ) -> dict[str, Owned]:
        """Return the distributions that these packages installed, by their normalised names."""
        del prefix, packages
        return {}

    def hashes(self, prefix: Path | None = None) -> dict[str, str]:
        """Return the SHA-256 of each file of these packages, by its path in the environment."""
        del prefix
        return {}

    def python_version(self, prefix: Path | None = None) -> str:
        """Return the version of the environment's Python, empty where it is not recorded."""
        return site_packages.python_version(prefix or self.prefix) or ""

    def search(self, names: Sequence[str]) -> Command:
        """Return the command that prints the newest version of its packages by name and platform.

        Raises:
            NotImplementedError: The layer has no packages of its own.
        """
        raise NotImplementedError

    def own_addresses(self) -> tuple[str, ...]:
        """Return the addresses that its manifest, and none of the user's settings, names."""
        return ()

    def elsewhere(self, specs: Sequence[str]) -> str:
        """Return a sentence for each package that only other platforms have."""
        del specs
        return ""

    def uninstall(self, names: Sequence[str]) -> Command:
        """Return the command that removes packages of the layer's own.

        Raises:
            NotImplementedError: The layer has no packages of its own.
        """
        raise NotImplementedError

    @property
    def marker(self) -> Path:
        """Return the file or folder that only this kind of environment has."""
        return self.prefix / self.mark

    @abstractmethod
    def creation(self) -> tuple[Step, ...]:
        """Return the steps that create it; the first has the id `env.create`."""

    def creation_again(self) -> tuple[Step, ...]:
        """Return the steps that create it from scratch, in place of one that exists."""
        return self.creation()

    def renewal(self) -> Remedy:
        """Return what creates a damaged one again."""
        return health_checks.CREATE_AGAIN

    def recreation(
        self, description: Path, packages: Sequence[Mapping[str, Any]]
    ) -> tuple[Step, ...]:
        """Return the steps that create what a description says; `packages` are its own records."""
        del description, packages
        return self.creation()

    def clearing(self, why: str) -> Step:
        """Return the step that moves it away; the run moves it back unless it ends well."""
        return Step(
            "env.clear",
            f"clear {self.where}",
            work=self.set_aside,
            shown=shell_words.joined(["rm", "-r", str(self.prefix)]),
            why=why,
            writes=Writes.NEW_ENVIRONMENT,
            safe="it is moved back unless the run ends well",
        )

    @abstractmethod
    def lacking(self) -> tuple[str, ...]:
        """Return what the manifest names and an existing environment does not have."""

    @abstractmethod
    def activation(self) -> Activation:
        """Return what a process needs to run in it."""

    def repair(self, journal: Path, packages: Sequence[Mapping[str, Any]]) -> tuple[Command, ...]:
        """Return the commands that bring back its own packages; `packages` are their records."""
        del journal, packages
        return ()

    @abstractmethod
    def health(self) -> Iterable[Result]:
        """Check for damage without the help of a tool."""

    def damage(self) -> damage.Damage:
        """Return what has to be installed again for `health` to find nothing."""
        return damage.Damage(distribution_health.to_install_again(self.prefix))

    def doctor(self) -> Step | None:
        """Return the step of the tool that checks this kind of environment, where there is one."""
        return None

    @property
    def python(self) -> Path:
        """Return the path of its interpreter."""
        return self.activation().python

    def pip(
        self, verb: str, *words: str, why: str, cwd: Path | None = None, managed: bool = False
    ) -> Command:
        """Return the command in which uv's pip installs or uninstalls in this environment.

        A mark against that (PEP 668) is there to keep the layer's own packages, as the guard does.
        `managed` says that it may have the mark by then.
        """
        options = ["--python", str(self.python)]
        if managed or site_packages.externally_managed(self.prefix):
            options.append("--break-system-packages")
        return uv.command(self.project, "pip", verb, *options, *words, why=why, cwd=cwd)

    def state(self) -> State:
        """Return what exists at its place."""
        if not os.path.lexists(self.prefix):
            return State.ABSENT
        if not self.marker.exists():
            empty = self.prefix.is_dir() and not any(self.prefix.iterdir())
            return State.ABSENT if empty else State.FOREIGN
        works = self.python.is_file() and os.access(self.python, os.X_OK)
        return State.PRESENT if works else State.BROKEN

    def exists(self) -> bool:
        """Return whether there is a usable environment."""
        return self.state() is State.PRESENT

    def require(self) -> Activation:
        """Return its activation for a step that writes in it.

        Raises:
            LabError: The environment does not exist yet, is conda's base, or another project's.
        """
        self.refuse_base()
        self.refuse_place()
        claims.refuse_others(self)
        if self.state() is not State.PRESENT:
            text = f"{self.where} does not exist yet."
            raise LabError(text, ErrorCode.NO_ENVIRONMENT, remedy=CREATE)
        return self.activation()

    @property
    def lock_path(self) -> Path | None:
        """Return the file by which the projects that share the environment wait for each other."""
        return None

    def refuse_change(self) -> None:
        """Raise an error where what exists is not to be changed: base, another's, or frozen."""
        self.refuse_base()
        claims.refuse_others(self)
        claims.refuse_frozen(self)

    def refuse_foreign(self) -> None:
        """Raise an error where something exists that is not this project's environment."""
        self.refuse_base()
        claims.refuse_others(self)
        if self.state() is State.FOREIGN:
            text = f"{self.prefix} exists already, and is not a {self.kind} environment."
            raise LabError(text, ErrorCode.PATH_OCCUPIED, remedy=Remedy(f"Move {self.prefix} away"))

    def refuse_place(self) -> None:
        """Raise an error where no program in it would be found by PATH."""
        if os.pathsep in str(self.prefix):
            text = f"PATH cannot hold {self.prefix}, which has {os.pathsep!r} in its name."
            remedy = Remedy(f"Give the folder a name without {os.pathsep!r}")
            raise LabError(text, ErrorCode.SHELL_CANNOT_EXPRESS, remedy=remedy)
