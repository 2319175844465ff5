"""What uv is shown of a repository when it compares a lock: manifests that lead nowhere."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution.process import Command, Outcome
from tasks_lib.managers import uv_lock_check
from tasks_lib.managers.uv import Uv
from tests.cases import cases

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeProject

PROJECT = '[project]\nname = "demo"\nversion = "1"\nrequires-python = ">=3.11"\n'
BUILT = f"""\
[build-system]
requires = [
  "setuptools",
  "evil",
]
build-backend = "evil"
backend-path = ["."]

{PROJECT}
"""
LOCK = 'version = 1\n[[package]]\nname = "other"\nversion = "1"\nsource = {{ {} = "{}" }}\n'


def apart(project: MakeProject, text: str, to: Path, lock: str = "") -> Command:
    """Return a command that sees the copies in a folder."""
    manager = Uv(project(text, files={"uv.lock": lock}))
    return manager.apart(Command(("uv", "lock"), env={"UV_INDEX_URL": "x"}), to)


def test_a_copy_cannot_be_built_and_has_as_many_lines(project: MakeProject, tmp_path: Path) -> None:
    command = apart(project, BUILT, tmp_path / "copy")
    copied = (tmp_path / "copy" / "pyproject.toml").read_text()
    assert tomllib.loads(copied)["build-system"] == {
        "requires": [],
        "build-backend": "mlops_lab_builds_nothing",
    }
    assert copied.splitlines()[8:] == BUILT.splitlines()[8:]
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == [
        "pyproject.toml",
        "uv.lock",
    ]
    assert command.cwd == tmp_path / "copy"
    assert command.offline
    assert {"UV_INDEX_URL": "x", "UV_NO_BUILD": "1", "UV_KEYRING_PROVIDER": "disabled"}.items() <= (
        command.env.items()
    )


@cases(
    "settings, lock",
    {
        "source": ('sources = { x = { path = "/etc", editable = true } }', ""),
        "source beside the project": ('sources = { x = { path = "../x" } }', ""),
        "source with dots": ('sources = { x = [{ path = "a/../../x" }] }', ""),
        "members": ('workspace = { members = ["/etc/*"] }', ""),
        "folder of wheels": ('find-links = ["/srv"]', ""),
        "locked": ("", LOCK.format("editable", "/etc")),
        "locked beside the project": ("", LOCK.format("directory", "../x")),
        "locked, out and in again": ("", LOCK.format("editable", "../my projét/x")),
        "locked, a link": ("", LOCK.format("virtual", "link")),
    },
)
def test_a_path_that_leads_out_is_not_followed(
    settings: str, lock: str, project: MakeProject, root: Path, tmp_path: Path
) -> None:
    (root / "link").symlink_to("/etc")
    with pytest.raises(LabError) as caught:
        apart(project, f"{PROJECT}[tool.uv]\n{settings}\n", tmp_path / "copy", lock)
    assert caught.value.code is ErrorCode.OUTSIDE_PROJECT
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "home", "my projét"]


def test_members_come_along_and_their_files_do_not(
    project: MakeProject, root: Path, tmp_path: Path
) -> None:
    (root / "lib" / "src").mkdir(parents=True)
    (root / "lib" / "pyproject.toml").write_text(BUILT.replace("demo", "lib"))
    (root / "lib" / "setup.py").write_text("raise SystemExit\n")
    text = f'{PROJECT}[tool.uv]\ncache-dir = "/srv"\nworkspace = {{ members = ["lib"] }}\n'
    apart(project, text, tmp_path / "copy", LOCK.format("editable", "lib"))
    copied = {str(path.relative_to(tmp_path / "copy")) for path in (tmp_path / "copy").rglob("*")}
    assert copied == {"lib", "lib/pyproject.toml", "pyproject.toml", "uv.lock"}


@pytest.mark.parametrize(
    ("said", "fits"),
    [  # as uv 0.13.9 logs it
        ("DEBUG Existing `uv.lock` satisfies workspace requirements", True),
        (
            "DEBUG Resolving despite existing lockfile due to mismatched requirements for: `demo`",
            False,
        ),
        ("DEBUG Ignoring existing lockfile due to change in resolution mode: `lowest`", False),
        (
            (
                "DEBUG Static `requires-dist` for `demo @ editable+.` is out-of-date; falling back "
                "to distribution database"
            ),
            False,
        ),
        ("DEBUG Resolving despite existing lockfile due to missing remote index: `x`", None),
        ("error: Failed to build `demo`", None),
    ],
)
def test_what_uv_says_of_a_lock(said: str, *, fits: bool | None) -> None:
    outcome = Outcome(Command(("uv",)), 2, "", f"DEBUG uv 0.13.9\n{said}\n", 0.1)
    assert uv_lock_check.fits(outcome) is fits
