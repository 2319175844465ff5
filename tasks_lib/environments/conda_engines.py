"""What creates a conda environment: a CLI found on the machine, or the library py-rattler."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from tasks_lib import bootstrap
from tasks_lib.environments import conda_config
from tasks_lib.environments.conda_config import Condarc
from tasks_lib.environments.conda_health import solver_spec
from tasks_lib.environments.conda_messages import FAILURES
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution import failures
from tasks_lib.execution.process import Command
from tasks_lib.project.options import Options
from tasks_lib.tools import executables, package_index

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks_lib.execution.process import Outcome
    from tasks_lib.project.conda_file import CondaFile

_DEFAULTS = Options()
WORKER = Path(__file__).with_name("rattler_worker.py")
#: settings of the user's `.condarc`, the values at which they count, and what the worker is told then
_SWITCHES = (
    ("channel_priority", {"disabled", "false"}, "--any-channel"),
    ("ssl_verify", {"false"}, "--no-tls-verify"),
    ("offline", {"true"}, "--offline"),
)


class Engine:
    """The `conda` on PATH, from which the others differ; every method returns a command and runs nothing."""

    name: ClassVar[str] = "conda"
    #: whether it is a command line of conda's kind: `create` installs the `pip:` section of a conda file by itself,
    #: and `explicit` reads conda's own kind of list, not a description with whole records
    is_cli: ClassVar[bool] = True
    has_doctor: ClassVar[bool] = True
    #: the words that make what a conda file describes
    creates: ClassVar[tuple[str, ...]] = ("env", "create")

    def __init__(self, program: str, options: Options = _DEFAULTS) -> None:
        """Keep the path of the program, and the options of the run."""
        self.program = program
        self.options = options

    def condarc(self) -> Condarc:
        """Return the user's settings of conda, with the options of the run laid over them."""
        variables = {**os.environ, **conda_config.for_conda(self.options)}
        return Condarc.load(variables, self.root)

    @property
    def root(self) -> Path | None:
        """Give the folder of the conda installation itself, whose environment is base: above `bin` or `condabin`."""
        return Path(self.program).resolve().parent.parent

    def _command(self, why: str, file: CondaFile, *words: str) -> Command:
        """Give a command that downloads from the file's channels, and takes its turn: conda locks no package cache."""
        condarc = self.condarc()
        first = next(iter(condarc.values.get("pkgs_dirs", ())), str(self.root))
        cache = os.path.expanduser(first)  # noqa: PTH111 - as in conda.py
        source = ", ".join(condarc.channels(file.channels))
        return Command(
            (self.program, *words),
            why,
            env=self._env(),
            turn=Path(bootstrap.lock_place(cache)),
            source=source,
            failures=FAILURES,
        )

    def _env(self) -> dict[str, str | None]:
        return {**conda_config.for_conda(self.options), **package_index.for_pip(self.options)}

    def create(self, prefix: Path, file: CondaFile) -> Command:
        """Make the environment that a conda file describes."""
        why = f"make the conda environment that {file.path.name} describes"
        words = (*self.creates, "--yes", "--file", str(file.path), "--prefix", str(prefix))
        command = self._command(why, file, *words)
        if not file.pip:
            return command
        return replace(command, env={**command.env, **_pip_index(self.options)})

    def install(
        self, prefix: Path, file: CondaFile, specs: Sequence[str], *, new: bool = False
    ) -> Command:
        """Make an existing environment (or, with `new`, one from nothing) satisfy `specs`, from the file's channels."""
        channels = [
            part
            for channel in file.channels
            if channel != "nodefaults"
            for part in ("--channel", channel)
        ]
        verb = "create" if new else "install"
        why = f"{verb} with the packages asked for"
        return self._command(why, file, verb, "--yes", "--prefix", str(prefix), *channels, *specs)

    def uninstall(self, prefix: Path, file: CondaFile, names: Sequence[str]) -> Command:
        """Take packages, and what nothing else needs, out of an environment."""
        return self._command(
            "remove the conda packages", file, "remove", "--yes", "--prefix", str(prefix), *names
        )

    def explicit(self, prefix: Path, file: CondaFile, listed: Path) -> Command:
        """Link exactly the packages of a list of conda's (`@EXPLICIT`), or of a description: nothing is solved."""
        why = "link exactly the packages of the list, verified by their hashes"
        return self._command(
            why, file, "create", "--yes", "--prefix", str(prefix), "--file", str(listed)
        )

    def repair(
        self, prefix: Path, file: CondaFile, listed: Path, new: Sequence[str]
    ) -> tuple[Command, ...]:
        """Bring an existing environment back to exactly the packages listed; `new` are those that it has besides."""
        why, common = "bring conda's packages back", ("--yes", "--prefix", str(prefix))
        remove = [self._command(why, file, "remove", "--force", *common, *new)] if new else []
        return (*remove, self._command(why, file, "install", *common, "--file", str(listed)))

    def doctor(self, prefix: Path) -> Command | None:
        """Give the engine's own health report, where it has one; conda's always exits 0."""
        why = "ask conda about the environment's health"
        return (
            Command((self.program, "doctor", "--prefix", str(prefix)), why)
            if self.has_doctor
            else None
        )


class Mamba(Engine):
    """The `mamba` on PATH."""

    name: ClassVar[str] = "mamba"
    has_doctor: ClassVar[bool] = False


class Micromamba(Mamba):
    """The `micromamba` on PATH; its folder of environments is named by a variable."""

    name: ClassVar[str] = "micromamba"
    creates: ClassVar[tuple[str, ...]] = ("create",)

    @property
    def root(self) -> Path | None:
        """Give MAMBA_ROOT_PREFIX, or micromamba's own default."""
        return Path(
            os.environ.get("MAMBA_ROOT_PREFIX") or executables.home() / ".local/share/mamba"
        )


class Rattler(Engine):
    """The library py-rattler, in a process of its own: it needs no conda at all."""

    name: ClassVar[str] = "rattler"
    is_cli: ClassVar[bool] = False
    has_doctor: ClassVar[bool] = False

    @property
    def root(self) -> Path | None:
        """Give nothing: there is no installation, and no base."""
        return None

    def create(self, prefix: Path, file: CondaFile) -> Command:
        """Solve and install every dependency of the file."""
        return self.install(prefix, file, file.dependencies, new=True)

    def install(
        self, prefix: Path, file: CondaFile, specs: Sequence[str], *, new: bool = False
    ) -> Command:
        """Solve for `specs` and what is installed, and bring the prefix there."""
        why = (
            "make the conda environment with py-rattler"
            if new
            else "install the conda packages with py-rattler"
        )
        return self._worker(why, file, "install", prefix, *_specs(specs))

    def uninstall(self, prefix: Path, file: CondaFile, names: Sequence[str]) -> Command:
        """Solve for what is left when `names` are no longer asked for."""
        dropped = [f"--drop={name}" for name in names]
        why = "remove the conda packages with py-rattler"
        return self._worker(why, file, "install", prefix, *dropped, *_specs(file.dependencies))

    def explicit(self, prefix: Path, file: CondaFile, listed: Path) -> Command:
        """Link the records of a description: nothing is solved."""
        why = "link exactly the described packages with py-rattler, verified by their hashes"
        words = (f"--description={listed}", *_specs(file.dependencies))
        return self._worker(why, file, "explicit", prefix, *words)

    def repair(
        self, prefix: Path, file: CondaFile, listed: Path, new: Sequence[str]
    ) -> tuple[Command, ...]:
        """Link every described package anew, and unlink what is not described."""
        del new
        why = "bring conda's packages back with py-rattler"
        return (self._worker(why, file, "explicit", prefix, f"--description={listed}"),)

    def probe(self, file: CondaFile) -> Command:
        """Ask whether any of the file's channels answers."""
        return self._worker("see whether a channel answers", file, "probe", None)

    def search(self, file: CondaFile, names: Sequence[str], subdirs: Sequence[str] = ()) -> Command:
        """Ask the file's channels for the newest version of each name on each platform (this one and noarch)."""
        words = (*(f"--subdir={name}" for name in subdirs), *_specs(names))
        return self._worker(
            "ask the channels what versions there are", file, "search", None, *words
        )

    def _worker(
        self, why: str, file: CondaFile, action: str, prefix: Path | None, *words: str
    ) -> Command:
        condarc = self.condarc()
        argv = [self.program, str(WORKER), action, *(["--prefix", str(prefix)] if prefix else [])]
        for channel in condarc.channels(file.channels):
            argv += ["--channel", channel]
        specs = [*file.dependencies, *(word.removeprefix("--spec=") for word in words)]
        for name, addresses in condarc.meanings(file.channels, specs).items():
            argv += [part for address in addresses for part in ("--meaning", f"{name}={address}")]
        for address, mirrors in condarc.mirrors(file.channels).items():
            argv += [part for mirror in mirrors for part in ("--mirror", f"{address}={mirror}")]
        for key, values, option in _SWITCHES:
            argv += [option] if str(condarc.values.get(key, "")).lower() in values else []
        for key, option in (
            ("remote_read_timeout_secs", "--timeout"),
            ("remote_max_retries", "--retries"),
        ):
            argv += [f"{option}={condarc.values[key]}"] if key in condarc.values else []
        return Command((*argv, *words), why, env=self._env(), failures=FAILURES)


def _specs(specs: Sequence[str]) -> list[str]:
    return [f"--spec={solver_spec(spec)}" for spec in specs]


ENGINES: dict[str, type[Engine]] = {
    engine.name: engine for engine in (Engine, Mamba, Micromamba, Rattler)
}


def preview(command: Command) -> Command:
    """Ask, without changing anything, what an engine's `install` would do."""
    own = [] if str(WORKER) in command.argv else ["--json"]
    return replace(
        command, argv=(*command.argv, "--dry-run", *own), why="see what would be installed"
    )


def linked(outcome: Outcome) -> list[tuple[str, str]]:
    """Read the answer of a preview: names and versions of the packages that conda would put there."""
    title = "see what conda would install"
    try:
        said = json.loads(outcome.stdout)
    except ValueError:
        raise failures.explain(outcome, title=title) from None
    if not outcome.ok:  # conda puts there what it says as text else
        text = str(said.get("error") or said.get("message") or outcome.said)
        raise failures.explain(replace(outcome, stdout="", stderr=text), title=title)
    return [
        (one["name"], str(one["version"])) for one in (said.get("actions") or {}).get("LINK", ())
    ]


def _pip_index(options: Options) -> dict[str, str]:
    """Return the index that all tools use, for the pip that conda starts for a `pip:` section."""
    found = package_index.resolve(options)
    return {"PIP_INDEX_URL": found.url} if found.source else {}


def on_path() -> list[str]:
    """List the conda CLIs of this machine, the preferred one first."""
    return [name for name in ENGINES if name != Rattler.name and shutil.which(name)]


def choose(name: str, options: Options = _DEFAULTS) -> Engine:
    """Give the engine of that name; `auto` takes the CLI on PATH, else rattler."""
    if name == "auto":
        name = next(iter(on_path()), Rattler.name)
    if name not in ENGINES:
        text = f"there is no engine {name!r}; the engines are auto, {', '.join(ENGINES)}."
        raise LabError(text, ErrorCode.UNKNOWN_ENGINE, remedy="choose one, e.g. --engine rattler")
    program = sys.executable if name == Rattler.name else shutil.which(name)
    if program is None:
        text = f"the engine {name} is not on PATH."
        remedy = f"install {name}, or take the engine that needs none: --engine rattler"
        raise LabError(text, ErrorCode.ENGINE_MISSING, remedy=remedy)
    return ENGINES[name](program, options)
