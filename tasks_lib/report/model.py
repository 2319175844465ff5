"""The result model that feeds every format."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tasks_lib.errors import ExitCode, LabError

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
    remedy: str = ""
    file: str | None = None
    line: int | None = None
    seconds: float = 0.0


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
            "results": [{**asdict(result), "seconds": round(result.seconds, 3)} for result in self.results],
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
    return Result(
        id=f"error.{error.code.name.lower()}",
        status=Status.ERROR,
        title=error.title or title or "the run stopped",
        detail=error.message,
        remedy=error.remedy,
        file=error.file,
        line=error.line,
    )
