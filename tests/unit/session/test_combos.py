"""Which combo a run takes, by the stated precedence, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks_lib.errors import ExitCode, LabError
from tasks_lib.execution import state_folder
from tasks_lib.session import combos
from tests.cases import cases

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeProject
    from tests.unit.conftest import Install

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


@pytest.mark.parametrize("setting", ['combo = "conda_pdm"', 'combo = "conda_uv"\nengine = " "'])
def test_later_commands_need_the_flag_where_the_settings_are_wrong(
    project: MakeProject, setting: str
) -> None:
    made = project(SAID.replace('combo = "conda_poetry"', setting), combo="conda_uv")
    assert combos.flags(made, combos.resolve(made)) == ("--combo", "conda_uv")


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


@pytest.fixture
def conda_on_path(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a conda on PATH that nothing starts."""
    program = root / "condabin" / "conda"
    program.parent.mkdir()
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(program.parent))


NOTHING = '[project]\nname = "demo"\n'
UV_TABLE = f"{NOTHING}[tool.uv]\npackage = false\n"
POETRY_TABLE = f"{NOTHING}[tool.poetry]\npackage-mode = false\n"
BOTH = f"{UV_TABLE}[tool.poetry]\npackage-mode = false\n"
BACKEND = '[build-system]\nbuild-backend = "{}"\n'
#: the manifest, other files of the project, the combo without an environment, its source
EVIDENCE = {
    "nothing": (NOTHING, (), "pip_uv", "default"),
    "poetry.lock": (BOTH, ("poetry.lock",), "pip_poetry", "files"),
    "uv.lock": (BOTH, ("uv.lock",), "pip_uv", "files"),
    "a lock before a table": (UV_TABLE, ("poetry.lock",), "pip_poetry", "files"),
    "both locks, one table": (POETRY_TABLE, ("poetry.lock", "uv.lock"), "pip_poetry", "files"),
    "both locks, both tables": (BOTH, ("poetry.lock", "uv.lock"), "pip_uv", "default"),
    "a table of Poetry": (POETRY_TABLE, (), "pip_poetry", "files"),
    "a table of uv": (UV_TABLE, (), "pip_uv", "files"),
    "both tables": (BOTH, (), "pip_uv", "default"),
    "settings of Poetry": (NOTHING, ("poetry.toml",), "pip_poetry", "files"),
    "settings of uv": (NOTHING, ("uv.toml",), "pip_uv", "files"),
    "poetry-core": (
        NOTHING + BACKEND.format("poetry.core.masonry.api"),
        (),
        "pip_poetry",
        "files",
    ),
    "uv_build": (NOTHING + BACKEND.format("uv_build"), (), "pip_uv", "files"),
    "hatchling": (NOTHING + BACKEND.format("hatchling.build"), (), "pip_uv", "default"),
}


@cases("has_conda", {"": False, "conda on PATH": True})
@cases("row", EVIDENCE)
def test_files_of_the_project_choose_before_the_machine(
    project: MakeProject,
    request: pytest.FixtureRequest,
    row: tuple[str, tuple[str, ...], str, str],
    *,
    has_conda: bool,
) -> None:
    manifest, names, expected, source = row
    if has_conda:
        request.getfixturevalue("conda_on_path")
    made = project(manifest, files=dict.fromkeys(names, ""))
    found = combos.resolve(made)
    assert (found.id, found.source) == (expected, source)
    assert "there is no conda file" in found.reason


@pytest.mark.usefixtures("conda_on_path")
@cases(
    "manifest, names, expected",
    {
        "nothing else": (NOTHING, (), "conda_poetry"),
        "uv.lock": (NOTHING, ("uv.lock",), "conda_uv"),
        "a table of uv": (UV_TABLE, (), "conda_uv"),
        "poetry.lock": (UV_TABLE, ("poetry.lock",), "conda_poetry"),
    },
)
def test_conda_file_and_conda_choose_the_layer_and_files_the_manager(
    project: MakeProject, manifest: str, names: tuple[str, ...], expected: str
) -> None:
    found = combos.resolve(project(manifest, conda=CONDA, files=dict.fromkeys(names, "")))
    assert found.id == expected
    assert "conda.yml is here and conda is on PATH" in found.reason


def test_conda_file_without_conda_is_named_in_the_reason(project: MakeProject) -> None:
    found = combos.resolve(project(conda=CONDA))
    assert (found.id, found.source) == ("pip_uv", "default")
    assert "no conda is on PATH for conda.yml" in found.reason


@cases(
    "locks, expected",
    {
        "no lock": ((), "pip_uv"),
        "uv.lock": (("uv.lock",), "pip_uv"),
        "poetry.lock": (("poetry.lock",), "pip_poetry"),
        "both": (("uv.lock", "poetry.lock"), "pip_uv"),
    },
)
def test_existing_virtual_environment_is_taken_with_the_lock_beside_it(
    project: MakeProject, venv: Path, locks: tuple[str, ...], expected: str
) -> None:
    assert venv.exists()
    found = combos.resolve(project(conda=CONDA, files=dict.fromkeys(locks, "")))
    assert (found.id, found.source) == (expected, "existing")
    assert "exists already" in found.reason


def test_environment_without_an_interpreter_keeps_its_layer(
    project: MakeProject, conda_env: Path
) -> None:
    (conda_env / "bin/python").unlink()
    assert combos.resolve(project(conda=CONDA, files={"uv.lock": ""})).id == "conda_uv"


@pytest.mark.parametrize(("installer", "expected"), [("Poetry 2.1.3", "poetry"), ("uv", "uv")])
def test_what_installed_the_environment_decides_between_two_locks(
    project: MakeProject, venv: Path, install: Install, installer: str, expected: str
) -> None:
    (install(venv, "six", "1.17.0") / "INSTALLER").write_text(f"{installer}\n")
    for seed in ("pip", "setuptools"):
        (install(venv, seed, "1") / "INSTALLER").write_text("uv")
    found = combos.resolve(project(BOTH, files={"uv.lock": "", "poetry.lock": ""}))
    assert found.id == f"pip_{expected}"
    assert f"{expected} installed what is in it" in found.reason


def test_reason_names_the_other_environment_and_the_other_lock(
    project: MakeProject, venv: Path, conda_env: Path
) -> None:
    assert venv.exists()
    assert conda_env.exists()
    made = project(conda=CONDA, files={"uv.lock": "", "poetry.lock": ""})
    found = combos.resolve(made)
    assert found.id == "pip_uv"
    assert "though the conda environment 'demo' exists too" in found.reason
    assert "poetry.lock is here too" in found.reason
    asked = combos.resolve(project(conda=CONDA, combo="conda_poetry"))
    assert "--combo asked for it, though the virtual environment .venv exists too" in asked.reason
    assert "uv.lock is here too" in asked.reason


def test_existing_conda_environment_is_taken(project: MakeProject, conda_env: Path) -> None:
    assert conda_env.exists()
    found = combos.resolve(project(conda=CONDA, files={"uv.lock": ""}))
    assert (found.id, found.source) == ("conda_uv", "existing")


def test_choice_is_remembered_for_the_checkout(project: MakeProject, root: Path) -> None:
    asked = project(BOTH, conda=CONDA, combo="conda_uv", files={"poetry.lock": ""})
    before = sorted(root.iterdir())
    combos.remember(asked, combos.resolve(asked))
    assert sorted(root.iterdir()) == before
    found = combos.resolve(project(BOTH, conda=CONDA))
    assert (found.id, found.source) == ("conda_uv", "remembered")
    assert "last chosen for this checkout, though poetry.lock is here too" in found.reason
    said = combos.resolve(project(SAID))
    assert (said.id, said.source) == ("conda_poetry", "pyproject")


def test_what_nobody_chose_is_not_remembered(project: MakeProject) -> None:
    for made in (project(), project(SAID)):
        combos.remember(made, combos.resolve(made))
    assert combos.resolve(project(POETRY_TABLE)).id == "pip_poetry"


def test_remembered_combo_without_its_conda_file_does_not_count(
    project: MakeProject, root: Path
) -> None:
    asked = project(conda=CONDA, combo="conda_poetry")
    combos.remember(asked, combos.resolve(asked))
    (root / "conda.yml").unlink()
    assert combos.resolve(project()).id == "pip_uv"


@pytest.mark.parametrize("data", [b"pip_pdm", b"", b"\xff"])
def test_damaged_memory_does_not_count(project: MakeProject, root: Path, data: bytes) -> None:
    asked = project(combo="pip_poetry")
    combos.remember(asked, combos.resolve(asked))
    (state_folder.of_checkout(root) / "combo").write_bytes(data)
    assert combos.resolve(project()).id == "pip_uv"


def test_home_that_cannot_be_written_remembers_nothing(project: MakeProject, home: Path) -> None:
    home.rmdir()
    home.write_text("")
    asked = project(combo="pip_poetry")
    combos.remember(asked, combos.resolve(asked))
    assert combos.resolve(project()).id == "pip_uv"


def test_broken_conda_file_does_not_stop_a_run_that_asks_for_pip(project: MakeProject) -> None:
    assert combos.resolve(project(conda="name: [", combo="pip_uv")).id == "pip_uv"


@pytest.mark.parametrize("combo", ["pip_uv", "conda_poetry", ""])
def test_unknown_engine_is_refused_with_every_combo(project: MakeProject, combo: str) -> None:
    with pytest.raises(LabError, match="no engine 'condaa'"):
        combos.resolve(project(combo=combo, engine="condaa"))
