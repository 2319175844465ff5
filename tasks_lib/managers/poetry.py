"""The dependency manager Poetry."""

from __future__ import annotations

import hashlib
import os
import re
import sys
import venv
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import platformdirs
from packaging.utils import canonicalize_name

from tasks_lib import bootstrap
from tasks_lib.environments import site_packages
from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import failures, process
from tasks_lib.execution.plan import Step
from tasks_lib.execution.process import Command
from tasks_lib.managers import poetry_settings
from tasks_lib.managers.base import AFTER_LOCK, LOCK_FRESH, MAIN, Change, Manager, Place
from tasks_lib.managers.poetry_messages import FAILURES
from tasks_lib.managers.poetry_tables import PoetryTables
from tasks_lib.project import requirements, workspace
from tasks_lib.results import Check, Result, Status
from tasks_lib.tools import executables, package_index

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tasks_lib.environments.base import Activation
    from tasks_lib.execution.process import Outcome
    from tasks_lib.managers.tables import ManagerTables
    from tasks_lib.project.workspace import Member

_OPERATION = re.compile(
    r"^  - (Installing|Updating|Downgrading|Removing) (\S+) \(([^)]*)\)(.*)$", re.MULTILINE
)
#: how Poetry refuses a manifest before it checks anything
_INVALID = re.compile(
    r"(?:The Poetry configuration is invalid|The requirement is invalid|Invalid |.* is invalid).*",
    re.DOTALL,
)
_ROOT = re.compile(r"^Installing the current project: (\S+) \(([^)]*)\)", re.MULTILINE)
_REFUSED = re.compile(
    r"not found in known hashes|not match any known checksums|not a zip file|Bad CRC"
)
_ARCHIVE = re.compile(r"from archive (\S+) not found")
#: the commands of Poetry that ask the index
_ASKING = {"lock", "update", "install", "add", "remove"}
_STALE = "changed significantly since poetry.lock"

CONFIG_POETRY = Check(
    "config.poetry",
    "poetry check finds nothing wrong",
    "Poetry refuses to work on a manifest that it finds invalid.",
    Remedy("Fix pyproject.toml at the line that the result names"),
)


class Poetry(Manager):
    """Poetry works on the environment that VIRTUAL_ENV or CONDA_PREFIX names, unless its own records say otherwise.

    So those records (`envs.toml`) are kept out of sight: POETRY_VIRTUALENVS_PATH names a folder that has none.
    """

    name: ClassVar[str] = "poetry"
    lock_name: ClassVar[str] = "poetry.lock"
    tables: ClassVar[type[ManagerTables]] = PoetryTables
    known_checks: ClassVar[tuple[Check, ...]] = (CONFIG_POETRY, LOCK_FRESH)
    member_remedy: ClassVar[str] = "depend on its folder: invoke deps.add ./FOLDER --editable"
    config_files: ClassVar[tuple[str, ...]] = ("poetry.toml",)
    user_variables: ClassVar[tuple[str, ...]] = (
        "POETRY_CONFIG_DIR",
        "POETRY_DATA_DIR",
        "POETRY_HOME",
    )
    diversion_check: ClassVar[Check | None] = poetry_settings.LEAK_POETRY
    edits_apart: ClassVar[bool] = True
    misspells: ClassVar[bool] = True

    @classmethod
    def caches(cls) -> dict[str, str]:
        """Return the folder where Poetry keeps its downloads."""
        return {
            "POETRY_CACHE_DIR": str(platformdirs.user_cache_path("pypoetry", appauthor=False)),
        }

    def diversions(self, *, in_project: bool) -> Iterable[tuple[str, str]]:
        """Look at Poetry's own settings and records."""
        return poetry_settings.diversions(self.project, in_project=in_project)

    def lock(self, activation: Activation | None, upgrade: Sequence[str] | None = None) -> Command:
        """Run `poetry lock`, or `poetry update --lock`."""
        why = "resolve all dependencies and write poetry.lock"
        if upgrade is None:
            return self._command(["lock"], activation, why)
        return self._command(["update", "--lock", *upgrade], activation, why)

    def install(self, activation: Activation, groups: Sequence[str] = ()) -> Command:
        """Run `poetry install`, which takes nothing away (`poetry sync` would)."""
        argv = ["install", *(["--with", ",".join(groups)] if groups else [])]
        return self._command(
            argv, activation, "install what poetry.lock names, and take nothing away"
        )

    def preview(self, activation: Activation, groups: Sequence[str] = ()) -> Command:
        """Run `poetry install --dry-run`."""
        argv = ["install", "--dry-run", *(["--with", ",".join(groups)] if groups else [])]
        return self._command(argv, activation, "see what would be installed")

    def changes(self, outcome: Outcome) -> list[Change]:
        """Read the lines `- Installing`, `- Updating`, `- Downgrading` and `- Removing`; the project is one of them."""
        failures.demand(outcome, title="poetry install --dry-run")
        found: list[Change] = []
        for verb, name, versions, rest in _OPERATION.findall(outcome.stdout):
            before, _, after = versions.rpartition(" -> ")
            if "Skipped" not in rest:
                removed = verb == "Removing"
                found.append(
                    Change(
                        canonicalize_name(name),
                        after if removed else before,
                        "" if removed else after,
                    )
                )
        root = _ROOT.search(outcome.stdout)
        prefix = outcome.command.env.get("VIRTUAL_ENV") or outcome.command.env.get("CONDA_PREFIX")
        if (
            root
            and prefix
            and canonicalize_name(root[1]) not in site_packages.installed(Path(prefix))
        ):
            found.append(Change(canonicalize_name(root[1]), "", root[2]))
        return found

    def default_groups(self) -> set[str]:
        """Give all groups but those that Poetry's table calls optional."""
        old = self.project.pyproject.table("tool", "poetry", "group")
        groups = {*self.project.pyproject.table("dependency-groups"), *old}
        return {
            one
            for one in groups
            if not self.project.pyproject.table("tool", "poetry", "group", one).get("optional")
        }

    @property
    def installs_project(self) -> bool:
        """Tell whether it is in package mode, as it is where nothing is said."""
        return bool(self.project.pyproject.table("tool", "poetry").get("package-mode", True))

    def folders(self) -> Iterable[Path]:
        """Give those of Poetry's tables, and of `NAME @ file:…`."""
        return workspace.by_path(self.project.pyproject)

    def members(self) -> dict[str, Member]:
        """Read the projects that this one depends on by their path: Poetry has no workspaces."""
        return workspace.read(self.project.root, workspace.by_path(self.project.pyproject))

    def add(self, activation: Activation, packages: Sequence[str], place: Place = MAIN) -> Command:
        """Run `poetry add --lock`."""
        member = place.member
        if member and place.group:
            text = f"Poetry installs no groups of a member, and {place.group!r} would be one of {member.name}."
            raise LabError(text, ErrorCode.NOT_SUPPORTED, remedy="leave out --group or --package")
        for package in packages:
            if package.startswith("git+file:"):
                text = f"Poetry takes no git+file address without a name: {package!r}."
                raise LabError(
                    text,
                    ErrorCode.NO_PROJECT_NAME,
                    remedy=f"name it: invoke deps.add 'NAME @ {package}'",
                )
        if member:  # Poetry reads paths from there
            root, there = self.project.root, requirements.is_folder
            packages = [
                os.path.relpath(root / one, member.folder) if there(one) else one
                for one in packages
            ]
        argv = ["add", "--lock", *_in(place), *packages]
        return self._command(
            argv, activation, "declare the packages in pyproject.toml and lock them"
        )

    def remove(
        self, activation: Activation, packages: Sequence[str], place: Place = MAIN
    ) -> Command:
        """Run `poetry remove --lock`."""
        argv = ["remove", "--lock", *_in(place), *packages]
        return self._command(argv, activation, "take the packages out of pyproject.toml and lock")

    def export(self, activation: Activation | None, form: str, *, hashes: bool = True) -> Command:
        """Run `poetry export`, with the groups that `poetry install` takes and `export` leaves out."""
        old = self.project.pyproject.table("tool", "poetry", "group")
        names = dict.fromkeys([*self.project.pyproject.table("dependency-groups"), *old])
        groups = [name for name in names if not old.get(name, {}).get("optional")]
        argv = ["export", "--format", form, *(["--with", ",".join(groups)] if groups else [])]
        return self._command(
            [*argv, *([] if hashes else ["--without-hashes"])],
            activation,
            f"print the lock as {form}",
        )

    def build(self, activation: Activation | None, into: Path, member: Member | None) -> Command:
        """Run `poetry build`."""
        argv = ["build", *_in(Place(member=member)), "--output", str(into)]
        return self._command(argv, activation, "build the source distribution and the wheel")

    def publish(
        self, files: Sequence[Path], address: str, login: Mapping[str, str], member: Member | None
    ) -> Command:
        """Run `poetry publish`; the index is named in a variable, since Poetry would else want it in its settings."""
        argv = [
            "publish",
            *_in(Place(member=member)),
            *(["--repository", "lab"] if address else []),
        ]
        command = self._command(
            [*argv, "--dist-dir", str(files[0].parent)], None, "upload the files"
        )
        name = "LAB" if address else "PYPI"
        kinds = {key: "PYPI_TOKEN" if key == "TOKEN" else "HTTP_BASIC" for key in login}
        mine = {
            f"POETRY_{kinds[k]}_{name}{'' if k == 'TOKEN' else f'_{k}'}": value
            for k, value in login.items()
        }
        own = (
            f"POETRY_PYPI_TOKEN_{name}",
            *(f"POETRY_HTTP_BASIC_{name}_{key}" for key in ("USERNAME", "PASSWORD")),
        )
        env = {
            key: value for key, value in command.env.items() if "PYPI" not in key
        }  # the login of a mirror
        env |= {**dict.fromkeys(own), "POETRY_REPOSITORIES_LAB_URL": address or None, **mine}
        return replace(command, env=env, source=address)

    def ended(self, outcome: Outcome) -> Iterable[Result]:
        """Raise what failed; Poetry keeps a file that it has refused, and would refuse it for ever."""
        if not outcome.ok and _REFUSED.search(outcome.said):
            names = set(_ARCHIVE.findall(outcome.said))
            asked = process.run(
                self._command(
                    ["config", "cache-dir"], None, "ask where Poetry keeps what it downloads"
                )
            )
            for path in Path(asked.stdout.strip(), "artifacts").rglob("*") if asked.ok else ():
                if path.name in names:
                    path.unlink(missing_ok=True)
            process.run(
                self._command(
                    ["cache", "clear", "--all"], None, "forget the hashes that the index gave"
                )
            )
        return super().ended(outcome)

    def outdated(self, activation: Activation) -> Command:
        """Run `poetry show --outdated`, which knows the lock alone."""
        argv = ["show", "--outdated", "--format", "json"]
        return self._command(
            argv, activation, "ask the index for newer versions of what poetry.lock names"
        )

    def checks(self, activation: Activation | None) -> tuple[Step, ...]:
        """Run `poetry check --lock` once for both: starting Poetry is what costs."""
        command = self._command(
            ["check", "--lock"], activation, "check pyproject.toml and poetry.lock"
        )
        title = "check pyproject.toml and poetry.lock"
        return (
            Step(
                "check.config+lock", title, command, reads=self._read, needs=AFTER_LOCK, check=True
            ),
        )

    def _read(self, outcome: Outcome) -> Iterable[Result]:
        """Tell the lock's faults from the manifest's: Poetry reports both as errors of one kind."""
        said = [line.strip() for line in outcome.said.splitlines()]
        errors = [line.removeprefix("Error: ") for line in said if line.startswith("Error: ")]
        warnings = [line.removeprefix("Warning: ") for line in said if line.startswith("Warning: ")]
        about_lock = [line for line in errors if "poetry.lock" in line]
        if (
            not outcome.ok
            and not errors
            and "poetry.lock" in outcome.said
            and "TOML" in outcome.said
        ):
            errors = about_lock = ["poetry.lock is damaged"]
        if not errors:
            errors = about_lock = self.behind() if outcome.ok else self._damage()
        if not outcome.ok and not errors and (found := _INVALID.search(outcome.said)):
            text = " ".join(found[0].split())
            yield CONFIG_POETRY.result(Status.FAIL, text, file="pyproject.toml")
            reason = "Poetry cannot read pyproject.toml"
            yield from self.lock_result(Status.SKIP, reason, CONFIG_POETRY.remedy)
            return
        if not outcome.ok and not errors:
            error = failures.explain(outcome, title="poetry check")
            yield CONFIG_POETRY.result(
                Status.ERROR, error.message, remedy=error.remedy, file="pyproject.toml"
            )
            yield from self.lock_result(Status.ERROR, error.message, error.remedy)
            return
        rows = [(Status.FAIL, line) for line in errors if line not in about_lock]
        rows += [(Status.WARN, line) for line in warnings]
        for status, line in rows or [(Status.PASS, "")]:
            yield CONFIG_POETRY.result(status, line, file="pyproject.toml")
        if any(_STALE in line for line in about_lock):
            text = "pyproject.toml was changed since poetry.lock was written"
        else:
            text = about_lock[0] if about_lock else ""
        yield from self.lock_result(Status.FAIL if about_lock else Status.PASS, text)

    def _damage(self) -> list[str]:
        """Say what is wrong with the lock itself, which Poetry does not name when it cannot read it."""
        try:
            self.locked()
        except LabError as error:
            return [error.message]
        return []

    def _command(self, argv: Sequence[str], activation: Activation | None, why: str) -> Command:
        """Give Poetry an environment always, or it makes one of its own; for the lock alone any will do."""
        if self.project.options.offline and argv[0] in _ASKING and "--dry-run" not in argv:
            text = f"poetry {argv[0]} cannot do without the network: it asks the index even for what its cache holds."
            raise LabError(text, ErrorCode.NOT_OFFLINE, remedy="leave out --offline, or take uv")
        self.refuse_odd_lock()
        place = {"VIRTUAL_ENV": self._bare()} if activation is None else activation.env()
        env = {
            **place,
            **package_index.for_poetry(self.project.options),
            "POETRY_VIRTUALENVS_PATH": executables.nowhere(),
        }
        words = (self.program, *argv, "--no-interaction", "--no-ansi")
        return Command(words, why, env=env, cwd=self.project.root, failures=FAILURES)

    def _bare(self) -> str:
        """Give an environment with nothing in it, in the cache: Poetry clones into it what it locks from git."""
        key = hashlib.sha256(os.fsencode(f"{self.project.root}|{sys.prefix}")).hexdigest()[:16]
        where = os.path.join(bootstrap.cache_folder(), "poetry", key)  # noqa: PTH118 - as bootstrap has paths
        if not os.path.exists(bootstrap.interpreter(where)):  # noqa: PTH110 - the same
            try:
                venv.create(where, symlinks=os.name != "nt")
            except OSError:  # a cache that cannot be written: nothing can be cloned into it either
                return sys.prefix
        return where


def _in(place: Place) -> list[str]:
    """Say which table of which manifest is edited, and how."""
    where = [
        *(["--project", place.member.place] if place.member else []),
        *(["--group", place.group] if place.group else []),
    ]
    return [*where, *(["--editable"] if place.editable else [])]
