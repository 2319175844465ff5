"""An index or a channel misbehaves: one clear error in time, and the next run ends well."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.faults.conftest import FULL
from tests.faults.loopback import FAULTS, PLACES, SECRET
from tests.lab import CASES, MANAGERS, Case, tools

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.faults.conftest import Counter, Tried
    from tests.lab import Answer, Lab

#: what an impatient run may take, on a machine that does much else
_SECONDS = 150


def _forget(lab: Lab) -> None:
    """Leave only the manifests."""
    lab.ok("env.remove")
    lab.lock.unlink(missing_ok=True)


def _without_toolz(lab: Lab) -> None:
    """Leave the result of `setup`."""
    if "toolz" in (lab.project / "pyproject.toml").read_text("utf-8"):
        lab.ok("deps.remove", "toolz")


def _uninstalled(lab: Lab) -> None:
    """Leave the environment without a package that the lock names."""
    uv = [str(tools() / "uv"), "pip", "uninstall", "--python", str(lab.python), "iniconfig"]
    assert lab.run(uv).code == 0


def _without_six(lab: Lab) -> None:
    """Leave conda.yml as it was."""
    if "six" in (lab.project / "conda.yml").read_text("utf-8"):
        lab.ok("deps.remove", "--layer", "conda", "six")


_OF_MANAGER = {
    "deps.install": (("deps.install",), _uninstalled),
    "deps.add": (("deps.add", "toolz==1.0.0"), _without_toolz),
    "setup": (("setup",), _forget),
}
_OF_ENGINE = {
    "deps.add": (("deps.add", "--layer", "conda", "six"), _without_six),
    "setup": (("setup",), _forget),
}
_ENGINES = tuple(case for case in CASES if case.layer == "conda" and case.manager == "uv")
#: Each fault strikes each tool in the ordinary tests once, in one task.
_FEW = {"gone": "deps.add", "stalled": "deps.install", "altered": "setup"}


@dataclass(frozen=True)
class Row:
    """One fault of one answer to one tool, in one task."""

    case: Case
    task: str
    place: str
    fault: str

    def __str__(self) -> str:
        """Return the test's id."""
        return f"{self.case}-{self.task}-{self.place}-{self.fault}"


def _rows() -> list[Row]:
    """List every combination, or the few of the ordinary tests."""
    every = [
        Row(case, task, place, fault)
        for case in (*MANAGERS, *_ENGINES)
        for task in (_OF_ENGINE if case.layer == "conda" else _OF_MANAGER)
        for place in PLACES
        for fault in FAULTS
        if not (place == "list" and task == "deps.install")  # the lock has the addresses already
    ]
    return [
        row for row in every if FULL or (row.place == "package" and _FEW.get(row.fault) == row.task)
    ]


@pytest.fixture(scope="module")
def counter(shops: Callable[[Case], Counter]) -> Callable[[Case], Counter]:
    """Return the lab of a case, set up when it is first needed."""

    @functools.cache
    def made(case: Case) -> Counter:
        one = shops(case)
        one.lab.ok("setup")
        return one

    return made


@pytest.mark.parametrize("row", _rows(), ids=str)
def test_a_server_that_misbehaves(
    counter: Callable[[Case], Counter], row: Row, tried: Tried
) -> None:
    tried(f"network: {row.place} {row.fault}")
    one = counter(row.case)
    act, prepare = (_OF_ENGINE if row.case.layer == "conda" else _OF_MANAGER)[row.task]
    lab = one.lab
    prepare(lab)
    before = _looked(lab)
    one.clear()
    started = time.monotonic()
    with one.shop.broken(row.fault, row.place):
        failed = lab(*act)
    seconds = time.monotonic() - started
    assert one.shop.struck, failed
    assert SECRET not in f"{failed.stdout}{failed.stderr}"
    assert seconds < _SECONDS, (seconds, failed)
    if failed.code:
        _expect_one_error(failed, one, row)
        assert _looked(lab) == before, failed
    again = lab.ok(*act)
    assert "recovered" not in {result["id"] for result in again.results}, again
    assert _left(lab) == []
    assert lab.ok("check.all").code == 0


def test_a_slow_download_ends_well(counter: Callable[[Case], Counter], tried: Tried) -> None:
    """What comes slowly comes: only silence ends a run."""
    one = counter(Case("conda_uv", "rattler"))
    _without_six(one.lab)
    one.clear()
    tried("network: package slow")
    one.shop.slow = 6
    try:
        done = one.lab(
            "deps.add", "--layer", "conda", "six", env={"CONDA_REMOTE_READ_TIMEOUT_SECS": "2"}
        )
        assert done.code == 0, done
    finally:
        one.shop.slow = 0


def _expect_one_error(failed: Answer, one: Counter, row: Row) -> None:
    """Check that an answer is one error, which names the address unless the list was readable."""
    error = failed.error()
    readable = row.place == "list" and row.fault in {"404", "altered", "truncated"}
    assert failed.code in ({2, 4} if readable else {4}), error
    if row.place == "package" and row.fault in {"altered", "truncated"}:
        assert "timed out" not in error["detail"], error
    if not readable:
        assert one.shop.bare in error["detail"], error


def _looked(lab: Lab) -> tuple[dict[str, bytes], dict[str, str] | None, list[Path]]:
    return lab.manifests(), lab.installed() if lab.prefix.exists() else None, _left(lab)


def _left(lab: Lab) -> list[Path]:
    """List what no finished run leaves."""
    known = {"pyproject.toml", "conda.yml", lab.lock.name, ".venv"}
    return [path for path in lab.project.iterdir() if path.name not in known]
