"""Who says that a checkout's code may run, and what remembers it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tasks_lib.cli import runner
from tasks_lib.cli.request import Request
from tasks_lib.errors import LabError
from tasks_lib.project import trust
from tasks_lib.session.session import Answer
from tasks_lib.tasks import namespace
from tasks_lib.tasks.adapter import LabTask
from tests.repository import Git

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeProject

#: the tasks that run code of the repository by their nature
RUNNING = {
    "check.fix",
    "check.imports",
    "deps.add",
    "deps.align",
    "deps.install",
    "deps.lock",
    "deps.remove",
    "deps.sync",
    "deps.update",
    "env.create",
    "env.kernel",
    "env.update",
    "migrate",
    "pkg.build",
    "pkg.publish",
    "proof.matrix",
    "proof.run",
    "setup",
}


def seen_by(request: Request) -> bool:
    """Return whether the work of a request may run code of the repository."""
    seen: list[bool] = []

    def work(session: object, _: object) -> Answer:
        seen.append(session.trusted)  # type: ignore[attr-defined]
        return Answer()

    assert runner.answer(request, work) == 0
    return seen[0]


def test_a_command_that_reads_trusts_nobody(project: MakeProject) -> None:
    root = project().root
    assert not seen_by(Request("check.all", combo="pip_uv"))
    assert not trust.is_given(root)


@pytest.mark.parametrize(
    "request_",
    [Request("setup", combo="pip_uv", changes=True, trusts=True), Request("x", trust=True)],
    ids=str,
)
def test_a_user_says_it_once_for_a_checkout(request_: Request, project: MakeProject) -> None:
    root = project().root
    assert seen_by(request_)
    assert seen_by(Request("check.all"))
    assert trust.is_given(root)
    assert not [path for path in root.rglob("*") if "trust" in path.name]


def test_a_proof_may_run_the_code_and_is_not_remembered(project: MakeProject) -> None:
    root = project().root
    assert seen_by(Request("proof.run", combo="pip_uv", trusts=True))
    assert not trust.is_given(root)


def test_a_copy_and_another_repository_at_the_same_place_are_not_trusted(
    project: MakeProject, root: Path
) -> None:
    project()
    trust.give(root)
    moved = root.rename(root.with_name("elsewhere"))
    root.mkdir()
    project()
    assert not trust.is_given(root)
    assert not trust.is_given(moved)


@pytest.fixture
def origin(project: MakeProject, root: Path) -> Git:
    """Return a repository from which the project was cloned."""
    origin = Git(root.with_name("origin"))
    origin.path.mkdir()
    origin.run("init", "--quiet")
    origin.commit(".gitignore", ".venv/\n")
    project()
    for words in (["init", "--quiet"], ["remote", "add", "origin", str(origin.path)]):
        Git(root).run(*words)
    return origin


@pytest.mark.processes
def test_an_environment_that_a_pull_brings_is_not_trusted(origin: Git, root: Path) -> None:
    trust.give(root)
    origin.commit(".venv/bin/python", "#!/bin/sh\n")
    Git(root).pull()
    assert (root / ".venv" / "bin" / "python").exists()
    assert not seen_by(Request("check.all"))
    assert seen_by(Request("check.all", trust=True))
    assert seen_by(Request("check.all"))


@pytest.mark.processes
@pytest.mark.parametrize("name", ["sitecustomize.py", "hostile.pth"])
def test_a_file_that_a_pull_puts_into_the_own_environment_ends_the_trust(
    origin: Git, root: Path, venv: Path, name: str
) -> None:
    changing = Request("setup", combo="pip_uv", changes=True, trusts=True)
    assert seen_by(changing)  # the environment was made by hand
    assert seen_by(Request("check.all"))
    (venv / "lib" / "python3.11" / "site-packages" / "installed.py").touch()
    assert seen_by(Request("check.all"))
    origin.commit(f".venv/lib/python3.11/site-packages/{name}", "import evil\n")
    Git(root).pull()
    assert list(venv.rglob(name))
    assert not seen_by(Request("check.all"))
    assert seen_by(changing)
    assert seen_by(Request("check.all"))


@pytest.mark.parametrize("what", ["interpreter", "all of it", "a link to another"])
def test_an_environment_in_the_place_of_the_own_one_is_not_trusted(
    project: MakeProject, root: Path, venv: Path, what: str
) -> None:
    project()
    assert seen_by(Request("check.all", trust=True))
    if what == "interpreter":
        (venv / "bin" / "python").unlink()
        (venv / "bin" / "python").write_text("#!/bin/sh\n")
    else:
        old = venv.rename(root / "old")
        if what == "all of it":
            shutil.copytree(old, venv, symlinks=True)
        else:
            venv.symlink_to(old)
    assert not seen_by(Request("check.all"))


def test_a_repository_cannot_bring_trust_along(
    project: MakeProject, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project()
    monkeypatch.setenv("MLOPS_LAB_STATE_DIR", str(root / "state"))
    trust.give(root)
    assert not trust.is_given(root)
    assert not (root / "state").exists()


def test_a_variable_trusts_every_checkout(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    project()
    monkeypatch.setenv(trust.VARIABLE, "1")
    assert seen_by(Request("check.all"))
    monkeypatch.delenv(trust.VARIABLE)
    assert not seen_by(Request("check.all"))


def test_tasks_that_run_code_of_the_repository() -> None:
    tasks = namespace()
    found = set()
    for name in tasks.task_names:
        task = tasks[name]
        if isinstance(task, LabTask) and task.request.trusts:
            found.add(task.request.command)
    assert found == RUNNING


def test_what_cannot_be_told_names_the_way_out() -> None:
    with pytest.raises(LabError, match="nobody has said yet") as caught:
        trust.demand("This", given=False)
    assert caught.value.remedy == trust.REMEDY
