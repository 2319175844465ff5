"""Hand-ins that are addresses: real git fetches them, and nothing of them runs."""

from __future__ import annotations

import contextlib
import http.server
import os
import random
import re
import shlex
import subprocess
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tasks_lib.cohort import fetching
from tasks_lib.cohort.base import HandIn
from tasks_lib.cohort.commits import commit
from tasks_lib.cohort.fetching import Bounds
from tasks_lib.errors import ErrorCode, LabError
from tests.cases import cases
from tests.repository import Git

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.processes
DAYS = ("2026-11-01T12:00:00+00:00", "2026-11-20T12:00:00+00:00", "2026-12-05T12:00:00+00:00")
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 5\n"


@pytest.fixture
def marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder into which each canary writes; the user's own settings let all of them."""
    folder = tmp_path / "marks"
    folder.mkdir()
    config = tmp_path / "gitconfig"
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    for name in ("theirs", "lfs"):
        leave = f"touch {shlex.quote(str(folder / name))}; cat"
        settings = ["git", "config", "--file", str(config)]
        subprocess.run([*settings, f"filter.{name}.smudge", leave], check=True)
    for key, value in (("hooksPath", ".githooks"), ("fsmonitor", ".githooks/fsmonitor")):
        subprocess.run([*settings, f"core.{key}", value], check=True)
    for key in ("submodule.recurse", "log.showSignature"):
        subprocess.run([*settings, key, "true"], check=True)
    subprocess.run([*settings, "protocol.file.allow", "always"], check=True)
    subprocess.run(
        [*settings, "gpg.program", _script(tmp_path / "gpg", folder / "gpg")], check=True
    )
    return folder


def _script(path: Path, mark: Path) -> str:
    """Write a program that leaves a mark."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\ntouch {shlex.quote(str(mark))}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    """Return a repository with a commit on each of three days, and a branch merged on the last."""
    git = Git(tmp_path / "theirs")
    git.path.mkdir()
    git.run("init", "--quiet", "--initial-branch=main")
    for number, day in enumerate(DAYS):
        monkeypatch.setenv("GIT_COMMITTER_DATE", day)
        git.commit("day.md", f"{number}\n")
    git.run("tag", "second", "HEAD~1")
    git.run("branch", "first", "HEAD~2")
    git.run("checkout", "--quiet", "-b", "side", "second")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-11-25T12:00:00+00:00")
    git.commit("day.md", "1\nside\n")
    git.run("checkout", "--quiet", "main")
    monkeypatch.setenv("GIT_COMMITTER_DATE", DAYS[2])
    git.run("merge", "--quiet", "--strategy-option=ours", "--message=side", "side")
    return git


IN_TIME = Bounds(grace=timedelta())


def one(folder: Path, hand_in: HandIn, bounds: Bounds = Bounds()) -> HandIn:  # noqa: B008 - frozen
    """Return a hand-in that is fetched."""
    (found,) = fetching.fetched([hand_in], folder, bounds)
    if found.error:
        raise found.error
    return found.hand_in


def test_nothing_of_a_repository_runs_and_each_canary_can(marks: Path, tmp_path: Path) -> None:
    part, whole = Git(tmp_path / "part"), Git(tmp_path / "whole")
    for git in (part, whole):
        git.path.mkdir()
        git.run("init", "--quiet", "--template=")
        git.run("config", "core.fsmonitor", "false")
    part.commit("part.md", "part")
    for name in ("post-checkout", "fsmonitor"):
        _script(whole.path / ".githooks" / name, marks / name)
    whole.run("add", ".")
    whole.run("submodule", "--quiet", "add", str(part.path), "part")
    (whole.path / ".gitattributes").write_text("*.txt filter=theirs\n*.bin filter=lfs\n")
    (whole.path / "model.bin").write_text(POINTER)
    whole.commit("a.txt", "a\r\n")
    whole.run("add", ".")
    whole.run("commit", "--quiet", "--message", "all")
    for mark in marks.iterdir():
        mark.unlink()

    address = f"file://{whole.path}"
    clone = tmp_path / "class" / "ada"
    assert one(clone.parent, HandIn("ada", address)).source == str(clone)
    one(clone.parent, HandIn("ada", address))
    assert not [*marks.iterdir()]
    assert commit(clone) == whole.run("rev-parse", "HEAD")
    assert (clone / "model.bin").read_text() == POINTER
    assert (clone / "a.txt").read_bytes() == b"a\r\n"
    assert not [*(clone / "part").iterdir()]

    whole.run("clone", "--quiet", "--recurse-submodules", address, str(tmp_path / "run"))
    assert {mark.name for mark in marks.iterdir()} >= {"post-checkout", "theirs", "lfs"}
    assert (tmp_path / "run" / "part" / "part.md").exists()
    Git(tmp_path / "run").run("status")
    assert (marks / "fsmonitor").exists()


def test_an_address_that_starts_a_program_is_refused(marks: Path, tmp_path: Path) -> None:
    address = f"ext::{_script(tmp_path / 'program', marks / 'ext')}"
    with pytest.raises(LabError) as caught:
        one(tmp_path / "class", HandIn("ada", address))
    assert caught.value.code is ErrorCode.NOT_SUPPORTED
    assert not [*marks.iterdir()]
    argv = ["git", "-c", "protocol.ext.allow=always", "ls-remote", address]
    subprocess.run(argv, check=False, stderr=subprocess.DEVNULL)
    assert (marks / "ext").exists()


def test_the_grace_counts_for_what_is_taken(theirs: Git, tmp_path: Path) -> None:
    source = HandIn("ada", f"file://{theirs.path}", due="2026-11-20T11:30:00Z")  # the commit: 12:00
    for minutes, day in ((29, 0), (31, 1), (30, 0)):
        grace = timedelta(minutes=minutes)
        found = one(tmp_path / "class", source, Bounds(grace))
        assert found.columns["submitted"].replace("Z", "+00:00") == DAYS[day], minutes


@cases(
    "ref, due, day",
    {
        "the newest": ("", "", 2),
        "a branch": ("first", "", 0),
        "a tag": ("second", "", 1),
        "a commit": ("{second}", "", 1),
        "a part of a commit": ("{second:.9}", "", 1),
        "before a day that has passed": ("", "2026-11-30", 1),
        "before a time on the day of a commit": ("", "2026-11-20T11:59:00Z", 0),
        "a day that is not over": ("", "2026-11-20", 1),
        "before a day to come": ("", "2026-12-24", 2),
        "a ref wins over a day": ("main", "2026-11-30", 2),
    },
)
def test_what_is_taken(theirs: Git, tmp_path: Path, ref: str, due: str, day: int) -> None:
    ref = ref.format(second=theirs.run("rev-parse", "second"))
    source = HandIn("ada", f"file://{theirs.path}", ref, due, columns={"id": "ada"})
    found = one(tmp_path / "class", source, IN_TIME)
    assert (tmp_path / "class" / "ada" / "day.md").read_text() == f"{day}\n"
    assert found.columns["submitted"].replace("Z", "+00:00") == DAYS[day]
    assert found.columns["id"] == "ada"
    assert one(tmp_path / "class", source, IN_TIME) == found


def test_a_second_run_fetches_what_is_new(theirs: Git, tmp_path: Path) -> None:
    source = HandIn("ada", f"file://{theirs.path}")
    clone = tmp_path / "class" / "ada"
    one(clone.parent, source)
    (clone / "left").touch()
    theirs.commit("new.md", "new")
    theirs.run("rm", "--quiet", "day.md")
    theirs.run("commit", "--quiet", "--message", "less")
    one(clone.parent, source)
    assert {path.name for path in clone.iterdir()} == {".git", "new.md"}


@cases("left", {"a lock": "index.lock", "an empty file": "HEAD"})
def test_what_a_killed_run_left_is_fetched_again(theirs: Git, tmp_path: Path, left: str) -> None:
    outer = Git(tmp_path / "outer")
    outer.path.mkdir()
    outer.run("init", "--quiet")
    outer.commit("day.md", "of the instructor")
    (outer.path / "day.md").write_text("not committed")
    source = HandIn("ada", f"file://{theirs.path}")
    clone = outer.path / "class" / "ada"
    one(clone.parent, source)
    (clone / ".git" / left).write_text("")
    one(clone.parent, source)
    assert commit(clone) == theirs.run("rev-parse", "HEAD")
    assert (outer.path / "day.md").read_text() == "not committed"


def test_the_trouble_of_one_is_its_own(theirs: Git, tmp_path: Path) -> None:
    empty = Git(tmp_path / "empty")
    empty.path.mkdir()
    empty.run("init", "--quiet")
    address = f"file://{theirs.path}"
    expected = {
        "ok": (HandIn("ok", address), None),
        "folder": (HandIn("folder", str(theirs.path)), None),
        "none": (HandIn("none", "file:///none"), ErrorCode.UNKNOWN_REPOSITORY),
        "empty": (HandIn("empty", f"file://{empty.path}"), ErrorCode.UNKNOWN_REVISION),
        "ref": (HandIn("ref", address, "nothing"), ErrorCode.UNKNOWN_REVISION),
        "option": (HandIn("option", address, "--upload-pack=x"), ErrorCode.UNKNOWN_REVISION),
        "due": (HandIn("due", address, "", "2026-10-01"), ErrorCode.UNKNOWN_REVISION),
        "silent": (HandIn("silent", "https://127.0.0.1:1/x"), ErrorCode.NO_ANSWER),
        "git": (HandIn("git", "git://127.0.0.1/x"), ErrorCode.NOT_SUPPORTED),
    }
    hand_ins = [hand_in for hand_in, _ in expected.values()]
    for found in fetching.fetched(hand_ins, tmp_path / "class", IN_TIME):
        code = found.error.code if found.error else None
        assert code == expected[found.hand_in.id][1], found
    assert (tmp_path / "class" / "ok" / "day.md").exists()


@cases(
    "files",
    {
        "a large pack": {"data.bin": 3 << 20},
        "a small pack of large files": {"zeros": 8 << 20},
        "many empty files": dict.fromkeys((f"{n}" for n in range(2500)), 0),
    },
)
def test_a_clone_that_is_too_large_is_ended_and_leaves_nothing(
    tmp_path: Path, files: dict[str, int]
) -> None:
    large = Git(tmp_path / "large")
    large.path.mkdir()
    large.run("init", "--quiet")
    for name, size in files.items():
        path = large.path / name
        path.write_bytes(random.Random(1).randbytes(size) if size < 4 << 20 else b"")  # noqa: S311
        os.truncate(path, size)
    large.run("add", ".")
    large.run("commit", "--quiet", "--message", "all")
    source = HandIn("ada", f"file://{large.path}")
    with pytest.raises(LabError, match="larger than 1 MiB") as caught:
        one(tmp_path / "class", source, Bounds(largest=1))
    assert caught.value.code is ErrorCode.FILE_TOO_LARGE
    assert not (tmp_path / "class" / "ada").exists()
    assert one(tmp_path / "class", source, Bounds(largest=500)).source.endswith("ada")


def test_a_folder_with_files_of_others_is_left_alone(theirs: Git, tmp_path: Path) -> None:
    (tmp_path / "class" / "ada").mkdir(parents=True)
    with pytest.raises(LabError) as caught:
        one(tmp_path / "class", HandIn("ada", f"file://{theirs.path}"))
    assert caught.value.code is ErrorCode.PATH_OCCUPIED
    assert not [*(tmp_path / "class" / "ada").iterdir()]


def test_a_server_that_asks_to_wait_is_asked_again_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    class Busy(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(429)
            self.send_header("Retry-After", "1")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    # a server of https would need a certificate
    monkeypatch.setattr(fetching, "_ALLOWED", re.compile("http://"))
    monkeypatch.setitem(fetching._ENV, "GIT_ALLOW_PROTOCOL", "http")  # noqa: SLF001 - the same
    with http.server.HTTPServer(("127.0.0.1", 0), Busy) as server, contextlib.ExitStack() as stack:
        stack.callback(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/x"
        before = time.monotonic()
        with pytest.raises(LabError, match="asked too often") as caught:
            one(tmp_path / "class", HandIn("ada", address))
        assert time.monotonic() - before >= 2
    assert caught.value.code is ErrorCode.NO_ANSWER
    assert len(asked) == 3
    assert "Recv" not in str(caught.value)
