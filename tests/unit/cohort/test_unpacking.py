"""An archive is unpacked within bounds, and nothing of it can lead out."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import tracemalloc
import zipfile
from typing import TYPE_CHECKING

import pytest

from tasks_lib.cohort import unpacking
from tasks_lib.cohort.base import HandIn
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution import file_lock
from tests.cases import cases

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LINK = (stat.S_IFLNK | 0o777) << 16
PIPE = (stat.S_IFIFO | 0o777) << 16


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """Return the folder in which archives are unpacked."""
    path = tmp_path / "scratch"
    path.mkdir()
    return path


def zipped(path: Path, *entries: tuple[str, str | bytes, int], method: int = 8) -> Path:
    """Write a zip of names with their content and their mode."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content, mode in entries:
            info = zipfile.ZipInfo("x")
            info.filename, info.external_attr, info.compress_type = name, mode, method
            archive.writestr(info, content)
    return path


def tarred(
    path: Path,
    *members: tuple[str, bytes | str],
    kind: bytes = tarfile.SYMTYPE,
    form: int = tarfile.PAX_FORMAT,
) -> Path:
    """Write a tar of names with their content, or as links and others of a `kind`."""
    with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz", format=form) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.mode = 0o755
            if isinstance(content, str):
                info.type, info.linkname = kind, content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return path


def found_in(archive: Path, scratch: Path) -> dict[str, str]:
    """Return each file of an archive with its text."""
    with unpacking.folder_of(HandIn("ada", str(archive)), scratch) as root:
        return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*.*")}


@pytest.mark.parametrize("name", ["a.zip", "a.ZIP", "a.tar", "a.tar.gz", "a.tgz"])
def test_the_folder_in_an_archive_is_entered_and_deleted_after(scratch: Path, name: str) -> None:
    archive = scratch.with_name(name)
    if archive.suffix.lower() == ".zip":
        zipped(
            archive, ("r-main/", "", 0), ("r-main/a.py", "ä", 0o755 << 16), ("__MACOSX/._a", "", 0)
        )
    else:
        tarred(archive, ("./r-main/a.py", "ä".encode()))
    with unpacking.folder_of(HandIn("ada", str(archive)), scratch) as root:
        assert root.name == "r-main"
        assert (root / "a.py").read_text() == "ä"
        assert not (root / "a.py").stat().st_mode & 0o111
    assert list(scratch.iterdir()) == []


def test_what_a_killed_worker_left_is_deleted_and_nothing_of_a_living_one(
    tmp_path: Path, scratch: Path
) -> None:
    left = {
        name: scratch / f"mlops-lab-unpacked-{name}" for name in ("killed", "old", "new", "lives")
    }
    for path in left.values():
        (path / "files").mkdir(parents=True)
    (left["killed"] / "lock").touch()
    os.utime(left["old"], (1, 1))
    archive = zipped(tmp_path / "a.zip", ("a.md", "", 0))
    with file_lock.taken(str(left["lives"] / "lock"), "test", print):
        assert found_in(archive, scratch) == {"a.md": ""}
        assert {path.name for path in scratch.iterdir()} == {left["new"].name, left["lives"].name}


def test_a_folder_is_its_own(tmp_path: Path, scratch: Path) -> None:
    with unpacking.folder_of(HandIn("ada", str(tmp_path)), scratch) as root:
        assert root == tmp_path


@cases("name", {"no archive": "a.txt", "nothing": "gone.zip"})
def test_what_is_no_source_is_refused(scratch: Path, name: str) -> None:
    scratch.with_name("a.txt").write_text("")
    source = HandIn("ada", str(scratch.with_name(name)))
    with pytest.raises(LabError) as caught, unpacking.folder_of(source, scratch):
        pass
    assert caught.value.code is ErrorCode.NO_SUCH_PATH


def test_links_within_an_archive_are_kept(scratch: Path) -> None:
    entries = ("a/b.md", "text", 0), ("c.md", "a/b.md", LINK)
    assert found_in(zipped(scratch.with_name("l.zip"), *entries), scratch)["c.md"] == "text"
    archive = tarred(scratch.with_name("l.tar"), ("a/b.md", b"text"), ("a/c.md", "b.md"))
    assert found_in(archive, scratch)["c.md"] == "text"


def test_a_hard_link_within_an_archive_is_kept(scratch: Path) -> None:
    members = ("b.md", b"text"), ("c.md", "b.md")
    archive = tarred(scratch.with_name("h.tar"), *members, kind=tarfile.LNKTYPE)
    assert found_in(archive, scratch)["c.md"] == "text"


def test_what_has_no_name_is_left_out(scratch: Path) -> None:
    archive = zipped(scratch.with_name("e.zip"), ("", "a", 0), ("b.md", "b", 0))
    assert found_in(archive, scratch) == {"b.md": "b"}


def test_names_that_are_not_utf_8(scratch: Path) -> None:
    latin = tarred(
        scratch.with_name("n.tar"),
        ("b\udce9.md", b""),
        form=tarfile.GNU_FORMAT,
    )
    assert found_in(latin, scratch) == {"b�.md": ""}
    # macOS writes UTF-8 and does not say so
    archive = zipped(scratch.with_name("n.zip"), ("bXX.md", "", 0))
    archive.write_bytes(archive.read_bytes().replace(b"XX", "é".encode()))
    assert found_in(archive, scratch) == {"bé.md": ""}


def damaged(path: Path, change: Callable[[bytes], bytes]) -> Path:
    """Change the bytes of an archive."""
    path.write_bytes(change(path.read_bytes()))
    return path


def encrypted(data: bytes) -> bytes:
    """Set the bit for encryption in both headers of a zip of one file."""
    place = data.index(b"PK\x01\x02") + 8
    return data[:6] + b"\x01" + data[7:place] + b"\x01" + data[place + 1 :]


TEXT = os.urandom(3000)
REFUSED: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "zip: a name that leads out": (
        "a.zip",
        lambda p: zipped(p, ("../x", "", 0)),
        "'../x': .*leads out",
    ),
    "zip: an absolute name": ("a.zip", lambda p: zipped(p, ("/x", "", 0)), "leads out"),
    "zip: a drive": ("a.zip", lambda p: zipped(p, ("C:x", "", 0)), "drive"),
    "zip: a backslash": ("a.zip", lambda p: zipped(p, ("a\\..\\x", "", 0)), "backslash"),
    "zip: a link that leads out": (
        "a.zip",
        lambda p: zipped(p, ("a", "..", LINK)),
        "link that leads",
    ),
    "zip: links that lead out together": (
        "a.zip",
        lambda p: zipped(p, ("d/a", "b/../..", LINK), ("d/b", "..", LINK), ("e/f", "", 0)),
        "link that leads",
    ),
    "zip: a file through a link": (
        "a.zip",
        lambda p: zipped(p, ("a", "..", LINK), ("a/x", "", 0)),
        "in a folder that is a file",
    ),
    "zip: a pipe": ("a.zip", lambda p: zipped(p, ("a", "", PIPE)), "no file, folder or link"),
    "zip: a name twice": ("a.zip", lambda p: zipped(p, ("a", "", 0), ("./a", "", 0)), "twice"),
    "zip: case alone": (
        "a.zip",
        lambda p: zipped(p, ("a.md", "", 0), ("A.md", "", 0)),
        "case alone",
    ),
    "zip: LZMA": ("a.zip", lambda p: zipped(p, ("a", "", 0), method=14), "method"),
    "zip: encrypted": (
        "a.zip",
        lambda p: damaged(zipped(p, ("a", "b", 0)), encrypted),
        "encrypted",
    ),
    "zip: cut off": (
        "a.zip",
        lambda p: damaged(zipped(p, ("a", TEXT, 0)), lambda data: data[:2000]),
        "damaged",
    ),
    "zip: changed": (
        "a.zip",
        lambda p: damaged(
            zipped(p, ("a", b"text", 0), method=0), lambda d: d.replace(b"text", b"next")
        ),
        "damaged .*CRC",
    ),
    "zip: a list before its beginning": (
        "a.zip",
        lambda p: damaged(zipped(p, ("a", "", 0)), lambda d: d[:-6] + b"\xff\0\0\0" + d[-2:]),
        "damaged",
    ),
    "zip: none": ("a.zip", lambda p: p.write_bytes(b"Rar!"), "damaged"),
    "zip: a large name": ("a.zip", lambda p: zipped(p, ("a" * 300, "", 0)), "too long"),
    "tar: a name that leads out": ("a.tgz", lambda p: tarred(p, ("a/../../x", b"")), "leads out"),
    "tar: an absolute name": ("a.tar", lambda p: tarred(p, ("/x", b"")), "leads out"),
    "tar: a link that leads out": ("a.tar", lambda p: tarred(p, ("a", "/etc")), "link that leads"),
    "tar: a hard link that leads out": (
        "a.tar",
        lambda p: tarred(p, ("a", "/etc/passwd"), kind=tarfile.LNKTYPE),
        "leads out",
    ),
    "tar: a hard link to nothing": (
        "a.tar",
        lambda p: tarred(p, ("a", "b"), kind=tarfile.LNKTYPE),
        "no file of the archive",
    ),
    "tar: a device": (
        "a.tar",
        lambda p: tarred(p, ("a", ""), kind=tarfile.CHRTYPE),
        "no file, folder",
    ),
    "tar: a pipe": (
        "a.tar",
        lambda p: tarred(p, ("a", ""), kind=tarfile.FIFOTYPE),
        "no file, folder",
    ),
    "tar: a name twice": ("a.tar", lambda p: tarred(p, ("a", b""), ("a", b"")), "twice"),
    "tar: cut off within a file": (
        "a.tar",
        lambda p: damaged(tarred(p, ("a", TEXT)), lambda data: data[:2500]),
        "damaged",
    ),
    "tar: cut off between files": (
        "a.tar",
        lambda p: damaged(tarred(p, ("a", b"x"), ("b", b"y")), lambda data: data[:1024]),
        "a part of it is missing",
    ),
    "tar: a damaged header": (
        "a.tar",
        lambda p: damaged(
            tarred(p, ("a", b"x"), ("b", b"y")), lambda data: data[:1024] + b"c" + data[1025:]
        ),
        "a part of it is missing",
    ),
    "tar.gz: cut off": (
        "a.tar.gz",
        lambda p: damaged(tarred(p, ("a", TEXT)), lambda data: data[:2000]),
        "damaged",
    ),
    "tar.gz: none": ("a.tar.gz", lambda p: p.write_bytes(b"text"), "damaged"),
    "tar: many headers of one file": (
        "a.tar",
        lambda p: p.write_bytes(tarfile.TarInfo.create_pax_global_header({"a": "b"}) * 5000),
        "damaged",
    ),
}


@cases("name, make, said", REFUSED)
def test_what_is_refused(
    scratch: Path, name: str, make: Callable[[Path], object], said: str
) -> None:
    archive = scratch.with_name(name)
    make(archive)
    with pytest.raises(LabError, match=said) as caught:
        found_in(archive, scratch)
    assert caught.value.code is ErrorCode.INVALID_ARCHIVE
    assert list(scratch.iterdir()) == []
    assert not scratch.with_name("x").exists()


@cases(
    "bound, most, said",
    {
        "entries": ("_MOST_FILES", 2, "more than 2 entries"),
        "a file": ("_LARGEST_FILE", 1 << 20, "larger than 1 MiB"),
        "all files": ("_MOST_BYTES", 3 << 20, "all is larger than 3 MiB"),
    },
)
def test_the_bounds(
    scratch: Path, monkeypatch: pytest.MonkeyPatch, bound: str, most: int, said: str
) -> None:
    monkeypatch.setattr(unpacking, bound, most)
    content = bytes(1_500_000)
    archives = (
        zipped(scratch.with_name("a.zip"), *((name, content, 0) for name in "abc")),
        tarred(scratch.with_name("a.tgz"), *((name, content) for name in "abc")),
    )
    for archive in archives:
        with pytest.raises(LabError, match=said):
            found_in(archive, scratch)


def test_a_file_that_is_larger_than_it_says(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = zipped(scratch.with_name("bomb.zip"), ("a", bytes(9_000_000), 0))
    size = (9_000_000).to_bytes(4, "little")
    damaged(archive, lambda data: data.replace(size, (10).to_bytes(4, "little")))
    monkeypatch.setattr(unpacking, "_LARGEST_FILE", 100_000)
    with pytest.raises(LabError, match="damaged"):
        found_in(archive, scratch)


def test_a_header_that_is_a_bomb_takes_no_memory(scratch: Path) -> None:
    path = scratch.with_name("bomb.tgz")
    info = tarfile.TarInfo("a")
    info.pax_headers = {"comment": "a" * 40_000_000}
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        archive.addfile(info)
    tracemalloc.start()
    try:
        with pytest.raises(LabError, match="a part of it is larger than 8 MiB"):
            found_in(path, scratch)
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()
