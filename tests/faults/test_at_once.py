"""Many runs at once: on one project, or on projects that share an environment or the caches."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.faults.conftest import FULL, OFTEN
from tests.lab import (
    INSTALLED,
    PYPROJECT,
    Answer,
    Case,
    expect_contract,
    expect_no_traceback,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.faults.conftest import Tried
    from tests.lab import Lab

#: how many at once; the ordinary tests have the time for a few, of one case of each layer
NUMBER = 8 if FULL else 3
_PATIENCE = 900


def _at_once(labs: Sequence[Lab], *task: str) -> list[Answer]:
    """Start the task in every lab (or as often in the one), and wait for all."""
    children = [lab.start(lab.argv(*task, json=True)) for lab in labs]
    answers = []
    for child in children:
        stdout, stderr = child.communicate(timeout=_PATIENCE)
        answers.append(Answer(child.returncode, stdout, stderr))
    for answer in answers:
        expect_no_traceback(answer)
        assert answer.code == 0, answer
        expect_contract(answer)
    return answers


def _expect_sound(lab: Lab) -> None:
    """Check that a project has one whole environment, a usable lock, and nothing left over."""
    whole = lab("check.all")
    assert whole.code == 0, whole
    assert set(INSTALLED) <= set(lab.installed())
    lab.imports(*INSTALLED.values())
    known = {"pyproject.toml", "conda.yml", lab.lock.name, ".venv"}
    assert {path.name for path in lab.project.iterdir()} <= known
    beside = (
        {path.name for path in lab.prefix.parent.iterdir()}
        if lab.prefix.parent != lab.project
        else set()
    )
    assert not {name for name in beside if name.startswith(".")}, beside


@pytest.mark.parametrize("case", OFTEN, ids=str)
def test_setup_on_one_project(new_lab: Callable[[Case], Lab], case: Case, tried: Tried) -> None:
    tried("setup at once on one project", NUMBER)
    lab = new_lab(case)
    answers = _at_once([lab] * NUMBER, "setup")
    changed = [answer.data["changed"] for answer in answers if answer.data["changed"]]
    assert len(changed) == 1, changed  # one made it, and the others found it made
    _expect_sound(lab)
    shutil.rmtree(lab.home)


@pytest.mark.parametrize("case", OFTEN, ids=str)
def test_setup_on_projects_that_share_the_caches(
    new_lab: Callable[[Case], Lab], case: Case, tmp_path: Path, tried: Tried
) -> None:
    tried("setup at once on projects that share caches", NUMBER)
    labs = [new_lab(case) for _ in range(NUMBER)]
    caches = {
        name: str(tmp_path / name)
        for name in ("UV_CACHE_DIR", "POETRY_CACHE_DIR", "RATTLER_CACHE_DIR")
    }
    for lab in labs:
        lab.env |= {**caches, "CONDA_PKGS_DIRS": str(tmp_path / "pkgs")}
    _at_once(labs, "setup")
    for lab in labs:
        _expect_sound(lab)
        shutil.rmtree(lab.home)


@pytest.mark.parametrize("case", [case for case in OFTEN if case.layer == "conda"], ids=str)
def test_setup_on_projects_that_share_an_environment(
    new_lab: Callable[[Case], Lab], case: Case, tried: Tried
) -> None:
    tried("setup at once on projects that share an environment", NUMBER)
    lab = new_lab(case)
    projects = [lab.project]
    for number in range(1, NUMBER):
        projects.append(lab.home / f"project {number}")
        shutil.copytree(lab.project, projects[-1])

    def ends(*task: str) -> list[int]:
        children = [lab.start(lab.argv(*task, json=True), cwd=project) for project in projects]
        codes = []
        for child in children:
            stdout, stderr = child.communicate(timeout=_PATIENCE)
            answer = Answer(child.returncode, stdout, stderr)
            expect_contract(answer)
            if answer.code:
                assert answer.error()["code"] == "other_project", answer
            codes.append(answer.code)
        return sorted(codes)

    # it is made for the first, and the others have to say that they share it
    assert ends("setup") == [0, *[5] * (NUMBER - 1)]
    assert ends("env.create", "--share") == [0] * NUMBER
    assert ends("setup") == [0] * NUMBER
    for project in projects:
        lab.project = project
        _expect_sound(lab)
        assert (project / "pyproject.toml").read_text("utf-8") == PYPROJECT
    shutil.rmtree(lab.home)
