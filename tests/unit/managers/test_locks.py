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
    },
)
def test_a_damaged_lock_is_found_at_its_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(tomllib.TOMLDecodeError) as said:
        tomllib.loads(text)
    with pytest.raises(LabError) as caught:
        _data(tmp_path, text)
    assert f"line {caught.value.line}," in str(said.value) or "end of document" in str(said.value)


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
