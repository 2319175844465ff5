"""`init` and `migrate` are stopped at many moments; the next run ends as an undisturbed one."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.faults.stopping import KILL, MOMENTS, WAYS, seconds_of_a_whole_run, stopped_run
from tests.lab import ROOT, Case

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.faults.conftest import Tried
    from tests.lab import Lab

_SHAPE = ROOT / "tests" / "resources" / "projects" / "environment"
#: from where, and where to; the engine is that of the conda layer
_MOVES = (("pip_uv", "conda_poetry"), ("conda_poetry", "pip_uv"))


def _restore(lab: Lab, files: dict[str, bytes]) -> None:
    for path in lab.project.iterdir():
        if path.is_file():
            path.unlink()
    for name, data in files.items():
        (lab.project / name).write_bytes(data)


def _left(lab: Lab) -> list[Path]:
    """List what no finished run leaves in the project, or beside its conda environment."""
    beside = lab.home / ".conda" / "envs"
    found = [*lab.project.iterdir(), *(beside.iterdir() if beside.is_dir() else ())]
    hidden = [path for path in found if path.name.startswith(".") and path.name != ".venv"]
    return hidden + lab.records()


def _stopped_and_run_again(
    lab: Lab, act: tuple[str, ...], prepare: Callable[[], None], whole: Callable[[], object]
) -> None:
    """Stop a task at each moment, run it again, and compare with what an undisturbed run leaves."""
    prepare()
    begin = lab.manifests()
    seconds = seconds_of_a_whole_run(lab, act)
    end, expected = lab.manifests(), whole()
    assert begin != end
    for moment in range(MOMENTS):
        prepare()
        assert lab.manifests() == begin
        way = WAYS[moment % len(WAYS)]
        stopped = stopped_run(lab, act, way, seconds * (moment + 0.5) / MOMENTS)
        where = (str(way), moment, stopped)
        # it had time to restore everything, or had ended
        if way not in KILL and len(way.signals) == 1:
            assert lab.manifests() in (begin, end), where
        again = lab(*act)
        assert again.code == 0, (where, again)
        assert lab.manifests() == end, (where, again)
        assert whole() == expected, (where, again)
        assert not _left(lab), (where, _left(lab))


def test_init_that_is_stopped_is_put_right(new_lab: Callable[[Case], Lab], tried: Tried) -> None:
    tried("stopped: init", MOMENTS)
    lab = new_lab(Case("conda_uv", "rattler"))
    lab.case = None
    files = {path.name: path.read_bytes() for path in _SHAPE.iterdir() if path.is_file()}
    _stopped_and_run_again(lab, ("init",), lambda: _restore(lab, files), dict)
    shutil.rmtree(lab.home)


@pytest.mark.parametrize(
    ("here", "there"), _MOVES, ids=[f"{here}-to-{there}" for here, there in _MOVES]
)
def test_migrate_that_is_stopped_is_put_right(
    here: str, there: str, new_lab: Callable[[Case], Lab], tried: Tried
) -> None:
    tried("stopped: migrate", MOMENTS)
    lab = new_lab(Case("conda_uv", "rattler"))
    lab.case = None
    if here.startswith("pip"):  # the move makes it
        (lab.project / "conda.yml").unlink()
    lab.ok("setup", "--combo", here)
    files = lab.manifests()

    def prepare() -> None:
        if lab.manifests() != files:
            lab.ok("env.remove", "--combo", there)
        _restore(lab, files)

    def whole() -> object:
        lab.ok("check.all")
        rows = lab.ok("deps.list").data["packages"]
        return lab.ok("env.info").data["combo"], sorted(
            (row["name"], row["version"], row["owner"]) for row in rows
        )

    _stopped_and_run_again(lab, ("migrate", "--to", there), prepare, whole)
    shutil.rmtree(lab.home)
