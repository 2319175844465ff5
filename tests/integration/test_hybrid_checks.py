"""The checks that only a hybrid needs: each passes a sound environment and finds a broken one."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tasks_lib.checks.registry import FACT_CHECKS
from tasks_lib.environments.base import State
from tasks_lib.environments.conda_variables import VARIABLES
from tasks_lib.session.journal import Journal
from tests.lab import (
    CONDA_YML,
    HYBRIDS,
    MANAGERS,
    PYPROJECT,
    PYTHON,
    Answer,
    Case,
    Lab,
    tools,
    untouched,
)
from tests.unit.checks.test_hybrid_checks import PIXI_LOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    Broken = Iterator[dict[str, str]]

pytestmark = pytest.mark.processes

MIRROR = "https://mirror.example/simple"
MANIFEST = PYPROJECT.replace('["click-default-group>=1.2"]  # brings click', '["iniconfig>=2"]')


def test_every_setting_of_the_real_conda_is_in_its_table(condabin: Path) -> None:
    asked = [str(condabin / "conda"), "config", "--describe", "--json"]
    said = subprocess.run(asked, capture_output=True, check=True, encoding="utf-8").stdout
    names = {name for one in json.loads(said) for name in (one["name"], *one["aliases"])}
    assert len(names) > 50
    table = {name: f"CONDA_{name.upper()}" for name in names - {"conda-build"}}
    assert [name for name in table if not VARIABLES[0].classifies(table[name])] == []


@pytest.fixture(scope="module", params=HYBRIDS, ids=str)
def lab(request: pytest.FixtureRequest, new_lab: Callable[[Case], Lab]) -> Iterator[Lab]:
    """Yield a sound hybrid: conda has click and six, iniconfig is locked by both managers."""
    made = new_lab(request.param)
    made.write("conda.yml", f"{CONDA_YML}  - click\n  - six\n")
    made.write("pyproject.toml", MANIFEST)
    made.ok("setup")
    (other,) = (case.manager for case in MANAGERS if case.manager != request.param.manager)
    words = ("--layer", "python", "--engine", request.param.engine)
    made.ok("deps.lock", "--combo", f"conda_{other}", *words)
    yield made
    shutil.rmtree(made.home)


@contextlib.contextmanager
def text(lab: Lab, name: str, old: str, new: str) -> Broken:
    """Change a file of the project for a while; nothing to replace makes a new one."""
    path = lab.project / name
    before = path.read_text("utf-8") if path.exists() else None
    assert before is None or old in before, (name, before)
    lab.write(name, new if before is None else before.replace(old, new, 1))
    yield {}
    if before is None:
        path.unlink()
    else:
        path.write_text(before, "utf-8")


@contextlib.contextmanager
def base(lab: Lab) -> Broken:
    """Put the real conda's own base environment in the environment's place, by a link."""
    assert lab.condabin is not None
    away = lab.prefix.with_name("away")
    lab.prefix.rename(away)
    lab.prefix.symlink_to(lab.condabin.parent)
    yield {}
    lab.prefix.unlink()
    away.rename(lab.prefix)


@contextlib.contextmanager
def user_site(lab: Lab) -> Broken:
    """Install an older iniconfig for the user; the environment's Python then imports that one."""
    (site,) = lab.prefix.glob("lib/python3.*/site-packages")
    target = lab.home / ".local" / site.relative_to(lab.prefix)
    uv(lab, "install", "--target", str(target), "iniconfig==1.1.1")
    seen = lab.run([str(lab.python), "-B", "-c", "import iniconfig; print(iniconfig.__file__)"])
    assert str(target) in seen.stdout, seen
    yield {}
    shutil.rmtree(lab.home / ".local")


@contextlib.contextmanager
def env_use(lab: Lab) -> Broken:
    """Run `poetry env use` once, as a user who then forgets it."""
    env = {"POETRY_VIRTUALENVS_PATH": str(lab.home / "des envs")}
    used = lab.run([str(tools() / "poetry"), "env", "use", PYTHON], env=env)
    assert used.code == 0, used
    active = {**env, "CONDA_PREFIX": str(lab.prefix), "CONDA_DEFAULT_ENV": "tiny_env"}
    told = lab.run([str(tools() / "poetry"), "env", "info", "--path"], env=active)
    assert "des envs" in told.stdout, told  # redirected, though the environment is active
    yield env
    shutil.rmtree(lab.home / "des envs")


@contextlib.contextmanager
def uv_sync(lab: Lab) -> Broken:
    """Lead uv to the environment, as users of conda are told to; the real uv says what it does."""
    env = {"UV_PROJECT_ENVIRONMENT": str(lab.prefix)}
    told = lab.run([str(tools() / "uv"), "sync", "--dry-run"], env=env)
    removed = {line.split("==")[0] for line in told.stderr.splitlines() if line.startswith(" - ")}
    assert removed == {" - click", " - six"}, told
    yield env


@contextlib.contextmanager
def torch(lab: Lab) -> Broken:
    """Ask conda for the CPU's torch, and install the record of a GPU's."""
    (site,) = lab.prefix.glob("lib/python3.*/site-packages")
    record = site / "torch-2.4.0+cu124.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 2.4.0+cu124\n")
    with text(lab, "conda.yml", "  - six\n", "  - six\n  - cpuonly\n"):
        yield {}
    shutil.rmtree(record)


@contextlib.contextmanager
def of_arm(lab: Lab) -> Broken:
    """Install a real library for another machine, which pip brings."""
    (program,) = lab.prefix.glob("lib/python3.*/site-packages/pip/_vendor/distlib/t64-arm.exe")
    site = program.parents[3]
    record = site / "fast-1.0.dist-info"
    record.mkdir()
    shutil.copy(program, site / "_fast.cp311-win_arm64.pyd")
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: fast\nVersion: 1.0\n")
    (record / "RECORD").write_text(f"_fast.cp311-win_arm64.pyd,,\n{record.name}/RECORD,,\n")
    yield {}
    shutil.rmtree(record)
    (site / "_fast.cp311-win_arm64.pyd").unlink()


@contextlib.contextmanager
def needs_pip(lab: Lab) -> Broken:
    """Install by hand what needs pip, and take pip out of the conda file, which brought it."""
    (site,) = lab.prefix.glob("lib/python3.*/site-packages")
    record = site / "tool-1.0.dist-info"
    record.mkdir()
    needs = "Requires-Dist: pip (>=22)\n"
    (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tool\nVersion: 1.0\n{needs}")
    with text(lab, "conda.yml", "  - pip\n", ""):
        yield {}
    shutil.rmtree(record)


@contextlib.contextmanager
def other_lock(lab: Lab) -> Broken:
    """Let the other manager's lock pin another version."""
    assert lab.case is not None
    name = "uv.lock" if lab.case.manager == "poetry" else "poetry.lock"
    version = lab.installed()["iniconfig"]
    with text(
        lab,
        name,
        f'name = "iniconfig"\nversion = "{version}"',
        'name = "iniconfig"\nversion = "2.0.99"',
    ):
        yield {}


@contextlib.contextmanager
def mirrored(lab: Lab) -> Broken:
    """Let the lock have come from somebody with a mirror of the index."""
    before = lab.lock.read_text("utf-8")
    row = 'name = "iniconfig"\n'
    other = f'{row}source = {{ type = "legacy", url = "{MIRROR}", reference = "mirror" }}\n'
    of_uv = re.sub(r'registry = "[^"]*"', f'registry = "{MIRROR}"', before)
    lab.lock.write_text(of_uv if of_uv != before else before.replace(row, other, 1), "utf-8")
    yield {}
    lab.lock.write_text(before, "utf-8")


@contextlib.contextmanager
def interrupted(lab: Lab) -> Broken:
    """Write the journal of a run that did not end."""
    (note,) = lab.home.glob(".local/state/mlops-lab/checkouts/*/checkout")
    assert lab.case
    prefix = str(lab.prefix)
    found = Journal("setup", lab.case.combo, lab.case.engine, "", prefix, State.PRESENT, files={})
    journal = note.with_name("journal.json")
    journal.write_text(found.text())
    yield {}
    journal.unlink(missing_ok=True)


@contextlib.contextmanager
def variable(_: Lab, **env: str) -> Broken:
    """Set a variable."""
    yield env


@contextlib.contextmanager
def another(lab: Lab) -> Broken:
    """Let the environment have been made for another project, which names it too."""
    other = lab.home / "another"
    other.mkdir()
    for name in ("pyproject.toml", "conda.yml"):
        shutil.copy(lab.project / name, other)
    record = lab.prefix / ".mlops-lab.json"
    before = record.read_text("utf-8")
    record.write_text(before.replace(json.dumps(str(lab.project)), json.dumps(str(other))))
    yield {}
    if lab.prefix.exists():
        record.write_text(before)
    shutil.rmtree(other)


TORCH = """\
[project.optional-dependencies]
see = ["torch"]

[tool.mlops-lab]
torch = "cpu"
mirror = { pytorch = "https://torch.example/whl" }

"""
BROKEN: dict[str, tuple[Callable[[Lab], AbstractContextManager[dict[str, str]]], str]] = {
    "ownership.shadowed": (lambda lab: text(lab, "iniconfig.py", "", "x = 1\n"), "iniconfig.py"),
    "ownership.project": (another, "was made for another project"),
    "base": (base, "conda's base environment"),
    "drift.conda": (
        lambda lab: text(lab, "conda.yml", "  - six", "  - six\n  - setuptools"),
        "setuptools",
    ),
    "drift.interrupted": (
        interrupted,
        "did not end",
    ),
    "agreement.python": (
        lambda lab: text(lab, "pyproject.toml", ">=3.11", ">=3.99"),
        "no version is both",
    ),
    "agreement.settings": (
        lambda lab: text(lab, "pyproject.toml", "[tool.uv]", f"{TORCH}[tool.uv]"),
        "] torch does not say what torch in",
    ),
    "agreement.both-layers": (
        lambda lab: text(lab, "pyproject.toml", '"iniconfig>=2"]', '"six"]'),
        "names six, and pyproject.toml",
    ),
    "agreement.locks": (other_lock, "2.0.99"),
    "agreement.stray-lock": (lambda lab: text(lab, "pdm.lock", "", ""), "pdm.lock"),
    "agreement.mirror": (mirrored, f"names the index {MIRROR}, which no file of the project"),
    "agreement.pixi": (lambda lab: text(lab, "pixi.lock", "", PIXI_LOCK), "has Python 3.9.10, and"),
    "ci.bots": (
        lambda lab: text(lab, "renovate.json", "", '{"enabledManagers": ["npm"]}'),
        "pyproject.toml and",
    ),
    "leak.user-site": (user_site, "iniconfig 1.1.1 hides"),
    "leak.pythonpath": (lambda lab: variable(lab, PYTHONPATH="/somewhere/else"), "/somewhere/else"),
    "leak.virtual-env": (lambda lab: variable(lab, VIRTUAL_ENV="/nowhere"), "does not exist"),
    "leak.variables": (lambda lab: variable(lab, CONDA_SUBDIR="linux-s390x"), "CONDA_SUBDIR"),
    "leak.poetry": (env_use, "envs.toml"),
    "leak.uv": (uv_sync, "would uninstall click, six."),
    "conda.defaults": (
        lambda lab: text(lab, "conda.yml", "  - conda-forge", "  - conda-forge\n  - defaults"),
        "mixed with conda-forge",
    ),
    "conda.native": (of_arm, "cannot load _fast.cp311-win_arm64.pyd (arm64, PE)"),
    "conda.pip": (needs_pip, "tool needs pip, which no manifest names"),
    "conda.torch": (torch, "for the GPU: torch 2.4.0+cu124"),
    "conda.cuda": (
        lambda lab: text(lab, "conda.yml", "  - six", "  - six\n  - cudatoolkit=11.8"),
        "no CUDA driver",
    ),
    "conda.pip-section": (
        lambda lab: text(lab, "conda.yml", "  - six", "  - six\n  - pip:\n    - toolz"),
        "toolz",
    ),
}
#: these break the environment itself, and have tests of their own
BY_HAND = {"ownership.clobbered", "ownership.duplicated", "drift.lock", "kernel.interpreter"}


def uv(lab: Lab, verb: str, *args: str) -> None:
    """Install by hand, as users do."""
    address = lab.env.get("MLOPS_LAB_INDEX_URL")
    index = ["--index-url", address] if address and verb == "install" else []
    done = lab.run([str(tools() / "uv"), "pip", verb, "--python", str(lab.python), *index, *args])
    assert done.code == 0, done


def look(lab: Lab, check: str, env: dict[str, str] | None = None) -> Answer:
    """Run one check."""
    return lab("check.all", "--select", check, env=env)


def expect_found(lab: Lab, check: str, said: str, env: dict[str, str] | None = None) -> Answer:
    """Run a check that must find something."""
    answer = look(lab, check, env)
    found = [result for result in answer.results if result["id"] == check]
    assert {result["status"] for result in found} <= {"warn", "fail"}, answer
    assert any(said in result["detail"] for result in found), answer
    assert all(result["remedy"] for result in found)
    assert answer.code == int(any(result["status"] == "fail" for result in found))
    return answer


def test_sound_then_broken(lab: Lab) -> None:
    assert set(BROKEN) | BY_HAND == set(FACT_CHECKS)
    with untouched(lab):
        sound = lab.ok("check.all", "--strict")
    silent = {
        "conda.torch",
        "agreement.settings",
        "agreement.pixi",
        "kernel.interpreter",
        "ci.bots",
    }
    of_managers = {f"leak.{case.manager}" for case in MANAGERS}
    assert lab.case
    silent |= of_managers - {f"leak.{lab.case.manager}"}
    assert set(FACT_CHECKS) - sound.ids("pass") == silent
    assert not sound.ids("warn") | sound.ids("skip"), sound
    for check, (breaks, said) in BROKEN.items():
        if check in silent & of_managers:
            assert look(lab, check).ids("skip") == {check}
            continue
        with breaks(lab) as env:
            expect_found(lab, check, said, env)
    with text(lab, "conda.yml", "  - conda-forge", "  - conda-forge\n  - defaults"):
        expect_found(lab, "conda.defaults", "terms of service", {"CI": "true"})
    with text(lab, "conda.yml", "  - six", "  - six\n  - cudatoolkit=11.8"):
        assert look(lab, "conda.cuda", {"CONDA_OVERRIDE_CUDA": "12.4"}).ids("pass") == {
            "conda.cuda"
        }
    assert lab.run([str(tools() / "uv"), "venv", "--quiet", ".venv"]).code == 0
    expect_found(lab, "leak.virtual-env", ".venv exists beside")
    shutil.rmtree(lab.project / ".venv")
    lab.ok("check.all", "--select", ",".join(FACT_CHECKS), "--strict")


def test_drift_and_what_fix_does(lab: Lab) -> None:
    version = lab.installed()["iniconfig"]
    uv(lab, "uninstall", "iniconfig")
    uv(lab, "install", "toolz")
    answer = expect_found(lab, "drift.lock", "iniconfig")
    assert (answer.ids("fail"), answer.ids("warn")) == ({"drift.lock"}, {"drift.lock"})
    assert "toolz" in str(answer.results)
    conda_yml = (lab.project / "conda.yml").read_text("utf-8")
    lab.write("conda.yml", f"{conda_yml}  - setuptools\n")
    before = lab.installed(), lab.manifests()
    plan = lab.ok("check.fix", "--dry-run").data["plan"]
    assert (lab.installed(), lab.manifests()) == before
    assert [step["id"] for step in plan if step["id"] != "guard"] == ["env.update", "deps.install"]
    fixed = lab.ok("check.fix")
    assert fixed.data["fixed"] == ["drift.conda", "drift.lock"]
    # a stray is left to the user
    assert {"iniconfig", "setuptools", "toolz"} <= set(lab.installed())
    assert look(lab, "drift").ids("warn") == {"drift.lock"}
    uv(lab, "uninstall", "toolz")
    uv(lab, "install", "iniconfig==1.1.1")
    expect_found(lab, "drift.lock", "iniconfig 1.1.1")
    uv(lab, "install", f"iniconfig=={version}")
    lab.write("conda.yml", conda_yml)
    assert lab.ok("check.fix").data["note"] == "nothing to fix"


@pytest.mark.parametrize("case", MANAGERS, ids=str)
def test_drift_sees_what_an_extra_brings(new_lab: Callable[[Case], Lab], case: Case) -> None:
    lab = new_lab(case)
    lab.write(
        "pyproject.toml",
        PYPROJECT.replace("click-default-group>=1.2", "click-default-group[test]>=1.2"),
    )
    lab.ok("setup")
    assert look(lab, "drift.lock").ids("pass") == {"drift.lock"}
    uv(lab, "uninstall", "pytest")
    expect_found(lab, "drift.lock", "Not installed: pytest.")


@pytest.mark.parametrize("case", MANAGERS, ids=str)
def test_what_came_with_the_environment_is_drift_only_where_it_is_asked_for(
    new_lab: Callable[[Case], Lab], case: Case
) -> None:
    lab = new_lab(case)
    extra = '[project.optional-dependencies]\nx = ["packaging<25"]\n\n[dependency-groups]'
    lab.write("pyproject.toml", PYPROJECT.replace("[dependency-groups]", extra))
    lab.ok("setup")
    uv(lab, "install", "packaging==25.0")
    assert look(lab, "drift.lock").ids("pass") == {"drift.lock"}
    lab.write(
        "pyproject.toml", PYPROJECT.replace('"click-default', '"packaging<25", "click-default')
    )
    lab.ok("setup")
    assert look(lab, "drift.lock").ids("pass") == {"drift.lock"}
    uv(lab, "install", "packaging==25.0")
    expect_found(lab, "drift.lock", "packaging 25.0")


def test_what_conda_owns(lab: Lab) -> None:
    versions = lab.installed()
    uv(lab, "uninstall", "six")
    six = f"six {versions['six']}, which conda owns (package six)"
    expect_found(lab, "ownership.clobbered", f"{six}, was removed")
    uv(lab, "install", "--reinstall", "--no-deps", f"click=={versions['click']}")
    expect_found(
        lab,
        "ownership.clobbered",
        f"click {versions['click']}, which conda owns (package click), was installed over by uv",
    )
    index = (
        ["--index-url", lab.env["MLOPS_LAB_INDEX_URL"]] if "MLOPS_LAB_INDEX_URL" in lab.env else []
    )
    again = [
        str(lab.python),
        "-m",
        "pip",
        "install",
        "-q",
        "--ignore-installed",
        "--no-deps",
        *index,
        "click==8.1.7",
    ]
    assert lab.run(again).code == 0
    expect_found(
        lab,
        "ownership.duplicated",
        f"{versions['click']} from conda and 8.1.7 from another installer",
    )
    uv(lab, "install", "--no-deps", "pip==24.0")
    expect_found(
        lab,
        "ownership.clobbered",
        f"pip {versions['pip']}, which conda owns (package pip), was replaced by",
    )
    replaced = ("click-", "pip-")
    before = {path: path.read_bytes() for path in _conda_meta(lab)}
    left = lab.ok("check.fix")  # what took the place of a package is not touched unasked
    assert "doctor.missing-files" in left.ids("warn")
    assert (lab.installed()["pip"], lab.installed()["six"]) == ("24.0", versions["six"])
    after = {path: path.read_bytes() for path in _conda_meta(lab)}
    assert after.keys() == before.keys()
    kept = [path for path in before if path.name.startswith(replaced)]
    assert [after[path] for path in kept] == [before[path] for path in kept]


def _conda_meta(lab: Lab) -> list[Path]:
    return sorted((lab.prefix / "conda-meta").glob("*.json"))
