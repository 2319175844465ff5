"""The engines that create a conda environment: a CLI on the machine, or the library py-rattler."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from tasks_lib import bootstrap
from tasks_lib.environments import conda_config, mamba_config, rattler_secrets
from tasks_lib.environments.conda_config import Condarc
from tasks_lib.environments.conda_health import solver_spec
from tasks_lib.environments.conda_messages import FAILURES, OF_LOCKS
from tasks_lib.environments.conda_variables import VARIABLES
from tasks_lib.errors import ErrorCode, LabError, Remedy, meant
from tasks_lib.execution.process import Command
from tasks_lib.project.conda_file import spec_name
from tasks_lib.project.options import Options, is_version
from tasks_lib.tools import package_index
from tasks_lib.tools.pip_variables import PIP

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tasks_lib.project.conda_file import CondaFile

_DEFAULTS = Options()
AUTO = _DEFAULTS.engine
WORKER = Path(__file__).with_name("rattler_worker.py")
#: settings of the user's `.condarc`, the values at which they count, and the worker's option then
_SWITCHES = (
    ("channel_priority", {"disabled", "false"}, "--any-channel"),
    ("ssl_verify", {"false"}, "--no-tls-verify"),
    ("offline", {"true"}, "--offline"),
)
#: settings of the user's `.condarc` that are numbers, and the worker's options
_NUMBERS = (("remote_read_timeout_secs", "--timeout"), ("remote_max_retries", "--retries"))
#: the actions of the worker that choose versions
_SOLVING = ("install", "solve")
#: What conda's own defaults leave open: a damaged package in its cache is linked with a warning,
#: and a channel that says nothing is waited for a quarter of an hour.
_SETTINGS = {
    "safety_checks": "enabled",
    "extra_safety_checks": "true",
    "remote_read_timeout_secs": "30",
    "remote_max_retries": "1",
}


class Engine:
    """The `conda` on PATH, from which the others differ; it returns commands and runs nothing."""

    name: ClassVar[str] = "conda"
    #: whether it is a command line of conda's kind: `explicit` reads conda's own kind of list, and
    #: not a description
    is_cli: ClassVar[bool] = True
    has_doctor: ClassVar[bool] = True
    #: whether what it links from a list takes the place of another version
    replaces: ClassVar[bool] = True
    #: the Python package of the solver that it takes for granted
    solver_plugin: ClassVar[str] = "conda_libmamba_solver"
    #: the variable that names where it keeps packages
    cache: ClassVar[str] = "CONDA_PKGS_DIRS"
    #: the words that create what a conda file describes
    creates: ClassVar[tuple[str, ...]] = ("env", "create")
    #: the first version that knows `exclude_newer`; older ones ignore it without a word
    limits_since: ClassVar[str] = "26.9"

    def __init__(self, program: str, options: Options = _DEFAULTS) -> None:
        """Keep the path of the program, and the options of the run."""
        self.program = program
        self.options = options

    @cached_property
    def condarc(self) -> Condarc:
        """Return the user's settings of conda, with the options of the run laid over them."""
        variables = {**os.environ, **conda_config.for_conda(self.options)}
        return Condarc.load(variables, files=self._files(variables))

    def _files(self, variables: Mapping[str, str]) -> list[Path]:
        """Return the files of settings that it reads, the weakest first; not all need exist."""
        return conda_config.search_path(variables, self.root)

    @property
    def root(self) -> Path | None:
        """Return the folder of the conda installation, whose environment is base."""
        return Path(self.program).resolve().parent.parent

    def _command(self, why: str, file: CondaFile, *words: str) -> Command:
        """Return a command that downloads from the file's channels.

        Such commands wait for each other: conda does not lock its cache of packages, see
        https://github.com/conda/conda/issues/13037
        """
        folders = self.condarc.values.get("pkgs_dirs") or [str(self.root)]
        return Command(
            (self.program, *words),
            why,
            env=self._env(),
            defaults=self._defaults(),
            turn=Path(bootstrap.lock_place(folders[0])),
            source=", ".join(self.condarc.channels(file.channels)),
            failures=FAILURES,
        )

    def _env(self) -> dict[str, str | None]:
        found: dict[str, str | None] = {}
        for table in (*VARIABLES, PIP):
            found |= table.unset()
        found |= conda_config.for_conda(self.options)
        return found | package_index.for_pip(self.options)

    def _defaults(self) -> dict[str, str]:
        """Return the settings of conda's own that count where the user's files have none."""
        chosen = self.condarc.values
        return {f"CONDA_{key.upper()}": _SETTINGS[key] for key in _SETTINGS if key not in chosen}

    def ask(self, why: str, *words: str) -> Command:
        """Return a command that downloads nothing."""
        return Command((self.program, *words), why, env=self._env())

    def create(self, prefix: Path, file: CondaFile) -> Command:
        """Return the command that creates the environment of a conda file.

        `conda env create` of conda 26.7.1 takes `nodefaults` for a channel, and `create` does not.
        """
        if "nodefaults" in file.channels:
            return self.install(prefix, file, file.dependencies, new=True)
        why = f"create the conda environment that {file.path.name} describes"
        words = (*self.creates, "--yes", "--file", str(file.path), "--prefix", str(prefix))
        return self._command(why, file, *words)

    def install(
        self, prefix: Path, file: CondaFile, specs: Sequence[str], *, new: bool = False
    ) -> Command:
        """Return the command that brings `specs` into an environment, which is created if `new`."""
        channels: list[str] = []
        for channel in file.channels:
            channels += ["--channel", channel]
            if channel == "nodefaults":
                channels[-2:] = ["--override-channels"]
        verb = "create" if new else "install"
        words = (verb, "--yes", "--prefix", str(prefix), *channels, *specs)
        return self._command(f"{verb} with the packages that were named", file, *words)

    def uninstall(self, prefix: Path, file: CondaFile, names: Sequence[str]) -> Command:
        """Return the command that removes packages and what nothing else needs."""
        words = ("remove", "--yes", "--prefix", str(prefix), *names)
        return self._command("remove the conda packages", file, *words)

    def explicit(self, prefix: Path, file: CondaFile, listed: Path, *, new: bool = True) -> Command:
        """Return the command that links exactly the packages of a list; nothing is solved.

        `listed` is a list of conda's (`@EXPLICIT`), or a description or a lock where the engine is
        not a CLI. What an environment that is not `new` has besides stays.
        """
        why = "link exactly the packages of the list, verified by their hashes"
        verb = "create" if new else "install"
        words = (verb, "--yes", "--prefix", str(prefix), "--file", str(listed))
        return self._command(why, file, *words)

    def repair(
        self, prefix: Path, file: CondaFile, listed: Path, new: Sequence[str]
    ) -> tuple[Command, ...]:
        """Return the commands that bring an environment back to the packages listed.

        `new` are the names of packages that it has besides.
        """
        unlinked = [self.unlink(prefix, file, new)] if new else []
        return (*unlinked, self.explicit(prefix, file, listed, new=False))

    def unlink(self, prefix: Path, file: CondaFile, names: Sequence[str]) -> Command:
        """Return the command that removes packages, whatever needs them."""
        words = ("remove", "--force", "--yes", "--prefix", str(prefix), *names)
        return self._command("make room for the packages that are linked next", file, *words)

    def doctor(self, prefix: Path) -> Command | None:
        """Return the command of the engine's own health report; conda's always exits 0."""
        if not self.has_doctor:
            return None
        why = "ask conda about the environment's health"
        return self.ask(why, "doctor", "--prefix", str(prefix))


class Mamba(Engine):
    """The `mamba` on PATH."""

    name: ClassVar[str] = "mamba"
    has_doctor: ClassVar[bool] = False
    #: seen with micromamba 2.8.1: both are recorded then
    replaces: ClassVar[bool] = False
    solver_plugin: ClassVar[str] = ""
    limits_since: ClassVar[str] = "2.9"

    @property
    def root(self) -> Path | None:
        """Return the root that is named by a variable or recognised, else its installation."""
        installation = Path(self.program).resolve().parent.parent
        return mamba_config.installed_root(os.environ, installation) or installation

    def _files(self, variables: Mapping[str, str]) -> list[Path]:
        return mamba_config.search_path(variables, self.root)


class Micromamba(Mamba):
    """The `micromamba` on PATH, a program that may lie anywhere."""

    name: ClassVar[str] = "micromamba"
    creates: ClassVar[tuple[str, ...]] = ("create",)

    @property
    def root(self) -> Path | None:
        """Return the root that is named by a variable or recognised, else that of the user."""
        folder = Path(self.program).parent.parent.resolve()
        root = mamba_config.installed_root(os.environ, folder)
        return root or mamba_config.default_root(os.environ)


class Rattler(Engine):
    """The library py-rattler, in a process of its own: it needs no conda at all."""

    name: ClassVar[str] = "rattler"
    is_cli: ClassVar[bool] = False
    has_doctor: ClassVar[bool] = False
    solver_plugin: ClassVar[str] = ""
    cache: ClassVar[str] = "RATTLER_CACHE_DIR"

    @property
    def root(self) -> Path | None:
        """Return None: there is no installation, and no base."""
        return None

    def create(self, prefix: Path, file: CondaFile) -> Command:
        """Return the command that solves for and installs every dependency of the file."""
        return self.install(prefix, file, file.dependencies, new=True)

    def install(
        self, prefix: Path, file: CondaFile, specs: Sequence[str], *, new: bool = False
    ) -> Command:
        """Return the command that solves for `specs` and what is installed, and installs that."""
        why = "install the conda packages with py-rattler, as `conda install` would"
        if new:
            why = f"create with py-rattler what `conda env create -f {file.path.name}` would"
        return self._worker(why, file, "install", prefix, *_specs(specs))

    def uninstall(self, prefix: Path, file: CondaFile, names: Sequence[str]) -> Command:
        """Return the command that solves without `names`, and removes what is left over."""
        words = [*(f"--drop={name}" for name in names), *_specs(file.dependencies)]
        why = "remove the conda packages with py-rattler, as `conda remove` would"
        return self._worker(why, file, "install", prefix, *words)

    def explicit(self, prefix: Path, file: CondaFile, listed: Path, *, new: bool = True) -> Command:
        """Return the command that links what a description or a lock lists; nothing is solved."""
        why = "link exactly the described packages with py-rattler, verified by their hashes"
        kept = () if new else ("--keep",)
        words = (f"--description={listed}", *kept, *_specs(file.dependencies))
        return self._worker(why, file, "explicit", prefix, *words)

    def repair(
        self, prefix: Path, file: CondaFile, listed: Path, new: Sequence[str]
    ) -> tuple[Command, ...]:
        """Return the command that links every described package, and unlinks the others."""
        del new
        why = "bring conda's packages back with py-rattler"
        return (self._worker(why, file, "explicit", prefix, f"--description={listed}"),)

    def solve(self, prefix: Path | None, file: CondaFile, words: Sequence[str]) -> Command:
        """Return the command that prints, as JSON, the packages that satisfy the whole file.

        What the environment in `prefix` has stays as it is where it can.
        """
        why = "solve for the conda packages with py-rattler, and install nothing"
        command = self._worker(why, file, "solve", prefix, *_specs(file.dependencies), *words)
        return replace(command, failures=OF_LOCKS)

    def probe(self, file: CondaFile) -> Command:
        """Return the command that succeeds if any of the file's channels answers."""
        return self._worker("see whether a channel answers", file, "probe", None)

    def search(self, file: CondaFile, names: Sequence[str], subdirs: Sequence[str] = ()) -> Command:
        """Return the command that asks for the newest version of each name on each platform.

        Without `subdirs` these are this platform and noarch.
        """
        words = (*(f"--subdir={name}" for name in subdirs), *_specs(names))
        return self._worker("ask the channels for their versions", file, "search", None, *words)

    def _worker(
        self, why: str, file: CondaFile, action: str, prefix: Path | None, *words: str
    ) -> Command:
        place = ["--prefix", str(prefix)] if prefix else []
        argv = [self.program, str(WORKER), action, *place]
        specs = [*file.dependencies, *(word.removeprefix("--spec=") for word in words)]
        argv += self._channel_words(file, specs)
        if self.options.exclude_newer and action in _SOLVING:
            argv.append(f"--exclude-newer={self.options.exclude_newer}")
        settings = self.condarc.values
        for key, values, option in _SWITCHES:
            if str(settings.get(key, "")).lower() in values:
                argv.append(option)
        for key, option in _NUMBERS:
            if key in settings:
                argv.append(f"{option}={settings[key]}")
        if prefix:
            rattler_secrets.expect_one_login((*argv, *words))
        return Command((*argv, *words), why, env=self._env(), failures=FAILURES)

    def _channel_words(self, file: CondaFile, specs: Sequence[str]) -> list[str]:
        """Return the worker's options for channels, their meanings and their mirrors."""
        words: list[str] = []
        for channel in self.condarc.channels(file.channels):
            words += ["--channel", channel]
        for name, addresses in self.condarc.meanings(file.channels, specs).items():
            for address in addresses:
                words += ["--meaning", f"{name}={address}"]
        for address, mirrors in self.condarc.mirrors(file.channels).items():
            for mirror in mirrors:
                words += ["--mirror", f"{address}={mirror}"]
        return words


def _specs(specs: Sequence[str]) -> list[str]:
    return [f"--spec={solver_spec(spec)}" for spec in specs]


ENGINES: dict[str, type[Engine]] = {
    engine.name: engine for engine in (Engine, Mamba, Micromamba, Rattler)
}


def on_path() -> list[str]:
    """List the conda CLIs of this machine, the preferred one first."""
    return [name for name in ENGINES if name != Rattler.name and shutil.which(name)]


def with_python(specs: Sequence[str], python: str) -> list[str]:
    """Return specs with the Python of the option, where it names one."""
    if not python:
        return list(specs)
    if not is_version(python):
        text = f"conda knows a Python by its version, and {python!r} is none."
        remedy = Remedy("Name a version, such as 3.12, with --python")
        raise LabError(text, ErrorCode.INVALID_OPTION, remedy=remedy)
    sign = "=" if python[0].isdigit() else ""
    others = [spec for spec in specs if spec_name(spec) != "python"]
    return [f"python{sign}{python}", *others]


def expect(name: str) -> None:
    """Raise an error where no engine has this name."""
    known = (AUTO, *ENGINES)
    if name not in known:
        text = f"There is no engine {name!r}. The engines are {', '.join(known)}."
        remedy = meant(name, known, Remedy("Choose one, e.g. with --engine rattler"))
        raise LabError(text, ErrorCode.UNKNOWN_ENGINE, remedy=remedy)


def choose(name: str, options: Options = _DEFAULTS) -> Engine:
    """Return the engine of that name; `auto` is the CLI on PATH, else rattler."""
    expect(name)
    if name == AUTO:
        name = next(iter(on_path()), Rattler.name)
    program = sys.executable if name == Rattler.name else shutil.which(name)
    if program is None:
        text = f"The engine {name} is not on PATH."
        remedy = Remedy(f"Install {name}, or use the engine that needs none: --engine rattler")
        raise LabError(text, ErrorCode.ENGINE_MISSING, remedy=remedy)
    return ENGINES[name](program, options)
