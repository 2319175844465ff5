"""Answers as JSON: the document that schema.json describes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tasks_lib.execution import streams

if TYPE_CHECKING:
    from tasks_lib.results import Report


def render(report: Report) -> str:
    """Return the document."""
    text = json.dumps(report.as_dict(), indent=2, ensure_ascii=False, default=str)
    return streams.document(text) + "\n"
