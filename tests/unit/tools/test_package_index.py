"""Which index is used, and which tool is told of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from pip._internal.models.index import PyPI

from tasks_lib.environments import conda_config
from tasks_lib.environments.venv import Venv
from tasks_lib.errors import LabError
from tasks_lib.managers import poetry_settings
from tasks_lib.managers.poetry import Poetry
from tasks_lib.project.options import Options
from tasks_lib.project.settings import Settings
from tasks_lib.tools import package_index, uv
from tests.cases import cases

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.conftest import MakeProject

#: from the strongest to the weakest
SOURCES = (
    "MLOPS_LAB_INDEX_URL",
    "UV_DEFAULT_INDEX",
    "UV_INDEX_URL",
    "PIP_INDEX_URL",
    "uv/uv.toml",
    "pip/pip.conf",
)
TEXTS = {
    "uv/uv.toml": (
        '[[index]]\nname = "extra"\nurl = "http://extra"\n'
        '[[index]]\nurl = "http://{0}"\ndefault = true\n'
    ),
    "pip/pip.conf": "[global]\nindex-url = http://{0}\n",
}


def resolve(variables: Mapping[str, str]) -> package_index.Index:
    """Return the index of a run without flags and settings."""
    return package_index.resolve(Options.resolve(Settings(), variables), variables)


@pytest.mark.parametrize("first", range(len(SOURCES)), ids=SOURCES)
def test_strongest_source_wins(home: Path, first: int) -> None:
    variables = {"XDG_CONFIG_HOME": str(home / ".config")}
    for source in SOURCES[first:]:
        if source in TEXTS:
            path = home / ".config" / source
            path.parent.mkdir(parents=True)
            path.write_text(TEXTS[source].format(source))
        else:
            variables[source] = f"http://{source}"
    found = resolve(variables)
    assert found.url == f"http://{SOURCES[first]}"
    assert found.source.endswith(SOURCES[first])


def test_default_is_what_pip_itself_has() -> None:
    assert resolve({}) == package_index.Index(PyPI.simple_url, "")


@cases(
    "place, text",
    {
        "uv, older key": (".config/uv/uv.toml", 'index-url = "http://mirror"\n'),
        "pip, older place and section": (
            ".pip/pip.conf",
            "[install]\nindex-url = http://mirror\n",
        ),
        "pip, key with an underscore": (
            "etc/pip/pip.conf",
            "[global]\nindex_url = http://mirror\n",
        ),
    },
)
def test_other_ways_to_write_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, place: str, text: str
) -> None:
    monkeypatch.setenv("HOME", str(home))
    path = home / place
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    variables = {"XDG_CONFIG_HOME": str(home / ".config"), "XDG_CONFIG_DIRS": str(home / "etc")}
    assert resolve(variables).url == "http://mirror"


@pytest.mark.parametrize("name", ["UV_CONFIG_FILE", "PIP_CONFIG_FILE"])
def test_named_configuration_file_wins(home: Path, name: str) -> None:
    own = home / "own.conf"
    own.write_text(TEXTS["uv/uv.toml" if name.startswith("UV") else "pip/pip.conf"].format("own"))
    assert resolve({name: str(own)}).url == "http://own"


@cases(
    "source, data",
    {
        "uv, broken": ("uv/uv.toml", b"["),
        "uv, not UTF-8": ("uv/uv.toml", b"\xff"),
        "uv, index as a number": ("uv/uv.toml", b"index = 3\n"),
        "uv, huge number": ("uv/uv.toml", b"a = " + b"9" * 5000),
        "uv, deep nesting": ("uv/uv.toml", b"a = " + b"[" * 20_000),
        "pip, no section": ("pip/pip.conf", b"index-url = x\n"),
        "pip, twice": ("pip/pip.conf", b"[global]\nindex-url = a\nindex-url = b\n"),
        "pip, not UTF-8": ("pip/pip.conf", b"[global]\n\xff\n"),
    },
)
def test_broken_configuration_is_named(home: Path, source: str, data: bytes) -> None:
    path = home / ".config" / source
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    with pytest.raises(LabError) as caught:
        resolve({"XDG_CONFIG_HOME": str(home / ".config")})
    assert caught.value.file == str(path)


@cases(
    "variables, pyproject, expected",
    {
        "nobody set one": ({}, "", {}),
        "uv knows it": ({"UV_DEFAULT_INDEX": "http://a"}, "", {}),
        "set for pip": ({"PIP_INDEX_URL": "http://a"}, "", {"UV_DEFAULT_INDEX": "http://a"}),
        "set for all": (
            {"MLOPS_LAB_INDEX_URL": "http://a"},
            "",
            {"UV_DEFAULT_INDEX": "http://a"},
        ),
        "the project's own": (
            {"PIP_INDEX_URL": "http://a"},
            "[[tool.uv.index]]\nurl = 'http://b'\n",
            {},
        ),
        "its older key": (
            {"PIP_INDEX_URL": "http://a"},
            "[tool.uv]\nindex-url = 'http://b'\n",
            {},
        ),
    },
)
def test_uv_is_told_only_what_somebody_set(
    project: MakeProject,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    pyproject: str,
    expected: dict[str, str],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert uv.variables(project(f'[project]\nname = "demo"\n{pyproject}')) == expected


@cases(
    "variables, expected",
    {
        "nothing set": ({}, PyPI.simple_url),
        "an index": ({"PIP_INDEX_URL": "http://a"}, "http://a"),
        "its own variable": (
            {"PIP_INDEX_URL": "http://a", "POETRY_PYPI_MIRROR_URL": "http://b"},
            "http://b",
        ),
    },
)
def test_poetry_is_always_told(
    project: MakeProject,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    expected: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert poetry_settings.index_variables(project().options) == {
        "POETRY_PYPI_MIRROR_URL": expected
    }


@cases(
    "variables, flag, offline",
    {
        "nothing said": ({}, False, False),
        "--offline": ({}, True, True),
        "the variable": ({"MLOPS_LAB_OFFLINE": "1"}, False, True),
    },
)
def test_offline_is_told_to_every_tool_that_knows_of_it(
    project: MakeProject, variables: dict[str, str], *, flag: bool, offline: bool
) -> None:
    made = project(variables=variables, offline=flag)
    said = {
        **uv.variables(made),
        **package_index.for_pip(made.options),
        **conda_config.for_conda(made.options),
    }
    told = ("CONDA_OFFLINE", "MAMBA_OFFLINE")
    names = (
        {"UV_OFFLINE": "1", "PIP_NO_INDEX": "1", **dict.fromkeys(told, "true")} if offline else {}
    )
    own = {"MLOPS_LAB_OFFLINE": "1"} if offline else {}
    assert said == names
    assert package_index.for_programs(made.options) == {**own, **names}


def test_offline_is_refused_for_poetry(project: MakeProject) -> None:
    made = project(offline=True)
    manager, activation = Poetry(made), Venv(made).activation()
    assert "--dry-run" in manager.preview(activation).argv
    with pytest.raises(LabError, match="needs the network") as caught:
        manager.install(activation)
    assert "uv" in str(caught.value.remedy)


MIRROR = '[project]\nname = "a"\n[tool.mlops-lab.mirror]\n'


def test_one_setting_leads_all_tools_to_the_mirror(project: MakeProject) -> None:
    before = dict(os.environ)
    index, channel = "https://mirror.example/simple", "https://mirror.example/conda"
    text = f'{MIRROR}index = "{index}"\nchannel = "{channel}"\n'
    made = project(text)
    assert uv.variables(made)["UV_DEFAULT_INDEX"] == index
    assert poetry_settings.index_variables(made.options)["POETRY_PYPI_MIRROR_URL"] == index
    assert package_index.for_pip(made.options) == {"PIP_INDEX_URL": index}
    assert conda_config.for_conda(made.options) == {"CONDA_CHANNEL_ALIAS": channel}
    assert dict(os.environ) == before
    own = {"CONDA_CHANNEL_ALIAS": "https://mine.example"}
    assert conda_config.for_conda(project(text, variables=own).options) == {}  # it is inherited


def test_every_tool_is_told_how_old_a_release_must_be(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = project('[project]\nname = "demo"\n[tool.mlops-lab]\nexclude-newer = "7 days"\n')
    age = {
        "UV_EXCLUDE_NEWER": "P7D",
        "PIP_UPLOADED_PRIOR_TO": "P7D",
        "POETRY_SOLVER_MIN_RELEASE_AGE": "7",
        "CONDA_EXCLUDE_NEWER": "P7D",
    }
    told = {
        **uv.variables(made),
        **poetry_settings.index_variables(made.options),
        **conda_config.for_conda(made.options),
    }
    assert {name: told[name] for name in age} == age
    for name in age:
        monkeypatch.setenv(name, "P30D")  # the user's own wins, which is inherited
    assert "UV_EXCLUDE_NEWER" not in uv.variables(made)
    assert not {*age} & poetry_settings.index_variables(made.options).keys()
    assert conda_config.for_conda(made.options) == {}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('index = "https://me:secret@mirror.example/simple"', "has a login in its address"),
        ('channel = "https://mirror.example/t/secret/conda"', "has a login in its address"),
        ('inedx = "https://mirror.example"', "has no setting 'inedx'"),
        ("index = 5", "must be an address"),
        ('index = "mirror"', "must be an address"),
    ],
)
def test_wrong_mirror_is_a_clear_error_without_its_secret(
    project: MakeProject, line: str, said: str
) -> None:
    with pytest.raises(LabError, match=said) as caught:
        project(f"{MIRROR}{line}\n")
    assert "secret" not in str(caught.value)
    assert caught.value.file == "pyproject.toml"
