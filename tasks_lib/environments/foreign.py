"""Find virtual environments of a project that other tools keep: Poetry, uv, pipenv, nox, tox, and folders beside it."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from packaging.utils import canonicalize_name

from tasks_lib.tools import executables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tasks_lib.project.project import Project

_MARK = "pyvenv.cfg"
_HIDDEN = re.compile(r'[ $`!*@"\\\r\n\t]')


class Found(NamedTuple):
    """A virtual environment; `mine` is so where it belongs to the project, else it only bears its name."""

    kind: str
    prefix: Path
    mine: bool


def virtual_environments(project: Project, variables: Mapping[str, str]) -> list[Found]:
    """Give those that belong to the project or bear its name; nothing is started."""
    found = [
        *_beside(project, variables),
        *_of_poetry(project, variables),
        *_of_pipenv(project, variables),
    ]
    return list({one.prefix: one for one in found if (one.prefix / _MARK).is_file()}.values())


def _beside(project: Project, variables: Mapping[str, str]) -> Iterator[Found]:
    root = project.root
    for kind, pattern in (("pip", "*"), ("nox", ".nox/*"), ("tox", ".tox/*")):
        yield from (
            Found(kind, path.parent, mine=True) for path in sorted(root.glob(f"{pattern}/{_MARK}"))
        )
    if variables.get("UV_PROJECT_ENVIRONMENT"):
        yield Found("uv", root / variables["UV_PROJECT_ENVIRONMENT"], mine=True)


def _of_poetry(project: Project, variables: Mapping[str, str]) -> Iterator[Found]:
    """Poetry appends the version of the Python to the name that it gives the project and its folder."""
    cache = Path(variables.get("POETRY_CACHE_DIR") or poetry_cache(), "virtualenvs")
    own = poetry_name(project.pyproject.name, project.root)
    where = re.compile(rf"(?P<own>{re.escape(own[:-8])}[\w-]{{8}})-py[\d.]+")
    for path in _folders(Path(variables.get("POETRY_VIRTUALENVS_PATH") or cache)):
        match = where.fullmatch(path.name)
        if match and (
            match["own"] == own or project.pyproject.name
        ):  # all projects without a name share one
            yield Found("poetry", path, mine=match["own"] == own)


def poetry_name(name: str, root: Path) -> str:
    """Give the name under which Poetry records a project's environment (`EnvManager.generate_env_name`)."""
    name = canonicalize_name(name) or "non-package-mode"
    digest = hashlib.sha256(os.fsencode(os.path.normcase(root.resolve()))).digest()
    return f"{_HIDDEN.sub('_', name)[:42]}-{base64.urlsafe_b64encode(digest).decode()[:8]}"


def poetry_cache() -> str:
    """Give Poetry's cache where nobody set another."""
    from platformdirs import user_cache_path  # noqa: PLC0415 - seldom needed

    return str(user_cache_path("pypoetry", appauthor=False))


def _of_pipenv(project: Project, variables: Mapping[str, str]) -> Iterator[Found]:
    """Pipenv and virtualenvwrapper write the project's folder into `.project`, and name them by it."""
    home, names = (
        executables.home(),
        {project.pyproject.name.lower(), project.root.name.lower()} - {""},
    )
    folders = {
        Path(variables.get("WORKON_HOME") or home / ".virtualenvs"),
        home / ".local/share/virtualenvs",
    }
    for path in (one for folder in sorted(folders) for one in _folders(folder)):
        told = path / ".project"
        mine = told.is_file() and told.read_text("utf-8", "replace").strip() == str(project.root)
        if mine or re.sub(r"-[\w-]{8}$", "", path.name).lower() in names:
            yield Found("pipenv", path, mine)


def _folders(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
