"""Answers as JSON: one document, and nothing else, on stdout."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks_lib.report.model import Report


def render(report: Report) -> None:
    """Print the document."""
    sys.stdout.write(json.dumps(report.as_dict(), indent=2, ensure_ascii=False, default=str) + "\n")
