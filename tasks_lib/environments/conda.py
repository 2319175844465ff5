"""The environment layer `conda`: a named environment, made by whichever engine there is."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import platformdirs

from tasks_lib import bootstrap
from tasks_lib.environments import conda_engines, conda_health, health_checks, site_packages
from tasks_lib.environments.base import (
    CREATION_IS_SAFE,
    MADE,
    WINDOWS,
    Activation,
    Environment,
    State,
)
from tasks_lib.environments.conda_config import USER_VARIABLES
from tasks_lib.environments.conda_folders import envs_dirs, is_base, writable
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution import failures
from tasks_lib.execution.files import write
from tasks_lib.execution.plan import Installs, Step, Writes
from tasks_lib.execution.process import Command
from tasks_lib.project import conda_edit
from tasks_lib.project.conda_file import CondaFile, spec_name
from tasks_lib.tools import executables, uv

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tasks_lib.execution.process import Outcome
    from tasks_lib.project.project import Project
    from tasks_lib.results import Check, Result

_WINDOWS_PATH = ("", "Library/mingw-w64/bin", "Library/usr/bin", "Library/bin", "Scripts", "bin")


class Conda(Environment):
    """The environment that the project's conda file names."""

    kind: ClassVar[str] = "conda"
    mark: ClassVar[str] = "conda-meta"
    owns_packages: ClassVar[bool] = True
    tools: ClassVar[tuple[str, ...]] = ("py-rattler",)
    user_variables: ClassVar[tuple[str, ...]] = USER_VARIABLES
    known_checks: ClassVar[tuple[Check, ...]] = health_checks.OF_CONDA
    engines_on_path = staticmethod(conda_engines.on_path)
    makers: ClassVar[tuple[str, ...]] = tuple(conda_engines.ENGINES)

    @classmethod
    def applies(cls, project: Project) -> bool:
        """Apply where there is a conda file."""
        return project.conda_path is not None

    @classmethod
    def choices(cls) -> list[str]:
        """List the conda CLIs of this machine, and the library that needs none."""
        return [*conda_engines.on_path(), conda_engines.Rattler.name]

    @property
    def file(self) -> CondaFile:
        """Give the conda file."""
        return self.project.conda_file

    @property
    def name(self) -> str:
        """Give the name in the conda file."""
        return self.file.name

    @cached_property
    def maker(self) -> conda_engines.Engine:
        """Give the engine itself, looked for when it is needed."""
        return conda_engines.choose(self.project.options.engine, self.project.options)

    @property
    def engine(self) -> str:
        """Name the engine."""
        return self.maker.name

    def version_of_engine(self) -> Command | None:
        """Return `conda --version`, or the same of another command line."""
        if not self.maker.is_cli:
            return None
        return Command((self.maker.program, "--version"), "ask the engine for its version")

    @classmethod
    def caches(cls) -> dict[str, str]:
        """Return the folder where py-rattler keeps packages and indexes."""
        return {"RATTLER_CACHE_DIR": str(platformdirs.user_cache_path() / "rattler" / "cache")}

    @property
    def installs_files(self) -> bool:
        """Return whether the `pip:` section has an option or a path, which may name such a file."""
        return any(entry[:1] in {"-", "."} for entry in self.file.pip)

    @property
    def where(self) -> str:
        """Say which environment this is."""
        return f"the conda environment {self.name!r}"

    @property
    def manifest(self) -> Path:
        """Return the path of the conda file."""
        return self.file.path

    def edit(self, specs: Sequence[str], *, drop: bool) -> tuple[str, Command]:
        """Return the conda file's new text, and the engine's command for `specs`."""
        path = self.file.path
        text = conda_edit.read(path)
        if drop:
            names = [spec_name(spec) for spec in specs]
            return conda_edit.remove(path, text, specs), self.uninstall(names)
        command = self.maker.install(self.prefix, self.file, specs)
        return conda_edit.add(path, text, specs), command

    def uninstall(self, names: Sequence[str]) -> Command:
        """Return the engine's command; what the file names and is not installed stays so."""
        left_out = {*names, *map(spec_name, self.lacking())}
        rest = [spec for spec in self.file.dependencies if spec_name(spec) not in left_out]
        file = replace(self.file, dependencies=tuple(rest))
        return self.maker.uninstall(self.prefix, file, names)

    @property
    def prefix(self) -> Path:
        """Give the folder where conda has it, or would make it: the first of its folders that can be written."""
        folders = envs_dirs(self.maker.root)
        for folder in folders:
            if (folder / self.name / self.mark).is_dir():
                return folder / self.name
        return next((folder for folder in folders if writable(folder)), folders[0]) / self.name

    def activation(self) -> Activation:
        """Give the interpreter, the folders and the variables that `conda activate` would set."""
        prefix = self.prefix
        variables = {
            "CONDA_PREFIX": str(prefix),
            "CONDA_DEFAULT_ENV": self.name,
            "CONDA_SHLVL": "1",
        }
        return Activation(
            prefix,
            prefix / ("python.exe" if WINDOWS else "bin/python"),
            tuple(prefix / folder for folder in (_WINDOWS_PATH if WINDOWS else ("bin",))),
            {**_variables(prefix), **variables},
            tuple(sorted((prefix / "etc/conda/activate.d").glob("*"))),
            tuple(sorted((prefix / "etc/conda/deactivate.d").glob("*"), reverse=True)),
        )

    def creation(self) -> tuple[Step, ...]:
        """Give the steps that make it: the environment, then the `pip:` section where the engine leaves it out."""
        self.refuse_foreign()
        state = self.state()
        file, maker = self.file, self.maker
        python = self.project.options.python
        if state is State.PRESENT:
            title = f"bring {self.where} to what {file.path.name} says"
            specs, pip = self._lacking()
            update = (
                [
                    Step(
                        "env.update",
                        title,
                        maker.install(self.prefix, file, specs),
                        installs=Installs.LAYER_PACKAGES,
                        safe="conda's packages are put back if the run fails",
                    )
                ]
                if specs
                else []
            )
            return (*update, *([self._pip_section()] if pip else []))
        made = (
            maker.install(self.prefix, file, self._wanted(), new=True)
            if python
            else maker.create(self.prefix, file)
        )
        title = f"make {self.where} with {maker.name}"
        steps = [
            Step(
                "env.create",
                title,
                made,
                reads=self._made,
                undo=self.discard,
                needs=("env.clear",),
                writes=Writes.NEW_ENVIRONMENT,
                safe=CREATION_IS_SAFE,
            )
        ]
        if state is State.BROKEN:
            why = f"{self.where} has no working interpreter, so it is made anew"
            steps.insert(0, self.clearing(why))
        if file.pip and (python or not maker.is_cli):
            steps.append(replace(self._pip_section(), undo=self.discard))
        return tuple(steps)

    def recreation(
        self, description: Path, packages: Sequence[Mapping[str, Any]]
    ) -> tuple[Step, ...]:
        """Give the steps that link exactly these packages, each verified by its hash."""
        self.refuse_foreign()
        maker, title = (
            self.maker,
            f"make {self.where} from {description.name} with {self.maker.name}",
        )
        listed = self.prefix.with_name(f".{self.name}.explicit.txt")
        steps: list[Step] = []
        if maker.is_cli:
            records, out = shlex.quote(str(description)), shlex.quote(str(listed))
            shown = f"""jq -r '"@EXPLICIT", (.conda[] | .url + "#" + .md5)' {records} > {out}"""

            def write_list() -> None:
                listed.parent.mkdir(parents=True, exist_ok=True)
                write(listed, _explicit_list(packages).encode())

            steps.append(
                Step("env.list", "write conda's explicit list", work=write_list, shown=shown)
            )

        def clear() -> None:
            listed.unlink(missing_ok=True)
            self.discard()

        def remade(outcome: Outcome) -> tuple[Result, ...]:
            listed.unlink(missing_ok=True)
            return self._made(outcome)

        command = maker.explicit(self.prefix, self.file, listed if maker.is_cli else description)
        return (
            *steps,
            Step(
                "env.create",
                title,
                command,
                reads=remade,
                undo=clear,
                needs=("env.list",),
                writes=Writes.NEW_ENVIRONMENT,
                safe=CREATION_IS_SAFE,
            ),
        )

    def _made(self, outcome: Outcome) -> tuple[Result, ...]:
        """Enter what was made in conda's list of environments, whichever engine made it; it must have a Python."""
        failures.demand(outcome, title=f"make {self.where}")
        if not self.python.exists():
            text = f"{self.file.path.name} asks for no Python, and the managers need one."
            remedy = f"add '- python' to the dependencies in {self.file.path.name}"
            raise LabError(text, ErrorCode.NO_PYTHON, file=self.file.path.name, remedy=remedy)
        state = self.marker / "state"
        if (
            self.file.variables and not state.exists()
        ):  # on no command line: every user of the machine can read those
            write(state, json.dumps({"version": 1, "env_vars": dict(self.file.variables)}).encode())
        self._list(there=True)
        return ()

    def _list(self, *, there: bool) -> None:
        """Enter it in conda's own list of the user's environments, or take it off."""
        known = executables.home() / ".conda" / "environments.txt"
        lines = known.read_text("utf-8").splitlines(keepends=True) if known.is_file() else []
        rest = [line for line in lines if line.strip() != str(self.prefix)]
        if not there and rest != lines:
            write(known, "".join(rest).encode())
        elif (
            there and rest == lines
        ):  # added to the file as it is: other projects may add theirs at this moment
            known.parent.mkdir(parents=True, exist_ok=True)
            with known.open("a", encoding="utf-8") as stream:
                stream.write(
                    f"{'' if not lines or lines[-1].endswith(chr(10)) else chr(10)}{self.prefix}\n"
                )

    def _pip_section(self) -> Step:
        """Install the `pip:` section; its entries are arguments of pip, as conda hands them on."""
        words = [
            part
            for entry in self.file.pip
            for part in (entry.split(" ", 1) if entry[:1] == "-" else [entry])
        ]
        install = ("pip", "install", "--python", str(self.python))
        command = uv.command(
            self.project,
            *install,
            *map(str.strip, words),
            why="install the pip: section",
            cwd=self.file.path.parent,
        )
        title = f"install the pip: section of {self.file.path.name}"
        return Step(
            "env.pip",
            title,
            command,
            needs=("env.create", "env.update"),
            installs=Installs.PYTHON_PACKAGES,
            safe="the guard looks at it first in an existing environment",
        )

    def lacking(self) -> tuple[str, ...]:
        """Give what the conda file asks for and is not installed: its own packages and those of its pip section."""
        specs, pip = self._lacking()
        return (*specs, *pip)

    def _lacking(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        prefix = self.prefix
        return conda_health.unsatisfied(prefix, self._wanted()), site_packages.unsatisfied(
            prefix, self.file.pip
        )

    def _wanted(self) -> list[str]:
        """Give the file's specs, with the Python that was asked for in place of the file's own."""
        specs = list(self.file.dependencies)
        if not self.project.options.python:
            return specs
        return [
            f"python={self.project.options.python}",
            *(spec for spec in specs if spec_name(spec) != "python"),
        ]

    def health(self) -> Iterable[Result]:
        """Verify every file that `conda-meta` records, and that what is installed is consistent."""
        yield from conda_health.verify(self.prefix)
        yield from site_packages.health(self.prefix, conda_health.owned_or_none(self.prefix))

    def doctor(self) -> Step | None:
        """Ask the engine's own doctor, and read what it says."""
        command = self.maker.doctor(self.prefix)
        if command is None:
            return None
        title = f"{self.engine} doctor"
        return Step(
            "check.doctor.tool",
            title,
            command,
            reads=conda_health.read_doctor,
            needs=MADE,
            check=True,
        )

    def refuse_base(self) -> None:
        """Stop where the environment is conda's base."""
        if is_base(self.prefix, self.maker.root):
            text = f"{self.prefix} is conda's base environment, and that is never touched."
            remedy = f"give the environment another name in {self.file.path.name}"
            raise LabError(text, ErrorCode.BASE_ENVIRONMENT, remedy=remedy)

    @property
    def lock_path(self) -> Path | None:
        """Give a file in the cache: projects whose conda files bear the same name share one environment."""
        return Path(bootstrap.lock_place(str(self.prefix)))

    def repair(self, journal: Path, packages: Sequence[Mapping[str, Any]]) -> tuple[Command, ...]:
        """Link exactly the recorded packages anew, and take out those that came later."""
        maker, wanted = self.maker, {one["name"] for one in packages}
        new = sorted({path.name.rsplit("-", 2)[0] for path in self.marker.glob("*.json")} - wanted)
        listed = journal
        if maker.is_cli:
            listed = journal.with_name("explicit.txt")
            write(listed, _explicit_list(packages).encode())
        return maker.repair(self.prefix, self.file, listed, new)


def _explicit_list(packages: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        "@EXPLICIT",
        *("#".join(filter(None, (one["url"], one.get("md5")))) for one in packages),
    ]
    return "\n".join(rows)


def _variables(prefix: Path) -> dict[str, str]:
    """Read the variables that the environment itself sets (`conda env config vars`, and packages' own)."""
    found: dict[str, Any] = {}
    for path in sorted((prefix / "etc/conda/env_vars.d").glob("*.json")):
        found.update(_json(path))
    state: Any = _json(prefix / "conda-meta" / "state").get("env_vars", {})
    every = {**found, **(state if isinstance(state, dict) else {})}
    return {key: value for key, value in every.items() if isinstance(value, str)}


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
