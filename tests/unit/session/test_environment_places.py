"""A killed run's environment is restored to the place it came from, wherever one would be now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasks_lib.environments import claims, setting_aside
from tasks_lib.environments.base import State
from tasks_lib.results import Status
from tasks_lib.session import journal, transaction
from tasks_lib.session.session import Session
from tests.cases import cases

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tasks_lib.results import Result
    from tests.conftest import MakeProject

CONDA = "name: demo\nchannels: [conda-forge]\ndependencies: [python]\n"


@pytest.fixture
def session(project: MakeProject, conda_env: Path, home: Path) -> Session:
    """Return a session whose environment is in the second of conda's folders."""
    (conda_env / "mine").touch()
    (home / ".condarc").write_text("envs_dirs: [~/first, ~/.conda/envs]\n")
    return Session.open(combo="conda_uv", engine="rattler", start=project(conda=CONDA).root)


def _run_again(root: Path) -> Sequence[Result]:
    with transaction.alone(root, "setup", lambda _: None) as found:
        return found


def _another_of_this_name(home: Path, _: Path) -> None:
    (home / "first/demo/bin").mkdir(parents=True)
    (home / "first/demo/conda-meta").mkdir()
    (home / "first/demo/bin/python").symlink_to("/bin/sh")


def _another_name(_: Path, root: Path) -> None:
    (root / "conda.yml").write_text(CONDA.replace("demo", "renamed"))


def _no_conda_file(_: Path, root: Path) -> None:
    (root / "conda.yml").unlink()


MEANWHILE = {
    "an environment in the first folder": _another_of_this_name,
    "another name in the conda file": _another_name,
    "no conda file": _no_conda_file,
}


@cases("change", MEANWHILE)
def test_one_that_was_set_aside_comes_back_to_its_place(
    session: Session, conda_env: Path, home: Path, root: Path, change: Callable[[Path, Path], None]
) -> None:
    replace(journal.Journal.of(session, []), touched=True).save(root)
    session.environment.set_aside()
    change(home, root)
    (result,) = _run_again(root)
    assert "recovered" in result.id
    assert (conda_env / "mine").exists()
    assert [path.name for path in conda_env.parent.iterdir()] == ["demo"]
    assert setting_aside.left(root) is None


@cases("change", MEANWHILE)
def test_one_that_a_run_left_after_its_last_step_is_deleted(
    session: Session, conda_env: Path, home: Path, root: Path, change: Callable[[Path, Path], None]
) -> None:
    session.environment.set_aside()
    change(home, root)
    (root / "conda.yml").write_text(CONDA.replace("demo", "another"))
    now = Session.open(combo="conda_uv", engine="rattler", start=root)
    now.environment.discard_aside()
    assert list(conda_env.parent.iterdir()) == []


def test_half_an_environment_is_deleted_where_it_was_begun(
    session: Session, conda_env: Path, home: Path, root: Path
) -> None:
    before = replace(journal.Journal.of(session, []), state=State.ABSENT, packages={}, touched=True)
    before.save(root)
    _another_of_this_name(home, root)
    (conda_env / "bin/python").unlink()
    _run_again(root)
    assert not conda_env.exists()
    assert (home / "first/demo/bin/python").exists()


def test_one_that_is_another_projects_by_now_is_left_alone(
    session: Session, conda_env: Path, root: Path, tmp_path: Path
) -> None:
    before = replace(journal.Journal.of(session, []), state=State.ABSENT, packages={}, touched=True)
    before.save(root)
    other = tmp_path / "other"
    other.mkdir()
    for name in ("pyproject.toml", "conda.yml"):
        (other / name).write_bytes((root / name).read_bytes())
    theirs = Session.open(combo="conda_uv", engine="rattler", start=other)
    claims.claim(theirs.environment)
    (result,) = _run_again(root)
    assert (result.status, result.id) == (Status.WARN, "recovered")
    assert f"is the environment of {other} now" in result.detail
    assert (conda_env / "mine").exists()
