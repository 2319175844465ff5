"""The tasks `deps.*` on every combo and engine; a failure or a signal changes nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement

from tests.cases import cases
from tests.lab import (
    CONDA_YML,
    HYBRIDS,
    MANAGERS,
    SAMPLE,
    Answer,
    Case,
    Lab,
    expect_contract,
    expect_no_traceback,
    untouched,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.processes

#: a package whose manifest can be read without building it; its build is the line that is inserted
LOCAL = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "local-package"
version = "1.0"
"""
PATIENCE = 60


def declared(lab: Lab, group: str = "") -> list[str]:
    """Return the names that the manifest declares."""
    data = tomllib.loads((lab.project / "pyproject.toml").read_text("utf-8"))
    entries: list[str] = (
        data["dependency-groups"].get(group, []) if group else data["project"]["dependencies"]
    )
    return [Requirement(entry).name for entry in entries]


@pytest.fixture
def lab(made: Lab) -> Iterator[Lab]:
    """Return a lab that was set up, and bring it back to that."""
    manifests, installed = made.manifests(), made.installed()
    yield made
    shutil.rmtree(made.project / "local", ignore_errors=True)
    for name in made.manifests():
        if name not in manifests:
            (made.project / name).unlink()
    for name, data in manifests.items():
        (made.project / name).write_bytes(data)
    extra = sorted(set(made.installed()) - set(installed))
    if extra:
        made.run([str(made.python), "-m", "pip", "uninstall", "--yes", *extra])
    if made.installed() != installed:
        made.ok("deps.install")
    assert made.installed() == installed


@pytest.mark.parametrize("made", MANAGERS, ids=str, indirect=True)
def test_variables_of_the_tools_steer_no_task(lab: Lab) -> None:
    other = lab.home / "other"
    other.mkdir(exist_ok=True)
    (other / "pyproject.toml").write_text(LOCAL, encoding="utf-8")
    steering = dict.fromkeys(
        ("UV_PROJECT", "UV_WORKING_DIR", "POETRY_VIRTUALENVS_PATH"), str(other)
    )
    for name in ("UV_FROZEN", "UV_NO_SYNC", "UV_MANAGED_PYTHON", "POETRY_INSTALLER_RE_RESOLVE"):
        steering[name] = "1"
    assert lab("deps.add", "toolz", env=steering).code == 0
    assert (other / "pyproject.toml").read_text("utf-8") == LOCAL
    assert [one.name for one in other.iterdir()] == ["pyproject.toml"]
    assert "toolz" in declared(lab)
    assert "toolz" in lab.installed()
    assert "toolz" in lab.lock.read_text("utf-8")


@pytest.mark.parametrize("made", MANAGERS[-1:], ids=str, indirect=True)
def test_variables_for_the_network_and_the_cache_have_their_effect(lab: Lab) -> None:
    kept = {"UV_OFFLINE": "1", "UV_CACHE_DIR": str(lab.home / "none")}
    assert lab("deps.update", env=kept).error()["code"] == "not_cached"


def test_add_and_remove(lab: Lab) -> None:
    before = lab.installed()
    with untouched(lab):
        plan = lab.ok("deps.add", "toolz", "--dry-run").data["plan"]
        assert [step["id"] for step in plan if step["id"] != "guard"] == [
            "deps.edit",
            "deps.install",
        ]
    answer = lab.ok("deps.add", "toolz mypy-extensions>=1")
    new = set(lab.installed()) - set(before)
    assert new == {"toolz", "mypy-extensions"}
    assert {row["package"] for row in answer.data["packages"]} == new
    assert new <= set(declared(lab))
    assert b"# brings click" in lab.manifests()["pyproject.toml"]
    assert b"toolz" in lab.lock.read_bytes()
    lab.ok("check.lock")

    with untouched(lab):
        lab.ok("deps.remove", "toolz", "--dry-run")
    answer = lab.ok("deps.remove", "toolz mypy-extensions")
    assert lab.installed() == before
    assert {row["package"] for row in answer.data["packages"]} == new
    assert b"toolz" not in lab.lock.read_bytes()
    assert lab.ok("setup").data["changed"] == []


@pytest.mark.parametrize("made", MANAGERS, ids=str, indirect=True)
def test_groups(lab: Lab) -> None:
    before = lab.installed()
    lab.ok("deps.add", "toolz", "--group", "extra")
    assert declared(lab, "extra") == ["toolz"]
    assert "toolz" not in declared(lab)
    assert "toolz" in lab.installed()
    lab.ok("deps.install", "--group", "extra")
    lab.ok("deps.remove", "toolz", "--group", "extra")
    assert lab.installed() == before
    assert "toolz" not in declared(lab, "extra")


@pytest.mark.parametrize("case", SAMPLE, ids=str)
def test_what_was_chosen_is_installed_and_stays_chosen(
    new_lab: Callable[[Case], Lab], case: Case
) -> None:
    lab = new_lab(case)
    text = (lab.project / "pyproject.toml").read_text("utf-8")
    lab.write("pyproject.toml", f'{text}\n[project.optional-dependencies]\nWeb_X = ["toolz"]\n')
    wrong = lab("setup", "--extra", "webx")
    assert (wrong.code, wrong.error()["code"]) == (2, "unknown_extra")
    assert not lab.prefix.exists()
    lab.ok("setup", "--extra", "web-x", "--no-dev")
    chosen = lab.installed()
    assert "toolz" in chosen
    assert "iniconfig" not in chosen
    assert lab.ok("setup").data["note"] == "nothing to do"
    lab.ok("deps.sync")
    assert lab.ok("check.all", "--strict", "--ignore", "agreement,leak").ids("warn") == set()
    lab.ok("deps.add", "markupsafe", "--optional", "srv")
    assert lab.installed().keys() == {*chosen, "markupsafe"}
    manifest = tomllib.loads((lab.project / "pyproject.toml").read_text("utf-8"))
    (entry,) = manifest["project"]["optional-dependencies"]["srv"]
    assert Requirement(entry).name == "markupsafe"
    lab.run([str(lab.python), "-m", "pip", "uninstall", "--yes", "markupsafe", "toolz"])
    assert lab("check.all").ids("fail") >= {"drift.lock"}
    lab.ok("setup", "--dev")
    assert lab.installed().keys() == {*chosen, "markupsafe", "iniconfig"}
    shutil.rmtree(lab.home)


@pytest.mark.parametrize("case", MANAGERS, ids=str)
def test_extras_and_groups_of_the_settings_are_installed_unasked(
    new_lab: Callable[[Case], Lab], case: Case
) -> None:
    lab = new_lab(case)
    text = (lab.project / "pyproject.toml").read_text("utf-8")
    text = text.replace("[dependency-groups]\n", '[dependency-groups]\nLint = ["six"]\n')
    text += "\n[tool.poetry.group.Lint]\noptional = true\n"
    text += '\n[project.optional-dependencies]\nWeb_X = ["toolz"]\n\n[tool.mlops-lab]\n'
    lab.write("pyproject.toml", f'{text}extras = ["webx"]\n')
    wrong = lab("setup", "--dry-run").error()
    assert (wrong["code"], wrong["file"]) == ("wrong_setting", "pyproject.toml")
    assert wrong["detail"] == "[tool.mlops-lab] extras lists 'webx'; the project has Web_X."
    lab.write("pyproject.toml", f'{text}extras = ["web-x"]\ngroups = ["lint"]\n')
    lab.ok("setup")
    assert {"toolz", "six", "iniconfig"} <= lab.installed().keys()
    assert lab.ok("setup").data["note"] == "nothing to do"
    lab.ok("deps.sync")
    assert "drift.lock" in lab.ok("check.all", "--select", "drift").ids("pass")
    assert {"toolz", "six"} <= lab.installed().keys()
    lab.run([str(lab.python), "-m", "pip", "uninstall", "--yes", "six"])
    (drift,) = [
        one for one in lab("check.all", "--select", "drift").results if one["id"] == "drift.lock"
    ]
    assert drift["detail"] == "Not installed: six."
    lab.ok("setup", "--extra", "", "--no-dev")  # what is chosen for a checkout wins
    assert "six" not in lab.installed()
    shutil.rmtree(lab.home)


@pytest.mark.parametrize("made", MANAGERS, ids=str, indirect=True)
def test_update_lock_and_install(lab: Lab) -> None:
    text = (lab.project / "pyproject.toml").read_text("utf-8")
    lab.write("pyproject.toml", text.replace("iniconfig>=2", "iniconfig==2.0.0"))
    lab.ok("deps.lock")
    lab.ok("deps.install")
    assert lab.installed()["iniconfig"] == "2.0.0"
    lab.write("pyproject.toml", text)
    lab.ok("deps.lock")
    answer = lab.ok("deps.update", "--package", "iniconfig")
    assert lab.installed()["iniconfig"] != "2.0.0"
    assert [row["package"] for row in answer.data["packages"]] == ["iniconfig"]
    lab.ok("deps.update")
    lab.ok("check.lock")


@pytest.mark.parametrize("made", HYBRIDS, ids=str, indirect=True)
def test_the_conda_layer(lab: Lab) -> None:
    before = lab.installed()
    with untouched(lab):
        lab.ok("deps.add", "six", "--layer", "conda", "--dry-run")
    lab.ok("deps.add", "six>=1.10", "--layer", "conda")
    text = (lab.project / "conda.yml").read_text("utf-8")
    assert [line for line in text.splitlines() if "six" not in line] == CONDA_YML.splitlines()
    assert "six>=1.10" in text
    assert "six" in lab.installed()
    assert lab.ok("setup").data["changed"] == []
    lab.ok("check.doctor")

    with untouched(lab):
        lab.ok("deps.remove", "six", "--layer", "conda", "--dry-run")
    lab.ok("deps.remove", "six", "--layer", "conda")
    assert (lab.project / "conda.yml").read_text("utf-8") == CONDA_YML
    assert lab.installed() == before
    lab.ok("check.doctor")


def refused(lab: Lab, *args: str) -> dict[str, Any]:
    """Run what must fail; manifests, locks and the installed set stay as they were."""
    manifests, installed = lab.manifests(), lab.installed()
    error = lab(*args).error()
    assert lab.manifests() == manifests
    assert lab.installed() == installed
    return error


@pytest.mark.parametrize("made", MANAGERS, ids=str, indirect=True)
@pytest.mark.parametrize("package", ["no-such-package-anywhere-1", "iniconfig==0.0.999"])
def test_adding_what_is_nowhere(lab: Lab, package: str) -> None:
    error = refused(lab, "deps.add", f"toolz {package}")
    assert package.partition("=")[0] in error["detail"]
    assert error["remedy"]


@pytest.mark.parametrize("made", MANAGERS, ids=str, indirect=True)
def test_adding_what_cannot_be_solved(lab: Lab) -> None:
    error = refused(lab, "deps.add", "iniconfig<2")
    assert "iniconfig" in error["detail"]


@pytest.mark.parametrize("made", HYBRIDS, ids=str, indirect=True)
def test_adding_to_the_conda_layer_what_is_nowhere(lab: Lab) -> None:
    for word in ("--group=dev", "--package=x"):
        refused(lab, "deps.add", "six", "--layer", "conda", word)
    error = refused(lab, "deps.remove", "six", "--layer", "conda")
    assert "conda.yml" in f"{error['file']} {error['detail']}"
    for spec in ("no-such-package-anywhere", "six>=99"):
        error = refused(lab, "deps.add", spec, "--layer", "conda")
        assert spec.partition(">")[0] in error["detail"]


@pytest.mark.parametrize("made", MANAGERS, ids=str, indirect=True)
def test_removing_what_is_not_declared(lab: Lab) -> None:
    assert "toolz" in refused(lab, "deps.remove", "toolz")["detail"]


@pytest.mark.parametrize("made", MANAGERS, ids=str, indirect=True)
def test_words_that_are_not_packages(lab: Lab) -> None:
    for args in (
        ("deps.add", "toolz", "--layer", "java"),
        ("deps.add", " "),
        ("deps.update", "--group", "no-group"),
    ):
        assert refused(lab, *args)["detail"]
    assert lab("deps.add", "--", "--index-url=x").code == 2


def local_package(lab: Lab, body: str) -> str:
    """Write a package into the project whose build does `body`."""
    lab.write("local/pyproject.toml", LOCAL)
    hooks = "".join(
        f"def {name}(*args, **kwargs):\n    {body}\n" for name in ("build_wheel", "build_editable")
    )
    lab.write("local/backend.py", hooks)
    return "./local"


@pytest.mark.parametrize("made", SAMPLE, ids=str, indirect=True)
def test_a_failing_installation_is_undone(lab: Lab) -> None:
    local = local_package(lab, 'raise RuntimeError("this build fails")')
    error = refused(lab, "deps.add", f"toolz {local}")
    assert "local" in error["detail"]


@pytest.mark.parametrize("made", HYBRIDS, ids=str, indirect=True)
def test_conda_yml_that_cannot_be_written(lab: Lab) -> None:
    if lab.run(["chattr", "+i", "conda.yml"]).code:
        pytest.skip("no file can be made unwritable here: chattr is refused")
    try:
        refused(lab, "deps.add", "six", "--layer", "conda")
    finally:
        lab.run(["chattr", "-i", "conda.yml"])
    lab.ok("check.doctor")


@pytest.mark.parametrize("made", SAMPLE, ids=str, indirect=True)
@cases("number", {"Ctrl-C": signal.SIGINT, "SIGTERM": signal.SIGTERM})
def test_stopped_while_it_installs(lab: Lab, number: int) -> None:
    manifests, installed = lab.manifests(), lab.installed()
    marker = lab.project / "local" / "builds"
    local = local_package(
        lab, f"import os, time; open({str(marker)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    )
    child = lab.start(lab.argv("deps.add", f"toolz {local}", json=True))
    try:
        assert comes(
            lambda: child.poll() is not None or (marker.is_file() and marker.read_text() != "")
        )
        assert child.poll() is None, child.communicate()
        assert lab.manifests() != manifests
        # a terminal sends it to all that runs in it
        (os.killpg if number == signal.SIGINT else os.kill)(child.pid, number)
        stdout, stderr = child.communicate(timeout=PATIENCE)
    finally:
        child.kill()
    answer = Answer(child.returncode, stdout, stderr)
    expect_no_traceback(answer)
    expect_contract(answer)
    assert answer.code == 130
    assert lab.manifests() == manifests
    assert lab.installed() == installed
    assert comes(lambda: not is_running(int(marker.read_text())))


def comes(happens: Callable[[], bool]) -> bool:
    """Wait for something to happen, and return whether it did."""
    until = time.monotonic() + PATIENCE
    while not happens() and time.monotonic() < until:
        time.sleep(0.05)
    return happens()


def is_running(number: int) -> bool:
    """Return whether a process exists and has not ended."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
