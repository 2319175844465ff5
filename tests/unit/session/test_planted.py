"""A repository that brings the record of an interrupted run: nothing of it is read or followed."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

import pytest

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution.plan import Step, Writes
from tasks_lib.results import Status
from tasks_lib.session import combos, journal, transaction
from tasks_lib.session.session import Session
from tests.unit.execution.test_plan import Log

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import MakeProject
    from tests.unit.conftest import Install

    Plant = Callable[[Path, Path, Path], None]

SCRIPT = "#!/bin/sh\ntouch /tmp/planted\n"


def _journal(files: dict[str, str | None] | None = None, **more: object) -> Plant:
    """Plant a journal that passes the schema; of `files`, those with a text have a copy."""

    def plant(root: Path, _: Path, own: Path) -> None:
        data = {
            "schema": "mlops-lab-journal/1",
            "command": "deps.add",
            "combo": "pip_uv",
            "engine": "rattler",
            "python": "",
            "prefix": str(root / ".venv"),
            "state": "present",
            "files": {name: text is not None for name, text in (files or {}).items()},
            "packages": {},
            "owned": [],
            "conda": [],
            "machine": os.uname().nodename,
            "pid": 1,
            "since": "2026-01-01 00:00:00",
            "touched": True,
            "stays": False,
            **more,
        }
        (own / "journal.json").write_text(json.dumps(data))
        for name, text in (files or {}).items():
            copy = own / "before" / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            if text is not None:
                copy.write_text(text)

    return plant


def _linked(name: str, *, to: str) -> Plant:
    """Plant a link in `.mlops-lab` to something of the user's, and a journal that is sound."""

    def plant(root: Path, home: Path, own: Path) -> None:
        if name != "journal.json":
            _journal({"uv.lock": "evil"})(root, home, own)
        if name == "before":
            (own / "before").rename(own / "other")
        (own / name).symlink_to(home / to)

    return plant


def _whole(root: Path, home: Path, own: Path) -> None:
    own.rmdir()
    (root / journal.LEFTOVER).symlink_to(home)


def _file(_: Path, __: Path, own: Path) -> None:
    own.rmdir()
    own.write_text("mine")


def _closed(root: Path, home: Path, own: Path) -> None:
    _journal({"uv.lock": None})(root, home, own)
    own.chmod(0)


def _pipe(name: str) -> Plant:
    return lambda _, __, own: os.mkfifo(own / name)


def _text(name: str, text: str) -> Plant:
    def plant(_: Path, __: Path, own: Path) -> None:
        (own / name).write_text(text)

    return plant


PLANTED: dict[str, Plant] = {
    "write .bashrc through a link": _journal({"rc": SCRIPT}),
    "write .bashrc through a link of a manifest's name": _journal({"env.yml": SCRIPT}),
    "write into a folder behind a link": _journal({"away/uv.lock": "evil"}),
    "delete .git/HEAD": _journal({".git/HEAD": None}),
    "delete a source": _journal({"lab.py": None}),
    "delete the lock": _journal({"uv.lock": None}),
    "put another lock": _journal({"uv.lock": 'source = { registry = "https://example.invalid" }'}),
    "a pre-commit hook": _journal({".git/hooks/pre-commit": SCRIPT}),
    "install from its address": _journal(
        packages={"pip": "pip @ https://example.invalid/pip-99-py3-none-any.whl"}
    ),
    "install its folder": _journal(packages={"evil": "editable:/tmp/evil"}),
    "uninstall what is there": _journal(packages={}),
    "conda packages from its address": _journal(
        combo="conda_uv", conda=[{"name": "a", "url": "https://example.invalid/a-1-0.conda"}]
    ),
    "delete the environment": _journal(state="absent"),
    ".gitignore as a link": _linked(".gitignore", to=".bashrc"),
    "before as a link": _linked("before", to="secrets"),
    "explicit.txt as a link": _linked("explicit.txt", to=".bashrc"),
    "lock as a link": _linked("lock", to=".bashrc"),
    "journal as a link": _linked("journal.json", to="secrets/token"),
    "the folder as a link": _whole,
    "a file in place of the folder": _file,
    "a folder that cannot be opened": _closed,
    "journal as a pipe": _pipe("journal.json"),
    "lock as a pipe": _pipe("lock"),
    "a workflow command": _journal(command="setup\n::error::evil"),
    "a journal that is damaged": _text("journal.json", "[" * 100_000),
}


@pytest.fixture
def session(project: MakeProject, root: Path, home: Path, venv: Path, install: Install) -> Session:
    """Return a session of a set-up project, whose links lead to what is the user's own."""
    found = project(files={"uv.lock": "version = 1\n", "lab.py": "x = 1\n"})
    install(venv, "pip", "26.0")
    (root / ".git" / "hooks").mkdir(parents=True)
    (root / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (home / "secrets").mkdir()
    (home / "secrets" / "token").write_text("secret")
    (home / ".bashrc").write_text("# mine\n")
    (root / "rc").symlink_to(home / ".bashrc")
    (root / "env.yml").symlink_to(home / ".bashrc")
    (root / "away").symlink_to(home / "secrets")
    combo = combos.parse("pip_uv", "flag", "the test says so")
    return Session.of(found, combo, "setup")


def _tree(*tops: Path) -> dict[str, object]:
    """Describe all there is, but what runs record in the home."""
    found: dict[str, object] = {}
    for top in tops:
        for path in sorted(top.rglob("*")):
            facts = path.lstat()
            if ".local" in path.parts:
                continue
            is_file = stat.S_ISREG(facts.st_mode)
            text: object = path.read_bytes() if is_file else path.is_symlink() and path.readlink()
            found[str(path)] = (facts.st_mode, facts.st_mtime_ns if is_file else 0, text)
    return found


@pytest.mark.parametrize("plant", PLANTED.values(), ids=list(PLANTED))
def test_planted_record_is_inert(session: Session, root: Path, home: Path, plant: Plant) -> None:
    """No process is started either: the test has none of its own."""
    own = root / journal.LEFTOVER
    own.mkdir()
    plant(root, home, own)
    before = _tree(root, home)
    said: list[str] = []
    with transaction.alone(root, "setup", said.append) as found:
        assert [(result.id, result.status) for result in found] == [("leftover", Status.WARN)]
        step = Step("deps.edit", "change", work=tuple, writes=Writes.ENVIRONMENT)
        manifests = [root / "pyproject.toml", root / "uv.lock"]
        transaction.carry_out(session, [step], Log(), manifests=manifests)
    assert not said
    assert _tree(root, home) == before
    assert not journal.exists(root)
    own.chmod(0o700) if not own.is_symlink() else None


@pytest.mark.parametrize("name", ["env.yml", "away/uv.lock"])
def test_link_made_while_a_run_went_on_is_not_followed(
    session: Session, root: Path, home: Path, name: str
) -> None:
    """A build backend runs as the user, and may put a link in a manifest's place."""
    path = root / name
    path.parent.unlink() if path.parent != root else path.unlink()
    path.parent.mkdir(exist_ok=True)
    path.write_text("old")

    def work() -> None:
        path.unlink()
        if path.parent == root:
            path.symlink_to(home / ".bashrc")
        else:
            path.parent.rmdir()
            path.parent.symlink_to(home / "secrets")
        text = "no."
        raise LabError(text, ErrorCode.TOOL_FAILED)

    before = _tree(home)
    step = Step("deps.edit", "change", work=work, writes=Writes.PROJECT)
    with pytest.raises(LabError, match=r"could not be restored: .* leads out of the project"):
        transaction.carry_out(session, [step], Log(), manifests=[path])
    assert _tree(home) == before
    assert journal.exists(root)
