"""The environment follows its lock, the lock follows conda, and what a user installed is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks_lib.errors import LabError
from tasks_lib.report.progress import Progress
from tasks_lib.session.session import Session
from tasks_lib.workflows import editing, installation, synchronizing, updating
from tests.cases import cases
from tests.steps import argv, done
from tests.unit.workflows.conftest import CONDA_YML, LOCK, PYPROJECT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeProject
    from tests.unit.conftest import Install, Link
    from tests.unit.workflows.conftest import Tools

CLICK = "lib/python3.11/site-packages/click-8.1.7.dist-info/METADATA"
METADATA = "Metadata-Version: 2.1\nName: click\nVersion: 8.1.7\n"


@pytest.fixture
def session(project: MakeProject) -> Session:
    """Return a session of uv in a virtual environment."""
    made = project(PYPROJECT, files={"uv.lock": LOCK})
    return Session.open(combo="pip_uv", start=made.root)


@pytest.fixture
def conda(project: MakeProject, conda_env: Path, link: Link) -> Session:
    """Return a session of uv in a conda environment that has another click than the lock."""
    link(conda_env, "python", "3.11.7")
    link(conda_env, "pip", "25.0")
    link(conda_env, "click", "8.1.7", files={CLICK: METADATA})
    made = project(PYPROJECT, CONDA_YML.replace("pip]", "pip, click]"), files={"uv.lock": LOCK})
    return Session.open(combo="conda_uv", engine="rattler", start=made.root)


def test_sync_removes_strays_alone(
    session: Session, venv: Path, install: Install, tools: Tools
) -> None:
    for name in ("click", "by-hand", "pip", "wheel"):
        install(venv, name, "1.0")
    steps = synchronizing.sync(session, Progress(), dry_run=True).steps
    assert [step.id for step in steps] == ["deps.install", "deps.prune"]
    assert argv(steps[1])[-1:] == ("by-hand",)
    assert tools.ran == []


def test_align_pins_what_conda_has(conda: Session, tools: Tools) -> None:
    tools.answers = {"sync --inexact": (0, " - click==8.1.7\n + click==8.5.1\n")}
    steps = synchronizing.align(conda, Progress(), dry_run=True).steps
    assert [(step.id, step.title) for step in steps] == [
        ("deps.edit", "pin click==8.1.7"),
        ("guard", "check that nothing of conda's is replaced or removed"),
    ]


@pytest.mark.usefixtures("tools")
def test_nothing_is_pinned_where_both_layers_agree(conda: Session) -> None:
    conda.manager.lock_path.write_text(LOCK.replace("8.5.1", "8.1.7"))
    (result,) = synchronizing.align(conda, Progress()).results
    assert result.title == "the lock and conda agree already"


def test_what_the_lock_no_longer_names_is_uninstalled(
    session: Session, venv: Path, install: Install, tools: Tools
) -> None:
    for name in ("click", "by-hand"):
        install(venv, name, "1.0")
    step = synchronizing.uninstall_step(session, ["click"])
    assert step.shown.endswith(" click")
    done(step)
    assert tools.ran == []
    session.manager.lock_path.write_text("version = 1\n")
    done(step)
    assert [command.split()[-1] for command in tools.ran] == ["click"]


def test_conda_packages_that_nothing_needs_are_removed(
    conda: Session, link: Link, tools: Tools
) -> None:
    link(conda.environment.prefix, "libold", "1.0")
    steps = updating.update_environment(conda, Progress(), dry_run=True).steps
    assert [step.id for step in steps] == ["conda.prune", "guard", "deps.install"]
    assert steps[0].title == "remove libold with rattler: conda.yml no longer needs it"
    assert tools.ran


@pytest.mark.usefixtures("venv")
@cases(
    "packages, group, expected",
    {
        "all": ([], "", ["--upgrade"]),
        "one": (["click"], "", ["--upgrade-package", "click"]),
        "a group": ([], "dev", ["--upgrade-package", "iniconfig"]),
    },
)
def test_update_upgrades_what_was_named(
    session: Session, packages: list[str], group: str, expected: list[str]
) -> None:
    answer = updating.update_dependencies(session, Progress(), packages, group=group, dry_run=True)
    assert [step.id for step in answer.steps] == ["deps.lock", "deps.install"]
    assert list(argv(answer.steps[0])[2:-2]) == expected


@pytest.mark.usefixtures("venv")
@cases(
    "packages, how, why",
    {
        "no package": ([], editing.Edit(), "No package was named"),
        "an option": (["-x"], editing.Edit(), "'-x' is not a package"),
        "no layer": (["six"], editing.Edit("java"), "layers are python and conda"),
        "other layer": (["six"], editing.Edit("conda"), "has no conda layer"),
        "a group": (["six"], editing.Edit("conda", "dev"), "--group does not"),
        "no member": (["six"], editing.Edit(package="x"), "no member 'x'"),
    },
)
def test_what_cannot_be_edited_is_refused(
    session: Session, packages: list[str], how: editing.Edit, why: str
) -> None:
    with pytest.raises(LabError, match=why):
        editing.edit(session, Progress(), packages, how, dry_run=True)


@pytest.mark.usefixtures("venv")
def test_a_mistyped_group_is_refused(session: Session) -> None:
    with pytest.raises(LabError, match=r"Did you mean dev\?") as refused:
        installation.install(session, Progress(), groups=["dve"], dry_run=True)
    assert (refused.value.code, refused.value.file) == ("unknown_group", "pyproject.toml")
    with pytest.raises(LabError, match=r"Did you mean dev\?"):
        updating.update_dependencies(session, Progress(), [], group="dve", dry_run=True)


@pytest.mark.usefixtures("venv")
@pytest.mark.parametrize("group", ["dev", "DEV", "main", "nothing-like-it"])
def test_a_group_that_the_manager_may_know_is_left_to_it(session: Session, group: str) -> None:
    steps = installation.install(session, Progress(), groups=[group], dry_run=True).steps
    assert [step.id for step in steps] == ["deps.install"]
