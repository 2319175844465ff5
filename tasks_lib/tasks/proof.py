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


@lab_task("proof.verify", "strict", help={"file": "a proof that proof.run wrote"})
def verify(session: Session, _: Progress, file: str) -> Answer:
    """Check a proof again: its digest, its verdict from its evidence, and whether the project is still the same."""
    from tasks_lib.proof.verify import verify

    return verify(session, file)


@lab_task("proof.compare", help={"first": "a proof", "second": "another one"})
def compare(_: Session, __: Progress, first: str, second: str) -> Answer:
    """Explain the difference between two proofs, and say whether they agree in what counts."""
    from tasks_lib.proof.difference import explain

    return explain(first, second)
