"""What Poetry 2.5 says when it fails, each taken from a real failure."""

from __future__ import annotations

from tasks_lib.errors import ErrorCode, Remedy
from tasks_lib.execution.failure_rules import (
    BROKEN_DOWNLOAD,
    CANNOT_WRITE,
    DISK_FULL,
    HASH_MISMATCH,
    LOGIN_REFUSED,
    NO_ANSWER,
    UNKNOWN_REPOSITORY,
    UNKNOWN_REVISION,
    VERSION_EXISTS,
    WRONG_PYTHON,
    Rule,
)
from tasks_lib.managers.locks import LOCK_AGAIN

_LIMIT = "POETRY_REQUESTS_TIMEOUT"
#: In this order: the first rule that matches is the reason.
FAILURES = (
    DISK_FULL,
    HASH_MISMATCH.saying(
        *HASH_MISMATCH.patterns,
        r"hash for [^\n]+ not found|Invalid checksum|did not match any known checksums",
    ),
    Rule(
        ErrorCode.UNKNOWN_REPOSITORY,
        UNKNOWN_REPOSITORY.message,
        Remedy("Check the address; Poetry reads a path as it is written, without %20"),
        (r"No git repository was found at (?P<what>[^\n]+)", *UNKNOWN_REPOSITORY.patterns),
    ),
    UNKNOWN_REVISION.saying(r"at '(?P<what>[^'\n]+)', verify ref exists"),
    VERSION_EXISTS.saying(r"HTTP Error 409: \w+ \|", *VERSION_EXISTS.patterns),
    LOGIN_REFUSED.saying(r"HTTP Error 40[13]: \w+ \|"),
    NO_ANSWER.saying(
        r"attempts to connect to[^\n]*?(?P<what>(?:https?|file)://[^\s`'\")<>]+|[\w.-]+:\d+)",
        *NO_ANSWER.patterns,
        "Error connecting to repository",
    ).limited_by(_LIMIT),
    BROKEN_DOWNLOAD.limited_by(_LIMIT),
    CANNOT_WRITE,
    Rule(
        ErrorCode.UNKNOWN_VERSION,
        "The index has no package {what!r} that matches the request.",
        Remedy("Check the name and the version"),
        (r"Could not find a matching version of package (?P<what>[\w.-]+)",),
        online=True,
    ),
    Rule(
        ErrorCode.NOT_DECLARED,
        "{what} is not declared, so it cannot be removed.",
        Remedy("Check the spelling and the group"),
        (r"The following packages were not found: (?P<what>[^\n]+)",),
    ),
    WRONG_PYTHON.saying(
        r"Current Python version \((?P<what>[^)]+)\) is not allowed by the project"
    ),
    Rule(
        ErrorCode.PYTHON_RANGE_TOO_WIDE,
        "requires-python ({what}) allows Pythons that a dependency does not support.",
        Remedy("Narrow requires-python in pyproject.toml"),
        (r"current project's supported Python range \((?P<what>[^)]*)\) is not compatible",),
    ),
    Rule(
        ErrorCode.UNSOLVABLE,
        "No set of versions satisfies all requirements: {said}",
        Remedy("Loosen one of the requirements named above"),
        ("version solving failed|depends on both",),
        online=True,
    ),
    Rule(
        ErrorCode.UNKNOWN_GROUP,
        "There is no group {what} in pyproject.toml's dependency-groups.",
        Remedy("Check the spelling, or add a package to the group first"),
        (r"Group\(s\) not found: (?P<what>[^\n]+)",),
    ),
    Rule(
        ErrorCode.INVALID_MANIFEST,
        "pyproject.toml cannot be read: {said}",
        Remedy("Correct pyproject.toml"),
        ("Invalid TOML|The Poetry configuration is invalid|^- ",),  # and its list,
    ),
    Rule(
        ErrorCode.DAMAGED_LOCK,
        "poetry.lock cannot be read: {said}",
        LOCK_AGAIN,
        ("Unable to read the lock file|lock file does not have a metadata entry",),
    ),
    Rule(
        ErrorCode.NOT_SUPPORTED,
        "poetry.lock was written by a Poetry that this one cannot read.",
        Remedy("Change the lock where it was written, or delete poetry.lock and lock again"),
        ("lock file is not compatible with the current version of Poetry",),
    ),
    Rule(
        ErrorCode.STALE_LOCK,
        "The lock does not fit pyproject.toml any more.",
        LOCK_AGAIN,
        ("pyproject.toml changed significantly since poetry.lock",),
    ),
    Rule(
        ErrorCode.INVALID_SPEC,
        "This cannot be read: {what}",
        Remedy("Correct what you typed"),
        (
            r"requirement is invalid: (?P<what>[^\n]*\n+[^\n]+)",
            r"Could not parse version constraint: (?P<what>[^\n]+)",
        ),
    ),
)
