"""Run tasks as forks of one interpreter of the tool environment, which has imported all of them.

Two interpreters start for each task that a user types, and then import the tasks: half a second of
a core. A fork has the same code, variables, folder, streams and session without these imports.
`tests/forks.py` starts this, and sends it the tasks.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import socket
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT))

import tasks_lib  # noqa: E402 - its folder is known only now
from tasks_lib import __main__ as entry  # noqa: E402 - as above

#: programs that are started as such, and what only the environment of the charts can import
_LEFT_OUT = ("tasks_lib.proof.build_channel", "tasks_lib.proof.charts")
_MESSAGE = 1 << 20


def serve(asked: socket.socket) -> list[str] | None:
    """Return the words of a task in each process that has to run one, and at the end `None`."""
    while True:
        message, handles, _, _ = socket.recv_fds(asked, _MESSAGE, 3)
        if not message:
            return None
        if os.fork() == 0:
            asked.close()
            if (child := os.fork()) == 0:
                return _become(json.loads(message), handles)
            _, status = os.waitpid(child, 0)
            os.write(handles[-1], str(os.waitstatus_to_exitcode(status)).encode())
            os._exit(0)
        for handle in handles:
            os.close(handle)
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


def _become(task: dict[str, object], handles: list[int]) -> list[str]:
    """Take the folder, the variables and the streams of a task, and return its words."""
    words, variables = task["words"], task["variables"]
    assert isinstance(words, list)
    assert isinstance(variables, dict)
    os.setsid()
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - a handle is wanted
        os.dup2(nothing.fileno(), 0)
    for number, handle in enumerate(handles, 1):
        if number < len(handles):
            os.dup2(handle, number)
        os.close(handle)
    os.chdir(str(task["folder"]))
    os.environ.clear()
    os.environ.update(variables)
    return words


if __name__ == "__main__":
    for module in pkgutil.walk_packages(tasks_lib.__path__, "tasks_lib."):
        if module.name not in _LEFT_OUT:
            importlib.import_module(module.name)
    gc.freeze()  # a collection would write to what all forks share
    found = serve(socket.socket(fileno=int(sys.argv[1])))
    if found is None:
        sys.exit()
    code = entry.main(found, own_tasks=False)
    # what an interpreter does at its end, but for taking all modules apart
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - as above
    atexit._run_exitfuncs()  # noqa: SLF001 - as above
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
