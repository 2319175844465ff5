"""Start a program as a fork of a server that has imported it: the second start costs little.

There is one server at a time, and it ends with this process; see `fork_server`.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SCRIPT = Path(__file__).with_name("fork_server.py")
#: How long a server may take to begin, in seconds.
_PATIENCE = 30.0
#: The bytes that a server answers at most.
_ANSWER = 100
#: Elsewhere a fork of a process with imported libraries is not safe, or there is none.
_CAN = sys.platform == "linux"
#: Those that somebody may wait for.
_FORKED: weakref.WeakSet[Forked] = weakref.WeakSet()


class Forked:
    """A process that a server forked: the part of `subprocess.Popen` that a run uses."""

    def __init__(self, pid: int, status: socket.socket, stdout: IO[str], stderr: IO[str]) -> None:
        """Take what the server answered, and the ends of the pipes."""
        self.pid, self.stdout, self.stderr = pid, stdout, stderr
        self.returncode: int | None = None
        self._status = status
        weakref.finalize(self, status.close)
        _FORKED.add(self)

    def close(self) -> None:
        """Let the server forget it: nobody waits for it any more."""
        self._status.close()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end, and return the exit code.

        Raises:
            subprocess.TimeoutExpired: It did not end in so many seconds.

        """
        while self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            # it stays there: another thread may wait for it too
            code = self._status.recv(_ANSWER, socket.MSG_PEEK)
            self.returncode = int(code) if code else -signal.SIGKILL
        return self.returncode

    def terminate(self) -> None:
        """Ask it to end."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)


@dataclass(frozen=True)
class Request:
    """A program of the tool environment, and what it is started with."""

    program: Path
    words: tuple[str, ...]
    folder: Path | None
    variables: Mapping[str, str]

    @property
    def is_sound(self) -> bool:
        """Return whether a process can be started so; else `subprocess` says why not."""
        is_there = self.folder is None or self.folder.is_dir()
        return is_there and not any("\0" in word for word in self.words)


@dataclass
class _Server:
    """A running server: for which program, and under which variables of this process.

    The program may read them as it is imported. What a command adds is for one fork.
    """

    program: Path
    variables: Mapping[str, str]
    asked: socket.socket
    process: subprocess.Popen[bytes]

    def suits(self, request: Request) -> bool:
        """Return whether it lives and has imported the program, under the same variables."""
        same = (self.program, self.variables) == (request.program, dict(os.environ))
        return same and self.process.poll() is None

    def end(self) -> None:
        """Let it end, and wait for that."""
        self.asked.close()
        self.process.wait()


#: The server that runs, if one does.
_running: list[_Server] = []
_GUARD = threading.Lock()


def start(request: Request, kept: Sequence[int]) -> Forked | None:
    """Start a process that keeps some descriptors open; return `None` where no fork can be had."""
    if not _CAN or not request.is_sound:
        return None
    try:
        with _GUARD:
            server = _server(request)
        return _asked(server, request, kept)
    except OSError:
        return None


@atexit.register
def end() -> None:
    """End the server, and what watches its forks."""
    for one in [*_FORKED]:
        one.close()
    _end_server()


def _end_server() -> None:
    """End the server; what it forked goes on."""
    while _running:
        _running.pop().end()


def _server(request: Request) -> _Server:
    """Return the server for a request, which is started where it does not run."""
    if _running and _running[0].suits(request):
        return _running[0]
    _end_server()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    script = (sys.executable, "-P", str(_SCRIPT))
    with theirs:
        process = subprocess.Popen(  # noqa: S603 - an argument list, no shell
            (*script, str(theirs.fileno()), str(request.program)),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=request.variables,
            start_new_session=True,
            pass_fds=(theirs.fileno(),),
        )
    _running.append(_Server(request.program, dict(os.environ), ours, process))
    return _running[0]


def _asked(server: _Server, request: Request, kept: Sequence[int]) -> Forked:
    """Ask a server for a process.

    Raises:
        OSError: The server ended, or does not answer.

    """
    folder = str(request.folder or Path.cwd())
    asked = {"words": request.words, "folder": folder, "variables": {**request.variables}}
    with contextlib.ExitStack() as stack:
        ours, theirs = socket.socketpair()
        stack.callback(theirs.close)
        on_error = stack.enter_context(contextlib.ExitStack())
        on_error.callback(ours.close)
        streams = []
        for _ in range(2):
            reading, writing = os.pipe()
            stack.callback(os.close, writing)
            stream = os.fdopen(reading, encoding="utf-8", errors="replace")
            on_error.callback(stream.close)
            streams.append((stream, writing))
        (stdout, out), (stderr, err) = streams
        handles = [out, err, theirs.fileno(), *kept]
        socket.send_fds(server.asked, [json.dumps(asked).encode()], handles)
        theirs.close()
        if not select.select([ours], [], [], _PATIENCE)[0]:
            server.process.kill()
            raise TimeoutError
        number = _line(ours)
        on_error.pop_all()
        return Forked(number, ours, stdout, stderr)


def _line(status: socket.socket) -> int:
    """Read the number on the first line, and no more."""
    text = b""
    while not text.endswith(b"\n"):
        byte = status.recv(1)
        if not byte:
            raise ConnectionResetError
        text += byte
    return int(text)
