"""Where a result lies, as code scanning and annotations want it: from the repository's folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks_lib.report.model import Report


def root(report: Report) -> Path:
    """Give the repository's folder where GitHub names it and the project lies in it, else the project's."""
    project = Path(report.project)
    named = Path(os.environ.get("GITHUB_WORKSPACE", ""))
    return named if named.is_absolute() and project.is_relative_to(named) else project


def from_root(report: Report, file: str) -> str:
    """Give a file's path from there, with forward slashes; one that lies elsewhere keeps its whole path."""
    path = Path(report.project, file)
    return path.relative_to(root(report)).as_posix() if path.is_relative_to(root(report)) else str(path)
