"""What a tool's words mean when it fails: the rules that every tool shares.

Each tool's module has a table of rules for the tool's own words, which a command carries in its
field `failures`. The rules here are for the words of the operating system and of the network.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from tasks_lib.errors import ErrorCode, Remedy


@dataclass(frozen=True)
class Rule:
    """What a tool prints in one kind of failure, and what that means.

    Each of `patterns` is tried in turn, without regard to case and across lines. `message` and the
    remedy's text may name the pattern's groups, `{said}` (the lines that tell why) and `{source}`
    (the address of the download). The group `what` is the source where a pattern has no such group;
    `{VIRTUAL}` is the group `virtual` in capitals. With `online`, the tool may have looked at its
    caches alone; offline, the error is that of `NOT_CACHED`. `limit` is the tool's own variable for
    how long it waits.
    """

    code: ErrorCode
    message: str
    remedy: Remedy
    patterns: tuple[str, ...]
    online: bool = False
    limit: str = ""

    def saying(self, *patterns: str) -> Rule:
        """Return the same rule for a tool's own words."""
        return replace(self, patterns=patterns)

    def limited_by(self, variable: str) -> Rule:
        """Return the same rule for a tool that has this variable for how long it waits."""
        return replace(self, limit=variable)

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
    Remedy("Leave out --offline, or unset MLOPS_LAB_OFFLINE"),
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
WRONG_PYTHON = Rule(
    ErrorCode.WRONG_PYTHON,
    "The environment's Python {what} does not satisfy requires-python.",
    Remedy("Create one with a Python that does; a conda file has to name it", ("invoke", "setup")),
    (),
)
VERSION_EXISTS = Rule(
    ErrorCode.VERSION_EXISTS,
    "The index has a file of this version already, and accepts no other in its place.",
    Remedy("Raise the version in pyproject.toml, then build and publish that"),
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
