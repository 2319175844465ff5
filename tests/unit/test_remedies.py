"""Every remedy names tasks and options that exist, and every error is documented."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasks_lib.checks.registry import KNOWN
from tasks_lib.errors import ErrorCode, ExitCode, Remedy
from tasks_lib.report import remedies
from tasks_lib.tasks import namespace

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
TASKS = namespace()
#: what replaces a word that is computed as the program runs
COMPUTED = "…"


def _words(path: Path) -> Iterator[tuple[str, ...]]:
    """Yield the command of each remedy that a module writes."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Remedy"):
            for argument in node.args[1:]:
                if isinstance(argument, ast.Tuple):
                    yield tuple(_word(element) for element in argument.elts)


def _word(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else COMPUTED


def _faults(words: tuple[str, ...]) -> Iterator[str]:
    """Yield the words that are not a task, an option of the task before or an argument."""
    options: set[str] = set()
    for word in words[1:]:
        if word == "--":
            return
        if word in TASKS.task_names or word in _aliases():
            options = {f"--{name}" for name in _options(word)}
        elif word.startswith("--") and not options:
            options = set()  # an option of Invoke itself: `invoke --list`
        elif word.startswith("--"):
            yield from () if word in options else (word,)
        elif not (options and re.fullmatch(rf"{COMPUTED}|[A-Z_]+|\./.*|[a-z][\w.-]*", word)):
            yield word


def _aliases() -> set[str]:
    return {alias for aliases in TASKS.task_names.values() for alias in aliases}


def _options(task: str) -> Iterator[str]:
    for argument in TASKS[task].get_arguments():
        for name in argument.names:
            yield name.replace("_", "-")


def test_commands_of_remedies_exist() -> None:
    found = []
    for path in sorted(ROOT.glob("tasks_lib/**/*.py")):
        found += [(path.name, words) for words in _words(path) if words[:1] == ("invoke",)]
    assert len(found) > 20
    assert [(name, words) for name, words in found if list(_faults(words))] == []


@pytest.mark.parametrize(
    "words",
    [
        ("invoke", "env.make"),
        ("invoke", "setup", "--nothing"),
        ("invoke", "deps.lock", "--combo", "x", "--layer", "conda"),
    ],
)
def test_a_command_that_does_not_exist_is_found(words: tuple[str, ...]) -> None:
    assert list(_faults(words))


@pytest.mark.parametrize("check", KNOWN.values(), ids=lambda check: check.id)
def test_every_check_has_a_remedy(check: object) -> None:
    row = KNOWN[getattr(check, "id", "")]
    assert row.title
    assert row.why.endswith(".")
    assert row.remedy.text[:1].isupper()
    assert not row.remedy.text.endswith(".")


@pytest.mark.parametrize("code", ErrorCode, ids=str)
def test_every_error_code_is_documented(code: ErrorCode) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", code.value)
    assert code.name == code.value.upper()
    assert code.meaning[0].isupper() or code.meaning.startswith("pyproject.toml ")
    assert code.meaning.endswith(".")
    assert code.exit_code in set(ExitCode) - {ExitCode.DONE}


def test_error_codes_are_unique_and_in_order() -> None:
    names = [code.name for code in ErrorCode]
    assert len(names) == len(ErrorCode.__members__)
    assert names == sorted(names)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("/usr/bin/invoke", ("invoke", "setup")),
        ("python3 -m tasks_lib", ("python3", "-m", "tasks_lib", "setup")),
        ("mlops-lab", ("mlops-lab", "setup")),
    ],
)
def test_a_remedy_is_what_this_user_types(
    monkeypatch: pytest.MonkeyPatch, typed: str, expected: tuple[str, ...]
) -> None:
    monkeypatch.setattr("sys.argv", [typed])
    typable = remedies.typable(Remedy("Do it", ("invoke", "setup")))
    assert typable == Remedy("Do it", expected, " ".join(expected))
    other = Remedy("Do it", ("conda", "doctor"))
    assert remedies.typable(other) == Remedy("Do it", ("conda", "doctor"), "conda doctor")


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (("invoke", "setup"), "invoke setup --combo pip_uv"),
        (
            ("invoke", "deps.align", "setup", "--recreate"),
            "invoke deps.align --combo pip_uv setup --combo pip_uv --recreate",
        ),
        (("invoke", "deps.remove", "six"), "invoke deps.remove --combo pip_uv six"),
        (("invoke", "docs"), "invoke docs"),
        (("invoke", "--list"), "invoke --list"),
        (("uv", "init", "--bare"), "uv init --bare"),
        ((), ""),
    ],
)
def test_each_task_of_a_remedy_works_on_the_same_combo(
    argv: tuple[str, ...], expected: str
) -> None:
    found = remedies.with_options(Remedy("", argv), ("--combo", "pip_uv"))
    assert " ".join(found.argv) == expected
    assert list(_faults(found.argv)) == [] or argv[:1] != ("invoke",)
