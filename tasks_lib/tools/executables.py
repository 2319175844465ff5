"""Where the tools of the tool environment are, and where the user's caches are."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution import process


def tool(name: str) -> str:
    """Give the path of a program that the tool environment brings."""
    suffix = ".exe" if os.name == "nt" else ""
    path = Path(sys.prefix) / ("Scripts" if os.name == "nt" else "bin") / f"{name}{suffix}"
    if not path.is_file():
        text = f"{name} is missing from the tool environment {sys.prefix}."
        raise LabError(text, ErrorCode.TOOL_MISSING, remedy="run it as: python3 -m tasks_lib")
    return str(path)


def uv() -> str:
    """Give the path of uv."""
    return tool("uv")


def itself(task: str, *words: str) -> tuple[str, ...]:
    """Give the arguments that run one of mlops-lab's own tasks, which answers in JSON, in a process of its own."""
    main = Path(__file__).parents[1] / "__main__.py"
    return (sys.executable, "-I", "-Xutf8", str(main), task, "--json", *words)


def base_python() -> str:
    """Give the interpreter that the tool environment was made from."""
    return str(getattr(sys, "_base_executable", sys.executable))


def running_python() -> str:
    """Give the version of that interpreter."""
    return ".".join(map(str, sys.version_info[:3]))


def nowhere() -> str:
    """Give a folder that never is, for a tool that looks for environments where it should see none."""
    return str(home() / ".cache" / "mlops-lab" / "no-virtualenvs")


def find_python(request: str) -> Path | None:
    """Give an interpreter of this machine that fits `request`, as uv finds it, or nothing."""
    argv = (uv(), "python", "find", "--system", "--no-project", "--no-python-downloads", request)
    outcome = process.run(process.Command(argv, "look for the Python"))
    return Path(outcome.stdout.strip()) if outcome.ok else None


def pythons() -> list[str]:
    """List the versions of CPython on this machine, as uv finds them."""
    argv = (
        uv(),
        "python",
        "list",
        "--only-installed",
        "--no-python-downloads",
        "--output-format",
        "json",
    )
    outcome = process.run(process.Command(argv, "look for the Pythons of this machine"))
    rows = json.loads(outcome.stdout) if outcome.ok else []
    return [
        row["version"]
        for row in rows
        if (row["implementation"], row["variant"]) == ("cpython", "default")
    ]


def home() -> Path:
    """Give the user's home folder, by the variable that conda and the managers look at."""
    try:
        return Path(os.environ.get("HOME") or Path.home())
    except RuntimeError:
        text = "this user has no home folder."
        raise LabError(text, ErrorCode.NO_HOME, remedy="set HOME") from None
