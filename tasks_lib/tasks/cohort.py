"""Check a class of repositories in one run, and look at what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks_lib.cli.request import Scope
from tasks_lib.tasks.adapter import lab_task

if TYPE_CHECKING:
    from tasks_lib.report.progress import Progress
    from tasks_lib.session.session import Answer

_STORE = "the file with the results; else the one that the class names, or cohort.db"


@lab_task(
    "cohort.check",
    scope=Scope.ANYWHERE,
    help={
        "source": "a folder of checkouts or archives, a roster (.csv), or a cohort.toml",
        "store": _STORE,
        "workers": "how many repositories are checked at once; else one for each processor",
        "again": "check these again though nothing changed: failed, errors, all, or ids",
    },
)
def check(
    _: None,
    progress: Progress,
    source: str,
    store: str = "",
    workers: str = "",
    again: str = "",
) -> Answer:
    """Check the repositories of a class by reading; what was checked before is not read again."""
    from tasks_lib.cohort.run import Asked, check

    return check(progress, Asked(source, store, workers, again))


@lab_task("cohort.status", scope=Scope.ANYWHERE, help={"store": _STORE})
def status(_: None, __: Progress, store: str = "") -> Answer:
    """Say how far a class was checked, and which repositories did not pass."""
    from tasks_lib.cohort.looking import status

    return status(store)


@lab_task(
    "cohort.show",
    scope=Scope.ANYWHERE,
    help={"id": "the id of a repository of the class", "store": _STORE},
)
def show(_: None, __: Progress, id: str, store: str = "") -> Answer:
    """Show all that was found in one repository, and what changed since it was checked before."""
    from tasks_lib.cohort.looking import show

    return show(store, id)
