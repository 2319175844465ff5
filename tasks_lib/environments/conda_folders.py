"""Where conda keeps its environments, and which of them is its base."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import files, shell_words
from tasks_lib.tools import executables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tasks_lib.environments.conda_config import Condarc
    from tasks_lib.project.conda_file import CondaFile

#: what prints the text that `state` returns
_STATE = (
    "import json, sys, yaml; file = open(sys.argv[1], encoding='utf-8'); "
    "variables = yaml.load(file, yaml.BaseLoader)['variables']; "
    "print(json.dumps({'version': 1, 'env_vars': variables}))"
)


def expect_utf8(root: Path) -> None:
    """Raise an error for a project whose path is not UTF-8: conda's own lists and records are.

    Raises:
        LabError: `not_supported`.
    """
    path = os.fsencode(root)
    shown = path.decode("utf-8", "replace")
    if shown.encode() != path:
        text = f"The path {shown} is not UTF-8, and conda works only in one that is."
        remedy = Remedy("Give the folder another name")
        raise LabError(text, ErrorCode.NOT_SUPPORTED, remedy=remedy)


def is_base(prefix: Path, root: Path | None = None) -> bool:
    """Return whether a prefix is conda's base: it holds conda's launchers or environments."""
    has_environments = (prefix / "envs").is_dir() and (prefix / "pkgs").is_dir()
    if has_environments or (prefix / "condabin").is_dir():
        return True
    return root is not None and prefix.exists() and root.exists() and prefix.samefile(root)


def envs_dirs(condarc: Condarc, root: Path | None = None) -> list[Path]:
    """Return the folders of conda's environments, in the order in which conda searches them.

    Source: conda's documentation of `envs_dirs`. `root` is the folder of the conda installation.
    """
    folders = [Path(text) for text in condarc.values.get("envs_dirs", ())]
    user = executables.home() / ".conda" / "envs"
    if root is not None and is_writable(root):
        folders += [root / "envs", user]
    elif root is not None:
        folders += [user, root / "envs"]
    return list(dict.fromkeys([*folders, user]))


def _list_of_environments() -> Path:
    return executables.home() / ".conda" / "environments.txt"


def register(prefix: Path) -> None:
    """Add an environment to conda's list of the user's environments."""
    known = _list_of_environments()
    text = files.regular(known).decode("utf-8", "surrogateescape") if known.is_file() else ""
    if str(prefix) in map(str.strip, text.splitlines()):
        return
    known.parent.mkdir(parents=True, exist_ok=True)
    separator = "\n" if text and not text.endswith("\n") else ""
    # appended, since other projects may add theirs at this moment
    with known.open("a", encoding="utf-8") as stream:
        stream.write(f"{separator}{prefix}\n")


def state(variables: Mapping[str, str]) -> str:
    """Return the text of the file in which conda keeps an environment's variables."""
    return json.dumps({"version": 1, "env_vars": dict(variables)})


def recording(prefix: Path, file: CondaFile, *, unlisted: bool) -> str:
    """Return what a user types for what is recorded of a new environment.

    That is the variables of its file, whose values are shown nowhere, and its place where it is
    `unlisted`: no conda made it.
    """
    lines = []
    if file.variables:
        path = prefix / "conda-meta" / "state"
        written = shell_words.written([sys.executable, "-c", _STATE, str(file.path)], path)
        lines.append(written and f"test -e {shell_words.joined([str(path)])} || {written}")
    if unlisted:
        known = _list_of_environments()
        written = shell_words.written(["printf", "%s\\n", str(prefix)], known, behind=True)
        lines.append(written and f"mkdir -p {shell_words.joined([str(known.parent)])} && {written}")
    return "\n".join(filter(None, lines))


def deregister(prefix: Path) -> None:
    """Take an environment off conda's list of the user's environments."""
    known = _list_of_environments()
    text = files.regular(known).decode("utf-8", "surrogateescape") if known.is_file() else ""
    lines = text.splitlines(keepends=True)
    rest = [line for line in lines if line.strip() != str(prefix)]
    if rest != lines:
        files.write(known, "".join(rest).encode("utf-8", "surrogateescape"))


def prefixes(roots: Sequence[Path], folders: Sequence[Path]) -> list[Path]:
    """Return what `conda env list` shows: the base of `roots`, conda's list, then `folders`."""
    known = _list_of_environments()
    text = files.regular(known).decode("utf-8", "surrogateescape") if known.is_file() else ""
    found = [*roots, *(Path(line) for line in text.splitlines() if line.strip())]
    for folder in folders:
        if folder.is_dir():
            found += sorted(folder.iterdir())
    return [prefix for prefix in dict.fromkeys(found) if (prefix / "conda-meta").is_dir()]


def is_writable(folder: Path) -> bool:
    """Return whether the folder, or the nearest existing one above it, can be written."""
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    return nearest.is_dir() and os.access(nearest, os.W_OK)
