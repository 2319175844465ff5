"""`setup` on every combo and engine, from nothing, again, changed, broken and failing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.test_remedies import mended
from tests.lab import (
    CASES,
    CLI,
    CONDA_YML,
    DEAD,
    INSTALLED,
    LAYERS,
    MANAGERS,
    PYTHON,
    SAMPLE,
    VERSION,
    Case,
    Lab,
    tools,
    untouched,
    wheel,
)

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.processes

BASH = shutil.which("bash") or ""
PIP_CASES = [case for case in CASES if case.layer == "pip"]
PIP_SECTION = "  - pip:\n      - toolz\n"


def packages(lab: Lab) -> dict[str, str]:
    """Return what is installed, without what an environment has before any manager runs."""
    return {
        name: version
        for name, version in lab.installed().items()
        if name not in {"pip", "setuptools", "wheel"}
    }


def listed(lab: Lab) -> dict[str, Path]:
    """Read `conda env list` as a user does: the name, and the folder behind it."""
    answer = lab.conda("env", "list")
    assert answer.code == 0, answer
    rows = [
        line.replace(" * ", "   ").split(maxsplit=1)
        for line in answer.stdout.splitlines()
        if line[:1] != "#"
    ]
    return {row[0]: Path(row[1]) for row in rows if len(row) == 2}


def typed(lab: Lab, script: str) -> None:
    """Paste the text of a dry run into a shell in the project's folder."""
    done = subprocess.run(
        [BASH, "-e", "-c", script],
        cwd=lab.project,
        env=lab.env,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, (script, done.stdout, done.stderr)


def test_uv_never_sees_an_environment_that_is_half_made(new_lab: Callable[[Case], Lab]) -> None:
    """Otherwise uv takes it for its base Python and remembers that.

    It would then install there once the environment is whole.
    """
    lab = new_lab(Case("pip_uv"))
    lab.env["UV_CACHE_DIR"] = str(lab.home / "uv cache")
    (lab.prefix / "bin").mkdir(parents=True)
    lab.python.symlink_to(Path(PYTHON).resolve())  # `uv venv` writes pyvenv.cfg behind it
    lab("check.lock")
    lab("deps.lock")
    assert lab.lock.is_file()
    shutil.rmtree(lab.prefix)
    lab.ok("env.create")
    seen = lab.run(
        [str(tools() / "uv"), "pip", "list", "--format", "json", "--python", str(lab.python)]
    )
    assert {row["name"] for row in json.loads(seen.stdout)} <= {
        "pip",
        "setuptools",
        "wheel",
        "packaging",
    }
    shutil.rmtree(lab.home)


def test_an_environment_is_created_again_in_the_combo_that_was_chosen(
    new_lab: Callable[[Case], Lab],
) -> None:
    """The old one is back where the new one cannot be made, and is gone where it is made."""
    lab = new_lab(Case("pip_poetry"))
    lab.ok("setup")
    stale = lab.prefix / "of the old environment"
    stale.touch()
    lock = lab.lock
    locked = lock.read_bytes()
    lab.write("uv.lock", "")  # it speaks for the other manager
    lab.case = None
    with untouched(lab):
        failed = lab("setup", "--recreate", "--python", "9.9")
        assert failed.code == 3, failed
    answer = lab.ok("setup", "--recreate")
    assert answer.document["combo"]["id"] == "pip_poetry"
    assert "uv.lock is here too" in answer.document["combo"]["reason"]
    assert lab.imports(*INSTALLED.values()) == lab.prefix
    assert not stale.exists()
    assert lock.read_bytes() == locked
    assert not list(lab.project.glob(".mlops-lab*"))
    shutil.rmtree(lab.home)


@pytest.mark.parametrize("fresh", CASES, ids=str, indirect=True)
def test_from_nothing(fresh: Lab) -> None:
    with untouched(fresh):
        plan = fresh.ok("setup", "--dry-run").data["plan"]
        shown = fresh("setup", "--dry-run", json=False).stdout
    answer = fresh.ok("setup")
    assert fresh.imports(*INSTALLED.values()) == fresh.prefix
    assert fresh.lock.is_file()
    assert {"env.create", "deps.lock", "deps.install", "env.exists", "lock.fresh"} <= answer.ids(
        "pass"
    )
    assert {result["status"] for result in answer.results} <= {"pass", "skip"}
    assert plan[0]["id"] == "env.create"
    if fresh.condabin is not None:
        assert listed(fresh)["tiny_env"] == fresh.prefix

    with untouched(fresh):
        again = fresh.ok("setup")
        assert again.data["changed"] == []
        assert again.data["note"] == "nothing to do"
        rest = fresh.ok("setup", "--dry-run").data["plan"]
        assert not {"env.create", "deps.lock", "deps.install"} & {step["id"] for step in rest}

    by_setup = packages(fresh)
    fresh.lock.unlink()
    fresh.ok("env.remove")
    assert not fresh.prefix.exists()
    typed(fresh, shown)
    assert packages(fresh) == by_setup
    assert fresh.lock.is_file()


def test_as_text(new_lab: Callable[[Case], Lab]) -> None:
    lab = new_lab(Case("pip_uv"))
    first = lab("setup", json=False)
    assert first.code == 0, first
    assert "mlops-lab: pip_uv, since --combo asked for it" in first.stderr
    assert "activate" in first.stdout
    second = lab("setup", json=False)
    assert second.code == 0, second
    assert "nothing to do" in second.stdout
    with untouched(lab):
        dry = lab("setup", "--dry-run", json=False)
    assert dry.code == 0, dry


@pytest.mark.parametrize("case", [Case("conda_uv", "rattler"), Case("conda_poetry", CLI)], ids=str)
def test_the_pip_section(new_lab: Callable[[Case], Lab], case: Case) -> None:
    lab = new_lab(case)
    (lab.project / "wheels").mkdir()
    file = wheel(lab.project / "wheels", "nameless", {"nameless.py": ""})
    lab.write("reqs.txt", f"toolz  # by a file\n./wheels/{file}\n")
    lab.write("conda.yml", f"{CONDA_YML}  - pip:\n      - -r reqs.txt\n")
    lab.ok("setup")
    assert {"toolz", "nameless"} <= set(lab.installed())
    with untouched(lab):
        assert lab.ok("setup").data["changed"] == []
        owners = {row["name"]: row["owner"] for row in lab.ok("deps.list").data["packages"]}
        assert (owners["toolz"], owners["nameless"]) == ("pip", "pip")
        assert not lab.ok("check.all", "--select", "drift").ids("warn")
        for task in (("deps.sync",), ("env.update", "--prune")):
            assert "deps.prune" not in str(lab.ok(*task, "--dry-run").data)
    lab.write("reqs.txt", f"toolz\n./wheels/{file}\nmypy-extensions\n")
    lab.ok("setup")
    assert {"toolz", "mypy-extensions"} <= set(lab.installed())
    lab.write("reqs.txt", "click<8\n")  # the lock has a newer one
    assert lab("setup").error()["code"] == "conflicting_versions"


@pytest.mark.parametrize("case", [Case("conda_uv", engine) for engine in ("rattler", CLI)], ids=str)
def test_a_pip_section_that_fails_leaves_no_environment(
    new_lab: Callable[[Case], Lab], case: Case
) -> None:
    lab = new_lab(case)
    lab.write("conda.yml", f"{CONDA_YML}  - pip:\n      - toolz==0.0.999\n")
    before = lab.manifests()
    error = lab("setup").error()
    assert "toolz" in error["detail"]
    assert not lab.prefix.exists()
    assert lab.declared() == before
    assert "tiny_env" not in listed(lab)


@pytest.mark.parametrize("case", [Case("conda_uv", engine) for engine in ("rattler", CLI)], ids=str)
def test_the_pip_section_comes_from_the_index_that_was_chosen(
    new_lab: Callable[[Case], Lab], case: Case
) -> None:
    lab = new_lab(case)
    lab.write("conda.yml", CONDA_YML + PIP_SECTION)
    settings = dict.fromkeys((name for name in lab.env if name.startswith(("PIP_", "UV_"))), "")
    settings |= {
        "MLOPS_LAB_INDEX_URL": f"{DEAD}/simple",
        "UV_CACHE_DIR": str(lab.home / "empty cache"),
    }
    lab.env |= {
        **settings,
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_NO_CACHE_DIR": "1",
        "PIP_RETRIES": "1",
    }
    error = lab("env.create").error()
    assert "127.0.0.1:9" in error["detail"]
    assert not lab.prefix.exists()


@pytest.mark.parametrize(
    "case", [Case("pip_uv"), Case("conda_uv", "rattler"), Case("conda_uv", CLI)], ids=str
)
def test_a_broken_environment_is_made_anew(new_lab: Callable[[Case], Lab], case: Case) -> None:
    lab = new_lab(case)
    lab.ok("setup")
    lab.python.unlink()
    if case.layer == "pip":
        lab.python.symlink_to("/nowhere/python")
    plan = lab.ok("setup", "--dry-run").data["plan"]
    assert "env.create" in {step["id"] for step in plan}
    lab.ok("setup")
    assert lab.imports(*INSTALLED.values()) == lab.prefix
    if case.layer == "conda":
        assert list(listed(lab).values()).count(lab.prefix) == 1


@pytest.mark.parametrize("case", [Case("conda_uv", "rattler"), Case("conda_uv", CLI)], ids=str)
def test_what_conda_yml_asks_for_now_is_installed(
    new_lab: Callable[[Case], Lab], case: Case
) -> None:
    lab = new_lab(case)
    lab.ok("setup")
    lab.write("conda.yml", f"{CONDA_YML}  - six\n")
    with untouched(lab):
        plan = lab.ok("setup", "--dry-run").data["plan"]
    assert [step["id"] for step in plan[:2]] == ["guard.conda", "env.update"]
    lab.ok("setup")
    assert "six" in lab.installed()
    assert "six" in lab.conda("list", "--prefix", str(lab.prefix)).stdout
    with untouched(lab):
        assert lab.ok("setup").data["changed"] == []


def test_a_dependency_that_is_declared_by_hand_is_installed(new_lab: Callable[[Case], Lab]) -> None:
    for case in PIP_CASES:
        lab = new_lab(case)
        lab.ok("setup")
        text = (lab.project / "pyproject.toml").read_text()
        lab.write("pyproject.toml", text.replace('["iniconfig>=2"]', '["iniconfig>=2", "toolz"]'))
        answer = lab.ok("setup")
        assert len(answer.data["changed"]) == 2
        assert "toolz" in lab.installed()


def test_a_package_that_is_gone_is_installed_again(new_lab: Callable[[Case], Lab]) -> None:
    for case in PIP_CASES:
        lab = new_lab(case)
        lab.ok("setup")
        before = lab.installed()
        lab.run([str(lab.python), "-m", "pip", "uninstall", "--yes", "iniconfig"])
        assert "iniconfig" not in lab.installed()
        lab.ok("setup")
        assert lab.installed() == before


def other_python() -> Path | None:
    """Find another Python of this machine that is new enough: on PATH, or pyenv's."""
    names = [f"python3.{minor}" for minor in range(11, 20) if f"3.{minor}" != VERSION]
    found = [
        Path(path)
        for name in names
        if (path := shutil.which(name)) and Path(path).read_bytes()[:2] != b"#!"
    ]
    return next(
        iter(
            [
                *found,
                *(
                    path
                    for name in names
                    for path in Path.home().glob(f".pyenv/versions/*/bin/{name}")
                ),
            ]
        ),
        None,
    )


@pytest.mark.parametrize("case", PIP_CASES, ids=str)
def test_another_python(new_lab: Callable[[Case], Lab], case: Case) -> None:
    other = other_python()
    if other is None:
        pytest.skip("there is no other Python on this machine that is new enough")
    lab = new_lab(case)
    lab.env["PATH"] = f"{other.parent}:{lab.env['PATH']}"
    lab.ok("setup")
    for version in (other.name.removeprefix("python"), VERSION):
        lab.ok("setup", "--python", version)
        answer = lab.run(
            [str(lab.python), "-c", "import sys; print('{}.{}'.format(*sys.version_info))"]
        )
        assert answer.stdout.strip() == version
        lab.imports(*INSTALLED.values())
        with untouched(lab):
            assert lab.ok("setup", "--python", version).data["changed"] == []


@pytest.mark.parametrize(
    "case", [Case("pip_uv"), *(Case("conda_uv", e) for e in ("rattler", CLI))], ids=str
)
def test_a_python_that_is_nowhere(new_lab: Callable[[Case], Lab], case: Case) -> None:
    lab = new_lab(case)
    before = lab.manifests()
    error = lab("setup", "--python", "3.99").error()
    assert "3.99" in error["detail"]
    assert not lab.prefix.exists()
    assert lab.declared() == before


@pytest.mark.parametrize("fresh", LAYERS, ids=str, indirect=True)
def test_something_else_stands_in_the_way(fresh: Lab) -> None:
    fresh.prefix.mkdir(parents=True)
    (fresh.prefix / "thesis.txt").write_text("mine")
    with untouched(fresh):
        for task in ("setup", "env.create", "env.remove"):
            error = fresh(task).error()
            assert str(fresh.prefix) in error["detail"]


@pytest.mark.parametrize("fresh", SAMPLE, ids=str, indirect=True)
def test_a_failed_lock_leaves_nothing(fresh: Lab) -> None:
    text = (fresh.project / "pyproject.toml").read_text()
    fresh.write(
        "pyproject.toml", text.replace("click-default-group>=1.2", "click-default-group>=999")
    )
    before = fresh.manifests()
    error = fresh("setup").error()
    assert "click-default-group" in error["detail"]
    assert error["remedy"]
    assert fresh.manifests() == before
    # the environment is a step that may have ended well by then: it is whole, or it does not exist
    fresh.write("pyproject.toml", text)
    fresh.ok("setup")
    fresh.imports(*INSTALLED.values())


@pytest.mark.parametrize("case", [Case("conda_uv", engine) for engine in ("rattler", CLI)], ids=str)
def test_a_conda_package_that_is_nowhere(new_lab: Callable[[Case], Lab], case: Case) -> None:
    lab = new_lab(case)
    lab.write("conda.yml", f"{CONDA_YML}  - no-such-package-at-all\n")
    before = lab.manifests()
    error = lab("setup").error()
    assert "no-such-package-at-all" in error["detail"]
    assert not lab.prefix.exists()
    assert lab.declared() == before


def test_a_link_to_an_environment_elsewhere_stays_whole(new_lab: Callable[[Case], Lab]) -> None:
    lab = new_lab(Case("pip_uv"))
    lab.ok("setup")
    elsewhere = lab.home / "elsewhere"
    shutil.move(lab.prefix, elsewhere)
    lab.prefix.symlink_to(elsewhere)
    lab.ok("env.remove")
    assert not lab.prefix.is_symlink()
    assert (elsewhere / "pyvenv.cfg").is_file()


#: what Poetry's own table says of the Python counts for both managers
ANOTHER_PYTHON = """
[project]
name = "demo"
version = "0.1.0"
dependencies = ["six"]
[tool.uv]
package = false
[tool.poetry]
package-mode = false
[tool.poetry.dependencies]
python = "~{}"
"""


@pytest.mark.parametrize("fresh", MANAGERS, ids=str, indirect=True)
def test_python_that_the_project_needs_is_found_before_anything_is_made(fresh: Lab) -> None:
    fresh.write("pyproject.toml", ANOTHER_PYTHON.format("3.4"))
    error = fresh("deps.lock").error()
    assert (error["code"], sorted(fresh.manifests())) == ("python_not_found", ["pyproject.toml"])
    other = other_python()
    if other is None:
        pytest.skip("there is no other Python on this machine that is new enough")
    version = other.name.removeprefix("python")
    fresh.env["PATH"] += f"{os.pathsep}{other.parent}"
    fresh.write("pyproject.toml", ANOTHER_PYTHON.format(version))
    fresh.ok("deps.lock")
    fresh.ok("setup")
    assert fresh.run([str(fresh.python), "-V"]).stdout.startswith(f"Python {version}.")
    assert fresh.ok("setup").data["changed"] == []


def test_a_lock_is_for_the_python_that_the_environment_has(new_lab: Callable[[Case], Lab]) -> None:
    other, lab = other_python(), new_lab(MANAGERS[-1])
    if other is None:
        pytest.skip("there is no other Python on this machine that is new enough")
    lab.env["PATH"] += f"{os.pathsep}{other.parent}"
    text = ANOTHER_PYTHON.partition("[tool.poetry.dep")[0]
    lab.write("pyproject.toml", text)  # uv locks for the Python with which it runs, and newer ones
    lab.ok("setup", "--python", other.name.removeprefix("python"))
    lab.ok("deps.lock")
    lab.ok("check.lock")
    lab.write(
        "pyproject.toml", text.replace("[tool", f'requires-python = "=={VERSION}.*"\n[tool', 1)
    )
    mended(lab, "deps.lock", "wrong_python", "setup")
    shutil.rmtree(lab.home)


PACKAGE = """
[project]
name = "demo"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["six"]
[build-system]
requires = ["uv_build"]
build-backend = "uv_build"
"""


@pytest.mark.parametrize("fresh", MANAGERS, ids=str, indirect=True)
def test_change_of_the_project_itself_is_something_to_do_once(fresh: Lab) -> None:
    def drift() -> str:
        answer = fresh("check.all", "--select", "drift.lock", "--strict")
        (result,) = answer.results
        return str(result["detail"])

    fresh.write("src/demo/__init__.py", "def main():\n    print('hi')\n")
    fresh.write("pyproject.toml", PACKAGE)
    fresh.ok("setup")
    assert fresh.ok("setup").data["changed"] == []
    fresh.write("pyproject.toml", f'{PACKAGE}[project.scripts]\ndemo-run = "demo:main"\n')
    assert "other entry points" in drift()
    assert len(fresh.ok("setup").data["changed"]) == 1
    # Poetry writes its path in a way that a space breaks, so it is not started
    assert (fresh.prefix / "bin/demo-run").is_file()
    assert (drift(), fresh.ok("setup").data["changed"]) == ("", [])
    fresh.run([str(fresh.python), "-m", "pip", "uninstall", "--yes", "demo"])
    assert "demo is not installed" in drift()
    fresh.ok("deps.install")
    assert drift() == ""
