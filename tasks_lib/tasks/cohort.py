"""Check a class of repositories in one run, and look at what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks_lib.cli.request import Scope
from tasks_lib.tasks.adapter import lab_task

if TYPE_CHECKING:
    from tasks_lib.report.progress import Progress
    from tasks_lib.session.session import Answer

_STORE = "the file with the results; else cohort.db"


@lab_task(
    "cohort.check",
    scope=Scope.ANYWHERE,
    help={
        "source": "a folder of checkouts or archives, a roster (.csv), or a cohort.toml",
        "store": "the file for the results; else the one that the class names, or cohort.db",
        "workers": "how many repositories are checked at once; else one for each processor",
        "again": "check these again though nothing changed: failed, errors, all, or ids",
        "dask": "check with Dask: as many worker processes on this machine",
        "scheduler": "check with the workers of Dask's scheduler at this address",
        "fetch": "fetch the hand-ins that are addresses, beside the store",
    },
)
def check(
    _: None,
    progress: Progress,
    source: str,
    store: str = "",
    workers: str = "",
    again: str = "",
    dask: str = "",
    scheduler: str = "",
    fetch: bool = False,
) -> Answer:
    """Check the repositories of a class by reading; what was checked before is not read again."""
    from tasks_lib.cohort.run import Asked, check

    return check(progress, Asked(source, store, workers, again, fetch, dask, scheduler))


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


_PSEUDONYMS = "the file that says whose each pseudonym is; with it, no name is written"


@lab_task(
    "cohort.report",
    scope=Scope.ANYWHERE,
    help={
        "to": "html, markdown, csv, jsonl, junit or sarif",
        "file": "the file to write; else cohort-report and the usual ending",
        "pseudonyms": _PSEUDONYMS,
        "store": _STORE,
    },
)
def report(
    _: None,
    __: Progress,
    to: str = "html",
    file: str = "",
    pseudonyms: str = "",
    store: str = "",
) -> Answer:
    """Write a class as one page, or as a table: counts, checks that fail most, each repository."""
    from tasks_lib.cohort.writing import report

    return report(store, to, file, pseudonyms)


@lab_task(
    "cohort.export",
    scope=Scope.ANYWHERE,
    help={
        "to": "canvas, moodle, nbgrader, gradescope, prairielearn, classroom50 or check50",
        "folder": "the folder to write to; else cohort-NAME",
        "title": "the assignment's name in the course system; for check50 its slug",
        "number": "the assignment's id in Canvas",
        "maximum": "the most points that the assignment has there; else the rubric's",
        "identifier": "the column of Canvas or Moodle that the ids of the roster are",
        "into": "Moodle's offline grading worksheet, as downloaded: a filled copy is written",
        "pseudonyms": _PSEUDONYMS,
        "store": _STORE,
    },
)
def export(
    _: None,
    __: Progress,
    to: str,
    folder: str = "",
    title: str = "",
    number: str = "",
    maximum: str = "",
    identifier: str = "",
    into: str = "",
    pseudonyms: str = "",
    store: str = "",
) -> Answer:
    """Write the grades of a class as a course system reads them."""
    from tasks_lib.cohort.writing import Export, export

    asked = Export(to, folder, title, number, maximum, identifier, pseudonyms, into)
    return export(store, asked)


@lab_task(
    "cohort.feedback",
    scope=Scope.ANYWHERE,
    help={"folder": "the folder to write to; else cohort-feedback", "store": _STORE},
)
def feedback(_: None, __: Progress, folder: str = "", store: str = "") -> Answer:
    """Write a page for each student: what is wrong, where, and the command that fixes it."""
    from tasks_lib.cohort.writing import feedback

    return feedback(store, folder)


@lab_task(
    "cohort.grade",
    scope=Scope.ANYWHERE,
    help={
        "to": "gradescope, prairielearn or classroom50",
        "submission": "the folder of the submission",
        "results": "the file to write, as the course system expects it",
        "config": "the cohort.toml with the rubric",
        "title": "the assignment's name in the course system",
        "submitted": "when it was handed in; else as Gradescope or the commit says",
        "due": "when it was due; else as Gradescope says",
    },
)
def grade(
    _: None,
    __: Progress,
    to: str,
    submission: str,
    results: str,
    config: str = "",
    title: str = "",
    submitted: str = "",
    due: str = "",
) -> Answer:
    """Grade one submission in a course system's container; 0 whenever a result was written."""
    from tasks_lib.cohort.writing import Grade, grade

    return grade(Grade(to, submission, results, config, title, submitted, due))
