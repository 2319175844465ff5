"""Large, deep or odd input ends in bearable time, with one clear error or with sound TOML."""

from __future__ import annotations

import contextlib
import time
import tomllib
from typing import TYPE_CHECKING

import pytest

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.report.progress import Progress
from tasks_lib.workflows import adoption
from tests.cases import cases

if TYPE_CHECKING:
    from pathlib import Path

#: seconds; a slow machine may need some more than the five that a user waits at most
_PATIENCE = 15
_HEAD = '[project]\nname = "a"\nversion = "1"\n'
_POETRY = '[tool.poetry]\nname = "a"\nversion = "1"\n'


def _many(row: str, count: int) -> str:
    return "".join(row.replace("%", str(number)) for number in range(count))


def _init(root: Path, name: str, text: str) -> None:
    (root / name).write_text(text, encoding="utf-8")
    with Progress() as progress:
        session = adoption.opened(combo="pip_uv", engine="", python="")
        adoption.init(session, progress)


LARGE = {
    "groups": ("pyproject.toml", _HEAD + "[dependency-groups]\n" + _many('g% = ["six"]\n', 10_000)),
    "groups of Poetry": (
        "pyproject.toml",
        _POETRY + _many('[tool.poetry.group.g%.dependencies]\nsix = "*"\n', 5_000),
    ),
    "dependencies": ("requirements.txt", _many("p-%>=1\n", 100_000)),
    "one again and again": ("requirements.txt", "six>=1\n" * 100_000),
    "dependencies of Poetry": (
        "pyproject.toml",
        f"{_POETRY}[tool.poetry.dependencies]\n" + _many('p% = "^1"\n', 100_000),
    ),
    "15 MiB": ("pyproject.toml", _HEAD + "# hello, world\n" * (1 << 20)),
    "tables": ("pyproject.toml", _HEAD + _many("[tool.x.t%]\na = 1\n", 100_000)),
    "extras": ("setup.cfg", "[options.extras_require]\n" + _many("e% = six\n", 5_000)),
    "Pipfile": ("Pipfile", "[packages]\n" + _many('p% = "*"\n', 50_000)),
    "setup.py": ("setup.py", "setup(install_requires=[" + _many("'p%',", 50_000) + "])"),
    "deep": ("setup.py", "setup(install_requires=" + "-" * 100_000 + "1)"),
    "itself": ("setup.py", "a = [b]\nb = [a]\nsetup(install_requires=a)"),
    "doubled": (
        "setup.py",
        "".join(f"a{n} = [a{n + 1}, a{n + 1}]\n" for n in range(40)) + "setup(install_requires=a0)",
    ),
    "address": ("requirements.txt", "https://h/" + "a" * 20_000 + ".zip\n"),
    "folder": ("requirements.txt", "./" + "a" * 5_000 + "\n"),
    "file": ("requirements.txt", "-r " + "a" * 5_000 + "\n"),
}


@pytest.mark.parametrize("name", LARGE)
def test_what_is_too_large_is_refused_soon(root: Path, name: str) -> None:
    before = time.monotonic()
    with pytest.raises(LabError) as caught:
        _init(root, *LARGE[name])
    assert time.monotonic() - before < _PATIENCE
    assert caught.value.code in {ErrorCode.FILE_TOO_LARGE, ErrorCode.INVALID_MANIFEST}
    assert len(str(caught.value)) < 1000


def test_files_that_name_each_other_are_read_once(root: Path) -> None:
    for number in range(40):
        text = f"p{number}\n" + f"-r r{number + 1}.txt\n" * 2
        (root / f"r{number}.txt").write_text(text)
    (root / "r40.txt").write_text("last\n")
    _init(root, "requirements.txt", "-r r0.txt\n-r r0.txt\n")
    data = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    assert len(data["project"]["dependencies"]) == 41


def test_many_requirements_are_taken_over(root: Path) -> None:
    before = time.monotonic()
    _init(root, "requirements.txt", _many("p-%>=1  # why\n", 1_500))
    assert time.monotonic() - before < _PATIENCE
    data = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    assert data["project"]["dependencies"] == [f"p-{number}>=1" for number in range(1_500)]


@pytest.mark.parametrize("character", ["\x01", "\x1b", "\x7f", "\\", "'", "\ufeff", "é"])
@pytest.mark.parametrize("quote", ["'", '"'])
def test_any_marker_becomes_sound_toml(root: Path, character: str, quote: str) -> None:
    if character == quote:
        character = "x"
    marker = f"os_name == {quote}a{character}b{quote}"
    _init(root, "requirements.txt", f"six; {marker}\n")
    data = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    assert data["project"]["dependencies"] == [f"six; {marker}"]


_IN_PARTS = (
    "[tool.poetry] # one\nname = 'a' # two\n[x]\n[tool.poetry.group.x.dependencies] # three\n"
    "six = '*'\n[y]\n[tool.mlops-lab]\n"
)
#: found by damaging manifests at random; each was a traceback
ODD = {
    "uv is no table": ("pyproject.toml", _HEAD + "[tool]\nuv = 3\npoetry = 3\n"),
    "requires is no list": (
        "pyproject.toml",
        _POETRY + "[build-system]\nrequires = 1.5\nbuild-backend = 'poetry.masonry.api'\n",
    ),
    "an extra is no list": ("pyproject.toml", _HEAD + "[project.optional-dependencies]\na = 1\n"),
    "empty requirement": ("pyproject.toml", _HEAD + "dependencies = ['']\n"),
    "file is a table": (
        "pyproject.toml",
        _HEAD
        + "dynamic = ['dependencies']\n[tool.setuptools.dynamic]\ndependencies = {file = [{}]}\n",
    ),
    "source is text": ("Pipfile", "source = ['x']\n[packages]\nsix = '*'\n"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_of_another_kind_is_refused(root: Path, name: str) -> None:
    with pytest.raises(LabError) as caught:
        _init(root, *ODD[name])
    assert caught.value.code is ErrorCode.INVALID_MANIFEST


@cases(
    "name, text",
    {
        "readme": ("setup.cfg", f"[metadata]\nlong_description = file: {'a' * 5_000}\n"),
        "a group with another table": (
            "pyproject.toml",
            (
                f"{_HEAD}[dependency-groups]\na = [{{x = 1}}, 'six']\n"
                "[tool.poetry.group.a.dependencies]\nsix = '1'\n"
            ),
        ),
        "a table in parts": ("pyproject.toml", _IN_PARTS),
    },
)
def test_what_is_odd_is_taken_over_or_one_error(root: Path, name: str, text: str) -> None:
    with contextlib.suppress(LabError):
        _init(root, name, text)
