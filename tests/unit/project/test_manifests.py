"""What pyproject.toml may hold, and where a bad one is said to be wrong."""

from __future__ import annotations

import os
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks_lib.errors import ExitCode, LabError, Remedy
from tasks_lib.project.conda_file import CondaFile
from tasks_lib.project.manifests import PyProject, read_text, unreadable
from tests.cases import cases

if TYPE_CHECKING:
    from pathlib import Path


def test_folder_in_the_place_of_a_manifest_is_an_error_with_its_name(root: Path) -> None:
    (root / "conda.yml").mkdir()
    assert CondaFile.find(root) is None
    with pytest.raises(LabError, match="cannot be read") as caught:
        read_text(root / "conda.yml")
    assert caught.value.file == "conda.yml"


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
def test_a_file_that_its_owner_may_not_read_is_made_readable(tmp_path: Path) -> None:
    path = tmp_path / "it's mine.toml"
    path.touch(0o200)
    facts = path.stat()
    error = unreadable(path, path.name, "Permission denied")
    assert error.remedy.argv[:2] == ("chmod", "u+r")
    subprocess.run(error.remedy.argv, check=True)
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(facts.st_mode) | stat.S_IRUSR
    assert unreadable(path, path.name, "no").remedy == Remedy(f"Make {path} readable for this user")


HEAD = '[project]\nname = "demo"\n'
BAD_PYPROJECT: dict[str, tuple[bytes, int | None, str]] = {
    "table that is not closed": (f"{HEAD}[tool\n".encode(), 3, "not valid TOML"),
    "string that is not closed": (b'[project]\nname = "demo\n', 2, "not valid TOML"),
    "key twice": (f'{HEAD}name = "other"\n'.encode(), 3, "not valid TOML"),
    "NUL byte": (f"{HEAD}\x00".encode(), 3, "not valid TOML"),
    "lone CR": (b'[project]\rname = "demo"\r', 1, "not valid TOML"),
    "Latin-1": (f"{HEAD}# caf\xe9\n".encode("latin-1"), 3, "not UTF-8"),
    "UTF-16": (HEAD.encode("utf-16"), 1, "not UTF-8"),
    "deep nesting": (f"{HEAD}a = {'[' * 20_000}".encode(), None, "not valid TOML"),
    "huge number": (f"{HEAD}a = {'9' * 5000}\n".encode(), 3, "not valid TOML"),
    "impossible date": (f"{HEAD}a = 2001-99-99\n".encode(), 3, "not valid TOML"),
    "project as a word": (b'project = "demo"\n', 1, "'project' must be a table"),
    "project as an array of tables": (
        b'[[project]]\nname = "demo"\n',
        1,
        "'project' must be a table",
    ),
    "name as a number": (b"[project]\nname = 3\n", 2, "'name' must be a string"),
    "requires-python as a number": (
        f"{HEAD}requires-python = 3.11\n".encode(),
        3,
        "'requires-python' must be",
    ),
    "dependencies as a word": (
        f'{HEAD}dependencies = "six"\n'.encode(),
        3,
        "'dependencies' must be a list",
    ),
    "dependencies as a table": (
        f"{HEAD}[project.dependencies]\nsix = 1\n".encode(),
        3,
        "'dependencies' must be a list",
    ),
    "groups as a list": (
        b'dependency-groups = ["lab"]\n',
        1,
        "'dependency-groups' must be a table",
    ),
    "group as a word": (
        f'{HEAD}[dependency-groups]\nlab = "six"\n'.encode(),
        4,
        "'lab' must be a list",
    ),
    "tool as a word": (b"tool = 3\n", 1, "'tool' must be a table"),
    "own table as a word": (
        f'{HEAD}[tool]\nmlops-lab = "x"\n'.encode(),
        4,
        "'mlops-lab' must be a table",
    ),
    "name behind another table's name": (
        b'[tool.x]\nname = "x"\n[project]\nname = 3\n',
        4,
        "'name' must be a string",
    ),
}


@cases("data, line, words", BAD_PYPROJECT)
def test_bad_pyproject_is_named_with_its_line(
    root: Path, data: bytes, line: int | None, words: str
) -> None:
    path = root / "pyproject.toml"
    path.write_bytes(data)
    with pytest.raises(LabError) as caught:
        PyProject.read(path)
    assert words in caught.value.message
    assert (caught.value.file, caught.value.line) == ("pyproject.toml", line)
    assert caught.value.exit_code == ExitCode.BAD_REQUEST
    assert str(caught.value.remedy)


@cases(
    "data",
    {
        "empty": b"",
        "byte order mark": b"\xef\xbb\xbf" + HEAD.encode(),
        "CRLF": HEAD.replace("\n", "\r\n").encode(),
        "older Poetry": (
            b'[tool.poetry]\nname = "demo"\n[tool.poetry.dependencies]\npython = "^3.11"\n'
        ),
        "dynamic": b'[build-system]\nrequires = []\n[project]\nname = "d"\ndynamic = ["version"]\n',
    },
)
def test_sound_pyproject_is_read(root: Path, data: bytes) -> None:
    path = root / "pyproject.toml"
    path.write_bytes(data)
    assert PyProject.read(path).requires_python == ""


def test_missing_pyproject_says_where_and_what_to_type(root: Path) -> None:
    with pytest.raises(LabError) as caught:
        PyProject.read(root / "pyproject.toml")
    assert str(root) in caught.value.message
    assert "else init adopts this one" in str(caught.value.remedy)


TEXTS = st.text(st.sampled_from("ab:-#[]{}&*!|>'\"%@`,?\\/=~. \t\n\r\0\x85\u2028é1"), max_size=60)
TOML_LIKE = st.lists(
    st.one_of(
        TEXTS,
        st.sampled_from(
            ["[project]", 'name = "a"', "dependencies = []", "[tool.mlops-lab]", "a = 1e9999"]
        ),
    )
).map("\n".join)


@given(data=st.one_of(TOML_LIKE.map(str.encode), st.binary(max_size=60)))
@settings(max_examples=150, deadline=None)
def test_no_bytes_as_pyproject_give_another_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("text") / "pyproject.toml"
    path.write_bytes(data)
    named = "pyproject.toml"
    try:
        PyProject.read(path)
    except LabError as error:
        named = str(error.file)
    assert named == "pyproject.toml"


#: what Poetry says that its signs mean ("Version constraints" in its documentation)
PYTHONS = {
    "nothing": ("", "", ["2.7", "3.13.0", "3.14.0rc1"], []),
    "the standard alone": (">=3.11", "", ["3.11.0", "3.14.0b1"], ["3.10.9"]),
    "a caret": ("", "^3.9", ["3.9.0", "3.13.1"], ["3.8.9", "4.0.0"]),
    "a tilde": ("", "~3.12", ["3.12.0", "3.12.9"], ["3.11.7", "3.13.0"]),
    "one version": ("", "3.12.1", ["3.12.1"], ["3.12.2"]),
    "a wildcard": ("", "3.12.*", ["3.12.1"], ["3.11.7"]),
    "any": ("", "*", ["3.6.1", "3.14.0"], []),
    "two ranges": ("", "~2.7 || ^3.9", ["2.7.18", "3.9.1"], ["3.8.1"]),
    "both": (">=3.9", "<3.12", ["3.11.1"], ["3.12.0", "3.8.1"]),
    "a table": ("", {"version": "~3.12"}, ["3.12.1"], ["3.11.7"]),
}


@pytest.mark.parametrize(
    ("standard", "poetry", "fit", "others"), PYTHONS.values(), ids=PYTHONS.keys()
)
def test_both_tables_limit_the_python(
    root: Path, standard: str, poetry: object, fit: list[str], others: list[str]
) -> None:
    data = {
        "project": {"requires-python": standard} if standard else {},
        "tool": {"poetry": {"dependencies": {"python": poetry} if poetry else {}}},
    }
    made = PyProject(root / "pyproject.toml", data, "")
    assert [one for one in fit if not made.allows(one)] == []
    assert [one for one in others if made.allows(one)] == []


def test_python_of_poetry_that_cannot_be_read_has_its_line(root: Path) -> None:
    path = root / "pyproject.toml"
    path.write_text('[tool.poetry.dependencies]\nsix = "*"\npython = "three"\n')
    with pytest.raises(LabError, match="'three'") as caught:
        PyProject.read(path).allows("3.12")
    assert (caught.value.line, caught.value.exit_code) == (3, ExitCode.BAD_REQUEST)
