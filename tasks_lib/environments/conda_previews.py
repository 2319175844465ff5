"""What an engine would install, as its own preview says."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from tasks_lib.environments.conda_engines import WORKER
from tasks_lib.execution import failures

if TYPE_CHECKING:
    from tasks_lib.execution.process import Command, Outcome


def preview(command: Command) -> Command:
    """Return the command that says what an engine's `install` would do."""
    words = ["--dry-run"]
    if str(WORKER) not in command.argv:
        words.append("--json")
    return replace(command, argv=(*command.argv, *words), why="see what would be installed")


def in_words(outcome: Outcome) -> Command | None:
    """Return the same preview without JSON, in which mamba 2.8.1 does not name what is missing."""
    if outcome.ok or "solver_problems" not in outcome.stdout:
        return None
    argv = tuple(word for word in outcome.command.argv if word != "--json")
    return replace(outcome.command, argv=argv)


def linked(outcome: Outcome) -> list[tuple[str, str]]:
    """Return the names and versions of the packages that the answer of a preview would install."""
    title = "see what conda would install"
    try:
        said = json.loads(outcome.stdout)
    except ValueError:
        raise failures.explain(outcome, title=title) from None
    if not outcome.ok:
        # with --json conda writes into the answer what it prints otherwise
        logged = [str(entry.get("message")) for entry in said.get("log_history") or ()]  # mamba
        text = str(said.get("error") or said.get("message") or "\n".join(logged) or outcome.said)
        raise failures.explain(replace(outcome, stdout="", stderr=text), title=title)
    records = (said.get("actions") or {}).get("LINK", ())
    return [(record["name"], str(record["version"])) for record in records]
