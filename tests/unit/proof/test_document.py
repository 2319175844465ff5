"""A file that is not a proof is refused with one error, and a verdict follows from the evidence."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasks_lib.errors import ExitCode, LabError
from tasks_lib.project.conda_lock import NAME
from tasks_lib.proof import claims, difference, document, project_copy, verify
from tasks_lib.results import Status
from tasks_lib.session.session import Session
from tests.cases import cases
from tests.proofs import package, proof

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tests.conftest import MakeProject


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{",
        b"\xff\xfe",
        b'{"schema": "mlops-lab/1"}',
        b'{"schema": "mlops-lab-proof/1", "combo": "pip_uv"}',
        b'{"schema": "mlops-lab-proof/1", "seconds": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
    ],
    ids=range(8),
)
def test_a_file_that_is_not_a_proof_is_one_error(data: bytes, root: Path) -> None:
    path = root / "a proof.json"
    path.write_bytes(data)
    with pytest.raises(LabError) as raised:
        document.load(path)
    assert raised.value.exit_code is ExitCode.BAD_REQUEST
    assert raised.value.file == str(path)


def test_a_path_that_leads_to_no_file_is_said_to(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    with pytest.raises(LabError, match="cannot be read"):
        document.load(root)
    with pytest.raises(LabError) as raised:
        document.load(Path("none.json"))
    assert raised.value.message == f"There is no none.json in {root}."


def test_a_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert document.digest({"a": 1, "b": {"c": 2, "d": "\udc80"}}) == document.digest(
        {"b": {"d": "\udc80", "c": 2}, "a": 1, "digest": "x"}
    )


def test_an_evidence_that_lacks_fails_unless_a_step_explains_why() -> None:
    step = {"title": "t", "detail": "", "status": "pass", "exit_code": 0}
    steps = [{**step, "id": name} for name in claims.STEPS]
    whole = claims.judge({"combo": "conda_uv", "steps": steps})
    assert [row["status"] for row in whole["claims"]] == [
        "pass",
        *["fail"] * (len(claims.CLAIMS) - 1),
    ]
    # as a session has it whose first step was an error
    empty: dict[str, object] = {"installed": [], "second": None, "conda_files": None, "lock": None}
    stopped = claims.judge(
        {"combo": "conda_uv", "steps": [{**steps[0], "status": "error"}, *steps[1:]], **empty}
    )
    assert [row["status"] for row in stopped["claims"]] == [
        "fail",
        *["skip"] * (len(claims.CLAIMS) - 1),
    ]


@pytest.mark.parametrize(("needed", "status"), [([], "pass"), (["packaging"], "fail")])
def test_what_came_with_the_environment_is_held_to_the_lock_only_where_it_is_needed(
    needed: list[str], status: str
) -> None:
    lock = {
        "name": "uv.lock",
        "sha256": "0" * 64,
        "needed": needed,
        "packages": {"packaging": ["24.2"]},
        "after": {},
    }
    made = proof(lock=lock, seeds=["packaging"], installed=[package("packaging", "26.3", "lock")])
    (row,) = (row for row in claims.judge(made)["claims"] if row["id"] == "lock.installed")
    assert row["status"] == status, row


def _proof() -> dict[str, Any]:
    """Return a proof of a session whose first step failed: it matches the schema."""
    step = {
        "id": "setup",
        "title": "t",
        "command": "",
        "status": "fail",
        "exit_code": 1,
        "started": 0,
        "seconds": 1,
    }
    step |= {"peak_memory_bytes": 1, "written_bytes": None, "detail": "it broke", "parts": []}
    made: dict[str, Any] = {
        "schema": document.SCHEMA,
        "made": "2026-11-24T12:00:00+00:00",
        "seconds": 2,
        "combo": "pip_uv",
        "engine": "uv",
        "python": {"version": "", "asked": ""},
        "platform": {
            "system": "Linux",
            "machine": "x86_64",
            "libc": "",
            "cores": 1,
            "memory_bytes": 1,
        },
        "tools": {},
        "project": {"name": "tiny", "commit": None},
        "sources": {"index": {"kind": "default"}, "channel": {"kind": "none", "urls": []}},
        "caches": {},
        "manifests": {},
        "lock": None,
        "installed": [{"name": "a", "version": "1", "owner": "lock", "bytes": 1}],
        "conda_files": None,
        "second": None,
        "steps": [step],
    }
    return {**made, "verdict": claims.judge(made)}


def test_a_changed_lock_of_conda_packages_is_noticed(project: MakeProject, root: Path) -> None:
    files = {NAME: "version: 1\n"}
    made = project('[project]\nname = "tiny"\n', conda="name: tiny\n", files=files)
    session = Session.open(combo="pip_uv", start=made.root)
    (lock,) = (path for path in project_copy.manifests(session) if path.name == NAME)
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    paths = [str(root / name) for name in ("one.json", "other.json")]
    changes: list[dict[str, Any]] = [
        {"manifests": {NAME: digest}},
        {"manifests": {NAME: "0" * 64}, "installed": []},
    ]
    for path, changed in zip(paths, changes, strict=True):
        one = {**_proof(), **changed}
        document.write(Path(path), {**one, "digest": document.digest(one)})

    def seen() -> str:
        (found,) = (
            one for one in verify.verify(made.root, paths[0]).results if one.id == "proof.project"
        )
        return found.detail

    assert not seen()
    lock.write_text("version: 1 # another\n", encoding="utf-8")
    assert seen() == f"it has changed since: {NAME}"
    likely = difference.explain(*paths).data["likely"]
    assert likely.endswith(f"follows from manifest {NAME}.")


def _negative_memory(made: dict[str, Any]) -> None:
    made["steps"][0]["peak_memory_bytes"] = -1


def _negative_size(made: dict[str, Any]) -> None:
    made["installed"][0]["bytes"] = -1


def _other_reason(made: dict[str, Any]) -> None:
    made["verdict"]["claims"][0]["reason"] = "so"


def _reversed(made: dict[str, Any]) -> None:
    made["verdict"]["claims"].reverse()


def _passed(made: dict[str, Any]) -> None:
    made["verdict"]["status"] = "pass"


@cases(
    "change, fails, why",
    {
        "memory": (_negative_memory, "schema", "peak_memory_bytes"),
        "size": (_negative_size, "schema", "bytes"),
        "reason": (_other_reason, "verdict", "worded in another way"),
        "order": (_reversed, "verdict", "worded in another way"),
        "status": (_passed, "verdict", "the verdict is fail, not pass"),
    },
)
def test_a_wrong_shape_or_verdict_is_found_although_the_digest_fits(
    change: Callable[[dict[str, Any]], None], fails: str, why: str, root: Path
) -> None:
    def check(made: dict[str, Any]) -> dict[str, str]:
        document.write(root / "proof.json", {**made, "digest": document.digest(made)})
        found = verify.verify(root, str(root / "proof.json")).results
        return {one.id: one.detail for one in found if one.status is Status.FAIL}

    made = _proof()
    assert check(made) == {}
    change(made)
    found = check(made)
    assert list(found) == [f"proof.{fails}"]
    assert why in found[f"proof.{fails}"]
