"""The result model of every answer: results, checks, and the report that all formats render."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib.errors import NO_REMEDY, ErrorCode, ExitCode, LabError, Remedy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SCHEMA = "mlops-lab/1"


class Status(StrEnum):
    """The outcome of one result, best first."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
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
    remedy: Remedy = NO_REMEDY
    file: str | None = None
    line: int | None = None
    seconds: float = 0.0
    code: ErrorCode | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the row of the JSON document."""
        argv = list(self.remedy.argv)
        row = {**vars(self), "remedy": str(self.remedy), "remedy_argv": argv}
        return {**row, "seconds": round(self.seconds, 3)}

    @property
    def place(self) -> str:
        """Return the file, and the line where it is known."""
        return ":".join(str(part) for part in (self.file, self.line) if part)

    @property
    def next(self) -> str:
        """Return what to do next, where that is known."""
        text = str(self.remedy)
        return f"next: {text}" if text else ""


class Fix(StrEnum):
    """What `check.fix` does about a finding without asking, in the order in which it is done."""

    SETTINGS = "write what [tool.mlops-lab] says to the manager's tables, then lock and install"
    CREATE = "install what the conda file lists and the environment lacks"
    REPAIR = "install the damaged packages again, and nothing else"
    LOCK = "lock again"
    INSTALL = "install what the lock lists, behind the guard; strays stay"


@dataclass(frozen=True)
class Check:
    """The words of a check: its id, title, reason and remedy stand here once.

    The first part of the id is the check's family. `severity` is the status of what it finds. `fix`
    is set where `check.fix` may act without asking. A check that is `asked` for runs only where it
    is selected.
    """

    id: str
    title: str
    why: str
    remedy: Remedy
    severity: Status = Status.FAIL
    fix: Fix | None = None
    asked: bool = False

    @property
    def family(self) -> str:
        """Return the first part of the id."""
        return self.id.partition(".")[0]

    def result(  # noqa: PLR0913 - the parts of a result
        self,
        status: Status,
        detail: str = "",
        *,
        remedy: Remedy | None = None,
        file: str | None = None,
        line: int | None = None,
        seconds: float = 0.0,
    ) -> Result:
        """Return one result of this check.

        Unless it passes, it has a remedy: the check's own or the one given.
        """
        if remedy is None:
            remedy = Remedy() if status is Status.PASS else self.remedy
        return Result(self.id, status, self.title, detail, remedy, file, line, seconds)

    def of_unread(self, error: LabError, status: Status = Status.FAIL) -> Result:
        """Return the result for what cannot be read: no fault where this user may not open it."""
        is_ours = error.code is ErrorCode.CANNOT_READ
        return self.of_error(Status.ERROR if is_ours else status, error)

    def of_error(self, status: Status, error: LabError) -> Result:
        """Return the result of this check that reports an error."""
        return self.result(
            status, error.message, remedy=error.remedy, file=error.file, line=error.line
        )


@dataclass(frozen=True)
class Report:
    """The whole answer of one task; `data` is what a listing or a plan shows."""

    command: str
    project: str
    results: Sequence[Result] = ()
    combo: Mapping[str, str] | None = None
    seconds: float = 0.0
    code: int = ExitCode.DONE
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """Return pass, fail or error for the whole."""
        if self.code == ExitCode.DONE:
            return "pass"
        return "fail" if self.code == ExitCode.CHECK_FAILED else "error"

    @property
    def root(self) -> Path:
        """Return the repository's folder as GitHub names it, else the project's."""
        project = Path(self.project)
        workspace = Path(os.environ.get("GITHUB_WORKSPACE", ""))
        if workspace.is_absolute() and project.is_relative_to(workspace):
            return workspace
        return project

    def from_root(self, file: str) -> str:
        """Return a file's path from there, with forward slashes.

        A file elsewhere keeps its whole path.
        """
        path = Path(self.project, file)
        if path.is_relative_to(self.root):
            return path.relative_to(self.root).as_posix()
        return str(path)

    @property
    def script(self) -> str | None:
        """Return the script for `eval`, where that is the whole answer."""
        passed = {result.status for result in self.results} <= {Status.PASS}
        return str(self.data["script"]) if passed and "script" in self.data else None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON document that `report/schema.json` describes."""
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
    """Return the exit code that the results of checks add up to.

    `strict` counts a warning as a failure.

    A check that could not be carried out is a tool that failed, and that outranks a check that
    failed.
    """
    worst = {result.status for result in results}
    if Status.ERROR in worst:
        return ExitCode.TOOL_FAILED
    if Status.FAIL in worst or (strict and Status.WARN in worst):
        return ExitCode.CHECK_FAILED
    return ExitCode.DONE


def from_error(error: LabError) -> Result:
    """Return the result that reports an error."""
    return Result(
        f"error.{error.exit_code.name.lower()}",
        Status.ERROR,
        error.title,
        error.message,
        error.remedy,
        error.file,
        error.line,
        code=error.code,
    )


def counts_of(results: Sequence[Result]) -> dict[Status, int]:
    """Return the number of results of each status that occurs, worst first."""
    counts = Counter(result.status for result in results)
    return {status: counts[status] for status in reversed(Status) if counts[status]}


def counted(report: Report) -> str:
    """Return how many results have which status, worst first."""
    told = [f"{count} {status}" for status, count in counts_of(report.results).items()]
    return ", ".join(told) or f"exit code {int(report.code)}"
