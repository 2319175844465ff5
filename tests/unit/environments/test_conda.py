"""The conda environment: where it is, how it is made, base, and the list that conda keeps."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasks_lib.environments.base import State
from tasks_lib.environments.conda import Conda
from tasks_lib.environments.conda_config import Condarc
from tasks_lib.environments.conda_folders import envs_dirs, is_base
from tasks_lib.errors import ExitCode, LabError
from tasks_lib.execution.plan import Installs
from tasks_lib.tools import executables
from tests.cases import cases
from tests.steps import argv, done, ended, outcome

if TYPE_CHECKING:
    from tests.conftest import MakeProject
    from tests.unit.conftest import Install, Link

CONDA = "name: demo\nchannels: [conda-forge]\ndependencies:\n  - python=3.11\n  - six\n"
PIP = f"{CONDA}  - pip:\n    - click>=8\n    - -e ./x y\n"


@pytest.fixture
def condabin(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a file called conda on PATH, to be found and never run."""
    program = root / "miniconda" / "condabin" / "conda"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    return program


def test_environment_is_made_in_the_users_folder(project: MakeProject, home: Path) -> None:
    environment = Conda(project(conda=CONDA))
    assert (environment.name, environment.engine) == ("demo", "rattler")
    assert environment.prefix == home / ".conda/envs/demo"
    assert environment.state() is State.ABSENT


def test_environment_is_made_in_the_first_folder_that_can_be_written(
    project: MakeProject, home: Path
) -> None:
    (home / "file").touch()
    (home / ".condarc").write_text(f"envs_dirs: [{home}/file, ~/mine, {home}/other]\n")
    assert Conda(project(conda=CONDA)).prefix == home / "mine/demo"


def test_environment_that_is_there_is_found_in_any_folder(
    project: MakeProject, home: Path, conda_env: Path
) -> None:
    (home / ".condarc").write_text("envs_dirs: [~/mine]\n")
    environment = Conda(project(conda=CONDA))
    assert environment.prefix == conda_env
    assert environment.state() is State.PRESENT


def test_folders_of_an_installation_that_can_be_written_come_first(home: Path, root: Path) -> None:
    user = home / ".conda/envs"
    assert envs_dirs(Condarc(), root) == [root / "envs", user]
    assert envs_dirs(Condarc()) == [user]


def test_missing_conda_file_stops_the_layer(project: MakeProject) -> None:
    environment = Conda(project())
    assert not Conda.applies(environment.project)
    with pytest.raises(LabError, match=r"There is no conda\.yml"):
        environment.creation()


def test_rattler_makes_it_and_installs_the_pip_section_behind(
    project: MakeProject, home: Path, root: Path
) -> None:
    environment = Conda(project(conda=PIP))
    create, pip = environment.creation()
    prefix = home / ".conda/envs/demo"
    assert argv(create)[2:] == (
        "install",
        "--prefix",
        str(prefix),
        "--channel",
        "conda-forge",
        "--spec=python=3.11",
        "--spec=six",
    )
    assert argv(pip) == (
        executables.uv(),
        "pip",
        "install",
        "--python",
        str(prefix / "bin/python"),
        "--break-system-packages",
        "click>=8",
        "-e",
        "./x y",
    )
    assert pip.command
    assert pip.command.cwd == root
    assert "env.create" in pip.needs
    assert create.undo == pip.undo == environment.discard


def test_conda_makes_it_and_does_not_install_the_pip_section_unasked(
    project: MakeProject, condabin: Path
) -> None:
    environment = Conda(project(conda=PIP, engine="auto"))
    assert environment.engine == "conda"
    create, pip = environment.creation()
    prefix = condabin.parents[1] / "envs" / "demo"
    assert argv(create) == (
        str(condabin),
        "create",
        "--yes",
        "--prefix",
        str(prefix),
        "--channel",
        "conda-forge",
        "python=3.11",
        "six",
    )
    assert (pip.id, pip.installs) == ("env.pip", Installs.PYTHON_PACKAGES)


@pytest.mark.parametrize("engine", ["rattler", "conda"])
@cases(
    "conda",
    {
        "python": CONDA,
        "python of a channel": CONDA.replace("python=3.11", "conda-forge::python >=3.11"),
        "no python": CONDA.replace("  - python=3.11\n", ""),
    },
)
def test_python_that_was_asked_for_takes_the_files_place(
    project: MakeProject, condabin: Path, engine: str, conda: str
) -> None:
    assert condabin.exists()
    (create,) = Conda(project(conda=conda, python="3.12", engine=engine)).creation()
    words = [word for word in argv(create) if "six" in word or "python=" in word]
    assert sorted(word.removeprefix("--spec=") for word in words) == ["python=3.12", "six"]


def test_broken_one_is_cleared_first(project: MakeProject, conda_env: Path) -> None:
    (conda_env / "bin/python").unlink()
    environment = Conda(project(conda=CONDA))
    assert environment.state() is State.BROKEN
    clear, create = environment.creation()
    assert (clear.id, create.id) == ("env.clear", "env.create")
    assert "env.clear" in create.needs
    done(clear)
    assert environment.state() is State.ABSENT


def test_foreign_folder_is_never_written_to(project: MakeProject, home: Path) -> None:
    (home / ".conda/envs/demo").mkdir(parents=True)
    (home / ".conda/envs/demo/thesis.tex").touch()
    with pytest.raises(LabError, match="exists already"):
        Conda(project(conda=CONDA)).creation()


def test_present_one_is_brought_to_what_the_file_says(
    project: MakeProject, conda_env: Path, link: Link, install: Install
) -> None:
    link(conda_env, "python", "3.11.7")
    environment = Conda(project(conda=PIP))
    assert environment.lacking() == ("six", "click>=8", "./x y")
    update, pip = environment.creation()
    assert (update.id, pip.id) == ("env.update", "env.pip")
    assert [word for word in argv(update) if word.startswith("--spec")] == ["--spec=six"]
    assert update.undo is None
    assert pip.undo is None
    link(conda_env, "six", "1.17.0")
    install(conda_env, "click", "8.1")
    source = {"url": (environment.project.root / "x y").as_uri(), "dir_info": {"editable": True}}
    (install(conda_env, "x", "1") / "direct_url.json").write_text(json.dumps(source))
    assert environment.lacking() == ()
    assert environment.creation() == ()


@cases(
    "python, lacks",
    {
        "fits": ("3.11", ()),
        "other": ("3.12", ("python=3.12",)),
        "shorter": ("3.1", ("python=3.1",)),
    },
)
def test_python_that_was_asked_for_is_lacking(
    project: MakeProject, conda_env: Path, link: Link, python: str, lacks: tuple[str, ...]
) -> None:
    link(conda_env, "python", "3.11.7")
    link(conda_env, "six", "1.17.0")
    assert Conda(project(conda=CONDA, python=python)).lacking() == lacks


def test_damaged_record_of_a_present_one_is_a_clear_error(
    project: MakeProject, conda_env: Path, link: Link
) -> None:
    link(conda_env, "python", "3.11.7").write_text("{")
    with pytest.raises(LabError, match=r"python-3\.11\.7-py_0\.json is damaged"):
        Conda(project(conda=CONDA)).lacking()


def test_activation_sets_condas_variables_and_those_of_the_environment(
    project: MakeProject, conda_env: Path
) -> None:
    (conda_env / "conda-meta/state").write_text(
        json.dumps({"env_vars": {"A": "state", "B": "state"}})
    )
    for folder in ("env_vars.d", "activate.d", "deactivate.d"):
        (conda_env / "etc/conda" / folder).mkdir(parents=True)
    (conda_env / "etc/conda/env_vars.d/x.json").write_text(
        json.dumps({"A": "package", "C": "package"})
    )
    for name in ("b.sh", "a.sh"):
        (conda_env / "etc/conda/activate.d" / name).touch()
        (conda_env / "etc/conda/deactivate.d" / name).touch()
    found = Conda(project(conda=CONDA)).activation()
    assert found.variables == {
        "A": "state",
        "B": "state",
        "C": "package",
        "CONDA_PREFIX": str(conda_env),
        "CONDA_DEFAULT_ENV": "demo",
        "CONDA_SHLVL": "1",
    }
    assert found.path == (conda_env / "bin",)
    assert [path.name for path in found.scripts] == ["a.sh", "b.sh"]
    assert [path.name for path in found.undo_scripts] == ["b.sh", "a.sh"]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"env_vars": [1]}', '{"env_vars": null}'])
def test_damaged_state_sets_nothing(project: MakeProject, conda_env: Path, text: str) -> None:
    (conda_env / "conda-meta/state").write_text(text)
    assert set(Conda(project(conda=CONDA)).activation().variables) == {
        "CONDA_PREFIX",
        "CONDA_DEFAULT_ENV",
        "CONDA_SHLVL",
    }


def test_variables_that_are_no_text_do_not_reach_a_process(
    project: MakeProject, conda_env: Path
) -> None:
    (conda_env / "conda-meta/state").write_text(
        '{"env_vars": {"A": 1, "B": null, "C": {"x": 1}, "D": "d"}}'
    )
    found = Conda(project(conda=CONDA)).activation().env()
    assert all(value is None or isinstance(value, str) for value in found.values())
    assert found["D"] == "d"


BASES = {
    "launchers": ("condabin",),
    "environments and packages": ("envs", "pkgs"),
}


@cases("folders", BASES)
def test_base_is_never_touched_however_it_is_named(
    project: MakeProject, conda_env: Path, folders: tuple[str, ...]
) -> None:
    for folder in folders:
        (conda_env / folder).mkdir()
    environment = Conda(project(conda=CONDA))
    for action in (environment.creation, environment.require, environment.discard):
        with pytest.raises(LabError, match="base environment") as caught:
            action()
        assert caught.value.exit_code == ExitCode.GUARD_REFUSED
    assert conda_env.is_dir()


def test_base_is_recognised_through_a_link(root: Path, home: Path) -> None:
    (root / "conda-meta").mkdir()
    (home / "other name").symlink_to(root)
    assert is_base(home / "other name", root)
    assert not is_base(root)
    assert not is_base(root, home)
    assert not is_base(root / "nothing", root)


def _made(environment: Conda) -> None:
    create = environment.creation()[0]
    prefix = environment.prefix
    (prefix / "conda-meta").mkdir(parents=True, exist_ok=True)
    (prefix / "bin").mkdir(exist_ok=True)
    if not (prefix / "bin/python").exists():
        (prefix / "bin/python").symlink_to("/bin/sh")
    ended(create)


def test_environment_is_entered_in_condas_list_once_and_taken_off_again(
    project: MakeProject, home: Path
) -> None:
    known = home / ".conda/environments.txt"
    known.parent.mkdir()
    known.write_text("/other/one\n")
    environment = Conda(project(conda=CONDA))
    _made(environment)
    assert known.read_text() == f"/other/one\n{environment.prefix}\n"
    environment.discard()
    assert not environment.prefix.exists()
    assert known.read_text() == "/other/one\n"
    _made(environment)
    environment.discard()
    assert known.read_text() == "/other/one\n"


def test_list_without_a_last_line_break_is_not_spoilt(project: MakeProject, home: Path) -> None:
    known = home / ".conda/environments.txt"
    known.parent.mkdir()
    known.write_text("/other/one")
    environment = Conda(project(conda=CONDA))
    _made(environment)
    assert known.read_text().splitlines() == ["/other/one", str(environment.prefix)]


def test_environment_without_a_python_is_refused(project: MakeProject) -> None:
    environment = Conda(project(conda=CONDA.replace("  - python=3.11\n", "")))
    with pytest.raises(LabError, match="does not contain Python") as caught:
        ended(environment.creation()[0])
    assert caught.value.file == "conda.yml"


def test_doctor_is_the_engines_where_it_has_one(project: MakeProject, condabin: Path) -> None:
    assert Conda(project(conda=CONDA)).doctor() is None
    environment = Conda(project(conda=CONDA, engine="conda"))
    assert argv(environment.doctor()) == (
        str(condabin),
        "doctor",
        "--prefix",
        str(environment.prefix),
    )


def test_variables_of_the_file_are_written_into_the_environment(
    project: MakeProject, conda_env: Path
) -> None:
    environment = Conda(project(conda=f"{CONDA}variables: {{KEY: hunter2}}\n"))
    list(environment._created(outcome()))  # noqa: SLF001 - what creation reads with
    assert environment.activation().variables["KEY"] == "hunter2"
    assert (conda_env / "conda-meta/state").is_file()


@pytest.mark.processes
def test_what_a_creation_records_can_be_typed(
    project: MakeProject, conda_env: Path, home: Path
) -> None:
    variables = "variables:\n  KEY: \"hunter2 'é' $x\"\n  NUMBER: 1\n  FLAG: true\n"
    environment = Conda(project(conda=f"{CONDA}{variables}"))
    (step,) = environment.creation_again()[-1:]
    create, *recording = step.as_dict()["command"].splitlines()
    assert create.startswith(shlex.quote(sys.executable))
    assert "hunter2" not in "".join(recording)
    known, state = home / ".conda/environments.txt", conda_env / "conda-meta/state"
    found = []
    for do in (
        lambda: subprocess.run(["/bin/bash", "-ec", "\n".join(recording)], check=True),
        lambda: environment._created(outcome()),  # noqa: SLF001 - what creation reads with
    ):
        for path in (known, state):
            path.unlink(missing_ok=True)
        do()
        found.append((known.read_text("utf-8"), json.loads(state.read_text("utf-8"))))
    assert found[0] == found[1]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such paths")
def test_path_that_is_not_utf_8_is_one_error(project: MakeProject, root: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(root) + b"\xff"))
    made = replace(project(conda=CONDA), root=odd)
    with pytest.raises(LabError, match="is not UTF-8, and conda") as caught:
        Conda(made).creation()
    assert caught.value.code.exit_code is ExitCode.BAD_REQUEST
