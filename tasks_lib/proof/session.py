"""Prove a combo: set a project up in a folder and a home of its own, use it, and make it again from the lock alone.

The folder is described in `place`, where conda packages come from in `channel`, and what is done in `steps`.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import tempfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib import process
from tasks_lib.environments import records
from tasks_lib.process import Command
from tasks_lib.proof import channel as channels
from tasks_lib.proof import place as places
from tasks_lib.proof.steps import BAD, Proof
from tasks_lib.session import Answer

if TYPE_CHECKING:
    from tasks_lib.environments.conda import Conda
    from tasks_lib.report.progress import Progress
    from tasks_lib.session import Session


def run(session: Session, progress: Progress, *, channel: str = "auto") -> Answer:
    """Prove the session's combo; the folder is removed, unless a step failed and it is there to be looked at."""
    channels.expect_mode(channel)
    is_conda = session.environment.kind == "conda"
    chosen = channels.choose(session, channel, progress.say) if is_conda else channels.NONE
    folder = Path(tempfile.mkdtemp(prefix="mlops-lab proof ")).resolve()
    try:
        homes = [places.make(session, folder, home, chosen) for home in ("home", "home2")]
        first, second = homes[0], replace(homes[1], project=folder / "project2")
        name = f"{session.environment.name}-proof-{folder.name.rpartition(' ')[2]}"
        places.copy_project(session, first.project, name, chosen.instead)
        proof = Proof(session, progress, first, second)
        results = proof.carry_out()
        data = _evidence(proof, chosen.as_dict() if is_conda else None)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if any(result.status in BAD for result in results):
        data["kept"] = str(folder)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return Answer(results, data)


def _evidence(proof: Proof, channel: dict[str, Any] | None) -> dict[str, Any]:
    session, prefix = proof.session, proof.prefix
    lock = proof.first.project / session.manager.lock_name
    tools = {name: version(name) for name in ("uv", "poetry", "py-rattler")}
    if session.environment.kind == "conda":
        layer: Conda = session.environment  # type: ignore[assignment]  # the one kind named conda
        if layer.engine in layer.engines_on_path():
            tools[layer.engine] = process.run(Command((layer.maker.program, "--version"))).stdout.split()[-1]
    return {
        "combo": session.combo.id,
        "engine": session.environment.engine,
        "python": proof.python or session.project.python,
        "channel": channel,
        "platform": f"{platform.system()} {platform.machine()}",
        "tools": tools,
        "lock": {lock.name: hashlib.sha256(lock.read_bytes()).hexdigest()} if lock.is_file() else {},
        "installed": records.installed(prefix) if prefix else {},
    }
