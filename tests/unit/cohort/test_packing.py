"""A hand-in that is sent is the same one on the other machine, or is refused."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tasks_lib.cohort import packing
from tasks_lib.cohort.base import HandIn
from tasks_lib.cohort.unpacking import folder_of
from tasks_lib.errors import ErrorCode, LabError

if TYPE_CHECKING:
    from pathlib import Path


def _arrived(source: Path, elsewhere: Path) -> dict[str, str | None]:
    """Return the files, folders and links of a hand-in after it was sent: each with its content."""
    parcel = packing.packed(HandIn("ada", str(source)))
    elsewhere.mkdir()
    (elsewhere / parcel.name).write_bytes(parcel.data)
    found: dict[str, str | None] = {}
    with folder_of(HandIn("ada", str(elsewhere / parcel.name))) as root:
        for path in root.rglob("*"):
            name = path.relative_to(root).as_posix()
            found[name] = path.read_text() if path.is_file() else None
    return found


def test_a_checkout_arrives_without_what_is_in_environments_and_caches_or_leads_out(
    tmp_path: Path,
) -> None:
    root = tmp_path / "hand in é"
    for name in (
        "src/a.py",
        ".git/config",
        "env/pyvenv.cfg",
        "env/lib/b.py",
        "conda/conda-meta/history",
        "conda/conda-meta/zlib.json",
        "conda/lib/b.py",
        "src/__pycache__/a.pyc",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / "empty").mkdir()
    (tmp_path / "secret").write_text("not theirs")
    (root / "out").symlink_to(tmp_path / "secret")
    (root / "in").symlink_to("src/a.py")
    (root / "absolute").symlink_to(root / "src" / "a.py")
    (root / "loop").symlink_to(root / "loop")
    os.mkfifo(root / "pipe")
    assert _arrived(root, tmp_path / "there") == {
        "src": None,
        "src/a.py": "src/a.py",
        "src/__pycache__": None,
        "env": None,
        "env/pyvenv.cfg": "env/pyvenv.cfg",
        "conda": None,
        "conda/conda-meta": None,
        "conda/conda-meta/history": "conda/conda-meta/history",
        "empty": None,
        "in": "src/a.py",
        "absolute": "src/a.py",
        "loop": None,
    }


def test_a_checkout_of_one_folder_is_not_taken_for_that_folder(tmp_path: Path) -> None:
    (tmp_path / "in" / "src").mkdir(parents=True)
    (tmp_path / "in" / "src" / "pyproject.toml").write_text("")
    assert [*_arrived(tmp_path / "in", tmp_path / "there")] == ["src", "src/pyproject.toml"]


def test_what_is_too_large_or_no_hand_in_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "LARGEST", 4096)
    (tmp_path / "many").mkdir()
    for number in range(9):
        (tmp_path / "many" / str(number)).write_text("")
    (tmp_path / "large").mkdir()
    (tmp_path / "large" / "data.csv").write_bytes(bytes(5000))
    (tmp_path / "large.zip").write_bytes(bytes(5000))
    (tmp_path / "notes.txt").write_text("")
    for name, code in {
        "many": ErrorCode.FILE_TOO_LARGE,
        "large": ErrorCode.FILE_TOO_LARGE,
        "large.zip": ErrorCode.FILE_TOO_LARGE,
        "notes.txt": ErrorCode.NO_SUCH_PATH,
        "nowhere": ErrorCode.NO_SUCH_PATH,
    }.items():
        with pytest.raises(LabError) as caught:
            packing.packed(HandIn("ada", str(tmp_path / name)))
        assert caught.value.code is code, name
