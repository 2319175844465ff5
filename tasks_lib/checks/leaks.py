"""What reaches into the environment from outside: packages, variables, a manager's records."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tasks_lib import bootstrap
from tasks_lib.checks.base import FactCheck, Finding, has_environment, listed
from tasks_lib.environments import site_packages
from tasks_lib.environments.base import WINDOWS
from tasks_lib.errors import Remedy
from tasks_lib.execution import files
from tasks_lib.managers import MANAGERS
from tasks_lib.results import Status
from tasks_lib.tools import executables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tasks_lib.ownership.facts import Facts


def _user_site(facts: Facts) -> Iterable[Finding]:
    """Look for distributions of the user that precede the environment's own on Python's path."""
    prefix, site = facts.prefix, facts.site
    if prefix is None or site is None or not _reads_user_site(facts, prefix):
        return
    user = Path(os.environ.get("PYTHONUSERBASE") or executables.home() / ".local")
    folder = user / site.relative_to(prefix)
    hidden = []
    for one in site_packages.distributions_in(folder):
        version = facts.installed.get(one.name)
        if version:
            hidden.append(f"{one.name} {one.version} hides {version}")
    if hidden:
        yield Finding(f"{folder} comes first: {listed(sorted(hidden))}.", count=len(hidden))


def _reads_user_site(facts: Facts, prefix: Path) -> bool:
    """Return whether Python looks there: in a virtual environment it does so only if told to."""
    variables = facts.session.environment.activation().variables
    ours = {"", bootstrap.NO_USER_SITE}  # mlops-lab's own value is not the user's
    if variables.get("PYTHONNOUSERSITE") or os.environ.get("PYTHONNOUSERSITE", "") not in ours:
        return False
    try:
        text = files.regular_text(prefix / "pyvenv.cfg")
    except OSError:
        return True
    return re.search(r"(?im)^include-system-site-packages\s*=\s*true\s*$", text) is not None


def _pythonpath(facts: Facts) -> Iterable[Finding]:
    root = facts.project.root.resolve()
    entries = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    strange = [entry for entry in entries if not Path(entry).resolve().is_relative_to(root)]
    if strange:
        text = f"Every Python looks first in {listed(strange)}, which is not part of this project."
        yield Finding(text)


def _virtual_env(facts: Facts) -> Iterable[Finding]:
    named = os.environ.get("VIRTUAL_ENV")
    if named and not Path(named).is_dir():
        yield Finding(f"VIRTUAL_ENV names {named}, which does not exist.")
    elif named and facts.prefix and not Path(named).samefile(facts.prefix):
        text = f"VIRTUAL_ENV names {named}, and the environment of this project is {facts.prefix}."
        yield Finding(text)
    venv = facts.project.root / ".venv"
    if facts.conda_layer and (venv / "pyvenv.cfg").is_file():
        text = (
            f"{venv.name} exists beside {facts.session.environment.where}, and managers prefer it."
        )
        yield Finding(text, venv.name)


def _ignored(facts: Facts) -> Iterable[Finding]:
    """Name the variables with which a user asks a tool for what only a task's options decide."""
    names = []
    for layer in (facts.session.environment, facts.session.manager):
        for table in layer.variables:
            names += table.ignored()
    if names:
        text = "Set, and changing what a tool works on, or whether it does:"
        yield Finding(f"{text} {listed(sorted(names))}.", count=len(names))


def _diverted(facts: Facts) -> Iterable[Finding]:
    """Ask the manager what it would do where a user types it, and no task runs it."""
    session = facts.session
    for text, file, remedy in session.manager.diversions(session.environment.prefix):
        yield Finding(text, file or None, remedy=remedy)


def _of_managers() -> Iterator[FactCheck]:
    """Yield the check of each manager that has one; it applies where that manager is used."""
    for name, manager in MANAGERS.items():
        row = manager.diversion_check
        if row:
            yield FactCheck(**vars(row), look=_diverted, applies=_uses(name))


def _uses(manager: str) -> Callable[[Facts], bool]:
    return lambda facts: facts.session.manager.name == manager


_BY_HAND = "The tasks ignore it; a command that you type does not."
_UNSET = ("set", "PYTHONPATH=") if WINDOWS else ("unset", "PYTHONPATH")

CHECKS = (
    FactCheck(
        "leak.user-site",
        "no package of the user hides one of the environment",
        "`pip install --user` writes to a folder of the user, which a conda environment's Python "
        "searches before its "
        "own packages. Then the version that the lock names is installed, and another one is "
        "imported.",
        Remedy("Uninstall them there, or set PYTHONNOUSERSITE=1"),
        look=_user_site,
        applies=has_environment,
    ),
    FactCheck(
        "leak.pythonpath",
        "PYTHONPATH adds nothing from elsewhere",
        f"Every Python searches the folders of PYTHONPATH before the packages of its environment. "
        f"{_BY_HAND}",
        Remedy("Unset it", _UNSET),
        Status.WARN,
        look=_pythonpath,
    ),
    FactCheck(
        "leak.virtual-env",
        "no other virtual environment takes precedence",
        "Poetry and uv read VIRTUAL_ENV before conda's variables, and uv takes a .venv in the "
        "project before both: an "
        f"old variable or folder makes them install somewhere else. {_BY_HAND}",
        Remedy("Deactivate it, and delete a .venv that nobody uses"),
        Status.WARN,
        look=_virtual_env,
    ),
    FactCheck(
        "leak.variables",
        "no variable leads a tool to something else",
        "Variables such as UV_PROJECT, UV_FROZEN or PIP_TARGET choose another project, folder or "
        f"group, or keep a tool from doing anything. {_BY_HAND}",
        Remedy("Unset them: the page tool-variables of the documentation has them all"),
        Status.WARN,
        look=_ignored,
    ),
    *_of_managers(),
)
