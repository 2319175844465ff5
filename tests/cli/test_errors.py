"""Bad input as a user would give it: one clear error with file and next command, no traceback."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasks_lib.errors import ExitCode
from tests.cases import cases
from tests.lab import (
    CONDA_YML,
    DEAD,
    ENTRY,
    PYPROJECT,
    Lab,
    differences,
    expect_no_traceback,
    tree,
    untouched,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.processes

CONDA = ("--combo", "conda_uv", "--engine", "rattler")


@cases("json", {"json": True, "text": False})
@pytest.mark.parametrize("task", ["setup", "env.list", "check.all", "deps.lock"])
def test_no_pyproject(lab: Lab, task: str, *, json: bool) -> None:
    (lab.project / "pyproject.toml").unlink()
    answer = lab(task, json=json)
    assert answer.code == 2
    assert "There is no pyproject.toml" in answer.stdout
    assert str(lab.project) in answer.stdout


@cases(
    "text, line",
    {
        "no value": ("[project]\nname = \n", 2),
        "no bracket": ("[project\n", 1),
        "a table twice": (PYPROJECT + "\n[project]\n", 17),
        "name is a number": ("[project]\nname = 3\n", 2),
        "project is a string": ('project = "x"\n', 1),
        "dependencies is a string": ('[project]\nname = "x"\ndependencies = "y"\n', 3),
        "unknown setting": ('[project]\nname = "x"\n[tool.mlops-lab]\ncolour = "red"\n', 4),
        "unknown combo": ('[project]\nname = "x"\n[tool.mlops-lab]\ncombo = "pip_conda"\n', 4),
        "combo is a number": ('[project]\nname = "x"\n[tool.mlops-lab]\ncombo = 3\n', 4),
    },
)
def test_a_broken_pyproject(lab: Lab, text: str, line: int) -> None:
    lab.write("pyproject.toml", text)
    with untouched(lab):
        for task in ("setup", "check.config"):
            answer = lab(task)
            error = answer.error()
            assert (answer.code, error["file"], error["line"]) == (2, "pyproject.toml", line)


def test_a_pyproject_in_another_encoding(lab: Lab) -> None:
    (lab.project / "pyproject.toml").write_bytes("[project]\nname = 'é'\n".encode("latin-1"))
    error = lab("setup").error()
    assert (error["file"], error["line"]) == ("pyproject.toml", 2)
    (lab.project / "pyproject.toml").write_bytes(
        b"\xef\xbb\xbf" + PYPROJECT.replace("\n", "\r\n").encode()
    )
    assert lab("setup", "--combo", "pip_uv", "--dry-run").code == 0


@cases(
    "text, line",
    {
        "broken": ("name: tiny\n  channels: [\n", 2),
        "no name": ("channels:\n  - conda-forge\ndependencies:\n  - python\n", 1),
        "an empty name": ("name:\ndependencies:\n  - python\n", 1),
        "a path as name": ("name: a/b\ndependencies:\n  - python\n", 1),
        "dependencies is a string": ("name: tiny\ndependencies: python\n", 2),
        "an entry is a mapping": ("name: tiny\ndependencies:\n  - python\n  - {numpy: 2}\n", 4),
        "name twice": ("name: tiny\nname: tiny\n", 2),
        "channels is a mapping": ("name: tiny\nchannels: {a: b}\n", 2),
        "a list": ("- tiny\n", 1),
    },
)
def test_a_broken_conda_yml(lab: Lab, text: str, line: int) -> None:
    lab.write("conda.yml", text)
    with untouched(lab):
        for task in ("setup", "env.create"):
            answer = lab(task, *CONDA)
            error = answer.error()
            assert (answer.code, error["file"], error["line"]) == (2, "conda.yml", line)
            assert error["remedy"]


def test_no_conda_yml(lab: Lab) -> None:
    error = lab("setup", *CONDA).error()
    assert error["file"] == "conda.yml"
    assert "--combo" in error["remedy"]


def test_conda_yml_without_a_python(lab: Lab) -> None:
    lab.write("conda.yml", "name: tiny\nchannels: [conda-forge]\ndependencies: []\n")
    answer = lab("setup", *CONDA)
    assert answer.code in {2, 4}
    assert answer.error()["detail"]


@pytest.mark.parametrize("how", ["flag", "variable"])
def test_an_unknown_combo_lists_the_valid_ones(lab: Lab, how: str) -> None:
    wrong = "pip_pipenv"
    answer = (
        lab("setup", "--combo", wrong)
        if how == "flag"
        else lab("setup", env={"MLOPS_LAB_COMBO": wrong})
    )
    error = answer.error()
    assert answer.code == 2
    for combo in (wrong, "pip_poetry", "pip_uv", "conda_poetry", "conda_uv"):
        assert combo in error["detail"]


def test_an_unknown_and_a_missing_engine(lab: Lab) -> None:
    lab.write("conda.yml", CONDA_YML)
    unknown = lab("setup", "--combo", "conda_uv", "--engine", "miniconda")
    assert unknown.code == 2
    assert "rattler" in unknown.error()["detail"]
    missing = lab("setup", "--combo", "conda_uv", "--engine", "micromamba")
    assert missing.code == 3
    assert "--engine rattler" in missing.error()["remedy"]


@pytest.mark.parametrize(
    "words",
    [
        ("no.such.task",),
        ("setup", "--no-such-option"),
        ("setup", "--combo"),
        ("deps.add",),
        ("setup", "and", "more"),
    ],
    ids=" ".join,
)
def test_an_unknown_task_or_option(lab: Lab, words: tuple[str, ...]) -> None:
    plain = lab(*words, json=False)
    assert plain.code == 2
    assert plain.stdout == ""
    assert plain.stderr.startswith("mlops-lab: ")
    answer = lab(words[0], *words[1:], json=True)
    assert answer.code == 2
    assert answer.error()["detail"]


def test_an_unknown_shell(lab: Lab) -> None:
    lab.ok("env.create", "--combo", "pip_uv")
    answer = lab("env.activate", "--combo", "pip_uv", "--shell", "tcsh")
    assert answer.code == 2
    assert "bash" in answer.error()["detail"]


@pytest.mark.parametrize("combo", ["pip_uv", "pip_poetry"])
def test_an_index_that_does_not_answer(lab: Lab, combo: str) -> None:
    dropped = dict.fromkeys((name for name in lab.env if name.startswith(("PIP_", "UV_"))), "")
    caches = {
        "UV_CACHE_DIR": str(lab.home / "uv cache"),
        "POETRY_CACHE_DIR": str(lab.home / "poetry cache"),
    }
    settings = {
        **dropped,
        **caches,
        "MLOPS_LAB_INDEX_URL": f"{DEAD}/simple",
        "PIP_CONFIG_FILE": os.devnull,
    }
    before = lab.manifests()
    answer = lab("setup", "--combo", combo, env=settings)
    error = answer.error()
    assert answer.code == 4
    assert "127.0.0.1:9" in error["detail"]
    assert "does not answer" in error["detail"]
    assert lab.manifests() == before


def test_credentials_are_never_shown(lab: Lab) -> None:
    secret = {
        "MLOPS_LAB_INDEX_URL": "http://me:swordfish@127.0.0.1:9/simple",
        "UV_CACHE_DIR": str(lab.home / "cache"),
    }
    for args in (("setup",), ("setup", "--dry-run")):
        for json in (True, False):
            answer = lab(*args, "--combo", "pip_uv", json=json, env=secret)
            assert "swordfish" not in answer.stdout + answer.stderr, args


@cases("address", {"folder": "file:///nonexistent", "host": DEAD})
def test_a_channel_that_does_not_answer(lab: Lab, address: str) -> None:
    lab.write("conda.yml", CONDA_YML)
    (lab.home / ".condarc").write_text(f"channels: [conda-forge]\nchannel_alias: {address}\n")
    before = lab.manifests()
    answer = lab("setup", *CONDA, env={"RATTLER_CACHE_DIR": str(lab.home / "rattler cache")})
    assert answer.code == 4
    error = answer.error()
    assert address in error["detail"]
    assert "does not answer" in error["detail"]
    assert lab.declared() == before
    assert not (lab.home / ".conda" / "envs" / "tiny_env").exists()


def test_a_broken_condarc(lab: Lab) -> None:
    lab.write("conda.yml", CONDA_YML)
    for text in ("channels: [", "- a\n", "channels: {a: b}\n"):
        (lab.home / ".condarc").write_text(text)
        answer = lab("setup", *CONDA)
        assert answer.code == 2
        assert ".condarc" in f"{answer.error()['file']}"


@pytest.mark.parametrize("combo", ["pip_uv", "pip_poetry"])
def test_a_file_in_place_of_the_environment(lab: Lab, combo: str) -> None:
    (lab.project / ".venv").write_text("no folder")
    with untouched(lab):
        for task in ("setup", "env.create", "env.remove", "check.doctor"):
            answer = lab(task, "--combo", combo)
            assert answer.code in {1, 2}
            assert ".venv" in answer.results[0]["detail"]


@pytest.fixture
def unwritable(lab: Lab) -> Iterator[Lab]:
    """Return a project whose folder cannot be written, not even by root."""
    if shutil.which("chattr") is None or lab.run(["chattr", "+i", str(lab.project)]).code:
        lab.project.chmod(0o555)
        if os.access(lab.project, os.W_OK):
            pytest.skip("this user may write everywhere, and chattr is refused")
    yield lab
    lab.run(["chattr", "-i", str(lab.project)])
    lab.project.chmod(0o755)


@pytest.mark.parametrize("combo", ["pip_uv", "pip_poetry"])
def test_a_folder_that_cannot_be_written(unwritable: Lab, combo: str) -> None:
    before = tree(unwritable.project)
    for task in ("setup", "env.create", "deps.lock"):
        answer = unwritable(task, "--combo", combo)
        assert answer.code == 4
        assert answer.error()["remedy"]
    assert differences(before, tree(unwritable.project)) == {}


@pytest.fixture
def small(lab: Lab) -> Iterator[Lab]:
    """Return a project on a disk of 2 MB."""
    disk = lab.home / "petit"
    disk.mkdir()
    if (
        shutil.which("mount") is None
        or lab.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]).code
    ):
        pytest.skip("no small disk can be made here: mount is refused")
    shutil.copytree(lab.project, disk / "projet")
    lab.project = disk / "projet"
    yield lab
    lab.run(["umount", str(disk)], cwd=lab.home)


@pytest.mark.parametrize("combo", ["pip_uv", "pip_poetry"])
def test_a_full_disk(small: Lab, combo: str) -> None:
    before = small.manifests()
    answer = small("setup", "--combo", combo)
    error = answer.error()
    assert answer.code == 4
    assert "no space left" in error["detail"].lower()
    assert "space" in error["remedy"]
    assert small.declared() == before


def test_the_project_is_found_from_a_folder_inside(lab: Lab) -> None:
    inside = lab.project / "src é" / "deep down"
    inside.mkdir(parents=True)
    answer = lab("env.list", "--combo", "pip_uv", cwd=inside)
    assert Path(answer.document["project"]) == lab.project


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing limits the address space")
@cases(
    "megabytes", {"no task": 26, "no runner": 36, "no threads": 48, "no tool": 76, "enough": 400}
)
def test_without_memory_there_is_one_clear_error(lab: Lab, megabytes: int) -> None:
    argv = lab.argv("check.all", "--combo", "pip_uv", json=False)
    limited = f'ulimit -v {megabytes}000; exec "$@"'
    answer = lab.run(["/bin/sh", "-c", limited, "sh", *argv])
    expect_no_traceback(answer)
    assert answer.code in {1, 4}, answer  # there is no environment yet
    lacks = "The system gives this process no more memory, or no more threads."
    assert (lacks in answer.stdout + answer.stderr) is (answer.code == 4), answer
    assert answer.code == 4 or megabytes == 400


@pytest.mark.skipif(os.name != "posix", reason="a signal of POSIX")
def test_ctrl_c_as_it_starts_is_no_traceback_of_ours(lab: Lab) -> None:
    argv = lab.argv("env.info", "--combo", "pip_uv", json=False)
    for milliseconds in range(0, 60, 6):
        child = lab.start(argv)
        time.sleep(milliseconds / 1000)
        child.send_signal(signal.SIGINT)
        said = "".join(child.communicate(timeout=60))
        assert not re.search(rf'"{re.escape(str(ENTRY))}", line \d+, in main', said), said
        # before `main` Python answers as it does: by the signal, or by what it was doing
        by_python = child.returncode == -signal.SIGINT or "KeyboardInterrupt" in said
        assert by_python or child.returncode == ExitCode.INTERRUPTED, (child.returncode, said)
