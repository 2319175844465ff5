"""Let nothing that a run starts outlive it: a process of its own sees to that (`keeper`)."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from tasks_lib.execution import file_lock

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What a keeper is told when its run ends well.
GOOD_END = ".\n"
_POSIX = os.name == "posix"
#: Who ends what this run started, where it changes something.
_KEEPERS: set[Keeper] = set()


class Keeper:
    """The process that ends what this run started when the run dies; see the module `keeper`."""

    def __init__(self, lock: str) -> None:
        """Start nothing before there is something to keep."""
        script = str(Path(__file__).with_name("keeper.py"))
        self._argv = (sys.executable, "-I", "-S", script, lock, str(file_lock.HEARTBEAT))
        self.child: subprocess.Popen[bytes] | None = None
        #: The end of a pipe that each tool inherits: it is open as long as one of them lives.
        self.life: int | None = None
        self._guard = threading.Lock()

    def start(self) -> None:
        """Start the process; the run goes on without one that cannot start."""
        with self._guard, contextlib.suppress(OSError):
            if self.child is not None:
                return
            seen, life = os.pipe()
            try:
                self.child = subprocess.Popen(  # noqa: S603 - an argument list, no shell
                    (*self._argv, str(seen)),
                    bufsize=0,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                    pass_fds=(*file_lock.INHERITED, seen),
                )
                self.life = life
            except OSError:
                os.close(life)
            finally:
                os.close(seen)

    def tell(self, text: str) -> None:
        """Tell it that a process begins or ends."""
        with self._guard, contextlib.suppress(OSError):
            if self.child is not None:
                cast("IO[bytes]", self.child.stdin).write(text.encode())

    def end(self) -> None:
        """Let it end, and wait for that."""
        if self.child is not None:
            self.tell(GOOD_END)
            with self.child:
                pass
        if self.life is not None:
            os.close(self.life)


@contextlib.contextmanager
def kept(lock: str) -> Iterator[Keeper]:
    """Let nothing that is started meanwhile outlive this process, which holds the file `lock`."""
    one = Keeper(lock)
    if _POSIX:
        _KEEPERS.add(one)
    try:
        yield one
    finally:
        _KEEPERS.discard(one)
        one.end()


def tell(text: str) -> None:
    """Tell each keeper that a process group begins (`+123`) or ends (`-123`)."""
    for one in _KEEPERS:
        one.tell(text)


def inherited() -> list[int]:
    """Return what a process inherits by which each keeper sees that it lives.

    The keepers are started first: a run can be stopped before it tells them the group's number.
    """
    for one in _KEEPERS:
        one.start()
    return [one.life for one in _KEEPERS if one.life is not None]
