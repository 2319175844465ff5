"""Ask git about a repository so that no program starts which the repository's settings name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tasks_lib.errors import LabError
from tasks_lib.execution import process
from tasks_lib.execution.process import Command

if TYPE_CHECKING:
    from pathlib import Path

#: What git starts as it reads; the filters of contents have names (`commit`).
#: Source: https://git-scm.com/docs/git-config
_OFF = ("core.fsmonitor=false", f"core.hooksPath={os.devnull}", "diff.ignoreSubmodules=all")
_NAMES = ("--name-only", "--ignore-submodules=all", "--no-ext-diff", "--no-textconv")
_ENV = {
    "GIT_ALLOW_PROTOCOL": "",  # a partial clone would fetch what it lacks
    "GIT_OPTIONAL_LOCKS": "0",
    # what calls us from a hook of git has set these for another folder, perhaps
    "GIT_DIR": None,
    "GIT_INDEX_FILE": None,
    "GIT_WORK_TREE": None,
}
_FILTER = {"clean": "", "process": "", "required": "false"}


def commit(root: Path) -> str:
    """Return the commit, marked where something is not committed; empty where that is unknown."""
    listed = told(root, "config", "--list", "--show-scope", "--name-only", "-z").split("\0")[:-1]
    off = []
    for scope, key in zip(listed[::2], listed[1::2], strict=True):
        section, _, name = key.rpartition(".")
        if scope in {"local", "worktree"} and section.startswith("filter.") and name in _FILTER:
            off += [f"{section}.{one}={value}" for one, value in _FILTER.items()]
    if not listed or any("=" in setting.partition("=")[2] for setting in off):
        return ""  # git is too old to list them (2.26), or `-c` cannot name one
    found = told(root, "rev-parse", "--verify", "HEAD").strip()
    # `describe --dirty` would start git in each submodule, whose settings count there
    changed = told(root, "diff", *_NAMES, "HEAD", "--", off=off)
    return f"{found}-dirty" if found and changed else found


def tracked(root: Path, paths: list[Path]) -> str:
    """Return git's list of what it tracks in these folders: each name, with its content's hash."""
    return told(root, "ls-files", "--stage", "-z", "--", *map(str, paths))


def top(root: Path) -> Path:
    """Return the nearest folder that is a repository, the folder itself where none is."""
    folders = (folder for folder in (root, *root.parents) if (folder / ".git").exists())
    return next(folders, root)


def told(root: Path, *words: str, off: list[str] | None = None) -> str:
    """Return what git prints; nothing where there is no repository, or no git."""
    if not (top(root) / ".git").exists():
        return ""
    options = []
    for setting in (*_OFF, *(off or ())):
        options += ["-c", setting]
    argv = ("git", "--literal-pathspecs", *options, "-C", str(root), *words)
    try:
        return process.run(Command(argv, "ask git", env=_ENV)).stdout
    except LabError:
        return ""
