"""Where mamba and micromamba keep their environments, and which files of settings they read.

Source: `get_root_prefix` and `compute_default_rc_sources` of mamba 2.8.1, in
`libmamba/src/api/configuration.cpp`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tasks_lib.environments import conda_config

if TYPE_CHECKING:
    from collections.abc import Mapping

_ROOT_VARIABLES = ("MAMBA_ROOT_PREFIX", "MAMBA_DEFAULT_ROOT_PREFIX")
_IN_ROOT = ("pkgs", "conda-meta", "envs")


def installed_root(variables: Mapping[str, str], installation: Path) -> Path | None:
    """Return the root that a variable names, else the one that an installation is or lies in."""
    for name in _ROOT_VARIABLES:
        if variables.get(name):
            return Path(conda_config.user_path(variables[name])).absolute()
    candidates = (installation.parent.parent, installation)
    return next((folder for folder in candidates if is_root(folder)), None)


def default_root(variables: Mapping[str, str]) -> Path:
    """Return the root in the user's home: that of micromamba 1 where there is one."""
    home = conda_config.home_folder(variables)
    older = home / "micromamba"
    data = Path(variables.get("XDG_DATA_HOME") or home / ".local/share")
    return older if is_root(older) else data / "mamba"


def is_root(folder: Path) -> bool:
    """Return whether mamba takes an existing folder for a root."""
    return any((folder / name).exists() for name in _IN_ROOT)


def search_path(variables: Mapping[str, str], root: Path | None) -> list[Path]:
    """Return the files of settings that may exist, the weakest first: conda's and their own."""
    home = conda_config.home_folder(variables)
    found = conda_config.search_path(variables, root, beside=".mambarc")
    for folder in (conda_config.config_folder(variables) / "mamba", home / ".mamba"):
        found += conda_config.in_folder(folder, "mambarc")
    found.append(home / ".mambarc")
    if variables.get("MAMBARC"):
        found.append(Path(conda_config.user_path(variables["MAMBARC"])))
    return found
