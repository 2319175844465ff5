"""`setup`: all of it."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task

from tasks_lib.tasks.adapter import HELP, finish


@task(help=HELP)
def setup(
    _: Context, combo: str = "", engine: str = "", python: str = "", dry_run: bool = False, json: bool = False
) -> None:
    """Make the environment, lock, install and check; do only what is not done already."""
    from tasks_lib import boundary, workflows

    finish(
        boundary.answer(
            "setup",
            lambda session, progress: workflows.setup(session, progress, dry_run=dry_run),
            combo=combo,
            engine=engine,
            python=python,
            json=json,
        )
    )
