"""Every end of a task becomes an answer."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasks_lib.cli import runner
from tasks_lib.cli.request import Request, Scope
from tasks_lib.errors import ErrorCode, ExitCode, LabError
from tasks_lib.results import Result, Status
from tasks_lib.session.session import Answer
from tests.steps import make_a_class_and_be_interrupted

if TYPE_CHECKING:
    from tasks_lib.report.progress import Progress

COMPLETION = Request("completion", Scope.ANYWHERE, json=True)


def test_task_that_needs_no_project_needs_no_folder_either(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root.rmdir()
    assert runner.answer(COMPLETION, lambda *_: Answer()) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out)["project"] == ""


def test_each_task_of_a_command_line_has_a_folder_of_its_own(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        (root / name).mkdir()
        request = replace(COMPLETION, project=name)
        assert runner.answer(request, lambda *_: Answer()) == ExitCode.DONE
        assert json.loads(capsys.readouterr().out)["project"] == str(root / name)
    assert Path.cwd() == root


def test_a_quiet_text_has_what_went_wrong_and_what_was_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    results = [Result(status, status, f"it is {status}") for status in Status]
    found = Answer(results, {"packages": [{"name": "rich"}]})

    def work(_: None, progress: Progress) -> Answer:
        progress.say("it goes on")
        return found

    request = Request("check.all", Scope.ANYWHERE, quiet=True)
    assert runner.answer(request, work) == ExitCode.TOOL_FAILED
    printed = capsys.readouterr()
    assert printed.err == ""
    for status in Status:
        assert (f"it is {status}\n" in printed.out) == (status is not Status.PASS)
    assert "2 of 5 failed (exit code 4)" in printed.out
    assert "rich" in printed.out
    runner.answer(replace(request, changes=True), work)
    assert "rich" not in capsys.readouterr().out
    runner.answer(replace(request, json=True), work)
    assert len(json.loads(capsys.readouterr().out)["results"]) == len(results)


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


def test_interruption_while_a_class_is_made(capsys: pytest.CaptureFixture[str]) -> None:
    def work(*_: object) -> Answer:
        make_a_class_and_be_interrupted()
        return Answer()

    assert runner.answer(COMPLETION, work) == ExitCode.INTERRUPTED
    document = json.loads(capsys.readouterr().out)
    assert document["results"][0]["id"] == "error.interrupted"


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), MemoryError()])
def test_limits_of_the_system_are_no_fault_of_this_program(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(*_: object) -> None:
        raise error

    assert runner.answer(COMPLETION, work) == ExitCode.TOOL_FAILED  # type: ignore[arg-type]  # it never answers
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert (result["id"], result["code"]) == ("error.system", "system_error")
    assert "ulimit" in result["remedy"]


def test_a_home_that_is_a_file_is_named(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "home").touch()
    monkeypatch.setenv("HOME", str(root / "home"))
    assert runner.answer(COMPLETION, lambda *_: Answer()) == ExitCode.BAD_REQUEST
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert (result["code"], str(root / "home") in result["detail"]) == ("no_home", True)


def test_what_failed_is_on_stderr_where_a_shell_evaluates_stdout(
    capsys: pytest.CaptureFixture[str],
) -> None:
    request = Request("env.activate", Scope.ANYWHERE, is_for_eval=True)

    def work(*_: object) -> None:
        text = "It is '$(touch taken)'."
        raise LabError(text, ErrorCode.UNKNOWN_COMBO)

    assert runner.answer(request, work) == ExitCode.BAD_REQUEST  # type: ignore[arg-type]  # it never answers
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "touch taken" in printed.err
