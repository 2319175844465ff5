"""Check a proof that was made before."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib.checks.base import listed
from tasks_lib.execution import files
from tasks_lib.project.manifests import PYPROJECT, PyProject
from tasks_lib.project.project import root_of
from tasks_lib.proof import claims, document
from tasks_lib.results import Result, Status
from tasks_lib.session.session import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    Proof = Mapping[str, Any]


def verify(folder: Path, file: str) -> Answer:
    """Check a proof's shape, digest and verdict, and whether the project in `folder` is unchanged.

    The results are `proof.schema`, `proof.digest`, and, if the shape is right, `proof.verdict` and
    `proof.project`. The digest shows that nobody changed the file by hand. It does not show who
    wrote the file.
    """
    proof = document.read(Path(file))
    fault = document.fault(proof)
    altered = ""
    if proof.get("digest") != document.digest(proof):
        altered = "the file is not what the session wrote"
    results = [
        _result("schema", "it has the shape of a proof", fault),
        _result("digest", "nothing in it was changed since it was written", altered),
    ]
    if not fault:
        results.append(_verdict(proof))
        results.append(_project(root_of(folder), proof))
    data = {}
    for key in ("combo", "engine", "made", "digest"):
        data[key] = proof.get(key)
    return Answer(results, data)


def _result(name: str, title: str, wrong: str, status: Status = Status.FAIL) -> Result:
    """Return a pass where nothing is wrong, else `status`."""
    if not wrong:
        return Result(f"proof.{name}", Status.PASS, title)
    return Result(f"proof.{name}", status, title, wrong)


def _verdict(proof: Proof) -> Result:
    """Compute the verdict again from the evidence. A failure that follows is a warning."""
    title = "its verdict follows from its evidence"
    written, computed = proof["verdict"], claims.judge(proof)
    if written == computed:
        broken = [f"{row['title']} ({row['reason']})" for row in claims.broken(computed)]
        told = ""
        if broken:
            told = f"and it is a failure: {listed(broken)}"
        return _result("verdict", title, told, Status.WARN)
    rows = claims.rows(_statuses(written), _statuses(computed))
    changed = [f"{row['name']} is {row['second']}, not {row['first']}" for row in rows]
    return _result("verdict", title, listed(changed) or "its claims are worded in another way")


def _statuses(verdict: Mapping[str, Any]) -> dict[str, str]:
    """Return the status of each claim, and of the whole."""
    found = {"the verdict": verdict["status"]}
    for row in verdict["claims"]:
        found[row["id"]] = row["status"]
    return found


def _project(root: Path, proof: Proof) -> Result:
    """Compare the project's manifests and lock with what the proof says of them."""
    title = "the project is what it was"
    if not (root / PYPROJECT).is_file():
        return _result("project", title, "this folder has no project", Status.SKIP)
    name, proven = PyProject.read(root / PYPROJECT).name, proof["project"]["name"]
    if name != proven:
        text = f"it is a proof of {proven}, and this is {name}"
        return _result("project", title, text, Status.SKIP)
    hashes = dict(proof["manifests"])
    lock = proof["lock"]
    if lock and (root / lock["name"]).is_file():  # a project may leave its lock to each machine
        hashes[lock["name"]] = lock["sha256"]
    changed = [name for name, expected in hashes.items() if _hash(root, name) != expected]
    if not changed:
        return _result("project", title, "")
    return _result("project", title, f"it has changed since: {listed(changed)}", Status.WARN)


def _hash(root: Path, name: str) -> str:
    """Return a file's hash, empty where it does not exist or lies outside the project."""
    path = (root / name).resolve()
    if not path.is_relative_to(root.resolve()) or not path.is_file():
        return ""
    return hashlib.sha256(files.regular(path)).hexdigest()
