"""What a project's environment has before a migration, and whether the new one has the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from packaging.utils import canonicalize_name, canonicalize_version

from tasks_lib.environments import site_packages
from tasks_lib.environments.base import SEEDS
from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.ownership import graph
from tasks_lib.ownership.facts import Facts
from tasks_lib.project.conda_file import PYPI, spec_name
from tasks_lib.project.manifests import PYPROJECT
from tasks_lib.project.version_ranges import minor
from tasks_lib.results import Result, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks_lib.session.session import Session

SAME = "the same versions are installed"
#: what every environment has
COMMON = {"python", "pip", "setuptools", "wheel"}


class DiffersError(LabError):
    """The new environment is not what the old one was."""

    def __init__(self, message: str, remedy: Remedy) -> None:
        """Describe what differs."""
        super().__init__(f"{message}.", ErrorCode.MIGRATION_DIFFERS, remedy=remedy, title=SAME)


@dataclass(frozen=True)
class Installed:
    """What the old environment has.

    `versions` must be there again. `sources` maps what comes from no index to a requirement of
    exactly that. `strays` are declared nowhere; each is mapped to what installs it. `absent` is
    locked and not installed.
    """

    python: str
    versions: dict[str, str]
    sources: dict[str, str]
    required: frozenset[str]
    strays: dict[str, str]
    absent: frozenset[str]
    own: str

    @property
    def minor(self) -> str:
        """Return the version of Python without its patch."""
        return minor(self.python)

    @classmethod
    def of(cls, session: Session) -> Installed:
        """Return what a session's environment has."""
        facts = Facts(session)
        locked = session.manager.locked()
        reached = graph.read(facts).reached()
        versions = {}
        for name, version in facts.installed.items():
            owned = facts.owned.get(name)
            key = ("conda", owned.package) if owned else ("python", name)
            is_needed = key in reached and name not in COMMON
            if name != facts.own_name and (name in locked or is_needed):
                versions[name] = version
        required = set(locked)
        if session.environment.owns_packages and facts.conda_file:
            for spec in facts.conda_file.dependencies:
                required.add(distribution(session, spec))
        asked = site_packages.requirements(session.environment.prefix)
        elsewhere = session.manager.from_elsewhere().intersection(versions)
        known = {*versions, *SEEDS, facts.own_name, *facts.owned}
        return cls(
            python=facts.python,
            versions=versions,
            sources={name: asked[name] for name in elsewhere},
            required=frozenset(required.intersection(versions)),
            strays={name: asked[name] for name in facts.installed.keys() - known},
            absent=frozenset(locked.keys() - facts.installed.keys()),
            own=facts.own_name,
        )


def distribution(session: Session, spec: str) -> str:
    """Return the Python distribution that conda installed for a spec, empty if it is not one."""
    package = spec_name(spec)
    found = []
    for name, owned in session.environment.owned().items():
        if owned.package == package:
            found.append(name)
    likely = PYPI.get(package, canonicalize_name(package))
    if likely in found:
        return likely
    return found[0] if found and package not in COMMON else ""


@dataclass
class _Differences:
    """What differs, and the names that each remedy is about."""

    texts: list[str]
    changed: set[str]
    elsewhere: set[str]
    new: list[str]
    python: bool = False


def compare(target: Session, had: Installed, *, made: bool) -> Sequence[Result]:
    """Compare the new environment with the old one; `made` says that this run created it.

    Raises:
        DiffersError: A name or a version differs.

    """
    facts = Facts(target)
    differences = _differences(target, facts, had)
    if differences.texts:
        _refuse(target, facts, had, differences, made=made)
    same = len(had.versions.keys() & facts.installed.keys())
    title = f"{SAME}: {same} packages, name by name and version by version"
    return [Result("migrate.same", Status.PASS, title)]


def _differences(target: Session, facts: Facts, had: Installed) -> _Differences:
    """Return all that differs between what was there and what is there now."""
    now = facts.installed
    found = _Differences([], set(), set(), [])
    for name, version in had.versions.items():
        text = _difference(target, facts, had, name)
        if text:
            found.texts.append(f"{name} {version} {text}")
            found.changed.add(name)
    asked = site_packages.requirements(target.environment.prefix)
    for name, source in had.sources.items():
        if asked.get(name) != source:
            found.texts.append(f"{name} is now {asked.get(name)}")
            found.elsewhere.add(name)
    known = {*had.versions, *had.strays, *SEEDS, had.own, *facts.owned}
    found.new = sorted(now.keys() - known)
    found.texts += [f"{name} {now[name]} is new" for name in found.new]
    if minor(facts.python) != had.minor:
        found.texts.append(f"Python {had.python} is now {facts.python}")
        found.python = True
    found.changed -= found.elsewhere
    return found


def _difference(target: Session, facts: Facts, had: Installed, name: str) -> str:
    """Return what is different about a distribution, nothing if it is the same."""
    now = facts.installed.get(name)
    if now is None:
        return "is missing" if name in had.required else ""
    if canonicalize_version(now) != canonicalize_version(had.versions[name]):
        return f"is now {now}"
    if name not in facts.owned and name not in facts.locked:
        return f"is not in {target.manager.lock_name}"
    return ""


def _refuse(
    target: Session, facts: Facts, had: Installed, differences: _Differences, *, made: bool
) -> NoReturn:
    """Raise the error, with a remedy for each kind of difference."""
    by_hand = differences.changed - facts.locked.keys()  # or conda's: the lock has no say
    texts = []
    argv: tuple[str, ...] = ()
    if differences.changed - (set() if made else by_hand):
        limit = f"Narrow requires-python, e.g. to =={had.minor}.*"
        texts.append(f"{limit}, or raise the lower bound of what differs")
    if differences.elsewhere:
        texts.append(f"Declare its exact source in {PYPROJECT}, e.g. a repository's rev")
    if made and differences.python:
        texts.append(f"Write python={had.minor} to the conda file")
    if made and had.absent.issuperset(differences.new):
        texts += ["Install what the lock lists before the move"] if differences.new else []
        argv = ("invoke", "deps.install") if differences.new else ()
    elif made:
        texts.append("Declare what is new before the move")
        argv = ("invoke", "deps.add", *differences.new)
    if not made and (differences.new or differences.python or by_hand):
        texts.append(f"{target.environment.where} existed already; remove it and migrate again")
        argv = removal(target)
    said = "; ".join(differences.texts)
    raise DiffersError(said, Remedy("; ".join(texts), argv))


def removal(session: Session) -> tuple[str, ...]:
    """Return the command that removes the environment of a session."""
    return ("invoke", "env.remove", *of_combo(session))


def of_combo(session: Session) -> tuple[str, ...]:
    """Return the options by which a task works on the environment of a session."""
    engine = session.project.options.engine
    return ("--combo", session.combo.id, *(() if engine == "auto" else ("--engine", engine)))
