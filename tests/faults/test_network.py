"""An index or a channel misbehaves: one clear error in a bounded time, nothing lost, and the next run ends well."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

import pytest

from tests.faults.conftest import FULL
from tests.faults.loopback import FAULTS, PLACES, SECRET
from tests.lab import CASES, MANAGERS, PYPROJECT, Case, tools

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.faults.conftest import Counter, Tried
    from tests.lab import Answer, Lab

#: what an impatient run may take, on a machine that does much else
_SECONDS = 100
ADDED = "iniconfig==2.0.0"


def _forget(lab: Lab) -> None:
    """Leave the manifests alone."""
    lab.ok("env.remove")
    lab.lock.unlink(missing_ok=True)


def _without_toolz(lab: Lab) -> None:
    """Leave what `setup` gives."""
    if "toolz" in (lab.project / "pyproject.toml").read_text("utf-8"):
        lab.ok("deps.remove", "toolz")


def _uninstalled(lab: Lab) -> None:
    """Leave the environment without a package that the lock names."""
    uv = [str(tools() / "uv"), "pip", "uninstall", "--python", str(lab.python), "iniconfig"]
    assert lab.run(uv).code == 0


def _without_six(lab: Lab) -> None:
    """Leave what conda.yml had."""
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


def _table() -> list[object]:
    rows = []
    for case in (*MANAGERS, *_ENGINES):
        acts = _OF_ENGINE if case.layer == "conda" else _OF_MANAGER
        for task in acts:
            for place in PLACES:
                for fault in FAULTS:
                    if place == "list" and task == "deps.install":
                        continue  # the lock has the addresses already
                    few = place == "package" and _FEW.get(fault) == task
                    if FULL or few:
                        rows.append(pytest.param(case, task, place, fault, id=f"{case}-{task}-{place}-{fault}"))
    return rows


@pytest.fixture(scope="module")
def counters(shops: Callable[[Case], Counter]) -> dict[Case, Counter]:
    """Keep a lab for each case, set up when it is first asked for."""
    return {}


def _counter(counters: dict[Case, Counter], shops: Callable[[Case], Counter], case: Case) -> Counter:
    if case not in counters:
        counters[case] = shops(case)
        counters[case].lab.ok("setup")
    return counters[case]


@pytest.mark.parametrize(("case", "task", "place", "fault"), _table())
def test_a_server_that_misbehaves(
    counters: dict[Case, Counter],
    shops: Callable[[Case], Counter],
    case: Case,
    task: str,
    place: str,
    fault: str,
    tried: Tried,
) -> None:
    tried(f"the network, {place} {fault}")
    one = _counter(counters, shops, case)
    act, prepare = (_OF_ENGINE if case.layer == "conda" else _OF_MANAGER)[task]
    lab = one.lab
    prepare(lab)
    before = _looked(lab)
    one.clear()
    started = time.monotonic()
    with one.shop.broken(fault, place):
        failed = lab(*act)
    seconds = time.monotonic() - started
    assert one.shop.struck, failed
    print(
        "@@",
        case,
        task,
        place,
        fault,
        failed.code,
        round(seconds),
        failed.results[0]["title"] if failed.code else "",
        "|",
        failed.results[0]["detail"][:400] if failed.code else "",
    )
    assert SECRET not in f"{failed.stdout}{failed.stderr}"
    assert seconds < _SECONDS, (seconds, failed)
    if failed.code:
        _expect_one_error(failed, one, place, fault)
        assert _looked(lab) == before, failed
    again = lab.ok(*act)
    assert "recovered" not in {result["id"] for result in again.results}, again
    assert _left(lab) == []
    assert lab.ok("check.all").code == 0


def _expect_one_error(failed: Answer, one: Counter, place: str, fault: str) -> None:
    """Hold an answer to one error, which names the address unless the list itself was read well."""
    error = failed.error()
    readable = place == "list" and fault in {"404", "altered", "truncated"}
    assert failed.code in ({2, 4} if readable else {4}), error
    if not readable:
        assert one.shop.bare in error["detail"], error


def _looked(lab: Lab) -> tuple[dict[str, bytes], dict[str, str] | None, list[Path]]:
    return lab.manifests(), lab.installed() if lab.prefix.exists() else None, _left(lab)


def _left(lab: Lab) -> list[Path]:
    """List what no finished run leaves."""
    known = {"pyproject.toml", "conda.yml", lab.lock.name, ".venv"}
    return [path for path in lab.project.iterdir() if path.name not in known]
