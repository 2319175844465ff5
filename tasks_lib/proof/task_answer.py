"""Read what a task of mlops-lab answered that ran in a process of its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tasks_lib.errors import ExitCode, Remedy
from tasks_lib.results import Result, Status

if TYPE_CHECKING:
    from tasks_lib.execution.process import Outcome

BAD = (Status.FAIL, Status.ERROR)


def read(outcome: Outcome) -> dict[str, Any]:
    """Return the task's document; a process that printed none has no results."""
    try:
        document: dict[str, Any] = json.loads(outcome.stdout)
    except ValueError:
        return {"results": [], "exit_code": outcome.code}
    return document


def failure(task: str, outcome: Outcome) -> Result:
    """Return why a task failed: its first bad result, or how its process ended."""
    for row in read(outcome)["results"]:
        if row["status"] in BAD:
            failed = outcome.code == ExitCode.CHECK_FAILED
            status = Status.FAIL if failed else Status.ERROR
            parts = (row["title"], row["file"], row["detail"])
            detail = ": ".join(filter(None, parts))
            remedy = row["remedy"]
            if row["remedy_argv"]:  # it is for the copy, which is gone
                remedy = f"In the project itself, after a setup: {remedy}"
            return Result(task, status, task, detail, Remedy(remedy))
    said = f"it ended with exit code {outcome.code} and no answer: {outcome.said[-300:]}"
    return Result(task, Status.ERROR, task, said)
