"""Prove a combo: set a project up in a sandbox, use it, and create it again from the lock alone.

`sandbox` and `project_copy` describe the place, `channel` where conda packages come from, and
`steps` what is done.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib import report
from tasks_lib.errors import LabError
from tasks_lib.execution import files
from tasks_lib.proof import channel as channels
from tasks_lib.proof import claims, document, evidence, project_copy, sandbox
from tasks_lib.proof.steps import Proof
from tasks_lib.proof.task_answer import BAD
from tasks_lib.results import Result, Status
from tasks_lib.session.session import Answer
from tasks_lib.tools import package_index

if TYPE_CHECKING:
    from tasks_lib.report.progress import Progress
    from tasks_lib.session.session import Session

    Row = dict[str, Any]

#: what may be wrong with evidence at the end, where a step has broken it
_UNREADABLE = (LabError, OSError, ValueError)


def run(session: Session, progress: Progress, *, channel: str = "auto", file: str = "") -> Answer:
    """Prove the session's combo and write the proof to `file`.

    The sandbox is deleted, unless something failed: then `kept` names its folder.
    """
    channels.expect_mode(channel)
    began = time.time()
    path = _path(session, file)
    chosen = channels.choose(session, channel, progress.say)
    folder = Path(tempfile.mkdtemp(prefix=project_copy.PREFIX)).resolve()
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        first = sandbox.make(session, folder, "", chosen)
        second = sandbox.make(session, folder, "2", chosen)
        unique = folder.name.rpartition(" ")[2]
        name = f"{session.environment.name}-proof-{unique}"
        project_copy.copy_project(session, first.project, name, chosen)
        proof = Proof(session, progress, first, second, began)
        caches = evidence.caches(first.caches)
        results = proof.carry_out()
        made = _document(proof, chosen, caches)
        document.write(path, made)
        results.append(_verdict(made))
        data = _summary(made, path)
        if any(result.status in BAD for result in results):
            data["kept"] = str(folder)
            stack.pop_all()
    return Answer(results, data)


def _path(session: Session, file: str) -> Path:
    """Return the path of the proof, in a folder that exists; by default beside nox's own files."""
    parts = [session.combo.id, session.environment.engine]
    if session.project.options.python:
        parts.append(session.project.options.python)
    name = re.sub(r"[^\w.-]", "_", "-".join(parts))
    root = session.project.root
    path = files.inside(root, Path(file or root / ".nox" / "proofs" / f"{name}.json"), typed=True)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(21, "it is a folder")
    except OSError as error:
        raise files.unwritable(path, error) from None
    return path


def _document(proof: Proof, channel: channels.Channel, caches: dict[str, str]) -> Row:
    """Describe the session, with its verdict and digest, while the environments still exist."""
    began = datetime.fromtimestamp(proof.began, UTC)
    options = proof.session.project.options
    index = "default"
    if package_index.resolve(options).source:
        index = "set"
    made: Row = {
        "schema": document.SCHEMA,
        "made": began.isoformat(timespec="seconds"),
        "seconds": round(time.time() - proof.began, 3),
        "python": {"version": proof.first.python, "asked": options.python},
        **evidence.surroundings(proof.session),
        "sources": {
            "index": {"kind": index},
            "channel": {"kind": channel.kind, "urls": channel.urls},
        },
        "caches": caches,
        "steps": proof.log,
        **_seen(proof),
    }
    made = report.presentable(made)
    made["verdict"] = claims.judge(made)
    made["digest"] = document.digest(made)
    return made


def _seen(proof: Proof) -> Row:
    """Return what the steps saw, and what there is at the end.

    What cannot be read is left out: the claims that need it fail for lack of evidence.
    """
    seen: Row = {
        "lock": None,
        "installed": [],
        "conda_files": None,
        "second": None,
        **proof.seen,
    }
    if seen["lock"]:
        with contextlib.suppress(*_UNREADABLE):
            seen["installed"] = proof.installed(proof.first)
        with contextlib.suppress(*_UNREADABLE):
            copied = proof.read_copy()
            seen["kept"]["after"] = evidence.contents(copied.project)
            seen["lock"]["after"] = evidence.pins(copied.manager)
    if proof.conda_before is not None:
        with contextlib.suppress(*_UNREADABLE):
            now = proof.session.environment.hashes(proof.second.prefix)
            seen["conda_files"] = evidence.conda_files(proof.conda_before, now)
    return seen


def _verdict(made: Row) -> Result:
    title = "every claim of the proof holds"
    broken = [f"{row['title']}: {row['reason']}" for row in claims.broken(made["verdict"])]
    if not broken:
        return Result("proof.verdict", Status.PASS, title)
    return Result("proof.verdict", Status.FAIL, title, "; ".join(broken))


def _summary(made: Row, path: Path) -> Row:
    """Return the parts of a proof that a user reads first."""
    lock, channel, python = made["lock"], made["sources"]["channel"], made["python"]
    summary = {
        "combo": made["combo"],
        "engine": made["engine"],
        "python": python["version"] or python["asked"],
        "channel": None,
        "platform": f"{made['platform']['system']} {made['platform']['machine']}",
        "tools": made["tools"],
        "lock": {},
        "installed": {row["name"]: row["version"] for row in made["installed"]},
        "proof": str(path),
    }
    if channel["kind"] != channels.NONE.kind:
        summary["channel"] = channel
    if lock:
        summary["lock"] = {lock["name"]: lock["sha256"]}
    return summary
