"""The environment layer `conda`: a named environment, created by any engine."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import platformdirs

from tasks_lib import bootstrap
from tasks_lib.environments import (
    conda_activation,
    conda_consistency,
    conda_doctor,
    conda_engines,
    conda_explicit,
    conda_files,
    conda_folders,
    conda_health,
    conda_limits,
    conda_platforms,
    conda_repair,
    health_checks,
    package_cache,
    setting_aside,
    site_packages,
)
from tasks_lib.environments.base import (
    CREATION_IS_SAFE,
    Activation,
    Environment,
    Owned,
    State,
)
from tasks_lib.environments.conda_folders import is_base
from tasks_lib.environments.conda_layer_lock import FRESH, CondaLayerLock
from tasks_lib.environments.conda_variables import VARIABLES
from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import failures
from tasks_lib.execution.files import write
from tasks_lib.execution.plan import Installs, Step, Writes
from tasks_lib.project import conda_edit, pip_section
from tasks_lib.project.conda_file import CondaFile, spec_name
from tasks_lib.project.version_ranges import expect_pythons

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tasks_lib.environments.damage import Damage
    from tasks_lib.execution.process import Command, Outcome
    from tasks_lib.project.project import Project
    from tasks_lib.results import Check, Result
    from tasks_lib.tools.variables import Variables


class Conda(Environment):
    """The environment that the project's conda file names."""

    kind: ClassVar[str] = "conda"
    mark: ClassVar[str] = "conda-meta"
    frozen_mark: ClassVar[str] = "conda-meta/frozen"
    usual_manager: ClassVar[str] = "poetry"
    owns_packages: ClassVar[bool] = True
    tools: ClassVar[tuple[str, ...]] = ("py-rattler",)
    variables: ClassVar[tuple[Variables, ...]] = VARIABLES
    known_checks: ClassVar[tuple[Check, ...]] = (*health_checks.OF_CONDA, FRESH)
    makers: ClassVar[tuple[str, ...]] = tuple(conda_engines.ENGINES)
    expect_engine = staticmethod(conda_engines.expect)
    layer_lock: CondaLayerLock

    def __init__(self, project: Project, place: Path | None = None) -> None:
        """Keep the project, and the lock of its packages, which need not exist."""
        super().__init__(project, place)
        self.layer_lock = CondaLayerLock(self)

    @classmethod
    def program_on_path(cls) -> str:
        """Return the preferred conda CLI."""
        return next(iter(conda_engines.on_path()), "")

    @classmethod
    def applies(cls, project: Project) -> bool:
        """Return whether there is a conda file."""
        return project.conda_path is not None

    @classmethod
    def choices(cls) -> list[str]:
        """List the conda CLIs of this machine, and the library that needs none."""
        return [*conda_engines.on_path(), conda_engines.Rattler.name]

    @classmethod
    def on_machine(cls) -> list[tuple[str, Path]]:
        """Return the names and folders of the environments that `conda env list` shows."""
        engines = [conda_engines.choose(name) for name in cls.choices()]
        roots = [engine.root for engine in engines if engine.root is not None]
        folders: list[Path] = []
        for engine in engines:
            folders += conda_folders.envs_dirs(engine.condarc, engine.root)
        found = conda_folders.prefixes(roots, folders)
        return [("base" if is_base(prefix) else prefix.name, prefix) for prefix in found]

    @classmethod
    def caches(cls) -> dict[str, str]:
        """Return the folder where py-rattler keeps packages and indexes."""
        return {"RATTLER_CACHE_DIR": str(platformdirs.user_cache_path() / "rattler" / "cache")}

    @property
    def file(self) -> CondaFile:
        """Return the conda file."""
        return self.project.conda_file

    @property
    def name(self) -> str:
        """Return the name in the conda file."""
        return self.file.name

    @cached_property
    def maker(self) -> conda_engines.Engine:
        """Return the engine itself, looked for when it is needed."""
        return conda_engines.choose(self.project.options.engine, self.project.options)

    @property
    def engine(self) -> str:
        """Return the engine's name."""
        return self.maker.name

    def version_of_engine(self) -> Command | None:
        """Return `conda --version`, or the same of another command line."""
        why = "ask the engine for its version"
        return self.maker.ask(why, "--version") if self.maker.is_cli else None

    @property
    def installs_files(self) -> bool:
        """Return whether the `pip:` section has an option or a path, which may name such a file."""
        return any(entry[:1] in {"-", "."} for entry in self.file.pip)

    @property
    def where(self) -> str:
        """Return which environment this is, for a sentence."""
        return f"the conda environment {self.name!r}"

    @property
    def manifest(self) -> Path:
        """Return the path of the conda file."""
        return self.file.path

    def edit(self, specs: Sequence[str], *, drop: bool) -> tuple[Path, str, Command]:
        """Return the conda file, its new text, and the engine's command for `specs`."""
        path = self.file.path
        text = conda_edit.read(path)
        if drop:
            names = [spec_name(spec) for spec in specs]
            return path, conda_edit.remove(path, text, specs), self.uninstall(names)
        conda_limits.expect(self.maker, self.layer_lock)
        command = self.maker.install(self.prefix, self.file, specs)
        return path, conda_edit.add(path, text, specs), command

    def details(self) -> dict[str, Any]:
        """Return the virtual packages, which say what the machine offers to conda's packages."""
        return {"virtual_packages": conda_consistency.virtual_packages()}

    def packages(self, prefix: Path | None = None) -> dict[str, dict[str, Any]]:
        """Return conda's records by package name.

        Raises:
            LabError: A record is damaged.
        """
        return conda_health.packages(prefix or self.prefix)

    def owned(
        self, prefix: Path | None = None, packages: Mapping[str, dict[str, Any]] | None = None
    ) -> dict[str, Owned]:
        """Return the distributions that conda owns by file, by their normalised names."""
        return conda_health.owned(prefix or self.prefix, packages)

    def hashes(self, prefix: Path | None = None) -> dict[str, str]:
        """Return the SHA-256 of each file that conda recorded and that exists."""
        place = prefix or self.prefix
        return conda_files.hashes(place, conda_health.packages(place))

    def python_version(self, prefix: Path | None = None) -> str:
        """Return the version of conda's package of Python."""
        return conda_health.python_version(prefix or self.prefix)

    def search(self, names: Sequence[str]) -> Command:
        """Return the command that asks the file's channels, whichever the engine."""
        return conda_platforms.search(self.project, names)

    def own_addresses(self) -> tuple[str, ...]:
        """Return the addresses in the conda file that no setting of the user's names."""
        return self.maker.condarc.unknown(self.file.channels, self.file.dependencies)

    def elsewhere(self, specs: Sequence[str]) -> str:
        """Return a sentence for each package that the channels have for other platforms alone."""
        return conda_platforms.elsewhere(self.project, specs)

    def uninstall(self, names: Sequence[str]) -> Command:
        """Return the engine's command; what the file names and is not installed stays so."""
        missing, _ = self._lacking()
        left_out = {*names, *map(spec_name, missing)}
        rest = [spec for spec in self.file.dependencies if spec_name(spec) not in left_out]
        file = replace(self.file, dependencies=tuple(rest))
        return self.maker.uninstall(self.prefix, file, names)

    @cached_property
    def prefix(self) -> Path:
        """Return the folder where conda has the environment, or would create it.

        That is the first of conda's folders that can be written. An environment that a killed run
        had set aside keeps its place.
        """
        if self.place:
            return self.place
        conda_folders.expect_utf8(self.project.root)
        folders = conda_folders.envs_dirs(self.maker.condarc, self.maker.root)
        places = [folder / self.name for folder in folders]
        for place in places:
            if (place / self.mark).is_dir():
                return place
        for place in places:
            if setting_aside.is_ours(setting_aside.place_for(place), self.project.root):
                return place
        for place in places:
            if conda_folders.is_writable(place.parent):
                return place
        return places[0]

    def activation(self) -> Activation:
        """Return the interpreter, the folders and the variables that `conda activate` would set."""
        return conda_activation.activation(self.prefix, self.name)

    def creation(self) -> tuple[Step, ...]:
        """Return the steps that create the environment or bring it to what the file says.

        A `pip:` section is a step of its own, behind the guard.
        """
        return tuple(self._updates()) if self.exists() else self.creation_again()

    def creation_again(self) -> tuple[Step, ...]:
        """Return the steps that create it from scratch, in place of one that exists."""
        self.refuse_foreign()
        expect_pythons(self._wanted(), self.file.path.name, self.project)
        state = self.state()
        if state is State.ABSENT:
            return self._new()
        reason = "" if state is State.PRESENT else " has no working interpreter, so it"
        clear = self.clearing(f"{self.where}{reason} is created again")
        return (*package_cache.before(clear, self.prefix), *self._new())

    def _new(self) -> tuple[Step, ...]:
        """Return the steps that create it where there is none."""
        maker, pip = self.maker, self.file.pip
        command = maker.create(self.prefix, self.file)
        if pip or self.project.options.python:
            # conda would install the pip: section without a look at what that replaces
            command = maker.install(self.prefix, self.file, self._wanted(), new=True)
        conda_limits.expect(self.maker, self.layer_lock)
        title = f"create {self.where} with {maker.name}"
        create: tuple[Step, ...] = (self._create_step(title, command),)
        if self.layer_lock.serves:
            create = self.layer_lock.creation(partial(self._create_step, title))
        return (*create, replace(self._pip_step(), undo=self.discard)) if pip else create

    def _updates(self) -> Iterator[Step]:
        self.refuse_foreign()
        expect_pythons(self._wanted(), self.file.path.name, self.project)
        specs, pip = self._lacking()
        if self.layer_lock.serves:
            yield from self.layer_lock.updates()
        elif specs:
            conda_limits.expect(self.maker, self.layer_lock)
            yield Step(
                "env.update",
                f"bring {self.where} to what {self.file.path.name} says",
                self.maker.install(self.prefix, self.file, specs),
                installs=Installs.LAYER_PACKAGES,
                safe="conda's packages are put back if the run fails",
            )
        if pip:
            yield self._pip_step()

    def _create_step(self, title: str, command: Command) -> Step:
        return Step(
            "env.create",
            title,
            command,
            shown=conda_folders.recording(self.prefix, self.file, unlisted=not self.maker.is_cli),
            reads=self._created,
            undo=self.discard,
            needs=("env.clear", "env.explicit"),
            writes=Writes.NEW_ENVIRONMENT,
            safe=CREATION_IS_SAFE,
        )

    def recreation(
        self, description: Path, packages: Sequence[Mapping[str, Any]]
    ) -> tuple[Step, ...]:
        """Return the steps that link exactly these packages, each verified by its hash."""
        self.refuse_foreign()
        title = f"create {self.where} from {description.name} with {self.engine}"
        make = partial(self._create_step, title)
        return conda_explicit.steps(self, description, lambda: packages, make)

    def _created(self, outcome: Outcome) -> tuple[Result, ...]:
        """Add what was created to conda's list of environments, whichever engine created it.

        Raises:
            LabError: The environment has no Python, which the managers need.
        """
        failures.demand(outcome, title=f"create {self.where}")
        name = self.file.path.name
        if not self.python.exists():
            text = f"{name} does not contain Python, and the managers need it."
            remedy = Remedy(f"Add '- python' to the dependencies in {name}")
            raise LabError(text, ErrorCode.NO_PYTHON, file=name, remedy=remedy)
        state = self.marker / "state"
        if self.file.variables and not state.exists():
            # on no command line, which every user of the machine can read
            write(state, conda_folders.state(self.file.variables).encode())
        self._register()
        return ()

    def _register(self) -> None:
        conda_folders.register(self.prefix)

    def _deregister(self) -> None:
        conda_folders.deregister(self.prefix)

    def _pip_step(self) -> Step:
        """Return the step that installs the `pip:` section, whose entries are arguments of pip."""
        words: list[str] = []
        for entry in self.file.pip:
            text = pip_section.without_comment(entry)
            words += text.split(" ", 1) if text.startswith("-") else [text]
        stripped = map(str.strip, words)
        folder = self.file.path.parent
        why = "install the pip: section"
        command = self.pip("install", *stripped, why=why, cwd=folder, managed=True)
        return Step(
            "env.pip",
            f"install the pip: section of {self.file.path.name}",
            command,
            needs=("env.create", "env.update"),
            installs=Installs.PYTHON_PACKAGES,
            safe="the guard asks what pip would replace first",
        )

    def lacking(self) -> tuple[str, ...]:
        """Return the specs of the conda file, its `pip:` section too, that are not installed."""
        specs, pip = self._lacking()
        return (*specs, *self.layer_lock.lacking(), *pip)

    def _lacking(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        specs = conda_health.unsatisfied(self.prefix, self._wanted(), self.file.path.name)
        section = pip_section.read(self.file)
        return specs, site_packages.unsatisfied(self.prefix, section, self.python_version())

    def _wanted(self) -> list[str]:
        """Return the file's specs, with the Python that the run's options name."""
        return conda_engines.with_python(self.file.dependencies, self.project.options.python)

    def health(self) -> Iterable[Result]:
        """Verify every file that `conda-meta` records, and that what is installed is consistent."""
        return conda_health.health(self.prefix)

    def damage(self) -> Damage:
        """Return the damaged packages of conda's, and the distributions that are not conda's."""
        return conda_repair.damage(self)

    def renewal(self) -> Remedy:
        """Return what creates it again, with pins where conda's packages were replaced."""
        return conda_health.renewal(self.prefix)

    def doctor(self) -> Step | None:
        """Return the step that runs the engine's own doctor, where it has one."""
        command = self.maker.doctor(self.prefix)
        return conda_doctor.step(self.prefix, command) if command else None

    def refuse_base(self) -> None:
        """Raise an error where the environment is conda's base."""
        if is_base(self.prefix, self.maker.root):
            text = f"{self.prefix} is conda's base environment, which is never changed."
            remedy = Remedy(f"Give the environment another name in {self.file.path.name}")
            raise LabError(text, ErrorCode.BASE_ENVIRONMENT, remedy=remedy)

    @property
    def lock_path(self) -> Path | None:
        """Return a file in the cache: projects with the same environment name share it."""
        return Path(bootstrap.lock_place(str(self.prefix)))

    def repair(self, journal: Path, packages: Sequence[Mapping[str, Any]]) -> tuple[Command, ...]:
        """Return the commands that link the recorded packages again and remove later ones."""
        listed = journal
        if self.maker.is_cli:
            listed = journal.with_name("explicit.txt")
            conda_explicit.write_list(listed, packages)
        new = conda_explicit.in_the_way(self, packages, others=True)
        return self.maker.repair(self.prefix, self.file, listed, new)
