"""The virtual environments in a project's folder, whichever tool keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tasks_lib.project.project import Project

_MARK = "pyvenv.cfg"  # PEP 405
#: who keeps an environment, and where it is in the project's folder
_PLACES = (("pip", "*"), ("nox", ".nox/*"), ("tox", ".tox/*"))


class Found(NamedTuple):
    """A virtual environment, and the tool that keeps it."""

    kind: str
    prefix: Path


def virtual_environments(project: Project, variables: Mapping[str, str]) -> list[Found]:
    """Return the project's virtual environments in its folder, and the one that uv is led to.

    Those that Poetry, pipenv and others keep elsewhere are listed by these tools alone.
    """
    found = []
    for kind, pattern in _PLACES:
        marks = sorted(project.root.glob(f"{pattern}/{_MARK}"))
        found += [Found(kind, mark.parent) for mark in marks]
    named = variables.get("UV_PROJECT_ENVIRONMENT")
    if named and (project.root / named / _MARK).is_file():
        found.append(Found("uv", project.root / named))
    return found
