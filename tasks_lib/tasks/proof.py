"""Prove a combo in isolation."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task

from tasks_lib.tasks.adapter import HELP, finish

_CHANNEL = {"channel": "local, strict, or auto (a local channel where none of conda.yml's answers)"}


@task(help={**{key: HELP[key] for key in ("combo", "engine", "python", "json")}, **_CHANNEL})
def run(
    _: Context, combo: str = "", engine: str = "", python: str = "", channel: str = "auto", json: bool = False
) -> None:
    """Set the project up in a folder and a home of its own, use it, and make it again from the lock alone."""
    from tasks_lib import boundary
    from tasks_lib.proof import session as proof

    finish(
        boundary.answer(
            "proof.run",
            lambda session, progress: proof.run(session, progress, channel=channel),
            combo=combo,
            engine=engine,
            python=python,
            json=json,
        )
    )
