"""A third environment layer, written from nothing: what a new one has to provide."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tasks_lib.environments.base import CREATION_IS_SAFE, Activation, Environment, State
from tasks_lib.errors import Remedy
from tasks_lib.execution.plan import Step, Writes
from tasks_lib.execution.process import Command
from tasks_lib.results import Check, Result, Status

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tasks_lib.project.project import Project

PROFILE = Check(
    "doctor.nix",
    "the profile is complete",
    "A profile links to a store, and the store may have been cleaned.",
    Remedy("Create the environment again", ("invoke", "setup", "--recreate")),
)


class Nix(Environment):
    """An environment that a `flake.nix` describes."""

    kind: ClassVar[str] = "nix"
    mark: ClassVar[str] = "manifest.nix"
    makers: ClassVar[tuple[str, ...]] = ("nix",)
    known_checks: ClassVar[tuple[Check, ...]] = (PROFILE,)
    name = ".nix"
    engine = "nix"
    where = "the Nix environment .nix"

    @classmethod
    def applies(cls, project: Project) -> bool:
        """Return whether there is a flake."""
        return (project.root / "flake.nix").is_file()

    @property
    def prefix(self) -> Path:
        """Return `.nix` in the project."""
        return self.project.root / ".nix"

    def activation(self) -> Activation:
        """Return what `nix develop` would set."""
        folder = self.prefix / "bin"
        return Activation(
            self.prefix, folder / "python", (folder,), {"NIX_PROFILE": str(self.prefix)}
        )

    def creation(self) -> tuple[Step, ...]:
        """Return the step that builds the flake."""
        self.refuse_foreign()
        command = Command(("nix", "build", "--profile", str(self.prefix)), "build the flake")
        create = Step(
            "env.create",
            f"create {self.where}",
            command,
            undo=self.discard,
            needs=("env.clear",),
            writes=Writes.NEW_ENVIRONMENT,
            safe=CREATION_IS_SAFE,
        )
        if self.state() is State.ABSENT:
            return (create,)
        return (self.clearing("it is broken"), create)

    def lacking(self) -> tuple[str, ...]:
        """Return nothing: a flake is built whole."""
        return ()

    def health(self) -> Iterable[Result]:
        """Check that the profile has its interpreter."""
        status = Status.PASS if self.python.exists() else Status.FAIL
        yield PROFILE.result(status)
