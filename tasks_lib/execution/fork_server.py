"""Import a program once, and run it in a fork for each request.

It is started as `fork_server.py SOCKET PROGRAM`: PROGRAM is a file that has `prepare()`, which
imports what the program needs, and `main()`, which runs it by `sys.argv`. A request has the words,
the folder and the variables, and these descriptors: stdout, stderr, one to answer on, and what else
the program has to keep open. The answers are the number of the process, which leads a group of its
own, and its exit code as `subprocess` gives it. Standard library alone.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import runpy
import socket
import sys
import time
from typing import Any, cast

#: The bytes of a request, and how many descriptors it may have.
REQUEST = 1 << 20
DESCRIPTORS = 32
#: How often the server looks for watchers at its end, and the seconds between two looks.
_LOOKS, _PAUSE = 100, 0.01


def serve(asked: socket.socket) -> bool:
    """Return true in each process that has to run the program, and false at the end."""
    while True:
        request, descriptors, _, _ = socket.recv_fds(asked, REQUEST, DESCRIPTORS)
        if not request:
            return False
        if os.fork() == 0:
            asked.close()
            if (child := os.fork()) == 0:
                _become(json.loads(request), descriptors)
                return True
            _watch(child, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        _reap()


def _watch(child: int, descriptors: list[int]) -> None:
    """Tell the number of a process and its exit code, and end when nobody asks any more.

    The process is not reaped before: until then its number is no other's.
    """
    for descriptor in (*descriptors[:2], *descriptors[3:]):
        os.close(descriptor)
    with socket.socket(fileno=descriptors[2]) as asker:
        asker.sendall(f"{child}\n".encode())
        ended = cast("os.waitid_result", os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT))
        code = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
        asker.sendall(f"{code}\n".encode())
        with contextlib.suppress(ConnectionResetError):  # the answer was looked at, not taken
            asker.recv(1)
    os.waitpid(child, 0)
    os._exit(0)


def _become(request: dict[str, Any], descriptors: list[int]) -> None:
    """Take the words, the folder, the variables and the streams of a request."""
    os.setsid()
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - a handle is wanted
        os.dup2(nothing.fileno(), 0)
    stdout, stderr, status, *_ = descriptors
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    for descriptor in (stdout, stderr, status):
        os.close(descriptor)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["variables"])
    sys.argv = request["words"]


def _reap() -> bool:
    """Forget the watchers that have ended, and return whether there are others."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
        return True
    return False


def _wait_for_watchers() -> None:
    """Wait a little: nothing is left of a run when it ends."""
    for _ in range(_LOOKS):
        if not _reap():
            return
        time.sleep(_PAUSE)


if __name__ == "__main__":
    program = runpy.run_path(sys.argv[2])
    program["prepare"]()
    gc.freeze()  # a collection would write to what all forks share
    if serve(socket.socket(fileno=int(sys.argv[1]))):
        sys.exit(program["main"]())
    _wait_for_watchers()
    os._exit(0)  # what was imported has nothing to do at the end
