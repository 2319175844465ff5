"""What is put into the files of VS Code and of direnv, and that only this is taken back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.project import jsonc
from tasks_lib.report.progress import Progress
from tasks_lib.results import Status
from tasks_lib.session import journal, transaction
from tasks_lib.session.session import Answer, Session
from tasks_lib.workflows import container, direnv, editor
from tests.cases import cases

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import MakeProject

INTERPRETER = "python.defaultInterpreterPath"
PYTHON = "${workspaceFolder}/.venv/bin/python"
OWN = """\
{
  // mine
  "editor.rulers": [88,], /* both */
  "python.defaultInterpreterPath": "/usr/bin/python3", // the system's
}
"""


@pytest.fixture
def session(project: MakeProject, venv: Path) -> Session:
    """Return the session of a project with a virtual environment."""
    project()
    return Session.open(combo="pip_uv", start=venv.parent)


def _edit(session: Session, *, workspace: bool = False, dry_run: bool = False) -> Answer:
    return editor.make(session, Progress(), workspace=workspace, dry_run=dry_run)


def test_a_new_file_is_made_and_deleted_again(session: Session, root: Path) -> None:
    settings = root / editor.SETTINGS
    _edit(session, dry_run=True)
    assert not settings.parent.exists()
    _edit(session)
    assert json.loads(settings.read_text()) == {INTERPRETER: PYTHON}
    _edit(session)
    editor.remove(session, Progress(), dry_run=True)
    assert settings.exists()
    editor.remove(session, Progress())
    assert not settings.parent.exists()
    assert editor.remove(session, Progress()).results[0].detail == "nothing to do"


def test_all_else_in_a_file_stays_and_the_value_before_comes_back(
    session: Session, root: Path
) -> None:
    settings = root / editor.SETTINGS
    settings.parent.mkdir()
    settings.write_bytes(OWN.replace("\n", "\r\n").encode())
    (root / ".env").write_text("A=1\n")
    for _ in range(2):
        _edit(session)
        after = OWN.replace("/usr/bin/python3", PYTHON).replace(
            "system's\n}", 'system\'s\n  "python.envFile": "${workspaceFolder}/.env",\n}'
        )
        assert settings.read_bytes() == after.replace("\n", "\r\n").encode()
    editor.remove(session, Progress())
    assert settings.read_bytes() == OWN.replace("\n", "\r\n").encode()


def test_what_the_user_changed_since_is_not_taken_back(session: Session, root: Path) -> None:
    settings = root / editor.SETTINGS
    _edit(session)
    settings.write_text('{"python.defaultInterpreterPath": "/my/own"}')
    editor.remove(session, Progress())
    assert settings.read_text() == '{"python.defaultInterpreterPath": "/my/own"}'


def test_what_another_machine_wrote_is_taken_back(session: Session, root: Path) -> None:
    settings = root / editor.SETTINGS
    settings.parent.mkdir()
    settings.write_text(f'{{"a": 1, "{INTERPRETER}": "{PYTHON}"}}')
    editor.remove(session, Progress())
    assert settings.read_text() == '{"a": 1}'


def test_a_workspace_file(session: Session, root: Path) -> None:
    workspace = root / f"{root.name}.code-workspace"
    _edit(session, workspace=True)
    expected: dict[str, Any] = {"folders": [{"path": "."}], "settings": {INTERPRETER: PYTHON}}
    assert json.loads(workspace.read_text()) == expected
    text = workspace.read_text().replace('"settings": {', '"settings": {\n        "a": 1, // mine')
    workspace.write_text(text)
    _edit(session, workspace=True)
    assert workspace.read_text() == text
    editor.remove(session, Progress())
    assert jsonc.parse(workspace.read_text()) == {"settings": {"a": 1}}
    assert "// mine" in workspace.read_text()
    assert not (root / ".vscode").exists()


@cases(
    "text, line",
    {
        "broken": ('{\n  /* two\n  lines */ "a" 1\n}', 3),
        "a list": ("[]", None),
        "settings are none": ('{"settings": 1}', None),
    },
)
def test_a_file_that_cannot_be_edited_stays(
    session: Session, root: Path, text: str, line: int | None
) -> None:
    workspace = root / f"{root.name}.code-workspace"
    workspace.write_text(text)
    with pytest.raises(LabError) as raised:
        _edit(session, workspace=True)
    assert (raised.value.code, raised.value.line) == (ErrorCode.CANNOT_EDIT, line)
    assert workspace.read_text() == text
    assert not (root / ".vscode").exists()


@pytest.mark.parametrize("work", [_edit, lambda session: direnv.make(session, Progress())])
def test_nothing_is_written_out_of_the_project(
    session: Session, root: Path, tmp_path: Path, work: Callable[[Session], Answer]
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / ".vscode").symlink_to(outside)
    (root / ".envrc").symlink_to(outside / "envrc")
    with pytest.raises(LabError) as raised:
        work(session)
    assert raised.value.code is ErrorCode.OUTSIDE_PROJECT
    assert not any(outside.iterdir())


@pytest.mark.parametrize(
    "name",
    [
        editor.SETTINGS,
        "my projét.code-workspace",
        direnv.FILE,
        container.DOCKERFILE,
        container.IGNORED,
        container.DEVCONTAINER,
    ],
)
def test_what_a_killed_run_wrote_is_put_back(session: Session, root: Path, name: str) -> None:
    file = root / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("{}")
    journal.Journal.of(session, [file]).save(root, manifests=[file])
    file.write_text('{"half": ')
    with transaction.alone(root, "setup", lambda _: None) as found:
        assert [(one.id, one.status) for one in found] == [("recovered", Status.PASS)]
    assert file.read_text() == "{}"


@cases("own", {"nothing": "", "own lines": "export MINE=1\n"})
def test_direnv_has_a_part_of_its_own(session: Session, root: Path, own: str) -> None:
    file = root / direnv.FILE
    if own:
        file.write_text(own)
    for _ in range(2):
        direnv.make(session, Progress())
        lines = file.read_text().removeprefix(own).splitlines()
        assert lines[0] == "# >>> mlops-lab env.direnv >>>"
        assert "export VIRTUAL_ENV=\"$PWD\"'/.venv'" in lines
        assert lines[-2:] == ["PATH_add \"$PWD\"'/.venv/bin'", "# <<< mlops-lab env.direnv <<<"]
    direnv.remove(session, Progress())
    assert (file.read_text() if file.exists() else "") == own
    assert direnv.remove(session, Progress()).results[0].detail == "nothing to remove"
