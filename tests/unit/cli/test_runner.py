"""Every end of a task becomes an answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tasks_lib.cli import runner
from tasks_lib.cli.request import Request, Scope
from tasks_lib.errors import ExitCode
from tasks_lib.session.session import Answer

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

COMPLETION = Request("completion", Scope.ANYWHERE, json=True)


def test_task_that_needs_no_project_needs_no_folder_either(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root.rmdir()
    assert runner.answer(COMPLETION, lambda *_: Answer()) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out)["project"] == ""


def test_interrupted_run_whose_folder_is_gone_is_answered_too(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = root / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def work(*_: object) -> None:
        folder.rmdir()
        raise KeyboardInterrupt

    assert runner.answer(COMPLETION, work) == ExitCode.INTERRUPTED  # type: ignore[arg-type]  # it never answers
    document = json.loads(capsys.readouterr().out)
    assert (document["project"], document["results"][0]["id"]) == ("", "error.interrupted")
