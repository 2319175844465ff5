"""A class is killed at random moments; the next run finishes it, and nothing is lost or twice."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import zipfile
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults.conftest import FULL
from tests.faults.stopping import seconds_of_a_whole_run, wait
from tests.lab import Lab, variables
from tests.unit.cohort.test_examining import SOUND

if TYPE_CHECKING:
    import subprocess

    from tests.faults.conftest import Tried

pytestmark = pytest.mark.processes

#: how many parts there are, each with a class of its own, and how often each is killed
PARTS, KILLS = (10, 20) if FULL else (1, 4)
NAMES = [f"s{number:02}" for number in range(12)]
ACT = ("cohort.check", "cohort.toml")
#: without it, all would be checked within the same moment
OWN = """\
import time
from tasks_lib.cohort.own_checks import check

@check("own.slow", title="it takes a while", remedy="Wait")
def slow(repository):
    time.sleep(0.1)
    return ()
"""
_SOON = 30.0


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """Return a lab without a combo."""
    home = tmp_path / "maison é"
    home.mkdir()
    return Lab(home, variables(home))


@pytest.fixture
def temporary(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a class, half of it archives; return the folder for temporary files."""
    for number, name in enumerate(NAMES):
        for file, text in SOUND.items():
            lab.write(f"hand-ins/{name}/{file}", text)
        if number % 2:
            _pack(lab.project / "hand-ins" / name)
    lab.write("own.py", OWN)
    lab.write("cohort.toml", 'folder = "hand-ins"\nworkers = 2\nchecks = "own.py"\n')
    folder = tmp_path_factory.mktemp("t")  # a short path: a socket is in it
    lab.env["TMPDIR"] = str(folder)
    return folder


def _pack(folder: Path) -> None:
    with zipfile.ZipFile(f"{folder}.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, path.name)
    shutil.rmtree(folder)


@pytest.mark.parametrize("part", range(PARTS))
def test_a_class_is_killed_at_random_moments(
    lab: Lab, temporary: Path, tried: Tried, part: int
) -> None:
    chance = random.Random(part)  # noqa: S311 - no secret
    whole = seconds_of_a_whole_run(lab, ACT)
    for number in range(KILLS):
        for path in lab.project.glob("cohort.db*"):
            path.unlink()
        way = chance.choice(("the run", "the run", "the run", "its group", "a worker"))
        after = chance.uniform(0, whole)
        told = f"part {part}, kill {number}: {way} after {after:.3f} of {whole:.3f} s"
        child = lab.start(lab.argv(*ACT, json=True))
        wait(child.poll, after)
        _kill(child, way)
        child.communicate(timeout=_SOON)
        wait(partial(_ended, child.pid), _SOON)
        assert not _group(child.pid), told  # no worker outlives its run
        before = _rows(lab.project)
        last = lab(*ACT)
        assert (last.code, last.data["cohort"]["pass"]) == (0, len(NAMES)), told
        rows = _rows(lab.project)
        assert [name for name, _ in rows] == NAMES, told
        assert {*before} <= {*rows}, told
        assert last.data["cohort"]["checked"] == len(NAMES) - len(before), told
        assert _left(temporary) == [], told
        tried(f"a class: {way} killed")
        tried("results stored before such a kill", len(before))


def _left(folder: Path) -> list[str]:
    """Return what has a file in it, but for that of Python's own server of processes.

    Nobody knows whose `pymp-` one is. A folder without any file and lock goes after ten minutes.
    """
    found = [path for path in folder.iterdir() if not path.name.startswith("pymp-")]
    return [path.name for path in found if any(path.iterdir())]


def _kill(child: subprocess.Popen[str], way: str) -> None:
    """Kill a run, or one of its workers where it has any yet."""
    victims = [child.pid]
    if way == "a worker":
        servers = _children(child.pid)
        victims = [pid for server in servers for pid in _children(server)]
    for pid in victims[:1]:
        kill = os.killpg if way == "its group" else os.kill
        with suppress(ProcessLookupError):  # it has ended
            kill(pid, signal.SIGKILL)


def _children(parent: int) -> list[int]:
    return [pid for pid, facts in _processes() if int(facts[1]) == parent]


def _ended(leader: int) -> bool | None:
    return None if _group(leader) else True


def _group(leader: int) -> list[int]:
    return [pid for pid, facts in _processes() if int(facts[2]) == leader and facts[0] != "Z"]


def _processes() -> list[tuple[int, list[str]]]:
    """Return each process with its state, its parent and its group (proc(5))."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            found.append((int(path.parent.name), path.read_text().rpartition(")")[2].split()))
        except OSError:
            continue  # it has ended
    return found


def _rows(folder: Path) -> list[tuple[str, float]]:
    """Return each stored result with its time, read from a copy, so that nothing is repaired."""
    copy = folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for path in folder.glob("cohort.db*"):
        shutil.copy(path, copy)
    with closing(sqlite3.connect(copy / "cohort.db")) as store:
        assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        if not store.execute("SELECT 1 FROM sqlite_schema WHERE name = 'examined'").fetchall():
            return []
        return store.execute("SELECT repository, at FROM examined ORDER BY repository").fetchall()
