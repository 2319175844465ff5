"""Prove a combo in isolation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks_lib.tasks.adapter import lab_task

if TYPE_CHECKING:
    from tasks_lib.report.progress import Progress
    from tasks_lib.session import Answer, Session

_RUN = {
    "channel": "local, strict, or auto (a local channel where none of conda.yml's answers)",
    "proof": "the file to write the proof to; else one in .nox/proofs",
}


@lab_task("proof.run", "python", help=_RUN)
def run(session: Session, progress: Progress, channel: str = "auto", proof: str = "") -> Answer:
    """Set the project up in a folder and a home of its own, use it, and make it again from the lock alone."""
    from tasks_lib.proof.session import run

    return run(session, progress, channel=channel, file=proof)
