"""Keep a run's record true though the run itself is stopped, and end its tools when it dies.

The run starts this file as a process of its own, and tells it on stdin which process groups begin
(`+123`) and end (`-123`), and when it ends well (`.`). This shows that the run is alive, also where
that was stopped (Ctrl-Z) and cannot. When stdin ends, the run has ended: tools that go on then are
asked to end, and killed. One that the run was stopped before it could tell of is waited for: each
tool holds a pipe open. So what they write is never taken for what a user wrote later. Standard
library alone.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time

#: How long a tool may take to end, and between two looks at it, in seconds.
_GRACE = 2.0
_PAUSE = 0.02


def keep(lock: str, heartbeat: float, life: int) -> None:
    """Set the time of the file `lock` again and again until stdin ends, then end what is left.

    `life` is the end of the pipe that ends with the last tool.
    """
    groups: set[int] = set()
    is_well, told = False, b""
    while True:
        ready, _, _ = select.select([0], [], [], heartbeat)
        _beat(lock)
        if not ready:
            continue
        read = os.read(0, 1 << 12)
        if not read:
            break
        *lines, told = (told + read).split(b"\n")
        for line in lines:
            if line == b".":
                is_well = True
            elif line.startswith(b"+"):
                groups.add(int(line[1:]))
            else:
                groups.discard(int(line[1:]))
    _end(groups)
    while not is_well and not _is_at_end(life, heartbeat):
        _beat(lock)
    _beat(lock)


def _is_at_end(pipe: int, seconds: float) -> bool:
    """Return whether nobody holds the other end of a pipe, after so long at most."""
    ready, _, _ = select.select([pipe], [], [], seconds)
    return bool(ready) and not os.read(pipe, 1 << 12)


def _beat(lock: str) -> None:
    with contextlib.suppress(OSError):
        os.utime(lock)


def _end(groups: set[int]) -> None:
    """Ask each group to end, and kill what is left of it."""
    for number in (signal.SIGTERM, signal.SIGCONT):
        for group in groups:
            _send(group, number)
    deadline = time.monotonic() + _GRACE
    while time.monotonic() < deadline and any(_send(group, 0) for group in groups):
        time.sleep(_PAUSE)
    for group in groups:
        _send(group, signal.SIGKILL)


def _send(group: int, number: int) -> bool:
    """Send a signal to a group, and return whether it exists."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    keep(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
