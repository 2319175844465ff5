"""Workers examine what is given to them, and no fault of ours ends a run."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

import pytest

from tasks_lib.cohort import pool
from tasks_lib.cohort.base import Examined, HandIn
from tasks_lib.cohort.examining import Wanted
from tasks_lib.cohort.settings import Settings
from tasks_lib.results import Status
from tests.bench import class_of


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
