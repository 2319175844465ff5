"""Ask for the known vulnerabilities of what is locked, by `uv audit`, for each manager alike."""

from __future__ import annotations

import json
import os
import re
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from tasks_lib.checks.base import has_environment, listed
from tasks_lib.errors import NO_REMEDY, ErrorCode, LabError, Remedy
from tasks_lib.execution import failures
from tasks_lib.execution.plan import Step, execute
from tasks_lib.managers.locks import LockedPackage, Origin
from tasks_lib.ownership import declarations
from tasks_lib.ownership.facts import Facts
from tasks_lib.project import included
from tasks_lib.project.manifests import PYPROJECT, read_text
from tasks_lib.results import Check, Result, Status
from tasks_lib.session.session import Answer
from tasks_lib.tools import package_index, uv

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tasks_lib.execution.plan import Watcher
    from tasks_lib.execution.process import Outcome
    from tasks_lib.session.session import Session

ADVISORY = Check(
    "audit.advisory",
    "nothing that is locked has a known vulnerability",
    "The lock installs the same versions for years, and a hole that was found meanwhile comes "
    "with each installation.",
    Remedy("Renew it with deps.update --package NAME, or replace it"),
)
STATUS = Check(
    "audit.status",
    "no project that is locked is quarantined, archived or deprecated",
    "An index marks a project that was found to be malicious, or that nobody maintains.",
    Remedy("Replace it"),
    Status.WARN,
)
LAYER = Check(
    "audit.layer",
    "the environment layer's own packages are audited",
    "Advisories are about releases on PyPI: no advisory service knows the builds of conda's "
    "channels.",
    Remedy("Renew them with deps.update --layer conda, and read what the channel says"),
)
CHECKS = (ADVISORY, STATUS, LAYER)
_LONGEST = 300
#: what uv 0.13 says of a project about which the index said nothing
_NO_STATUS = re.compile(r"Skipping project-status check for `([^`]+)`")
#: without members it is no member of a workspace in the folder for temporary files
_MANIFEST = """\
[project]
name = "audited"
version = "0"
requires-python = ">=3.8"
[tool.uv.workspace]
"""
_HEAD = """\
version = 1
requires-python = ">=3.8"

[[package]]
name = "audited"
version = "0"
source = { virtual = "." }
"""


def audit(session: Session, watcher: Watcher, *, service: str = "", ignore: str = "") -> Answer:
    """Return what the advisory service knows of the lock, and of each project what the index says.

    uv is given a lock that names the user's own index alone: it would ask each index that the
    project's lock names.

    Raises:
        LabError: The run is offline, there is no lock, or the service does not answer.
    """
    if session.project.options.offline:
        text = "Advisories are on the network alone, and this run is offline."
        remedy = Remedy("Leave out --offline, or unset MLOPS_LAB_OFFLINE")
        raise LabError(text, ErrorCode.NOT_OFFLINE, remedy=remedy)
    session.manager.require_lock()
    asked, others = _sorted(session.manager.foreign_packages())
    skipped = list(_not_asked(session, others))
    with tempfile.TemporaryDirectory(prefix="mlops-lab-") as name:
        folder = Path(name)
        index = package_index.resolve(uv.of_user(session.project.options), os.environ).url
        (folder / uv.LOCK).write_text(made_lock(asked, index), encoding="utf-8")
        (folder / PYPROJECT).write_text(_MANIFEST, encoding="utf-8")
        command = uv.audit(session.project, folder, service, included.names([ignore]))
        reads = partial(results, session, len(asked))
        step = Step("deps.audit", "ask for advisories", command, reads=reads, check=True)
        found = execute([step], watcher) if asked else [ADVISORY.result(Status.PASS)]
    return Answer([*found, *skipped], {"audited": len(asked)})


def _sorted(packages: Iterable[LockedPackage]) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the releases of an index, and what is locked from elsewhere or without a version."""
    asked: dict[tuple[str, str], None] = {}
    others = []
    for one in packages:
        try:
            version = str(Version(one.version))
        except InvalidVersion:
            others.append(one.name)
            continue
        if one.origin is Origin.INDEX:
            asked[one.name, version] = None
        else:
            others.append(one.name)
    return list(asked), others


def _not_asked(session: Session, others: Sequence[str]) -> Iterator[Result]:
    """Yield a skip for what no advisory can be about."""
    if others:
        text = "from a repository, an address or a folder, and no release of an index"
        yield ADVISORY.result(
            Status.SKIP, f"Not asked about {listed(others)}: {text}.", remedy=NO_REMEDY
        )
    if session.environment.owns_packages:
        yield LAYER.result(Status.SKIP, f"The conda layer was not audited. {LAYER.why}")


def made_lock(asked: Iterable[tuple[str, str]], index: str) -> str:
    """Return a lock of uv's with these releases, all of the index; strings are as in JSON."""
    source = f"source = {{ registry = {json.dumps(index)} }}"
    rows, entries = [], []
    for name, version in asked:
        words = f"name = {json.dumps(name)}", f"version = {json.dumps(version)}", source
        rows.append("\n".join(("\n[[package]]", *words, "")))
        entries.append(f"    {{ {', '.join(words)} }},\n")
    return f"{_HEAD}dependencies = [\n{''.join(entries)}]\n{''.join(rows)}"


def results(session: Session, count: int, outcome: Outcome) -> Iterator[Result]:
    """Yield what uv found; it ends with 1 where it found anything."""
    try:
        found: Any = json.loads(outcome.stdout) if outcome.code in {0, 1} else None
        holes, marked = found["vulnerabilities"], found["adverse_statuses"]
        rows = [*_advisories(session, holes), *_statuses(marked)]
    except (ValueError, TypeError, KeyError, AttributeError):
        error = failures.explain(outcome, title="uv audit")
        if error.code is ErrorCode.TOOL_FAILED:  # what uv read is gone: nobody can run it again
            error.remedy = Remedy("See whether the service speaks the protocol of OSV")
        raise error from None
    if not holes:
        text = f"{count} releases of {session.manager.lock_name} were asked about."
        yield ADVISORY.result(Status.PASS, text)
    yield from rows
    unknown = sorted(set(_NO_STATUS.findall(outcome.stderr)))
    if unknown:
        text = f"Your index does not tell the status of {listed(unknown)}."
        yield STATUS.result(Status.SKIP, text, remedy=NO_REMEDY)
    elif not marked:
        yield STATUS.result(Status.PASS)


def _advisories(session: Session, holes: Iterable[dict[str, Any]]) -> Iterator[Result]:
    """Yield a result for each vulnerability, in the form of `uv audit --output-format json`.

    Raises:
        KeyError: It has another form.

    """
    lock = session.manager.lock_path
    text = read_text(lock)
    for hole in holes:
        name, version = hole["dependency"]["name"], hole["dependency"]["version"]
        fixes = [str(fix) for fix in hole["fix_versions"]]
        names = ", ".join([hole["id"], *hole["aliases"]])
        summary = _short(hole["summary"] or "no summary")
        parts = [f"{name} {version}: {summary} ({names})."]
        if fixes:
            parts.append(f"Fixed in {', '.join(fixes)}.")
        if hole["link"]:
            parts.append(str(hole["link"]))
        yield ADVISORY.result(
            Status.FAIL,
            " ".join(parts),
            remedy=_remedy(session, name, fixes),
            file=lock.name,
            line=_line(text, name, version),
        )


def _statuses(marked: Iterable[dict[str, Any]]) -> Iterator[Result]:
    """Yield a result for each project that an index marks, as PEP 792 has it."""
    for one in marked:
        status = one["status"]
        text = f"{one['name']} is {status}: {_short(one['reason'] or 'no reason is given')}."
        is_bad = status == "quarantined"
        yield STATUS.result(Status.FAIL if is_bad else Status.WARN, text)


def _short(text: str) -> str:
    """Return a text of the service on one line."""
    line = " ".join(str(text).split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} …"


def _line(text: str, name: str, version: str) -> int | None:
    """Return the line of a package in a lock, where it is written as both managers write it."""
    spelt = name.replace("-", "[-_.]")
    found = re.search(rf'(?im)^name = "{spelt}"\nversion = "{re.escape(version)}"$', text)
    return text.count("\n", 0, found.start()) + 1 if found else None


def _remedy(session: Session, name: str, fixes: Sequence[str]) -> Remedy:
    """Return what renews a package, and who forbids that."""
    if not fixes:
        return Remedy("No release is without it: read the advisory, or replace the package")
    for one in declarations.read(Facts(session, by_reading=True)):
        wanted = one.requirement
        forbids = not any(wanted.specifier.contains(fix, prereleases=True) for fix in fixes)
        if canonicalize_name(wanted.name) == name and forbids:
            return Remedy(f"Allow {fixes[0]} in {one.table}, then run deps.update")
    before = () if has_environment(Facts(session)) else ("env.create",)
    argv = ("invoke", *before, "deps.update", "--package", name)
    return Remedy("Renew it", argv)
