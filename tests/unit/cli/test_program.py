"""The command line: which options of Invoke there are, and what is refused before any task."""

from __future__ import annotations

import json

import pytest

from tasks_lib import bootstrap
from tasks_lib.cli import completion, program
from tasks_lib.cli.completion import values
from tasks_lib.tasks import namespace


def run(*argv: str) -> int:
    """Run the program with these words."""
    return program.main([*argv], namespace, own_tasks=True)


@pytest.fixture(autouse=True)
def _stop_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the signals of the test's own process alone."""
    monkeypatch.setattr(bootstrap, "ignore_stop_signals", lambda: None)
    monkeypatch.setattr("sys.argv", ["mlops-lab"])


@pytest.mark.parametrize(
    "words",
    [
        ("--dry", "setup"),
        ("-R", "setup"),
        ("setup", "--dry"),
        ("-T", "abc", "setup"),
        ("--command-timeout=abc", "setup"),
        ("-c", "nope", "setup"),
        ("-r", "nope", "setup"),
        ("-f", "nope.toml", "setup"),
        ("-e", "setup"),
        ("--prompt-for-sudo-password", "setup"),
        ("--print-completion-script=bash", "setup"),
        ("-F", "nope", "--list"),
        ("--list-depth=abc", "--list"),
        ("--list", "nope"),
        ("--help", "nope"),
        ("setup", "--combo"),
        ("env.list", "--json", "env.info"),
        ("env.list", "--format", "junit", "env.info"),
        ("setup", "env.activate"),
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_is_one_document(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("mlops-lab: ")
    if "--json" not in words:
        assert printed.out == ""
    assert run(*words, "--json") == 2
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert result["code"] in {"bad_command_line", "invalid_option"}


def test_tasks_are_listed_as_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--list", "--json") == 0
    names = [row["name"] for row in json.loads(capsys.readouterr().out)["data"]["tasks"]]
    assert {"setup", "check.all", "env.activate"} <= {*names}
    assert run("--list", "env", "--format=json") == 0
    names = [row["name"] for row in json.loads(capsys.readouterr().out)["data"]["tasks"]]
    assert "activate" in names
    assert "setup" not in names


def test_several_tasks_that_print_text_are_one_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("docs", "guard", "docs", "index") == 0
    assert capsys.readouterr().out


def test_a_dry_run_that_invoke_was_told_of_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, object] = {}

    def noted(request: object, work: object) -> int:
        del work
        seen["changes"] = getattr(request, "changes", None)
        return 0

    monkeypatch.setattr("tasks_lib.cli.runner.answer", noted)
    run("setup")
    assert seen == {"changes": True}
    monkeypatch.setenv("INVOKE_RUN_DRY", "1")
    run("setup")
    assert seen == {"changes": False}


@pytest.mark.parametrize(
    "name", ["$(touch taken)", "`id`", "a;id", "a b", "=ls", "~", "a\nb", "'", "*"]
)
def test_what_a_shell_would_run_is_not_offered(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(values._VALUES, "group", lambda: (name, "dev"))  # noqa: SLF001
    words = ["deps.install", "--group", ""]
    assert completion.candidates(namespace(), words) == ["dev"]
