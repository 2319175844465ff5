"""Prove a combo: set a project up in a folder and a home of its own, use it, and make it again from the lock alone.

The folder is described in `place`, where conda packages come from in `channel`, and what is done in `steps`.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib import files
from tasks_lib.proof import channel as channels
from tasks_lib.proof import document, evidence
from tasks_lib.proof import place as places
from tasks_lib.proof.steps import BAD, Proof
from tasks_lib.report.model import Result, Status
from tasks_lib.session import Answer

if TYPE_CHECKING:
    from tasks_lib.report.progress import Progress
    from tasks_lib.session import Session


def run(session: Session, progress: Progress, *, channel: str = "auto", file: str = "") -> Answer:
    """Prove the session's combo and write the proof; the folder is removed, unless something failed."""
    channels.expect_mode(channel)
    began, path = time.time(), _place(session, file)
    is_conda = session.environment.kind == "conda"
    chosen = channels.choose(session, channel, progress.say) if is_conda else channels.NONE
    folder = Path(tempfile.mkdtemp(prefix="mlops-lab proof ")).resolve()
    try:
        homes = [places.make(session, folder, home, chosen) for home in ("home", "home2")]
        first, second = homes[0], replace(homes[1], project=folder / "project2")
        name = f"{session.environment.name}-proof-{folder.name.rpartition(' ')[2]}"
        places.copy_project(session, first.project, name, chosen.instead)
        proof = Proof(session, progress, first, second, began)
        filled = evidence.caches(first.env)
        results = proof.carry_out()
        made = evidence.gather(proof, chosen, filled)
        document.write(path, made)
        results.append(_verdict(made))
        data = _summary(made, path)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if any(result.status in BAD for result in results):
        data["kept"] = str(folder)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return Answer(results, data)


def _place(session: Session, file: str) -> Path:
    """Give the path of the proof, in a folder that is there; without a name it lies where nox keeps its own files."""
    asked = [session.project.python] if session.project.python else []
    name = re.sub(r"[^\w.-]", "_", "-".join([session.combo.id, session.environment.engine, *asked]))
    path = Path(file) if file else session.project.root / ".nox" / "proofs" / f"{name}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(21, "it is a folder")
    except OSError as error:
        raise files.unwritable(path, error) from None
    return path


def _verdict(made: dict[str, Any]) -> Result:
    """Give the verdict as the last result."""
    rows = made["verdict"]["claims"]
    broken = [f"{row['title']}: {row['reason']}" for row in rows if row["status"] == "fail"]
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
