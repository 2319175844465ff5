"""The one error that a person sees, and the exit codes that scripts rely on. Standard library alone."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class ExitCode(IntEnum):
    """What a run's exit code means; documented in the README."""

    DONE = 0
    CHECK_FAILED = 1
    BAD_REQUEST = 2
    TOOL_MISSING = 3
    TOOL_FAILED = 4
    GUARD_REFUSED = 5
    INTERRUPTED = 130


class LabError(Exception):
    """Carry one clear sentence, where it happened, and the next command to type."""

    def __init__(  # noqa: PLR0913 - each is one part of an answer
        self,
        message: str,
        *,
        code: ExitCode = ExitCode.BAD_REQUEST,
        remedy: str = "",
        file: Path | str | None = None,
        line: int | None = None,
        title: str = "",
    ) -> None:
        """Keep the data; the report prints it."""
        super().__init__(message)
        self.message = message
        self.code = code
        self.remedy = remedy
        self.file = None if file is None else str(file)
        self.line = line
        self.title = title

    def __str__(self) -> str:
        """Give the sentence with its place and its remedy, for where no report is at hand."""
        place = "" if self.file is None else f"{self.file}{'' if self.line is None else f':{self.line}'}: "
        return f"{place}{self.message}{f' Next: {self.remedy}' if self.remedy else ''}"
