"""Which platforms a conda package exists for."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from tasks_lib.environments.conda_engines import Rattler
from tasks_lib.execution import process
from tasks_lib.project.conda_file import spec_name
from tasks_lib.project.platforms import KNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks_lib.execution.process import Command
    from tasks_lib.project.project import Project


def here() -> str:
    """Return the platform of this machine."""
    from rattler import Subdir  # noqa: PLC0415 - costs 0.05 s, which only the conda layer should pay

    return str(Subdir.current())


def search(project: Project, names: Sequence[str], platforms: Sequence[str] = ()) -> Command:
    """Return the command that prints the newest version of each name that a channel has.

    py-rattler asks, whichever the engine; without `platforms` for this one and noarch.
    """
    engine = Rattler(sys.executable, project.options)
    return engine.search(project.conda_file, names, platforms)


def elsewhere(project: Project, specs: Sequence[str]) -> str:
    """Return a sentence for each package that the channels have for other platforms alone."""
    names = [spec_name(spec) for spec in specs]
    outcome = process.run(search(project, names, (*KNOWN, "noarch")))
    found: dict[str, list[str]] = json.loads(outcome.stdout) if outcome.ok else {}
    text = ""
    for name, platforms in found.items():
        if here() not in platforms and "noarch" not in platforms:
            text += f" {name} exists for {', '.join(sorted(platforms))}, and not for {here()}."
    return text
