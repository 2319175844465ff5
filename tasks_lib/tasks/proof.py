"""Prove a combo in isolation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks_lib.cli.request import Scope
from tasks_lib.tasks.adapter import behind_dashes, lab_task

if TYPE_CHECKING:
    from tasks_lib.report.progress import Progress
    from tasks_lib.session.session import Answer, Session

_CHANNEL = "local, strict, or auto (a local channel where none of conda.yml's answers)"
#: `--output` is a file, for every task
_FORMER = {"--output": "--folder", "-o": "--folder"}
_RUN = {
    "channel": _CHANNEL,
    "proof": "the file to write the proof to; else one in .nox/proofs",
}


@lab_task("proof.run", trusts=True, also=("python",), help=_RUN)
def run(session: Session, progress: Progress, channel: str = "auto", proof: str = "") -> Answer:
    """Set the project up in a folder and a home of its own, use it, and repeat it from the lock."""
    from tasks_lib.proof.run import run

    return run(session, progress, channel=channel, file=proof)


@lab_task(
    "proof.verify",
    scope=Scope.ANYWHERE,
    also=("strict",),
    help={"file": "a proof that proof.run wrote"},
)
def verify(_: None, __: Progress, file: str) -> Answer:
    """Check a proof again: its digest, its verdict, and whether the project is still the same."""
    from pathlib import Path

    from tasks_lib.proof.verify import verify

    return verify(Path.cwd(), file)


@lab_task("proof.compare", scope=Scope.ANYWHERE, help={"first": "a proof", "second": "another one"})
def compare(_: None, __: Progress, first: str, second: str) -> Answer:
    """Explain the difference between two proofs, and whether they agree in what counts."""
    from tasks_lib.proof.difference import explain

    return explain(first, second)


_MATRIX = {
    "channel": _CHANNEL,
    "only": "prove this combo alone; may be given again",
    "engine": "this engine alone; may be given again",
    "python": "this Python, e.g. 3.12, and not all that are found; may be given again",
    "jobs": "how many at once; else by cores and memory",
    "folder": "the folder for the proofs and their page; else .nox/proofs",
}


@lab_task(
    "proof.matrix",
    trusts=True,
    also=("dry_run",),
    without=("engine", "output"),
    help=_MATRIX,
    iterable=["only", "engine", "python"],
    former=_FORMER,
)
def matrix(
    session: Session,
    progress: Progress,
    only: list[str],
    engine: list[str],
    python: list[str],
    jobs: str = "",
    channel: str = "auto",
    folder: str = "",
    dry_run: bool = False,
) -> Answer:
    """Prove every combo with every engine and Python found here; write one page and badges."""
    from tasks_lib.proof.matrix import Choice, run

    choice = Choice(only, engine, python, jobs, channel, folder)
    return run(session, progress, choice, dry_run=dry_run)


@lab_task(
    "proof.page",
    scope=Scope.ANYWHERE,
    without=("output",),
    help={
        "proofs": "a file, or a folder of them; more: behind --",
        "folder": "the folder to write to",
    },
    behind="PROOF…",
    former=_FORMER,
)
def page(_: None, __: Progress, proofs: str, folder: str = ".nox/proofs") -> Answer:
    """Write proofs that were made before as one page, as Markdown and as badges."""
    from tasks_lib.proof.matrix import draw

    return draw([proofs, *behind_dashes()], folder)
