"""Where runs record what they know of a checkout: the user's own, found again there alone."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution import state_folder

if TYPE_CHECKING:
    from pathlib import Path


def test_each_checkout_has_a_folder_of_its_own_in_the_home(home: Path, root: Path) -> None:
    found = state_folder.of_checkout(root)
    assert found.is_relative_to(home / ".local/state/mlops-lab")
    assert found != state_folder.of_checkout(root / "other")
    assert not (home / ".local").exists()  # reading makes nothing


def test_a_link_to_a_checkout_is_the_same_checkout(root: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(root)
    assert state_folder.of_checkout(link) == state_folder.of_checkout(root)


def test_the_folder_is_where_the_specification_says(
    home: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "states"))
    assert state_folder.of_checkout(root).is_relative_to(home / "states/mlops-lab")
    monkeypatch.setenv(state_folder.VARIABLE, str(home / "mine"))
    assert state_folder.of_checkout(root).is_relative_to(home / "mine")


def test_what_is_made_is_private_and_leaves_the_checkout_alone(root: Path) -> None:
    place = state_folder.made(root)
    assert place == state_folder.of_checkout(root)
    assert place.stat().st_mode & 0o077 == 0
    assert list(root.iterdir()) == []


def test_copied_moved_and_replaced_checkout_have_another_one(root: Path, tmp_path: Path) -> None:
    place = state_folder.made(root)
    (place / "record").touch()
    shutil.copytree(root, tmp_path / "copy")
    assert state_folder.before_move(tmp_path / "copy", "record") == []
    root.rename(tmp_path / "moved")
    others = [tmp_path / "copy", tmp_path / "moved"]
    assert state_folder.before_move(tmp_path / "moved", "record") == [place / "record"]
    root.mkdir()
    for other in (*others, root):
        assert state_folder.of_checkout(other) != place
        assert state_folder.before_move(other, "record") == []


@pytest.mark.parametrize("chosen", [".", "state", ""])
def test_state_folder_in_the_checkout_cannot_be(
    root: Path, monkeypatch: pytest.MonkeyPatch, chosen: str
) -> None:
    """A repository could have brought it, e.g. where the project is somebody's home."""
    monkeypatch.setenv("HOME", str(root))
    monkeypatch.setenv(state_folder.VARIABLE, chosen)
    found = state_folder.of_checkout(root)
    with pytest.raises(OSError, match="Not a directory"):
        found.mkdir(parents=True)
    with pytest.raises(LabError, match="the project contains it") as caught:
        state_folder.made(root)
    assert caught.value.code is ErrorCode.STATE_FOLDER
    assert state_folder.VARIABLE in str(caught.value.remedy)
    assert list(root.iterdir()) == []


def test_folder_that_cannot_be_made_is_one_clear_error(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(state_folder.VARIABLE, str(tmp_path / "file" / "state"))
    with pytest.raises(LabError, match="Not a directory") as caught:
        state_folder.made(root)
    assert caught.value.code is ErrorCode.STATE_FOLDER


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="only POSIX systems have owners of folders")
def test_folder_of_another_user_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state_folder.made(root)
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(LabError, match="belongs to another user"):
        state_folder.made(root)
