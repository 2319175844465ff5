"""A run is stopped at many moments, in every way; the next ends well, and nothing is lost.

The moments are spread over the time that an undisturbed run takes; there are `MOMENTS` for one task
of one combo.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.faults.conftest import OFTEN
from tests.faults.stopping import KILL, MOMENTS, WAYS, seconds_of_a_whole_run, stopped_run
from tests.lab import CONDA_YML, PYPROJECT, tools

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.lab import Case, Lab

STRAY = "toolz==1.0.0"
ADDED = "iniconfig==2.0.0"


@dataclass(frozen=True)
class Scenario:
    """A task that is stopped, and what brings the project to where it starts."""

    act: tuple[str, ...]
    prepare: Callable[[Lab], None]


def _bare(lab: Lab) -> None:
    """Leave only the manifests and the lock."""
    lab.ok("env.remove")


def _nothing(lab: Lab) -> None:
    """Leave only the manifests."""
    lab.ok("env.remove")
    lab.lock.unlink(missing_ok=True)


def _without(lab: Lab) -> None:
    """Leave the result of `setup`, and a package that a user installed by hand."""
    lab.write("pyproject.toml", PYPROJECT)
    lab.lock.unlink(missing_ok=True)
    lab.ok("setup")
    lab.ok("deps.sync")
    _uv(lab, "install", STRAY)


def _uv(lab: Lab, verb: str, *words: str) -> None:
    answer = lab.run([str(tools() / "uv"), "pip", verb, "--python", str(lab.python), *words])
    assert answer.code == 0, answer


SCENARIOS = {
    "setup": Scenario(("setup",), _nothing),
    "env.create": Scenario(("env.create",), _bare),
    "deps.add": Scenario(("deps.add", ADDED), _without),
    "deps.sync": Scenario(("deps.sync",), _without),
}


@pytest.fixture(scope="module", params=OFTEN, ids=str)
def lab(request: pytest.FixtureRequest, new_lab: Callable[[Case], Lab]) -> Iterator[Lab]:
    """Return a lab of each combo and engine, set up."""
    one = new_lab(request.param)
    one.ok("setup")
    yield one
    shutil.rmtree(one.home)


@pytest.mark.parametrize("name", SCENARIOS)
def test_run_that_is_stopped_is_put_right(lab: Lab, name: str) -> None:
    scenario = SCENARIOS[name]
    scenario.prepare(lab)
    prepare_again = _kept(lab)
    begin = lab.manifests()
    seconds = seconds_of_a_whole_run(lab, scenario.act)
    end, installed = lab.manifests(), lab.installed()
    for moment in range(MOMENTS):
        prepare_again()
        assert lab.manifests() == begin
        way = WAYS[moment % len(WAYS)]
        stopped = stopped_run(lab, scenario.act, way, seconds * (moment + 0.5) / MOMENTS)
        where = (str(way), moment, stopped)
        # it had time to restore everything, or had ended
        if way not in KILL and len(way.signals) == 1:
            assert lab.manifests() in (begin, end), where
            # Python itself was still starting
            early = not stopped.stdout and "tasks_lib" not in stopped.stderr
            assert stopped.code in {0, 130} or early, where
        again = lab(*scenario.act)
        assert again.code == 0, (where, again)
        assert lab.manifests() == end, (where, again)
        assert lab.installed() == installed, (where, again)
        whole = lab("check.all")
        assert whole.code in ({0} if name != "env.create" else {0, 1}), (where, again, whole)
        assert not _left(lab), where
    lab.write("pyproject.toml", PYPROJECT)
    lab.ok("setup")


def _kept(lab: Lab) -> Callable[[], None]:
    """Return what brings the project and its environment back as they are: a copy, which is fast.

    The project's folder itself stays: what a run records is kept by its inode.
    """
    kept = lab.home / "kept"
    shutil.rmtree(kept, ignore_errors=True)
    places = {"project": lab.project}
    if lab.prefix.parent != lab.project:
        places["prefix"] = lab.prefix
    for name, place in places.items():
        if place.exists():
            shutil.copytree(place, kept / name, symlinks=True)
    listed = lab.home / ".conda" / "environments.txt"
    text = listed.read_text() if listed.exists() else ""

    def restore() -> None:
        for name, place in places.items():
            for path in place.iterdir() if place.exists() else ():
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
            if (kept / name).exists():
                shutil.copytree(kept / name, place, symlinks=True, dirs_exist_ok=True)
            elif place.exists():
                place.rmdir()
        if listed.exists():
            listed.write_text(text)

    return restore


def _left(lab: Lab) -> list[Path]:
    """List what no finished run leaves."""
    known = {"pyproject.toml", "conda.yml", lab.lock.name, ".venv"}
    found = [path for path in lab.project.iterdir() if path.name not in known] + lab.records()
    beside = lab.prefix.parent
    return found + [
        path for path in beside.iterdir() if beside != lab.project and path.name != lab.prefix.name
    ]


def test_comments_are_there_to_be_lost() -> None:
    """Check that the texts of this test have the comments that it is about."""
    assert "# brings click" in PYPROJECT
    assert "# conda itself wants it" in CONDA_YML
