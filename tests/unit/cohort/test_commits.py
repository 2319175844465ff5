"""What a checkout's commit is and when it was made, read from git's plain files."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import pytest

from tasks_lib.cohort.commits import commit, committed
from tasks_lib.cohort.repository import content
from tests.cases import cases
from tests.repository import Git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WHEN = "2026-11-20T12:00:00+00:00"


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    """Return a checkout whose last of 10 commits has a time and a text that looks like another."""
    made = Git(tmp_path / "checkout")
    made.path.mkdir()
    made.run("init", "--quiet")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-12-24T00:00:00+01:00")
    made.commit("a", "a")
    for number in range(8):
        made.run("commit", "--quiet", "--allow-empty", "--message", str(number))
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-11-20T13:00:00+01:00")
    text = "last\n\ncommitter a <b> 1000000000 +0000"
    made.run("commit", "--quiet", "--allow-empty", "--message", text)
    return made


@pytest.mark.processes
def test_the_commit_is_read_without_git(git: Git) -> None:
    head = git.run("rev-parse", "HEAD")
    assert (commit(git.path), committed(git.path)) == (head, WHEN)
    assert content(git.path).startswith(f"{head}-")
    git.run("gc", "--quiet")
    assert not (git.path / ".git" / "objects" / head[:2] / head[2:]).exists()
    assert (commit(git.path), committed(git.path)) == (head, WHEN)
    git.run("checkout", "--quiet", "--detach")
    assert (commit(git.path), committed(git.path)) == (head, WHEN)


@cases(
    "change",
    {
        "nothing": lambda _: b"",
        "cut off": lambda data: data[:1060],
        "another form": lambda data: b"x" + data[1:],
        "places far outside": lambda data: data[:8] + b"\xff" * 1024 + data[1032:],
    },
)
@pytest.mark.processes
def test_damaged_packs_tell_nothing(git: Git, change: Callable[[bytes], bytes]) -> None:
    git.run("gc", "--quiet")
    for kind in ("idx", "pack"):
        (path,) = (git.path / ".git/objects/pack").glob(f"*.{kind}")
        data = path.read_bytes()
        path.chmod(0o600)
        path.write_bytes(change(data))
        assert committed(git.path) in {"", WHEN}
        path.write_bytes(data)
    assert committed(git.path) == WHEN


@cases(
    "head",
    {
        "out of git's folder": "ref: refs/../../../secret",
        "no branch": "ref: refs/heads/main",
        "no commit": "main",
        "nothing": "",
    },
)
def test_a_head_that_tells_no_commit(tmp_path: Path, head: str) -> None:
    root = tmp_path / "checkout"
    (root / ".git" / "refs").mkdir(parents=True)
    (tmp_path / "secret").write_text("a" * 40)
    (root / ".git" / "HEAD").write_text(head)
    assert commit(root) == committed(root) == ""
    assert len(content(root)) == 16


def test_a_commit_that_is_a_bomb_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / ".git" / "objects" / "aa" / ("a" * 38)
    path.parent.mkdir(parents=True)
    (tmp_path / ".git" / "HEAD").write_text("a" * 40)
    path.write_bytes(zlib.compress(bytes(40 << 20)))
    assert committed(tmp_path) == ""
