"""The virtual environments in a project's folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks_lib.environments import foreign

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeProject


def make(prefix: Path) -> Path:
    """Create what a virtual environment is known by."""
    prefix.mkdir(parents=True)
    (prefix / "pyvenv.cfg").touch()
    return prefix


def test_every_kind(project: MakeProject, root: Path, home: Path) -> None:
    expected = [
        ("pip", make(root / ".venv")),
        ("pip", make(root / "env")),
        ("nox", make(root / ".nox" / "tests")),
        ("tox", make(root / ".tox" / "py")),
        ("uv", make(home / "of-uv")),
    ]
    (root / "src").mkdir()
    variables = {"UV_PROJECT_ENVIRONMENT": str(home / "of-uv")}
    assert foreign.virtual_environments(project(), variables) == expected


def test_environments_that_poetry_and_pipenv_keep_elsewhere_are_theirs_to_list(
    project: MakeProject, root: Path, home: Path
) -> None:
    make(home / ".cache/pypoetry/virtualenvs/demo-AAAAAAAA-py3.11")
    pipenv = make(home / ".local/share/virtualenvs/demo-BBBBBBBB")
    (pipenv / ".project").write_text(f"{root}\n")
    assert foreign.virtual_environments(project(), {}) == []


def test_nothing_there(project: MakeProject) -> None:
    variables = {"UV_PROJECT_ENVIRONMENT": "/nowhere"}
    assert foreign.virtual_environments(project(), variables) == []
