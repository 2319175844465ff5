"""Where a proof happens: a folder and a home of its own. Only download caches are shared."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from tasks_lib import bootstrap
from tasks_lib.environments import ENVIRONMENTS
from tasks_lib.execution import usage
from tasks_lib.managers import MANAGERS
from tasks_lib.project import options
from tasks_lib.tools import executables, package_index
from tasks_lib.tools.variables import Use

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks_lib.environments.base import Environment
    from tasks_lib.managers.base import Manager
    from tasks_lib.proof.channel import Channel
    from tasks_lib.session.session import Session

#: all that may read a user's settings and fill caches, whichever combo is proven
_TOOLS: tuple[type[Environment | Manager], ...] = (*ENVIRONMENTS.values(), *MANAGERS.values())
#: the variables that name a home and the folders in it, and where each leads
_HOME = {
    "HOME": ".",
    "USERPROFILE": ".",
    "APPDATA": "AppData/Roaming",
    "LOCALAPPDATA": "AppData/Local",
    "XDG_CONFIG_HOME": ".config",
    "XDG_DATA_HOME": ".local/share",
    "XDG_STATE_HOME": ".local/state",
    "XDG_CACHE_HOME": ".cache",
}


@dataclass
class Sandbox:
    """A project's folder, the variables for its processes, and the environment that was made."""

    project: Path
    env: Mapping[str, str | None]
    #: the download caches, each folder by the variable that names it
    caches: Mapping[str, str]
    prefix: Path = Path()
    python: str = ""


def make(session: Session, folder: Path, number: str, channel: Channel) -> Sandbox:
    """Create a home in `folder`, with a `.condarc` for the channel, beside the project's place."""
    home = folder / f"home{number}"
    env: dict[str, str | None] = dict.fromkeys(_user_variables())
    for name, place in _HOME.items():
        (home / place).mkdir(parents=True, exist_ok=True)
        env[name] = str(home / place)
    settings = {**channel.condarc, "envs_dirs": [str(home / ".conda" / "envs")]}
    (home / ".condarc").write_text(yaml.safe_dump(settings), encoding="utf-8")
    caches = {**_user_caches(), **channel.caches}
    env |= caches | _own_variables(session)
    return Sandbox(folder / f"project{number}", env, caches)


def _user_variables() -> set[str]:
    """Return the variables by which a user changes what the tools do."""
    found: set[str] = set()
    for tool in _TOOLS:
        for table in tool.variables:
            found.update(table.set_in(os.environ, Use.PERSONAL))
    return found


def _user_caches() -> dict[str, str]:
    """Return the user's own download caches, which all proofs share."""
    found: dict[str, str] = {}
    for tool in _TOOLS:
        found |= tool.caches()
    return {name: os.environ.get(name) or folder for name, folder in found.items()}


def _own_variables(session: Session) -> dict[str, str | None]:
    """Return the variables for mlops-lab itself, the index and the Pythons."""
    own, chosen = bootstrap.own_cache(), session.project.options
    found: dict[str, str | None] = {
        options.COMBO: session.combo.id,
        options.ENGINE: "auto",
        options.PYTHON: chosen.python or None,
        bootstrap.CACHE: bootstrap.cache_folder(),
        bootstrap.OWN_TASKS: "1",
        usage.VARIABLE: "1",
        "UV_PYTHON_INSTALL_DIR": os.environ.get("UV_PYTHON_INSTALL_DIR") or f"{own}/python",
    }
    if session.environment.choices():
        found[options.ENGINE] = session.environment.engine
    if chosen.offline:
        found[options.OFFLINE] = "1"
    index = package_index.resolve(chosen)
    if Path(index.source).is_absolute():  # a file of the user's, which is out of sight there
        found[options.INDEX] = index.url
    interpreter = executables.find_python(chosen.python) if chosen.python else None
    if interpreter is not None:  # uv keeps Pythons in the user's data folder
        found["PATH"] = os.pathsep.join((os.environ.get("PATH", ""), str(interpreter.parent)))
    return found
