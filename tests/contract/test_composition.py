"""The two axes compose: one more layer or manager is one row, and nothing else changes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tasks_lib import checks
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution import failures
from tasks_lib.execution.process import Outcome
from tasks_lib.report.progress import Progress
from tasks_lib.results import Status
from tasks_lib.session import combos
from tasks_lib.session.session import Session
from tasks_lib.tools import executables
from tasks_lib.workflows import dependency_info, environment_info, installation, locking
from tests.contract.third_manager import Pdm

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeProject

CONDA = "name: demo\nchannels: [conda-forge]\ndependencies: [python, pip]\n"
POETRY_PYTHON = """
[project]
name = "demo"
version = "1"
[tool.poetry.dependencies]
python = "~3.12"
"""


@pytest.fixture
def third(third_layer: None, third_manager: None) -> None:
    """Register one more of each, neither of which inherits from another."""


@pytest.mark.usefixtures("third")
def test_third_layer_and_manager_make_nine_combos() -> None:
    assert len(combos.names()) == 9
    assert {"nix_pdm", "nix_uv", "nix_poetry", "pip_pdm", "conda_pdm"} <= set(combos.names())


@pytest.mark.usefixtures("third")
@pytest.mark.parametrize("combo", ["nix_pdm", "nix_poetry", "conda_pdm", "pip_pdm"])
def test_new_combo_is_planned_and_checked_as_the_others(project: MakeProject, combo: str) -> None:
    session = Session.open(combo=combo, engine="rattler", start=project(conda=CONDA).root)
    answer = installation.setup(session, Progress(), dry_run=True)
    ids = [step["id"] for step in answer.data["plan"]]
    assert ids[0] == "env.create"
    assert {"deps.lock", "deps.install", "check.doctor", "check.compat"} <= set(ids)
    assert checks.steps(session)


def _nix(root: Path) -> None:
    """Create what the third layer's environment is known by, and one distribution in it."""
    (root / "flake.nix").touch()
    (root / ".nix/bin").mkdir(parents=True)
    (root / ".nix/manifest.nix").touch()
    (root / ".nix/bin/python").symlink_to(sys.executable)
    record = root / ".nix/lib/python3.11/site-packages/six-1.17.0.dist-info"
    record.mkdir(parents=True)
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: six\nVersion: 1.17.0\n")
    (record / "RECORD").write_text("six-1.17.0.dist-info/METADATA,,\n")


@pytest.mark.usefixtures("third")
def test_new_combo_is_found_by_what_exists(project: MakeProject, root: Path) -> None:
    made = project(files={Pdm.lock_name: "{}"})
    _nix(root)
    found = combos.resolve(made)
    assert (found.id, found.source) == ("nix_pdm", "existing")


@pytest.mark.usefixtures("third")
def test_packages_of_a_third_layer_and_manager_are_listed_with_their_owner(
    project: MakeProject, root: Path
) -> None:
    project(files={Pdm.lock_name: '{"Six": "1.17.0"}'})
    _nix(root)
    session = Session.open(combo="nix_pdm", start=root)
    (row,) = dependency_info.everything(session).data["packages"]
    assert (row["name"], row["version"], row["owner"]) == ("six", "1.17.0", "lock")


@pytest.mark.processes
@pytest.mark.usefixtures("third")
def test_a_third_layer_and_manager_are_checked_as_the_others(
    project: MakeProject, root: Path
) -> None:
    project(files={Pdm.lock_name: '{"six": "1.17.0"}'})
    _nix(root)
    session = Session.open(combo="nix_pdm", start=root)
    results = {result.id: result for result in checks.run_all(session, Progress()).results}
    assert results["env.exists"].detail == str(root / ".nix")
    for check in ("doctor.nix", "lock.fresh", "drift.lock"):
        assert results[check].status is Status.PASS, results[check]
    assert {"compat.requirements", "leak.virtual-env"} <= results.keys()


@pytest.mark.usefixtures("third")
def test_words_of_a_third_managers_failure_are_its_own(project: MakeProject) -> None:
    project(files={"flake.nix": ""})
    session = Session.open(combo="nix_pdm")
    command = session.manager.lock(None)
    error = failures.explain(Outcome(command, 1, "", "error: no such package: zz", 0.1))
    assert (error.code, error.message) == (ErrorCode.UNKNOWN_PACKAGE, "Package zz was not found.")


@pytest.mark.usefixtures("third_layer")
def test_packages_of_a_third_layer_are_listed_with_their_owner(
    project: MakeProject, root: Path
) -> None:
    project()
    _nix(root)
    session = Session.open(combo="nix_uv", start=root)
    (row,) = dependency_info.everything(session).data["packages"]
    assert (row["name"], row["version"], row["owner"]) == ("six", "1.17.0", "stray")


@pytest.mark.processes
@pytest.mark.usefixtures("third_layer")
def test_a_third_layer_is_checked_as_the_others(project: MakeProject, root: Path) -> None:
    project()
    _nix(root)
    session = Session.open(combo="nix_uv", start=root)
    results = {result.id: result for result in checks.run_all(session, Progress()).results}
    assert results["env.exists"].detail == str(root / ".nix")
    assert results["doctor.nix"].status is Status.PASS
    assert {"lock.fresh", "compat.requirements", "leak.virtual-env"} <= results.keys()


@pytest.mark.usefixtures("third_layer")
def test_a_third_layer_is_listed_and_described(project: MakeProject, root: Path) -> None:
    project()
    _nix(root)
    session = Session.open(combo="nix_uv", start=root)
    rows = environment_info.listing(session).data["environments"]
    assert [(row["name"], row["kind"], row["state"]) for row in rows][-1] == (
        ".nix",
        "nix",
        "present",
    )
    info = environment_info.info(session).data
    assert (info["environment"], info["engine"], info["packages"]) == (".nix", "nix", 1)


@pytest.mark.parametrize("combo", ["pip_poetry", "pip_uv", "conda_poetry", "conda_uv"])
def test_fresh_setup_is_the_same_plan_for_every_combo(
    project: MakeProject, root: Path, combo: str
) -> None:
    session = Session.open(combo=combo, engine="rattler", start=project(conda=CONDA).root)
    before = sorted(root.rglob("*"))
    plan = installation.setup(session, Progress(), dry_run=True).data["plan"]
    steps = {step["id"]: step for step in plan}
    changes = [name for name in steps if not name.startswith("check.")]
    assert [name for name in changes if name != "guard"] == [
        "env.create",
        "deps.lock",
        "deps.install",
    ]
    assert steps["deps.lock"]["needs"] == []
    direct = steps["deps.install"]["needs"]
    needs = {*direct, *(need for name in direct for need in steps.get(name, {}).get("needs", ()))}
    assert {"env.create", "deps.lock"} <= needs
    assert all(step["why"] for step in plan)
    assert all(step["command"] for step in plan if step["argv"])
    assert sorted(root.rglob("*")) == before


def test_lock_waits_for_an_environment_whose_python_alone_fits(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executables, "fitting", lambda _: None)
    made = project('[project]\nname = "demo"\nversion = "1"\nrequires-python = ">=3.99"\n', CONDA)
    session = Session.open(combo="conda_uv", engine="rattler", start=made.root)
    plan = installation.setup(session, Progress(), dry_run=True).data["plan"]
    needs = next(step["needs"] for step in plan if step["id"] == "deps.lock")
    assert "env.create" in needs
    with pytest.raises(LabError, match="this machine has none") as caught:
        locking.lock(session, Progress(), layer="python", dry_run=True)
    assert caught.value.code is ErrorCode.PYTHON_NOT_FOUND


@pytest.mark.parametrize("combo", ["conda_uv", "conda_poetry"])
def test_pin_of_conda_that_the_project_excludes_is_refused_first(
    project: MakeProject, combo: str
) -> None:
    made = project(POETRY_PYTHON, CONDA.replace("python", "python=3.10", 1))
    session = Session.open(combo=combo, engine="rattler", start=made.root)
    said = "conda.yml names python=3.10, .* needs Python ~3.12"
    with pytest.raises(LabError, match=said) as caught:
        installation.setup(session, Progress(), dry_run=True)
    assert caught.value.code is ErrorCode.WRONG_PYTHON
