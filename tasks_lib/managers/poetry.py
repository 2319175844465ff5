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
from tasks_lib.managers import (
    locks,
    own_project,
    parts,
    poetry_check,
    poetry_lock,
    poetry_messages,
    poetry_reading,
    poetry_settings,
    poetry_tables,
)
from tasks_lib.managers.base import AFTER_LOCK, LOCK_FRESH, MAIN, Manager, Place
from tasks_lib.managers.poetry_variables import POETRY
from tasks_lib.project import requirements, workspace
from tasks_lib.tools import executables, uv
from tasks_lib.tools.changes import Change
from tasks_lib.tools.pip_variables import PIP

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from tasks_lib.environments.base import Activation
    from tasks_lib.execution.process import Outcome
    from tasks_lib.managers.locks import LockedPackage
    from tasks_lib.managers.tables import ManagerTables
    from tasks_lib.project.workspace import Member
    from tasks_lib.results import Check, Result
    from tasks_lib.tools.variables import Variables

# What Poetry prints, seen with Poetry 2.5.1.
_OPERATION = re.compile(
    r"^  - (?P<verb>Installing|Updating|Downgrading|Removing) (?P<name>\S+) "
    r"\((?P<versions>[^)]*)\)(?P<rest>.*)$",
    re.MULTILINE,
)
_FROM_LOCK = "Installing dependencies from lock file"
_ROOT = re.compile(
    r"^Installing the current project: (?P<name>\S+) \((?P<version>[^)]*)\)", re.MULTILINE
)
_PROCESS = Path(__file__).with_name("poetry_process.py")
#: How Poetry refuses a file that it has downloaded, and names it.
_REFUSED = re.compile(
    r"not found in known hashes|not match any known checksums|not a zip file|Bad CRC"
)
_ARCHIVE = re.compile(r"from archive (\S+) not found")
#: The commands that ask the index, whatever the cache holds.
_ONLINE = {"lock", "update", "install", "add", "remove"}


class Poetry(Manager):
    """Poetry works on the environment that VIRTUAL_ENV or CONDA_PREFIX names.

    Its own records may name another one, so POETRY_VIRTUALENVS_PATH names a folder without such
    records (`envs.toml`).
    """

    name: ClassVar[str] = "poetry"
    lock_name: ClassVar[str] = "poetry.lock"
    tables: ClassVar[type[ManagerTables]] = poetry_tables.PoetryTables
    member_remedy: ClassVar[Remedy] = Remedy("Depend on its folder: deps.add ./core --editable")
    reads_apart: ClassVar[bool] = True
    edits_apart: ClassVar[bool] = True
    misspells: ClassVar[bool] = True
    backend: ClassVar[str] = "poetry."
    config_files: ClassVar[tuple[str, ...]] = ("poetry.toml",)
    bots: ClassVar[tuple[str, ...]] = ("pip", "poetry")
    variables: ClassVar[tuple[Variables, ...]] = (POETRY,)
    known_checks: ClassVar[tuple[Check, ...]] = (poetry_check.CONFIG_POETRY, LOCK_FRESH)
    diversion_check: ClassVar[Check | None] = poetry_settings.LEAK_POETRY

    @classmethod
    def caches(cls) -> dict[str, str]:
        """Return the folder where Poetry keeps its downloads."""
        return {"POETRY_CACHE_DIR": str(platformdirs.user_cache_path("pypoetry", appauthor=False))}

    def diversions(self, prefix: Path) -> Iterable[tuple[str, str, Remedy]]:
        """Look at Poetry's own settings and records."""
        return poetry_settings.diversions(self.project, prefix)

    def lock(self, activation: Activation | None, upgrade: Sequence[str] | None = None) -> Command:
        """Run `poetry lock`, or `poetry update --lock`."""
        why = "resolve all dependencies and write poetry.lock"
        if upgrade is None:
            return self._command(["lock"], activation, why)
        return self._command(["update", "--lock", *upgrade], activation, why)

    def install(self, activation: Activation, groups: Sequence[str] = ()) -> Command:
        """Run `poetry install`, which removes nothing; `poetry sync` would."""
        self.refuse_project()
        argv = ["install", *self._selected(groups)]
        why = "install what poetry.lock lists, and remove nothing"
        return self._command(argv, activation, why)

    def refuse_project(self) -> None:
        """Raise an error where Poetry would not find the module, as another build backend may.

        Raises:
            LabError: `no_module`, with the line to write.

        """
        is_built = self.installs_project and self.project.pyproject.table("build-system")
        if is_built and not poetry_tables.has_module(self.project):
            raise poetry_tables.no_module(self.project)

    def preview(self, activation: Activation, groups: Sequence[str] = ()) -> Command:
        """Run `poetry install --dry-run`; with plugins it would install those of the project."""
        argv = ["install", "--dry-run", "--no-plugins", *self._selected(groups)]
        return self._command(argv, activation, "see what would be installed")

    def _selected(self, groups: Sequence[str]) -> list[str]:
        """Return the options for groups and extras; `--only main` would ignore `--with`."""
        words = _with(parts.wanted_groups(self, groups))
        without = [] if self.project.included.dev else [*self.default_groups() - {*groups}]
        if without:
            words += ["--without", ",".join(sorted(without))]
        for name in self.chosen_extras():
            words += ["--extras", name]
        return words

    def extras(self) -> dict[str, str]:
        """Return those of the standard table and of Poetry's own."""
        own = self.project.pyproject.table("tool", "poetry", "extras")
        return super().extras() | {canonicalize_name(name): name for name in own}

    def changes(self, outcome: Outcome) -> list[Change]:
        """Read the lines of operations, and the one of the project itself.

        Those before the lock is installed are of plugins that the project requires.
        """
        said = failures.demand(outcome, title="poetry install").stdout
        said = said.rpartition(_FROM_LOCK)[2]
        found = []
        for operation in _OPERATION.finditer(said):
            if "Skipped" not in operation["rest"]:
                before, _, after = operation["versions"].rpartition(" -> ")
                if operation["verb"] == "Removing":
                    before, after = after, ""
                found.append(Change(canonicalize_name(operation["name"]), before, after))
        env = outcome.command.env
        prefix = env.get("VIRTUAL_ENV") or env.get("CONDA_PREFIX")
        root = _ROOT.search(said)
        if root and prefix:
            name = canonicalize_name(root["name"])
            before = site_packages.installed(Path(prefix)).get(name, "")
            if not before or own_project.is_outdated(self.project.pyproject, Path(prefix)):
                found.append(Change(name, before, root["version"]))
        return found

    def keeps(self, prefix: Path, names: Collection[str], python: str) -> bool:
        """Compare what Poetry compares: the version, and where a distribution is from.

        That is its `direct_url.json`, a `.pth` file of its name, or a folder in `src`; see
        `InstalledRepository` of Poetry 2.5. Its own dry run takes a second.
        """
        locked = self.locked(python)
        apart = self.from_elsewhere() | site_packages.sources(prefix).keys()
        apart |= {canonicalize_name(path.name) for path in prefix.glob("src/*")}
        folder = site_packages.site_packages(prefix) or prefix
        apart |= {canonicalize_name(path.stem) for path in folder.glob("*.pth")}
        found = [one for one in site_packages.distributions(prefix) if one.name in names]
        same = all(locked.get(one.name, {one.version}) == {one.version} for one in found)
        return same and len(found) == len(names) and not apart & {*names}

    def required_names(self) -> set[str]:
        """Return the names in the standard tables and in Poetry's own."""
        return poetry_tables.required_names(self.project.pyproject)

    def add(self, activation: Activation, packages: Sequence[str], place: Place = MAIN) -> Command:
        """Run `poetry add --lock`."""
        member = place.member
        if member and (place.group or place.optional):
            text = f"Poetry does not install the groups and extras of the member {member.name}."
            remedy = Remedy("Leave out --package, or --group and --optional")
            raise LabError(text, ErrorCode.NOT_SUPPORTED, remedy=remedy)
        for package in packages:
            if package.startswith("git+file:"):
                text = f"Poetry needs a name for a git+file address: {package!r}."
                remedy = Remedy(f"Write the name of its package before it: 'NAME @ {package}'")
                raise LabError(text, ErrorCode.NO_PROJECT_NAME, remedy=remedy)
        if member:
            packages = [self._seen_from(member, package) for package in packages]
        argv = ["add", "--lock", *_in(place), *packages]
        why = "declare the packages in pyproject.toml and lock them"
        return self._command(argv, activation, why)

    def _seen_from(self, member: Member, package: str) -> str:
        """Return a package as seen from a member's folder, from which Poetry reads paths."""
        if not requirements.is_folder(package):
            return package
        return os.path.relpath(self.project.root / package, member.folder)

    def remove(
        self, activation: Activation, packages: Sequence[str], place: Place = MAIN
    ) -> Command:
        """Run `poetry remove --lock`."""
        argv = ["remove", "--lock", *_in(place), *packages]
        return self._command(argv, activation, "remove the packages from pyproject.toml and lock")

    def _groups(self) -> list[str]:
        """Return the groups that Poetry's table does not call optional, in their order."""
        pyproject = self.project.pyproject
        own = pyproject.table("tool", "poetry", "group")
        names = dict.fromkeys([*pyproject.table("dependency-groups"), *own])
        groups = ((name, pyproject.table("tool", "poetry", "group", name)) for name in names)
        return [name for name, group in groups if not group.get("optional")]

    def default_groups(self) -> set[str]:
        """Return all groups except those that Poetry's table calls optional."""
        return set(self._groups())

    @property
    def installs_project(self) -> bool:
        """Return whether it is in package mode, which is the default."""
        return bool(self.project.pyproject.table("tool", "poetry").get("package-mode", True))

    def folders(self) -> Iterator[Path]:
        """Return those of Poetry's tables, and of `NAME @ file:…`."""
        pyproject = self.project.pyproject
        for table in poetry_tables.dependency_tables(pyproject):
            yield from workspace.paths_in(pyproject, table)
        yield from workspace.by_address(pyproject)

    def members(self) -> dict[str, Member]:
        """Read the projects that this one depends on by their path: Poetry has no workspaces."""
        return workspace.read(self.project.root, self.folders())

    def export(self, activation: Activation | None, form: str, *, hashes: bool = True) -> Command:
        """Run `poetry export` with every group that `poetry install` includes."""
        argv = ["export", "--format", form, *_with(self._groups())]
        if not hashes:
            argv.append("--without-hashes")
        return self._command(argv, activation, f"print the lock as {form}")

    def build(self, activation: Activation | None, into: Path, member: Member | None) -> Command:
        """Run `poetry build`."""
        argv = ["build", *_in(Place(member=member)), "--output", str(into)]
        return self._command(argv, activation, "build the source distribution and the wheel")

    def publish(
        self, files: Sequence[Path], address: str, login: Mapping[str, str], member: Member | None
    ) -> Command:
        """Run `poetry publish`, elsewhere: the project may have settings and plugins.

        Variables name the index, which would otherwise have to be in Poetry's settings.
        """
        name = (member or self.project.pyproject).name
        folder = poetry_settings.publishing_folder(self.project.root, name, files)
        argv = ["publish", "--directory", str(folder), "--dist-dir", str(folder)]
        if address:
            argv += ["--repository", "lab"]
        command = self._command(argv, None, "upload the files")
        index = "LAB" if address else "PYPI"
        # without the login of a mirror
        env = {name: value for name, value in command.env.items() if "PYPI" not in name}
        env["POETRY_REPOSITORIES_LAB_URL"] = address or None
        env[f"POETRY_PYPI_TOKEN_{index}"] = login.get("TOKEN")
        env[f"POETRY_HTTP_BASIC_{index}_USERNAME"] = login.get("USERNAME")
        env[f"POETRY_HTTP_BASIC_{index}_PASSWORD"] = login.get("PASSWORD")
        return replace(command, env=env, source=address)

    @classmethod
    def publish_addresses(cls) -> dict[str, str]:
        """Return the repositories in the user's own settings."""
        return poetry_settings.repositories()

    def ended(self, outcome: Outcome) -> Iterable[Result]:
        """Delete the files that Poetry refused.

        It keeps them in its cache and would refuse them again.
        """
        if not outcome.ok and _REFUSED.search(outcome.said):
            self._forget(set(_ARCHIVE.findall(outcome.said)))
        return super().ended(outcome)

    def _forget(self, archives: set[str]) -> None:
        """Delete archives from Poetry's cache."""
        asked = process.run(self._command(["config", "cache-dir"], None, "find the downloads"))
        if asked.ok:
            for path in Path(asked.stdout.strip(), "artifacts").rglob("*"):
                if path.name in archives:
                    path.unlink(missing_ok=True)

    def distrust_index(self) -> None:
        """Forget the hashes that the index gave: Poetry writes them into each later lock."""
        process.run(self._command(["cache", "clear", "--all"], None, "forget the hashes"))

    def outdated(self, activation: Activation) -> Command:
        """Run `poetry show --outdated`, which reports on the lock only."""
        argv = ["show", "--outdated", "--format", "json"]
        why = "ask the index for newer versions of what poetry.lock lists"
        return self._command(argv, activation, why)

    def checks(self, activation: Activation | None) -> tuple[Step, ...]:
        """Check the manifest and the lock in one run, since Poetry takes long to start."""
        return (self.fresh(activation),)

    def fresh(self, activation: Activation | None) -> Step:
        """Run `poetry check --lock` without plugins, which a project may bring along."""
        title = "check pyproject.toml and poetry.lock"
        return Step(
            "check.config+lock",
            title,
            self._command(["check", "--lock", "--no-plugins"], activation, title),
            reads=lambda outcome: poetry_check.results(self, outcome),
            needs=AFTER_LOCK,
            check=True,
        )

    def manifest_by_reading(self) -> Iterable[Result]:
        """Let Poetry's own library validate the manifest."""
        return poetry_reading.manifest(self.project)

    def lock_by_reading(self) -> tuple[bool | None, str]:
        """Compare the hash in the lock with that of the manifest."""
        return poetry_reading.fits(self)

    def locked_packages(self) -> tuple[LockedPackage, ...]:
        """Read poetry.lock."""
        return locks.read(self.lock_path, poetry_lock.locked_package)

    def _command(self, argv: Sequence[str], activation: Activation | None, why: str) -> Command:
        """Return a command that names an environment, or Poetry creates one.

        Any environment will do to write the lock.
        """
        if self.project.options.offline and argv[0] in _ONLINE and "--dry-run" not in argv:
            text = f"poetry {argv[0]} needs the network: it asks the index always."
            remedy = Remedy("Leave out --offline, or unset MLOPS_LAB_OFFLINE, or use uv")
            raise LabError(text, ErrorCode.NOT_OFFLINE, remedy=remedy)
        self.refuse_odd_files()
        env = {**PIP.unset(), **POETRY.unset()}
        if activation is None:
            env["VIRTUAL_ENV"] = self._bare()
        else:
            env |= activation.env()
            if site_packages.externally_managed(activation.prefix):
                env["PIP_BREAK_SYSTEM_PACKAGES"] = "1"  # for the pip by which Poetry uninstalls
        env |= poetry_settings.index_variables(self.project.options)
        env["POETRY_VIRTUALENVS_PATH"] = executables.nowhere()
        words = (self.program, *argv, "--no-interaction", "--no-ansi")
        known = poetry_messages.FAILURES
        root = self.project.root
        return Command(words, why, env=env, cwd=root, failures=known, through=_PROCESS)

    def _bare(self) -> str:
        """Return an empty environment in the cache, of a Python on which the project may run.

        Poetry clones into it what it locks from git.
        """
        own = executables.base_python()
        python = str(executables.fitting(self.project.pyproject) or own)
        key = hashlib.sha256(os.fsencode(f"{self.project.root}|{python}")).hexdigest()[:16]
        folder = Path(bootstrap.own_cache(), "poetry", key)
        if Path(bootstrap.interpreter(str(folder))).exists():
            return str(folder)
        try:
            if python == own:
                venv.create(folder, symlinks=os.name != "nt")
            else:
                words = ("--no-project", "--clear", "--python", python, str(folder))
                made = process.run(uv.command(self.project, "venv", *words, why=""))
                failures.demand(made, title="uv venv")
        except (OSError, LabError):  # a cache that cannot be written, which Poetry needs no less
            return sys.prefix
        return str(folder)


def _with(groups: Sequence[str]) -> list[str]:
    return ["--with", ",".join(groups)] if groups else []


def _in(place: Place) -> list[str]:
    """Return the options that say which table of which manifest is edited, and how."""
    words = ["--project", place.member.place] if place.member else []
    for name in place.extras:
        words += ["--extras", name]
    return words + place.options
