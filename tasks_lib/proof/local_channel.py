"""A conda channel in the cache folder, built from an interpreter and wheels of this machine."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet

from tasks_lib import bootstrap
from tasks_lib.environments.conda_health import solver_spec
from tasks_lib.errors import ErrorCode, ExitCode, LabError, Remedy
from tasks_lib.execution import process, redaction
from tasks_lib.execution.process import Command
from tasks_lib.project.conda_file import spec_name
from tasks_lib.project.version_ranges import conda_specifiers
from tasks_lib.tools import executables, package_index, uv

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tasks_lib.environments.conda import Conda
    from tasks_lib.project.project import Project

BUILDER = Path(__file__).with_name("build_channel.py")
#: the one channel that the builder creates
NAME = "conda-forge"
_BUILD_SECONDS = 900


def folder(project: Project, layer: Conda) -> Path:
    """Return the folder of the channel for this interpreter and these packages; build it once."""
    python = _interpreter(project, layer)
    wanted = requirements(layer.file.dependencies)
    found = Path(bootstrap.own_cache()) / "channels" / _key(python, wanted)
    if found.is_dir():
        return found
    found.parent.mkdir(parents=True, exist_ok=True)
    runner = (executables.uv(), "run", "--quiet", "--no-project")
    script = ("--python", executables.base_python(), "--script", str(BUILDER))
    words = ("--interpreter", str(python), "--out", str(found), *wanted)
    env = uv.variables(project) | package_index.for_programs(project.options)
    command = Command((*runner, *script, *words), "build the channel", env=env)
    outcome = process.run(command, timeout=_BUILD_SECONDS)
    if not outcome.ok:
        said = redaction.without_secrets(outcome.stderr.strip())[-600:]
        text = f"The local channel could not be built: {said}"
        code = ExitCode.TOOL_FAILED
        if outcome.code in set(ExitCode):
            code = ExitCode(outcome.code)
        remedy = Remedy(f"Check why no channel of {layer.file.path.name} answers")
        raise LabError(text, ErrorCode.NO_CHANNEL, remedy=remedy, exit_code=code)
    return found


def _key(python: Path, wanted: list[str]) -> str:
    """Return a name for what the channel is built from."""
    asked = process.run(Command((str(python), "-I", "-VV"), "ask the interpreter for its version"))
    text = "\0".join([str(python.resolve()), asked.said, *wanted])
    return hashlib.sha256(os.fsencode(text) + BUILDER.read_bytes()).hexdigest()[:16]


def _interpreter(project: Project, layer: Conda) -> Path:
    """Return the interpreter to repackage: this run's own if it fits and can be moved.

    Raises:
        LabError: `python_not_found` where no Python of this machine fits.
    """
    asked = layer.file.python or "python"
    if project.options.python:
        asked = f"python={project.options.python}"
    choices = _versions(asked)
    fits = any(choice.contains(platform.python_version(), prereleases=True) for choice in choices)
    base = Path(executables.base_python())
    if fits and sys.base_prefix != "/usr":  # /usr cannot be repackaged
        return base
    wanted = str(choices[0]) or f"{sys.version_info.major}.{sys.version_info.minor}"
    found = executables.find_python(wanted)
    if found is not None:
        return found
    if fits:
        return base
    text = f"No channel answers, and no Python of this machine is {wanted} to build one from."
    remedy = executables.installing("one", wanted)
    raise LabError(text, ErrorCode.PYTHON_NOT_FOUND, remedy=remedy)


def requirements(specs: Iterable[str]) -> list[str]:
    """Return what conda specs ask for in pip's words, less what the channel has anyway.

    The packages have the same names.
    """
    wanted = {}
    for spec in specs:
        name = spec_name(spec)
        wanted[name] = f"{name}{_versions(spec)[0]}"
    for name in ("python", "pip"):
        wanted.pop(name, None)
    return sorted(wanted.values())


def _versions(spec: str) -> list[SpecifierSet]:
    """Return the versions that a conda spec allows; any, where Python has no words for them."""
    return conda_specifiers(solver_spec(spec)) or [SpecifierSet()]
