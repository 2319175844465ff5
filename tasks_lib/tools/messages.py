"""Read what a failed tool said, and turn it into one clear sentence with the next command to type."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution import redaction

if TYPE_CHECKING:
    from tasks_lib.execution.process import Outcome

_LINES = 6
#: of its own code, which Poetry prints; and uv's way round itself
_EXCERPT = re.compile(r"\d+│|^\s*at .+ in \w+$|hint: .*`--frozen`")
#: with the branches of a solver's tree, whose leaf is the cause
_TELLING = re.compile("error|cause|because|conflict|fail|denied|cannot|─ |->", re.IGNORECASE)
_ADDRESS = re.compile(r"(?:https?|file)://[^\s`'\")<>#]+")


@dataclass(frozen=True)
class Rule:
    """What a tool says when something is wrong, and what that means; `{0}` is the pattern's groups, or the source.

    A group with a name is for the remedy alone, in capitals. Where offline it may be true of the caches alone, `online`
    says so.
    """

    pattern: str
    code: ErrorCode
    message: str
    remedy: str
    online: bool = False


_NETWORK = "check the network and the address, then run it again"
_NOT_CACHED = Rule(  # a report of conda's has the row `offline mode : False`
    r"network was disabled|network connectivity is disabled|no usable repodata cache|offline, and not in the cache|"
    r"OfflineError|Offline mode(?! :)",
    ErrorCode.NOT_CACHED,
    "What is asked for is not in the caches: {said}",
    "leave out --offline",
)
#: In this order: the first that matches is the reason. The words are those of uv 0.13, Poetry 2.5, conda 24 and 26,
#: mamba 2 and py-rattler 0.28, each taken from a real failure.
RULES = (
    Rule(
        # of conda's long lists of what asks for a virtual package, most are no cause
        r"(?:nothing provides (?:requested )?|PackagesNotFoundError[^\n]*\n+\s*-\s*|"
        r"(?=[^\n]*(?:no candidates were found|missing on the system|\n+Your installed version is: not available))"
        r"(?:─|->) )(__(?P<virtual>\w+)(?:(?! needed by|\s*, )[^\n])*)",
        ErrorCode.VIRTUAL_PACKAGE_MISSING,
        "This machine has no {0}, which a package needs: {said}",
        "loosen what asks for it, or say that it will be there, with its version in CONDA_OVERRIDE_{virtual}",
    ),
    _NOT_CACHED,
    Rule(
        r"No space left on device|os error 28\b|disk quota exceeded",
        ErrorCode.DISK_FULL,
        "There is no space left on the disk.",
        "free some space, then run it again",
    ),
    Rule(
        r"hash(?:es)? (?:mismatch|do(?:es)? not match|for [^\n]+ not found)|do not match the hashes|"
        r"(?:Hash|Checksum)Mismatch|Invalid checksum|"
        r"did not match any known checksums|Data corruption detected|CondaVerificationError|InvalidArchiveError",
        ErrorCode.HASH_MISMATCH,
        "A file from {source} is not the one that the lock or the channel names: {said}",
        "clear the cache of the tool, then run it again",
    ),
    Rule(
        # uv folds long lines, between any two words
        r"No git repository was found at ([^\n]+)|'([^']+)'\s+does\s+not\s+appear\s+to\s+be\s+a\s+git\s+repository|"
        r"repository\s+'([^']+)'\s+not\s+found",
        ErrorCode.UNKNOWN_REPOSITORY,
        "There is no git repository at {0}.",
        "check the address; Poetry reads a path as it is written, without %20",
    ),
    Rule(
        r"failed\s+to\s+fetch\s+(?:branch|tag|commit)\s+(?:or\s+tag\s+)?`([^`]+)`|at '([^'\n]+)', verify ref exists",
        ErrorCode.UNKNOWN_REVISION,
        "The repository has no {0!r}.",
        "name a tag, a branch or a commit",
    ),
    Rule(
        r"Failed to publish .*status code 409|HTTP Error 409: \w+ \||\b400\b[^\n]*File already exists",
        ErrorCode.VERSION_EXISTS,
        "The index has a file of this version already, and takes no other in its place.",
        "raise the version in pyproject.toml, then: invoke pkg.build",
    ),
    Rule(
        r"Failed to publish .*(?:status code 40[13]|Missing credentials)|HTTP Error 40[13]: \w+ \|",
        ErrorCode.LOGIN_REFUSED,
        "The index does not take this login.",
        "set MLOPS_LAB_PUBLISH_TOKEN, or MLOPS_LAB_PUBLISH_USERNAME and MLOPS_LAB_PUBLISH_PASSWORD",
    ),
    Rule(
        r"(?:Failed to fetch|error sending request for url|Connection to|attempts to connect to|"
        r"channel does not answer|CondaHTTPError|UnavailableInvalidChannel|could not find subdir|HTTPConnectionError|"
        r"could not fetch|Max retries exceeded with url|HTTP status \w+ error|error following redirect|"
        r"\d{3} (?:Server|Client) Error)[^\n]*?((?:https?|file)://[^\s`'\")<>]+|[\w.-]+:\d+)|"
        r"unable\s+to\s+access\s+'([^'\n]+)'|Error connecting to repository|"
        r"connection broken by [^\n]*?host='([\w.-]+', port=\d+)(?=.*from versions: none)",
        ErrorCode.NO_ANSWER,
        "{0} does not answer.",
        _NETWORK,
        online=True,
    ),
    Rule(
        # what is no wheel, no page or no package: uv says so of a file that was cut off, and calls it unsolvable
        r"invalid package format|Failed to extract archive|Failed to read from zip file|error decoding response body|"
        r"error reading a body|unexpected HTML from|Missing `Content-Type`|network timeout|failed to parse repodata|"
        r"Connection broken|IncompleteRead|ChunkedEncodingError|Read timed out|ReadTimeoutError|not a zip file|Bad CRC|"
        r"Exceeded \d+ redirects",
        ErrorCode.BROKEN_DOWNLOAD,
        "What {source} sent is not whole: {said}",
        _NETWORK,
    ),
    Rule(
        r"Permission denied|Read-only file system|os error 13\b|os error 30\b|EnvironmentNotWritable|NotWritableError|"
        r"Unable to create prefix directory|CondaError: Failed to write to",
        ErrorCode.CANNOT_WRITE,
        "A file cannot be written: {said}",
        "see to the room and the rights there",
    ),
    Rule(
        r"Because ([\w.-]+) was not found in the package registry",
        ErrorCode.UNKNOWN_PACKAGE,
        "There is no package {0!r} in the index.",
        "check the spelling",
        online=True,
    ),
    Rule(
        r"Could not find a matching version of package ([\w.-]+)",
        ErrorCode.UNKNOWN_VERSION,
        "The index has no package {0!r} that matches what was asked for.",
        "check the name and the version",
        online=True,
    ),
    Rule(
        # uv puts a marker between the name and the version
        r"there (?:is no version|are no versions) of ([^\s{]+)(?:\{[^}]*\})?(\S*)",
        ErrorCode.UNKNOWN_VERSION,
        "The index has no {0}.",
        "check the spelling, and ask for a version that exists",
        online=True,
    ),
    Rule(
        r"dependency `([^`]+)` could not be found|The following packages were not found: ([^\n]+)|"
        r"missing from the target environment:\s*-\s*([^\n]+)",
        ErrorCode.NOT_DECLARED,
        "{0} is not there to be removed: {said}",
        "check the spelling and the group",
    ),
    Rule(
        r"No candidates were found for ([^\n]+?)(?: \*)?\.?(?:\n|$)|No matching distribution found for ([^\n]+)|"
        r"ResolvePackageNotFound:\s*-?\s*([^\n]+)|PackagesNotFoundError[^\n]*\n+\s*-\s*([^\n]+)|"
        r"nothing provides (?:requested )?([^\n,]+)",
        ErrorCode.UNKNOWN_PACKAGE,
        "The package {0} is not to be had.",
        "check its spelling, its version, and the channels in conda.yml",
        online=True,
    ),
    Rule(
        r"requested interpreter resolved to Python (\S+), which is incompatible with the project|"
        r"Current Python version \(([^)]+)\) is not allowed by the project",
        ErrorCode.WRONG_PYTHON,
        "The environment's Python {0} is not what requires-python wants.",
        "change requires-python or the Python in conda.yml, or pass --python",
    ),
    Rule(
        r"current project's supported Python range \(([^)]*)\) is not compatible",
        ErrorCode.PYTHON_RANGE_TOO_WIDE,
        "requires-python ({0}) allows Pythons that a dependency does not support.",
        "narrow requires-python in pyproject.toml",
    ),
    Rule(
        r"No interpreter found (?:for|at path) ([^\n]+?)(?: in |\n|$)",
        ErrorCode.PYTHON_NOT_FOUND,
        "There is no {0} on this machine.",
        "install it, or pass another --python",
    ),
    Rule(
        r"No solution found|version solving failed|UnsatisfiableError|cannot be solved|"
        r"depends on both",
        ErrorCode.UNSOLVABLE,
        "No set of versions fits all that is asked for: {said}",
        "loosen one of the constraints named above",
        online=True,
    ),
    Rule(
        r"Failed to parse `(\w+\.lock)`|Unable to find lockfile at `(\w+\.lock)`",
        ErrorCode.DAMAGED_LOCK,
        "{0} is missing or cannot be read: {said}",
        "lock anew: invoke deps.lock",
    ),
    Rule(
        r"Group `([^`]+)` is not defined|Group\(s\) not found: ([^\n]+)",
        ErrorCode.UNKNOWN_GROUP,
        "There is no group {0} in pyproject.toml's dependency-groups.",
        "check the spelling, or add a package to it first",
    ),
    Rule(
        r"Failed to parse: `pyproject.toml`|Invalid TOML|TOML parse error",
        ErrorCode.INVALID_MANIFEST,
        "pyproject.toml cannot be read: {said}",
        "mend pyproject.toml",
    ),
    Rule(
        r"lockfile at `uv.lock` needs to be updated|pyproject.toml changed significantly since poetry.lock",
        ErrorCode.STALE_LOCK,
        "The lock does not fit pyproject.toml any more.",
        "lock anew: invoke deps.lock",
    ),
    Rule(
        r"invalid request: ([^\n]+)|invalid package specification: ([^\n]+)|Invalid spec ([^\n]+)|"
        r"Failed to parse: `([^`\n]+)`|requirement is invalid: ([^\n]*\n+[^\n]+)|"
        r"Could not parse version constraint: ([^\n]+)",
        ErrorCode.INVALID_SPEC,
        "This cannot be read: {0}",
        "mend what you typed, or conda.yml",
    ),
)


def explain(outcome: Outcome, *, title: str = "") -> LabError:
    """Give the error that a failed command amounts to; an unknown one shows the last lines that it printed."""
    said = redaction.without_secrets(outcome.said)
    for rule in RULES:
        pattern = re.compile(rule.pattern, re.IGNORECASE | re.DOTALL)
        if found := pattern.search(said):
            if rule.online and outcome.command.offline:
                rule = _NOT_CACHED  # noqa: PLW2901 - what it said, it said of the caches
            source = _source(outcome, said)
            plain = (
                text or ""
                for at, text in enumerate(found.groups(), 1)
                if at not in pattern.groupindex.values()
            )
            group = " ".join(("".join(plain) or source).split())
            group = group.replace("', port=", ":")  # as pip prints an address
            message = rule.message.format(group, said=_telling(said, pattern), source=source)
            remedy = rule.remedy.format(
                **{name: text.upper() for name, text in found.groupdict().items()}
            )
            return LabError(message, rule.code, remedy=remedy)
    last = _telling(said, _TELLING) or "it printed nothing."
    message = f"{outcome.command.program} ended with exit code {outcome.code}: {last}"
    remedy = (
        f"run it yourself to see all it says: {redaction.without_secrets(outcome.command.shown)}"
    )
    return LabError(
        message, ErrorCode.TOOL_FAILED, remedy=remedy, title=f"{title} failed" if title else ""
    )


def _source(outcome: Outcome, said: str) -> str:
    """Name the address that a download came from: as the tool said it, else the one that it was given."""
    command = outcome.command
    given = [*filter(None, command.env.values()), *command.argv, command.source]
    found = _ADDRESS.findall(said) or _ADDRESS.findall(redaction.without_secrets("\n".join(given)))
    return (
        found[-1] if found else redaction.without_secrets(command.source) or "the index or channel"
    )


def _telling(said: str, pattern: re.Pattern[str]) -> str:
    """Join the last lines that tell why: those about errors and causes, or of this pattern, else all."""
    lines = [
        line.strip() for line in said.splitlines() if line.strip() and not _EXCERPT.search(line)
    ]
    telling = [line for line in lines if _TELLING.search(line) or pattern.search(line)]
    return " ".join((telling or lines)[-_LINES:])


def demand(outcome: Outcome, *, title: str) -> Outcome:
    """Give the outcome of a command that ended well; raise what one that did not amounts to."""
    if not outcome.ok:
        raise explain(outcome, title=title)
    return outcome
