"""Turn what a failed tool printed into one clear error with the next command to type.

Each tool's module has a table of rules for the tool's own words, which a command carries in its
field `failures`. The rules here are for the words of the operating system and of the network, which
every tool repeats.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import redaction

if TYPE_CHECKING:
    from tasks_lib.execution.process import Command, Outcome

#: How many of the last telling lines an error shows.
_LINES = 6
#: Lines that never help: an excerpt of Poetry's own code, and uv's advice to go around the lock.
_NOISE = re.compile(r"\d+│|^\s*at .+ in \w+$|hint: .*`--frozen`")
#: Lines that tell why; a solver prints the cause as a leaf of a tree.
_TELLING = re.compile("error|cause|because|conflict|fail|denied|cannot|─ |->", re.IGNORECASE)
_ADDRESS = re.compile(r"(?:https?|file)://[^\s`'\")<>#]+")


@dataclass(frozen=True)
class Rule:
    """What a tool prints in one kind of failure, and what that means.

    Each of `patterns` is tried in turn, without regard to case and across lines. `message` and the
    remedy's text may name the pattern's groups, `{said}` (the lines that tell why) and `{source}`
    (the address of the download). The group `what` is the source where a pattern has no such group;
    `{VIRTUAL}` is the group `virtual` in capitals. With `online`, the tool may have looked at its
    caches alone; offline, the error is that of `NOT_CACHED`.
    """

    code: ErrorCode
    message: str
    remedy: Remedy
    patterns: tuple[str, ...]
    online: bool = False

    def saying(self, *patterns: str) -> Rule:
        """Return the same rule for a tool's own words."""
        return replace(self, patterns=patterns)

    def search(self, said: str) -> re.Match[str] | None:
        """Return the first match in what a tool printed."""
        for pattern in self.patterns:
            found = re.search(pattern, said, re.IGNORECASE | re.DOTALL)
            if found:
                return found
        return None


_CHECK_NETWORK = Remedy("Check the network and the address, then run it again")
NOT_CACHED = Rule(
    ErrorCode.NOT_CACHED,
    "What is needed is not in the caches: {said}",
    Remedy("Leave out --offline"),
    (),
    online=True,
)
DISK_FULL = Rule(
    ErrorCode.DISK_FULL,
    "There is no space left on the disk.",
    Remedy("Free some space, then run it again"),
    (r"No space left on device|os error 28\b|disk quota exceeded",),
)
HASH_MISMATCH = Rule(
    ErrorCode.HASH_MISMATCH,
    "A file from {source} is not the one that the lock or the channel names: {said}",
    Remedy("Clear the cache of the tool, then run it again"),
    (r"hash(?:es)? (?:mismatch|do(?:es)? not match)|do not match the hashes",),
)
UNKNOWN_REPOSITORY = Rule(
    ErrorCode.UNKNOWN_REPOSITORY,
    "There is no git repository at {what}.",
    Remedy("Check the address"),
    (  # git's own words; uv folds long lines between any two of them
        r"'(?P<what>[^']+)'\s+does\s+not\s+appear\s+to\s+be\s+a\s+git\s+repository",
        r"repository\s+'(?P<what>[^']+)'\s+not\s+found",
    ),
)
UNKNOWN_REVISION = Rule(
    ErrorCode.UNKNOWN_REVISION,
    "The repository has no {what!r}.",
    Remedy("Name a tag, a branch or a commit"),
    (),
)
NO_ANSWER = Rule(
    ErrorCode.NO_ANSWER,
    "{what} does not answer.",
    _CHECK_NETWORK,
    (
        (
            r"(?:Connection to|Max retries exceeded with url|\d{3} (?:Server|Client) Error)[^\n]*?"
            r"(?P<what>(?:https?|file)://[^\s`'\")<>]+|[\w.-]+:\d+)"
        ),
        r"unable\s+to\s+access\s+'(?P<what>[^'\n]+)'",
    ),
    online=True,
)
BROKEN_DOWNLOAD = Rule(
    ErrorCode.BROKEN_DOWNLOAD,
    "{source} did not send a complete file: {said}",
    _CHECK_NETWORK,
    (
        (
            r"unexpected HTML from|Missing `Content-Type`|network timeout|Connection broken|"
            r"IncompleteRead|ChunkedEncodingError|Read timed out|ReadTimeoutError|not a zip file|"
            r"Bad CRC|Exceeded \d+ redirects"
        ),
    ),
)
CANNOT_WRITE = Rule(
    ErrorCode.CANNOT_WRITE,
    "A file cannot be written: {said}",
    Remedy("Check free space and permissions"),
    (r"Permission denied|Read-only file system|os error 13\b|os error 30\b",),
)
VERSION_EXISTS = Rule(
    ErrorCode.VERSION_EXISTS,
    "The index has a file of this version already, and accepts no other in its place.",
    Remedy("Raise the version in pyproject.toml and build again", ("invoke", "pkg.build")),
    (r"\b400\b[^\n]*File already exists",),
)
LOGIN_REFUSED = Rule(
    ErrorCode.LOGIN_REFUSED,
    "The index does not accept this login.",
    Remedy(
        "Set MLOPS_LAB_PUBLISH_TOKEN, or MLOPS_LAB_PUBLISH_USERNAME and MLOPS_LAB_PUBLISH_PASSWORD"
    ),
    (),
)
#: What every tool may say, in this order: the first rule that matches is the reason.
GENERAL = (
    DISK_FULL,
    HASH_MISMATCH,
    UNKNOWN_REPOSITORY,
    VERSION_EXISTS,
    NO_ANSWER,
    BROKEN_DOWNLOAD,
    CANNOT_WRITE,
)


def explain(outcome: Outcome, *, title: str = "") -> LabError:
    """Return the error of a failed command; an unknown one shows the last lines that it printed."""
    command = outcome.command
    said = redaction.without_secrets(outcome.said)
    for rule in (*command.failures, *GENERAL):
        found = rule.search(said)
        if found:
            return _error(rule, found, said, command)
    last = _telling(said) or "it printed nothing."
    message = f"{command.program} ended with exit code {outcome.code}: {last}"
    shown = redaction.without_secrets(command.shown)
    remedy = Remedy(f"Run it yourself to see all that it prints: {shown}")
    title = f"{title} failed" if title else ""
    return LabError(message, ErrorCode.TOOL_FAILED, remedy=remedy, title=title)


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
    remedy = rule.remedy._replace(text=rule.remedy.text.format(**words))
    return LabError(message, rule.code, remedy=remedy)


def _source(command: Command, said: str) -> str:
    """Return the address of a download: as the tool printed it, else as the command has it."""
    given = [*filter(None, command.env.values()), *command.argv, command.source]
    found = _ADDRESS.findall(said) or _ADDRESS.findall(redaction.without_secrets("\n".join(given)))
    if found:
        return str(found[-1])
    return redaction.without_secrets(command.source) or "the index or channel"


def _telling(said: str, pattern: re.Pattern[str] = _TELLING) -> str:
    """Return the last lines that tell why: on errors and causes, or that match, else all."""
    lines = [line.strip() for line in said.splitlines()]
    lines = [line for line in lines if line and not _NOISE.search(line)]
    telling = [line for line in lines if _TELLING.search(line) or pattern.search(line)]
    return " ".join((telling or lines)[-_LINES:])
