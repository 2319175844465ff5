"""Find the tool environment's programs, this machine's Pythons and the user's home folder."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tasks_lib import bootstrap
from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import process
from tasks_lib.tools.uv_variables import UV

if TYPE_CHECKING:
    from tasks_lib.project.manifests import PyProject


def tool(name: str) -> str:
    """Return the path of a program of the tool environment."""
    path = Path(sys.prefix, "bin", name)
    if os.name == "nt":
        path = Path(sys.prefix, "Scripts", f"{name}.exe")
    if not path.is_file():
        text = f"{name} is missing from the tool environment {sys.prefix}."
        remedy = Remedy(f"Unset {bootstrap.TOOLS}, or install it there")
        raise LabError(text, ErrorCode.TOOL_MISSING, remedy=remedy)
    return str(path)


def uv() -> str:
    """Return the path of uv."""
    return tool("uv")


def typed(name: str) -> str:
    """Return what a user types for a program: the tool environment's, where PATH has none."""
    return name if shutil.which(name) else tool(name)


def installing(what: str, python: str) -> Remedy:
    """Return the remedy that installs a Python."""
    return Remedy(f"Install {what}", (typed("uv"), "python", "install", python))


def itself(task: str, *words: str) -> tuple[str, ...]:
    """Return the arguments that run a task of mlops-lab, which answers in JSON."""
    main = Path(__file__).parents[1] / "__main__.py"
    return (sys.executable, "-I", "-Xutf8", str(main), task, "--json", *words)


def base_python() -> str:
    """Return the interpreter from which the tool environment was created."""
    return str(getattr(sys, "_base_executable", sys.executable))


def running_python() -> str:
    """Return the version of that interpreter."""
    return ".".join(map(str, sys.version_info[:3]))


def nowhere() -> str:
    """Return a folder that never exists, for a tool that must not find any environment."""
    return str(home() / ".cache" / "mlops-lab" / "no-virtualenvs")


def find_python(request: str) -> Path | None:
    """Return the interpreter of this machine that uv finds for `request`, or nothing."""
    found = _found(request)
    return Path(found) if found else None


def version_of(request: str) -> str:
    """Return the version of that interpreter, empty for none."""
    return _found(request, "--show-version")


def _found(request: str, *options: str) -> str:
    """Return what uv says of the interpreter that it finds."""
    if os.path.exists(request):  # noqa: PTH110 - a request may hold what no path may
        request = os.path.abspath(request)  # noqa: PTH100 - links stay
    words = ("find", "--system", "--no-project", *options, request)
    return _python("look for the Python", *words).strip()


def _python(why: str, *words: str) -> str:
    """Return what `uv python` prints, empty where it fails.

    It looks from a folder of ours: in a project's folder, uv would follow the project's settings.
    """
    argv = (uv(), "python", *words, "--no-python-downloads")
    outcome = process.run(process.Command(argv, why, env=UV.unset(), cwd=Path(sys.prefix)))
    return outcome.stdout if outcome.ok else ""


def fitting(pyproject: PyProject) -> Path | None:
    """Return an interpreter of this machine on which the project may run, or nothing.

    It is the one that runs this, where that may be.
    """
    if pyproject.allows(running_python()):
        return Path(base_python())
    for choice in reversed(pyproject.pythons()):
        found = find_python(str(choice))
        if found is not None:
            return found
    # a program on PATH that only looks like a Python ends that search (uv 0.13.9)
    return next((path for version, path in pythons() if pyproject.allows(version)), None)


def pythons() -> list[tuple[str, Path]]:
    """Return the versions and paths of the CPythons that uv finds from a folder of ours."""
    words = ("list", "--only-installed", "--output-format", "json")
    rows = json.loads(_python("look for the Pythons of this machine", *words) or "[]")
    plain = ("cpython", "default")
    rows = [row for row in rows if (row["implementation"], row["variant"]) == plain]
    return [(row["version"], Path(row["path"])) for row in rows]


def home() -> Path:
    """Return the user's home folder, by the variable that conda and the managers read."""
    try:
        return Path(os.environ.get("HOME") or Path.home())
    except RuntimeError:
        text = "This user has no home folder."
        raise LabError(text, ErrorCode.NO_HOME, remedy=Remedy("Set HOME")) from None


def refuse_home_file() -> None:
    """Raise an error where a file is in place of the home folder, in which every tool writes."""
    named = os.environ.get("HOME", "")
    if os.path.isfile(named):  # noqa: PTH113 - pathlib raises where a folder above is closed
        text = f"HOME names {named}, which is a file."
        raise LabError(text, ErrorCode.NO_HOME, remedy=Remedy("Set HOME to your home folder"))
