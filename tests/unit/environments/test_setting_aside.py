"""An environment is moved away whole or not at all, and only what a run moved is deleted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tasks_lib.environments import setting_aside
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.report.progress import Progress
from tasks_lib.session.session import Session
from tasks_lib.workflows import installation

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeProject


@pytest.fixture
def session(project: MakeProject, venv: Path) -> Session:
    """Return a session whose environment has a file in a folder."""
    (venv / "lib/mine.py").write_text("x = 1\n")
    return Session.open(combo="pip_uv", start=project().root)


def names(root: Path) -> set[str]:
    """Return what is in the project's folder."""
    return {path.name for path in root.iterdir()}


def refuse(monkeypatch: pytest.MonkeyPatch, part: Path) -> None:
    """Let the system forbid to write a file or folder; the tests may run as root."""
    allowed = os.access

    def access(path: str, mode: int) -> bool:
        return str(path) != str(part) and allowed(path, mode)

    monkeypatch.setattr(os, "access", access)


@pytest.mark.parametrize("part", ["lib", "lib/mine.py"])
def test_what_cannot_be_deleted_stays_whole(
    session: Session, venv: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    refuse(monkeypatch, venv / part)
    before = names(venv.parent)
    with pytest.raises(LabError) as refused:
        installation.remove(session, Progress())
    assert refused.value.code is ErrorCode.CANNOT_DELETE
    assert str(venv / part) in refused.value.message
    assert f"delete {venv} as a user who may" in refused.value.remedy.text
    assert (venv / "lib/mine.py").read_text() == "x = 1\n"
    assert names(venv.parent) == before
    monkeypatch.undo()


def test_a_removed_one_leaves_nothing(session: Session, venv: Path) -> None:
    installation.remove(session, Progress())
    assert not venv.exists()
    assert not os.path.lexists(session.environment.aside)
    assert not session.environment.is_aside()


def test_what_a_repository_has_in_that_place_is_kept(session: Session, venv: Path) -> None:
    thesis = session.environment.aside / "thesis.tex"
    thesis.parent.mkdir()
    thesis.touch()
    with pytest.raises(LabError) as refused:
        installation.remove(session, Progress())
    assert refused.value.code is ErrorCode.PATH_OCCUPIED
    assert refused.value.remedy.argv[:2] == ("mv", str(thesis.parent))
    assert thesis.exists()
    assert (venv / "lib/mine.py").exists()
    session.environment.discard_aside()
    assert thesis.exists()


def test_what_a_killed_run_left_is_deleted(session: Session, venv: Path) -> None:
    session.environment.set_aside()
    venv.mkdir()
    (venv / "pyvenv.cfg").touch()
    assert session.environment.is_aside()
    installation.remove(session, Progress())
    assert names(venv.parent).isdisjoint({".venv", session.environment.aside.name})


def test_a_folder_with_the_number_of_one_that_was_deleted_is_kept(
    session: Session, venv: Path
) -> None:
    session.environment.set_aside()
    session.environment.discard_aside()
    venv.parent.joinpath(session.environment.aside.name).mkdir()
    assert not setting_aside.is_ours(session.environment.aside, venv.parent)


def test_a_copy_is_worked_on_and_the_environment_is_back_if_that_fails(
    session: Session, venv: Path
) -> None:
    environment = session.environment
    inode = (venv / "lib/mine.py").stat().st_ino
    environment.work_on_copy()
    assert (venv / "lib/mine.py").stat().st_ino == inode  # nothing writes into it
    (venv / "lib/mine.py").unlink()
    (venv / "pyvenv.cfg").write_text("")
    assert environment.is_aside()
    environment.bring_back()
    assert (venv / "lib/mine.py").read_text() == "x = 1\n"
    assert (venv / "pyvenv.cfg").read_text()
    assert (venv / "bin/python").is_symlink()
    assert not environment.is_aside()
