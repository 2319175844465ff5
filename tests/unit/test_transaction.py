"""Files are replaced whole, and put back when a run fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks_lib.errors import ExitCode, LabError
from tasks_lib.transaction import unchanged_on_failure, write

if TYPE_CHECKING:
    from pathlib import Path


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
    assert caught.value.code == ExitCode.TOOL_FAILED
    (root / "folder").mkdir()
    with pytest.raises(LabError, match="cannot be written"):
        write(root / "folder", b"new")
    assert sorted(path.name for path in root.iterdir()) == ["file", "folder"]


def _damage(root: Path) -> list[Path]:
    """Give four files, to be changed, deleted, made and left alone."""
    paths = [root / name for name in ("changed", "deleted", "made", "same")]
    for path in paths[:2] + paths[3:]:
        path.write_bytes(path.name.encode())
    return paths


def _fail(paths: list[Path], error: type[BaseException]) -> None:
    """Change the files and end as a failing run does."""
    _change(paths)
    text = "stopped"
    raise error(text)


def _change(paths: list[Path]) -> None:
    paths[0].write_bytes(b"other")
    paths[1].unlink()
    paths[2].write_bytes(b"new")


@pytest.mark.parametrize("error", [LabError, KeyboardInterrupt, SystemExit, RuntimeError])
def test_every_failure_puts_all_back(root: Path, error: type[BaseException]) -> None:
    paths = _damage(root)
    untouched = paths[3].stat()
    with pytest.raises(error), unchanged_on_failure(paths):
        _fail(paths, error)
    assert {path.name: path.read_bytes() for path in root.iterdir()} == {
        "changed": b"changed",
        "deleted": b"deleted",
        "same": b"same",
    }
    assert paths[3].stat() == untouched


def test_success_keeps_the_changes(root: Path) -> None:
    paths = _damage(root)
    with unchanged_on_failure(paths):
        _change(paths)
    assert {path.name: path.read_bytes() for path in root.iterdir()} == {
        "changed": b"other",
        "made": b"new",
        "same": b"same",
    }


def _ruin(paths: list[Path]) -> None:
    """Change the second file, and take the first away with its folder."""
    paths[0].unlink()
    paths[0].parent.rmdir()
    paths[1].write_bytes(b"new")
    raise RuntimeError


def test_file_that_cannot_be_put_back_does_not_keep_the_others_back(root: Path) -> None:
    paths = [root / "in" / "first", root / "second"]
    paths[0].parent.mkdir()
    for path in paths:
        path.write_bytes(b"old")
    with pytest.raises((LabError, RuntimeError)), unchanged_on_failure(paths):
        _ruin(paths)
    assert paths[1].read_bytes() == b"old"
