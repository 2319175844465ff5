"""The environment layer `pip`: a virtual environment in the project's folder."""

from __future__ import annotations

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
from tasks_lib.execution.plan import Step, Writes
from tasks_lib.results import Check, Result, Status
from tasks_lib.tools import executables, uv

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tasks_lib.project.project import Project


class Venv(Environment):
    """A virtual environment, made by `uv venv` with pip in it, as `python -m venv` would."""

    kind: ClassVar[str] = "pip"
    mark: ClassVar[str] = "pyvenv.cfg"  # PEP 405
    seeds: ClassVar[tuple[str, ...]] = ("pip",)
    tools: ClassVar[tuple[str, ...]] = ("uv",)
    known_checks: ClassVar[tuple[Check, ...]] = health_checks.OF_VENV
    user_variables: ClassVar[tuple[str, ...]] = (
        "PIP_CONFIG_FILE",
        "PIP_CONSTRAINT",
        "PYTHONUSERBASE",
    )
    name = ".venv"
    engine = "uv"
    makers: ClassVar[tuple[str, ...]] = (engine,)
    where = "the virtual environment .venv"

    @classmethod
    def applies(cls, project: Project) -> bool:
        """Apply to every project with a manifest."""
        return bool(project.pyproject.data)

    @classmethod
    def caches(cls) -> dict[str, str]:
        """Return the folder where pip keeps its downloads."""
        return {"PIP_CACHE_DIR": str(platformdirs.user_cache_path("pip", appauthor=False))}

    @property
    def prefix(self) -> Path:
        """Give `.venv` in the project."""
        return self.project.root / self.name

    def activation(self) -> Activation:
        """Give the interpreter and variables that `activate` would set; conda's are unset by `process`."""
        folder = self.prefix / ("Scripts" if WINDOWS else "bin")
        python = folder / ("python.exe" if WINDOWS else "python")
        variables = {"VIRTUAL_ENV": str(self.prefix), "VIRTUAL_ENV_PROMPT": self.project.root.name}
        return Activation(self.prefix, python, (folder,), variables)

    def creation(self) -> tuple[Step, ...]:
        """Give the step that makes it, in place of a broken one."""
        self.refuse_foreign()
        title = f"make {self.where}"
        words = ("venv", "--seed", *self._python(), str(self.prefix))
        command = uv.command(self.project, *words, why=title, cwd=self.project.root)
        creation = Step(
            "env.create",
            title,
            command,
            undo=self.discard,
            needs=("env.clear",),
            writes=Writes.NEW_ENVIRONMENT,
            safe=CREATION_IS_SAFE,
        )
        steps = [creation]
        if (state := self.state()) is not State.ABSENT:
            why = (
                "its interpreter is gone"
                if state is State.BROKEN
                else "it has another Python than the one wanted"
            )
            steps.insert(0, self.clearing(f"{self.where} is made anew: {why}"))
        return tuple(steps)

    def lacking(self) -> tuple[str, ...]:
        """Say when its Python is not the one that was asked for, or that `requires-python` wants."""
        has = site_packages.python_version(self.prefix)
        if has is None:
            return ()
        wanted = self.project.options.python
        if wanted and not is_python(wanted, has):
            return (f"python {wanted} (it has {has})",)
        if not self.project.pyproject.allows(has):
            return (f"python {self.project.pyproject.requires_python} (it has {has})",)
        return ()

    def health(self) -> Iterable[Result]:
        """Look for a broken interpreter link, a moved folder, and damaged or duplicate distribution records."""
        yield self._interpreter()
        yield distribution_health.moved(self.prefix)
        yield from distribution_health.health(self.prefix)

    def _interpreter(self) -> Result:
        if self.python.exists():
            return health_checks.INTERPRETER.result(Status.PASS)
        detail = f"{self.python} does not exist."
        if self.python.is_symlink():
            detail = f"{self.python} is a link to {self.python.readlink()}, which does not exist."
        return health_checks.INTERPRETER.result(Status.FAIL, detail)

    def _python(self) -> list[str]:
        """Take the Python asked for, else this one where the project allows it, else let uv find one."""
        if self.project.options.python:
            return ["--python", self.project.options.python]
        pinned = (self.project.root / ".python-version").exists()
        if not pinned and self.project.pyproject.allows(executables.running_python()):
            return ["--python", executables.base_python()]
        return []


def is_python(wanted: str, has: str) -> bool:
    """Tell whether a version is the one that was asked for: `3.12`, or a specifier; a path or a name is uv's affair."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415 - 0.03 s, and seldom needed

    try:
        return has in SpecifierSet(
            f"=={wanted}.*" if wanted[0].isdigit() else wanted, prereleases=True
        )
    except InvalidSpecifier:
        return True
