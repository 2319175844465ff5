"""What each family of checks looks at, and its results for a bad input and a good one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks_lib import checks
from tasks_lib.checks import tools
from tasks_lib.checks.selection import Selection
from tasks_lib.execution.process import Children
from tasks_lib.managers import pyproject_rules
from tasks_lib.results import Result, Status
from tasks_lib.session.session import Session
from tests.cases import cases
from tests.steps import done, ended

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeProject
    from tests.unit.conftest import Install

CONDA = "name: demo\ndependencies: [python]\n"


def _session(
    project: MakeProject,
    combo: str = "pip_uv",
    pyproject: str | None = None,
    conda: str | None = CONDA,
) -> Session:
    root = (project(pyproject, conda) if pyproject else project(conda=conda)).root
    return Session.open(combo=combo, engine="rattler", start=root)


@pytest.mark.parametrize("combo", ["pip_poetry", "pip_uv", "conda_poetry", "conda_uv"])
def test_all_families_together_take_each_step_once_and_look_after_the_changes(
    project: MakeProject, combo: str
) -> None:
    steps = checks.steps(_session(project, combo))
    assert len({step.id for step in steps}) == len(steps)
    assert all(step.check for step in steps)
    assert {"check.config.conda", "check.doctor", "check.compat"} <= {step.id for step in steps}
    for step in steps:
        if step.id in {"check.doctor", "check.compat"}:
            assert {"env.create", "deps.install"} <= set(step.needs)


def test_family_takes_its_own_steps_alone(project: MakeProject) -> None:
    session = _session(project)
    assert [step.id for step in checks.steps(session, ("compat",))] == ["check.compat"]
    assert [step.id for step in checks.steps(session, ("doctor",))] == [
        "check.doctor",
        "check.doctor.start",
    ]


def test_only_the_families_asked_for_are_answered() -> None:
    results = ("config.uv", "lock.fresh", "doctor.records", "compat.requirements", "env.exists")
    assert list(filter(Selection(frozenset({"lock"})).keeps, results)) == [
        "lock.fresh",
        "env.exists",
    ]
    assert not Selection(ignore=frozenset({"env.exists"})).keeps("env.exists")


@cases(
    "conda, status, line",
    {
        "sound": (CONDA, Status.PASS, None),
        "base": ("name: base\n", Status.FAIL, 1),
        "broken": ("name: a\ndependencies: [\n", Status.FAIL, 3),
    },
)
def test_conda_file_is_checked(
    project: MakeProject, conda: str, status: Status, line: int | None
) -> None:
    step = next(
        step
        for step in tools.manifest(_session(project, conda=conda))
        if step.id == "check.config.conda"
    )
    (result,) = done(step)
    assert (result.id, result.status, result.file, result.line) == (
        "config.conda",
        status,
        "conda.yml",
        line,
    )


def test_project_without_a_conda_file_has_nothing_to_check_of_it(project: MakeProject) -> None:
    assert "check.config.conda" not in {
        step.id for step in tools.manifest(_session(project, conda=None))
    }


def _doctor(session: Session) -> list[Result]:
    step = next(step for step in tools.doctor(session) if step.id == "check.doctor")
    return done(step)


@pytest.mark.parametrize("combo", ["pip_uv", "conda_uv"])
def test_absent_environment_fails_with_the_next_command(project: MakeProject, combo: str) -> None:
    (result,) = _doctor(_session(project, combo))
    assert (result.id, result.status) == ("env.exists", Status.FAIL)
    assert "invoke setup" in str(result.remedy)


@pytest.mark.parametrize(
    ("section", "remedy"), [("depedencies", "Call it dependencies"), ("zzz", "Remove the section")]
)
def test_section_that_conda_ignores_is_a_warning(
    project: MakeProject, section: str, remedy: str
) -> None:
    session = _session(project, conda=f"{CONDA}{section}: [six]\n")
    step = next(one for one in checks.steps(session, ("config",)) if one.id == "check.config.conda")
    (result,) = done(step)
    assert (result.status, result.line) == (Status.WARN, 3)
    assert repr(section) in result.detail
    assert remedy in str(result.remedy)


def test_foreign_folder_is_not_an_environment(project: MakeProject, root: Path) -> None:
    (root / ".venv").mkdir()
    (root / ".venv/x").touch()
    (result,) = _doctor(_session(project))
    assert result.status is Status.FAIL
    assert "is not an environment" in result.detail


def test_environment_is_checked(project: MakeProject, venv: Path) -> None:
    results = _doctor(_session(project))
    assert {result.status for result in results} == {Status.PASS}
    (venv / "bin/python").unlink()
    assert Status.FAIL in {result.status for result in _doctor(_session(project))}


def test_an_interpreter_is_started_only_where_code_is_trusted(
    project: MakeProject, venv: Path
) -> None:
    session = _session(project)
    *_, step = tools.doctor(session.untrusting())
    results = step.known(Children())
    assert [one.status for one in results or ()] == [Status.SKIP]
    *_, step = tools.doctor(session)
    assert step.known(Children()) is None
    assert step.command
    assert step.command.argv == (str(venv / "bin/python"), "-I", "-B", "-c", "")
    (venv / "bin/python").unlink()
    assert step.known(Children()) == ()


@cases(
    "code, stderr, expected",
    {
        "silent": (0, "", [""]),
        "a warning of its own": (0, "<string>:1: DeprecationWarning: x\n", [""]),
        # CPython 3.11.7
        "a line of a .pth": (
            0,
            (
                "Error processing line 1 of /e/lib/python3.11/site-packages/zz.pth:\n\n"
                "  Traceback (most recent call last):\n"
                '    File "<frozen site>", line 201, in addpackage\n'
                '    File "<string>", line 1, in <module>\n'
                "  ModuleNotFoundError: No module named 'nowhere'\n\nRemainder of file ignored\n"
            ),
            ["Line 1 of zz.pth fails: ModuleNotFoundError: No module named 'nowhere'"],
        ),
        "no library": (
            1,
            (
                "Fatal Python error: init_fs_encoding: failed to get the Python codec of the "
                "filesystem encoding\nModuleNotFoundError: No module named 'encodings'\n"
            ),
            ["The interpreter does not start: ModuleNotFoundError: No module named 'encodings'"],
        ),
    },
)
def test_what_an_interpreter_says_as_it_starts(
    project: MakeProject, code: int, stderr: str, expected: list[str]
) -> None:
    *_, step = tools.doctor(_session(project))
    results = ended(step, code, "", stderr)
    assert [one.detail for one in results] == expected
    assert {one.status for one in results} == {Status.FAIL if expected[0] else Status.PASS}


@cases(
    "code, stdout, stderr, expected",
    {
        "compatible": (
            0,
            "",
            (
                "Using Python 3.11.7 environment at: .venv\nChecked 5 packages in 0.41ms\n"
                "All installed packages are compatible\n"
            ),
            [(Status.PASS, "")],
        ),
        "two incompatibilities": (
            1,
            "",
            (
                "Using Python 3.11.7 environment at: .venv\nChecked 4 packages in 0.31ms\nFound 2 "
                "incompatibilities\n"
                "The package `requests` requires `idna>=2.5,<4`, but it's not installed\n"
                "The package `requests` requires `urllib3>=1.21.1,<3`, but `1.20` is installed\n"
            ),
            [
                (Status.FAIL, "`idna>=2.5,<4`, but it's not installed"),
                (Status.FAIL, "but `1.20` is installed"),
            ],
        ),
        "no environment": (
            2,
            "",
            (
                "error: No virtual environment or system Python installation found for path "
                "`.venv/bin/python`; run "
                "`uv venv` to create an environment\n"
            ),
            [(Status.SKIP, "no environment")],
        ),
        "could not be made": (
            2,
            "",
            "error: something else\n",
            [(Status.ERROR, "something else")],
        ),
    },
)
def test_answers_of_uv_pip_check(
    project: MakeProject, code: int, stdout: str, stderr: str, expected: list[tuple[Status, str]]
) -> None:
    (step,) = tools.compat(_session(project))
    results = ended(step, code, stdout, stderr)
    assert [result.status for result in results] == [status for status, _ in expected]
    assert all(words in result.detail for result, (_, words) in zip(results, expected, strict=True))


@pytest.mark.parametrize("seed", ["wheel", "setuptools", "pip"])
@pytest.mark.parametrize("requires", ["", '"{seed}"', '"six"'])
def test_what_an_environment_comes_with_decides_no_verdict(
    project: MakeProject, venv: Path, install: Install, seed: str, requires: str
) -> None:
    install(venv, seed, "0.48.0")
    (install(venv, "six", "1.17.0") / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: six\nVersion: 1.17.0\nRequires-Dist: {seed}\n"
        "\nRequires-Dist: nobody\n"
    )
    wanted = requires.format(seed=seed)
    (step,) = tools.compat(_session(project, pyproject=f"{HEAD}dependencies = [{wanted}]\n"))
    said = f"The package `{seed}` requires `packaging>=24.0`, but `23.2` is installed\n"
    (result,) = ended(step, 1, stderr=said)
    assert result.status is (Status.FAIL if requires else Status.PASS)
    assert said.strip() in result.detail


HEAD = '[project]\nname = "demo"\nversion = "0.1.0"\n'


@cases(
    "text",
    {
        "least": HEAD,
        "more": f'{HEAD}requires-python = ">=3.11,<4"\n'
        "dependencies = [\"six>=1; python_version<'4'\"]\n",
        "groups": f'{HEAD}[dependency-groups]\na = ["six"]\n'
        'b = [{include-group = "a"}, "click[x]>=8"]\n',
        "dynamic version": '[project]\nname = "demo"\ndynamic = ["version"]\n',
    },
)
def test_sound_manifest_passes(project: MakeProject, text: str) -> None:
    (result,) = pyproject_rules.validate(project(text))
    assert (result.id, result.status) == ("config.pyproject", Status.PASS)


@cases(
    "text, line, words",
    {
        "no project": ("[tool.x]\n", None, "no [project] table"),
        "specifier": (f'{HEAD}requires-python = "3.11+"\n', 4, "3.11+"),
        "requirement": (f'{HEAD}dependencies = ["not a req!!"]\n', 4, "not a req!!"),
        "number for a requirement": (f"{HEAD}dependencies = [1]\n", 4, "dependencies"),
        "requirement of a group": (
            f'{HEAD}[dependency-groups]\nlab = ["six", "=="]\n',
            5,
            "lab: '=='",
        ),
        "number in a group": (f"{HEAD}[dependency-groups]\nlab = [1]\n", 5, "lab"),
        "no such group": (
            f'{HEAD}[dependency-groups]\nlab = [{{include-group = "no"}}]\n',
            5,
            "no",
        ),
        "requirement of an extra": (
            f'{HEAD}[project.optional-dependencies]\nx = ["=="]\n',
            5,
            "x: '=='",
        ),
        "name": ('[project]\nname = "a b"\nversion = "1"\n', 2, "name"),
        "wrong type": (f"{HEAD}keywords = 3\n", 4, "keywords"),
    },
)
def test_bad_manifest_fails_with_its_line(
    project: MakeProject, text: str, line: int | None, words: str
) -> None:
    results = list(pyproject_rules.validate(project(text)))
    assert {result.status for result in results} == {Status.FAIL}
    assert any(words in result.detail and result.line == line for result in results)
    assert all(result.file == "pyproject.toml" for result in results)
