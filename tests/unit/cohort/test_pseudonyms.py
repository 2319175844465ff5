"""Pseudonyms: nothing of a student is left, and the table alone says whose each is."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasks_lib.cohort import pseudonyms
from tasks_lib.cohort.base import Examined, Finding, Graded, HandIn, Mark
from tasks_lib.cohort.exports import Settings, export
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.results import Status
from tests.cases import cases

if TYPE_CHECKING:
    from pathlib import Path


def graded(id_: str = "lovelace") -> Graded:
    """Return a grade in which the student's words are everywhere."""
    hand_in = HandIn(
        id_, f"/srv/{id_}", "main", "2026-03-01", "Ada King", "ada@uni.example", {"group": "Red 7"}
    )
    text = f"/srv/{id_}/uv.lock of Ada King (ADA@uni.example, group Red 7): adapt it, {id_}x"
    finding = Finding("lock.fresh", Status.FAIL, text, text, text, f"src/{id_}/x.py", 3)
    marks = (Mark("locks", 0, 5, text, ("lock.fresh",)),)
    examined = Examined(id_, (finding,), "0123abc", "pip_uv", text)
    return Graded(hand_in, examined, marks, 0, 5, 1, "2026-03-01T22:00:00Z", "1 day late")


def test_nothing_of_the_student_is_left_and_the_table_tells_whose_it_is(tmp_path: Path) -> None:
    table = tmp_path / "kéy.json"
    os.umask(0o022)
    found = pseudonyms.applied([graded("lovelace"), graded("babbage")], table)
    shown = repr(found)
    for word in ("lovelace/", "Lovelace", "King", "uni.example", "0123abc", "Red", "/srv", "22:00"):
        assert word not in shown, word
    assert "adapt it, lovelacex" in shown, "a longer word is another word"
    document = json.loads(table.read_text())
    assert {document["ids"][one.hand_in.id] for one in found} == {"lovelace", "babbage"}
    assert stat.S_IMODE(table.stat().st_mode) == 0o600
    assert found == sorted(found, key=lambda one: one.hand_in.id), "the class's order says nothing"
    assert [one.score for one in found] == [0, 0]
    text = export("canvas", found, Settings()).texts["canvas.csv"]
    assert "lovelace" not in text
    assert found[0].hand_in.id in text


def test_they_are_stable_with_their_table_alone(tmp_path: Path) -> None:
    first = pseudonyms.applied([graded()], tmp_path / "a")
    (tmp_path / "a").chmod(0o644)
    again = pseudonyms.applied([graded(), graded("new")], tmp_path / "a")
    other = pseudonyms.applied([graded()], tmp_path / "b")
    assert first[0] in again
    assert other != first
    assert len(json.loads((tmp_path / "a").read_text())["ids"]) == 2
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    # by hand: printf %s ada | openssl dgst -sha256 -hmac k
    assert pseudonyms.of(b"k", "ada") == "s-16ae9ecd9120"
    assert pseudonyms.of(b"k", "\udc80")


def test_who_has_no_words_of_their_own(tmp_path: Path) -> None:
    one = replace(graded("a"), hand_in=HandIn("a", ""))
    assert "a" not in pseudonyms.applied([one], tmp_path / "t")[0].hand_in.id[:2]


@cases(
    "text",
    {
        "not JSON": "x",
        "no table": "[]",
        "no key": "{}",
        "half a key": '{"key": "00", "ids": {}}',
        "no hexadecimal": '{"key": "zz", "ids": {}}',
        "ids of another kind": '{"key": "%s", "ids": 1}' % ("00" * 32),
        "deep": "[" * 100_000,
    },
)
def test_another_file_is_never_overwritten(text: str, tmp_path: Path) -> None:
    table = tmp_path / "t"
    table.write_text(text)
    with pytest.raises(LabError, match="not a table of pseudonyms") as raised:
        pseudonyms.applied([graded()], table)
    assert raised.value.code is ErrorCode.INVALID_MANIFEST
    assert table.read_text() == text
