"""Which combo a run takes, by the stated precedence, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks_lib.errors import ExitCode, LabError
from tasks_lib.session import combos

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeProject

CONDA = "name: demo\ndependencies: [python]\n"
SAID = '[project]\nname = "demo"\n[tool.mlops-lab]\ncombo = "conda_poetry"\n'


def test_combos_are_every_layer_with_every_manager() -> None:
    assert combos.names() == ["pip_poetry", "pip_uv", "conda_poetry", "conda_uv"]


@pytest.mark.parametrize(
    "name", ["", "pip", "uv", "pip-uv", "uv_pip", "pip_uv_x", "PIP_UV", "_", "conda_"]
)
def test_unknown_combo_lists_the_valid_ones(name: str) -> None:
    with pytest.raises(LabError) as caught:
        combos.parse(name, "flag", "")
    assert "pip_poetry, pip_uv, conda_poetry, conda_uv" in caught.value.message
    assert caught.value.exit_code == ExitCode.BAD_REQUEST
    assert "--combo" in str(caught.value.remedy)


def test_flag_wins_over_all(project: MakeProject) -> None:
    found = combos.resolve(
        project(SAID, variables={"MLOPS_LAB_COMBO": "pip_poetry"}, combo="pip_uv")
    )
    assert (found.id, found.source) == ("pip_uv", "flag")


def test_variable_wins_over_the_manifest(project: MakeProject) -> None:
    found = combos.resolve(project(SAID, variables={"MLOPS_LAB_COMBO": "pip_poetry"}))
    assert (found.id, found.source) == ("pip_poetry", "variable")


def test_manifest_wins_over_what_exists(project: MakeProject, venv: Path) -> None:
    assert venv.exists()
    found = combos.resolve(project(SAID))
    assert (found.id, found.source) == ("conda_poetry", "pyproject")


def test_unknown_combo_in_the_manifest_has_its_line(project: MakeProject) -> None:
    made = project(SAID.replace("conda_poetry", "conda_pdm"))
    with pytest.raises(LabError) as caught:
        combos.resolve(made)
    assert (caught.value.file, caught.value.line) == ("pyproject.toml", 4)


def test_unknown_combo_in_the_manifest_has_its_line_behind_another_table(
    project: MakeProject,
) -> None:
    made = project('[tool.other]\ncombo = "x"\n[tool.mlops-lab]\ncombo = "conda_pdm"\n')
    with pytest.raises(LabError) as caught:
        combos.resolve(made)
    assert caught.value.line == 4


@pytest.mark.parametrize(
    ("locks", "expected"),
    [
        pytest.param((), "pip_uv", id="no lock"),
        pytest.param(("uv.lock",), "pip_uv", id="uv.lock"),
        pytest.param(("poetry.lock",), "pip_poetry", id="poetry.lock"),
        pytest.param(("uv.lock", "poetry.lock"), "pip_uv", id="both"),
    ],
)
def test_existing_virtual_environment_is_taken_with_the_lock_beside_it(
    project: MakeProject, venv: Path, locks: tuple[str, ...], expected: str
) -> None:
    assert venv.exists()
    found = combos.resolve(project(conda=CONDA, files=dict.fromkeys(locks, "")))
    assert (found.id, found.source) == (expected, "existing")
    assert "exists already" in found.reason


def test_existing_conda_environment_is_taken(project: MakeProject, conda_env: Path) -> None:
    assert conda_env.exists()
    found = combos.resolve(project(conda=CONDA, files={"uv.lock": ""}))
    assert (found.id, found.source) == ("conda_uv", "existing")


def test_conda_on_path_is_taken(
    project: MakeProject, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = root / "condabin" / "conda"
    program.parent.mkdir()
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    found = combos.resolve(project(conda=CONDA))
    assert (found.id, found.source) == ("conda_poetry", "path")


def test_last_resort(project: MakeProject) -> None:
    found = combos.resolve(project(conda=CONDA))
    assert found.as_dict() == {"id": "pip_uv", "source": "default", "reason": found.reason}
    assert "nothing else was said" in found.reason


def test_broken_conda_file_does_not_stop_a_run_that_asks_for_pip(project: MakeProject) -> None:
    assert combos.resolve(project(conda="name: [", combo="pip_uv")).id == "pip_uv"
