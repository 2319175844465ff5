"""The dependency manager uv."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from packaging.utils import canonicalize_name

from tasks_lib.errors import Remedy
from tasks_lib.execution import failures, process
from tasks_lib.execution.plan import Step
from tasks_lib.execution.process import Command
from tasks_lib.managers import pyproject_rules
from tasks_lib.managers.base import AFTER_LOCK, LOCK_FRESH, MAIN, Change, Manager, Place
from tasks_lib.managers.uv_tables import UvTables
from tasks_lib.project import requirements, workspace
from tasks_lib.results import Check, Result, Status
from tasks_lib.tools import executables, package_index, uv

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from tasks_lib.environments.base import Activation
    from tasks_lib.execution.process import Outcome
    from tasks_lib.managers.tables import ManagerTables
    from tasks_lib.project.workspace import Member

#: what uv says of a manifest that it cannot read: the table with its line, or the reason alone
_UNREADABLE = re.compile(
    r"error: (?:Failed to parse: `?pyproject.toml`?\s+cause: TOML parse error at line (?P<line>\d+)[^\n]*\n"
    r"(?:[\s\d]*\|[^\n]*\n)*|Project [^\n]* has malformed dependency groups\s+cause: )(?P<why>.*)",
    re.DOTALL,
)
#: what it says of a lock that has to be made anew
_FAULTS = {
    "Unable to find lockfile": "there is no uv.lock",
    "needs to be updated": "pyproject.toml was changed since uv.lock was written",
    r"(?=.*Failed to parse).*uv\.lock": "uv.lock is damaged",
}
_CHANGE = re.compile(r"^ ([-+~]) ([\w.-]+)(?:==(\S+)| @ (\S+))?", re.MULTILINE)

CONFIG_UV = Check(
    "config.uv",
    "uv can read pyproject.toml",
    "What uv cannot read, it can neither lock nor install.",
    Remedy("Fix pyproject.toml at the line that the result names"),
)


class Uv(Manager):
    """uv works on any environment that UV_PROJECT_ENVIRONMENT names, and is told its interpreter.

    Told so, it refuses a Python that does not fit instead of making the environment anew.
    """

    name: ClassVar[str] = "uv"
    lock_name: ClassVar[str] = "uv.lock"
    tables: ClassVar[type[ManagerTables]] = UvTables
    config_files: ClassVar[tuple[str, ...]] = ("uv.toml",)
    known_checks: ClassVar[tuple[Check, ...]] = (
        pyproject_rules.CONFIG_PYPROJECT,
        CONFIG_UV,
        LOCK_FRESH,
    )
    user_variables: ClassVar[tuple[str, ...]] = (
        "UV_CONFIG_FILE",
        "UV_RESOLUTION",
        "UV_PRERELEASE",
        "UV_CONSTRAINT",
        "UV_OVERRIDE",
        "UV_EXCLUDE_NEWER",
    )
    outdated_owners: ClassVar[tuple[str, ...]] = ("lock", "stray")
    member_remedy: ClassVar[str] = "name its folder under members in [tool.uv.workspace]"

    @classmethod
    def caches(cls) -> dict[str, str]:
        """Ask uv for the folder of its downloads."""
        asked = Command((executables.uv(), "cache", "dir"), "ask uv where it keeps its downloads")
        return {"UV_CACHE_DIR": process.run(asked).stdout.strip()}

    def lock(self, activation: Activation | None, upgrade: Sequence[str] | None = None) -> Command:
        """Run `uv lock`."""
        argv = ["lock"]
        if upgrade is not None:
            argv += [part for name in upgrade for part in ("--upgrade-package", name)] or [
                "--upgrade"
            ]
        return self._command(argv, activation, "resolve all dependencies and write uv.lock")

    def install(self, activation: Activation, groups: Sequence[str] = ()) -> Command:
        """Run `uv sync --inexact`: without that flag it deletes what conda or a person installed."""
        wanted = [*self._every, *(part for name in groups for part in ("--group", name))]
        argv = ["sync", "--inexact", "--locked", *wanted]
        return self._command(argv, activation, "install what uv.lock names, and take nothing away")

    def preview(self, activation: Activation, groups: Sequence[str] = ()) -> Command:
        """Run `uv sync --dry-run`."""
        command = self.install(activation, groups)
        return replace(
            command, argv=(*command.argv, "--dry-run"), why="see what would be installed"
        )

    def changes(self, outcome: Outcome) -> list[Change]:
        """Read the lines ` - click==8.1.7`, ` + click==8.5.1` and ` ~ click==8.5.1`."""
        failures.demand(outcome, title="uv sync --dry-run")
        found: dict[str, dict[str, str]] = {}
        for sign, name, version, address in _CHANGE.findall(outcome.stderr):
            found.setdefault(canonicalize_name(name), {})[sign] = version or address
        same = {name: signs.get("~", "") for name, signs in found.items()}
        return [
            Change(name, s.get("-", same[name]), s.get("+", same[name]))
            for name, s in found.items()
        ]

    def default_groups(self) -> set[str]:
        """Give those of `default-groups`, which are `dev` where nothing is said."""
        groups, default = (
            {*self.project.pyproject.table("dependency-groups")},
            self._table.get("default-groups", ["dev"]),
        )
        if default == "all":
            return groups
        return (
            groups & {one for one in default if isinstance(one, str)}
            if isinstance(default, list)
            else set()
        )

    @property
    def installs_project(self) -> bool:
        """Tell whether it is a package: it says so, or has a build system."""
        return bool(self._table.get("package", "build-system" in self.project.pyproject.data))

    def folders(self) -> Iterable[Path]:
        """Give those of `[tool.uv.sources]`, and of `NAME @ file:…`."""
        return (
            *workspace.of_sources(self.project.pyproject),
            *workspace.by_address(self.project.pyproject),
        )

    @property
    def _table(self) -> Mapping[str, Any]:
        return self.project.pyproject.table("tool", "uv")

    def members(self) -> dict[str, Member]:
        """Read the members of the workspace."""
        return workspace.read(self.project.root, workspace.of_workspace(self.project.pyproject))

    @property
    def _every(self) -> list[str]:
        """Give the flag that takes in every member: a workspace has one environment, and all of them are in it."""
        return ["--all-packages"] if self.project.pyproject.table("tool", "uv", "workspace") else []

    def add(self, activation: Activation, packages: Sequence[str], place: Place = MAIN) -> Command:
        """Run `uv add --no-sync`; unasked, it would make the project a workspace of a folder that lies in it."""
        options = _in(place)
        if any(map(requirements.is_folder, packages)) and not self.project.pyproject.table(
            "tool", "uv", "workspace"
        ):
            options.append("--no-workspace")
        argv = ["add", "--no-sync", *options, *packages]
        command = self._command(
            argv, activation, "declare the packages in pyproject.toml and lock them"
        )
        env = dict(command.env)
        if (
            "UV_DEFAULT_INDEX" in env
        ):  # which `uv add` would write to pyproject.toml, and without its credentials
            env["UV_INDEX_URL"] = env.pop("UV_DEFAULT_INDEX")
        return replace(command, env=env)

    def remove(
        self, activation: Activation, packages: Sequence[str], place: Place = MAIN
    ) -> Command:
        """Run `uv remove --no-sync`."""
        argv = ["remove", "--no-sync", *_in(place), *packages]
        return self._command(argv, activation, "take the packages out of pyproject.toml and lock")

    def export(self, activation: Activation | None, form: str, *, hashes: bool = True) -> Command:
        """Run `uv export`."""
        argv = [
            "export",
            "--locked",
            *self._every,
            "--no-header",
            "--no-emit-project",
            "--format",
            form,
        ]
        return self._command(
            [*argv, *([] if hashes else ["--no-hashes"])], activation, f"print uv.lock as {form}"
        )

    def build(self, activation: Activation | None, into: Path, member: Member | None) -> Command:
        """Run `uv build`."""
        argv = [
            "build",
            *_in(Place(member=member)),
            "--out-dir",
            str(into),
            "--no-create-gitignore",
        ]
        return self._command(argv, activation, "build the source distribution and the wheel")

    def publish(
        self, files: Sequence[Path], address: str, login: Mapping[str, str], member: Member | None
    ) -> Command:
        """Run `uv publish`, whose own variables must not name another index, nor a person's login for one."""
        del member
        to = ("--publish-url", address) if address else ()
        argv = (self.program, "publish", "--trusted-publishing", "never", *to, *map(str, files))
        names = ("URL", "INDEX", "CHECK_URL", "TOKEN", "USERNAME", "PASSWORD")
        env = dict.fromkeys(f"UV_PUBLISH_{name}" for name in names) | {
            f"UV_PUBLISH_{k}": v for k, v in login.items()
        }
        return Command(
            argv,
            "upload the files",
            env=env,
            cwd=self.project.root,
            source=address,
            failures=uv.FAILURES,
        )

    def outdated(self, activation: Activation) -> Command:
        """Run `uv pip list --outdated`: `uv tree` has no data to read."""
        argv = ["pip", "list", "--outdated", "--format", "json"]
        return self._command(
            argv, activation, "ask the index for newer versions of what is installed"
        )

    def checks(self, activation: Activation | None) -> tuple[Step, ...]:
        """Check what the manifest declares; then the lock, and whether uv can read both, by `uv lock --check`."""
        command = self._command(
            ["lock", "--check"], activation, "see whether uv.lock fits pyproject.toml"
        )
        return (
            Step(
                "check.config",
                "check what pyproject.toml declares",
                work=self._validate,
                check=True,
            ),
            Step(
                "check.lock",
                "check uv.lock",
                command,
                reads=self._read_lock,
                needs=AFTER_LOCK,
                check=True,
            ),
        )

    def _validate(self) -> Iterable[Result]:
        return pyproject_rules.validate(self.project)

    def _read_lock(self, outcome: Outcome) -> Iterable[Result]:
        """Tell a stale lock from a check that could not be made: uv's exit code does not."""
        said = outcome.stderr
        if outcome.ok:
            yield from self.lock_result(Status.PASS)
        elif found := _UNREADABLE.search(said):
            text = " ".join(found["why"].split())
            line = int(found["line"]) if found["line"] else None
            yield CONFIG_UV.result(Status.FAIL, text, file="pyproject.toml", line=line)
            reason = "uv cannot read pyproject.toml"
            yield from self.lock_result(Status.SKIP, reason, CONFIG_UV.remedy)
        elif fault := next(
            (why for pattern, why in _FAULTS.items() if re.search(pattern, said, re.DOTALL)), ""
        ):
            yield from self.lock_result(Status.FAIL, fault)
        else:
            error = failures.explain(outcome, title="check uv.lock")
            yield from self.lock_result(Status.ERROR, error.message, error.remedy)

    def _command(self, argv: Sequence[str], activation: Activation | None, why: str) -> Command:
        self.refuse_odd_lock()
        env: dict[str, str | None] = {
            **package_index.for_uv(self.project),
            "UV_PYTHON_DOWNLOADS": "never",
        }
        words = [self.program, *argv]
        if (
            activation is None
        ):  # uv would look at .venv all the same, and keep what it sees: of a half-made one, its base
            env["UV_PROJECT_ENVIRONMENT"] = executables.nowhere()
            fits = self.project.pyproject.allows(executables.running_python())
            words += ["--python", executables.base_python()] if fits else []
        else:
            words += ["--python", str(activation.python)]
            env["UV_PROJECT_ENVIRONMENT"] = str(activation.prefix)
        return Command(tuple(words), why, env=env, cwd=self.project.root, failures=uv.FAILURES)


def _in(place: Place) -> list[str]:
    """Say which table of which manifest is edited, and how."""
    where = [
        *(["--package", place.member.name] if place.member else []),
        *(["--group", place.group] if place.group else []),
    ]
    return [*where, *(["--editable"] if place.editable else [])]
