"""What every environment layer provides, whichever it is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasks_lib.environments import ENVIRONMENTS
from tasks_lib.environments.base import MADE, State
from tasks_lib.errors import LabError
from tasks_lib.execution import process
from tasks_lib.results import Result, Status
from tests.contract.third_layer import Nix

if TYPE_CHECKING:
    from tasks_lib.environments.base import Environment
    from tests.conftest import MakeProject

CONDA = "name: demo\nchannels: [conda-forge]\ndependencies: [python, pip, {pip: [six]}]\n"


@pytest.fixture(params=[*ENVIRONMENTS, Nix.kind])
def environment(
    request: pytest.FixtureRequest,
    project: MakeProject,
    third_layer: None,  # noqa: ARG001 - it registers the third
) -> Environment:
    """Return each layer on the same project."""
    made = project(conda=CONDA, files={"flake.nix": ""})
    return ENVIRONMENTS[request.param](made)


def _make(environment: Environment) -> None:
    """Put what matters of an environment in its place."""
    (environment.marker.parent).mkdir(parents=True, exist_ok=True)
    if environment.marker.suffix:
        environment.marker.write_text("version = 3.11.7\n")
    else:
        environment.marker.mkdir()
    environment.python.parent.mkdir(parents=True, exist_ok=True)
    environment.python.symlink_to("/bin/sh")


def test_layer_is_known_by_its_kind_and_describes_itself(environment: Environment) -> None:
    assert ENVIRONMENTS[environment.kind] is type(environment)
    assert type(environment).applies(environment.project)
    assert environment.name
    assert environment.engine
    assert environment.name in environment.where
    assert environment.prefix.is_absolute()
    assert environment.marker.is_relative_to(environment.prefix)


def test_looking_changes_nothing_and_starts_nothing(
    environment: Environment, tmp_path: Path
) -> None:
    before = sorted(tmp_path.rglob("*"))
    environment.creation()
    environment.lacking()
    environment.doctor()
    environment.activation()
    assert environment.state() is State.ABSENT
    list(environment.health())
    assert sorted(tmp_path.rglob("*")) == before


def test_creation_starts_with_env_create_and_can_be_undone(environment: Environment) -> None:
    steps = environment.creation()
    assert steps[0].id == "env.create"
    assert {step.id for step in steps} <= {*MADE, "env.clear"}
    assert len({step.id for step in steps}) == len(steps)
    for step in steps:
        assert step.undo is not None
        assert step.title
        assert step.command is not None
        assert step.command.why
        assert all(isinstance(word, str) for word in step.command.argv)
        assert isinstance(step.command.argv, tuple)
        assert str(environment.prefix) in " ".join(step.command.argv)


def test_undo_of_creation_leaves_nothing(environment: Environment) -> None:
    undo = environment.creation()[0].undo
    _make(environment)
    assert environment.state() is State.PRESENT
    assert undo is not None
    undo()
    undo()
    assert not os.path.lexists(environment.prefix)
    assert environment.state() is State.ABSENT


def test_state_tells_absent_present_broken_and_foreign(environment: Environment) -> None:
    assert environment.state() is State.ABSENT
    environment.prefix.mkdir(parents=True)
    assert environment.state() is State.ABSENT
    _make(environment)
    assert environment.state() is State.PRESENT
    assert environment.exists()
    environment.python.unlink()
    assert environment.state() is State.BROKEN
    environment.discard()
    environment.prefix.mkdir(parents=True)
    (environment.prefix / "thesis.tex").touch()
    assert environment.state() is State.FOREIGN


def test_nothing_is_made_where_something_else_stands(environment: Environment) -> None:
    environment.prefix.mkdir(parents=True)
    (environment.prefix / "thesis.tex").touch()
    with pytest.raises(LabError, match="exists already"):
        environment.creation()
    with pytest.raises(LabError, match="exists already"):
        environment.refuse_foreign()


def test_environment_that_is_not_there_is_asked_for_with_the_next_command(
    environment: Environment,
) -> None:
    with pytest.raises(LabError) as caught:
        environment.require()
    assert "setup" in str(caught.value.remedy)
    _make(environment)
    assert environment.require() == environment.activation()


#: the one variable by which tools know an environment of each layer
OWN = {"pip": "VIRTUAL_ENV", "conda": "CONDA_PREFIX", "nix": "NIX_PROFILE"}


def test_activation_sets_its_own_layers_variables_and_unsets_the_others(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in set(OWN.values()) & set(process.FOREIGN):
        monkeypatch.setenv(name, "/other")
    found = process.environment(environment.activation().env())
    own = OWN[environment.kind]
    assert {name: found[name] for name in OWN.values() if name in found} == {
        own: str(environment.prefix)
    }


def test_activation_puts_its_folders_first_on_path_once(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    activation = environment.activation()
    assert activation.prefix == environment.prefix
    assert activation.python.parent in {*activation.path, activation.prefix}
    ahead = os.pathsep.join(map(str, activation.path))
    assert (activation.env()["PATH"] or "").startswith(ahead)
    for path, expected in (
        ("/a:/b", f"{ahead}:/a:/b"),
        (f"/a:{ahead}:/b", f"{ahead}:/a:/b"),
        ("", ahead),
    ):
        monkeypatch.setenv("PATH", path)
        assert activation.env()["PATH"] == expected


def test_doctor_is_a_check_that_waits_for_the_environment(environment: Environment) -> None:
    step = environment.doctor()
    assert step is None or (
        step.check and set(MADE) <= set(step.needs) and step.command is not None
    )


def test_health_answers_with_results_and_finds_a_removed_interpreter(
    environment: Environment,
) -> None:
    _make(environment)
    results = list(environment.health())
    assert results
    assert all(isinstance(result, Result) and result.id.startswith("doctor.") for result in results)
    assert {result.status for result in results} == {Status.PASS}


def test_broken_environment_is_made_anew(environment: Environment) -> None:
    _make(environment)
    environment.python.unlink()
    assert environment.state() is State.BROKEN
    assert "env.create" in {step.id for step in environment.creation()}


def test_discard_does_not_follow_a_link(environment: Environment, tmp_path: Path) -> None:
    _make(environment)
    real = environment.prefix.rename(tmp_path / "elsewhere")
    environment.prefix.symlink_to(real)
    environment.discard()
    assert not os.path.lexists(environment.prefix)
    assert any(real.iterdir())


def test_paths_with_spaces_and_accents_are_single_words(environment: Environment) -> None:
    for step in environment.creation():
        assert step.command is not None
        for word in step.command.argv:
            if str(environment.prefix) in word:
                assert Path(word).is_relative_to(environment.prefix)
