"""What a task would run is told for every combo, and every step has its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks_lib.errors import LabError
from tasks_lib.report.progress import Progress
from tasks_lib.session import combos
from tasks_lib.session.session import Session
from tasks_lib.tasks import namespace
from tasks_lib.workflows import explanation

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from tests.conftest import MakeProject

CONDA = "name: demo\nchannels: [conda-forge]\ndependencies: [python=3.11, pip]\n"


def _explain(
    project: MakeProject, root: Path, task: str, conda: str | None = CONDA
) -> dict[str, Any]:
    project(conda=conda)
    session = Session.open(combo="pip_uv", engine="rattler", start=root)
    return explanation.explain(session, Progress(), task).data


def test_setup_of_all_combos_stands_beside_each_other(project: MakeProject, root: Path) -> None:
    data = _explain(project, root, "setup")
    steps = [row["step"] for row in data["commands"]]
    assert steps.index("env.create") < steps.index("deps.lock") < steps.index("deps.install")
    locks = {row["combo"]: row["command"] for row in data["commands"] if row["step"] == "deps.lock"}
    assert set(locks) == set(combos.names())
    assert all(
        f" {name.partition('_')[2]} lock" in f" {command}" for name, command in locks.items()
    )
    assert {row["combo"] for row in data["commands"] if row["step"] == "guard"} == {
        "conda_poetry",
        "conda_uv",
    }
    reasons = {row["step"]: row["because"] for row in data["safe"]}
    assert set(reasons) == set(steps)
    assert all(reasons.values())


def test_combo_that_has_no_plan_says_why(project: MakeProject, root: Path) -> None:
    data = _explain(project, root, "setup", conda=None)
    (row,) = [row for row in data["commands"] if row["combo"] == "conda_uv"]
    assert "There is no conda.yml" in row["command"]
    data = _explain(project, root, "deps.add")
    assert all("does not exist yet" in row["command"] for row in data["commands"])


def test_task_without_a_plan_lists_those_that_have_one(project: MakeProject, root: Path) -> None:
    with pytest.raises(LabError, match=r"deps\.add"):
        _explain(project, root, "env.list")


@pytest.mark.parametrize("task", explanation.ALONE)
def test_task_that_shows_its_plan_itself_is_named_with_what_to_type(
    task: str, project: MakeProject, root: Path
) -> None:
    with pytest.raises(LabError, match=task) as raised:
        _explain(project, root, task)
    typed = raised.value.remedy.argv
    assert typed[:2] == ("invoke", task)
    assert {word.removeprefix("--") for word in typed if word.startswith("--")} <= _options(task)
    needed = {
        one.name
        for one in namespace()[task].get_arguments()
        if one.positional and one.kind is not list
    }
    assert all(f"--{name}" in typed for name in needed)


def test_every_task_with_a_dry_run_can_be_explained_or_shows_its_plan_itself() -> None:
    has_plan = {name for name in namespace().task_names if "dry-run" in _options(name)}
    assert has_plan == {*explanation.PLANNED, *explanation.ALONE}


def _options(name: str) -> set[str]:
    return {
        text.replace("_", "-") for one in namespace()[name].get_arguments() for text in one.names
    }
