"""How what was typed is split into requirements, and what cannot be edited in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks_lib.errors import LabError
from tasks_lib.project import requirements

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "behind", "expected"),
    [
        ("toolz httpx[http2]>=0.27", [], ["toolz", "httpx[http2]>=0.27"]),
        ("x; sys_platform == 'win32'", ["y"], ["x; sys_platform == 'win32'", "y"]),
        ("x @ git+https://host/x.git@v1", [], ["x @ git+https://host/x.git@v1"]),
        ("git+https://host/x.git@v1 y", [], ["git+https://host/x.git@v1", "y"]),
        ("./a folder", ["./lib[extra]"], ["./a folder", "./lib[extra]"]),
        ("./a folder[extra, more]", [], ["./a folder[extra, more]"]),
        ("./lib[one] ./lib[extra]", [], ["./lib[one]", "./lib[extra]"]),
        ("./lib ./a", ["./a folder"], None),
        ("./lib ./a[extra]", [], None),
        (" ", [], []),
    ],
)
def test_words(root: Path, text: str, behind: list[str], expected: list[str] | None) -> None:
    for name in ("lib", "a folder"):
        (root / name).mkdir()
    if expected is None:
        with pytest.raises(LabError, match="to install"):
            requirements.words(text, behind, root)
    else:
        assert requirements.words(text, behind, root) == expected


def test_path_that_was_typed_in_another_folder(
    root: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "sub" / "lib").mkdir(parents=True)
    (home / "theirs").mkdir()
    monkeypatch.chdir(root / "sub")
    assert requirements.words("./lib ..", [], root) == ["./sub/lib", "./."]
    assert requirements.words("~/theirs", [], root) == [str(home / "theirs")]


def test_names_alone() -> None:
    assert requirements.names(["httpx[http2]>=1", "x @ git+https://h/x", "y; a == 'b'", "./z"]) == [
        "httpx",
        "x",
        "y",
        "./z",
    ]


def test_only_folders_are_edited(root: Path) -> None:
    (root / "lib").mkdir()
    requirements.expect_editable(["./lib", "./lib[extra]"], root)
    for package in ("httpx", "x @ git+https://host/x", "./gone", "./my-1.0-py3-none-any.whl"):
        with pytest.raises(LabError, match="folders"):
            requirements.expect_editable(["./lib", package], root)
