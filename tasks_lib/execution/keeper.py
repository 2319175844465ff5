"""Keep a run's record true though the run itself is stopped, and end its tools when it dies.

The run starts this file as a process of its own, and tells it on stdin which process groups begin
(`+123`) and end (`-123`). It shows that the run is alive, also where that was stopped (Ctrl-Z) and
cannot. When stdin ends, the run has ended: tools that go on then are asked to end, and killed. So
what they write is never taken for what a user wrote later. Standard library alone.
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


def keep(lock: str, heartbeat: float) -> None:
    """Set the time of the file `lock` again and again until stdin ends, then end what is left."""
    groups: set[int] = set()
    told = b""
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
            group = int(line[1:])
            if line.startswith(b"+"):
                groups.add(group)
            else:
                groups.discard(group)
    _end(groups)
    _beat(lock)


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
    keep(sys.argv[1], float(sys.argv[2]))
