"""What runs keep of a checkout is the user's own, and is found again only in the same checkout."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.project import state

if TYPE_CHECKING:
    from pathlib import Path


def test_what_was_remembered_is_outside_of_the_checkout_and_private(root: Path, home: Path) -> None:
    assert state.remembered(root, "combo") == ""
    assert not (home / ".local").exists()  # reading makes nothing
    state.remember(root, "combo", "pip_uv")
    assert state.remembered(root, "combo") == "pip_uv"
    assert list(root.iterdir()) == []
    place = state.folder(root)
    assert place.is_relative_to(home / ".local" / "state" / "mlops-lab")
    assert place.stat().st_mode & 0o077 == 0
    assert (place / "checkout").read_text() == f"{root}\n"
    state.remember(root, "combo", "")
    assert state.remembered(root, "combo") == ""


def test_link_to_a_checkout_is_the_same_one(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    assert state.folder(tmp_path / "link") == state.folder(root)


def test_copied_moved_and_replaced_checkout_begin_with_nothing(root: Path, tmp_path: Path) -> None:
    state.remember(root, "trust", "yes")
    shutil.copytree(root, tmp_path / "copy")
    root.rename(tmp_path / "moved")
    root.mkdir()
    for other in (tmp_path / "copy", tmp_path / "moved", root):
        assert state.remembered(other, "trust") == "", other


def test_state_folder_in_the_checkout_is_refused_and_not_read(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.remember(root, "trust", "yes")
    found = state.folder(root)
    shutil.copytree(found, root / "state" / "checkouts" / found.name)
    monkeypatch.setenv(state.STATE, "state")  # as in a project that is somebody's home
    assert state.remembered(root, "trust") == ""
    with pytest.raises(LabError, match="is in the project") as caught:
        state.remember(root, "trust", "yes")
    assert caught.value.code is ErrorCode.STATE_FOLDER
    assert state.STATE in str(caught.value.remedy)


def test_state_folder_that_cannot_be_made_is_one_clear_error(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(state.STATE, str(tmp_path / "file" / "state"))
    with pytest.raises(LabError, match="Not a directory") as caught:
        state.remember(root, "combo", "pip_uv")
    assert caught.value.code is ErrorCode.STATE_FOLDER
    assert state.remembered(root, "combo") == ""


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="only POSIX systems have owners of folders")
def test_folder_of_another_user_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state.made(root)
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(LabError, match="belongs to another user"):
        state.made(root)


def test_large_file_is_not_read_whole(root: Path) -> None:
    (state.made(root) / "combo").write_bytes(b"x" * (1 << 20))
    assert len(state.remembered(root, "combo")) < 1 << 20
