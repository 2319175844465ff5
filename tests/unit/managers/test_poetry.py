"""What Poetry's answers mean; the texts are those of the real Poetry 2.5.1."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasks_lib import bootstrap
from tasks_lib.environments.venv import Venv
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution.process import Command, Outcome
from tasks_lib.managers.poetry import Poetry
from tasks_lib.results import Result, Status
from tests.cases import cases
from tests.steps import ended

if TYPE_CHECKING:
    from tests.conftest import MakeProject
    from tests.unit.conftest import Install

STALE = (
    "pyproject.toml changed significantly since poetry.lock was last generated. "
    "Run `poetry lock` to fix the lock file."
)


def _answers(manager: Poetry, code: int, stdout: str, stderr: str) -> list[Result]:
    return ended(manager.fresh(None), code, stdout, stderr)


@cases(
    "code, stdout, stderr, config, lock, words",
    {
        "sound": (0, "All set!\n", "", Status.PASS, Status.PASS, ""),
        "stale": (
            1,
            "",
            f"\nError: {STALE}\n",
            Status.PASS,
            Status.FAIL,
            "pyproject.toml was changed",
        ),
        "no lock": (
            1,
            "",
            "\nError: poetry.lock was not found.\n",
            Status.PASS,
            Status.FAIL,
            "was not found",
        ),
        "no README": (
            1,
            "",
            "\nError: Declared README file does not exist: README.md\n",
            Status.FAIL,
            Status.PASS,
            "README.md",
        ),
        "no README and stale": (
            1,
            "",
            f"\nError: Declared README file does not exist: README.md\nError: {STALE}\n",
            Status.FAIL,
            Status.FAIL,
            "README.md",
        ),
        "warning": (
            0,
            "",
            "\nWarning: [project.license] is not set. It is recommended to set it.\n",
            Status.WARN,
            Status.PASS,
            "license",
        ),
        "no requirement": (
            1,
            "",
            (
                "\nThe requirement is invalid: Unexpected character at column 5\n\n"
                "not a req!!\n    ^\n"
            ),
            Status.FAIL,
            Status.SKIP,
            "not a req!!",
        ),
    },
)
def test_faults_of_the_lock_are_told_from_those_of_the_manifest(  # noqa: PLR0913, PLR0917 - the columns of the table
    project: MakeProject,
    code: int,
    stdout: str,
    stderr: str,
    config: Status,
    lock: Status,
    words: str,
) -> None:
    results = _answers(Poetry(project(files={"poetry.lock": ""})), code, stdout, stderr)
    assert {(result.id, result.status) for result in results} == {
        ("config.poetry", config),
        ("lock.fresh", lock),
    }
    assert any(words in result.detail for result in results)
    assert all(str(result.remedy) for result in results if result.status is not Status.PASS)


def test_damaged_lock_is_said_to_be_damaged(project: MakeProject) -> None:
    made = project(files={"poetry.lock": "not = [toml"})
    results = {
        one.id: one
        for one in _answers(Poetry(made), 1, "", "\nInvalid value (at line 1, column 8)\n")
    }
    assert results["lock.fresh"].status is Status.FAIL
    assert "damaged" in results["lock.fresh"].detail
    assert "deps.lock" in str(results["lock.fresh"].remedy)


HEADER = "Installing dependencies from lock file\n\n"
ROOT = "\nInstalling the current project: demo (0.1.0)\n"
SKIPPED = "Skipped for the following reason: Already installed"
#: what the real `poetry install --dry-run` printed
PREVIEW = f"""{HEADER}Package operations: 1 install, 2 updates, 0 removals

  - Downgrading click (8.5.1 -> 8.1.8)
  - Updating colorama (0.4.5 -> 0.4.6)
  - Installing six (1.17.0)
{ROOT}"""
NOTHING = f"""{HEADER}Package operations: 0 installs, 0 updates, 0 removals, 3 skipped

  - Installing click (8.1.8): {SKIPPED}
  - Installing colorama (0.4.6): {SKIPPED}
  - Installing six (1.17.0): {SKIPPED}
{ROOT}"""


def _changes(manager: Poetry, venv: Path, code: int, stdout: str) -> list[tuple[str, str, str]]:
    command = Command(("poetry",), env={"VIRTUAL_ENV": str(venv)})
    found = manager.changes(Outcome(command, code, stdout, "", 0.1))
    return [(change.name, change.before, change.after) for change in found]


def test_preview_gives_what_would_be_installed_and_replaced(
    project: MakeProject, venv: Path
) -> None:
    assert _changes(Poetry(project()), venv, 0, PREVIEW) == [
        ("click", "8.5.1", "8.1.8"),
        ("colorama", "0.4.5", "0.4.6"),
        ("six", "", "1.17.0"),
        ("demo", "", "0.1.0"),
    ]


def test_a_plugin_that_the_project_requires_is_not_in_the_environment(
    project: MakeProject, venv: Path
) -> None:
    plugins = """Ensuring that the Poetry plugins required by the project are available...
Updating dependencies
Resolving dependencies...

Package operations: 1 install, 0 updates, 0 removals

  - Installing poetry-plugin-up (0.9.0)

"""
    manager = Poetry(project())
    assert _changes(manager, venv, 0, plugins + PREVIEW) == _changes(manager, venv, 0, PREVIEW)


def test_project_itself_is_a_change_until_it_is_installed(
    project: MakeProject, venv: Path, install: Install
) -> None:
    manager = Poetry(project())
    assert _changes(manager, venv, 0, NOTHING) == [("demo", "", "0.1.0")]
    install(venv, "demo", "0.1.0")
    assert _changes(manager, venv, 0, NOTHING) == []


def test_preview_that_failed_is_never_taken_for_nothing_to_do(
    project: MakeProject, venv: Path
) -> None:
    with pytest.raises(LabError):
        _changes(Poetry(project()), venv, 1, f"{HEADER}\n{STALE}\n")


def test_poetry_never_makes_an_environment_of_its_own(project: MakeProject, home: Path) -> None:
    made = project()
    nowhere = str(home / ".cache" / "mlops-lab" / "no-virtualenvs")
    bare = Path(str(Poetry(made).lock(None).env["VIRTUAL_ENV"]))
    # and not the tool environment: Poetry clones into it
    assert bare.is_relative_to(bootstrap.cache_folder())
    assert (bare / "pyvenv.cfg").is_file()
    activation = Venv(made).activation()
    for command in (Poetry(made).lock(None), Poetry(made).install(activation)):
        assert command.env["POETRY_VIRTUALENVS_PATH"] == nowhere
        assert command.argv[-2:] == ("--no-interaction", "--no-ansi")
    assert Poetry(made).install(activation).env["VIRTUAL_ENV"] == str(activation.prefix)


LOCK = """[[package]]
name = "Typing_Extensions"
version = "4.0"
groups = ["main"]

[metadata]
lock-version = "2.1"
"""


def test_locked_versions_are_read(project: MakeProject) -> None:
    assert Poetry(project(files={"poetry.lock": LOCK})).locked() == {"typing-extensions": {"4.0"}}


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("{ optional = true }", set()),
        ("{ optional = false }", {"docs"}),
        ("[]", {"docs"}),  # no table, which Poetry refuses itself
    ],
)
def test_default_groups_are_those_that_are_not_optional(
    project: MakeProject, group: str, expected: set[str]
) -> None:
    made = project(f'[project]\nname = "demo"\n[tool.poetry.group]\ndocs = {group}\n')
    assert Poetry(made).default_groups() == expected


FORKED = """[[package]]
name = "Numpy"
version = "1.0"
markers = "python_version < '3.12'"

[[package]]
name = "numpy"
version = "2.0"
markers = "python_version >= '3.12'"

[[package]]
name = "six"
version = "1.0"
markers = {main = "sys_platform == 'nowhere'"}

[[package]]
name = "pandas"
version = "3.0"
markers = "extra == 'lab'"

[package.dependencies]
numpy = "*"

[[package]]
name = "mine"
version = "1.0"
source = {type = "directory", url = "../mine"}

[[package]]
name = "theirs"
version = "1.0"
source = {type = "legacy", url = "http://host", reference = "them"}
"""


def test_versions_for_another_python_are_left_out_where_that_is_certain(
    project: MakeProject,
) -> None:
    manager = Poetry(project(files={"poetry.lock": FORKED}))
    found = manager.locked("3.11.7")
    assert (found["numpy"], found["six"], found["pandas"]) == ({"1.0"}, {"1.0"}, {"3.0"})
    assert manager.locked("3.12.1")["numpy"] == {"2.0"}
    assert manager.locked()["numpy"] == {"1.0", "2.0"}
    assert manager.from_elsewhere() == {"mine"}


def test_who_asks_is_the_manifest_and_what_is_locked(project: MakeProject) -> None:
    groups = '[dependency-groups]\nlab = ["NumPy>=1"]\n'
    text = f'[project]\nname = "demo"\nversion = "1"\ndependencies = ["six[x] >=1"]\n{groups}'
    asked_by = Poetry(project(text, files={"poetry.lock": FORKED})).dependents()
    assert asked_by("numpy") == ("pyproject.toml", "pandas")
    assert (asked_by("six"), asked_by("mine")) == (("pyproject.toml",), ())


@cases(
    "file, more, line",
    {
        "another": ("games/__init__.py", "", 'packages = [{ include = "games" }]'),
        "another in src": (
            "src/games/__init__.py",
            "",
            'packages = [{ include = "games", from = "src" }]',
        ),
        "none": ("tests/__init__.py", "", 'packages = [{ include = "FOLDER" }]'),
        "its own": ("hx_code/__init__.py", "", ""),
        "named": ("games/__init__.py", '[tool.poetry]\npackages = [{include = "games"}]\n', ""),
        "off": ("games/__init__.py", "[tool.poetry]\npackage-mode = false\n", ""),
    },
)
@pytest.mark.usefixtures("venv")
def test_a_package_that_poetry_does_not_find_is_refused_before_it_runs(
    project: MakeProject, root: Path, file: str, more: str, line: str
) -> None:
    (root / file).parent.mkdir(parents=True)
    (root / file).touch()
    text = '[project]\nname = "hx-code"\nversion = "1"\n[build-system]\nrequires = ["hatchling"]\n'
    made = project(text + more)
    manager = Poetry(made)
    activation = Venv(made).activation()
    if not line:
        assert "install" in manager.install(activation).argv
        return
    with pytest.raises(LabError) as caught:
        manager.install(activation)
    assert caught.value.code is ErrorCode.NO_MODULE
    assert f"Write to [tool.poetry]: {line}" in caught.value.remedy.text
