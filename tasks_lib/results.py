"""The result model that feeds every format."""

from __future__ import annotations

import os
import re
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib.errors import ErrorCode, ExitCode, LabError, Remedy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SCHEMA = "mlops-lab/1"


class Status(StrEnum):
    """How one result came out, best first."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    SKIP = "skip"
    WARN = "warn"
    FAIL = "fail"
    ERROR = "error"


@dataclass(frozen=True)
class Result:
    """One finding or one finished step; `seconds` is wall time, `line` counts from 1."""

    id: str
    status: Status
    title: str
    detail: str = ""
    remedy: Remedy | str = ""
    file: str | None = None
    line: int | None = None
    seconds: float = 0.0
    code: ErrorCode | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the row of the JSON document."""
        row = {**asdict(self), "seconds": round(self.seconds, 3)}
        row["remedy"] = str(self.remedy)
        row["remedy_argv"] = list(self.remedy.argv) if isinstance(self.remedy, Remedy) else []
        return row

    @property
    def place(self) -> str:
        """Name the file, and the line where it is known."""
        return f"{self.file}{f':{self.line}' if self.line else ''}" if self.file else ""

    @property
    def next(self) -> str:
        """Say what to do next, where that is known."""
        return f"next: {self.remedy}" if self.remedy else ""


class Fix(StrEnum):
    """What `check.fix` does about a finding without asking, in the order in which it is done."""

    CREATE = "install what the conda file lists and the environment lacks"
    LOCK = "lock again"
    INSTALL = "install what the lock lists, behind the guard; strays stay"


@dataclass(frozen=True)
class Check:
    """The words of a check: its id, title, reason and remedy stand here once.

    The first part of the id is the check's family. `severity` is the status of what it finds. `fix` is set where
    `check.fix` may act without asking.
    """

    id: str
    title: str
    why: str
    remedy: Remedy
    severity: Status = Status.FAIL
    fix: Fix | None = None

    @property
    def family(self) -> str:
        """Return the first part of the id."""
        return self.id.partition(".")[0]

    def result(  # noqa: PLR0913 - the parts of a result
        self,
        status: Status,
        detail: str = "",
        *,
        remedy: Remedy | str | None = None,
        file: str | None = None,
        line: int | None = None,
        seconds: float = 0.0,
    ) -> Result:
        """Return one result of this check; unless it passes, it has a remedy: the check's own or the one given."""
        if remedy is None:
            remedy = Remedy() if status is Status.PASS else self.remedy
        return Result(self.id, status, self.title, detail, remedy, file, line, seconds)


@dataclass(frozen=True)
class Report:
    """The whole answer of one task; `data` holds what a listing or a plan has to say."""

    command: str
    project: str
    results: Sequence[Result] = ()
    combo: Mapping[str, str] | None = None
    seconds: float = 0.0
    code: int = ExitCode.DONE
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """Say pass, fail or error for the whole."""
        if self.code == ExitCode.DONE:
            return "pass"
        return "fail" if self.code == ExitCode.CHECK_FAILED else "error"

    @property
    def root(self) -> Path:
        """Give the repository's folder where GitHub names it and the project lies in it, else the project's."""
        project, named = Path(self.project), Path(os.environ.get("GITHUB_WORKSPACE", ""))
        return named if named.is_absolute() and project.is_relative_to(named) else project

    def from_root(self, file: str) -> str:
        """Give a file's path from there, with forward slashes; one that lies elsewhere keeps its whole path."""
        path = Path(self.project, file)
        return (
            path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)
        )

    @property
    def script(self) -> str | None:
        """Give the script for `eval`, where that is the whole answer."""
        whole = "script" in self.data and all(
            result.status is Status.PASS for result in self.results
        )
        return str(self.data["script"]) if whole else None

    def as_dict(self) -> dict[str, Any]:
        """Give the JSON document, as DESIGN.md lays it out."""
        document: dict[str, Any] = {
            "schema": SCHEMA,
            "command": self.command,
            "status": self.status,
            "exit_code": int(self.code),
            "project": self.project,
            "combo": None if self.combo is None else dict(self.combo),
            "seconds": round(self.seconds, 3),
            "results": [result.as_dict() for result in self.results],
        }
        if self.data:
            document["data"] = dict(self.data)
        return document


def verdict(results: Sequence[Result], *, strict: bool = False) -> ExitCode:
    """Give the exit code that the results of checks add up to; `strict` counts a warning as a failure.

    A check that could not be carried out is a tool that failed, and that outranks a check that failed.
    """
    worst = {result.status for result in results}
    if Status.ERROR in worst:
        return ExitCode.TOOL_FAILED
    if Status.FAIL in worst or (strict and Status.WARN in worst):
        return ExitCode.CHECK_FAILED
    return ExitCode.DONE


def from_error(error: LabError, *, title: str = "") -> Result:
    """Turn an error into the result that reports it."""
    name, title = (
        f"error.{error.exit_code.name.lower()}",
        error.title or title or error.code.headline,
    )
    return Result(
        name,
        Status.ERROR,
        title,
        error.message,
        error.remedy,
        error.file,
        error.line,
        code=error.code,
    )


def counted(report: Report) -> str:
    """Say how many results came out how, worst first."""
    statuses = [result.status for result in report.results]
    told = [
        f"{statuses.count(status)} {status}" for status in reversed(Status) if status in statuses
    ]
    return ", ".join(told) or f"exit code {int(report.code)}"


#: what moves a terminal's cursor, ends a line, turns text around, or has no place in XML or UTF-8
_UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]",
)


def printable(text: str) -> str:
    """Write what no reader should get as it is in visible escapes; line breaks and tabs stay."""
    return _UNPRINTABLE.sub(
        lambda match: match[0].encode("unicode_escape").decode(), text.replace("\r\n", "\n")
    )
