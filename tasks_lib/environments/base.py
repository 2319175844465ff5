"""What an environment layer is, and the small frozen value in which the two layers meet."""

from __future__ import annotations

import os
import shutil
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar

from tasks_lib.environments import health_checks
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution.plan import Step, Writes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from tasks_lib.execution.process import Command
    from tasks_lib.project.project import Project
    from tasks_lib.results import Check, Result

WINDOWS = os.name == "nt"
#: The steps after which an environment is whole; what looks at it waits for those that a plan has.
MADE = ("env.create", "env.update", "env.pip", "deps.install")
#: What a new virtual environment has before any lock; `uv venv --seed` and `python -m venv` put them there.
SEEDS = ("pip", "setuptools", "wheel", "packaging")
#: Why a step that creates an environment is safe.
CREATION_IS_SAFE = "deleted again if it is not completed"


@dataclass(frozen=True)
class Activation:
    """All that a process needs to run in an environment: interpreter, folders for PATH, variables (`None` unsets)."""

    prefix: Path
    python: Path
    path: tuple[Path, ...]
    variables: Mapping[str, str | None] = field(default_factory=dict, hash=False)
    scripts: tuple[Path, ...] = ()
    undo_scripts: tuple[Path, ...] = ()

    def env(self) -> dict[str, str | None]:
        """Give the changes for a process: the variables, and the folders ahead of PATH."""
        ahead = [str(folder) for folder in self.path]
        rest = [
            part
            for part in os.environ.get("PATH", "").split(os.pathsep)
            if part and part not in ahead
        ]
        return {**self.variables, "PATH": os.pathsep.join([*ahead, *rest])}


class State(Enum):
    """What stands at an environment's place."""

    ABSENT = "absent"
    PRESENT = "present"
    BROKEN = "broken"  # an environment whose interpreter is gone or does not start
    FOREIGN = "foreign"  # something that is no environment at all


class Environment(ABC):
    """One environment layer of one project; it returns steps and commands, and runs nothing."""

    kind: ClassVar[str]
    #: the name of what only this kind of environment has
    mark: ClassVar[str]
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

    #: the variables by which a user changes what it installs and where; a proof unsets them
    user_variables: ClassVar[tuple[str, ...]] = ()

    def __init__(self, project: Project) -> None:
        """Keep the project; nothing is looked at before it is asked for."""
        self.project = project

    @classmethod
    @abstractmethod
    def applies(cls, project: Project) -> bool:
        """Tell whether the project has what this layer is made from."""

    @classmethod
    def program_on_path(cls) -> str:
        """Return the program on PATH for which this layer is chosen unasked; empty for none."""
        return ""

    @classmethod
    def choices(cls) -> list[str]:
        """List what can make it on this machine, where a person may choose."""
        return []

    @classmethod
    def caches(cls) -> dict[str, str]:
        """Return the user's download caches: each folder by the variable that names it."""
        return {}

    @classmethod
    def on_machine(cls) -> list[tuple[str, Path]]:
        """Return the names and folders of this kind's environments that a list or a folder of it has."""
        return []

    @property
    def installs_files(self) -> bool:
        """Return whether its manifest installs something from the project's folder."""
        return False

    @property
    @abstractmethod
    def prefix(self) -> Path:
        """Give the environment's folder."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Give the name by which people know it."""

    @property
    @abstractmethod
    def engine(self) -> str:
        """Name what makes it."""

    def version_of_engine(self) -> Command | None:
        """Return the command that prints the engine's version, nothing where it is one of `tools`."""
        return None

    @property
    @abstractmethod
    def where(self) -> str:
        """Say which environment this is, for a sentence."""

    @property
    def manifest(self) -> Path | None:
        """Return the file that names the packages of the layer's own, or `None` without such a file."""
        return None

    def edit(self, specs: Sequence[str], *, drop: bool) -> tuple[Path, str, Command]:
        """Return the manifest, its new text, and the command that installs or removes `specs`.

        Raises:
            NotImplementedError: The layer has no manifest.
        """
        raise NotImplementedError

    def details(self) -> dict[str, Any]:
        """Return what `env.info` shows of this kind of environment alone."""
        return {}

    def uninstall(self, names: Sequence[str]) -> Command:
        """Return the command that removes packages of the layer's own.

        Raises:
            NotImplementedError: The layer has no packages of its own.
        """
        raise NotImplementedError

    @property
    def marker(self) -> Path:
        """Give the file or folder that only this kind of environment has."""
        return self.prefix / self.mark

    @abstractmethod
    def creation(self) -> tuple[Step, ...]:
        """Give the steps that make it, the first of which has the id `env.create`."""

    def recreation(
        self, description: Path, packages: Sequence[Mapping[str, Any]]
    ) -> tuple[Step, ...]:
        """Give the steps that make it as a description says; `packages` are the records of what it owned."""
        del description, packages
        return self.creation()

    def clearing(self, why: str) -> Step:
        """Give the step that makes room for another; what stood there comes back if the run does not end well."""
        shown = f"rm -r {self.prefix}"
        return Step(
            "env.clear",
            f"clear {self.where}",
            work=self.set_aside,
            shown=shown,
            why=why,
            writes=Writes.NEW_ENVIRONMENT,
            safe="what stood there comes back unless the run ends well",
        )

    @abstractmethod
    def lacking(self) -> tuple[str, ...]:
        """Say what the manifest asks for and an existing environment does not have, by conda's or Python's words."""

    @abstractmethod
    def activation(self) -> Activation:
        """Give what a process needs to run in it."""

    def repair(self, journal: Path, packages: Sequence[Mapping[str, Any]]) -> tuple[Command, ...]:
        """Give the commands that bring back the packages of its own that a journal's records name."""
        del journal, packages
        return ()

    @abstractmethod
    def health(self) -> Iterable[Result]:
        """Look for damage without a tool's help."""

    def doctor(self) -> Step | None:
        """Give the tool that answers for the health of this environment, where there is one."""
        return None

    @property
    def python(self) -> Path:
        """Give the path of its interpreter."""
        return self.activation().python

    def state(self) -> State:
        """Look at what stands at its place."""
        if not os.path.lexists(self.prefix):
            return State.ABSENT
        if not self.marker.exists():
            empty = self.prefix.is_dir() and not any(self.prefix.iterdir())
            return State.ABSENT if empty else State.FOREIGN
        return (
            State.PRESENT
            if self.python.is_file() and os.access(self.python, os.X_OK)
            else State.BROKEN
        )

    def exists(self) -> bool:
        """Tell whether there is a usable environment."""
        return self.state() is State.PRESENT

    def require(self) -> Activation:
        """Give its activation, or a clear error where there is none yet; all that writes in it asks for it here."""
        self.refuse_base()
        if self.state() is not State.PRESENT:
            text = f"{self.where} does not exist yet."
            raise LabError(text, ErrorCode.NO_ENVIRONMENT, remedy="make it: invoke setup")
        return self.activation()

    @property
    def lock_path(self) -> Path | None:
        """Give the file by which runs of several projects wait for each other, where they can share the environment."""
        return None

    @property
    def aside(self) -> Path:
        """Return the place of an environment that was set aside, until the run ends well."""
        return self.prefix.with_name(f".mlops-lab-aside-{self.prefix.name}")

    def set_aside(self) -> None:
        """Move the environment away in one operation, so that it can be brought back whole."""
        self.refuse_base()
        self._move(self.prefix, self.aside)
        self._deregister()

    def bring_back(self) -> None:
        """Move what was set aside to its place again."""
        self._move(self.aside, self.prefix)
        self._register()

    def discard_aside(self) -> None:
        """Delete what was set aside."""
        self._delete(self.aside)

    def discard(self) -> None:
        """Delete the environment, whole or not; of a link, what it points to stays."""
        self.refuse_base()
        self._delete(self.prefix)
        self._deregister()

    def _delete(self, place: Path) -> None:
        try:
            _delete(place)
        except OSError as error:
            text = f"{place} cannot be deleted: {error.strerror}."
            raise LabError(text, ErrorCode.CANNOT_DELETE) from None

    def _move(self, source: Path, target: Path) -> None:
        """Move a folder to where another may be, which is deleted."""
        try:
            _delete(target)
            source.replace(target)
        except OSError as error:
            text = f"{self.prefix} cannot be moved: {error.strerror}."
            raise LabError(text, ErrorCode.CANNOT_DELETE) from None

    def _register(self) -> None:  # noqa: B027 - not every kind has a list
        """Add the environment to its kind's list of environments."""

    def _deregister(self) -> None:  # noqa: B027 - not every kind has a list
        """Take the environment off its kind's list of environments."""

    def refuse_base(self) -> None:  # noqa: B027 - not every kind has one
        """Stop where it is an environment that is never touched, however it is named."""

    def refuse_foreign(self) -> None:
        """Stop before anything is written where something else than an environment stands, or conda's base."""
        self.refuse_base()
        if self.state() is State.FOREIGN:
            text = f"{self.prefix} is there already, and it is no {self.kind} environment."
            raise LabError(text, ErrorCode.PATH_OCCUPIED, remedy=f"move it away: {self.prefix}")


def _delete(place: Path) -> None:
    if place.is_symlink() or place.is_file():
        place.unlink()
    elif place.exists():
        shutil.rmtree(place)
