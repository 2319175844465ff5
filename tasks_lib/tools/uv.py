"""Run uv as a tool that finds Pythons, creates environments and installs packages.

And what it says when it fails.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import failures, files
from tasks_lib.execution.failure_rules import (
    BROKEN_DOWNLOAD,
    CANNOT_WRITE,
    DISK_FULL,
    HASH_MISMATCH,
    LOGIN_REFUSED,
    NO_ANSWER,
    NOT_CACHED,
    UNKNOWN_REPOSITORY,
    UNKNOWN_REVISION,
    VERSION_EXISTS,
    WRONG_PYTHON,
    Rule,
)
from tasks_lib.execution.process import Command
from tasks_lib.project.options import Choice, Source
from tasks_lib.tools import executables, package_index
from tasks_lib.tools.changes import Change
from tasks_lib.tools.uv_variables import UV

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks_lib.execution.process import Outcome
    from tasks_lib.project.options import Options
    from tasks_lib.project.project import Project

LOCK = "uv.lock"
_LIMIT = "UV_HTTP_TIMEOUT"
#: What uv 0.13 says, each taken from a real failure. The first rule that matches is the reason.
FAILURES = (
    Rule(
        ErrorCode.NOT_OFFLINE,
        "uv is told to stay off the network, where advisories are.",
        Remedy("Unset UV_OFFLINE, or take offline out of uv.toml"),
        ("Auditing requires network access",),
    ),
    NOT_CACHED.saying("network was disabled|network connectivity is disabled"),
    DISK_FULL,
    HASH_MISMATCH,
    UNKNOWN_REPOSITORY,
    UNKNOWN_REVISION.saying(
        r"failed\s+to\s+fetch\s+(?:branch|tag|commit)\s+(?:or\s+tag\s+)?`(?P<what>[^`]+)`"
    ),
    VERSION_EXISTS.saying("Failed to publish .*status code 409", *VERSION_EXISTS.patterns),
    LOGIN_REFUSED.saying("Failed to publish .*(?:status code 40[13]|Missing credentials)"),
    Rule(
        ErrorCode.PYTHON_NOT_FOUND,
        "This machine has no such Python, and it cannot be downloaded: {what} does not answer.",
        Remedy("Install the Python, or check the network"),
        (r"Failed to download `(?P<what>[^`]+/(?:cpython|pypy|graalpy)-[^`/]+)`",),
    ),
    Rule(
        ErrorCode.PYTHON_NOT_FOUND,
        "The Python {what} does not start.",
        Remedy("Repair it, or take it off PATH"),
        (r"Failed to inspect Python interpreter from [^`]*`(?P<what>[^`]+)`",),
    ),
    NO_ANSWER.saying(
        r"(?:Failed to fetch|error sending request for url|could not fetch|HTTP status \w+ error|"
        r"error following redirect)[^\n]*?(?P<what>(?:https?|file)://[^\s`'\")<>]+|[\w.-]+:\d+)",
        *NO_ANSWER.patterns,
    ).limited_by(_LIMIT),
    BROKEN_DOWNLOAD.saying(  # uv calls the request unsolvable where a file was cut off
        r"invalid package format|Failed to extract archive|Failed to read from zip file|"
        r"error decoding response body|error reading a body",
        *BROKEN_DOWNLOAD.patterns,
    ).limited_by(_LIMIT),
    CANNOT_WRITE,
    Rule(
        ErrorCode.UNKNOWN_PACKAGE,
        "There is no package {what!r} in the index.",
        Remedy("Check the spelling"),
        (r"Because (?P<what>[\w.-]+) was not found in the package registry",),
        online=True,
    ),
    Rule(
        ErrorCode.UNKNOWN_VERSION,
        "The index has no {name}{version}.",
        Remedy("Check the spelling, and request a version that exists"),
        (  # uv puts a marker between the name and the version
            (
                r"there (?:is no version|are no versions) of (?P<name>[^\s{=<>!~]+)(?:\{[^}]*\})?"
                r"(?P<version>\S*)"
            ),
        ),
        online=True,
    ),
    Rule(
        ErrorCode.NOT_DECLARED,
        "{what} is not declared, so it cannot be removed: {said}",
        Remedy("Check the spelling and the group"),
        (r"dependency `(?P<what>[^`]+)` could not be found",),
    ),
    Rule(
        ErrorCode.UNKNOWN_PACKAGE,
        "Package {what} was not found.",
        Remedy("Check its spelling and its version"),
        (r"No matching distribution found for (?P<what>[^\n]+)",),
        online=True,
    ),
    WRONG_PYTHON.saying(
        r"requested interpreter resolved to Python (?P<what>\S+), which is incompatible "
        r"with the project"
    ),
    Rule(
        ErrorCode.PYTHON_NOT_FOUND,
        "There is no {what} on this machine.",
        Remedy("Install it, or pass another --python"),
        (
            r"No interpreter found (?:for|at path) (?P<what>[^\n]+?)(?: in |\n|$)",
            r"Invalid version request:.* but (?P<what>\S+) was requested",
        ),
    ),
    Rule(
        ErrorCode.UNSOLVABLE,
        "No set of versions satisfies all requirements: {said}",
        Remedy("Loosen one of the requirements named above"),
        ("No solution found",),
        online=True,
    ),
    Rule(
        ErrorCode.DAMAGED_LOCK,
        "{what} is missing or cannot be read: {said}",
        Remedy("Lock again", ("invoke", "deps.lock")),
        (
            r"Failed to parse `(?P<what>\w+\.lock)`",
            r"Unable to find lockfile at `(?P<what>\w+\.lock)`",
            r"failed to read from file `(?:[^`]*[/\\])?(?P<what>\w+\.lock)`",
        ),
    ),
    Rule(
        ErrorCode.NOT_SUPPORTED,
        "{what} was written by a uv that this one cannot read: {said}",
        Remedy("Change the lock where it was written, or delete {what} and lock again"),
        (r"lockfile at `(?P<what>\w+\.lock)` uses an unsupported schema version",),
    ),
    Rule(
        ErrorCode.UNKNOWN_GROUP,
        "There is no group {what} in pyproject.toml's dependency-groups.",
        Remedy("Check the spelling, or add a package to the group first"),
        ("Group `(?P<what>[^`]+)` is not defined",),
    ),
    Rule(
        ErrorCode.INVALID_MANIFEST,
        "{what} cannot be read: {said}",
        Remedy("Correct {what}"),
        (r"Failed to parse: `?(?P<what>[^`\n]*\buv\.toml)",),
    ),
    Rule(
        ErrorCode.INVALID_MANIFEST,
        "pyproject.toml cannot be read: {said}",
        Remedy("Correct pyproject.toml"),
        ("Failed to parse: `?pyproject.toml`?|TOML parse error",),
    ),
    Rule(
        ErrorCode.STALE_LOCK,
        "The lock does not fit pyproject.toml any more.",
        Remedy("Lock again", ("invoke", "deps.lock")),
        ("lockfile at `uv.lock` needs to be updated",),
    ),
    Rule(
        ErrorCode.INVALID_SPEC,
        "This cannot be read: {what}",
        Remedy("Correct what you typed"),
        (r"Failed to parse: `(?P<what>[^`\n]+)`",),
    ),
)

#: what uv reads of a project by itself
READS = ("uv.toml", ".python-version")
#: The lines ` - click==8.1.7`, ` + click==8.5.1` and ` ~ demo @ file:///p` of `uv sync` and `uv pip
#: install`.
_CHANGE = re.compile(
    r"^ (?P<sign>[-+~]) (?P<name>[\w.-]+)(?:==(?P<version>\S+)| @ (?P<address>\S+))?", re.MULTILINE
)
_NO_CHANGES = "Would make no changes"


def variables(project: Project) -> dict[str, str | None]:
    """Return the variables for uv.

    It is given an index only where somebody set one outside the project: uv records the address in
    uv.lock, so pip's own default is never written out.
    """
    table = project.pyproject.table("tool", "uv")
    rows = table.get("index")
    explicit = False  # such an index leaves the default as it is
    if isinstance(rows, list):
        explicit = all(isinstance(row, dict) and row.get("explicit") is True for row in rows)
    has_own_index = bool((rows and not explicit) or table.get("index-url"))
    return _variables(project.options, has_own_index=has_own_index)


def _variables(options: Options, *, has_own_index: bool) -> dict[str, str | None]:
    env = {**UV.unset(), **options.limiting("UV_EXCLUDE_NEWER")}
    if options.offline:
        env |= package_index.OFFLINE["uv"]
    found = None if has_own_index else package_index.resolve(options)
    if found and found.source and not found.source.startswith("UV_"):
        env["UV_DEFAULT_INDEX"] = found.url
    return env


def command(project: Project, *words: str, why: str, cwd: Path | None = None) -> Command:
    """Return the command that runs uv with the project's index and the options of the run."""
    for name in READS:
        files.expect_regular(project.root / name)
    argv = (executables.uv(), *words)
    return Command(argv, why, env=variables(project), cwd=cwd, failures=FAILURES)


def outdated(project: Project, packages: Path) -> Command:
    """Return the command that asks the user's index about what is in a folder of packages.

    It reads the records alone, with our own interpreter, and follows no setting of the project.
    """
    words = ("pip", "list", "--outdated", "--format", "json", "--target", str(packages))
    argv = (executables.uv(), *words, "--python", executables.base_python())
    why = "ask the index for newer versions of what is installed"
    env = _variables(of_user(project.options), has_own_index=False)
    return Command(argv, why, env=env, cwd=Path(sys.prefix), failures=FAILURES)


def audit(project: Project, folder: Path, service: str, ignored: Sequence[str]) -> Command:
    """Return the command that asks for advisories on what the lock in a folder names.

    It says on stderr too which project's status it could not learn.
    """
    argv = [executables.uv(), "audit", "--frozen", "--output-format", "json"]
    argv += ["--preview-features", "audit-command,json-output"]
    argv += ["--service-url", service] if service else []
    argv += [f"--ignore={name}" for name in ignored]
    env = _variables(of_user(project.options), has_own_index=False)
    env |= {"UV_PYTHON_DOWNLOADS": "never", "RUST_LOG": "uv_audit::service::project_status=trace"}
    why = "ask for known vulnerabilities of what is locked"
    return Command(tuple(argv), why, env=env, cwd=folder, failures=FAILURES)


def of_user(options: Options) -> Options:
    """Return the options without an index that only the project names."""
    is_own = options.index.source is Source.SETTINGS
    return replace(options, index=Choice()) if is_own else options


def newer(outcome: Outcome, title: str = "ask uv for newer versions") -> dict[str, str]:
    """Return the newest version of each normalised name that such a command found."""
    said = failures.demand(outcome, title=title).stdout
    rows = json.loads(said or "[]")
    return {canonicalize_name(row["name"]): row["latest_version"] for row in rows}


def changes(outcome: Outcome) -> list[Change]:
    """Return what `uv sync` or `uv pip install` did, or with `--dry-run` would do.

    The text is read, since `uv pip install` has no JSON and that of `uv sync` calls its schema a
    preview (uv 0.13.9).

    Raises:
        LabError: The command failed, or a dry run says neither what would change nor that nothing
        would.

    """
    said = failures.demand(outcome, title="uv").stderr
    before: dict[str, str] = {}
    after: dict[str, str] = {}
    for found in _CHANGE.finditer(said):
        name = canonicalize_name(found["name"])
        version = found["version"] or found["address"] or ""
        if found["sign"] != "+":
            before[name] = version
        if found["sign"] != "-":
            after[name] = version
    names = dict.fromkeys([*before, *after])
    if not names and "--dry-run" in outcome.command.argv and _NO_CHANGES not in said:
        text = "uv's dry run does not say what would change."
        raise LabError(text, ErrorCode.TOOL_FAILED, remedy=failures.by_hand(outcome.command))
    return [Change(name, before.get(name, ""), after.get(name, "")) for name in names]
