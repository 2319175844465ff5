"""Say where else a conda package exists that this platform does not have."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from tasks_lib.environments.conda_engines import Rattler
from tasks_lib.execution import process
from tasks_lib.project.conda_file import spec_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks_lib.project.project import Project


#: those for which channels have packages
_KNOWN = (
    "linux-64",
    "linux-aarch64",
    "linux-ppc64le",
    "osx-64",
    "osx-arm64",
    "win-64",
    "win-arm64",
)


def elsewhere(project: Project, specs: Sequence[str]) -> str:
    """Give a sentence for each package that the file's channels have for other platforms alone, else nothing."""
    from rattler import Subdir  # noqa: PLC0415 - costs 0.05 s, and is asked for after a failure alone

    here = str(Subdir.current())
    outcome = process.run(
        Rattler(sys.executable, project.options).search(
            project.conda_file, [spec_name(spec) for spec in specs], (*_KNOWN, "noarch")
        )
    )
    found: dict[str, dict[str, str]] = json.loads(outcome.stdout) if outcome.ok else {}
    return "".join(
        f" {name} exists for {', '.join(sorted(platforms))}, and not for {here}."
        for name, platforms in found.items()
        if not {here, "noarch"} & platforms.keys()
    )
