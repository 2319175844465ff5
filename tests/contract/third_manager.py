"""A third dependency manager, written from nothing: what a new one has to provide."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, ClassVar

from packaging.utils import canonicalize_name

from tasks_lib.errors import ErrorCode, Remedy
from tasks_lib.execution import failure_rules, failures
from tasks_lib.execution.plan import Step
from tasks_lib.execution.process import Command
from tasks_lib.managers.base import AFTER_LOCK, MAIN, Manager, Place
from tasks_lib.managers.locks import LockedPackage
from tasks_lib.results import Result, Status
from tasks_lib.tools import package_index
from tasks_lib.tools.changes import Change

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from tasks_lib.environments.base import Activation
    from tasks_lib.execution.process import Outcome
    from tasks_lib.project.workspace import Member

#: what its program prints when it fails
FAILURES = (
    failure_rules.Rule(
        ErrorCode.UNKNOWN_PACKAGE,
        "Package {what} was not found.",
        Remedy("Check the spelling"),
        (r"no such package: (?P<what>\S+)",),
    ),
)
#: a stand-in for the program: it succeeds and prints nothing
PROGRAM = (sys.executable, "-I", "-c", "")


class Pdm(Manager):
    """A manager with a lock in JSON."""

    name: ClassVar[str] = "pdm"
    lock_name: ClassVar[str] = "pdm.lock.json"
    member_remedy: ClassVar[Remedy] = Remedy("This manager has no members")

    @property
    def program(self) -> str:
        """Return the program, which the tool environment does not bring."""
        return PROGRAM[0]

    def _command(
        self, activation: Activation | None, *words: str, why: str = "run the third manager"
    ) -> Command:
        env = activation.env() if activation else {}
        index = {"PDM_INDEX": package_index.resolve(self.project.options).url}
        argv = (*PROGRAM, *words)
        return Command(argv, why, env={**env, **index}, cwd=self.project.root, failures=FAILURES)

    def lock(self, activation: Activation | None, upgrade: Sequence[str] | None = None) -> Command:
        """Run `pdm lock`."""
        return self._command(activation, "lock", *(upgrade or ()))

    def install(self, activation: Activation, groups: Sequence[str] = ()) -> Command:
        """Run `pdm install`."""
        return self._command(activation, "install", *groups)

    def preview(self, activation: Activation, groups: Sequence[str] = ()) -> Command:
        """Run `pdm install --dry-run`."""
        return self._command(activation, "install", *groups, "--dry-run")

    def changes(self, outcome: Outcome) -> list[Change]:
        """Read lines of a name, a version before and one after."""
        said = failures.demand(outcome, title="pdm install").stdout
        return [Change(*line.split(",")) for line in said.splitlines()]

    def add(self, activation: Activation, packages: Sequence[str], place: Place = MAIN) -> Command:
        """Run `pdm add`."""
        return self._command(activation, "add", place.group or "default", *packages)

    def remove(
        self, activation: Activation, packages: Sequence[str], place: Place = MAIN
    ) -> Command:
        """Run `pdm remove`."""
        return self._command(activation, "remove", place.group or "default", *packages)

    def default_groups(self) -> set[str]:
        """Return every group."""
        return set(self.project.pyproject.table("dependency-groups"))

    @property
    def installs_project(self) -> bool:
        """Return that only dependencies are installed."""
        return False

    def folders(self) -> Iterable[Path]:
        """Return nothing: it installs from indexes."""
        return ()

    def members(self) -> dict[str, Member]:
        """Return nothing."""
        return {}

    def export(self, activation: Activation | None, form: str, *, hashes: bool = True) -> Command:
        """Run `pdm export`."""
        return self._command(activation, "export", form, str(hashes))

    def build(self, activation: Activation | None, into: Path, member: Member | None) -> Command:
        """Run `pdm build`."""
        del member
        return self._command(activation, "build", str(into))

    def publish(
        self, files: Sequence[Path], address: str, login: Mapping[str, str], member: Member | None
    ) -> Command:
        """Run `pdm publish`."""
        del login, member
        return self._command(None, "publish", address, *map(str, files))

    def outdated(self, activation: Activation) -> Command:
        """Run `pdm outdated`."""
        return self._command(activation, "outdated")

    def checks(self, activation: Activation | None) -> tuple[Step, ...]:
        """Check the lock."""
        return (self.fresh(activation),)

    def fresh(self, activation: Activation | None) -> Step:
        """Run `pdm lock --check`."""
        command = self._command(activation, "lock", "--check")
        return Step(
            "check.lock", "check the lock", command, reads=self._read, needs=AFTER_LOCK, check=True
        )

    def _read(self, outcome: Outcome) -> Iterable[Result]:
        if outcome.ok:
            yield self.lock_result(Status.PASS)
        else:
            error = failures.explain(outcome)
            yield self.lock_result(Status.ERROR, error.message, error.remedy)

    def locked_packages(self) -> tuple[LockedPackage, ...]:
        """Read a JSON object of names and versions."""
        if not self.lock_path.is_file():
            return ()
        rows = json.loads(self.lock_path.read_text())
        return tuple(LockedPackage(canonicalize_name(name), rows[name]) for name in rows)
