"""What a run reports about its time and memory."""

from __future__ import annotations

import sys

import pytest

from tasks_lib.execution import usage
from tasks_lib.execution.plan import Step, execute
from tasks_lib.report.progress import Progress


def test_steps_are_told_in_the_order_in_which_they_began() -> None:
    progress = Progress()
    execute(
        [Step("b", "last", needs=("a",), shown="b it"), Step("a", "first", shown="a it")], progress
    )
    rows = usage.measured(progress.timeline)["timeline"]
    assert [(row["id"], row["title"], row["command"]) for row in rows] == [
        ("a", "first", "a it"),
        ("b", "last", "b it"),
    ]
    assert rows[0]["started"] + rows[0]["seconds"] <= rows[1]["started"] + 0.01


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not say")
def test_the_peak_is_that_of_the_largest_process() -> None:
    held = bytearray(64 << 20)
    peak = usage.peak_memory()
    assert peak is not None
    assert len(held) < peak < 1 << 36


def test_what_the_system_does_not_say_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "said", lambda *_: None)
    assert usage.measured([])["written_bytes"] is None
