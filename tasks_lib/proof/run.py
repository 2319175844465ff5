"""Prove a combo: set a project up in a folder and a home of its own, use it, and make it again from the lock alone.

The folder is described in `place`, where conda packages come from in `channel`, and what is done in `steps`.
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
from tasks_lib.proof import claims, document, evidence
from tasks_lib.proof import sandbox as places
from tasks_lib.proof.steps import BAD, Proof
from tasks_lib.results import Result, Status
from tasks_lib.session.session import Answer
from tasks_lib.tools import package_index

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks_lib.report.progress import Progress
    from tasks_lib.session.session import Session


def run(session: Session, progress: Progress, *, channel: str = "auto", file: str = "") -> Answer:
    """Prove the session's combo and write the proof; the folder is removed, unless something failed."""
    channels.expect_mode(channel)
    began, path = time.time(), _place(session, file)
    chosen = channels.choose(session, channel, progress.say)
    folder = Path(tempfile.mkdtemp(prefix=places.PREFIX)).resolve()
    with contextlib.ExitStack() as held:
        held.callback(shutil.rmtree, folder, ignore_errors=True)
        first, second = (places.make(session, folder, number, chosen) for number in ("", "2"))
        name = f"{session.environment.name}-proof-{folder.name.rpartition(' ')[2]}"
        places.copy_project(session, first.project, name, chosen.instead)
        proof = Proof(session, progress, first, second, began)
        filled = evidence.caches(first.env)
        results = proof.carry_out()
        made = _gather(proof, chosen, filled)
        document.write(path, made)
        results.append(_verdict(made))
        data = _summary(made, path)
        if any(result.status in BAD for result in results):
            data["kept"] = str(folder)
            held.pop_all()
    return Answer(results, data)


def _place(session: Session, file: str) -> Path:
    """Give the path of the proof, in a folder that is there; without a name it lies where nox keeps its own files."""
    asked = [session.project.options.python] if session.project.options.python else []
    name = re.sub(r"[^\w.-]", "_", "-".join([session.combo.id, session.environment.engine, *asked]))
    path = Path(file) if file else session.project.root / ".nox" / "proofs" / f"{name}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(21, "it is a folder")
    except OSError as error:
        raise files.unwritable(path, error) from None
    return path


def _gather(proof: Proof, channel: channels.Channel, caches: Mapping[str, str]) -> dict[str, Any]:
    """Describe the session, with its verdict and its digest; call it while the environments still stand."""
    made = report.hidden(
        {
            "schema": document.SCHEMA,
            "made": datetime.fromtimestamp(proof.began, UTC).isoformat(timespec="seconds"),
            "seconds": round(time.time() - proof.began, 3),
            "python": {
                "version": proof.first.python,
                "asked": proof.session.project.options.python,
            },
            **evidence.surroundings(proof.session),
            "sources": {
                "index": {
                    "kind": "set"
                    if package_index.resolve(proof.session.project.options).source
                    else "default"
                },
                "channel": {"kind": channel.kind, "urls": channel.urls},
            },
            "caches": caches,
            "steps": proof.log,
            **_seen(proof),
        }
    )
    made["verdict"] = claims.judge(made)
    return {**made, "digest": document.digest(made)}


def _seen(proof: Proof) -> dict[str, Any]:
    """Give what the steps saw, and what there is at the end; what cannot be read then is evidence that lacks."""
    seen = {"lock": None, "installed": [], "conda_files": None, "second": None, **proof.seen}
    before, lacking = (
        seen.pop("conda_before", None),
        contextlib.suppress(LabError, OSError, ValueError),
    )
    if seen["lock"]:
        with lacking:
            seen["lock"]["after"] = evidence.pins(proof.copied.manager)
        with lacking:
            seen["kept"]["after"] = evidence.contents(proof.copied.project)
        with lacking:
            seen["installed"] = proof.held(proof.first)["installed"]
    if before is not None:
        with lacking:
            seen["conda_files"] = evidence.conda_files(before, proof.second.prefix)
    if any(one["id"] == "again" and one["status"] == Status.PASS for one in proof.log):
        with lacking:
            first, second = (
                {"python": proof.first.python, "installed": seen["installed"]},
                proof.held(proof.second),
            )
            seen["second"] = {
                **second,
                "differences": claims.rows(claims.contents(first), claims.contents(second)),
            }
    return seen


def _verdict(made: dict[str, Any]) -> Result:
    """Give the verdict as the last result."""
    broken = [f"{row['title']}: {row['reason']}" for row in claims.broken(made)]
    status = Status.FAIL if broken else Status.PASS
    return Result("proof.verdict", status, "every claim of the proof holds", "; ".join(broken))


def _summary(made: dict[str, Any], path: Path) -> dict[str, Any]:
    """Give the parts of a proof that a person reads first."""
    lock, channel = made["lock"], made["sources"]["channel"]
    return {
        "combo": made["combo"],
        "engine": made["engine"],
        "python": made["python"]["version"] or made["python"]["asked"],
        "channel": None if channel["kind"] == channels.NONE.kind else channel,
        "platform": f"{made['platform']['system']} {made['platform']['machine']}",
        "tools": made["tools"],
        "lock": {lock["name"]: lock["sha256"]} if lock else {},
        "installed": {row["name"]: row["version"] for row in made["installed"]},
        "proof": str(path),
    }
