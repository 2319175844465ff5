"""How a run is stopped: in every way, at moments spread over the time that it takes undisturbed."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.lab import Answer, expect_no_traceback

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab import Lab

#: how many there are for one task of one combo; `nox -s faults` sets it
MOMENTS = int(os.environ.get("MLOPS_LAB_MOMENTS", "2"))


@dataclass(frozen=True)
class Way:
    """How a run is stopped: signals to the process, or to its whole group, one after the other."""

    signals: tuple[signal.Signals, ...]
    group: bool = False

    def __str__(self) -> str:
        """Return the test's id."""
        return "+".join(number.name for number in self.signals) + ("-group" if self.group else "")


KILL = (Way((signal.SIGKILL,)), Way((signal.SIGKILL,), group=True))
WAYS = (
    KILL[0],
    Way((signal.SIGINT,), group=True),
    KILL[1],
    Way((signal.SIGTERM,)),
    KILL[0],
    Way((signal.SIGINT, signal.SIGINT)),
    Way((signal.SIGHUP,)),
)


def seconds_of_a_whole_run(lab: Lab, act: tuple[str, ...]) -> float:
    """Run a task from its start to its end, started as those that are stopped, and time it."""
    started = time.perf_counter()
    answer = lab.run(lab.argv(*act, json=True))
    assert answer.code == 0, answer
    return time.perf_counter() - started


def stopped_run(lab: Lab, act: tuple[str, ...], way: Way, after: float) -> Answer:
    """Start a task, and stop it `after` seconds."""
    child = lab.start(lab.argv(*act, json=True))
    with contextlib.suppress(TimeoutError):
        wait(child.poll, after)
    for number in way.signals:
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if way.group else os.kill)(child.pid, number)
        time.sleep(0.05)
    stdout, stderr = child.communicate(timeout=120)
    answer = Answer(child.returncode, stdout, stderr)
    if "tasks_lib" in stderr:  # else it is Python itself that was starting
        expect_no_traceback(answer)
    return answer


def wait(poll: Callable[[], object], seconds: float) -> None:
    """Wait so long, or until there is something."""
    deadline = time.perf_counter() + seconds
    while poll() is None and time.perf_counter() < deadline:
        time.sleep(0.005)
