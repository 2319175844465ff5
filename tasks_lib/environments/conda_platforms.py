"""Which platforms a conda package exists for."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from tasks_lib.environments.conda_engines import Rattler
from tasks_lib.execution import process
from tasks_lib.project.conda_file import spec_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks_lib.execution.process import Command
    from tasks_lib.project.project import Project

#: the platforms for which channels have packages
_KNOWN = (
    "linux-64",
    "linux-aarch64",
    "linux-ppc64le",
    "osx-64",
    "osx-arm64",
    "win-64",
    "win-arm64",
)


#: What a solver takes a machine of each system to have, whichever machine it is: a lock is for all
#: of them. They are pixi's: https://pixi.sh/latest/workspace/system_requirements
_SYSTEMS = {
    "linux": ("__unix=0=0", "__linux=4.18=0", "__glibc=2.28=0"),
    "osx": ("__unix=0=0", "__osx=13.0=0"),
    "win": ("__win=0=0",),
}
#: the names of processors that `__archspec` has and a platform has not
_PROCESSORS = {"64": "x86_64", "arm64": "m1"}


def here() -> str:
    """Return the platform of this machine."""
    from rattler import Subdir  # noqa: PLC0415 - costs 0.05 s, which only the conda layer should pay

    return str(Subdir.current())


def system(platform: str) -> tuple[str, ...]:
    """Return the virtual packages that a lock counts on, as NAME=VERSION=BUILD."""
    name, _, processor = platform.partition("-")
    known = _PROCESSORS.get(processor, processor)
    return (*_SYSTEMS.get(name, ()), f"__archspec=1={known}")


def search(project: Project, names: Sequence[str], platforms: Sequence[str] = ()) -> Command:
    """Return the command that prints the newest version of each name that a channel has.

    py-rattler asks, whichever the engine; without `platforms` for this one and noarch.
    """
    engine = Rattler(sys.executable, project.options)
    return engine.search(project.conda_file, names, platforms)


def elsewhere(project: Project, specs: Sequence[str]) -> str:
    """Return a sentence for each package that the channels have for other platforms alone."""
    names = [spec_name(spec) for spec in specs]
    outcome = process.run(search(project, names, (*_KNOWN, "noarch")))
    found: dict[str, list[str]] = json.loads(outcome.stdout) if outcome.ok else {}
    text = ""
    for name, platforms in found.items():
        if here() not in platforms and "noarch" not in platforms:
            text += f" {name} exists for {', '.join(sorted(platforms))}, and not for {here()}."
    return text
