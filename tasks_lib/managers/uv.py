"""The dependency manager uv."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from packaging.utils import canonicalize_name

from tasks_lib.errors import Remedy
from tasks_lib.execution import files, process
from tasks_lib.execution.plan import Step
from tasks_lib.execution.process import Command
from tasks_lib.managers import (
    locks,
    own_project,
    parts,
    pyproject_rules,
    uv_by_hand,
    uv_check,
)
from tasks_lib.managers.base import AFTER_LOCK, LOCK_FRESH, MAIN, Manager, Place
from tasks_lib.managers.locks import LockedPackage, Origin
from tasks_lib.managers.uv_tables import UvTables
from tasks_lib.project import requirements, trust, workspace
from tasks_lib.project.manifests import PYPROJECT, read_toml
from tasks_lib.results import Check, Result, Status
from tasks_lib.tools import executables, package_index, uv
from tasks_lib.tools.uv_variables import UV

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from tasks_lib.environments.base import Activation
    from tasks_lib.execution.process import Outcome
    from tasks_lib.managers.tables import ManagerTables
    from tasks_lib.project.workspace import Member
    from tasks_lib.tools.changes import Change
    from tasks_lib.tools.variables import Variables

#: The keys of a package's source in uv.lock that are not an index.
_ELSEWHERE = {"git", "url", "path", "directory", "editable"}
_PUBLISH_VARIABLES = ("URL", "INDEX", "CHECK_URL", "TOKEN", "USERNAME", "PASSWORD")


class Uv(Manager):
    """uv works on any environment that UV_PROJECT_ENVIRONMENT names.

    It is told the environment's interpreter too: then it refuses a Python that does not fit, and
    does not create the environment from scratch. Its project commands never look at CONDA_PREFIX:
    https://github.com/astral-sh/uv/issues/7829
    """

    name: ClassVar[str] = "uv"
    lock_name: ClassVar[str] = uv.LOCK
    tables: ClassVar[type[ManagerTables]] = UvTables
    member_remedy: ClassVar[Remedy] = Remedy("Add its folder to members in [tool.uv.workspace]")
    backend: ClassVar[str] = "uv_build"
    config_files: ClassVar[tuple[str, ...]] = ("uv.toml",)
    bots: ClassVar[tuple[str, ...]] = ("uv", "pep621")
    unfinished: ClassVar[str] = r"\.tmp[0-9A-Za-z]{6}"
    variables: ClassVar[tuple[Variables, ...]] = (UV,)
    known_checks: ClassVar[tuple[Check, ...]] = (
        pyproject_rules.CONFIG_PYPROJECT,
        uv_check.CONFIG_UV,
        LOCK_FRESH,
    )
    reads_apart: ClassVar[bool] = True
    diversion_check: ClassVar[Check | None] = uv_by_hand.LEAK_UV
    outdated_owners: ClassVar[tuple[str, ...]] = ("lock", "pip", "stray")

    @classmethod
    def caches(cls) -> dict[str, str]:
        """Run uv to find the folder of its downloads."""
        why = "ask uv where it keeps its downloads"
        argv = (executables.uv(), "cache", "dir")
        asked = Command(argv, why, env=UV.unset(), cwd=Path(sys.prefix))
        return {"UV_CACHE_DIR": process.run(asked).stdout.strip()}

    def diversions(self, prefix: Path) -> Iterable[tuple[str, str, Remedy]]:
        """Look at what leads uv to an environment, and at what is in that."""
        return uv_by_hand.diversions(self, prefix)

    def lock(self, activation: Activation | None, upgrade: Sequence[str] | None = None) -> Command:
        """Run `uv lock`."""
        argv = ["lock"]
        for name in upgrade or ():
            argv += ["--upgrade-package", name]
        if upgrade is not None and not upgrade:
            argv.append("--upgrade")
        return self._command(argv, activation, "resolve all dependencies and write uv.lock")

    def install(self, activation: Activation, groups: Sequence[str] = ()) -> Command:
        """Run `uv sync --inexact`: without that flag it deletes what conda or a user installed.

        By design: https://github.com/astral-sh/uv/issues/13960. uv looks at the time of the
        manifest alone to see whether it installs the project again.
        """
        argv = ["sync", "--inexact", "--locked", *self._every_member]
        pyproject = self.project.pyproject
        if self.installs_project and own_project.is_outdated(pyproject, activation.prefix):
            argv += ["--reinstall-package", canonicalize_name(pyproject.name)]
        if not self.project.included.dev:
            argv.append("--no-default-groups")
        for name in parts.wanted_groups(self, groups):
            argv += ["--group", name]
        for name in self.chosen_extras():
            argv += ["--extra", name]
        return self._command(argv, activation, "install what uv.lock lists, and remove nothing")

    def reinstall(self, activation: Activation, names: Collection[str]) -> Command:
        """Fetch `names` again: an edited file is that of uv's cache too, by a hard link."""
        command = self.install(activation)
        words = (f"--reinstall-package={name}" for name in sorted(names))
        return replace(command, argv=(*command.argv, *words))

    def preview(self, activation: Activation, groups: Sequence[str] = ()) -> Command:
        """Run `uv sync --dry-run`."""
        command = self.install(activation, groups)
        # whether the lock fits is asked apart: `--locked` may build the project to find out
        argv = ("--frozen" if word == "--locked" else word for word in command.argv)
        return replace(command, argv=(*argv, "--dry-run"), why="see what would be installed")

    def changes(self, outcome: Outcome) -> list[Change]:
        """Return what `uv sync` printed as removed and installed."""
        return uv.changes(outcome)

    def add(self, activation: Activation, packages: Sequence[str], place: Place = MAIN) -> Command:
        """Run `uv add --no-sync`.

        Without `--no-workspace` it would turn the project into a workspace of a folder that lies in
        it.
        """
        options = _in(place)
        has_folder = any(requirements.is_folder(package) for package in packages)
        if has_folder and not self._workspace:
            options.append("--no-workspace")
        argv = ["add", "--no-sync", *options, *packages]
        why = "declare the packages in pyproject.toml and lock them"
        command = self._command(argv, activation, why)
        env = dict(command.env)
        if "UV_DEFAULT_INDEX" in env:
            # `uv add` would write that address to pyproject.toml, without its login (uv 0.13.9)
            env["UV_INDEX_URL"] = env.pop("UV_DEFAULT_INDEX")
        return replace(command, env=env)

    def remove(
        self, activation: Activation, packages: Sequence[str], place: Place = MAIN
    ) -> Command:
        """Run `uv remove --no-sync`."""
        argv = ["remove", "--no-sync", *_in(place), *packages]
        return self._command(argv, activation, "remove the packages from pyproject.toml and lock")

    def default_groups(self) -> set[str]:
        """Return the groups that `default-groups` lists: only `dev` unless it is set."""
        groups = set(self.project.pyproject.table("dependency-groups"))
        default = self._table.get("default-groups", ["dev"])
        if default == "all":
            return groups
        if not isinstance(default, list):
            return set()
        return {one for one in default if isinstance(one, str)} & groups

    @property
    def installs_project(self) -> bool:
        """Return whether it is a package.

        The key `package` decides, and without it the build system.
        """
        return bool(self._table.get("package", "build-system" in self.project.pyproject.data))

    def extras(self) -> dict[str, str]:
        """Return those of all members: `uv sync` installs them together."""
        found = super().extras()
        for member in self.members().values():
            found = member.pyproject.extras | found
        return found

    def folders(self) -> Iterable[Path]:
        """Return those of `[tool.uv.sources]`, and of `NAME @ file:…`."""
        pyproject = self.project.pyproject
        yield from workspace.paths_in(pyproject, self._table.get("sources"))
        yield from workspace.by_address(pyproject)

    def members(self) -> dict[str, Member]:
        """Read the members of the workspace."""
        return workspace.read(self.project.root, workspace.of_workspace(self.project.pyproject))

    def export(self, activation: Activation | None, form: str, *, hashes: bool = True) -> Command:
        """Run `uv export`."""
        argv = ["export", "--frozen", *self._every_member, "--no-header", "--no-emit-project"]
        argv += ["--format", form]
        if not hashes:
            argv.append("--no-hashes")
        return self._command(argv, activation, f"print uv.lock as {form}")

    def build(self, activation: Activation | None, into: Path, member: Member | None) -> Command:
        """Run `uv build`."""
        argv = ["build", *_in(Place(member=member)), "--out-dir", str(into)]
        argv.append("--no-create-gitignore")
        return self._command(argv, activation, "build the source distribution and the wheel")

    def publish(
        self, files: Sequence[Path], address: str, login: Mapping[str, str], member: Member | None
    ) -> Command:
        """Run `uv publish`, elsewhere: it would follow the `publish-url` of the project.

        The user's own variables for it must not name another index or login.
        """
        del member
        argv = [self.program, "publish", "--directory", self.project.root.anchor]
        argv += ["--trusted-publishing", "never"]
        if address:
            argv += ["--publish-url", address]
        env = UV.unset()
        for name in _PUBLISH_VARIABLES:
            env[f"UV_PUBLISH_{name}"] = login.get(name)
        return Command(
            (*argv, *map(str, files)),
            "upload the files",
            env=env,
            cwd=self.project.root,
            source=address,
            failures=uv.FAILURES,
        )

    @classmethod
    def publish_addresses(cls) -> dict[str, str]:
        """Return the `publish-url` of each index in the user's own files."""
        found: dict[str, str] = {}
        for path in reversed(package_index.uv_files(os.environ)):
            entries = read_toml(path, str(path))[0].get("index") if path.is_file() else ()
            for entry in entries if isinstance(entries, list) else ():
                if isinstance(entry, dict) and entry.get("publish-url"):
                    found[str(entry.get("name"))] = str(entry["publish-url"])
        return found

    def outdated(self, activation: Activation) -> Command:
        """Run `uv pip list --outdated`; `uv tree --outdated` prints no data."""
        argv = ["pip", "list", "--outdated", "--format", "json"]
        why = "ask the index for newer versions of what is installed"
        return self._command(argv, activation, why)

    def checks(self, activation: Activation | None) -> tuple[Step, ...]:
        """Check what the manifest declares; the lock's check finds too whether uv can read it."""
        rules = Step(
            "check.config",
            "check what pyproject.toml declares",
            work=lambda: pyproject_rules.validate(self.project),
            check=True,
        )
        return (rules, self.fresh(activation))

    def manifest_by_reading(self) -> Iterable[Result]:
        """Check what the manifest declares."""
        return pyproject_rules.validate(self.project)

    def lock_by_reading(self) -> tuple[bool | None, str]:
        """Compare what uv recorded in its lock with the manifests."""
        from tasks_lib.managers import uv_lock_reading  # noqa: PLC0415 - 0.02 s, and seldom needed

        found = uv_lock_reading.judge(self.project.root, self.project.options.exclude_newer)
        return found.fits, found.text

    def fresh(self, activation: Activation | None) -> Step:
        """Let uv compare the lock with copies of the manifests; else run `uv lock --check`.

        That may resolve all dependencies, and builds what declares its metadata in code.
        """
        why = "see whether uv.lock matches pyproject.toml"
        command = self._command(["lock", "--check"], activation, why)
        return Step(
            "check.lock",
            "check uv.lock",
            command,
            known=partial(self._compared, command, activation),
            reads=partial(uv_check.results, self),
            needs=AFTER_LOCK,
            check=True,
        )

    def _compared(
        self, command: Command, activation: Activation | None, children: process.Children
    ) -> list[Result] | None:
        """Return the results that need no code of the project; None where the command must tell.

        What has to be built for an answer is built in a copy: a build backend leaves files.
        """
        from tasks_lib.managers import uv_lock_check  # noqa: PLC0415 - 0.02 s that only this needs

        outcome = uv_lock_check.outcome(self, activation, children)
        found = uv_lock_check.fits(outcome) if outcome else None
        if found is not None:
            fault = "" if found else uv_check.CHANGED
            return [self.lock_result(Status.PASS if found else Status.FAIL, fault)]
        results = list(uv_check.results(self, outcome)) if outcome else []
        if any(result.status is Status.FAIL for result in results):
            return results
        if self.project.options.trusted:
            if outcome is None:
                return None
            reads = partial(uv_check.results, self)
            return uv_lock_check.built(self, command, outcome, children, reads)
        return [self.lock_result(Status.SKIP, f"uv cannot tell: {trust.WHY}.", trust.REMEDY)]

    def apart(self, command: Command, to: Path) -> Command:
        """Copy the lock and the manifests of all members, none of which can be built then."""
        from tasks_lib.managers import uv_lock_check  # noqa: PLC0415 - 0.02 s, and seldom needed

        return uv_lock_check.apart(self, command, to)

    def locked_packages(self) -> tuple[LockedPackage, ...]:
        """Read uv.lock."""
        return locks.read(self.lock_path, _locked_package)

    @property
    def _table(self) -> Mapping[str, Any]:
        return self.project.pyproject.table("tool", "uv")

    @property
    def _workspace(self) -> Mapping[str, Any]:
        return self.project.pyproject.table("tool", "uv", "workspace")

    @property
    def _every_member(self) -> list[str]:
        """Return the flag that includes every member.

        A workspace has one environment, with all of them in it.
        """
        return ["--all-packages"] if self._workspace else []

    def _command(self, argv: Sequence[str], activation: Activation | None, why: str) -> Command:
        self.refuse_odd_files()
        for folder in workspace.of_workspace(self.project.pyproject) if self._workspace else ():
            files.expect_regular(folder / PYPROJECT)
        env = {**uv.variables(self.project), "UV_PYTHON_DOWNLOADS": "never"}
        words = [self.program, *argv]
        if activation is not None:
            words += ["--python", str(activation.python)]
            env["UV_PROJECT_ENVIRONMENT"] = str(activation.prefix)
        else:
            # uv would read .venv all the same, and remember a half-made one by its base (uv 0.13.9)
            env["UV_PROJECT_ENVIRONMENT"] = executables.nowhere()
            python = executables.fitting(self.project.pyproject)
            if python is not None:
                words += ["--python", str(python)]
        return Command(tuple(words), why, env=env, cwd=self.project.root, failures=uv.FAILURES)


def _locked_package(row: dict[str, Any]) -> LockedPackage:
    """Return one `[[package]]` of uv.lock."""
    source = row.get("source", {})
    origin = Origin.INDEX
    if "virtual" in source or source.get("editable") == ".":
        origin = Origin.PROJECT
    elif _ELSEWHERE & source.keys():
        origin = Origin.ELSEWHERE
    entries = [*row.get("dependencies", ())]
    for group in row.get("dev-dependencies", {}).values():
        entries += group
    markers = row.get("resolution-markers", ())
    return LockedPackage(
        name=canonicalize_name(row["name"]),
        version=str(row.get("version", "")),
        origin=origin,
        index=str(source.get("registry", "")),
        dependencies=tuple(canonicalize_name(entry["name"]) for entry in entries),
        markers=tuple(markers) if isinstance(markers, list) else (),
    )


def _in(place: Place) -> list[str]:
    """Return the options that say which table of which manifest is edited, and how."""
    words = ["--package", place.member.name] if place.member else []
    for name in place.extras:
        words += ["--extra", name]
    return words + place.options
