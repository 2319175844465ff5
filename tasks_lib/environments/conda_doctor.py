"""What `conda doctor` says of an environment: it exits 0 whatever it found, so its words count."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from tasks_lib.environments import conda_health, health_checks
from tasks_lib.environments.base import MADE
from tasks_lib.errors import Remedy
from tasks_lib.execution import shell_words
from tasks_lib.execution.plan import Step
from tasks_lib.results import Status

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tasks_lib.execution.process import Command, Outcome
    from tasks_lib.results import Result

_SHOWN = 5
_GOOD, _BAD = "✅", "❌"
#: What means that the environment is damaged, in small letters. Any other cross is about something
#: else, a plugin's included: conda-pypi lists whatever pip installed. The sources:
#: conda 24.7.1 `conda/plugins/subcommands/doctor/health_checks.py` (headings without a mark, and
#: no check of consistency), and `health_checks/*.py` beside it in 26.7.1 and in main at 0f64223.
_DAMAGE = {"missing files", "altered files", "the environment is not consistent"}
#: A server that answers has accepted the certificates, though a channel has no page at its address:
#: 26.7.1 `health_checks/requests_ca_bundle.py`. So it says of each channel in a folder.
_ANSWERED = re.compile(r"verifying `REQUESTS_CA_BUNDLE`: \d{3} (?:Client|Server) Error")
#: on stderr, for a check that raised an error: 24.7.1 `conda/plugins/manager.py`
#: (`invoke_health_checks`), 26.7.1 `conda/plugins/subcommands/doctor/__init__.py` (`execute`)
_CRASHED = re.compile(r"Error running health check: (.+)")


@dataclass
class _Part:
    """What one check printed: its heading, and the lines below it."""

    heading: str
    is_bad: bool
    lines: list[str] = field(default_factory=list)

    @property
    def is_damage(self) -> bool:
        """Return whether it reports damage; conda 24.7.1 lists that below a heading alone."""
        is_named = self.heading.lower() in _DAMAGE
        return is_named and (self.is_bad or bool(self.lines))

    def __str__(self) -> str:
        """Return it on one line, the first few of many."""
        text = self.heading
        if self.lines:
            text += f": {', '.join(self.lines[:_SHOWN])}"
        if len(self.lines) > _SHOWN:
            text += f" and {len(self.lines) - _SHOWN} more"
        return text


def step(prefix: Path, command: Command) -> Step:
    """Return the step that asks; of an environment that does not exist it would find no damage."""
    return Step(
        "check.doctor.tool",
        "conda doctor",
        command,
        reads=partial(read, prefix),
        known=lambda _: None if (prefix / "conda-meta").is_dir() else (),
        needs=MADE,
        check=True,
    )


def read(prefix: Path, outcome: Outcome) -> Iterator[Result]:
    """Return conda's verdict: damage fails, another cross warns, a crashed check is an error."""
    check = health_checks.CONDA_DOCTOR
    asked = shell_words.joined(outcome.command.argv)
    again = Remedy(f"Run it yourself to see what it says: {asked}")
    if not outcome.ok or not (_GOOD in outcome.stdout or _BAD in outcome.stdout):
        said = (outcome.said.splitlines() or ["it printed nothing"])[-1]
        text = f"conda doctor could not answer: {said}"
        yield check.result(Status.ERROR, text, remedy=again)
        return
    parts = [part for part in _parts(outcome.stdout) if not _ANSWERED.search(part.heading)]
    damage = [str(part) for part in parts if part.is_damage]
    others = [str(part) for part in parts if part.is_bad and not part.is_damage]
    crashed = _CRASHED.findall(outcome.stderr)
    if damage:
        remedy = conda_health.renewal(prefix)
        yield check.result(Status.FAIL, "; ".join(damage), remedy=remedy)
    for text in others:
        yield check.result(Status.WARN, f"conda says: {text}", remedy=again)
    for what in crashed:
        text = f"a check of conda doctor crashed: {what}"
        yield check.result(Status.ERROR, text, remedy=again)
    if not damage and not others and not crashed:
        yield check.result(Status.PASS, f"{outcome.stdout.count(_GOOD)} checks")


def _parts(text: str) -> list[_Part]:
    """Return what each check printed: a line with a mark or a colon at its end begins one."""
    parts: list[_Part] = []
    for line in text.splitlines():
        is_bad = _BAD in line
        words = line.replace(_GOOD, "").replace(_BAD, "").strip()
        if is_bad or _GOOD in line or words.endswith(":"):
            parts.append(_Part(words.rstrip(".:"), is_bad))
        elif words and parts:
            parts[-1].lines.append(words)
    return parts
