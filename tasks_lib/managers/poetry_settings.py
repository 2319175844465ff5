"""Poetry's settings: of the index, and what leads a typed command to another environment."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import platformdirs
from packaging.utils import canonicalize_name

from tasks_lib import bootstrap
from tasks_lib.errors import Remedy
from tasks_lib.execution import files
from tasks_lib.project.manifests import PYPROJECT, read_toml
from tasks_lib.results import Check, Status
from tasks_lib.tools import executables, package_index

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from poetry.config.config import Config

    from tasks_lib.project.options import Options
    from tasks_lib.project.project import Project

_IN_PROJECT = "virtualenvs.in-project"
_VARIABLE = "POETRY_VIRTUALENVS_IN_PROJECT"
_AGE = "POETRY_SOLVER_MIN_RELEASE_AGE"
LEAK_POETRY = Check(
    "leak.poetry",
    "Poetry finds this environment when you type a command",
    "`poetry env use` leaves an entry in Poetry's envs.toml that wins over the active environment "
    "until it is removed, "
    "and virtualenvs.in-project = false makes Poetry ignore .venv. The tasks ignore both; a "
    "command that you type "
    "does not.",
    Remedy("Remove the entry, or unset the setting"),
    Status.WARN,
)


def diversions(project: Project, prefix: Path) -> Iterator[tuple[str, str, Remedy]]:
    """Yield what leads Poetry elsewhere, the file that says so, and what ends it.

    See `EnvManager.get` of Poetry 2.
    """
    try:
        settings = _settings(project.root)
        ignores_venv = settings.get(_IN_PROJECT) is False
        records = settings.virtualenvs_path / "envs.toml"
    except (AttributeError, TypeError, ValueError):
        return  # a setting of the wrong type: `poetry check` reports it
    if prefix == project.root / ".venv":
        if ignores_venv:
            text = (
                "virtualenvs.in-project is false, so Poetry ignores .venv where it is not active."
            )
            yield text, "", _unsetting()
    elif records.is_file():
        name = environment_name(project)
        if read_toml(records, str(records))[0].get(name):
            text = (
                f"An old `poetry env use` leads Poetry to a virtual environment: [{name}] in "
                f"{records}."
            )
            argv = (executables.typed("poetry"), "env", "use", "system")
            yield text, str(records), Remedy("Remove the entry; this deletes no environment", argv)


def _unsetting() -> Remedy:
    """Return what unsets `virtualenvs.in-project` where it is set; the user's own goes first."""
    if _VARIABLE in os.environ:
        return Remedy("Unset the variable", ("unset", _VARIABLE))
    words = ("config", "--unset", _IN_PROJECT)
    of_project = () if _settings().get(_IN_PROJECT) is False else ("--local",)
    return Remedy("Unset the setting", (executables.typed("poetry"), *words, *of_project))


def environment_name(project: Project) -> str:
    """Return the name under which Poetry records the environment of a project."""
    from poetry.utils.env.env_manager import EnvManager  # noqa: PLC0415 - 0.3 s, and only this check needs it

    name = canonicalize_name(project.pyproject.name) or "non-package-mode"
    return EnvManager.generate_env_name(name, str(project.root))


def repositories() -> dict[str, str]:
    """Return the addresses of the repositories that a user named for publishing."""
    named = _settings().get("repositories", {})
    found = {}
    for name, row in named.items() if isinstance(named, dict) else ():
        if isinstance(row, dict) and "url" in row:
            found[name] = str(row["url"])
    return found


def publishing_folder(root: Path, name: str, built: Sequence[Path]) -> Path:
    """Return a folder of the user's with these files, and with nothing of the project in `root`.

    Its `poetry.toml` could turn off that certificates are checked, and its plugins see the login.
    """
    key = hashlib.sha256(os.fsencode(root)).hexdigest()[:16]
    folder = Path(bootstrap.own_cache(), "poetry", f"publish-{key}")
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        text = f'[project]\nname = "{canonicalize_name(name)}"\nversion = "0"\n'
        (folder / PYPROJECT).write_text(text, encoding="utf-8")
        for path in built:
            shutil.copy2(path, folder)
    except OSError as error:
        raise files.unwritable(folder, error) from None
    return folder


def _settings(root: Path | None = None) -> Config:
    """Read variables, the user's config.toml and a project's poetry.toml by Poetry's rules."""
    from poetry.config.config import Config  # noqa: PLC0415 - 0.1 s, and only this check needs it

    settings = Config()
    # Poetry computes its folders once as it is imported; these are the ones of now
    settings.merge({"cache-dir": str(platformdirs.user_cache_path("pypoetry", appauthor=False))})
    user = platformdirs.user_config_path("pypoetry", appauthor=False, roaming=True)
    folder = Path(os.environ.get("POETRY_CONFIG_DIR") or user)
    for path in (folder / "config.toml", root and root / "poetry.toml"):
        if path and path.is_file():
            settings.merge(read_toml(path, str(path))[0])
    return settings


def index_variables(options: Options) -> dict[str, str | None]:
    """Return the variables for how old a release must be, and for the index.

    That is always given through the mirror plugin.

    Poetry's own client needs more of an index than the standard demands. A login goes beside the
    address, under the name that the plugin gives the mirror: Poetry would write the whole address
    into its cache and its exports.
    """
    env = package_index.for_pip(options)
    if options.exclude_newer and options.limiting(_AGE):
        env[_AGE] = str(options.exclude_newer.days())  # it knows whole days alone
    url = os.environ.get("POETRY_PYPI_MIRROR_URL") or package_index.resolve(options).url
    login, at, host = url.partition("://")[2].partition("/")[0].rpartition("@")
    if at:
        url = url.replace(f"{login}@{host}", host, 1)
        user, _, password = login.partition(":")
        env["POETRY_HTTP_BASIC_PYPI_USERNAME"] = unquote(user)
        env["POETRY_HTTP_BASIC_PYPI_PASSWORD"] = unquote(password)
    env["POETRY_PYPI_MIRROR_URL"] = url
    return env
