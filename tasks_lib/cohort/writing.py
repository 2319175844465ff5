"""Write what was found in a class: reports, grades for course systems, a page for each student."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks_lib.cohort import exports, grading, pseudonyms, reports
from tasks_lib.cohort import feedback as pages
from tasks_lib.cohort.base import HandIn
from tasks_lib.cohort.commits import committed
from tasks_lib.cohort.examining import Wanted, examine, unread
from tasks_lib.cohort.looking import expect_store
from tasks_lib.cohort.repository import content
from tasks_lib.cohort.rubric import grade as grade_of
from tasks_lib.cohort.rubric import moment
from tasks_lib.cohort.settings import Settings
from tasks_lib.cohort.store import Store
from tasks_lib.cohort.unpacking import folder_of
from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import files
from tasks_lib.results import Result, Status
from tasks_lib.session.session import Answer, passed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks_lib.cohort.base import Graded

_ENDINGS = {"markdown": "md", "junit": "xml", "sarif": "sarif.json"}


@dataclass(frozen=True)
class Export:
    """What a user typed of an export."""

    to: str
    folder: str = ""
    title: str = ""
    number: str = ""
    maximum: str = ""
    identifier: str = ""
    pseudonyms: str = ""
    into: str = ""

    def settings(self, title: str) -> exports.Settings:
        """Return what the course system has to know.

        Raises:
            LabError: The maximum is no number.

        """
        try:
            maximum = float(self.maximum) if self.maximum else None
        except ValueError:
            text = f"--maximum must be a number of points, and it is {self.maximum!r}."
            remedy = Remedy("Use a number, such as --maximum 10")
            raise LabError(text, ErrorCode.INVALID_OPTION, remedy=remedy) from None
        into = Path(self.into) if self.into else None
        return exports.Settings(self.title or title, self.number, maximum, self.identifier, into)


def report(store: str, to: str, file: str, table: str) -> Answer:
    """Write a class as one document."""
    found = _Class.read(store, table)
    text = reports.render(to, found.graded, found.title)
    path = Path(file or f"cohort-report.{_ENDINGS.get(to, to)}")
    _write_of(store, {path: text})
    return found.answer("cohort.report", f"wrote {path}", file=str(path))


def export(store: str, asked: Export) -> Answer:
    """Write the grades of a class for a course system; whom it leaves out is a warning each."""
    found = _Class.read(store, asked.pseudonyms)
    grading.expect_points(found.settings)
    made = exports.export(asked.to, found.graded, asked.settings(found.title))
    folder = Path(asked.folder or f"cohort-{asked.to}")
    _write_of(store, _in_folder(folder, made.texts))
    answer = found.answer(
        "cohort.export", f"wrote {len(made.texts)} files to {folder}", folder=str(folder)
    )
    results = [*answer.results]
    for name, why in made.left_out.items():
        results.append(Result("cohort.left-out", Status.WARN, f"{name} is left out", why))
    return Answer(results, answer.data)


def feedback(store: str, folder: str) -> Answer:
    """Write a page for each student, as Markdown and HTML."""
    found = _Class.read(store)
    place = Path(folder or "cohort-feedback")
    _write_of(store, _in_folder(place, pages.files(found.graded, found.title)))
    text = f"wrote pages for {len(found.graded)} students to {place}"
    return found.answer("cohort.feedback", text, folder=str(place))


@dataclass(frozen=True)
class Grade:
    """What a user typed of one submission; empty times are those of the course system."""

    to: str
    submission: str
    results: str
    config: str = ""
    title: str = ""
    submitted: str = ""
    due: str = ""

    def times(self) -> tuple[str, str]:
        """Return when it was handed in, at last when its commit was made, and when it was due.

        Raises:
            LabError: A time is not ISO 8601, or the course system's file cannot be read.

        """
        path = Path(self.submission)
        submitted, due = self.submitted, self.due
        if not (submitted and due):
            told = exports.times(self.to, path)
            submitted, due = submitted or told[0] or committed(path), due or told[1]
        for time in filter(None, (submitted, due)):
            moment(time, ends_day=True)
        return submitted, due


def grade(asked: Grade) -> Answer:
    """Check one submission, and write its grade as a course system's container has to.

    Raises:
        LabError: There is no grade to write: that is a failed grader, and no zero.

    """
    config, submission = asked.config, asked.submission
    settings = Settings.of(Path(config)) if config else Settings()
    grading.expect_checks(settings)
    grading.expect_points(settings)
    name = Path(submission).resolve().name or "submission"
    submitted, due = asked.times()
    hand_in = HandIn(name, submission, due=due)
    wanted = Wanted.of(settings)
    try:
        with folder_of(hand_in) as root:
            examined = examine(root, name, content(Path(submission)), wanted)
    except LabError as error:
        examined = unread(name, "", error.message)
    checks = grading.judged(settings)
    graded = grade_of(hand_in, examined, settings.rubric, settings.late, submitted, known=checks)
    said = exports.Settings(asked.title or "mlops-lab", identity=dict(os.environ))
    _write({Path(asked.results): exports.grade_one(asked.to, graded, said)})
    return passed("cohort.grade", f"wrote {asked.results}", file=asked.results)


@dataclass(frozen=True)
class _Class:
    """A class as it is written: its grades, and how many of it have no result that counts."""

    title: str
    settings: Settings
    graded: list[Graded]
    waiting: int

    @classmethod
    def read(cls, store: str, table: str = "") -> _Class:
        """Read a store, with pseudonyms where they have a `table`."""
        with Store(expect_store(store)) as opened:
            settings = grading.settings_of(opened)
            graded = list(grading.graded(opened, settings))
            waiting = opened.count() - len(graded)
            title = Path(opened.source).stem
        if table:
            graded = pseudonyms.applied(graded, Path(table))
        return cls(title, settings, graded, waiting)

    def answer(self, check: str, title: str, **data: str) -> Answer:
        """Answer what was written, and how many of the class are not in it."""
        results = [Result(check, Status.PASS, title)]
        if self.waiting:
            text = f"{self.waiting} of the class have no result, or changed since."
            remedy = Remedy("Check the class again by cohort.check")
            results.append(
                Result("cohort.waiting", Status.WARN, "not all were checked", text, remedy)
            )
        return Answer(results, data)


def _in_folder(folder: Path, texts: Mapping[str, str]) -> dict[Path, str]:
    return {folder / name: text for name, text in texts.items()}


def _write_of(store: str, texts: Mapping[Path, str]) -> None:
    """Write what was made of a store; it keeps what is new by that, and so is no hand-in."""
    made = {_topmost(path) for path in texts}
    _write(texts)
    with Store(expect_store(store)) as opened:
        opened.wrote(made)


def _topmost(path: Path) -> Path:
    """Return the topmost folder that does not exist yet on the way to a file, else the file."""
    made = path.absolute()
    for parent in made.parents:
        if parent.exists():
            break
        made = parent
    return made


def _write(texts: Mapping[Path, str]) -> None:
    """Write each file whole; a folder that does not exist is made."""
    for path in texts:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise files.unwritable(path, error) from None
    files.write_texts(texts)
