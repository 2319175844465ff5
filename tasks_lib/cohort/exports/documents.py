"""What the JSON files for course systems have in common: their words, and their size."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tasks_lib.cohort.exports import Exported
from tasks_lib.cohort.naming import file_name
from tasks_lib.errors import ExitCode, LabError
from tasks_lib.execution.streams import printable
from tasks_lib.results import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tasks_lib.cohort.base import Finding, Graded, Mark
    from tasks_lib.cohort.exports import Settings

#: PrairieLearn takes no larger file; the others' limits are not documented, or are higher
LARGEST = 1_000_000
#: how many characters a text may have, one after the other until the whole is small enough
_LENGTHS = (20_000, 2_000, 200, 0)


def bounded(build: Callable[[int], Mapping[str, Any]]) -> str:
    """Return a document as JSON; `build` makes it with texts of so many characters each."""
    text = ""
    for length in _LENGTHS:
        text = json.dumps(build(length), indent=2) + "\n"
        if len(text) <= LARGEST:  # all are ASCII
            break
    return text


def each(graded: Sequence[Graded], settings: Settings, one: Callable[..., str]) -> Exported:
    """Return a file for each hand-in, and the reasons of those for which there is none."""
    texts, left_out = {}, {}
    for row in graded:
        try:
            text = one(row, settings)
        except LabError as error:
            if error.exit_code is ExitCode.BAD_REQUEST:
                raise
            left_out[row.hand_in.id] = error.message
        else:
            texts[f"{file_name(row.hand_in.id)}.json"] = text
    return Exported(texts, left_out)


def cut(text: str, length: int) -> str:
    """Return a text for readers, of at most so many characters."""
    shown = printable(text[:length])
    return shown if len(text) <= length else f"{shown}…"


def summary(graded: Graded) -> str:
    """Return the grade in one sentence."""
    if graded.score is None and not graded.examined.with_status(Status.ERROR):
        return "There is no score: nothing could be judged here."
    if graded.score is None:
        return "There is no score: a check could not be carried out, which is no fault of yours."
    text = f"{graded.score:g} of {graded.maximum:g} points"
    if graded.late:
        text += f" ({graded.late}: -{graded.penalty:g})"
    return text


def found(graded: Graded, mark: Mark) -> str:
    """Return what failed in a row of the rubric: what, where, and what to do."""
    failed = [one for one in graded.examined.with_status(Status.FAIL) if one.check in mark.failed]
    return "\n".join([mark.text, *map(told, failed)])


def told(finding: Finding) -> str:
    """Return a finding in a few lines."""
    result = finding.result
    first = f"{finding.title} ({finding.check}): {finding.status}"
    following = (first, result.place, finding.detail, result.next)
    return "\n  ".join(part for part in following if part)
