"""A page of damaged proofs: one clear error that names the file, and nothing is written."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from tasks_lib.errors import ErrorCode, ExitCode, LabError
from tasks_lib.proof import document, matrix
from tests.cases import cases
from tests.proofs import package, proof, step

if TYPE_CHECKING:
    from pathlib import Path

GOOD = json.dumps(proof())
SECONDS = '"seconds": 5.0'


def _text(**changes: Any) -> str:  # noqa: ANN401 - JSON
    made = proof(**changes)
    return json.dumps({**made, "digest": document.digest(made)})


@cases(
    "text, code",
    {
        "empty": ("", ErrorCode.INVALID_PROOF),
        "cut": (GOOD[:700], ErrorCode.INVALID_PROOF),
        "not UTF-8": (GOOD.replace("demo", "\udcff"), ErrorCode.NOT_UTF8),
        "a list for an object": (_text(python=[]), ErrorCode.INVALID_PROOF),
        "an object for a list": (_text(steps={}), ErrorCode.INVALID_PROOF),
        "true for a number": (_text(seconds=True), ErrorCode.INVALID_PROOF),
        "NaN": (GOOD.replace(SECONDS, '"seconds": NaN'), ErrorCode.INVALID_PROOF),
        "infinite": (GOOD.replace(SECONDS, '"seconds": 1e999'), ErrorCode.INVALID_PROOF),
        "400 digits": (GOOD.replace(SECONDS, f'"seconds": {"9" * 400}'), ErrorCode.INVALID_PROOF),
        "5000 digits": (GOOD.replace(SECONDS, f'"seconds": {"9" * 5000}'), ErrorCode.INVALID_PROOF),
        "a size of 400 digits": (
            _text(installed=[package("a", "1", "lock", 10**400)]),
            ErrorCode.INVALID_PROOF,
        ),
        "a Python of 5000 digits": (
            _text(python={"version": "9" * 5000, "asked": ""}),
            ErrorCode.INVALID_PROOF,
        ),
        "a combo that does not exist": (_text(combo="pip_pip"), ErrorCode.UNKNOWN_COMBO),
        "a line break in the combo": (_text(combo="pip_uv\n"), ErrorCode.INVALID_PROOF),
        "20,000 steps": (_text(steps=[step("x", 0, 1)] * 20_000), ErrorCode.INVALID_PROOF),
        "100,000 deep": (
            GOOD.replace(SECONDS, f'"seconds": {"[" * 100_000}{"]" * 100_000}'),
            ErrorCode.INVALID_PROOF,
        ),
        "50 MB": (" " * 50_000_000 + GOOD, ErrorCode.FILE_TOO_LARGE),
    },
)
def test_a_damaged_proof_is_named(text: str, code: ErrorCode, tmp_path: Path) -> None:
    (tmp_path / "sound.json").write_text(GOOD, encoding="utf-8")
    wrong = tmp_path / "wrong.json"
    wrong.write_text(text, encoding="utf-8", errors="surrogateescape")
    _expect_refusal(tmp_path, wrong, code)


@pytest.mark.skipif(os.name == "nt", reason="files of POSIX")
def test_what_has_no_end_is_not_read(tmp_path: Path) -> None:
    place = tmp_path / "wrong.json"
    os.mkfifo(place)
    _expect_refusal(tmp_path, place, ErrorCode.NOT_A_FILE)
    place.unlink()
    place.symlink_to("/dev/zero")
    _expect_refusal(tmp_path, place, ErrorCode.NOT_A_FILE)
    place.unlink()
    place.symlink_to(place)
    _expect_refusal(tmp_path, place, ErrorCode.CANNOT_READ)


def _expect_refusal(folder: Path, wrong: Path, code: ErrorCode) -> None:
    with pytest.raises(LabError) as raised:
        matrix.draw([str(folder)], str(folder / "out"))
    assert raised.value.code is code
    assert raised.value.exit_code is ExitCode.BAD_REQUEST
    assert raised.value.file == str(wrong)
    assert not (folder / "out").exists()


def test_more_proofs_than_a_page_can_show_are_not_read(tmp_path: Path) -> None:
    for number in range(10_000):
        (tmp_path / f"{number}.json").touch()
    with pytest.raises(LabError, match="at most 300 proofs, and these are 10000") as raised:
        matrix.draw([str(tmp_path)], str(tmp_path / "out"))
    assert raised.value.code is ErrorCode.INVALID_OPTION
