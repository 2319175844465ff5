"""What is seen of a repository that is only read, and what changes when it does."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from tasks_lib.cohort import repository
from tasks_lib.cohort.repository import Repository, content
from tasks_lib.errors import ErrorCode, LabError
from tests.cases import cases

if TYPE_CHECKING:
    from pathlib import Path

FILES = ("README.md", "src/a.py", "src/pkg/b.py", "src/pkg/deep/c.py", ".git/config", "x/.git/y.py")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a repository with links, a pipe, and a file beside it."""
    path = tmp_path / "repository"
    for name in FILES:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(f"# {name}\n")
    (tmp_path / "secret.py").write_text("")
    os.mkfifo(path / "pipe.py")
    (path / "out.py").symlink_to("../secret.py")
    (path / "in.py").symlink_to("src/a.py")
    (path / "folder").symlink_to("src")
    (path / "loop").symlink_to("loop")
    return path


@cases(
    "pattern, found",
    {
        "a name": ("README.md", ["README.md"]),
        "a folder": ("src/", ["src"]),
        "none": ("LICENSE", []),
        "files at the top": ("*.py", ["in.py"]),
        "in a folder": ("src/*.py", ["src/a.py"]),
        "at any depth": ("src/**/*.py", ["src/a.py", "src/pkg/b.py", "src/pkg/deep/c.py"]),
        "below all": ("**/c.py", ["src/pkg/deep/c.py"]),
        "a set": ("[Rr]ead*", []),
        "a pipe is none": ("pipe.py", []),
        "nothing of git": ("**/config", []),
        "a link to a folder": ("folder", ["folder"]),
        "not below a link": ("folder/*", []),
        "a loop is none": ("lo*", []),
    },
)
def test_a_pattern(root: Path, pattern: str, found: list[str]) -> None:
    assert list(Repository(root).glob(pattern)) == found


def test_files_are_read_by_their_path(root: Path) -> None:
    (root / "a.toml").write_text("[a]\nb = 1\n")
    seen = Repository(root)
    assert seen.text("in.py") == "# src/a.py\n"
    assert seen.toml("a.toml") == {"a": {"b": 1}}
    assert seen.size("a.toml") == 10
    assert seen.exists("src")
    assert not seen.exists("src/none\0")


@cases("path", {"a link": "out.py", "above": "../secret.py", "absolute": "/etc/passwd"})
@pytest.mark.parametrize("method", ["exists", "text", "toml", "size", "glob"])
def test_a_path_that_leads_out_is_refused(root: Path, method: str, path: str) -> None:
    with pytest.raises(LabError) as caught:
        getattr(Repository(root), method)(path)
    assert caught.value.code is ErrorCode.OUTSIDE_PROJECT


@pytest.mark.parametrize("method", ["text", "toml", "size"])
def test_what_is_no_file_is_refused(root: Path, method: str) -> None:
    for path in ("pipe.py", "none.py", "src"):
        with pytest.raises(LabError) as caught:
            getattr(Repository(root), method)(path)
        expected = {ErrorCode.NOT_A_FILE, ErrorCode.FILE_MISSING, ErrorCode.CANNOT_READ}
        assert caught.value.code in expected


def test_a_repository_has_a_bearable_number_of_files(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "_MOST", 5)
    with pytest.raises(LabError, match="more than 5 files"):
        Repository(root).glob("**/*.py")
    assert Repository(root).glob("README.md") == ("README.md",)


def test_every_change_is_seen_and_nothing_else(root: Path) -> None:
    seen = [content(root)]
    assert content(root) == seen[0]
    (root / "src/a.py").write_text("# other\n")
    seen.append(content(root))
    os.utime(root / "src/a.py", ns=(1, 1))
    seen.append(content(root))
    (root / "src/a.py").rename(root / "src/z.py")
    seen.append(content(root))
    (root / "in.py").unlink()
    seen.append(content(root))
    assert len({*seen}) == 5


def test_a_change_behind_many_files_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "_MOST", 5)
    folder = tmp_path / "ada"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number:02}.py").touch()
    before = content(folder)
    (folder / "29.py").write_text("changed")
    assert content(folder) != before
    monkeypatch.setattr(repository, "_MOST_SEEN", 30)
    assert content(folder) == content(folder)
    monkeypatch.setattr(repository, "_MOST_SEEN", 29)
    told = content(folder), content(folder)
    assert told[0] != told[1]
    assert all("-cut-" in one for one in told)


def test_an_archive_is_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"abc")
    # of FIPS 180-2, B.1
    assert content(tmp_path / "a.zip").startswith("ba7816bf8f01cfea414140de5dae2223")
    with pytest.raises(LabError):
        content(tmp_path / "none.zip")


def test_ten_thousand_repositories_take_seconds(root: Path) -> None:
    started = time.process_time()
    for _ in range(200):
        content(root)
    assert time.process_time() - started < 0.2
