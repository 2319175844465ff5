"""What is said about a command line that is wrong, and what its options mean."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from tasks_lib import bootstrap
from tasks_lib.cli import command_line, program, startup_error
from tasks_lib.tasks import namespace, project
from tests.cases import cases

if TYPE_CHECKING:
    from invoke.parser.context import ParserContext

    from tasks_lib.cli.request import Request


def run(*argv: str) -> int:
    """Run the program with these words."""
    return program.main([*argv], namespace, own_tasks=True)


@pytest.fixture(autouse=True)
def requests(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """Note what would be run, and run nothing; leave the signals of the test's process alone."""
    seen: list[Request] = []

    def noted(request: Request, work: object) -> int:
        del work
        seen.append(request)
        return 0

    monkeypatch.setattr("tasks_lib.cli.runner.answer", noted)
    monkeypatch.setattr(bootstrap, "ignore_stop_signals", lambda: None)
    monkeypatch.setattr("sys.argv", ["mlops-lab"])
    return seen


def tasks() -> list[ParserContext]:
    """Return every task, those of this checkout too."""
    found: list[ParserContext] = project.extend(namespace()).to_contexts()
    return found


@cases(
    "words, text, remedy",
    {
        "a task": (["deps.ad", "x"], "no task 'deps.ad'", "deps.add? See the help: mlops-lab deps"),
        "a part of tasks": (["lock"], "no task 'lock'", "deps.lock or check.lock? See"),
        "help": (["help", "setup"], "no task 'help'", "mlops-lab --help"),
        "help of a task": (["--help", "setpu"], "no task 'setpu'", "mlops-lab setup --help"),
        "nothing near": (["nonsense"], "no task 'nonsense'.", "List the tasks: mlops-lab --list"),
        "a second task": (["deps.lock", "setpu"], "deps.lock takes no such word", "mean setup?"),
        "a word too many": (["setup", "foo"], "setup takes no such word", "mlops-lab setup --help"),
        "a package too many": (["deps.add", "x", "y"], "more of them behind --", "deps.add --help"),
        "a group of tasks": (["--list", "dep"], "no group of tasks 'dep'", "Did you mean deps?"),
        "an option": (["setup", "--comb", "x"], "setup has no option '--comb'", "mean --combo?"),
        "an underscore": (["setup", "--dry_run"], "no option '--dry_run'", "mean --dry-run?"),
        "no option": (["check.all", "--only", "x"], "'--only'", "Next: See the help of check.all"),
        "of a package": (
            ["deps.add", "--comb", "x", "y"],
            "add has no option '--comb'",
            "--combo?",
        ),
        "with a value": (
            ["deps.add", "--comb=x", "y"],
            "deps.add has no option '--comb'",
            "--combo?",
        ),
        "alone": (["deps.add", "-x"], "deps.add has no option '-x'", "deps.add --help"),
        "of pip": (["deps.add", "-r", "x.txt"], "deps.add has no option '-r'", "deps.add --help"),
        "too early": (
            ["--combo", "x", "setup"],
            "'--combo' before a task",
            "--combo behind the task",
        ),
        "of Invoke": (["--dry", "setup"], "'--dry' before a task", "Write --dry-run behind"),
        "an empty value": (["setup", "--combo="], "--combo needs a value", "setup --help"),
        "an empty word": (["setup", "--engine", ""], "--engine needs a value", "setup --help"),
        "an empty one of many": (["proof.matrix", "--only="], "--only needs a value", "--help"),
        "no value": (["setup", "--combo"], "--combo needs a value.", "setup --help"),
        "no value, an option": (["setup", "--combo", "--json"], "--combo needs a value.", "--help"),
        "no value, a mistake": (["setup", "--combo", "--jsn"], "--jsn is an option", "--help"),
        "before a package": (["deps.add", "--group", "--layr", "x", "y"], "--layr is an", "--help"),
        "twice": (["setup", "--combo", "x", "--combo", "y"], "--combo was given twice", "--help"),
        "twice, then a word": (
            ["deps.add", "--group", "dev", "-g", "test"],
            "-g was given twice.",
            "deps.add --help",
        ),
        "twice, then a task": (
            ["deps.add", "x", "--group", "dev", "--group", "setup"],
            "--group was given twice.",
            "deps.add --help",
        ),
        "a former name too": (
            ["proof.page", "x", "--folder=a", "--output=b"],
            "--output was given twice.",
            "proof.page --help",
        ),
        "a package like a task": (["deps.add", "twine", "build"], "behind --", "deps.add --help"),
        "two words": (["env.create", "--from"], "--from needs a value.", "env.create --help"),
        "a flag": (["setup", "--json=yes", "--dry-run"], "--json takes no value", "setup --help"),
        "no package": (["deps.add"], "deps.add needs PACKAGE (--packages).", "deps.add --help"),
        "no combo": (["migrate"], "migrate needs COMBO (--to).", "mlops-lab migrate --help"),
        "no proofs": (["proof.compare", "a"], "needs SECOND (--second)", "proof.compare --help"),
    },
)
def test_a_mistake_has_one_sentence_and_what_helps(
    words: list[str],
    text: str,
    remedy: str,
    requests: list[Request],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(*words) == 2
    said = capsys.readouterr().err
    assert said.startswith("mlops-lab: ")
    assert said.count("\n") == 1
    sentence, _, following = said.partition(" Next: ")
    assert text in sentence
    assert remedy in f"Next: {following}"
    assert requests == []


@cases(
    "words",
    {
        "before": ["--help", "deps.add"],
        "behind": ["deps.add", "--help"],
        "short": ["deps.add", "-h"],
        "before a package": ["deps.add", "--help", "click"],
        "behind an option": ["deps.add", "--combo", "pip_uv", "--help"],
        "behind a package": ["deps.add", "click", "--help"],
    },
)
def test_help_is_no_package(
    words: list[str], requests: list[Request], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == "Usage: mlops-lab deps.add [--options] PACKAGE [-- PACKAGE…]"
    assert "  Declare packages, lock and install them;" in lines[1]
    assert any(line.startswith("  -c STRING, --combo=STRING ") for line in lines)
    assert requests == []


def test_help_of_a_task_without_options(capsys: pytest.CaptureFixture[str]) -> None:
    program._Program([], project.extend(namespace())).print_columns([])  # noqa: SLF001
    assert capsys.readouterr().out == "\n"


def test_no_extra_at_all_is_a_choice(requests: list[Request]) -> None:
    assert run("setup", "--dev", "--extra", "") == 0
    assert [request.command for request in requests] == ["setup"]


@cases(
    "words, expected",
    {
        "long": (["setup", "--json"], True),
        "a format": (["setup", "--format=json"], True),
        "short": (["setup", "-j"], True),
        "short ones": (["setup", "-dj"], True),
        "a short format": (["setup", "-f", "json"], True),
        "joined": (["setup", "-fjson"], True),
        "another format": (["setup", "-f", "junit"], False),
        "of a program": (["env.run", "--", "x", "-j"], False),
        "a negative": (["x", "-5j"], False),
    },
)
def test_a_document_is_asked_for_by_each_form(words: list[str], *, expected: bool) -> None:
    assert startup_error.wants_json(words) is expected


@cases(
    "task, expected",
    {
        "setup": ("setup", ""),
        "migrate": ("migrate", " COMBO"),
        "docs": ("docs", " [TOPIC]"),
        "proof.compare": ("proof.compare", " FIRST SECOND"),
        "deps.update": ("deps.update", ""),
    },
)
def test_a_usage_line_names_what_has_no_option(task: str, expected: str) -> None:
    (found,) = [one for one in tasks() if one.name == task]
    assert command_line.usage(found, "") == expected


def test_a_short_option_means_the_same_for_every_task() -> None:
    meanings: dict[str, set[str]] = defaultdict(set)
    core = program._Program([], namespace())  # noqa: SLF001 - what Invoke's own options are
    for context in (core.initial_context, *tasks()):
        for argument in context.args.values():
            for name in argument.names:
                if len(name) == 1:
                    meanings[name].add(str(argument.names[0]))
    assert {"c": {"combo"}, "h": {"help"}, "o": {"output"}}.items() <= meanings.items()
    assert {letter: names for letter, names in meanings.items() if len(names) > 1} == {}


def test_output_is_one_file_for_every_task(requests: list[Request]) -> None:
    texts = {str(one.name): str(one.args["output"].help) for one in tasks() if "output" in one.args}
    assert {"setup", "deps.export", "env.export"} <= texts.keys()
    assert {name: text for name, text in texts.items() if "to this file" not in text} == {}
    assert {"proof.matrix", "proof.page"} & texts.keys() == set()
    assert run("proof.page", "proofs", "--output", "page", "--json") == 0  # its former name
    assert run("proof.page", "proofs", "--folder", "page", "--json") == 0
    assert requests[0] == requests[1]
