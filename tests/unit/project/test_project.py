"""Where a project begins, and which setting wins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tasks_lib.errors import LabError
from tasks_lib.project.project import Project
from tests.cases import cases

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeProject

HEAD = '[project]\nname = "demo"\n'
SETTINGS = f'{HEAD}[tool.mlops-lab]\nengine = "mamba"\npython = "3.11"\n'


def test_project_is_found_from_a_folder_inside(project: MakeProject, root: Path) -> None:
    project()
    inside = root / "a" / "b"
    inside.mkdir(parents=True)
    assert Project.load(inside, {}).root == root


def test_folder_without_a_manifest_is_named(root: Path) -> None:
    with pytest.raises(LabError, match=r"There is no pyproject\.toml in ") as caught:
        Project.load(root, {})
    assert str(root) in caught.value.message


@cases(
    "text, variables, flags, expected",
    {
        "nothing said": (HEAD, {}, {}, ("auto", "")),
        "settings": (SETTINGS, {}, {}, ("mamba", "3.11")),
        "variables over settings": (
            SETTINGS,
            {"MLOPS_LAB_ENGINE": "conda", "MLOPS_LAB_PYTHON": "3.12"},
            {},
            ("conda", "3.12"),
        ),
        "flags over variables": (
            SETTINGS,
            {"MLOPS_LAB_ENGINE": "conda", "MLOPS_LAB_PYTHON": "3.12"},
            {"engine": "rattler", "python": "3.13"},
            ("rattler", "3.13"),
        ),
        "variable of no length": (SETTINGS, {"MLOPS_LAB_ENGINE": ""}, {}, ("mamba", "3.11")),
    },
)
def test_flags_win_over_variables_over_settings(
    root: Path,
    text: str,
    variables: dict[str, str],
    flags: dict[str, Any],
    expected: tuple[str, str],
) -> None:
    (root / "pyproject.toml").write_text(text)
    found = Project.load(root, variables, **flags)
    assert (found.options.engine, found.options.python) == expected


@cases(
    "setting, words",
    {
        "unknown": ("kombo = 'x'", "no setting 'kombo'; it has combo, engine, python"),
        "number": ("combo = 3", "combo must be a string, and it is 3"),
        "list": ("engine = ['conda']", "engine must be a string"),
        "no age": ("exclude-newer = '7 months'", "exclude-newer must be an age such as"),
        "an age without a unit": ("exclude-newer = 7", "it is 7"),
        "no list of extras": ("extras = 'web'", "extras must be a list of names, and it is 'web'"),
        "a number among groups": ("groups = [1]", "groups must be a list of names"),
        "a platform alone": ("platforms = 'linux-64'", "platforms must be a list"),
        "no platform": ("platforms = ['linux64']", "platforms has no platform 'linux64'"),
        "a number among them": ("platforms = [3]", "platforms has no platform 3"),
        "no table": ("system-requirements = 3", "system-requirements must be a table"),
        "another system": ("system-requirements = {os = '1'}", "no setting 'os'; it has linux,"),
        "no version": ("system-requirements = {cuda = 12}", 'must be a version such as "12.4"'),
    },
)
def test_wrong_setting_is_named_with_its_line(
    project: MakeProject, setting: str, words: str
) -> None:
    with pytest.raises(LabError) as caught:
        project(f"{HEAD}[tool.mlops-lab]\n{setting}\n")
    assert words in caught.value.message
    assert (caught.value.file, caught.value.line) == ("pyproject.toml", 4)


def test_settings_of_checks_are_allowed(project: MakeProject) -> None:
    assert project(f"{HEAD}[tool.mlops-lab.checks]\nx = 1\n").settings.combo == ""


def test_conda_file_is_read_once_asked_for(project: MakeProject, root: Path) -> None:
    made = project(conda="name: [\n")
    assert made.conda_path == root / "conda.yml"
    with pytest.raises(LabError, match="not valid YAML"):
        _ = made.conda_file


def test_missing_conda_file_is_named_with_a_way_out(project: MakeProject) -> None:
    made = project()
    assert made.conda_path is None
    with pytest.raises(LabError, match=r"There is no conda\.yml") as caught:
        _ = made.conda_file
    assert "--combo pip_uv" in str(caught.value.remedy)
