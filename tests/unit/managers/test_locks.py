"""Locks are read without the lists of files in them, and what is no TOML stays none."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from tasks_lib.errors import LabError
from tasks_lib.managers import locks
from tests.bench import class_of
from tests.cases import cases

if TYPE_CHECKING:
    from pathlib import Path

FILE = '{ url = "https://a/six.whl", hash = "sha256:1a", size = 12, upload-time = "2026-10-01" }'
UV = f'version = 1\n\n[[package]]\nname = "six"\nsdist = {FILE}\nwheels = [\n    {FILE},\n]\n'
POETRY = '[[package]]\nname = "six"\nfiles = [\n    {file = "six.whl", hash = "sha256:1a"},\n]\n'


def _data(folder: Path, text: str) -> dict[str, Any]:
    path = folder / "a.lock"
    path.write_text(text, encoding="utf-8")
    return dict(locks.data(path))


def _without_files(data: dict[str, Any]) -> dict[str, Any]:
    for row in data["package"]:
        row.update({key: [] for key in ("wheels", "files", "sdist") if key in row})
    return data


@cases("combo", {"uv": "pip_uv", "Poetry": "pip_poetry"})
def test_only_the_files_are_left_out(tmp_path: Path, combo: str) -> None:
    files = class_of.make(1, combo, 40).files
    (text,) = [text for name, text in files.items() if name.endswith(".lock")]
    assert _data(tmp_path, text) == _without_files(tomllib.loads(text))
    assert _data(tmp_path, text.replace("\n", "\r\n")) == _without_files(tomllib.loads(text))


@cases(
    "text",
    {
        "the list of files twice": UV + f"wheels = [\n    {FILE},\n]\n",
        "an entry without a comma": UV.replace("},\n]", f"}}\n    {FILE},\n]"),
        "a size that TOML does not know": UV.replace("size = 12", "size = 012"),
        "a control character": UV.replace("six.whl", "six\x01.whl"),
        "no end of a text": POETRY.replace('six.whl"', "six.whl"),
        "an end of a merge in the list": UV.replace("    {", "=======\n    {"),
        "a key twice in an entry": POETRY.replace("hash", "file"),
        "behind the list": POETRY + "x\n",
        "a list that was not opened": POETRY.replace("files = [\n", ""),
        "a list that is not closed": POETRY.removesuffix("]\n"),
        "two only files": UV.replace("wheels = [", f"sdist = {FILE}\nwheels = ["),
        "a key twice": UV.replace('name = "six"', 'name = "six"\nname = "six"'),
        "a row of what is no list": f"package = 1\n{POETRY}",
        "a table twice": f"{POETRY}[package.extras]\n\n[package.extras]\n",
        "a table that is a value": f"{POETRY}extras = {{}}\n[package.extras]\n",
        "a value without a comma": f'{POETRY}x = [\n    "a"\n    "b",\n]\n',
        "a comma in a comment": f'{POETRY}x = [\n    "a" #,\n    "b",\n]\n',
        "a text that goes on": f'{POETRY}x = """\ny = 1\n',
    },
)
def test_a_damaged_lock_is_found_at_its_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(tomllib.TOMLDecodeError) as said:
        tomllib.loads(text)
    with pytest.raises(LabError) as caught:
        _data(tmp_path, text)
    assert str(said.value) in caught.value.message
    assert f"line {caught.value.line}," in str(said.value) or "end of document" in str(said.value)


@cases(
    "text",
    {
        "a list in a list": "x = [[\n    { extra = 'a' },\n], [\n    { extra = 'b' },\n]]\n",
        "a zero and a comment": "x = [\n    0 #,\n]\n",
        "several in a line": "x = [\n    1, 2,\n    3,\n]\n",
        "what looks like a list": 'x = "a" # = [\ny = 1\n',
        "a text of several lines": 'x = """\n[[package]]\nfiles = [\n]\n"""\n',
        "a key of two parts": "x.y = 1\nx.z = 2\n",
        "a table in a table": "[package.a]\nx = 1\n\n[package.a.b]\nx = 1\n",
        "a table before the one it is in": "[a.b]\nx = 1\n\n[a]\ny = 2\n",
        "rows in a table": "[a]\n\n[[a.b]]\nx = 1\n\n[[a.b]]\nx = 2\n",
        "a table between rows": "[a]\n\n[[package]]\nname = 'x'\n\n[a.b]\nx = 1\n",
        "a quoted key": '[package.dependencies]\n"a.b" = [\n    {version = "1"},\n]\n',
        "indented": "[package.dependencies]\n  x = 1\n",
    },
)
def test_each_form_of_a_lock_has_the_data_of_its_toml(tmp_path: Path, text: str) -> None:
    assert _data(tmp_path, POETRY + text) == _without_files(tomllib.loads(POETRY + text))


@cases(
    "text",
    {
        "an entry of another form": UV.replace("url", "path"),
        "a comment": UV.replace("\n]", " # the wheel\n]"),
        "an escape": UV.replace("six.whl", r"six\u002ewhl"),
        "in one line": UV.replace("[\n    ", "[").replace(",\n]", "]"),
    },
)
def test_what_is_written_otherwise_is_parsed(tmp_path: Path, text: str) -> None:
    found = _data(tmp_path, text)["package"][0]
    assert found["wheels"] == tomllib.loads(text)["package"][0]["wheels"] != []
