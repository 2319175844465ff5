"""The verdict on one hand-in."""

from __future__ import annotations

from tasks_lib.cohort.base import Examined, Finding
from tasks_lib.results import Status
from tests.cases import cases


@cases(
    "found, verdict",
    {
        "nothing": ((), Status.PASS),
        "what could not be told is no fault": ((Status.PASS, Status.SKIP), Status.PASS),
        "a warning is no failure": ((Status.WARN,), Status.PASS),
        "a failure": ((Status.PASS, Status.FAIL, Status.WARN), Status.FAIL),
        "an error of ours is never a failure": ((Status.FAIL, Status.ERROR), Status.ERROR),
    },
)
def test_status(found: tuple[Status, ...], verdict: Status) -> None:
    findings = tuple(Finding("lock.fresh", status, "the lock fits") for status in found)
    assert Examined("ada", findings).status is verdict
