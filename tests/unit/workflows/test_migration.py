"""A move to another combo: the plan, the old environment, and what to do if it fails."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution.plan import Step, Writes
from tasks_lib.project.conda_lock import NAME
from tasks_lib.report.progress import Progress
from tasks_lib.results import Result, Status
from tasks_lib.session import combos, transaction
from tasks_lib.session.session import Answer, Session
from tasks_lib.workflows import migration
from tasks_lib.workflows.migration_comparison import Installed, compare
from tests.cases import cases
from tests.lab import CONDA_YML
from tests.steps import done, outcome

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeProject
    from tests.unit.conftest import Install

HAD = Installed("3.11.7", {"a": "1"}, {}, frozenset({"a"}), {}, frozenset(), "demo")


def _session(made: MakeProject, combo: str) -> Session:
    found = made(conda=CONDA_YML, files={"uv.lock": "version = 1\n"})
    return Session.of(found, combos.parse(combo, "flag", "asked"), "migrate")


MOVED = Step("deps.edit", "move", work=lambda: [Result("migrate.same", Status.PASS, "moved")])


def _moved(
    session: Session,
    target: Session,
    monkeypatch: pytest.MonkeyPatch,
    *,
    moved: Step = MOVED,
    dry_run: bool = False,
) -> Answer:
    monkeypatch.setattr(Installed, "of", lambda _: HAD)
    monkeypatch.setattr(migration, "_target", lambda *_, **__: (target, {}))
    monkeypatch.setattr(migration, "_steps", lambda *_: [moved])
    with Progress() as progress:
        return migration.migrate(
            session, progress, "conda_uv", leave_behind=False, remove_old=True, dry_run=dry_run
        )


def test_a_combo_that_does_not_exist_names_the_option_of_this_task(project: MakeProject) -> None:
    session = _session(project, "pip_uv")
    with pytest.raises(LabError, match="no combo 'pip_pety'") as caught, Progress() as progress:
        migration.migrate(
            session, progress, "pip_pety", leave_behind=False, remove_old=False, dry_run=True
        )
    assert str(caught.value.remedy) == "Did you mean --to pip_poetry?"


#: shared/cases/24-hatch-module-name
HATCH = """\
[project]
name = "hx-code"
version = "1.0.0"
requires-python = ">=3.11"
dependencies = ["toolz"]
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[tool.hatch.build.targets.wheel]
packages = ["games"]
"""
#: the line that Poetry 2.5 advises to write for a module of another name
NAMED = '[tool.poetry]\npackages = [{ include = "games" }]\n'


@cases(
    "more, occupied, expected",
    {
        "module": ("", False, (ErrorCode.NO_MODULE, 'packages = [{ include = "games" }]')),
        "place": (NAMED, True, (ErrorCode.PATH_OCCUPIED, ".venv")),
        "none": (NAMED, False, (ErrorCode.NO_ENVIRONMENT, "setup")),
    },
)
def test_what_cannot_be_moved_is_refused_without_an_environment(
    project: MakeProject, root: Path, more: str, occupied: bool, expected: tuple[ErrorCode, str]
) -> None:
    made = project(HATCH + more)
    (root / "games").mkdir()
    (root / "games" / "__init__.py").touch()
    if occupied:
        (root / ".venv").touch()
    session = Session.of(made, combos.parse("pip_uv", "flag", "asked"), "migrate")
    with pytest.raises(LabError) as caught, Progress() as progress:
        migration.migrate(
            session, progress, "pip_poetry", leave_behind=False, remove_old=False, dry_run=True
        )
    assert caught.value.code is expected[0]
    assert expected[1] in str(caught.value.remedy)


def test_removal_of_the_old_environment_is_in_the_plan(
    project: MakeProject, venv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, target = _session(project, "pip_uv"), _session(project, "conda_uv")
    plan = _moved(session, target, monkeypatch, dry_run=True).data["plan"]
    assert [step["id"] for step in plan] == ["deps.edit", "env.remove"]
    assert venv.exists()
    assert [one.id for one in _moved(session, target, monkeypatch).results] == [
        "migrate.same",
        "deps.edit",
        "env.remove",
    ]
    assert not venv.exists()
    assert not session.environment.aside.exists()


@pytest.mark.usefixtures("venv")
def test_move_that_fails_leaves_the_lock_of_conda_as_it_was(
    project: MakeProject, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, target = _session(project, "pip_uv"), _session(project, "conda_uv")
    lock = root / NAME
    lock.write_text("version: 1\n")

    def fail() -> None:
        lock.write_text("version: 1 # another\n")
        text = "no."
        raise LabError(text, ErrorCode.TOOL_FAILED)

    moved = replace(MOVED, work=fail, writes=Writes.PROJECT)
    with pytest.raises(LabError, match="no"):
        _moved(session, target, monkeypatch, moved=moved)
    assert lock.read_text() == "version: 1\n"


def test_removal_that_fails_leaves_the_move_made(
    project: MakeProject, venv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = _session(project, "pip_uv")

    def set_aside() -> None:
        text = "it is in use."
        raise LabError(text, ErrorCode.TOOL_FAILED)

    monkeypatch.setattr(session.environment, "set_aside", set_aside)
    moved, _, removal = _moved(session, _session(project, "conda_uv"), monkeypatch).results
    assert (moved.id, moved.status) == ("migrate.same", Status.PASS)
    assert (removal.id, removal.status, removal.detail) == (
        "env.remove",
        Status.WARN,
        "it is in use.",
    )
    assert venv.exists()


@pytest.mark.parametrize(
    ("made", "remedy"), [(True, "Narrow requires-python"), (False, "env.remove --combo pip_uv")]
)
def test_remedy_of_what_differs(
    project: MakeProject, venv: Path, install: Install, *, made: bool, remedy: str
) -> None:
    install(venv, "a", "2")
    with pytest.raises(LabError, match="a 1 is now 2") as caught:
        compare(_session(project, "pip_uv"), HAD, made=made)
    assert remedy in str(caught.value.remedy)


@cases(
    "had, made, remedies",
    {
        "place": (
            replace(HAD, sources={"a": "a @ https://h/a.zip"}),
            True,
            "Declare its exact source in pyproject.toml",
        ),
        "new": (
            replace(HAD, versions={}),
            True,
            "Declare what is new before the move: invoke deps.add a",
        ),
        "locked and not installed": (
            replace(HAD, versions={}, absent=frozenset({"a", "b"})),
            True,
            "Install what the lock lists before the move: invoke deps.install",
        ),
        "new in what was there": (
            replace(HAD, versions={}),
            False,
            "the virtual environment .venv existed already; remove it and migrate again",
        ),
        "Python": (
            replace(HAD, versions={}, strays={"a": "a==2"}, python="3.10.1"),
            True,
            "Write python=3.10 to the conda file",
        ),
    },
)
def test_remedy_fits_what_differs(  # noqa: PLR0913 - fixtures and cases
    project: MakeProject,
    venv: Path,
    install: Install,
    had: Installed,
    *,
    made: bool,
    remedies: str,
) -> None:
    install(venv, "a", "2")
    with pytest.raises(LabError) as caught:
        compare(_session(project, "pip_uv"), had, made=made)
    assert str(caught.value.remedy).startswith(remedies)
    assert "; " not in str(caught.value.remedy).replace("already; ", "")


def test_nothing_is_installed_where_an_index_would_give_what_came_from_elsewhere(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, said = _session(project, "pip_uv"), outcome()
    monkeypatch.setattr(session.manager, "ended", lambda _: ())
    had = replace(HAD, sources={"a": "a @ https://h/a.zip"})
    with pytest.raises(LabError, match="a would come from an index"):
        migration._locked(session, had, said)  # noqa: SLF001 - the step that reads what the lock's command left
    monkeypatch.setattr(session.manager, "from_elsewhere", lambda: {"a"})
    assert not migration._locked(session, had, said)  # noqa: SLF001 - as above


@pytest.mark.usefixtures("venv")
def test_pin_holds_for_this_python_alone_where_the_lock_has_several(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = _session(project, "pip_uv")
    rows = [("a", "1"), ("a", "2"), ("b", "1")]
    source = 'source = { registry = "here" }'
    tables = [
        f'[[package]]\nname = "{name}"\nversion = "{version}"\n{source}\n' for name, version in rows
    ]
    session.manager.lock_path.write_text("version = 1\n" + "\n".join(tables))
    steps: list[Step] = []

    def carry_out(_: Session, planned: list[Step], *__: object, **___: object) -> list[Result]:
        steps.extend(planned)
        return []

    had = replace(HAD, versions={"a": "1", "b": "1"})
    monkeypatch.setattr(Installed, "of", lambda _: had)
    monkeypatch.setattr(transaction, "carry_out", carry_out)
    with Progress() as progress:
        migration.migrate(
            session, progress, "pip_poetry", leave_behind=False, remove_old=False, dry_run=False
        )
    done(steps[0])
    groups = tomllib.loads(session.project.pyproject.path.read_text("utf-8"))["dependency-groups"]
    assert groups["mlops-lab-migration"] == ["a==1 ; python_version == '3.11'", "b==1"]
