"""What `uv lock --check` finds in the manifest and in the lock."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks_lib.errors import Remedy
from tasks_lib.execution import failures
from tasks_lib.project.manifests import PYPROJECT
from tasks_lib.results import Check, Result, Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks_lib.execution.process import Outcome
    from tasks_lib.managers.base import Manager

CONFIG_UV = Check(
    "config.uv",
    "uv can read pyproject.toml",
    "What uv cannot read, it can neither lock nor install.",
    Remedy("Correct pyproject.toml"),
)
CHANGED = "pyproject.toml was changed since uv.lock was written."
#: What uv prints about a manifest that it cannot read: the reason, and the line where it knows one
#: (uv 0.13.9).
_UNREADABLE = (
    re.compile(
        r"error: Failed to parse: `?pyproject.toml`?\s+cause: TOML parse error at line "
        r"(?P<line>\d+)[^\n]*\n"
        r"(?:[\s\d]*\|[^\n]*\n)*(?P<why>.*)",
        re.DOTALL,
    ),
    re.compile(
        r"error: Project [^\n]* has malformed dependency groups\s+cause: (?P<line>)(?P<why>.*)",
        re.DOTALL,
    ),
)
#: What uv prints about a lock that has to be written again (uv 0.13.9).
_LOCK_FAULTS = {
    "Unable to find lockfile": "There is no uv.lock.",
    "needs to be updated": CHANGED,
    r"(?=.*[Ff]ailed to (?:parse|read)).*uv\.lock": "uv.lock is damaged.",
}


def results(manager: Manager, outcome: Outcome) -> Iterator[Result]:
    """Distinguish a stale lock from a check that failed.

    The exit code is the same (uv 0.13.9).
    """
    said = outcome.stderr
    if outcome.ok:
        yield manager.lock_result(Status.PASS)
        return
    for pattern in _UNREADABLE:
        found = pattern.search(said)
        if found:
            text = " ".join(found["why"].split())
            line = int(found["line"]) if found["line"] else None
            yield CONFIG_UV.result(Status.FAIL, text, file=PYPROJECT, line=line)
            reason = "uv cannot read pyproject.toml."
            yield manager.lock_result(Status.SKIP, reason, CONFIG_UV.remedy)
            return
    for words, fault in _LOCK_FAULTS.items():
        if re.search(words, said, re.DOTALL):
            yield manager.lock_result(Status.FAIL, fault)
            return
    error = failures.explain(outcome, title="check uv.lock")
    yield manager.lock_result(Status.ERROR, error.message, error.remedy)
