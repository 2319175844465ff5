"""When the lock of conda's packages fits the conda file, and what is done where it does not."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasks_lib.environments.conda import Conda
from tasks_lib.environments.conda_platforms import here
from tasks_lib.errors import LabError
from tasks_lib.execution import failures, process
from tasks_lib.execution.plan import Installs
from tasks_lib.project.conda_lock import NAME, CondaLock
from tasks_lib.results import Status
from tests import tiny_channel
from tests.cases import cases
from tests.steps import argv, done, ended
from tests.unit.project.test_conda_lock import REAL

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeProject

CONDA = "name: tiny\nchannels: [file:///tmp/tiny]\ndependencies: [python=3.12, tiny-tool]\n"
PYPROJECT = '[project]\nname = "tiny"\nversion = "1"\nrequires-python = ">=3.11"\n'
RECORDS = {
    here(): [
        {
            "name": name,
            "version": version,
            "url": f"https://conda.example/main/{here()}/{name}-{version}-h1_0.conda",
            "md5": "0" * 32,
            "sha256": "1" * 64,
            "depends": [],
        }
        for name, version in (("python", "3.12.1"), ("tiny-tool", "1.0"))
    ]
}


@pytest.fixture
def environment(project: MakeProject) -> Conda:
    """Return an environment that does not exist, of a project without a lock."""
    return Conda(project(PYPROJECT, conda=CONDA))


def _write(environment: Conda, text: str) -> None:
    environment.layer_lock.path.write_text(text, encoding="utf-8")


def _compared(environment: Conda) -> tuple[Status, str]:
    (step,) = environment.layer_lock.check()
    (result,) = done(step)
    return result.status, result.detail


def test_without_a_lock_there_is_nothing_to_check_and_all_is_as_before(environment: Conda) -> None:
    assert not list(environment.layer_lock.check())
    assert not environment.layer_lock.serves
    assert [step.id for step in environment.creation()] == ["env.create"]


def test_what_was_solved_is_written_and_fits(environment: Conda) -> None:
    step = environment.layer_lock.step()
    words = argv(step)
    assert words[2] == "solve"
    assert {"--spec=python=3.12", "--spec=tiny-tool", f"--subdir={here()}"} < {*words}
    assert any(word.startswith(f"--virtual={here()}:__archspec=1=") for word in words)
    assert "--limit=python >=3.11" in words
    assert not ended(step, stdout=json.dumps(RECORDS))
    lock = CondaLock.read(environment.layer_lock.path)
    assert [one.dist for one in lock.packages] == [
        "python=3.12.1=h1_0",
        "tiny-tool=1.0=h1_0",
    ]
    assert _compared(environment) == (Status.PASS, f"2 packages for {here()}")
    # the next one starts from it, but for what is upgraded
    path = environment.layer_lock.path
    again = argv(environment.layer_lock.step(["python"]))
    assert {f"--description={path}", "--drop=python"} < {*again}
    assert not any("--description" in word for word in argv(environment.layer_lock.step([])))


def test_failed_solution_writes_nothing(environment: Conda) -> None:
    with pytest.raises(LabError):
        ended(environment.layer_lock.step(), code=1, stderr="rattler: cannot be solved: python")
    assert not environment.layer_lock.path.exists()


@cases(
    "conda, pyproject, said",
    {
        "it fits": (CONDA, PYPROJECT, ""),
        "a looser one": (CONDA.replace("=3.12", ">=3.11"), PYPROJECT, ""),
        "another version": (
            CONDA.replace("=3.12", "=3.13"),
            PYPROJECT,
            "nothing in it is python=3.13",
        ),
        "another package": (CONDA.replace("[py", "[six, py"), PYPROJECT, "nothing in it is six"),
        "another Python": (
            CONDA.replace("=3.12", ""),
            PYPROJECT.replace("3.11", "3.13"),
            "it has Python 3.12.1, and pyproject.toml needs >=3.13",
        ),
    },
)
def test_lock_of_conda_lock_is_compared_by_its_packages(
    project: MakeProject, conda: str, pyproject: str, said: str
) -> None:
    environment = Conda(project(pyproject, conda=conda))
    _write(environment, REAL.replace("linux-64", here()))
    assert environment.layer_lock.faults() == ([said] if said else [])
    status, text = _compared(environment)
    assert status is (Status.FAIL if said else Status.PASS)
    assert said in text


def test_lock_for_other_platforms_alone_is_stale_and_they_stay_in_the_next(
    environment: Conda,
) -> None:
    _write(environment, REAL.replace("linux-64", "linux-s390x").replace("osx-arm64", "osx-64"))
    assert environment.layer_lock.faults() == [f"it has nothing for {here()}"]
    words = argv(environment.layer_lock.step())
    found = {word for word in words if word.startswith("--subdir=")}
    assert found == {f"--subdir={name}" for name in (here(), "linux-s390x", "osx-64")}


def test_lock_for_other_platforms_fits_where_it_need_not_be_for_this_machine(
    project: MakeProject,
) -> None:
    """A class hands in locks of many machines."""
    others = REAL.replace("linux-64", "linux-s390x")
    environment = Conda(project(PYPROJECT, conda=CONDA))
    assert environment.layer_lock.by_reading() == ()
    _write(environment, others)
    (result,) = environment.layer_lock.by_reading()
    assert (result.status, result.detail) == (
        Status.PASS,
        "3 packages for linux-s390x, 3 packages for osx-arm64",
    )
    for text, said in {
        others.replace("3.12.1", "x!_"): "nothing in it is python=3.12",
        others.replace("- linux-s390x\n  - osx-arm64", "[]").replace(
            "platforms:\n", "platforms:"
        ): "any platform",
    }.items():
        _write(environment, text)
        (result,) = environment.layer_lock.by_reading()
        assert result.status is Status.FAIL
        assert said in result.detail


def test_lock_that_cannot_be_told_is_skipped_and_a_damaged_one_written_again(
    environment: Conda,
) -> None:
    _write(environment, REAL.replace("version: 1\n", "version: 2\n", 1))
    assert _compared(environment)[0] is Status.SKIP
    _write(environment, "version: 1\n")
    assert _compared(environment)[0] is Status.FAIL
    steps = environment.creation()
    assert [step.id for step in steps] == ["conda.lock", "env.create"]
    (warning,) = ended(steps[0], stdout=json.dumps(RECORDS))
    assert (warning.status, warning.file) == (Status.WARN, NAME)
    assert _compared(environment)[0] is Status.PASS


def test_environment_is_made_from_the_lock_unless_another_python_is_wanted(
    environment: Conda,
) -> None:
    _write(environment, REAL.replace("linux-64", here()))
    (create,) = environment.creation()
    assert "explicit" in argv(create)
    assert f"--description={environment.layer_lock.path}" in argv(create)
    options = replace(environment.project.options, python="3.13")
    other = Conda(replace(environment.project, options=options))
    assert not other.layer_lock.serves
    (create,) = other.creation()
    assert "install" in argv(create)


def test_what_is_missing_of_the_lock_is_installed_behind_the_guard(
    project: MakeProject, conda_env: Path
) -> None:
    environment = Conda(project(PYPROJECT, conda=CONDA.replace("tiny\n", f"{conda_env.name}\n", 1)))
    _write(environment, REAL.replace("linux-64", here()))
    lacking = environment.lacking()
    assert "tiny-lib=1.9=0 (conda-lock.yml)" in lacking
    (update,) = environment.layer_lock.updates()
    assert update.installs is Installs.LOCKED_PACKAGES
    assert "--keep" in argv(update)
    for one in environment.layer_lock.pending():
        (conda_env / "conda-meta" / f"{one.dist.replace('=', '-')}.json").write_text("{}")
    assert not environment.layer_lock.updates()


PLATFORMS = """
[tool.mlops-lab]
platforms = ["linux-64", "osx-arm64", "win-64"]
[tool.mlops-lab.system-requirements]
cuda = "12.4"
libc = "2.35"
"""


@pytest.mark.processes
def test_platforms_are_locked_together_each_with_its_own_packages(
    project: MakeProject, root: Path
) -> None:
    """The real solver, on a channel where only some systems have what a package may need."""
    channel = root / "tiny"
    for platform in ("linux-64", "osx-arm64", "win-64"):
        tiny_channel.add(channel, "python", "3.12.1", subdir=platform)
    tiny_channel.add(channel, "python", "3.13.0", subdir="linux-64")  # requires-python excludes it
    tiny_channel.add(channel, "gpu", "1.0")
    for version, depends in {
        "2.0": "__cuda >=12",
        "2.1": "__cuda >=13",
        "1.9": "__osx >=13",
    }.items():
        url = tiny_channel.add(channel, "gpu", version, depends=(depends,))
    pyproject = PYPROJECT.replace(">=3.11", ">=3.11,<3.13") + PLATFORMS
    conda = f"name: tiny\nchannels: [{url}]\ndependencies: [python, gpu]\n"
    environment = Conda(project(pyproject, conda=conda))
    step = environment.layer_lock.step()
    assert step.command
    outcome = process.run(step.command)
    assert outcome.ok, outcome.said
    assert step.reads
    list(step.reads(outcome))
    words = environment.layer_lock.renewed().argv
    assert [word for word in words if word.startswith("--subdir=")] == [f"--subdir={here()}"]
    lock = CondaLock.read(environment.layer_lock.path)
    found = {name: [one.dist for one in lock.of(name).values()] for name in lock.platforms}
    assert found == {
        "linux-64": ["gpu=2.0=0", "python=3.12.1=0"],
        "osx-arm64": ["gpu=1.9=0", "python=3.12.1=0"],
        "win-64": ["gpu=2.0=0", "python=3.12.1=0"],
    }
    assert environment.layer_lock.faults() == []
    other = Conda(project(pyproject.replace('"12.4"', '"13"'), conda=conda))
    assert [one.partition(",")[0] for one in other.layer_lock.faults()] == [
        "of linux-64",
        "of win-64",
    ]
    nowhere = Conda(project(pyproject, conda=conda.replace("gpu]", "gpu=2.0]"))).layer_lock.step()
    assert nowhere.command
    said = process.run(nowhere.command).said
    assert "cannot be solved: for osx-arm64: " in said
    elsewhere = PLATFORMS.replace(here(), "win-arm64")
    with pytest.raises(LabError, match=f"leaves out {here()}, which this machine is"):
        Conda(project(PYPROJECT + elsewhere, conda=conda)).creation()
    fewer = Conda(project(pyproject.replace(', "win-64"', ""), conda=conda))
    assert fewer.layer_lock.faults() == ["it has win-64, which is not wanted"]
    environment.marker.mkdir(parents=True)
    (environment.marker / "pinned").write_text("# as it was\ngpu <2\n")
    pinned = environment.layer_lock.step([]).command
    assert pinned
    records = json.loads(process.run(pinned).stdout)
    gpus = [one["version"] for name in records for one in records[name] if one["name"] == "gpu"]
    assert gpus == ["1.0", "1.9", "2.0"]  # of this platform alone
    command = Conda(
        project(pyproject, conda=conda.replace("gpu]", "gpu=2.1]"))
    ).layer_lock.renewed()
    with pytest.raises(LabError, match="for machines without __cuda >=13") as raised:
        failures.demand(process.run(command), title="lock")
    assert "system-requirements" in raised.value.remedy.text
