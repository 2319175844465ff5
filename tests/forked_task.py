"""Run a task in a fork of an interpreter of the tool environment that has imported all tasks.

Two interpreters start for each task that a user types, and then import the tasks: half a second of
a core. A fork has the same code, variables, folder, streams and session without these imports.
`tests/forks.py` starts the library's own server of forks (`tasks_lib.execution.fork_server`) with
this, and sends it the tasks.
"""

from __future__ import annotations

import atexit
import importlib
import os
import pkgutil
import sys
import threading
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

import tasks_lib
from tasks_lib import __main__ as entry

#: programs that are started as such, and what only the environment of the charts can import
_LEFT_OUT = ("tasks_lib.proof.build_channel", "tasks_lib.proof.charts")


def prepare() -> None:
    """Import all that a task may need."""
    for module in pkgutil.walk_packages(tasks_lib.__path__, "tasks_lib."):
        if module.name not in _LEFT_OUT:
            importlib.import_module(module.name)


def main() -> None:
    """Run the task whose words are behind the program's name, and end."""
    code = entry.main(sys.argv[1:], own_tasks=False)
    # what an interpreter does at its end, but for taking all modules apart
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - as above
    atexit._run_exitfuncs()  # noqa: SLF001 - as above
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
