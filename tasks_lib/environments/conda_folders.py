"""Where conda keeps its environments, and which of them is its base."""

from __future__ import annotations

import os
from pathlib import Path

from tasks_lib.environments.conda_config import Condarc
from tasks_lib.tools import executables


def is_base(prefix: Path, root: Path | None = None) -> bool:
    """Return whether a prefix is conda's base: it holds conda's launchers or environments."""
    has_environments = (prefix / "envs").is_dir() and (prefix / "pkgs").is_dir()
    if has_environments or (prefix / "condabin").is_dir():
        return True
    return root is not None and prefix.exists() and root.exists() and prefix.samefile(root)


def envs_dirs(root: Path | None) -> list[Path]:
    """Return the folders of conda's environments, in the order in which conda searches them.

    Source: conda's documentation of `envs_dirs`. `root` is the folder of the conda installation.
    """
    condarc = Condarc.load(os.environ, root)
    folders = [Path(text) for text in condarc.values.get("envs_dirs", ())]
    user = executables.home() / ".conda" / "envs"
    if root is not None:
        folders += [root / "envs", user] if os.access(root, os.W_OK) else [user, root / "envs"]
    return list(dict.fromkeys([*folders, user]))


def writable(folder: Path) -> bool:
    """Return whether the folder, or the nearest existing one above it, can be written."""
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    return nearest.is_dir() and os.access(nearest, os.W_OK)
