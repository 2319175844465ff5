"""Turn what a failed tool printed into one clear error with the next command to type."""

from __future__ import annotations

import re
import shutil
import signal
from typing import TYPE_CHECKING

from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import redaction, shell_words
from tasks_lib.execution.failure_rules import GENERAL, NOT_CACHED

if TYPE_CHECKING:
    from tasks_lib.execution.failure_rules import Rule
    from tasks_lib.execution.process import Command, Outcome

#: How many of the last telling lines an error shows.
_LINES = 6
#: Lines that never help: an excerpt of Poetry's own code, and uv's advice to go around the lock.
_NOISE = re.compile(r"\d+│|^\s*at .+ in \w+$|hint: .*`--frozen`")
#: Lines that tell why; a solver prints the cause as a leaf of a tree.
_TELLING = re.compile("error|cause|because|conflict|fail|denied|cannot|─ |->", re.IGNORECASE)
#: a traceback but for its last line, in a tool's report of its own crash
_FRAMES = re.compile(r"^( *)Traceback \(most recent call last\):\n(?:\1 .*\n)*", re.MULTILINE)
#: how a tool says that it waited too long; Poetry has one sentence for every kind of no answer
_TIMED_OUT = re.compile(r"time(?:d )?-?out|is not responding", re.IGNORECASE)


def explain(outcome: Outcome, *, title: str = "") -> LabError:
    """Return the error of a failed command; an unknown one shows the last lines that it printed."""
    command = outcome.command
    said = redaction.without_secrets(outcome.said)
    for rule in (*command.failures, *GENERAL):
        found = rule.search(said)
        if found:
            return _error(rule, found, said, command)
    last = _telling(said) or "it printed nothing."
    message = f"{command.program} {_end(outcome.code)}: {last}"
    title = f"{title} failed" if title else ""
    return LabError(message, ErrorCode.TOOL_FAILED, remedy=by_hand(command), title=title)


def by_hand(command: Command) -> Remedy:
    """Return what shows all that a command prints, also where PATH has no such program."""
    program = command.program if shutil.which(command.program) else command.argv[0]
    shown = redaction.without_secrets(shell_words.shown(command, program=program))
    return Remedy(f"Run it yourself to see all that it prints: {shown}")


def _end(code: int) -> str:
    """Return how a process ended; a negative code is the signal that killed it."""
    if code < 0:
        return f"was killed by signal {-code} ({signal.strsignal(-code)})"
    return f"ended with exit code {code}"


def demand(outcome: Outcome, *, title: str) -> Outcome:
    """Return the outcome of a command that ended well.

    Raises:
        LabError: The command failed; the error is the one that `explain` returns.

    """
    if not outcome.ok:
        raise explain(outcome, title=title)
    return outcome


def _error(rule: Rule, found: re.Match[str], said: str, command: Command) -> LabError:
    """Return the error of a rule that matched, with what its words name filled in."""
    telling = _telling(said, found.re)
    source = _source(command, said)
    if rule.online and command.offline:
        rule = NOT_CACHED
    words = {"what": source}
    for name, text in found.groupdict().items():
        words[name] = " ".join((source if text is None else text).split())
        words[name.upper()] = words[name].upper()
    message = rule.message.format(**words, said=telling, source=source)
    text = rule.remedy.text.format(**words)
    if rule.limit and _TIMED_OUT.search(said):
        text += f"; {rule.limit} sets how many seconds the tool waits"
    argv = tuple(word.format(**words) for word in rule.remedy.argv)
    remedy = rule.remedy._replace(text=text, argv=argv)
    return LabError(message, rule.code, remedy=remedy)


def _source(command: Command, said: str) -> str:
    """Return the address of a download: as the tool printed it, else as the command has it."""
    found = redaction.addresses(said) or redaction.addresses(command.addressed)
    if found:
        return found[-1]
    return redaction.without_secrets(command.source) or "the index or channel"


def _telling(said: str, pattern: re.Pattern[str] = _TELLING) -> str:
    """Return the last lines that tell why: on errors and causes, or that match, else all."""
    lines = [line.strip() for line in _FRAMES.sub("", said).splitlines()]
    lines = [line for line in lines if line and not _NOISE.search(line)]
    telling = [line for line in lines if _TELLING.search(line) or pattern.search(line)]
    return " ".join((telling or lines)[-_LINES:])
