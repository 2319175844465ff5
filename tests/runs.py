"""A run in an interpreter of its own, which a test stops or kills."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: The seconds within which something is expected.
SOON = 5.0
_ROOT = Path(__file__).parents[1]


@contextlib.contextmanager
def begun(code: str, path: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """Start `code`, whose words are the library's folder and `path`; yield the numbers it prints.

    They are those of processes, on its first line.
    """
    argv = [sys.executable, "-c", code, str(_ROOT), str(path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        yield run, [int(word) for word in run.stdout.readline().split()]


def soon(until: Callable[[], bool]) -> bool:
    """Return whether something becomes true soon."""
    end = time.monotonic() + SOON
    while time.monotonic() < end:
        if until():
            return True
        time.sleep(0.02)
    return False
