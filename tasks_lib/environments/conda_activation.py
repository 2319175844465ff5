"""What `conda activate` sets for a process."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tasks_lib.environments.base import WINDOWS, Activation
from tasks_lib.execution import files

if TYPE_CHECKING:
    from pathlib import Path

_WINDOWS_PATH = ("", "Library/mingw-w64/bin", "Library/usr/bin", "Library/bin", "Scripts", "bin")


def activation(prefix: Path, name: str) -> Activation:
    """Return the interpreter, folders, variables and scripts of an environment."""
    scripts = prefix / "etc" / "conda"
    python = "python.exe" if WINDOWS else "bin/python"
    folders = _WINDOWS_PATH if WINDOWS else ("bin",)
    variables = {
        **_variables(prefix),
        "CONDA_PREFIX": str(prefix),
        "CONDA_DEFAULT_ENV": name,
        "CONDA_SHLVL": "1",
    }
    return Activation(
        prefix,
        prefix / python,
        tuple(prefix / folder for folder in folders),
        variables,
        scripts=tuple(sorted((scripts / "activate.d").glob("*"))),
        undo_scripts=tuple(sorted((scripts / "deactivate.d").glob("*"), reverse=True)),
    )


def _variables(prefix: Path) -> dict[str, str]:
    """Return the variables that packages and `conda env config vars` set."""
    found: dict[str, Any] = {}
    for path in sorted((prefix / "etc/conda/env_vars.d").glob("*.json")):
        found |= _read_json(path)
    state = _read_json(prefix / "conda-meta" / "state").get("env_vars")
    if isinstance(state, dict):
        found |= state
    return {key: value for key, value in found.items() if isinstance(value, str)}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(files.regular(path))
    except (OSError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}
