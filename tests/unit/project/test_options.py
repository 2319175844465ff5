"""The options of a run: flags override variables, and these override settings."""

from __future__ import annotations

import pytest

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.project.options import Choice, Options, Source
from tasks_lib.project.settings import Settings

MIRROR = Settings(combo="pip_uv", index="http://mirror/simple", channel="http://mirror/conda")


@pytest.mark.parametrize(
    ("variables", "flag", "expected"),
    [
        pytest.param({}, "", Choice("pip_uv", Source.SETTINGS), id="settings"),
        pytest.param(
            {"MLOPS_LAB_COMBO": "conda_uv"},
            "",
            Choice("conda_uv", Source.VARIABLE, "MLOPS_LAB_COMBO"),
            id="variable",
        ),
        pytest.param({"MLOPS_LAB_COMBO": ""}, "", Choice("pip_uv", Source.SETTINGS), id="empty"),
        pytest.param(
            {"MLOPS_LAB_COMBO": "conda_uv"},
            "pip_poetry",
            Choice("pip_poetry", Source.FLAG),
            id="flag",
        ),
    ],
)
def test_a_combo_is_kept_with_who_decided(
    variables: dict[str, str], flag: str, expected: Choice
) -> None:
    assert Options.resolve(MIRROR, variables, combo=flag).combo == expected


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        pytest.param({}, "http://mirror/simple", id="the mirror of the settings"),
        pytest.param({"PIP_INDEX_URL": "http://a"}, "http://mirror/simple", id="over pip's"),
        pytest.param({"MLOPS_LAB_INDEX_URL": "http://a"}, "http://a", id="our variable over both"),
    ],
)
def test_one_index_is_chosen(variables: dict[str, str], expected: str) -> None:
    assert Options.resolve(MIRROR, variables).index.value == expected


@pytest.mark.parametrize(
    ("settings", "variables", "offline", "expected"),
    [
        pytest.param(Settings(), {}, False, {}, id="nothing"),
        pytest.param(Settings(), {}, True, {"MLOPS_LAB_OFFLINE": "1"}, id="offline"),
        pytest.param(
            MIRROR,
            {"CONDA_CHANNEL_ALIAS": "http://mine"},
            False,
            {"MLOPS_LAB_INDEX_URL": "http://mirror/simple"},
            id="a variable is inherited",
        ),
    ],
)
def test_another_run_gets_the_same_options(
    settings: Settings, variables: dict[str, str], *, offline: bool, expected: dict[str, str]
) -> None:
    assert Options.resolve(settings, variables, offline=offline).variables == expected


@pytest.mark.parametrize("python", ["3.12", ">=3.11,<3.13", "pypy3.10", "cpython@3.12", "sh"])
def test_python_that_may_exist_is_taken(python: str) -> None:
    assert Options.resolve(Settings(), {}, python=python).python == python


@pytest.mark.parametrize(
    ("flag", "variable", "setting"), [("foo", "", ""), ("", "/no/python", ""), ("", "", "sh")]
)
def test_python_that_is_nothing_is_refused_whoever_names_it(
    flag: str, variable: str, setting: str
) -> None:
    with pytest.raises(LabError, match="no program or path") as caught:
        Options.resolve(Settings(python=setting), {"MLOPS_LAB_PYTHON": variable}, python=flag)
    assert caught.value.code is ErrorCode.PYTHON_NOT_FOUND
