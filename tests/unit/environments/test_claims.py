"""An environment knows the projects that it was made for, and whether it is frozen."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from tasks_lib.environments import claims
from tasks_lib.environments.conda import Conda
from tasks_lib.environments.venv import Venv
from tasks_lib.errors import ErrorCode, ExitCode, LabError
from tasks_lib.managers.poetry import Poetry
from tasks_lib.project.project import Project
from tasks_lib.report.progress import Progress
from tasks_lib.session import combos
from tasks_lib.session.session import Session
from tasks_lib.workflows import installation, synchronizing, updating
from tests.cases import cases
from tests.unit.workflows.conftest import CONDA_YML, LOCK, PYPROJECT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeProject
    from tests.unit.conftest import Link


@pytest.fixture
def mine(project: MakeProject, conda_env: Path, link: Link) -> Conda:
    """Return the conda environment of a project that has made it its own."""
    link(conda_env, "python", "3.11.7")
    link(conda_env, "pip", "25.0")
    made = Conda(project(PYPROJECT, CONDA_YML, files={"uv.lock": LOCK}))
    claims.claim(made)
    return made


def other(mine: Conda, folder: str = "other", conda: str = CONDA_YML) -> Conda:
    """Return the environment as another project with the same environment's name sees it."""
    root = mine.project.root.parent / folder
    root.mkdir(exist_ok=True)
    (root / "pyproject.toml").write_text(PYPROJECT)
    (root / "uv.lock").write_text(LOCK)
    (root / "conda.yml").write_text(conda)
    return Conda(Project.load(root, os.environ, engine="rattler"))


def test_another_project_is_refused_with_its_choices(mine: Conda) -> None:
    mine.refuse_change()
    with pytest.raises(LabError) as refused:
        other(mine).refuse_change()
    error = refused.value
    assert (error.code, error.exit_code) == (ErrorCode.OTHER_PROJECT, ExitCode.GUARD_REFUSED)
    assert str(mine.project.root) in error.message
    assert "another name in conda.yml" in error.remedy.text
    assert error.remedy.argv == ("invoke", "env.create", "--share")


def test_every_change_of_another_project_is_refused(mine: Conda) -> None:
    root = other(mine).project.root
    session = Session.open(combo="conda_uv", engine="rattler", start=root)
    before = sorted(mine.prefix.rglob("*"))
    for run in (
        installation.setup,
        installation.create,
        installation.remove,
        installation.install,
        synchronizing.sync,
        synchronizing.align,
        updating.update_environment,
    ):
        for dry_run in (True, False):
            with pytest.raises(LabError, match="was made for another project"):
                run(session, Progress(), dry_run=dry_run)
    assert sorted(mine.prefix.rglob("*")) == before


def test_sharing_is_on_purpose_and_remembered(mine: Conda) -> None:
    session = Session.open(combo="conda_uv", engine="rattler", start=other(mine).project.root)
    (step,) = installation.create(session, Progress(), share=True, dry_run=True).steps
    assert step.shown.endswith(claims.RECORD)
    with pytest.raises(LabError):
        session.environment.refuse_change()
    installation.create(session, Progress(), share=True)
    session.environment.refuse_change()
    mine.refuse_change()
    with pytest.raises(LabError):
        other(mine, "third").refuse_change()


@pytest.mark.parametrize("dry_run", [True, False])
def test_one_of_those_that_share_it_removes_it_for_all_only_on_purpose(
    mine: Conda, dry_run: bool
) -> None:
    second = other(mine)
    claims.claim(second, share=True)
    session = Session.open(combo="conda_uv", engine="rattler", start=second.project.root)
    with pytest.raises(LabError) as refused:
        installation.remove(session, Progress(), dry_run=dry_run)
    error = refused.value
    assert (error.code, error.exit_code) == (ErrorCode.OTHER_PROJECT, ExitCode.GUARD_REFUSED)
    assert f"would lose it too: {mine.project.root}." in error.message
    assert error.remedy.argv == ("invoke", "env.remove", "--shared")
    installation.remove(session, Progress(), shared=True, dry_run=dry_run)
    assert mine.prefix.exists() is dry_run


def test_one_alone_removes_it_unasked(mine: Conda) -> None:
    second = other(mine)
    claims.claim(second, share=True)
    shutil.rmtree(second.project.root)
    session = Session.open(combo="conda_uv", engine="rattler", start=mine.project.root)
    installation.remove(session, Progress())
    assert not mine.prefix.exists()


def test_the_layer_is_not_chosen_for_an_environment_of_another_project(mine: Conda) -> None:
    assert combos.resolve(mine.project).environment == "conda"
    assert combos.resolve(other(mine).project).environment == "pip"


@pytest.mark.parametrize("gone", ["moved", "deleted", "another name", "no conda file"])
def test_a_project_that_no_longer_uses_it_has_no_claim(mine: Conda, gone: str) -> None:
    root = mine.project.root
    if gone == "moved":
        root.rename(root.with_name("moved"))
    elif gone == "deleted":
        shutil.rmtree(root)
    elif gone == "another name":
        (root / "conda.yml").write_text(CONDA_YML.replace("demo", "renamed"))
    else:
        (root / "conda.yml").unlink()
    new = other(mine, "moved")
    new.refuse_change()
    claims.claim(new)
    record = json.loads((mine.prefix / claims.RECORD).read_text("utf-8"))
    assert record["projects"] == [str(new.project.root)]


def test_one_made_by_hand_belongs_to_the_first_that_changes_it(mine: Conda) -> None:
    (mine.prefix / claims.RECORD).unlink()
    second = other(mine)
    second.refuse_change()
    claims.claim(second)
    with pytest.raises(LabError):
        mine.refuse_change()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"projects": 1}', '{"projects": [1]}', "\0"])
def test_a_record_that_cannot_be_read_refuses_nobody(mine: Conda, text: str) -> None:
    (mine.prefix / claims.RECORD).write_text(text)
    other(mine).refuse_change()


def test_the_same_folder_by_another_path_is_the_same_project(mine: Conda) -> None:
    link = mine.project.root.with_name("link")
    link.symlink_to(mine.project.root)
    Conda(Project.load(link, os.environ, engine="rattler")).refuse_change()


def test_one_in_the_project_needs_no_record_and_a_linked_one_does(
    project: MakeProject, venv: Path
) -> None:
    first = Venv(project())
    claims.claim(first)
    assert not (venv / claims.RECORD).exists()
    away = venv.rename(venv.parent.parent / "elsewhere")
    venv.symlink_to(away)
    claims.claim(first)
    root = venv.parent.with_name("second")
    root.mkdir()
    (root / "pyproject.toml").write_text(PYPROJECT)
    (root / ".venv").symlink_to(away)
    second = Venv(Project.load(root, os.environ))
    with pytest.raises(LabError, match="was made for another project"):
        second.refuse_change()


def test_a_mark_against_pip_is_for_what_the_guard_keeps(
    mine: Conda, project: MakeProject, venv: Path
) -> None:
    lib = "lib/python3.11/EXTERNALLY-MANAGED"
    words = ("--break-system-packages", "six")
    assert mine.pip("uninstall", "six", why="").argv[-2:] != words
    (mine.prefix / lib).write_text("[externally-managed]\n")
    assert mine.pip("uninstall", "six", why="").argv[-2:] == words
    poetry = Poetry(mine.project)
    assert poetry.install(mine.activation()).env["PIP_BREAK_SYSTEM_PACKAGES"] == "1"
    own = Venv(project())  # PEP 668: a virtual environment is not marked by its base
    (venv / lib).write_text("[externally-managed]\n")
    assert own.pip("uninstall", "six", why="").argv[-2:] != words
    assert "PIP_BREAK_SYSTEM_PACKAGES" not in poetry.install(own.activation()).env


@cases(
    "text, reason",
    {
        "empty": ("", ""),
        "reason": ('{"message": "In production."}', " Its reason: In production."),
        "no object": ("[1]", ""),
    },
)
def test_a_frozen_one_is_not_changed(mine: Conda, text: str, reason: str) -> None:
    (mine.marker / "frozen").write_text(text)
    session = Session.open(combo="conda_uv", engine="rattler", start=mine.project.root)
    before = sorted(mine.prefix.rglob("*"))
    for run in (installation.install, synchronizing.sync, installation.remove):
        with pytest.raises(LabError) as refused:
            run(session, Progress())
        assert refused.value.code is ErrorCode.FROZEN_ENVIRONMENT
        assert refused.value.message.endswith(f"nothing may change it.{reason}")
        assert refused.value.remedy.argv == ("rm", str(mine.marker / "frozen"))
    assert sorted(mine.prefix.rglob("*")) == before
    assert mine.require().prefix == mine.prefix
