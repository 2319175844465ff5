"""A run that Ctrl-Z stopped is killed, while its tool goes on: that ends, and all is restored."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults.conftest import FULL
from tests.faults.stopping import MOMENTS, wait
from tests.lab import MANAGERS, PYPROJECT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.conftest import Tried
    from tests.lab import Case, Lab

_ADD = ("deps.add", "iniconfig==2.0.0")


def _prepare(lab: Lab) -> None:
    lab.write("pyproject.toml", PYPROJECT)
    lab.lock.unlink(missing_ok=True)
    lab.ok("setup")


@pytest.mark.parametrize("case", MANAGERS if FULL else MANAGERS[:1], ids=str)
def test_run_that_is_stopped_by_the_terminal_and_killed_is_put_right(
    new_lab: Callable[[Case], Lab], case: Case, tried: Tried
) -> None:
    """Ctrl-Z stops the run alone: its tool goes on, and must be neither lost nor another's."""
    lab = new_lab(case)
    _prepare(lab)
    begin = lab.manifests()
    moments = max(MOMENTS // 4, 1)
    tried("stopped by Ctrl-Z, then killed", moments)
    for moment in range(moments):
        _stop_and_kill(lab, case.manager, 0.2 * moment)
        again = lab(*_ADD)
        assert again.code == 0, again
        assert again.ids("warn").isdisjoint({"recovered"}), again
        assert not lab.records()
        _prepare(lab)
        assert lab.manifests() == begin
    shutil.rmtree(lab.home)


def _stop_and_kill(lab: Lab, manager: str, after: float) -> None:
    """Stop a run whose tool has begun, let the tool go on, then kill the run alone."""
    begin = lab.manifests()
    child = lab.start(lab.argv(*_ADD, json=True))
    wait(lambda: _tools(lab.project, manager) or None, 60)
    time.sleep(after)
    child.send_signal(signal.SIGSTOP)
    wait(lambda: lab.manifests() != begin or None, 4)
    time.sleep(2)  # longer than the slack of a heartbeat
    going_on = _tools(lab.project, manager)
    child.kill()
    child.communicate()
    wait(lambda: not any(Path(f"/proc/{pid}").exists() for pid in going_on) or None, 5)


def _tools(folder: Path, name: str) -> list[int]:
    """Return the processes of a tool in a folder: each leads a group of its own."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes().decode().split("\0")
            leads = os.getsid(int(process.name)) == int(process.name)
            is_tool = any(Path(word).name in {name, f"{name}_process.py"} for word in words)
            if leads and is_tool and (process / "cwd").resolve() == folder:
                found.append(int(process.name))
    return found
