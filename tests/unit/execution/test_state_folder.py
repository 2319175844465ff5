"""Where runs record what they know of a checkout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks_lib.execution import state_folder

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_each_checkout_has_a_folder_of_its_own_in_the_home(home: Path, root: Path) -> None:
    found = state_folder.of_checkout(root)
    assert found.is_relative_to(home / ".local/state/mlops-lab")
    assert found != state_folder.of_checkout(root / "other")


def test_a_link_to_a_checkout_is_the_same_checkout(root: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(root)
    assert state_folder.of_checkout(link) == state_folder.of_checkout(root)


def test_the_folder_is_where_the_specification_says(
    home: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "states"))
    assert state_folder.of_checkout(root).is_relative_to(home / "states/mlops-lab")
