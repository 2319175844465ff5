"""Kernels for Jupyter: where they are described, which of them are ours, and what one says.

Sources: `paths.py` of jupyter_core 5.9 (the folders), `provisioner_base.py` of jupyter_client 8.10
(`${NAME}` and `$$` in a variable's value), and `kernelspec.py` of ipykernel 7.4 (the command).
"""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from tasks_lib.execution import files
from tasks_lib.tools import executables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tasks_lib.environments.base import Activation

FILE = "kernel.json"
#: what Jupyter takes for a kernel's name; it makes no difference between capitals and others
NAME = re.compile(r"[a-z0-9._-]+")
#: the distribution that a kernel starts
PACKAGE = "ipykernel"
#: the key in the metadata that says who wrote a description
_OURS = "mlops-lab"
_OFF = {"no", "n", "false", "off", "0", "0.0"}
#: no kernel can unset a variable, and Python takes these for unset where they are empty
_EMPTY = ("PYTHONPATH", "PYTHONHOME")


@dataclass(frozen=True)
class Kernel:
    """A kernel that this program described, for the project in the folder `project`."""

    file: Path
    python: Path
    display_name: str
    project: Path

    @property
    def name(self) -> str:
        """Return the name by which Jupyter knows it."""
        return self.file.parent.name

    def is_of(self, root: Path) -> bool:
        """Return whether it is the kernel of the project in `root`."""
        return files.is_same_place(self.project, root)

    @property
    def is_orphan(self) -> bool:
        """Return whether its project is gone."""
        return is_gone(self.project)

    def as_dict(self) -> dict[str, str]:
        """Return what a listing shows."""
        return {"name": self.name, "display_name": self.display_name, "file": str(self.file)}


def is_gone(path: Path) -> bool:
    """Return whether nothing is at a path; where the system does not say, something may be."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False


def data_folder() -> Path:
    """Return the folder of the user's data for Jupyter."""
    variables = os.environ
    if variables.get("JUPYTER_DATA_DIR"):
        return Path(variables["JUPYTER_DATA_DIR"])
    if variables.get("JUPYTER_PLATFORM_DIRS", "0").lower() not in _OFF:
        name = "Jupyter" if sys.platform in {"win32", "darwin"} else "jupyter"
        return Path(platformdirs.user_data_dir(name, appauthor=False))
    if sys.platform == "darwin":
        return executables.home() / "Library" / "Jupyter"
    if sys.platform == "win32":
        appdata = variables.get("APPDATA")
        return Path(appdata, "jupyter") if appdata else executables.home() / ".jupyter" / "data"
    data = variables.get("XDG_DATA_HOME") or executables.home() / ".local" / "share"
    return Path(data, "jupyter")


def of_user() -> Path:
    """Return the folder of the kernels that every Jupyter of this user has."""
    return data_folder() / "kernels"


def of_environment(prefix: Path) -> Path:
    """Return the folder of the kernels that only a Jupyter in this environment has."""
    return prefix / "share" / "jupyter" / "kernels"


def listed(folder: Path) -> Iterator[Kernel]:
    """Yield the kernels in a folder that this program described; what links out of it is not."""
    for file in sorted(folder.glob(f"*/{FILE}")):
        try:
            data = json.loads(files.regular(file))
            project = Path(data["metadata"][_OURS]["project"])
            kernel = Kernel(file, Path(data["argv"][0]), str(data["display_name"]), project)
        except (OSError, ValueError, RecursionError, TypeError, LookupError):
            continue
        if files.leads_inside(folder, file):
            yield kernel


def of_project(root: Path, prefix: Path) -> list[Kernel]:
    """Return the kernels of the project in `root`: those of the user, and in its environment."""
    inside = of_environment(prefix)
    found = list(listed(of_user()))
    if files.leads_inside(prefix, inside):
        found += listed(inside)
    return [one for one in found if one.is_of(root)]


def variables(activation: Activation, sourced: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a kernel; `sourced` are those of the environment's own scripts.

    VIRTUAL_ENV is the environment of either kind: IPython imports from the one that it names, which
    would be that of a Jupyter with an environment of its own (`init_virtualenv`).
    """
    own = {**dict.fromkeys(_EMPTY, ""), "VIRTUAL_ENV": str(activation.prefix)}
    found = {name: value for name, value in activation.variables.items() if value is not None}
    values = {name: value.replace("$", "$$") for name, value in {**own, **found, **sourced}.items()}
    before = os.environ.get("PATH", "").replace("$", "$$")
    ahead = os.pathsep.join([*map(str, activation.path), ""]).replace("$", "$$")
    path = values.get("PATH", f"{ahead}{before}")
    values["PATH"] = path.replace(before, "${PATH}", 1) if before else f"{path}${{PATH}}"
    return values


def description(
    activation: Activation, display_name: str, project: Path, values: Mapping[str, str]
) -> dict[str, Any]:
    """Return what Jupyter reads of a kernel."""
    command = [str(activation.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    return {
        "argv": command,
        "display_name": display_name,
        "language": "python",
        "env": dict(values),
        "metadata": {"debugger": True, _OURS: {"project": str(project)}},
        "kernel_protocol_version": "5.5",
    }
