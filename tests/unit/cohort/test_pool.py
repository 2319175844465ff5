"""Workers examine what is given to them, and no fault of ours ends a run."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasks_lib.cohort import pool
from tasks_lib.cohort.base import Examined, HandIn
from tasks_lib.cohort.examining import Wanted
from tasks_lib.cohort.settings import Settings
from tasks_lib.results import Status
from tests.bench import class_of

if TYPE_CHECKING:
    from pebble import ProcessPool


@pytest.mark.processes
def test_a_worker_has_what_its_checks_import_late(tmp_path: Path) -> None:
    work = []
    for combo in ("pip_uv", "conda_poetry"):
        class_of.write(tmp_path / combo, class_of.make(7, combo, class_of.SIZES[0]).files)
        work.append((HandIn(combo, str(tmp_path / combo)), "content"))
    found = list(pool.examined(work, Wanted(), Settings(tmp_path, workers=1)))
    assert {one.id: one.status for one in found} == {
        "pip_uv": Status.PASS,
        "conda_poetry": Status.PASS,
    }


def test_a_fault_of_ours_is_an_error_of_its_repository() -> None:
    future: Future[Examined] = Future()
    future.set_exception(ModuleNotFoundError("No module named 'x'"))
    running = pool._Running(HandIn("ada", "."), "content")  # noqa: SLF001 - none is known to make
    found = pool._outcome(future, running, Settings(Path()))  # noqa: SLF001 - as above
    assert found
    assert found.status is Status.ERROR
    assert (
        found.findings[0].detail == "A fault of mlops-lab: ModuleNotFoundError: No module named 'x'"
    )


@pytest.mark.processes
def test_others_take_the_place_of_workers_that_died_before_they_had_anything(
    tmp_path: Path,
) -> None:
    work = []
    for number in range(3):
        folder = tmp_path / str(number)
        class_of.write(folder, class_of.make(7, "pip_uv", class_of.SIZES[0]).files)
        work.append((HandIn(str(number), str(folder)), "content"))
    limits = Settings(tmp_path, workers=1)
    workers = pool.Workers(limits)
    try:
        first = workers._pool  # noqa: SLF001 - its worker is to be killed
        assert first.active
        os.kill(_worker(first), signal.SIGKILL)
        while first.active:
            time.sleep(0.01)
        found = list(pool.through(workers, work, Wanted(), limits))
    finally:
        workers.end()
    assert {one.id: one.status for one in found} == dict.fromkeys("012", Status.PASS)


def _worker(processes: ProcessPool) -> int:
    """Return the number of its one worker, as soon as it has one."""
    manager = processes._pool_manager.worker_manager  # noqa: SLF001 - pebble does not tell
    while not manager.workers:
        time.sleep(0.01)
    return int(next(iter(manager.workers)))


def test_what_a_broken_pool_had_is_examined_once_more() -> None:
    future: Future[Examined] = Future()
    future.set_exception(BrokenProcessPool("All workers expired"))
    one, limits = HandIn("ada", "."), Settings(Path())
    assert pool._outcome(future, pool._Running(one, ""), limits) is None  # noqa: SLF001 - as above
    found = pool._outcome(future, pool._Running(one, "", is_second=True), limits)  # noqa: SLF001 - as above
    assert found
    assert found.findings[0].detail == "The worker died twice, with code unknown."
