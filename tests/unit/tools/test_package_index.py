"""Which index is used, and which tool is told of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from pip._internal.models.index import PyPI

from tasks_lib import bootstrap
from tasks_lib.environments.venv import Venv
from tasks_lib.errors import LabError
from tasks_lib.managers.poetry import Poetry
from tasks_lib.session.session import Session
from tasks_lib.tools import package_index

if TYPE_CHECKING:
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
    "uv/uv.toml": '[[index]]\nname = "extra"\nurl = "http://extra"\n[[index]]\nurl = "http://{0}"\ndefault = true\n',
    "pip/pip.conf": "[global]\nindex-url = http://{0}\n",
}


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
    found = package_index.resolve(variables)
    assert found.url == f"http://{SOURCES[first]}"
    assert found.source.endswith(SOURCES[first])


def test_default_is_what_pip_itself_has() -> None:
    assert package_index.resolve({}) == package_index.Index(PyPI.simple_url, "")


@pytest.mark.parametrize(
    ("place", "text"),
    [
        pytest.param(".config/uv/uv.toml", 'index-url = "http://mirror"\n', id="uv, older key"),
        pytest.param(
            ".pip/pip.conf",
            "[install]\nindex-url = http://mirror\n",
            id="pip, older place and section",
        ),
        pytest.param(
            "etc/pip/pip.conf",
            "[global]\nindex_url = http://mirror\n",
            id="pip, key with an underscore",
        ),
    ],
)
def test_other_ways_to_write_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, place: str, text: str
) -> None:
    monkeypatch.setenv("HOME", str(home))
    path = home / place
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    variables = {"XDG_CONFIG_HOME": str(home / ".config"), "XDG_CONFIG_DIRS": str(home / "etc")}
    assert package_index.resolve(variables).url == "http://mirror"


@pytest.mark.parametrize("name", ["UV_CONFIG_FILE", "PIP_CONFIG_FILE"])
def test_named_configuration_file_wins(home: Path, name: str) -> None:
    own = home / "own.conf"
    own.write_text(TEXTS["uv/uv.toml" if name.startswith("UV") else "pip/pip.conf"].format("own"))
    assert package_index.resolve({name: str(own)}).url == "http://own"


@pytest.mark.parametrize(
    ("source", "data"),
    [
        pytest.param("uv/uv.toml", b"[", id="uv, broken"),
        pytest.param("uv/uv.toml", b"\xff", id="uv, not UTF-8"),
        pytest.param("uv/uv.toml", b"index = 3\n", id="uv, index as a number"),
        pytest.param("uv/uv.toml", b"a = " + b"9" * 5000, id="uv, huge number"),
        pytest.param("uv/uv.toml", b"a = " + b"[" * 20_000, id="uv, deep nesting"),
        pytest.param("pip/pip.conf", b"index-url = x\n", id="pip, no section"),
        pytest.param("pip/pip.conf", b"[global]\nindex-url = a\nindex-url = b\n", id="pip, twice"),
        pytest.param("pip/pip.conf", b"[global]\n\xff\n", id="pip, not UTF-8"),
    ],
)
def test_broken_configuration_is_named(home: Path, source: str, data: bytes) -> None:
    path = home / ".config" / source
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    with pytest.raises(LabError) as caught:
        package_index.resolve({"XDG_CONFIG_HOME": str(home / ".config")})
    assert caught.value.file == str(path)


@pytest.mark.parametrize(
    ("variables", "pyproject", "expected"),
    [
        pytest.param({}, "", {}, id="nobody set one"),
        pytest.param({"UV_DEFAULT_INDEX": "http://a"}, "", {}, id="uv knows it"),
        pytest.param(
            {"PIP_INDEX_URL": "http://a"}, "", {"UV_DEFAULT_INDEX": "http://a"}, id="set for pip"
        ),
        pytest.param(
            {"MLOPS_LAB_INDEX_URL": "http://a"},
            "",
            {"UV_DEFAULT_INDEX": "http://a"},
            id="set for all",
        ),
        pytest.param(
            {"PIP_INDEX_URL": "http://a"},
            "[[tool.uv.index]]\nurl = 'http://b'\n",
            {},
            id="the project's own",
        ),
        pytest.param(
            {"PIP_INDEX_URL": "http://a"},
            "[tool.uv]\nindex-url = 'http://b'\n",
            {},
            id="its older key",
        ),
    ],
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
    assert package_index.for_uv(project(f'[project]\nname = "demo"\n{pyproject}')) == expected


def test_poetry_is_always_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert package_index.for_poetry() == {"POETRY_PYPI_MIRROR_URL": PyPI.simple_url}
    monkeypatch.setenv("PIP_INDEX_URL", "http://a")
    assert package_index.for_poetry() == {"POETRY_PYPI_MIRROR_URL": "http://a"}
    monkeypatch.setenv("POETRY_PYPI_MIRROR_URL", "http://b")
    assert package_index.for_poetry() == {"POETRY_PYPI_MIRROR_URL": "http://b"}


def test_offline_is_told_to_every_tool_that_knows_of_it_and_refused_for_poetry(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables: dict[str, str] = {}
    package_index.go_offline(variables, asked=False)
    assert not variables
    package_index.go_offline(variables, asked=True)
    assert {variables["UV_OFFLINE"], variables["CONDA_OFFLINE"]} == {"1", "true"}
    monkeypatch.setenv(bootstrap.OFFLINE, "1")
    made = project()
    manager, activation = Poetry(made), Venv(made).activation()
    assert "--dry-run" in manager.preview(activation).argv
    with pytest.raises(LabError, match="cannot do without the network") as caught:
        manager.install(activation)
    assert "uv" in str(caught.value.remedy)


MIRROR = '[project]\nname = "a"\n[tool.mlops-lab.mirror]\n'


def test_one_setting_leads_all_tools_to_the_mirror(
    project: MakeProject, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONDA_CHANNEL_ALIAS", "https://mine.example")  # a variable wins
    for name in (package_index.VARIABLE, "PIP_INDEX_URL"):
        monkeypatch.setenv(name, "")  # so that it is put back
        monkeypatch.delenv(name)
    project(
        f'{MIRROR}index = "https://mirror.example/simple"\nchannel = "https://mirror.example/conda"\n'
    )
    session = Session.open(combo="pip_uv", start=root)
    assert (
        package_index.for_uv(session.project)["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"
    )
    assert package_index.for_poetry()["POETRY_PYPI_MIRROR_URL"] == "https://mirror.example/simple"
    assert os.environ["PIP_INDEX_URL"] == "https://mirror.example/simple"
    assert os.environ["CONDA_CHANNEL_ALIAS"] == "https://mine.example"


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
