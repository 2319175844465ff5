"""The options of a run: flags override variables, and these override settings."""

from __future__ import annotations

import pytest

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.project.options import Choice, Options, Source
from tasks_lib.project.settings import Settings
from tests.cases import cases

MIRROR = Settings(combo="pip_uv", index="http://mirror/simple", channel="http://mirror/conda")


@cases(
    "variables, flag, expected",
    {
        "settings": ({}, "", Choice("pip_uv", Source.SETTINGS)),
        "variable": (
            {"MLOPS_LAB_COMBO": "conda_uv"},
            "",
            Choice("conda_uv", Source.VARIABLE, "MLOPS_LAB_COMBO"),
        ),
        "empty": ({"MLOPS_LAB_COMBO": ""}, "", Choice("pip_uv", Source.SETTINGS)),
        "flag": (
            {"MLOPS_LAB_COMBO": "conda_uv"},
            "pip_poetry",
            Choice("pip_poetry", Source.FLAG),
        ),
    },
)
def test_a_combo_is_kept_with_who_decided(
    variables: dict[str, str], flag: str, expected: Choice
) -> None:
    assert Options.resolve(MIRROR, variables, combo=flag).combo == expected


@cases(
    "variables, expected",
    {
        "the mirror of the settings": ({}, "http://mirror/simple"),
        "over pip's": ({"PIP_INDEX_URL": "http://a"}, "http://mirror/simple"),
        "our variable over both": ({"MLOPS_LAB_INDEX_URL": "http://a"}, "http://a"),
    },
)
def test_one_index_is_chosen(variables: dict[str, str], expected: str) -> None:
    assert Options.resolve(MIRROR, variables).index.value == expected


@cases(
    "settings, variables, offline, expected",
    {
        "nothing": (Settings(), {}, False, {}),
        "offline": (Settings(), {}, True, {"MLOPS_LAB_OFFLINE": "1"}),
        "a variable is inherited": (
            MIRROR,
            {"CONDA_CHANNEL_ALIAS": "http://mine"},
            False,
            {"MLOPS_LAB_INDEX_URL": "http://mirror/simple"},
        ),
    },
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
