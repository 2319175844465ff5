"""One result model, and what each format makes of it."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import pytest

from tasks_lib.errors import ErrorCode, ExitCode, LabError, Remedy
from tasks_lib.execution.plan import Step
from tasks_lib.execution.process import Command
from tasks_lib.report import show
from tasks_lib.report.progress import Progress
from tasks_lib.results import Report, Result, Status, from_error, verdict

PASS = Result("a.b", Status.PASS, "is fine", "hidden")
FAIL = Result(
    "a.c",
    Status.FAIL,
    "is broken",
    "why [bold]not[/bold]",
    Remedy("mend [it]"),
    "conda.yml",
    3,
    1.26,
)


@pytest.mark.parametrize(
    ("statuses", "strict", "code"),
    [
        ((), False, ExitCode.DONE),
        (("pass", "skip"), False, ExitCode.DONE),
        (("pass", "warn"), False, ExitCode.DONE),
        (("pass", "warn"), True, ExitCode.CHECK_FAILED),
        (("pass", "skip"), True, ExitCode.DONE),
        (("warn", "fail"), False, ExitCode.CHECK_FAILED),
        (("fail", "error"), False, ExitCode.TOOL_FAILED),
    ],
)
def test_results_add_up_to_an_exit_code(
    statuses: tuple[str, ...], strict: bool, code: ExitCode
) -> None:
    results = [Result("x", Status(status), "") for status in statuses]
    assert verdict(results, strict=strict) == code


@pytest.mark.parametrize("code", ExitCode, ids=lambda code: code.name)
def test_status_of_the_whole_follows_the_exit_code(code: ExitCode) -> None:
    expected = {ExitCode.DONE: "pass", ExitCode.CHECK_FAILED: "fail"}.get(code, "error")
    assert Report("x", "/p", code=code).status == expected


def test_error_becomes_a_result() -> None:
    error = LabError(
        "It is wrong.",
        ErrorCode.GUARD_REFUSED,
        remedy=Remedy("do"),
        file="f",
        line=2,
        title="refused",
    )
    assert from_error(error) == Result(
        "error.guard_refused",
        Status.ERROR,
        "refused",
        "It is wrong.",
        Remedy("do"),
        "f",
        2,
        code=ErrorCode.GUARD_REFUSED,
    )


def _report(**values: Any) -> Report:  # noqa: ANN401 - any part of a report
    return Report(
        **{
            "command": "check.all",
            "project": "/p é",
            "combo": {"id": "pip_uv", "source": "flag"},
            **values,
        }
    )


def test_json_is_the_one_document_of_the_design(capsys: pytest.CaptureFixture[str]) -> None:
    show(
        _report(results=(PASS, FAIL), code=ExitCode.CHECK_FAILED, seconds=1.23456, data={"k": 1}),
        "json",
    )
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "é" in printed.out
    assert json.loads(printed.out) == {
        "schema": "mlops-lab/1",
        "command": "check.all",
        "status": "fail",
        "exit_code": 1,
        "project": "/p é",
        "combo": {"id": "pip_uv", "source": "flag"},
        "seconds": 1.235,
        "results": [
            {
                "id": "a.b",
                "status": "pass",
                "title": "is fine",
                "detail": "hidden",
                "remedy": "",
                "file": None,
                "line": None,
                "seconds": 0.0,
                "code": None,
                "remedy_argv": [],
            },
            {
                "id": "a.c",
                "status": "fail",
                "title": "is broken",
                "detail": "why [bold]not[/bold]",
                "remedy": "mend [it]",
                "file": "conda.yml",
                "line": 3,
                "seconds": 1.26,
                "code": None,
                "remedy_argv": [],
            },
        ],
        "data": {"k": 1},
    }


def test_text_names_each_result_and_the_faults_with_place_and_remedy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show(_report(results=(PASS, FAIL), code=ExitCode.CHECK_FAILED), "text")
    assert capsys.readouterr().out == (
        "✓ is fine\n✗ is broken  1.3 s\n    conda.yml:3: why [bold]not[/bold]\n    next: mend "
        "[it]\n"
        "1 of 2 failed (exit code 1)\n"
    )


def test_text_in_a_pipe_has_no_colours_and_no_folding(capsys: pytest.CaptureFixture[str]) -> None:
    show(_report(results=(Result("a", Status.FAIL, "x", "word " * 500),)), "text")
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) > 2000


def test_text_is_printed_where_the_output_is_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(
        sys, "stdout", io.TextIOWrapper(raw, encoding="ascii", errors="backslashreplace")
    )
    show(_report(results=(PASS, FAIL), data={"note": "é"}), "text")
    sys.stdout.flush()
    printed = raw.getvalue()
    monkeypatch.undo()
    assert b"ok is fine" in printed
    assert b"FAIL is broken" in printed


def test_script_is_printed_as_it_is_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    script = "export A='[red]'\nexport B=\"$A\"\n"
    show(_report(data={"shell": "bash", "script": script}), "text")
    assert capsys.readouterr().out == script


def test_plan_is_printed_as_commands_with_their_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    plan = [{"why": "to see", "command": "uv pip install 'a[b]'"}]
    show(_report(data={"plan": plan}), "text")
    assert capsys.readouterr().out == "# to see\nuv pip install 'a[b]'\n"
    plan = [{"why": "for 'a\nrm -r /'", "command": "uv sync"}]
    show(_report(data={"plan": plan}), "text")
    assert capsys.readouterr().out == "# for 'a rm -r /'\nuv sync\n"
    show(_report(data={"plan": []}), "text")
    assert capsys.readouterr().out == "nothing to do\n"


def test_a_plan_finds_the_programs_that_path_does_not_have(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = (("/a b/uv", "lock"), ("/a b/python", "x.py"), ("/bin/sh", "-c", ":"), ("/a b/uv", "x"))
    plan = [Step("x", "x", Command(argv)).as_dict() for argv in words]
    show(_report(data={"plan": plan}), "text")
    assert capsys.readouterr().out.splitlines() == [
        "# for uv, which your PATH does not have",
        "PATH=$PATH:'/a b'",
        *("# x", "uv lock", "# x", "'/a b/python' x.py", "# x", "sh -c :", "# x", "uv x"),
    ]


def test_data_is_printed_by_its_kind(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"name": "[a]", "active": True}, {"name": "b", "active": None}]
    show(
        _report(
            data={
                "rows": rows,
                "some_list": [1, 2],
                "none": [],
                "by": {"x": 1},
                "note": "[n]",
                "no": "",
            }
        ),
        "text",
    )
    out = capsys.readouterr().out
    assert out == "\n".join(map(str.rstrip, out.split("\n"))), "a table is not padded"
    assert [line.split() for line in out.splitlines()] == [
        ["name", "active"],
        ["[a]", "yes"],
        ["b"],
        ["some", "list:", "1,", "2"],
        ["by:", "x", "1"],
        ["note:", "[n]"],
    ]


def test_talk_goes_to_stderr_as_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    step, check = Step("x", "make it"), Step("y", "look", check=True)
    with Progress() as progress:
        progress.say("hello [x]")
        for one, ok in ((step, True), (check, True), (step, False)):
            progress.begin(one)
            progress.line(one, "talk")
            progress.end(one, 1.04, ok=ok)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "hello [x]\n… make it\n… make it\n"
