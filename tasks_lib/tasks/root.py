"""`setup`: all of it; `init` and `migrate`: how a project comes to a combo, and to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks_lib.cli.request import Scope
from tasks_lib.tasks.adapter import SELECTION, lab_task

if TYPE_CHECKING:
    from tasks_lib.report.progress import Progress
    from tasks_lib.session.session import Answer, Session


@lab_task(
    "setup",
    changes=True,
    also=("python", *SELECTION),
    help={"recreate": "make the environment from scratch; the old one goes when that ended well"},
)
def setup(
    session: Session, progress: Progress, recreate: bool = False, dry_run: bool = False
) -> Answer:
    """Make the environment, lock, install and check; do only what is not done already."""
    from tasks_lib.workflows import installation

    return installation.setup(session, progress, recreate=recreate, dry_run=dry_run)


@lab_task("explain", help={"task": "a task that changes something, e.g. setup or deps.add"})
def explain(session: Session, progress: Progress, task: str) -> Answer:
    """Show the commands that a task would run for each combo, and why they are safe."""
    from tasks_lib.workflows import explanation

    return explanation.explain(session, progress, task)


@lab_task(
    "completion",
    scope=Scope.ANYWHERE,
    is_for_eval=True,
    help={
        "undo": "take it out again",
        "show": "print the script instead",
        "shell": "bash, zsh, fish or powershell",
    },
)
def completion(
    _: None, __: Progress, shell: str = "", undo: bool = False, show: bool = False
) -> Answer:
    """Have your shell complete tasks, options, combos, groups, packages and environments."""
    from tasks_lib.cli.completion import scripts
    from tasks_lib.execution import shell_words

    return scripts.install(shell or shell_words.of_user(), undo=undo, show=show)


@lab_task(
    "docs", scope=Scope.ANYWHERE, help={"topic": "a page, e.g. guard; index is the list of pages"}
)
def docs(_: None, __: Progress, topic: str) -> Answer:
    """Show a page of the documentation; without a topic, list the pages."""
    from tasks_lib.workflows import documentation

    return documentation.show(topic)


@lab_task("init", scope=Scope.FOLDER, changes=True, trusts=False, without=("trust",))
def init(session: Session, progress: Progress, dry_run: bool = False) -> Answer:
    """Adopt a project: find what it uses, and write it to pyproject.toml; old files stay."""
    from tasks_lib.workflows import adoption

    return adoption.init(session, progress, dry_run=dry_run)


@lab_task(
    "migrate",
    changes=True,
    help={
        "to": "the combo to move to",
        "leave_behind": "leave behind what conda has and is no Python distribution",
        "remove_old": "delete the old environment when the new one is proven",
    },
)
def migrate(
    session: Session,
    progress: Progress,
    to: str,
    leave_behind: bool = False,
    remove_old: bool = False,
    dry_run: bool = False,
) -> Answer:
    """Move to another combo with the installed versions, and prove it; or change nothing."""
    from tasks_lib.workflows import migration

    return migration.migrate(
        session, progress, to, leave_behind=leave_behind, remove_old=remove_old, dry_run=dry_run
    )
