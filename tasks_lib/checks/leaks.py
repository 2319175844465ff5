"""What reaches into the environment from outside: the user's packages, variables, and Poetry's own records."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib import bootstrap
from tasks_lib.checks.base import FactCheck, Finding, has_environment, listed
from tasks_lib.environments import foreign, site_packages
from tasks_lib.environments.base import WINDOWS
from tasks_lib.errors import Remedy
from tasks_lib.project.manifests import read_toml
from tasks_lib.results import Status
from tasks_lib.tools import executables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tasks_lib.ownership.facts import Facts

_POETRY = "pypoetry"


def _user_site(facts: Facts) -> Iterable[Finding]:
    """Look for distributions of the user's that stand before the environment's own on Python's path."""
    user = Path(os.environ.get("PYTHONUSERBASE") or executables.home() / ".local")
    site = site_packages.site_packages(facts.prefix) if facts.prefix else None
    if site is None or not _user_site_enabled(facts):
        return
    folder = user / site.relative_to(facts.prefix) if facts.prefix else user
    theirs = {one.name: one.version for one in site_packages.distributions_in(folder)}
    hidden = [
        f"{name} {version} hides {facts.installed[name]}"
        for name, version in sorted(theirs.items())
        if name in facts.installed
    ]
    if hidden:
        yield Finding(f"{folder} comes first: {listed(hidden)}.", count=len(hidden))


def _user_site_enabled(facts: Facts) -> bool:
    """Tell whether the environment's Python would look there: a virtual environment's does not, unless told to."""
    variables = facts.session.environment.activation().variables
    if variables.get("PYTHONNOUSERSITE") or os.environ.get("PYTHONNOUSERSITE", "") not in {
        "",
        bootstrap.NO_USER_SITE,
    }:
        return False
    try:
        text = (facts.prefix / "pyvenv.cfg").read_text(encoding="utf-8") if facts.prefix else ""
    except OSError:
        return True
    return re.search(r"(?im)^include-system-site-packages\s*=\s*true\s*$", text) is not None


def _pythonpath(facts: Facts) -> Iterable[Finding]:
    root = facts.project.root.resolve()
    entries = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    strange = [entry for entry in entries if not Path(entry).resolve().is_relative_to(root)]
    if strange:
        yield Finding(
            f"every Python looks first in {listed(strange)}, which is not of this project."
        )


def _virtual_env(facts: Facts) -> Iterable[Finding]:
    named = os.environ.get("VIRTUAL_ENV")
    if named and not Path(named).is_dir():
        yield Finding(f"VIRTUAL_ENV names {named}, which does not exist.")
    elif named and facts.prefix and not Path(named).samefile(facts.prefix):
        yield Finding(
            f"VIRTUAL_ENV names {named}, and this project's environment is {facts.prefix}."
        )
    venv = facts.project.root / ".venv"
    if facts.conda_layer and (venv / "pyvenv.cfg").is_file():
        text = f"{venv.name} lies beside {facts.session.environment.where}, and the managers take it unasked."
        yield Finding(text, venv.name)


def _poetry(facts: Facts) -> Iterable[Finding]:
    """Look for what makes a Poetry that is typed by hand leave the environment (`EnvManager.get` of Poetry 2)."""
    settings = list(_poetry_settings(facts))
    in_project = next((value for value in map(_in_project, settings) if value is not None), None)
    cache = next((str(one["cache-dir"]) for one in settings if one.get("cache-dir")), "")
    virtualenvs = (
        str(one["virtualenvs"]["path"]) for one in settings if _of_virtualenvs(one).get("path")
    )
    place = next(virtualenvs, "{cache-dir}/virtualenvs").replace(
        "{cache-dir}", cache or foreign.poetry_cache()
    )
    if facts.conda_layer:
        file = Path(place).expanduser() / "envs.toml"
        name = foreign.poetry_name(facts.project.pyproject.name, facts.project.root)
        entry = read_toml(file, str(file))[0].get(name) if file.is_file() else None
        if entry:
            text = f"an old `poetry env use` redirects Poetry to a virtual environment: [{name}] in {file}."
            yield Finding(text, str(file))
    elif in_project is False:
        yield Finding(
            "virtualenvs.in-project is false, so Poetry passes .venv over where it is not active."
        )


def _poetry_settings(facts: Facts) -> Iterator[dict[str, Any]]:
    """Give what Poetry's variables, the project's poetry.toml and the user's config.toml say, the strongest first."""
    from platformdirs import user_config_path  # noqa: PLC0415 - only this check needs it

    said = {
        key: os.environ.get(f"POETRY_{key.upper().replace('-', '_')}") for key in ("cache-dir",)
    }
    virtualenvs = {"path": os.environ.get("POETRY_VIRTUALENVS_PATH")}
    if os.environ.get("POETRY_VIRTUALENVS_IN_PROJECT"):
        in_project = os.environ["POETRY_VIRTUALENVS_IN_PROJECT"].lower()
        virtualenvs["in-project"] = in_project in {"true", "1"}  # type: ignore[assignment]
    yield {**said, "virtualenvs": virtualenvs}
    user = os.environ.get("POETRY_CONFIG_DIR") or user_config_path(
        _POETRY, appauthor=False, roaming=True
    )
    for path in (facts.project.root / "poetry.toml", Path(user) / "config.toml"):
        if path.is_file():
            yield read_toml(path, str(path))[0]


def _of_virtualenvs(settings: dict[str, Any]) -> dict[str, Any]:
    found = settings.get("virtualenvs", {})
    return found if isinstance(found, dict) else {}


def _in_project(settings: dict[str, Any]) -> bool | None:
    found = _of_virtualenvs(settings).get("in-project")
    return found if isinstance(found, bool) else None


_BY_HAND = "The tasks ignore it; a command that you type does not."
_UNSET = "unset PYTHONPATH" if not WINDOWS else "set PYTHONPATH="

CHECKS = (
    FactCheck(
        "leak.user-site",
        "no package of the user hides one of the environment",
        "`pip install --user` writes to a folder of the user, which a conda environment's Python searches before its "
        "own packages. Then the version that the lock names is installed, and another one is imported.",
        Remedy(
            "Uninstall them there, or hide them from the environment",
            ("conda", "env", "config", "vars", "set", "PYTHONNOUSERSITE=1"),
        ),
        look=_user_site,
        applies=has_environment,
    ),
    FactCheck(
        "leak.pythonpath",
        "PYTHONPATH adds nothing from elsewhere",
        f"Every Python searches the folders of PYTHONPATH before the packages of its environment. {_BY_HAND}",
        Remedy("Unset it", tuple(_UNSET.split())),
        Status.WARN,
        look=_pythonpath,
    ),
    FactCheck(
        "leak.virtual-env",
        "no other virtual environment takes precedence",
        "Poetry and uv read VIRTUAL_ENV before conda's variables, and uv takes a .venv in the project before both: an "
        f"old variable or folder makes them install somewhere else. {_BY_HAND}",
        Remedy("Deactivate it, and delete a .venv that nobody uses"),
        Status.WARN,
        look=_virtual_env,
    ),
    FactCheck(
        "leak.poetry",
        "Poetry finds this environment when you type a command",
        "`poetry env use` leaves an entry in Poetry's envs.toml that wins over the active environment until it is "
        f"removed, and virtualenvs.in-project = false makes Poetry ignore .venv. {_BY_HAND}",
        Remedy(
            "Remove the entry, or unset the setting with poetry config --unset virtualenvs.in-project",
            ("poetry", "env", "remove", "--all"),
        ),
        Status.WARN,
        look=_poetry,
        applies=lambda facts: facts.session.manager.name == "poetry",
    ),
)
