"""What Poetry writes into an environment reaches no cache that its files are linked to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tasks_lib.managers import poetry_process

#: what writes as Poetry does, and what only reads
CODE = """
import sys
from pathlib import Path
from tasks_lib.managers import poetry_process
prefix = Path(sys.argv[1])
poetry_process.watch(prefix)
with (prefix / "written").open("wb") as file:
    file.write(b"new")
with (prefix / "longer").open("a", encoding="utf-8") as file:
    file.write(" and more")
(prefix / "read").read_text()
(prefix.parent / "cache" / "outside").write_text("new")
"""


def linked(root: Path, name: str) -> tuple[Path, Path]:
    """Return a file of a cache, and its other name in an environment."""
    one, other = root / "cache" / name, root / "env" / name
    for path in (one, other):
        path.parent.mkdir(exist_ok=True)
    one.write_text("old")
    one.chmod(0o755)
    other.hardlink_to(one)
    return one, other


@pytest.mark.processes
def test_a_file_is_parted_before_it_is_written(tmp_path: Path) -> None:
    names = {name: linked(tmp_path, name) for name in ("written", "longer", "read", "outside")}
    top = str(Path(poetry_process.__file__).parents[2])
    argv = [sys.executable, "-c", CODE, str(tmp_path / "env")]
    subprocess.run(argv, check=True, cwd=top)
    found = {name: (one.read_text(), other.read_text()) for name, (one, other) in names.items()}
    assert found == {
        "written": ("old", "new"),
        "longer": ("old", "old and more"),
        "read": ("old", "old"),
        "outside": ("new", "new"),
    }
    assert names["read"][0].samefile(names["read"][1])
    assert names["written"][1].stat().st_mode == names["written"][0].stat().st_mode
    assert {path.name for path in (tmp_path / "env").iterdir()} == names.keys()


def test_a_link_to_a_file_becomes_a_file(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("old")
    link = tmp_path / "link"
    link.symlink_to(target)
    poetry_process.part(link)
    assert not link.is_symlink()
    assert link.read_text() == "old"


@pytest.mark.parametrize("kind", ["file", "folder", "dangling", "nothing"])
def test_what_has_no_other_name_is_left_alone(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x"
    if kind == "file":
        path.touch()
    elif kind == "folder":
        path.mkdir()
    elif kind == "dangling":
        path.symlink_to("nowhere")
    before = path.lstat().st_ino if kind != "nothing" else None
    poetry_process.part(path)
    assert (path.lstat().st_ino if kind != "nothing" else None) == before
