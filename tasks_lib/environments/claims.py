"""Who may change an environment: the projects that it was made for, and nobody if it is frozen.

A record in the environment names the projects, since several can use its name. One in the
project's own folder needs none; one without, made by hand, belongs to the first that changes it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import files, git
from tasks_lib.execution.files import write
from tasks_lib.project.project import Project

if TYPE_CHECKING:
    from tasks_lib.environments.base import Environment

RECORD = ".mlops-lab.json"
_SCHEMA = "mlops-lab-environment/1"
#: what `Project.load` or an environment says of a folder that no longer has such a project
_GONE = {ErrorCode.NO_PYPROJECT, ErrorCode.NO_CONDA_FILE}


def refuse_others(environment: Environment) -> None:
    """Raise an error where an environment was made for another project, and is not shared.

    Raises:
        LabError: `other_project`, with the choices.

    """
    others = of_others(environment)
    if not others:
        return
    text = (
        f"{environment.where} ({environment.prefix}) was made for another project: {others[0]}. "
        "What one project installs or removes there changes the other."
    )
    choice = f"{_another(environment)}, or share it on purpose"
    remedy = Remedy(choice, ("invoke", "env.create", "--share"))
    raise LabError(text, ErrorCode.OTHER_PROJECT, remedy=remedy)


def refuse_shared(environment: Environment) -> None:
    """Raise an error where other projects use the environment together with this one.

    Raises:
        LabError: `other_project`, with the choices.

    """
    root = environment.project.root
    others = [str(one) for one in _users(environment) if not _has([one], root)]
    if others:
        text = (
            f"{environment.where} ({environment.prefix}) is shared with another project, which "
            f"would lose it too: {', '.join(others)}."
        )
        choice = f"{_another(environment)}, or remove it for all"
        remedy = Remedy(choice, ("invoke", "env.remove", "--shared"))
        raise LabError(text, ErrorCode.OTHER_PROJECT, remedy=remedy)


def _another(environment: Environment) -> str:
    if environment.manifest:
        return f"Give it another name in {environment.manifest.name}"
    return "Use another environment"


def refuse_frozen(environment: Environment) -> None:
    """Raise an error where an environment is marked as frozen, with the reason in the mark.

    Source: https://github.com/conda/ceps/blob/main/cep-0022.md
    """
    mark = environment.prefix / environment.frozen_mark
    if not environment.frozen_mark or not os.path.lexists(mark):
        return
    text = f"{environment.where} is frozen: {mark} says that nothing may change it."
    with contextlib.suppress(OSError, ValueError, RecursionError, TypeError, KeyError):
        text += f" Its reason: {json.loads(files.regular(mark))['message']}"
    remedy = Remedy("If you may change it, delete that file", ("rm", str(mark)))
    raise LabError(text, ErrorCode.FROZEN_ENVIRONMENT, remedy=remedy)


def claim(environment: Environment, *, share: bool = False) -> None:
    """Record that the environment is the project's; beside others that use it, only to `share`."""
    if not environment.marker.exists() or _is_own(environment):
        return
    others = _users(environment)
    if (others and not share) or _has(others, environment.project.root):
        return
    projects = [*map(str, others), os.path.realpath(environment.project.root)]
    text = json.dumps({"schema": _SCHEMA, "projects": projects}, indent=1)
    with contextlib.suppress(OSError, LabError):  # one that cannot be written cannot be changed
        write(environment.prefix / RECORD, text.encode())


def identity(environment: Environment) -> str:
    """Return what tells an environment in the project's folder from one that comes in its place.

    Installing keeps it. A pull that adds files to one changes what git tracks of it. It is empty
    for an environment elsewhere, where no repository can put anything, and where there is none.
    """
    root = Path(os.path.realpath(environment.project.root))
    try:
        prefix, python = environment.prefix, environment.python
    except LabError:  # such as a conda file that names none
        return ""
    places = [Path(os.path.realpath(prefix.parent), prefix.name), Path(os.path.realpath(prefix))]
    inside = [place for place in places if place.is_relative_to(root)]
    if not inside or not os.path.lexists(prefix):
        return ""
    facts = [git.tracked(root, inside)]
    for place in (*places, environment.marker, python):
        with contextlib.suppress(OSError):
            found = place.lstat()
            is_folder = stat.S_ISDIR(found.st_mode)  # what is installed changes its time
            facts.append(f"{found.st_ino} {is_folder or found.st_mtime_ns}")
    return hashlib.sha256("\n".join(facts).encode("utf-8", "surrogateescape")).hexdigest()


def _is_own(environment: Environment) -> bool:
    """Return whether the environment is in the project's own folder, links followed."""
    prefix = Path(os.path.realpath(environment.prefix))
    return prefix.is_relative_to(os.path.realpath(environment.project.root))


def of_others(environment: Environment) -> list[Path]:
    """Return the projects that have the environment for themselves; none where it is shared."""
    users = _users(environment)
    return [] if _has(users, environment.project.root) else users


def _users(environment: Environment) -> list[Path]:
    """Return the projects on record that use the environment still, this one too if it does."""
    if _is_own(environment):
        return []
    return [one for one in _recorded(environment.prefix) if _uses(one, environment)]


def besides(root: Path, prefix: Path) -> list[Path]:
    """Return the other projects on record in an environment, where nothing else is known of it."""
    return [one for one in _recorded(prefix) if not _has([one], root)]


def _recorded(prefix: Path) -> list[Path]:
    try:
        data = json.loads(files.regular(prefix / RECORD))
        return [Path(one) for one in data["projects"]]
    except (OSError, ValueError, TypeError, KeyError):
        return []


def _has(projects: list[Path], root: Path) -> bool:
    with contextlib.suppress(OSError):
        return any(one.samefile(root) for one in projects)
    return False


def _uses(root: Path, environment: Environment) -> bool:
    """Return whether the project in `root` is there and has this environment.

    One that was moved or deleted, or that names another environment now, has not.
    """
    try:
        root.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # another user's, perhaps
        return True
    try:
        engine = environment.project.options.engine
        project = Project.load(root, os.environ, engine=engine, new=True)
        prefix = type(environment)(project).prefix
    except LabError as error:
        return error.code not in _GONE
    return os.path.realpath(prefix) == os.path.realpath(environment.prefix)
