"""What the tests of workflows share: a project on one combo, and tools that answer from a table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tasks_lib.execution import process
from tasks_lib.execution.process import Outcome

if TYPE_CHECKING:
    from tasks_lib.execution.process import Command

CONDA_YML = "name: demo\nchannels: [conda-forge]\ndependencies: [python, pip]\n"
PYPROJECT = """\
[project]
name = "demo"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["click"]

[dependency-groups]
dev = ["iniconfig>=2", {include-group = "docs"}]
docs = []
"""
LOCK = """\
version = 1

[[package]]
name = "click"
version = "8.5.1"
source = { registry = "https://index.example/simple" }
"""


@dataclass
class Tools:
    """Answer each command by the first row whose words it has, else with success; keep what ran."""

    answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)

    def __call__(self, command: Command, **_: object) -> Outcome:
        """Answer in the place of `process.run`."""
        typed = " ".join(command.argv)
        self.ran.append(typed)
        for words, (code, stderr) in self.answers.items():
            if words in typed:
                return Outcome(command, code, "", stderr, 0.1)
        said = "Would make no changes\n" if "--dry-run" in command.argv else ""
        return Outcome(command, 0, "", said, 0.1)


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> Tools:
    """Replace the tools by the answers of a test."""
    made = Tools()
    monkeypatch.setattr(process, "run", made)
    return made
