"""What a checkout that nobody trusts answers, with real tools, and that reading leaves no file."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults.hostile import Hostile, environment
from tests.integration.test_remedies import mended
from tests.lab import MANAGERS, PYTHON, VERSION, Lab, untouched
from tests.repository import Git

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab import Case

pytestmark = pytest.mark.processes

#: Its version is computed by setuptools, which leaves an egg-info in the folder.
DYNAMIC = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "demo-pkg"
dynamic = ["version"]
requires-python = ">=3.11"
dependencies = ["iniconfig"]

[tool.setuptools.dynamic]
version = { attr = "demo_pkg.__version__" }
"""
READING = (
    ("check.config", 0),
    ("check.lock", 1),
    ("check.all", 1),
    ("setup --dry-run", 0),
    ("explain setup", 0),
    ("deps.export", 2),
)
#: what starts the environment's interpreter in a checkout that is trusted
STARTING = (("check.all", 0), ("deps.outdated", 0), ("deps.export", 0))


@pytest.fixture
def dynamic(new_lab: Callable[[Case], Lab]) -> Lab:
    """Return a lab whose project has a dynamic version, and a lock."""
    lab = new_lab(MANAGERS[-1])
    lab.write("pyproject.toml", DYNAMIC)
    lab.write("demo_pkg/__init__.py", '__version__ = "1"\n')
    lab.ok("deps.lock")
    for left in lab.project.glob("*.egg-info"):
        shutil.rmtree(left)
    return lab


def test_reading_builds_no_metadata_in_the_folder(dynamic: Lab) -> None:
    with untouched(dynamic):
        assert dynamic.ok("check.lock").ids("pass") == {"lock.fresh"}
        assert "iniconfig==" in dynamic.ok("deps.export").data["script"]
    text = DYNAMIC.replace('"iniconfig"', '"iniconfig", "toolz"')
    dynamic.write("pyproject.toml", text)
    with untouched(dynamic):
        for task, code in READING:
            assert dynamic(*task.split()).code == code, task


def test_dynamic_dependencies_are_told_by_code_alone(dynamic: Lab) -> None:
    text = DYNAMIC.replace('["version"]', '["version", "dependencies"]')
    text = text.replace('dependencies = ["iniconfig"]\n', "")
    dynamic.write("pyproject.toml", text + 'dependencies = { file = "needs.txt" }\n')
    dynamic.write("needs.txt", "iniconfig\n")
    dynamic.ok("deps.lock")
    for left in dynamic.project.glob("*.egg-info"):
        shutil.rmtree(left)
    with untouched(dynamic):
        assert dynamic.ok("check.lock").ids("pass") == {"lock.fresh"}
    data = dynamic.write("docs/0", "")
    os.truncate(data, 1 << 30)
    os.mkfifo(data.with_name("pipe"))
    with untouched(dynamic):
        assert dynamic.ok("check.lock").ids("pass") == {"lock.fresh"}
    for number in range(1, 258):
        os.truncate(dynamic.write(f"docs/{number}", ""), 1 << 20)
    with untouched(dynamic):
        (result,) = dynamic.ok("check.lock").results
    assert result["status"] == "skip"
    assert "it has more than 256 MiB" in result["detail"]
    shutil.rmtree(data.parent)
    needs = dynamic.write("needs.txt", "iniconfig\ntoolz\n")
    with untouched(dynamic):
        assert dynamic("check.lock").ids("fail") == {"lock.fresh"}
    needs.write_text("iniconfig\n")
    shutil.rmtree(dynamic.home / ".local" / "state")
    with untouched(dynamic):
        (result,) = dynamic.ok("check.lock").results
    assert result["status"] == "skip"
    assert "nobody has said yet that this checkout is trusted" in result["detail"]
    mended(dynamic, "check.lock", "lock.fresh", "setup")


@pytest.mark.parametrize("made", MANAGERS, ids=str, indirect=True)
def test_a_clone_without_trust_answers_all_the_same(made: Lab) -> None:
    trusted = made.ok("check.all")
    state = made.home / ".local" / "state"
    shutil.rmtree(state)
    with untouched(made):
        answer = made.ok("check.all")
        rows = made.ok("deps.outdated").data["outdated"]
        exported = made.ok("deps.export").data["script"]
    differs = {(one["id"], one["status"]) for one in answer.results} ^ {
        (one["id"], one["status"]) for one in trusted.results
    }
    assert differs == {("doctor.start", "skip"), ("doctor.start", "pass")}  # it starts a program
    assert not state.exists()
    assert exported == made.ok("deps.export", "--trust").data["script"]
    assert {row["name"] for row in made.ok("deps.outdated").data["outdated"]} <= {
        row["name"] for row in rows
    }


@pytest.mark.parametrize("made", MANAGERS, ids=str, indirect=True)
def test_an_environment_that_came_since_is_not_started(made: Lab, tmp_path: Path) -> None:
    assert not installs(made)  # the one that `setup` made is trusted
    hostile = Hostile(made, tmp_path)
    name = made.python.parent.parent / "lib" / f"python{VERSION}" / "site-packages" / "hostile.pth"
    repository = Git(made.project)
    repository.run("init", "--quiet")
    repository.commit(str(name.relative_to(made.project)), hostile.code("pth"))
    for task, code in STARTING:
        assert made(*task.split()).code == code, task
    assert installs(made)
    assert hostile.fired == set()
    made.ok("setup")
    assert not installs(made)
    made.imports("os")  # uv remembers an interpreter that it has asked
    assert hostile.fired == {"pth"}
    hostile.forget()
    shutil.rmtree(made.project / ".git")
    shutil.rmtree(made.prefix)
    environment(hostile, made.prefix, Path(PYTHON).parent)
    for task, _ in STARTING:
        made(*task.split())
    assert installs(made)
    assert hostile.fired == set()
    made.ok("setup", "--recreate")
    assert not installs(made)


def installs(lab: Lab) -> bool:
    """Return whether the plan of `setup` installs: without trust, no environment is asked."""
    plan = lab.ok("setup", "--dry-run").data["plan"]
    return "deps.install" in {step["id"] for step in plan}


def test_check_config_does_not_wait_for_a_resolution(dynamic: Lab) -> None:
    text = DYNAMIC.replace('"iniconfig"', '"iniconfig", "nobody-has-such-a-package"')
    dynamic.write("pyproject.toml", text)
    began = time.monotonic()
    dynamic.ok("check.config")
    dead = {"MLOPS_LAB_INDEX_URL": "http://127.0.0.1:9/simple/"}
    assert dynamic("check.config", env=dead).code == 0
    assert time.monotonic() - began < 30
