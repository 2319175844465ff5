"""Virtual environments of the project that other tools keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks_lib.environments import foreign

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeProject


def make(prefix: Path, told: str = "") -> Path:
    """Make what a virtual environment is known by."""
    prefix.mkdir(parents=True)
    (prefix / "pyvenv.cfg").touch()
    if told:
        (prefix / ".project").write_text(f"{told}\n")
    return prefix


def test_every_kind(project: MakeProject, root: Path, home: Path) -> None:
    pipenvs, poetrys = home / ".local/share/virtualenvs", home / ".cache/pypoetry/virtualenvs"
    wanted = [
        ("pip", make(root / "env"), True),
        ("nox", make(root / ".nox" / "tests"), True),
        ("uv", make(home / "of-uv"), True),
        ("poetry", make(poetrys / "demo-AAAAAAAA-py3.11"), False),
        ("pipenv", make(pipenvs / "other-BBBBBBBB", str(root)), True),
        ("pipenv", make(pipenvs / "demo-CCCCCCCC", "/elsewhere"), False),
        ("pipenv", make(home / ".virtualenvs" / "demo"), False),
    ]
    make(poetrys / "demo-two-AAAAAAAA-py3.11")
    make(pipenvs / "another-BBBBBBBB")
    (root / "src").mkdir()
    (poetrys / "demo-DDDDDDDD-py3.12").mkdir()  # no environment
    found = foreign.virtual_environments(project(), {"UV_PROJECT_ENVIRONMENT": str(home / "of-uv")})
    assert sorted(found) == sorted(wanted)


@pytest.mark.parametrize(
    ("pyproject", "name"),
    [
        ('[project]\nname = "My_Demo"\n', "my-demo"),
        ('[tool.poetry]\nname = "my.demo"\n', "my-demo"),
        ("", "non-package-mode"),
    ],
)
def test_poetry_names_a_project_as_an_index_would(
    project: MakeProject, home: Path, root: Path, pyproject: str, name: str
) -> None:
    theirs = make(home / ".cache/pypoetry/virtualenvs" / f"{name}-AAAAAAAA-py3.11")
    mine = make(home / ".cache/pypoetry/virtualenvs" / f"{foreign.poetry_name(name, root)}-py3.11")
    found = foreign.virtual_environments(project(pyproject), {})
    expected = [("poetry", mine, True), *([("poetry", theirs, False)] if pyproject else [])]
    assert sorted(found) == sorted(expected)


def test_nothing_there(project: MakeProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKON_HOME", "/nowhere")
    assert foreign.virtual_environments(project(), {}) == []
