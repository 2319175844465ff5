"""Files are replaced whole, and restored from copies."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from tasks_lib.errors import ErrorCode, ExitCode, LabError
from tasks_lib.execution import files
from tasks_lib.execution.files import clear_unfinished, keep_line_ends, put_back, write
from tests.cases import cases

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=["pipe", "link to a pipe", "device", "folder"])
def odd(request: pytest.FixtureRequest, root: Path) -> Path:
    """Return a path at which something else than a file is."""
    path = root / "odd"
    if request.param == "device":
        path.symlink_to("/dev/zero")
    elif request.param == "folder":
        path.mkdir()
    else:
        os.mkfifo(root / "pipe")
        path.symlink_to("pipe" if "link" in request.param else root / "pipe")
    return path


def test_only_a_file_is_read(odd: Path) -> None:
    with pytest.raises(OSError, match="not a file"):
        files.regular(odd)
    with pytest.raises(LabError) as caught:
        files.expect_regular(odd)
    assert caught.value.code is ErrorCode.NOT_A_FILE


def test_only_so_much_is_read(root: Path) -> None:
    path = root / "x"
    path.write_bytes(b"12345")
    assert files.regular(path, 5) == b"12345"
    with pytest.raises(files.TooLargeError):
        files.regular(path, 4)
    with path.open("wb") as stream:
        stream.truncate(files.LARGEST + 1)
    with pytest.raises(LabError, match="larger than 16 MiB"):
        files.expect_regular(path)


def test_a_file_is_read_once_where_nothing_changes(root: Path) -> None:
    path, huge = root / "x", root / "huge"
    path.write_bytes(b"12345")
    huge.write_bytes(bytes(files.LARGEST))
    with files.read_once():
        assert (files.regular(path), files.regular(huge)) == (b"12345", bytes(files.LARGEST))
        path.write_bytes(b"other")
        huge.write_bytes(b"small")  # too large to be kept beside the other
        assert (files.regular(path), files.regular(huge)) == (b"12345", b"small")
        with pytest.raises(files.TooLargeError):
            files.regular(path, 4)
    assert files.regular(path) == b"other"


def test_file_is_replaced_whole_and_keeps_its_mode(root: Path) -> None:
    path = root / "a"
    path.write_bytes(b"old")
    path.chmod(0o640)
    before = path.stat().st_ino
    write(path, b"new\r\n")
    assert path.read_bytes() == b"new\r\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.stat().st_ino != before
    assert [file.name for file in root.iterdir()] == ["a"]


def test_new_file_may_be_read_by_others_as_any_new_file(root: Path) -> None:
    (root / "plain").touch()
    write(root / "a", b"new")
    assert (root / "a").stat().st_mode == (root / "plain").stat().st_mode


def test_link_stays_a_link(root: Path) -> None:
    (root / "real").mkdir()
    (root / "real/a").write_bytes(b"old")
    (root / "a").symlink_to("real/a")
    write(root / "a", b"new")
    assert (root / "a").is_symlink()
    assert (root / "real/a").read_bytes() == b"new"


def test_folder_that_cannot_be_written_is_a_clear_error(root: Path) -> None:
    (root / "file").touch()
    with pytest.raises(LabError, match="cannot be written") as caught:
        write(root / "file" / "a", b"new")
    assert caught.value.exit_code == ExitCode.TOOL_FAILED
    (root / "folder").mkdir()
    with pytest.raises(LabError, match="cannot be written"):
        write(root / "folder", b"new")
    assert sorted(path.name for path in root.iterdir()) == ["file", "folder"]


def test_changed_file_is_put_back_from_its_copy(root: Path) -> None:
    (root / "a").write_bytes(b"changed")
    (root / "copy").write_bytes(b"old\r\n")
    put_back(root / "a", root / "copy")
    assert (root / "a").read_bytes() == b"old\r\n"
    assert not (root / "copy").exists()  # moved: a full disk is no obstacle


def test_file_is_put_back_from_another_disk_though_its_own_is_full(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path, __: Path) -> None:
        raise OSError(errno.EXDEV, "another disk")

    def full(path: Path, _: bytes) -> None:
        raise files.unwritable(path, OSError(errno.ENOSPC, "no space"))

    (root / "a").write_bytes(b"changed and longer")
    (root / "copy").write_bytes(b"old\r\n")
    (root / "copy").chmod(0o600)
    monkeypatch.setattr(type(root), "replace", refuse)
    monkeypatch.setattr(files, "write", full)
    put_back(root / "a", root / "copy")
    assert (root / "a").read_bytes() == b"old\r\n"
    assert (root / "a").stat().st_mode & 0o777 == 0o600


def test_unchanged_file_is_not_touched(root: Path) -> None:
    (root / "a").write_bytes(b"old")
    (root / "copy").write_bytes(b"old")
    before = (root / "a").stat()
    put_back(root / "a", root / "copy")
    after = (root / "a").stat()  # but for the time of reading: to compare is to read
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert after.st_ctime_ns == before.st_ctime_ns


def test_link_that_was_changed_stays_a_link(root: Path) -> None:
    (root / "real").mkdir()
    (root / "real/a").write_bytes(b"changed")
    (root / "a").symlink_to("real/a")
    (root / "copy").write_bytes(b"old")
    put_back(root / "a", root / "copy")
    assert (root / "a").is_symlink()
    assert (root / "real/a").read_bytes() == b"old"


def test_folder_in_the_way_is_a_clear_error(root: Path) -> None:
    (root / "a").mkdir()
    (root / "copy").write_bytes(b"old")
    with pytest.raises(LabError, match="a folder stands there"):
        put_back(root / "a", root / "copy")
    assert (root / "copy").exists()


def test_only_what_a_killed_write_left_is_cleared(root: Path) -> None:
    for name in (".a.0123abcd", ".a.notes", ".a.0123abc", ".b.0123abcd"):
        (root / name).touch()
    clear_unfinished(root / "a")
    assert sorted(path.name for path in root.iterdir()) == [".a.0123abc", ".a.notes", ".b.0123abcd"]


@cases(
    "before, after, expected",
    {
        "CRLF comes back": (b"a\r\nb\r\n", b"a\nc\n", b"a\r\nc\r\n"),
        "LF stays": (b"a\nb\n", b"a\nc\n", b"a\nc\n"),
        "a mixture is nobody's choice": (b"a\r\nb\n", b"a\nc\n", b"a\nc\n"),
        "kept by the tool": (b"a\r\n", b"a\r\nc\r\n", b"a\r\nc\r\n"),
    },
)
def test_line_ends_of_a_manifest_are_kept(
    root: Path, before: bytes, after: bytes, expected: bytes
) -> None:
    (root / "old").write_bytes(before)
    (root / "new").write_bytes(after)
    keep_line_ends(root / "new", root / "old")
    assert (root / "new").read_bytes() == expected
