"""What uv's answers mean; the texts are those of the real uv 0.13.9."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks_lib.environments.venv import Venv
from tasks_lib.errors import LabError
from tasks_lib.execution.process import Command, Outcome
from tasks_lib.managers.uv import Uv
from tasks_lib.results import Result, Status
from tasks_lib.tools import uv
from tests.cases import cases
from tests.steps import ended, outcome

if TYPE_CHECKING:
    from tests.conftest import MakeProject


def _ended(code: int, stderr: str) -> Outcome:
    command = Command(("uv", "lock", "--check"), failures=uv.FAILURES)
    return outcome(code, stderr=stderr, command=command)


def _answer(manager: Uv, code: int, stderr: str) -> Result:
    found = ended(manager.fresh(None), code, stderr=stderr)
    (result,) = [one for one in found if one.id == "lock.fresh"]
    return result


@cases(
    "code, stderr, status, words",
    {
        "fresh": (0, "Resolved 2 packages in 1ms\n", Status.PASS, ""),
        "stale": (
            1,
            "error: The lockfile at `uv.lock` needs to be updated, but `--check` was provided.\n",
            Status.FAIL,
            "pyproject.toml was changed",
        ),
        "missing": (
            1,
            (
                "error: Unable to find lockfile at `uv.lock`, but `--check` was provided. "
                "To create a lockfile, run "
                "`uv lock` or `uv sync` without the flag.\n"
            ),
            Status.FAIL,
            "There is no uv.lock",
        ),
        "damaged": (
            2,
            "error: Failed to parse `uv.lock`\n  cause: TOML parse error at line 1, column 12\n",
            Status.FAIL,
            "uv.lock is damaged",
        ),
        "index does not answer": (
            2,
            (
                "error: Request failed after 3 retries in 10.8s\n  cause: Failed to fetch: "
                "http://127.0.0.1:9/simple/six/\n"
            ),
            Status.ERROR,
            "does not answer",
        ),
        "wrong Python": (
            2,
            (
                "error: The requested interpreter resolved to Python 3.11.7, which is incompatible "
                "with the project's "
                "Python requirement: `>=3.12` (from `project.requires-python`)\n"
            ),
            Status.ERROR,
            "Python 3.11.7",
        ),
        "broken manifest": (
            2,
            (
                "error: Failed to parse: pyproject.toml\n  cause: TOML parse error at line 11, "
                "column 8\n"
            ),
            Status.SKIP,
            "pyproject.toml",
        ),
        "cannot be solved": (
            1,
            (
                "error: No solution found when resolving dependencies\n  cause: Because "
                "zz-nothing was not found in the package registry and your project depends on "
                "zz-nothing, we can conclude that your project's "
                "requirements are unsatisfiable.\n"
            ),
            Status.ERROR,
            "zz-nothing",
        ),
    },
)
def test_stale_lock_is_told_from_a_check_that_could_not_be_made(
    project: MakeProject, code: int, stderr: str, status: Status, words: str
) -> None:
    result = _answer(Uv(project()), code, stderr)
    assert (result.id, result.status, result.file) == ("lock.fresh", status, "uv.lock")
    assert words in result.detail
    assert bool(str(result.remedy)) is (status is not Status.PASS)


#: what the real `uv sync --inexact --locked --dry-run` printed
PREVIEW = """Would use project environment at: .venv
Resolved 4 packages in 4ms
Would download 3 packages
Would uninstall 2 packages
Would install 4 packages
 - click==8.5.1
 + click==8.1.8
 - colorama==0.4.5
 + colorama==0.4.6
 + demo @ file:///p
 + six==1.17.0
"""
REINSTALL = """Would uninstall 1 package
Would install 1 package
 - demo==0.1.0 (from file:///p)
 + demo @ file:///p
"""


def test_preview_gives_what_would_be_installed_and_replaced(project: MakeProject) -> None:
    found = {
        change.name: (change.before, change.after)
        for change in Uv(project()).changes(_ended(0, PREVIEW))
    }
    assert list(found) == ["click", "colorama", "demo", "six"]
    assert found["click"] == ("8.5.1", "8.1.8")
    assert found["colorama"] == ("0.4.5", "0.4.6")
    assert found["six"] == ("", "1.17.0")


def test_distribution_from_an_address_is_no_removal(project: MakeProject) -> None:
    (change,) = Uv(project()).changes(_ended(0, REINSTALL))
    assert (change.name, change.before) == ("demo", "0.1.0")
    assert change.after


def test_preview_of_nothing_is_empty(project: MakeProject) -> None:
    said = "Resolved 4 packages in 4ms\nWould make no changes\n"
    assert Uv(project()).changes(_ended(0, said)) == []


def test_preview_that_failed_is_never_taken_for_nothing_to_do(project: MakeProject) -> None:
    with pytest.raises(LabError, match="does not fit pyproject"):
        Uv(project()).changes(
            _ended(1, "error: The lockfile at `uv.lock` needs to be updated, but `--locked` was\n")
        )


LOCK = """version = 1
[[package]]
name = "demo"
version = "0.1.0"
source = { virtual = "." }
[[package]]
name = "member"
version = "0.1.0"
source = { editable = "." }
[[package]]
name = "Typing_Extensions"
version = "4.0"
source = { registry = "http://host" }
[[package]]
name = "numpy"
version = "1.0"
[[package]]
name = "numpy"
version = "2.0"
[[package]]
name = "from-git"
source = { git = "http://host" }
"""


def test_locked_versions_are_read_without_the_project_itself(project: MakeProject) -> None:
    found = Uv(project(files={"uv.lock": LOCK})).locked()
    assert found == {"typing-extensions": {"4.0"}, "numpy": {"1.0", "2.0"}, "from-git": {""}}


def test_no_lock_names_nothing(project: MakeProject) -> None:
    assert Uv(project()).locked() == {}


@cases(
    "text",
    {
        "broken": "not = [toml",
        "number for the packages": "package = 3\n",
        "number for a package": "package = [3]\n",
        "no name": "[[package]]\nversion = '1'\n",
        "number for a name": "[[package]]\nname = 3\n",
        "number for a source": "[[package]]\nname = 'x'\nsource = 3\n",
        "huge number": "a = " + "9" * 5000,
        "deep nesting": "a = " + "[" * 20_000,
        "conflict of a merge": "<<<<<<< HEAD\nversion = 1\n",
        "NUL byte": "\0",
    },
)
def test_damaged_lock_is_named_with_a_way_out(project: MakeProject, text: str) -> None:
    with pytest.raises(LabError, match=r"uv\.lock") as caught:
        Uv(project(files={"uv.lock": text})).locked()
    assert caught.value.file == "uv.lock"
    assert "deps.lock" in str(caught.value.remedy)


def test_interpreter_is_named_so_that_uv_never_creates_the_environment_again(
    project: MakeProject,
) -> None:
    made = project()
    activation = Venv(made).activation()
    for command in (
        Uv(made).install(activation),
        Uv(made).add(activation, ("six",)),
        Uv(made).lock(activation),
    ):
        at = command.argv.index("--python")
        assert command.argv[at + 1] == str(activation.python)
        assert command.env["UV_PROJECT_ENVIRONMENT"] == str(activation.prefix)
        assert command.env["UV_PYTHON_DOWNLOADS"] == "never"


def test_versions_for_another_python_are_left_out(project: MakeProject) -> None:
    old, new = (
        "resolution-markers = [\"python_full_version < '3.12'\"]",
        "resolution-markers = [\"python_version >= '3.12'\"]",
    )
    text = LOCK.replace('version = "1.0"\n', f'version = "1.0"\n{old}\n').replace(
        'version = "2.0"\n', f'version = "2.0"\n{new}\n'
    )
    manager = Uv(project(files={"uv.lock": text}))
    assert (manager.locked("3.11.7")["numpy"], manager.locked("3.13.0")["numpy"]) == (
        {"1.0"},
        {"2.0"},
    )
    assert manager.from_elsewhere() == {"from-git"}


def test_index_is_never_written_to_the_manifest(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`uv add` writes UV_DEFAULT_INDEX to pyproject.toml, and never UV_INDEX_URL."""
    monkeypatch.setenv("MLOPS_LAB_INDEX_URL", "http://host/simple")
    made = project()
    env = Uv(made).add(Venv(made).activation(), ["six"]).env
    assert env["UV_INDEX_URL"] == "http://host/simple"
    assert "UV_DEFAULT_INDEX" not in env


def test_dry_run_in_unknown_words_is_never_taken_for_nothing_to_do(project: MakeProject) -> None:
    command = Command(("uv", "sync", "--dry-run"), failures=uv.FAILURES)
    said = "Resolved 4 packages in 4ms\n"
    with pytest.raises(LabError, match="does not say what would change"):
        Uv(project()).changes(outcome(0, "", said, command))
    assert Uv(project()).changes(outcome(0, "", f"{said}Would make no changes\n", command)) == []
