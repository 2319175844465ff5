"""What is missing is planned and nothing else, and what an installation left is looked at."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution.process import Outcome
from tasks_lib.report.progress import Progress
from tasks_lib.session.session import Session
from tasks_lib.tools import executables
from tasks_lib.workflows import installation
from tests.unit.workflows.conftest import CONDA_YML, LOCK, PYPROJECT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeProject
    from tests.unit.conftest import Install, Link
    from tests.unit.workflows.conftest import Tools

CHECK, PREVIEW = "lock --check", "sync --inexact"
STALE = (1, "error: The lockfile at `uv.lock` needs to be updated, but `--check` was provided.\n")
PENDING = (0, "Would install 1 package\n + click==8.5.1\n")


def _plan(session: Session) -> list[str]:
    """Return the ids of what `setup` would change."""
    steps = installation.setup(session, Progress(), dry_run=True).steps
    return [step.id for step in steps if not step.id.startswith("check.")]


@pytest.mark.parametrize(
    ("there", "lock", "answers", "expected"),
    [
        pytest.param(False, "", {}, ["env.create", "deps.lock", "deps.install"], id="nothing"),
        pytest.param(False, LOCK, {}, ["env.create", "deps.install"], id="a lock alone"),
        pytest.param(True, "", {}, ["deps.lock", "deps.install"], id="no lock"),
        pytest.param(True, LOCK, {CHECK: STALE}, ["deps.lock", "deps.install"], id="stale lock"),
        pytest.param(True, LOCK, {PREVIEW: PENDING}, ["deps.install"], id="pending"),
        pytest.param(True, LOCK, {PREVIEW: (2, "error\n")}, ["deps.install"], id="no preview"),
        pytest.param(True, LOCK, {}, [], id="all is there"),
    ],
)
def test_only_what_is_missing_is_planned(  # noqa: PLR0913, PLR0917 - one case a row
    project: MakeProject,
    venv: Path,
    tools: Tools,
    there: bool,
    lock: str,
    answers: dict[str, tuple[int, str]],
    expected: list[str],
) -> None:
    made = project(PYPROJECT, files={"uv.lock": lock} if lock else {})
    tools.answers = answers
    if not there:
        shutil.rmtree(venv)
    assert _plan(Session.open(combo="pip_uv", start=made.root)) == expected


@pytest.mark.parametrize("lock", ["", LOCK], ids=["no lock", "a lock"])
@pytest.mark.parametrize(
    ("entry", "declared", "said"),
    [
        ("click=8.1.7", "click>=8.2", "click=8.1.7 and click>=8.2"),
        ("pip: [click==8.1.7]", "click>=8.2", "click==8.1.7 (pip:) and click>=8.2"),
        ("pip: [-r more.txt]", "click>=8.2", "click<8.2 (pip:) and click>=8.2"),
    ],
)
def test_manifests_that_exclude_each_other_are_refused_before_anything_is_made(  # noqa: PLR0913 - the parts of a case
    *,
    project: MakeProject,
    tools: Tools,
    lock: str,
    entry: str,
    declared: str,
    said: str,
) -> None:
    files = {"more.txt": "click<8.2\n", **({"uv.lock": lock} if lock else {})}
    conda = f"name: demo\ndependencies:\n  - python\n  - {{{entry}}}\n"
    if "pip" not in entry:
        conda = conda.replace("{", "").replace("}", "")
    made = project(PYPROJECT.replace("click", declared), conda, files=files)
    session = Session.open(combo="conda_uv", engine="rattler", start=made.root)
    for dry_run in (True, False):
        with pytest.raises(LabError) as caught:
            installation.setup(session, Progress(), dry_run=dry_run)
        assert said in caught.value.message
        assert (caught.value.code, caught.value.line) == (ErrorCode.CONFLICTING_VERSIONS, 4)
    assert tools.ran == []


def test_a_pip_section_waits_for_what_the_lock_says(project: MakeProject, tools: Tools) -> None:
    conda = "name: demo\ndependencies: [python, {pip: [click==8.1.7]}]\n"
    made = project(PYPROJECT, conda)
    session = Session.open(combo="conda_uv", engine="rattler", start=made.root)
    steps = installation.missing_parts(session, Progress()).steps
    assert [step.id for step in steps][:3] == ["deps.lock", "guard.versions", "env.create"]
    assert all("guard.versions" in step.needs for step in steps if step.id.startswith("env."))
    (made.root / "uv.lock").write_text(LOCK)
    assert steps[1].work is not None
    with pytest.raises(LabError, match=r"click 8.5.1 \(uv.lock\) exclude"):
        steps[1].work()
    with pytest.raises(LabError, match=r"click 8.5.1 \(uv.lock\) exclude"):
        installation.missing_parts(session, Progress())
    assert all("create" not in typed for typed in tools.ran)


@pytest.mark.parametrize(
    ("dependencies", "expected"),
    [
        pytest.param("[python, pip]", ["guard", "deps.install"], id="complete"),
        pytest.param(
            "[python, pip, six]", ["env.update", "guard", "deps.install"], id="incomplete"
        ),
    ],
)
def test_the_guard_stands_before_an_installation_in_a_conda_environment(  # noqa: PLR0913, PLR0917 - fixtures
    project: MakeProject,
    conda_env: Path,
    link: Link,
    tools: Tools,
    dependencies: str,
    expected: list[str],
) -> None:
    for name in ("python", "pip"):
        link(conda_env, name, "3.11.7")
    text = CONDA_YML.replace("[python, pip]", dependencies)
    made = project(PYPROJECT, text, files={"uv.lock": LOCK})
    tools.answers = {PREVIEW: PENDING}
    session = Session.open(combo="conda_uv", engine="rattler", start=made.root)
    assert _plan(session) == expected


@pytest.mark.parametrize(
    ("combo", "expected"),
    [
        pytest.param("pip_uv", ["env.clear", "env.create", "deps.install"], id="venv"),
        pytest.param("conda_uv", ["env.clear", "env.create", "guard", "deps.install"], id="conda"),
    ],
)
@pytest.mark.usefixtures("venv", "tools")
def test_an_environment_is_created_again_with_the_lock_that_it_had(
    project: MakeProject, conda_env: Path, link: Link, combo: str, expected: list[str]
) -> None:
    for name in ("python", "pip"):
        link(conda_env, name, "3.11.7")
    made = project(PYPROJECT, CONDA_YML, files={"uv.lock": LOCK})
    session = Session.open(combo=combo, engine="rattler", start=made.root)
    assert _plan(session) == []
    steps = installation.setup(session, Progress(), recreate=True, dry_run=True).steps
    assert [step.id for step in steps if not step.id.startswith("check.")] == expected


DAMAGED = "error: Failed to parse `uv.lock`\n"


@pytest.mark.usefixtures("venv")
def test_a_lock_that_cannot_be_read_is_written_from_scratch(
    project: MakeProject, tools: Tools, root: Path
) -> None:
    made = project(PYPROJECT, files={"uv.lock": f"{LOCK}<<<<<<< HEAD\n"})
    session = Session.open(combo="pip_uv", start=made.root)
    failed = Outcome(session.manager.lock(None), 2, "", DAMAGED, 0.1)
    step = installation.lock_step(session)
    assert step.reads is not None
    (result,) = step.reads(failed)
    assert "written from scratch" in result.title
    assert not (root / "uv.lock").exists()
    python = root / ".venv" / "bin" / "python"
    assert tools.ran == [f"{executables.uv()} lock --python {python}"]


@pytest.mark.usefixtures("venv", "tools")
def test_a_lock_of_a_newer_tool_is_left_alone(project: MakeProject, root: Path) -> None:
    made = project(PYPROJECT, files={"uv.lock": LOCK})
    session = Session.open(combo="pip_uv", start=made.root)
    said = "error: The lockfile at `uv.lock` uses an unsupported schema version (v9)\n"
    step = installation.lock_step(session)
    assert step.reads is not None
    with pytest.raises(LabError) as caught:
        list(step.reads(Outcome(session.manager.lock(None), 2, "", said, 0.1)))
    assert caught.value.code is ErrorCode.NOT_SUPPORTED
    assert (root / "uv.lock").read_text("utf-8") == LOCK


@pytest.mark.usefixtures("venv")
def test_setup_remembers_the_combo_that_was_chosen(project: MakeProject, tools: Tools) -> None:
    del tools
    made = project(f"{PYPROJECT}[tool.poetry]\npackage-mode = false\n", files={"uv.lock": LOCK})
    session = Session.open(combo="pip_uv", start=made.root)
    installation.setup(session, Progress(), dry_run=True)
    assert Session.open(start=made.root).combo.source == "existing"
    installation.setup(session, Progress())
    assert Session.open(start=made.root).combo.source == "remembered"


@pytest.mark.usefixtures("venv", "tools")
def test_settings_make_the_line_to_type_next_name_the_combo(project: MakeProject) -> None:
    text = f'{PYPROJECT}[tool.mlops-lab]\ncombo = "pip_poetry"\n'
    made = project(text, files={"uv.lock": LOCK})
    answer = installation.setup(Session.open(combo="pip_uv", start=made.root), Progress())
    assert answer.data["activate"].endswith('--combo pip_uv)"')


@pytest.mark.usefixtures("venv")
def test_what_was_checked_to_find_out_is_not_checked_again(
    project: MakeProject, tools: Tools
) -> None:
    tools.answers[CHECK] = 0, "DEBUG Existing `uv.lock` satisfies workspace requirements\n"
    made = project(PYPROJECT, files={"uv.lock": LOCK})
    answer = installation.setup(Session.open(combo="pip_uv", start=made.root), Progress())
    assert (answer.data["changed"], answer.data["note"]) == ([], "nothing to do")
    assert answer.data["activate"].endswith('env.activate)"')
    assert sum(CHECK in command for command in tools.ran) == 1


@pytest.mark.usefixtures("venv")
def test_complete_environment_is_not_created_again(project: MakeProject) -> None:
    session = Session.open(combo="pip_uv", start=project().root)
    (result,) = installation.create(session, Progress()).results
    assert result.title == "the virtual environment .venv exists already and is complete"


def test_no_environment_is_no_error_for_removal(project: MakeProject) -> None:
    session = Session.open(combo="pip_uv", start=project().root)
    (result,) = installation.remove(session, Progress()).results
    assert result.detail == "nothing to remove"


#: what each manager prints when it has installed two packages
SAID = {
    "uv": ("", " + click==8.5.1\n + iniconfig==2.3.1\n"),
    "poetry": ("  - Installing click (8.5.1)\n  - Installing iniconfig (2.3.1)\n", ""),
}


@pytest.mark.parametrize("manager", SAID)
def test_what_was_installed_elsewhere_ends_the_run(
    manager: str, project: MakeProject, venv: Path, install: Install
) -> None:
    session = Session.open(combo=f"pip_{manager}", start=project().root)
    (step,) = installation.install_steps(session)
    assert step.reads is not None
    assert step.command is not None
    outcome = Outcome(step.command, 0, *SAID[manager], 0.1)
    install(venv, "iniconfig", "2.3.1")
    text = "says that it installed click, but the virtual environment"
    with pytest.raises(LabError, match=text) as caught:
        step.reads(outcome)
    assert caught.value.code is ErrorCode.INSTALLED_ELSEWHERE
    install(venv, "click", "8.5.1")
    assert not list(step.reads(outcome))


@pytest.mark.parametrize("combo", ["pip_uv", "pip_poetry"])
def test_a_folder_that_path_cannot_hold_is_refused_first(
    project: MakeProject, tools: Tools, combo: str
) -> None:
    root = project(PYPROJECT).root
    folder = root / f"a{os.pathsep}b"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(PYPROJECT)
    session = Session.open(combo=combo, start=folder)
    for task in (installation.setup, installation.create):
        with pytest.raises(LabError, match="PATH cannot hold") as raised:
            task(session, Progress(), dry_run=True)
        assert raised.value.code is ErrorCode.SHELL_CANNOT_EXPRESS
    assert tools.ran == []


def test_a_lock_that_cannot_be_read_is_named(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = project(PYPROJECT, files={"uv.lock": LOCK})
    monkeypatch.setattr(os, "access", lambda path, _: "uv.lock" not in str(path))
    with pytest.raises(LabError) as raised:
        Session.open(combo="pip_uv", start=made.root)
    error = raised.value
    assert (error.code, error.file) == (ErrorCode.CANNOT_READ, "uv.lock")
    assert str(error.remedy) == f"Make {made.root / 'uv.lock'} readable for this user"
