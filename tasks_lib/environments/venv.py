"""The environment layer `pip`: a virtual environment in the project's folder."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import platformdirs

from tasks_lib.environments import distribution_health, health_checks, site_packages
from tasks_lib.environments.base import (
    CREATION_IS_SAFE,
    WINDOWS,
    Activation,
    Environment,
    State,
)
from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import failures, files
from tasks_lib.execution.plan import Step, Writes
from tasks_lib.project.options import is_version
from tasks_lib.project.project import PIN
from tasks_lib.project.version_ranges import is_python, wrong_python
from tasks_lib.results import Check, Result, Status
from tasks_lib.tools import executables, uv
from tasks_lib.tools.pip_variables import PIP, PYTHON

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tasks_lib.environments.damage import Damage
    from tasks_lib.execution.process import Outcome
    from tasks_lib.project.project import Project
    from tasks_lib.tools.variables import Variables

#: a line of `pyvenv.cfg`, and those that say which Python it is of
_SETTING = re.compile(r"^([\w-]+)\s*=\s*(.*?)\s*$", re.MULTILINE)
_OF_PYTHON = {"home", "version", "version_info", "implementation"}


class Venv(Environment):
    """A virtual environment, created by `uv venv` with pip in it, as `python -m venv` would."""

    kind: ClassVar[str] = "pip"
    mark: ClassVar[str] = "pyvenv.cfg"  # PEP 405
    seeds: ClassVar[tuple[str, ...]] = ("pip",)
    tools: ClassVar[tuple[str, ...]] = ("uv",)
    known_checks: ClassVar[tuple[Check, ...]] = health_checks.OF_VENV
    variables: ClassVar[tuple[Variables, ...]] = (PIP, PYTHON)
    name = ".venv"
    engine = "uv"
    makers: ClassVar[tuple[str, ...]] = (engine,)
    where = "the virtual environment .venv"

    @classmethod
    def applies(cls, project: Project) -> bool:
        """Return whether there is a manifest."""
        return bool(project.pyproject.data)

    @classmethod
    def caches(cls) -> dict[str, str]:
        """Return the folder where pip keeps its downloads."""
        return {"PIP_CACHE_DIR": str(platformdirs.user_cache_path("pip", appauthor=False))}

    @property
    def prefix(self) -> Path:
        """Return `.venv` in the project."""
        return self.project.root / self.name

    def activation(self) -> Activation:
        """Return the interpreter and the variables that `activate` would set.

        `execution.process` unsets conda's.
        """
        folder = self.prefix / ("Scripts" if WINDOWS else "bin")
        python = folder / ("python.exe" if WINDOWS else "python")
        variables = {"VIRTUAL_ENV": str(self.prefix), "VIRTUAL_ENV_PROMPT": self.project.root.name}
        return Activation(self.prefix, python, (folder,), variables)

    def creation(self) -> tuple[Step, ...]:
        """Return the steps that create it, in place of one that exists."""
        self.refuse_foreign()
        title = f"create {self.where}"
        words = ("venv", "--seed", *self._python(), str(self.prefix))
        create = Step(
            "env.create",
            title,
            uv.command(self.project, *words, why=title, cwd=self.project.root),
            undo=self.discard,
            needs=("env.clear",),
            writes=Writes.NEW_ENVIRONMENT,
            safe=CREATION_IS_SAFE,
        )
        state = self.state()
        if state is State.ABSENT:
            return (create,)
        why = "that is what was asked for"
        if state is State.BROKEN:
            why = "its interpreter does not exist"
        elif self.lacking():
            why = "it has another Python than the one that is needed"
        return (self.clearing(f"{self.where} is created again: {why}"), create)

    def lacking(self) -> tuple[str, ...]:
        """Return the Python that the options or `requires-python` name, where it has another."""
        has = site_packages.python_version(self.prefix)
        if has is None:
            return ()
        wanted = self.project.options.python
        if wanted and not is_python(_version(wanted), has):
            return (f"python {wanted} (it has {has})",)
        if not self.project.pyproject.allows(has):
            return (f"python {self.project.pyproject.python_range} (it has {has})",)
        return ()

    def health(self) -> Iterable[Result]:
        """Check the interpreter's link, the folder's place, and the distributions' records."""
        yield self._interpreter()
        yield distribution_health.moved(self.prefix)
        yield from distribution_health.health(self.prefix)

    def damage(self) -> Damage:
        """Return the damaged distributions; what names another place is written again."""
        found = super().damage()
        is_moved = any(True for _ in distribution_health.strangers(self.prefix))
        if self.python.exists() and not is_moved:
            return found
        title = f"write the interpreter's links and the scripts of {self.where} again"
        words = ["venv", "--allow-existing", *self._same_python(), str(self.prefix)]
        step = Step(
            "env.repair",
            title,
            uv.command(self.project, *words, why=title, cwd=self.project.root),
            reads=partial(self._written_again, files.regular_text(self.marker), title),
            needs=("env.keep",),
            safe=CREATION_IS_SAFE,
        )
        return replace(found, steps=[step])

    def _written_again(self, before: str, title: str, outcome: Outcome) -> Iterable[Result]:
        """Put back what else `pyvenv.cfg` said: uv writes what a new environment has."""
        failures.demand(outcome, title=title)
        now = dict(_SETTING.findall(files.regular_text(self.marker)))
        now.setdefault("version", now.get("version_info", ""))
        lines = []
        for line in before.splitlines():
            key = line.partition("=")[0].strip()
            is_new = key in _OF_PYTHON and now.get(key)
            lines.append(f"{key} = {now[key]}" if is_new else line)
        files.write(self.marker, "\n".join([*lines, ""]).encode())
        return ()

    def _same_python(self) -> list[str]:
        """Return the options for the Python that the environment has, or had."""
        folder = site_packages.site_packages(self.prefix)
        words = ["--python", str(self.python.resolve())]
        if not self.python.exists() and folder:
            words = ["--python", folder.parent.name.removeprefix("python")]
        return words

    def _interpreter(self) -> Result:
        if self.python.exists():
            return health_checks.INTERPRETER.result(Status.PASS)
        detail = f"{self.python} does not exist."
        if self.python.is_symlink():
            detail = f"{self.python} is a link to {self.python.readlink()}, which does not exist."
        return health_checks.INTERPRETER.result(Status.FAIL, detail)

    def _python(self) -> list[str]:
        """Return the option that names the Python: the options', the pinned one, or one that fits.

        Where there is none, uv may download one.

        Raises:
            LabError: The project may not run on the Python that was named.
        """
        pyproject, wanted, by = self.project.pyproject, self.project.options.python, "--python"
        if not wanted:
            wanted, by = self.project.pinned_python, PIN
        if not wanted:
            found = executables.fitting(pyproject)
            return ["--python", str(found or pyproject.pythons()[-1])]
        version = executables.version_of(_version(wanted))
        if version and not pyproject.allows(version):
            raise wrong_python(pyproject, f"{by} names Python {version}")
        return ["--python", wanted]


def _version(wanted: str) -> str:
    """Return the version that is meant, where a path or a program was named."""
    found = wanted if is_version(wanted) else executables.version_of(wanted)
    if not found:
        text = f"{wanted} is not a Python that starts."
        remedy = Remedy("Name a version, such as 3.12, with --python")
        raise LabError(text, ErrorCode.PYTHON_NOT_FOUND, remedy=remedy)
    return found
