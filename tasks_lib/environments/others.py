"""Find virtual environments of a project that other tools keep: Poetry, uv, pipenv, nox, tox, and folders beside it."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tasks_lib import toolbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tasks_lib.project import Project

_MARK = "pyvenv.cfg"


class Found(NamedTuple):
    """A virtual environment; `mine` is so where it belongs to the project, else it only bears its name."""

    kind: str
    prefix: Path
    mine: bool


def virtual_environments(project: Project, variables: Mapping[str, str]) -> list[Found]:
    """Give those that belong to the project or bear its name; nothing is started."""
    found = [*_beside(project, variables), *_of_poetry(project, variables), *_of_pipenv(project, variables)]
    return list({one.prefix: one for one in found if (one.prefix / _MARK).is_file()}.values())


def _beside(project: Project, variables: Mapping[str, str]) -> Iterator[Found]:
    root = project.root
    for kind, pattern in (("pip", "*"), ("nox", ".nox/*"), ("tox", ".tox/*")):
        yield from (Found(kind, path.parent, mine=True) for path in sorted(root.glob(f"{pattern}/{_MARK}")))
    if variables.get("UV_PROJECT_ENVIRONMENT"):
        yield Found("uv", root / variables["UV_PROJECT_ENVIRONMENT"], mine=True)


def _of_poetry(project: Project, variables: Mapping[str, str]) -> Iterator[Found]:
    """Poetry names them NAME-HASH-pyVERSION, by the project's name and the hash of its folder."""
    name = re.sub(r'[ $`!*@"\\\r\n\t]', "_", _name(project))[:42]
    digest = hashlib.sha256(os.fsencode(os.path.normcase(project.root.resolve()))).digest()
    own = base64.urlsafe_b64encode(digest).decode()[:8]
    where = re.compile(rf"{re.escape(name)}-(?P<hash>[\w-]{{8}})-py[\d.]+")
    for path in _folders(_poetry_folder(variables)):
        if match := where.fullmatch(path.name):
            yield Found("poetry", path, mine=match["hash"] == own)


def _poetry_folder(variables: Mapping[str, str]) -> Path:
    if variables.get("POETRY_VIRTUALENVS_PATH"):
        return Path(variables["POETRY_VIRTUALENVS_PATH"])
    if variables.get("POETRY_CACHE_DIR"):
        return Path(variables["POETRY_CACHE_DIR"], "virtualenvs")
    home = toolbox.home()
    if os.name == "nt":
        cache = Path(variables.get("LOCALAPPDATA") or home, "pypoetry", "Cache")
    elif sys.platform == "darwin":
        cache = home / "Library/Caches/pypoetry"
    else:
        cache = Path(variables.get("XDG_CACHE_HOME") or home / ".cache", "pypoetry")
    return cache / "virtualenvs"


def _of_pipenv(project: Project, variables: Mapping[str, str]) -> Iterator[Found]:
    """Pipenv and virtualenvwrapper write the project's folder into `.project`, and name them by it."""
    home, names = toolbox.home(), {_name(project), project.root.name.lower()}
    folders = {Path(variables.get("WORKON_HOME") or home / ".virtualenvs"), home / ".local/share/virtualenvs"}
    for path in (one for folder in sorted(folders) for one in _folders(folder)):
        told = path / ".project"
        mine = told.is_file() and told.read_text("utf-8", "replace").strip() == str(project.root)
        if mine or re.sub(r"-[\w-]{8}$", "", path.name).lower() in names:
            yield Found("pipenv", path, mine)


def _name(project: Project) -> str:
    return str(project.pyproject.table("project").get("name", "")).lower() or project.root.name.lower()


def _folders(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
