"""What is no proof is refused with one error, whatever it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks_lib.errors import ExitCode, LabError
from tasks_lib.proof import claims, document
from tests.proofs import package, proof

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{",
        b"\xff\xfe",
        b'{"schema": "mlops-lab/1"}',
        b'{"schema": "mlops-lab-proof/1", "schema": "mlops-lab-proof/1"}',
        b'{"schema": "mlops-lab-proof/1", "combo": "pip_uv"}',
        b'{"schema": "mlops-lab-proof/1", "seconds": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
    ],
    ids=range(9),
)
def test_a_file_that_is_no_proof_is_one_error(data: bytes, root: Path) -> None:
    path = root / "a proof.json"
    path.write_bytes(data)
    with pytest.raises(LabError) as raised:
        document.load(path)
    assert raised.value.code is ExitCode.BAD_REQUEST
    assert raised.value.file == str(path)


def test_a_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert document.digest({"a": 1, "b": {"c": 2, "d": "\udc80"}}) == document.digest(
        {"b": {"d": "\udc80", "c": 2}, "a": 1, "digest": "x"}
    )


def test_an_evidence_that_lacks_fails_unless_a_step_explains_why() -> None:
    step = {"title": "t", "detail": "", "status": "pass", "exit_code": 0}
    steps = [{**step, "id": name} for name in claims.STEPS]
    whole = claims.judge({"combo": "conda_uv", "steps": steps})
    assert [row["status"] for row in whole["claims"]] == ["pass", *["fail"] * (len(claims.CLAIMS) - 1)]
    # as a session has it whose first step was an error
    empty: dict[str, object] = {"installed": [], "second": None, "conda_files": None, "lock": None}
    stopped = claims.judge({"combo": "conda_uv", "steps": [{**steps[0], "status": "error"}, *steps[1:]], **empty})
    assert [row["status"] for row in stopped["claims"]] == ["fail", *["skip"] * (len(claims.CLAIMS) - 1)]


@pytest.mark.parametrize(("needed", "status"), [([], "pass"), (["packaging"], "fail")])
def test_what_came_with_the_environment_is_held_to_the_lock_only_where_it_is_needed(
    needed: list[str], status: str
) -> None:
    lock = {"name": "uv.lock", "sha256": "0" * 64, "needed": needed, "packages": {"packaging": ["24.2"]}, "after": {}}
    made = proof(lock=lock, seeds=["packaging"], installed=[package("packaging", "26.3", "lock")])
    (row,) = (row for row in claims.judge(made)["claims"] if row["id"] == "lock.installed")
    assert row["status"] == status, row
