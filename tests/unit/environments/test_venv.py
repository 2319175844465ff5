"""The virtual environment: what is at its location, how it is made, and each kind of damage."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasks_lib.environments.base import State
from tasks_lib.environments.venv import Venv
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.results import Status
from tasks_lib.tools import executables
from tests.cases import cases
from tests.steps import argv, done, ended

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import MakeProject
    from tests.unit.conftest import Install

RUNNING = ".".join(map(str, sys.version_info[:3]))


def _pyproject(requires: str) -> str:
    return f'[project]\nname = "demo"\nrequires-python = "{requires}"\n'


STATES: dict[str, tuple[Callable[[Path], object], State]] = {
    "nothing": (lambda _: None, State.ABSENT),
    "empty folder": (lambda p: p.mkdir(), State.ABSENT),
    "file": (lambda p: p.touch(), State.FOREIGN),
    "folder with other things": (lambda p: (p / "x").mkdir(parents=True), State.FOREIGN),
    "link to nowhere": (lambda p: p.symlink_to("/no/such/place"), State.FOREIGN),
}


@cases("prepare, state", STATES)
def test_what_stands_at_its_place(
    project: MakeProject, prepare: Callable[[Path], object], state: State
) -> None:
    environment = Venv(project())
    prepare(environment.prefix)
    assert environment.state() is state
    assert not environment.exists()


def test_whole_environment_is_present(project: MakeProject, venv: Path) -> None:
    environment = Venv(project())
    assert (environment.prefix, environment.state()) == (venv, State.PRESENT)
    assert environment.require().python == venv / "bin/python"


@cases("target", {"link to nowhere": "/no/such/python", "no program": "/etc/passwd"})
def test_environment_without_a_working_interpreter_is_broken(
    project: MakeProject, venv: Path, target: str
) -> None:
    (venv / "bin/python").unlink()
    (venv / "bin/python").symlink_to(target)
    environment = Venv(project())
    assert environment.state() is State.BROKEN
    with pytest.raises(LabError) as caught:
        environment.require()
    assert "invoke setup" in str(caught.value.remedy)


def test_absent_environment_is_asked_for_with_the_next_command(project: MakeProject) -> None:
    with pytest.raises(LabError, match="does not exist yet") as caught:
        Venv(project()).require()
    assert "invoke setup" in str(caught.value.remedy)


def test_foreign_folder_is_never_written_to(project: MakeProject) -> None:
    environment = Venv(project())
    environment.prefix.mkdir()
    (environment.prefix / "thesis.tex").touch()
    with pytest.raises(LabError, match="exists already"):
        environment.creation()


@pytest.fixture
def pythons(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this machine have two Pythons."""
    versions = {"3.11": "3.11.7", "3.12": "3.12.1", ">=3.12": "3.12.1"}
    found = {request: Path("/of", version) for request, version in versions.items()}
    monkeypatch.setattr(executables, "find_python", found.get)
    monkeypatch.setattr(executables, "version_of", lambda request: versions.get(request, ""))
    monkeypatch.setattr(executables, "pythons", list)


@cases(
    "requires, python, expected",
    {
        "this Python": (">=3.11", "", ("--python", executables.base_python())),
        "the one asked for": (">=3.11", "3.12", ("--python", "3.12")),
        "another of this machine": (">=3.12", "", ("--python", "/of/3.12.1")),
        "left to uv": (">=3.99", "", ("--python", ">=3.99")),
        "nothing said": ("", "", ("--python", executables.base_python())),
    },
)
@pytest.mark.usefixtures("pythons")
def test_command_that_makes_it(
    project: MakeProject,
    root: Path,
    requires: str,
    python: str,
    expected: tuple[str, ...],
) -> None:
    environment = Venv(project(_pyproject(requires), python=python))
    (step,) = environment.creation()
    assert argv(step) == (executables.uv(), "venv", "--seed", *expected, str(root / ".venv"))
    assert step.command
    assert step.command.cwd == root
    assert step.undo == environment.discard


@pytest.mark.usefixtures("pythons")
def test_pin_of_the_project_is_taken(project: MakeProject) -> None:
    (step,) = Venv(project(files={".python-version": "# ours\n3.12\n"})).creation()
    assert argv(step)[3:5] == ("--python", "3.12")


#: who names a Python on which the project may not run
REFUSED = {
    "the option": ("~=3.12.0", "3.11", {}, "--python names Python 3.11.7"),
    "the pin": (">=3.12", "", {".python-version": "3.11"}, ".python-version names Python 3.11.7"),
}


@cases("requires, python, files, said", REFUSED)
@pytest.mark.usefixtures("pythons")
def test_python_that_does_not_fit_is_refused_before_anything_is_made(
    project: MakeProject,
    requires: str,
    python: str,
    files: dict[str, str],
    said: str,
) -> None:
    environment = Venv(project(_pyproject(requires), python=python, files=files))
    with pytest.raises(LabError, match=said) as caught:
        environment.creation()
    assert caught.value.code is ErrorCode.WRONG_PYTHON


@pytest.mark.usefixtures("pythons", "venv")
def test_program_that_is_no_python_is_refused(
    project: MakeProject,
) -> None:
    environment = Venv(project(python="/bin/sh"))
    with pytest.raises(LabError, match="/bin/sh is not a Python"):
        environment.lacking()


def test_broken_one_is_made_anew(project: MakeProject, venv: Path) -> None:
    (venv / "bin/python").unlink()
    environment = Venv(project())
    clear, create = environment.creation()
    assert (clear.id, create.needs) == ("env.clear", ("env.clear",))
    assert not done(clear)
    assert not venv.exists()
    environment.bring_back()
    assert (venv / "pyvenv.cfg").is_file()


@pytest.mark.parametrize("requires", ["3.11+", "latest", "^3.11"])
def test_specifier_that_is_none_has_its_line(project: MakeProject, requires: str) -> None:
    with pytest.raises(LabError, match="requires-python is not a version specifier") as caught:
        Venv(project(_pyproject(requires))).creation()
    assert (caught.value.file, caught.value.line) == ("pyproject.toml", 3)


@cases(
    "requires, python, lacks",
    {
        "fits": (">=3.11", "", False),
        "too old": (">=3.12", "", True),
        "too new": ("<3.11", "", True),
        "asked for, fits": (">=3.11", "3.11", False),
        "asked for exactly": (">=3.11", "3.11.7", False),
        "asked for another": (">=3.11", "3.12", True),
        "no prefix of a number": (">=3.11", "3.1", True),
        "any 3": (">=3.11", "3", False),
        "asked for by a specifier": (">=3.11", ">=3.12", True),
    },
)
def test_python_that_does_not_fit_is_lacking(
    project: MakeProject,
    venv: Path,
    requires: str,
    python: str,
    lacks: bool,
) -> None:
    assert venv.exists()
    assert bool(Venv(project(_pyproject(requires), python=python)).lacking()) is lacks


def test_discard_cuts_a_link_and_leaves_what_it_points_to(
    project: MakeProject, root: Path, venv: Path
) -> None:
    shared = root / "shared"
    venv.rename(shared)
    venv.symlink_to(shared)
    Venv(project()).discard()
    assert not venv.is_symlink()
    assert (shared / "pyvenv.cfg").is_file()


@cases("prepare", {"nothing": lambda _: None, "folder": lambda p: p.mkdir()})
def test_discard_leaves_nothing(project: MakeProject, prepare: Callable[[Path], object]) -> None:
    environment = Venv(project())
    prepare(environment.prefix)
    environment.discard()
    assert not environment.prefix.exists()


def test_sound_environment_is_healthy(project: MakeProject, venv: Path, install: Install) -> None:
    install(venv, "six", "1.17.0", files=("six.py",))
    results = list(Venv(project()).health())
    assert [result.id for result in results] == [
        "doctor.interpreter",
        "doctor.moved",
        "doctor.records",
        "doctor.duplicates",
        "doctor.installed-files",
        "doctor.installed-altered",
        "doctor.shared-files",
        "doctor.bytecode",
    ]
    assert {result.status for result in results} == {Status.PASS}


@cases(
    "prepare, words",
    {
        "link": (
            lambda python: python.symlink_to("/gone/python3"),
            "a link to /gone/python3, which does not exist",
        ),
        "missing": (lambda _: None, "does not exist"),
    },
)
def test_broken_interpreter_is_found(
    project: MakeProject, venv: Path, prepare: Callable[[Path], object], words: str
) -> None:
    (venv / "bin/python").unlink()
    prepare(venv / "bin/python")
    result = next(iter(Venv(project()).health()))
    assert (result.id, result.status) == ("doctor.interpreter", Status.FAIL)
    assert words in result.detail
    assert str(result.remedy)


def test_a_moved_one_keeps_what_its_settings_say(project: MakeProject, venv: Path) -> None:
    environment = Venv(project())
    assert not environment.damage()
    (venv / "bin/tool").write_text("#!/gone/.venv/bin/python\n")
    settings = venv / "pyvenv.cfg"
    settings.write_text(
        "home = /gone/bin\ninclude-system-site-packages = true\nversion = 3.11.2\nseed = true\n"
    )
    (step,) = environment.damage().steps
    # what uv 0.13.9 writes over it
    settings.write_text(
        "home = /opt/bin\nimplementation = CPython\nuv = 0.13.9\nversion_info = 3.11.7\n"
        "include-system-site-packages = false\n"
    )
    ended(step)
    assert settings.read_text() == (
        "home = /opt/bin\ninclude-system-site-packages = true\nversion = 3.11.7\nseed = true\n"
    )
    assert argv(step)[1:4] == ("venv", "--allow-existing", "--python")
