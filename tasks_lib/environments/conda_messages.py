"""What conda, mamba, py-rattler, and the pip that conda starts say when they fail.

The words are those of conda 24 and 26, mamba 2 and py-rattler 0.28, each taken from a real failure,
or from the source: `conda/exceptions.py` of conda 26.7.1; of mamba 2.8.1 `problems_graph.cpp`,
`unsolvable.cpp`, `version.cpp` and `downloader.cpp`.
"""

from __future__ import annotations

from dataclasses import replace

from tasks_lib.errors import ErrorCode, Remedy
from tasks_lib.execution.failure_rules import (
    BROKEN_DOWNLOAD,
    CANNOT_WRITE,
    DISK_FULL,
    HASH_MISMATCH,
    NO_ANSWER,
    NOT_CACHED,
    Rule,
)

#: a package's folder in a cache: its name, its version and its build
_PACKAGE = r"/[^\n]*/[\w.]+-[\w.+!-]+-\w+"
TWO_LOGINS = (
    "Channels on {what} have different logins. py-rattler knows one login a host, and would store "
    "the other in the environment."
)
ONE_LOGIN = "Use one login for all channels of that host, in .condarc and in the conda file"
_LIMIT = "CONDA_REMOTE_READ_TIMEOUT_SECS"
_NO_VIRTUAL = Rule(
    ErrorCode.VIRTUAL_PACKAGE_MISSING,
    "This machine has no {what}, which a package needs: {said}",
    Remedy(
        "Loosen the requirement, or set CONDA_OVERRIDE_{VIRTUAL} to the version that will exist"
    ),
    (
        # In conda's long lists of what needs a virtual package, most entries are no cause.
        (
            r"(?:nothing provides (?:requested )?|PackagesNotFound\w*Error[^\n]*\n+\s*-\s*|"
            r"(?=[^\n]*(?:no candidates were found|missing on the system|"
            r"\n+Your installed version is: not available))(?:─|->) )"
            r"(?P<what>__(?P<virtual>\w+)(?:(?! needed by|\s*, )[^\n])*)"
        ),
    ),
)
#: what follows `exclude-newer` with every engine: py-rattler chooses the versions of the lock
LOCK_LAYER = Remedy(
    "Lock conda's packages, which follows it, and go on",
    ("invoke", "deps.lock", "--layer", "conda"),
)
#: In this order: the first rule that matches is the reason.
FAILURES = (
    Rule(
        ErrorCode.NOT_SUPPORTED,
        "conda's solver {what} does not know how old a package has to be, as exclude-newer says.",
        LOCK_LAYER,
        (r"The (?P<what>\S+) solver does not support --exclude-newer",),
    ),
    Rule(
        ErrorCode.CONTAINS_LOGIN,
        TWO_LOGINS,
        Remedy(ONE_LOGIN),
        (r"^rattler: two logins: (?P<what>\S+)",),
    ),
    _NO_VIRTUAL,
    NOT_CACHED.saying(  # a report of conda has the row `offline mode : False`
        r"no usable repodata cache|offline, and not in the cache|OfflineError|Offline mode(?! :)|"
        r"failed to open file `[^`]*/cache/\w+\.json`"  # the solver conda-rattler-solver 0.2.0
    ),
    DISK_FULL,
    Rule(
        ErrorCode.HASH_MISMATCH,
        "A package in the cache is damaged: {what}.",
        Remedy(
            "Delete it there, then run it again",
            ("rm", "-rf", "--", "{what}", "{what}.conda", "{what}.tar.bz2"),
        ),
        (
            rf"located\s+at\s+(?P<what>{_PACKAGE}?)\s+appears\s+to\s+be\s+corrupted",
            rf"Error with archive (?P<what>{_PACKAGE}?)(?:\.conda|\.tar\.bz2)\.",
            rf"failed to copy file from (?P<what>{_PACKAGE}?)/[^\n]*No such file",
        ),
    ),
    HASH_MISMATCH.saying(
        *HASH_MISMATCH.patterns,
        r"ChecksumMismatch|Data corruption detected|CondaVerificationError|InvalidArchiveError|"
        r"Invalid checksum|doesn't match expectation",
    ),
    NO_ANSWER.saying(
        r"(?:channel does not answer|CondaHTTPError|UnavailableInvalidChannel|"
        r"could not find subdir|"
        r"HTTPConnectionError|could not fetch|HTTP status \w+ error|"
        r"error sending request for url|"
        r"error following redirect|Download error \(\d+\))"
        r"[^\n]*?(?P<what>(?:https?|file)://[^\s`'\")<>\]]+|[\w.-]+:\d+)",
        r"PathNotFoundError: (?P<what>[^\n]+\.(?:conda|tar\.bz2))",
        r"Transfer finalized, status: [45]\d\d \[(?P<what>[^\]\n]+)",
    ).limited_by(_LIMIT),
    replace(
        BROKEN_DOWNLOAD,
        message="{what} did not send a complete index.",
        patterns=(r"Subdir (?P<what>\S+) not loaded!",),
    ),
    Rule(  # the pip that installs the section `pip:`
        ErrorCode.NO_ANSWER,
        "{host}:{port} does not answer.",
        NO_ANSWER.remedy,
        (
            (
                r"connection broken by [^\n]*?host='(?P<host>[\w.-]+)', port=(?P<port>\d+)"
                r"(?=.*from versions: none)"
            ),
        ),
        online=True,
    ),
    BROKEN_DOWNLOAD.saying(
        *BROKEN_DOWNLOAD.patterns,
        r"failed to parse repodata|error reading a body|error decoding response body|"
        r"JSONDecodeError|EOF while parsing",
    ).limited_by(_LIMIT),
    CANNOT_WRITE.saying(
        *CANNOT_WRITE.patterns,
        r"EnvironmentNotWritable|NotWritableError|Unable to create prefix directory|"
        r"CondaError: Failed to write to|filesystem error: cannot (?:create|rename|remove|copy)",
    ),
    Rule(
        ErrorCode.NOT_DECLARED,
        "{what} is not in the environment, so it cannot be removed.",
        Remedy("Check the spelling"),
        (r"missing from the target environment:(?:\s*prefix: [^\n]+)?\s*-\s*(?P<what>[^\n]+)",),
    ),
    Rule(
        ErrorCode.UNKNOWN_PACKAGE,
        "Package {what} was not found.",
        Remedy("Check its spelling, its version, and the channels in the conda file"),
        (
            r"No candidates were found for (?P<what>[^\n]+?)(?: \*)?\.?(?:\n|$)",
            r"No matching distribution found for (?P<what>[^\n]+)",
            r"ResolvePackageNotFound:\s*-?\s*(?P<what>[^\n]+)",
            r"PackagesNotFound\w*Error[^\n]*\n+\s*-\s*(?P<what>[^\n]+)",
            r"─ (?P<what>[^\n]+?)(?: =?\*)*\s+does not exist \(perhaps a typo",
            r"nothing provides (?:requested )?(?P<what>(?:(?! needed by)[^\n,])+)",
        ),
        online=True,
    ),
    Rule(
        ErrorCode.UNSOLVABLE,
        "{what} conflicts with a pin.",
        Remedy("Change that, or the pin in conda-meta/pinned or .condarc"),
        (r"SpecsConfigurationConflictError.*?requested specs:\s*-\s*(?P<what>[^\n]+)",),
    ),
    Rule(
        ErrorCode.UNSOLVABLE,
        "The pin {what} excludes what was named.",
        Remedy("Change what you typed, or the pin in conda-meta/pinned"),
        (r"the constraint (?P<what>[^\n\[]+)(?:\[[^\n]*\])? cannot be fulfilled",),
    ),
    Rule(
        ErrorCode.UNSOLVABLE,
        "No set of versions satisfies all requirements: {said}",
        Remedy("Loosen one of the requirements named above"),
        ("UnsatisfiableError|cannot be solved|Could not solve for environment specs",),
        online=True,
    ),
    Rule(
        ErrorCode.INVALID_SPEC,
        "This cannot be read: {what}",
        Remedy("Correct what you typed, or the conda file"),
        (
            r"invalid request: (?P<what>[^\n]+)",
            r"invalid package specification: (?P<what>[^\n]+)",
            r"Invalid spec (?P<what>[^\n]+)",
            r"Error parsing version \"(?P<what>[^\"\n]*)\"",
        ),
    ),
    Rule(
        ErrorCode.FROZEN_ENVIRONMENT,
        "The environment {what} is marked as frozen, so nothing may change it.",
        Remedy("Delete conda-meta/frozen in it, if the mark is yours"),
        (r"Cannot modify '(?P<what>[^'\n]+)'\. The environment is marked as frozen",),
    ),
)
#: the same for a lock, which is not for this machine alone
OF_LOCKS = (
    replace(
        _NO_VIRTUAL,
        message="The lock is for machines without {what}, which a package needs: {said}",
        remedy=Remedy(
            "Loosen the requirement, or name it in system-requirements of [tool.mlops-lab]"
        ),
    ),
    *FAILURES,
)
