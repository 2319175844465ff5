"""What each layer and each manager needs in an image of the project."""

from __future__ import annotations

import importlib.metadata
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tasks_lib.environments.base import Activation
from tasks_lib.environments.conda import Conda
from tasks_lib.environments.venv import Venv
from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.managers.poetry import Poetry
from tasks_lib.managers.uv import Uv
from tasks_lib.project.conda_lock import CondaLock
from tasks_lib.project.manifests import PYPROJECT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tasks_lib.environments.base import Environment
    from tasks_lib.managers.base import Manager

HOME = "/home/lab"
PREFIX = f"{HOME}/env"
#: the first version of micromamba with which these steps were carried out
_MICROMAMBA = "mambaorg/micromamba:2.8.1"


@dataclass(frozen=True)
class Part:
    """The files that a command reads, the command, and where it keeps its downloads.

    `copied` names an image and a program of it; `again` is the command where all files are there.
    """

    files: tuple[str, ...]
    command: tuple[str, ...]
    cache: str = ""
    again: tuple[str, ...] = ()
    copied: tuple[str, str] | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    #: the variables of the command alone, which would lead what is typed in the image
    only: Mapping[str, str] = field(default_factory=dict)

    def run(self, command: Sequence[str]) -> str:
        """Return the instruction for a command, with a cache that is not part of the image."""
        lines = [f"{name}={value}" for name, value in self.only.items()]
        lines.append(shlex.join(command))
        if self.cache:
            lines.insert(0, f"--mount=type=cache,target={self.cache},uid=1000,gid=1000")
        return "RUN " + " \\\n    ".join(lines)


def of_layer(environment: Environment) -> Part:
    """Return what creates an environment of this kind.

    Raises:
        LabError: `not_supported`.
    """
    if environment.kind not in _LAYERS:
        raise _unknown(environment.kind, _LAYERS)
    return _LAYERS[environment.kind](environment)


def of_manager(manager: Manager) -> Part:
    """Return what installs the lock in that environment.

    Raises:
        LabError: There is no lock, or `not_supported`.
    """
    if manager.name not in _MANAGERS:
        raise _unknown(manager.name, _MANAGERS)
    manager.require_lock()
    manager.locked_packages()  # says where it is damaged
    names = (PYPROJECT, manager.lock_name, *manager.config_files)
    files = tuple(name for name in names if (manager.project.root / name).is_file())
    activation = Activation(Path(PREFIX), Path(PREFIX, "bin", "python"), ())
    words = manager.install(activation).argv[1:]
    others, cache, variables = _MANAGERS[manager.name]
    early = [others.get(word, word) for word in words]
    return Part(
        files,
        (manager.name, *early, *others[""].split()),
        f"{HOME}/.cache/{cache}",
        (manager.name, *words),
        only=variables,
    )


def requirement(manager: Manager) -> str:
    """Return the manager's program, in the version that is used here."""
    return f"{manager.name}=={importlib.metadata.version(manager.name)}"


def _unknown(name: str, known: Mapping[str, object]) -> LabError:
    text = f"No image is described for {name}: {', '.join(known)} have one."
    return LabError(text, ErrorCode.NOT_SUPPORTED, remedy=Remedy("Use another combo"))


def _venv(environment: Environment) -> Part:
    del environment
    return Part((), ("python", "-m", "venv", PREFIX), variables={"VIRTUAL_ENV": PREFIX})


def _conda(environment: Environment) -> Part:
    """Create it from the lock of the layer where that has Linux, else from the conda file."""
    manifest, lock = environment.manifest, environment.layer_lock
    files = [path.name for path in (manifest,) if path]
    source = files[0]
    if lock and lock.path.is_file():
        files.append(lock.path.name)
        platforms = CondaLock.read(lock.path).platforms
        source = files[any(name.startswith("linux-") for name in platforms)]
    return Part(
        (".",) if environment.installs_files else tuple(files),
        ("micromamba", "create", "--yes", "--prefix", PREFIX, "--file", source),
        f"{HOME}/.mamba",
        copied=(_MICROMAMBA, "/bin/micromamba"),
        variables={
            "CONDA_PREFIX": PREFIX,
            "CONDA_DEFAULT_ENV": "env",
            "MAMBA_ROOT_PREFIX": f"{HOME}/.mamba",
        },
    )


_LAYERS = {Venv.kind: _venv, Conda.kind: _conda}
#: what is another word where only what is locked is installed (`""`: what is added), the folder of
#: the downloads in ~/.cache, and the variables
_MANAGERS: dict[str, tuple[dict[str, str], str, dict[str, str]]] = {
    Uv.name: (
        {
            "--locked": "--frozen",
            "": "--no-install-project --no-install-workspace --no-install-local",
        },
        "uv",
        {
            "UV_LINK_MODE": "copy",
            "UV_PROJECT_ENVIRONMENT": PREFIX,
            "UV_PYTHON_DOWNLOADS": "never",
        },
    ),
    Poetry.name: ({"": "--no-root --no-directory"}, "pypoetry", {}),
}
