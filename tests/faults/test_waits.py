"""An index or a channel lets a tool wait: the run ends in time and says for whom it waited."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution import process
from tasks_lib.execution.time_limit import VARIABLE
from tests.faults.conftest import FULL
from tests.faults.loopback import SECRET
from tests.lab import MANAGERS, Case

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.conftest import Counter
    from tests.lab import Lab

pytestmark = pytest.mark.processes

_LIMITS = {
    "pip_poetry": "POETRY_REQUESTS_TIMEOUT",
    "pip_uv": "UV_HTTP_TIMEOUT",
    "conda_uv-rattler": "CONDA_REMOTE_READ_TIMEOUT_SECS",
}
#: the other tools wait for longer than the one, which has no second try
_PATIENT = {
    **dict.fromkeys(_LIMITS.values(), "60"),
    "UV_HTTP_RETRIES": "0",
    "POETRY_REQUESTS_MAX_RETRIES": "0",
    "CONDA_REMOTE_MAX_RETRIES": "0",
}
_CASES = (*MANAGERS, Case("conda_uv", "rattler"))


def _expect_an_end(lab: Lab, *act: str, limit: str, **env: str) -> str:
    """Run what has to wait, and return what its error says; nothing may be left."""
    before = lab.manifests()
    failed = lab(*act, env=env)
    error = failed.error()
    assert failed.code == 4, failed
    assert limit in f"{error['detail']} {error['remedy']}", error
    assert SECRET not in failed.stdout + failed.stderr
    assert lab.manifests() == before
    assert lab.records() == []
    assert _running(lab) == []
    return str(error["detail"])


def _expect_the_limit(one: Counter, act: str) -> str:
    """Run what ends by our own limit; a busy machine needs a longer one to ask at all."""
    said = ""
    for seconds in ("3", "12", "48"):
        said = _expect_an_end(one.lab, act, limit=VARIABLE, **{VARIABLE: seconds})
        if one.shop.struck:
            break
    assert f"within {seconds} s" in said
    return said


def _running(lab: Lab) -> list[str]:
    """Return the command lines of the processes that have this lab's home."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if f"HOME={lab.home}\0" in (path / "environ").read_text("utf-8"):
                found.append((path / "cmdline").read_text("utf-8"))
        except (OSError, UnicodeDecodeError):
            continue
    return found


@pytest.fixture(scope="module", params=_CASES, ids=str)
def waiting(request: pytest.FixtureRequest, shops: Callable[[Case], Counter]) -> Counter:
    """Return a lab that has nothing yet, with a shop."""
    case: Case = request.param
    return shops(case)


def test_byte_a_second(waiting: Counter) -> None:
    act = "deps.lock" if waiting.lab.case in MANAGERS else "setup"
    with waiting.shop.broken("byte a second", "list"):
        said = _expect_the_limit(waiting, act)
    assert waiting.shop.bare in said


@pytest.mark.parametrize(("engine", "place"), [("conda", "list"), ("rattler", "package")])
def test_byte_a_second_of_a_channel(
    shops: Callable[[Case], Counter], engine: str, place: str
) -> None:
    one = shops(Case("conda_uv", engine))
    with one.shop.broken("byte a second", place):
        assert one.shop.bare in _expect_the_limit(one, "setup")


def test_index_that_answers_in_an_hour(shops: Callable[[Case], Counter]) -> None:
    """Poetry sleeps for so long."""
    one = shops(Case("pip_poetry"))
    with one.shop.broken("in an hour", "list"):
        assert one.shop.bare in _expect_the_limit(one, "deps.lock")


@pytest.mark.parametrize("case", _CASES[1:], ids=str)
def test_who_does_not_wait_for_an_hour_says_so(
    shops: Callable[[Case], Counter], case: Case
) -> None:
    """Uv and rattler end by themselves (RFC 9110, 10.2.3)."""
    one = shops(case)
    act = "deps.lock" if case in MANAGERS else "setup"
    with one.shop.broken("in an hour", "list"):
        said = _expect_an_end(one.lab, act, limit="", **{VARIABLE: "300"})
    assert one.shop.struck
    assert one.shop.bare in said
    assert VARIABLE not in said


@pytest.mark.parametrize("case", _CASES if FULL else _CASES[1:2], ids=str)
def test_silence_names_the_tools_own_limit(shops: Callable[[Case], Counter], case: Case) -> None:
    """Poetry tries again as often as it likes, and rattler waits five times as long for a list."""
    waiting = shops(case)
    act = "deps.lock" if case in MANAGERS else "setup"
    limit = _LIMITS[str(case)]
    with waiting.shop.broken("stalled", "list"):
        said = _expect_an_end(waiting.lab, act, limit=limit, **{**_PATIENT, limit: "1"})
    assert waiting.shop.bare in said


def test_pip_of_the_first_start(
    shops: Callable[[Case], Counter], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It has no rules for its words: its command names the index instead."""
    one = shops(MANAGERS[0])
    index = f"{one.shop.address(secret=True)}/simple"
    words = ("-I", "-m", "pip", "download", "--no-input", "--index-url", index, "six")
    monkeypatch.setenv(VARIABLE, "3")
    with one.shop.broken("byte a second", "list"), pytest.raises(LabError) as caught:
        process.run(process.Command((sys.executable, *words), cwd=tmp_path, source=index))
    assert caught.value.code is ErrorCode.TOOL_TIMEOUT
    assert one.shop.bare in caught.value.message
    assert SECRET not in caught.value.message
