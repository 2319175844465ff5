"""What creates a conda environment: a CLI found on the machine, or the library py-rattler."""

from __future__ import annotations

import json
import os
import shutil
import sys
from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from tasks_lib import bootstrap, diagnosis, index, toolbox
from tasks_lib.environments.conda_health import solver_spec
from tasks_lib.environments.condarc import Condarc
from tasks_lib.errors import ExitCode, LabError
from tasks_lib.process import Command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks_lib.manifests import CondaFile
    from tasks_lib.process import Outcome

WORKER = Path(__file__).with_name("rattler_worker.py")


class Engine(ABC):
    """Make, change and remove a conda environment at a prefix; every method returns a command and runs nothing."""

    name: ClassVar[str]
    #: whether `create` installs the `pip:` section of a whole conda file by itself
    installs_pip_section: ClassVar[bool] = True
    #: whether `explicit` reads conda's own kind of list, not a description with whole records
    reads_explicit_list: ClassVar[bool] = True

    def __init__(self, program: str) -> None:
        """Keep the path of the program."""
        self.program = program

    @property
    def root(self) -> Path | None:
        """Give the folder of the conda installation itself, whose environment is base."""
        return None

    @abstractmethod
    def create(self, prefix: Path, file: CondaFile) -> Command:
        """Make the environment that a conda file describes."""

    @abstractmethod
    def install(self, prefix: Path, file: CondaFile, specs: Sequence[str], *, new: bool = False) -> Command:
        """Make an existing environment (or, with `new`, one from nothing) satisfy `specs`."""

    @abstractmethod
    def uninstall(self, prefix: Path, file: CondaFile, names: Sequence[str]) -> Command:
        """Take packages, and what nothing else needs, out of an environment."""

    @abstractmethod
    def explicit(self, prefix: Path, file: CondaFile, listed: Path) -> Command:
        """Link exactly the packages of a list of conda's (`@EXPLICIT`), or of a description."""

    @abstractmethod
    def repair(self, prefix: Path, file: CondaFile, listed: Path, new: Sequence[str]) -> tuple[Command, ...]:
        """Bring an existing environment back to exactly the packages listed; `new` are those that it has besides."""

    def doctor(self, prefix: Path) -> Command | None:
        """Give the engine's own health report, where it has one."""
        del prefix
        return None


class CondaCli(Engine):
    """The `conda` on PATH."""

    name: ClassVar[str] = "conda"

    @property
    def root(self) -> Path | None:
        """Give the folder above `bin` or `condabin`."""
        return Path(self.program).resolve().parent.parent

    @property
    def turn(self) -> Path:
        """Give the file by which this user's commands take turns at a package cache: conda itself does not lock it."""
        first = next(iter(Condarc.load(os.environ, self.root).values.get("pkgs_dirs", ())), str(self.root))
        return Path(bootstrap.lock_place(os.path.expanduser(first)))  # noqa: PTH111 - as in conda.py

    def _command(self, argv: tuple[str, ...], why: str, file: CondaFile) -> Command:
        """Give a command that downloads into the package cache, alone, from the file's channels."""
        channels = Condarc.load(os.environ, self.root).channels(file.channels)
        return Command(argv, why, turn=self.turn, source=", ".join(channels))

    def create(self, prefix: Path, file: CondaFile) -> Command:
        """Run `conda env create`."""
        argv = (self.program, "env", "create", "--yes", "--file", str(file.path), "--prefix", str(prefix))
        why = f"make the conda environment that {file.path.name} describes"
        return replace(self._command(argv, why, file), env=_pip_index(file))

    def install(self, prefix: Path, file: CondaFile, specs: Sequence[str], *, new: bool = False) -> Command:
        """Run `conda create` or `conda install`, with the file's channels."""
        channels = [part for channel in file.channels if channel != "nodefaults" for part in ("--channel", channel)]
        verb = "create" if new else "install"
        argv = (self.program, verb, "--yes", "--prefix", str(prefix), *channels, *specs)
        return self._command(argv, f"{verb} with the packages asked for", file)

    def uninstall(self, prefix: Path, file: CondaFile, names: Sequence[str]) -> Command:
        """Run `conda remove`."""
        argv = (self.program, "remove", "--yes", "--prefix", str(prefix), *names)
        return self._command(argv, "remove the conda packages", file)

    def explicit(self, prefix: Path, file: CondaFile, listed: Path) -> Command:
        """Run `conda create --file` with a list of addresses and hashes: nothing is solved."""
        argv = (self.program, "create", "--yes", "--prefix", str(prefix), "--file", str(listed))
        return self._command(argv, "link exactly the packages of the list, verified by their hashes", file)

    def repair(self, prefix: Path, file: CondaFile, listed: Path, new: Sequence[str]) -> tuple[Command, ...]:
        """Run `conda remove --force` and `conda install --file`, which links every package of the list anew."""
        why = "bring conda's packages back"
        common = ("--yes", "--prefix", str(prefix))
        remove = [self._command((self.program, "remove", "--force", *common, *new), why, file)] if new else []
        install = (self.program, "install", *common, "--file", str(listed))
        return (*remove, self._command(install, why, file))

    def doctor(self, prefix: Path) -> Command | None:
        """Run `conda doctor`, which always exits 0."""
        return Command((self.program, "doctor", "--prefix", str(prefix)), "ask conda about the environment's health")


class Mamba(CondaCli):
    """The `mamba` on PATH; it has no doctor."""

    name: ClassVar[str] = "mamba"

    def doctor(self, prefix: Path) -> Command | None:
        """Give nothing: mamba has no doctor."""
        del prefix
        return None


class Micromamba(Mamba):
    """The `micromamba` on PATH; its folder of environments is named by a variable."""

    name: ClassVar[str] = "micromamba"

    @property
    def root(self) -> Path | None:
        """Give MAMBA_ROOT_PREFIX, or micromamba's own default."""
        return Path(os.environ.get("MAMBA_ROOT_PREFIX") or toolbox.home() / ".local/share/mamba")

    def create(self, prefix: Path, file: CondaFile) -> Command:
        """Run `micromamba create`, which reads conda files itself."""
        argv = (self.program, "create", "--yes", "--file", str(file.path), "--prefix", str(prefix))
        return Command(argv, f"make the conda environment that {file.path.name} describes", env=_pip_index(file))


class Rattler(Engine):
    """The library py-rattler, in a process of its own: it needs no conda at all."""

    name: ClassVar[str] = "rattler"
    installs_pip_section: ClassVar[bool] = False
    reads_explicit_list: ClassVar[bool] = False

    def create(self, prefix: Path, file: CondaFile) -> Command:
        """Solve and install every dependency of the file."""
        return self.install(prefix, file, file.dependencies, new=True)

    def install(self, prefix: Path, file: CondaFile, specs: Sequence[str], *, new: bool = False) -> Command:
        """Solve for `specs` and what is installed, and bring the prefix there."""
        why = "make the conda environment with py-rattler" if new else "install the conda packages with py-rattler"
        return self._worker(prefix, file, [], specs, why)

    def uninstall(self, prefix: Path, file: CondaFile, names: Sequence[str]) -> Command:
        """Solve for what is left when `names` are no longer asked for."""
        dropped = [f"--drop={name}" for name in names]
        return self._worker(prefix, file, dropped, file.dependencies, "remove the conda packages with py-rattler")

    def explicit(self, prefix: Path, file: CondaFile, listed: Path) -> Command:
        """Link the records of a description: nothing is solved."""
        why = "link exactly the described packages with py-rattler, verified by their hashes"
        return self._worker(prefix, file, [f"--description={listed}"], file.dependencies, why, action="explicit")

    def repair(self, prefix: Path, file: CondaFile, listed: Path, new: Sequence[str]) -> tuple[Command, ...]:
        """Link every described package anew, and unlink what is not described."""
        del new
        why = "bring conda's packages back with py-rattler"
        return (self._worker(prefix, file, [f"--description={listed}"], (), why, action="repair"),)

    def probe(self, file: CondaFile) -> Command:
        """Ask whether any of the file's channels answers."""
        return self._worker(None, file, [], [], "see whether a channel answers", action="probe")

    def search(self, file: CondaFile, names: Sequence[str], subdirs: Sequence[str] = ()) -> Command:
        """Ask the file's channels for the newest version of each name on each platform (this one and noarch)."""
        more = [f"--subdir={name}" for name in subdirs]
        return self._worker(None, file, more, names, "ask the channels what versions there are", action="search")

    def _worker(  # noqa: PLR0913, PLR0917 - one command line, all of whose parts differ between the callers
        self,
        prefix: Path | None,
        file: CondaFile,
        more: Sequence[str],
        specs: Sequence[str],
        why: str,
        action: str = "install",
    ) -> Command:
        condarc = Condarc.load(os.environ)
        argv = [sys.executable, str(WORKER), action, *(["--prefix", str(prefix)] if prefix else [])]
        for channel in condarc.channels(file.channels):
            argv += ["--channel", channel]
        for address, mirrors in condarc.mirrors(file.channels).items():
            argv += [part for mirror in mirrors for part in ("--mirror", f"{address}={mirror}")]
        if str(condarc.values.get("channel_priority", "")).lower() in {"disabled", "false"}:
            argv.append("--any-channel")
        if str(condarc.values.get("ssl_verify", "")).lower() == "false":
            argv.append("--no-tls-verify")
        if str(condarc.values.get("offline", "")).lower() == "true":
            argv.append("--offline")
        for key, option in (("remote_read_timeout_secs", "--timeout"), ("remote_max_retries", "--retries")):
            if key in condarc.values:
                argv.append(f"{option}={condarc.values[key]}")
        return Command((*argv, *more, *(f"--spec={solver_spec(spec)}" for spec in specs)), why)


ENGINES: dict[str, type[Engine]] = {engine.name: engine for engine in (CondaCli, Mamba, Micromamba, Rattler)}


def preview(command: Command) -> Command:
    """Ask, without changing anything, what an engine's `install` would do."""
    own = [] if str(WORKER) in command.argv else ["--json"]
    return replace(command, argv=(*command.argv, "--dry-run", *own), why="see what would be installed")


def linked(outcome: Outcome) -> list[tuple[str, str]]:
    """Read the answer of a preview: names and versions of the packages that conda would put there."""
    title = "see what conda would install"
    try:
        said = json.loads(outcome.stdout)
    except ValueError:
        raise diagnosis.explain(outcome, title=title) from None
    if not outcome.ok:  # conda puts there what it says as text else
        text = str(said.get("error") or said.get("message") or outcome.said)
        raise diagnosis.explain(replace(outcome, stdout="", stderr=text), title=title)
    return [(one["name"], str(one["version"])) for one in (said.get("actions") or {}).get("LINK", ())]


def _pip_index(file: CondaFile) -> dict[str, str | None]:
    """Give the pip that conda starts for a `pip:` section the index that all tools use, where somebody set one."""
    found = index.resolve(os.environ) if file.pip else None
    return {"PIP_INDEX_URL": found.url} if found and found.source else {}


def on_path() -> list[str]:
    """List the conda CLIs of this machine, the preferred one first."""
    return [name for name in ENGINES if name != Rattler.name and shutil.which(name)]


def choose(name: str) -> Engine:
    """Give the engine of that name; `auto` takes the CLI on PATH, else rattler."""
    if name == "auto":
        name = next(iter(on_path()), Rattler.name)
    if name not in ENGINES:
        text = f"there is no engine {name!r}; the engines are auto, {', '.join(ENGINES)}."
        raise LabError(text, remedy="choose one, e.g. --engine rattler", title="unknown engine")
    if name == Rattler.name:
        return Rattler(sys.executable)
    program = shutil.which(name)
    if program is None:
        text = f"the engine {name} is not on PATH."
        remedy = f"install {name}, or take the engine that needs none: --engine rattler"
        raise LabError(text, code=ExitCode.TOOL_MISSING, remedy=remedy, title="engine missing")
    return ENGINES[name](program)
