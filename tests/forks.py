"""Run a task as a fork of an interpreter that has imported all tasks (`tests/forked_task.py`)."""

from __future__ import annotations

import atexit
import functools
import json
import select
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tasks_lib import bootstrap
from tasks_lib.execution import fork_server

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TASK = str(Path(__file__).with_name("forked_task.py"))
_SECONDS = 300
#: what Python and the system's loader read as an interpreter starts
_EARLY = ("PYTHON", "LD_")


def suits(variables: Mapping[str, str]) -> bool:
    """Return whether a fork does the same as a start: no variable is read before the tasks are."""
    cache = variables.get(bootstrap.CACHE)
    return (
        sys.platform == "linux"
        and cache == bootstrap.cache_folder()
        and not any(name.startswith(_EARLY) for name in variables)
    )


def run(
    words: Sequence[str], *, folder: Path, variables: Mapping[str, str]
) -> tuple[int, str, str]:
    """Return the exit code of a task, and what it wrote to stdout and to stderr."""
    tools = Path(bootstrap.ensure(bootstrap.REQUIREMENTS)).parents[1]
    own = {bootstrap.TOOLS: str(tools), "PYTHONNOUSERSITE": bootstrap.NO_USER_SITE, **variables}
    request = {"words": [_TASK, *words], "folder": str(folder), "variables": own}
    asker, answerer = socket.socketpair()
    with (
        asker,
        tempfile.TemporaryFile("w+", encoding="utf-8") as stdout,
        tempfile.TemporaryFile("w+", encoding="utf-8") as stderr,
    ):
        handles = [stdout.fileno(), stderr.fileno(), answerer.fileno()]
        with answerer:
            socket.send_fds(_server(), [json.dumps(request).encode()], handles)
        answers = b""
        while answers.count(b"\n") < 2:
            assert select.select([asker], [], [], _SECONDS)[0], f"{words} does not end"
            answer = asker.recv(100)
            assert answer, f"nobody knows how {words} ended"
            answers += answer
        code = int(answers.split()[1])
        stdout.seek(0)
        stderr.seek(0)
        return code, stdout.read(), stderr.read()


@functools.cache
def _server() -> socket.socket:
    """Return the connection to the server of this process, which ends with it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    python = bootstrap.ensure(bootstrap.REQUIREMENTS)
    argv = [python, "-I", "-Xutf8", fork_server.__file__, str(theirs.fileno()), _TASK]
    with theirs:
        server = subprocess.Popen(argv, pass_fds=[theirs.fileno()], start_new_session=True)

    def end() -> None:
        ours.close()
        server.wait()

    atexit.register(end)
    return ours
