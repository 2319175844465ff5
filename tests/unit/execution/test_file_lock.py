"""One holder at a time, of whom the others are told; what it started holds on after its death."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tasks_lib.execution import file_lock

pytestmark = pytest.mark.processes

ROOT = Path(__file__).resolve().parents[3]
HOLDER = """
import sys, time
sys.path.insert(0, sys.argv[2])
from tasks_lib.execution import file_lock, process
with file_lock.held(sys.argv[1], "setup", lambda text: print(text, flush=True)):
    print("held", flush=True)
    process.run(process.Command(("sleep", sys.argv[3])))
"""


def _holder(path: Path, seconds: float) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", HOLDER, str(path), str(ROOT), str(seconds)]
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    time.sleep(0.3)  # until `sleep` has started
    return child


def _seconds_until_held(path: Path) -> tuple[float, list[str]]:
    said: list[str] = []
    began = time.monotonic()
    with file_lock.held(str(path), "deps.add", said.append):
        return time.monotonic() - began, said


def test_nothing_is_left_of_a_lock_that_was_let_go(tmp_path: Path) -> None:
    with file_lock.held(str(tmp_path / "in" / "lock"), "setup", print):
        assert (tmp_path / "in" / "lock").read_text().split("\n")[:2] == [str(os.getpid()), "setup"]
    assert not list((tmp_path / "in").iterdir())


def test_nothing_is_heard_of_a_holder_that_has_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number of a closed file is soon another file's, whose time must not be changed."""
    began, ended = threading.Event(), threading.Event()

    def slow(_: int) -> None:
        began.set()
        time.sleep(0.3)
        ended.set()

    monkeypatch.setattr(file_lock, "HEARTBEAT", 0.01)
    monkeypatch.setattr(os, "utime", slow)
    with file_lock.held(str(tmp_path / "lock"), "setup", print):
        assert began.wait(5)
    assert ended.is_set()


@pytest.mark.skipif(os.name == "nt", reason="Windows locks no folder")
def test_runs_of_two_users_wait_for_each_other_and_write_nothing(root: Path) -> None:
    told: list[str] = []

    def second() -> None:
        with file_lock.folder_held(str(root), told.append):
            told.append("held")

    other = threading.Thread(target=second)
    with file_lock.folder_held(str(root), told.append):
        other.start()
        time.sleep(0.8)
        assert told == [f"waiting for another user's run in {root} …"]
    other.join()
    assert told[1:] == ["held"]
    assert not list(root.iterdir())
    with file_lock.folder_held(str(root / "gone"), told.append):
        assert len(told) == 2


def test_another_waits_and_is_told_for_whom(tmp_path: Path) -> None:
    with _holder(tmp_path / "lock", 1.5) as child:
        seconds, said = _seconds_until_held(tmp_path / "lock")
    assert seconds > 0.5
    (text,) = said
    assert text.startswith(f"waiting for setup (process {child.pid}, since ")


def test_dead_holder_blocks_until_what_it_started_has_ended_and_no_longer(tmp_path: Path) -> None:
    with _holder(tmp_path / "lock", 1.5) as child:
        child.send_signal(signal.SIGKILL)
        child.wait()
        seconds, _ = _seconds_until_held(tmp_path / "lock")
    assert 0.5 < seconds < 5
    (tmp_path / "lock").write_text("what a dead holder left")
    assert _seconds_until_held(tmp_path / "lock")[0] < 0.5


def test_many_take_turns(tmp_path: Path) -> None:
    """The file is deleted by each holder: nobody may hold a file that the others no longer see."""
    counter = tmp_path / "counter"
    counter.write_text("0")
    text = (
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "from pathlib import Path\nfrom tasks_lib.execution import file_lock\n"
        "for _ in range(40):\n"
        "  with file_lock.held(sys.argv[1] + '/in/lock', 'x', lambda t: None):\n"
        "    c = Path(sys.argv[1], 'counter'); c.write_text(str(int(c.read_text()) + 1))\n"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", text, str(tmp_path), str(ROOT)]) for _ in range(4)
    ]
    assert [child.wait(60) for child in children] == [0] * 4
    assert counter.read_text() == "160"
