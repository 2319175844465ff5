"""What the instructor requires of each repository: the table `[require]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.ownership import declarations
from tasks_lib.project.conda_file import PYPI
from tasks_lib.project.manifests import PYPROJECT
from tasks_lib.project.version_ranges import any_overlap, conda_specifiers
from tasks_lib.results import Check, Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks_lib.cohort.repository import Repository
    from tasks_lib.cohort.settings import Require
    from tasks_lib.ownership.facts import Facts
    from tasks_lib.results import Result

PACKAGES = Check(
    "require.packages",
    "the required packages are declared and locked",
    "The course's exercises import them, in these versions.",
    Remedy("Declare it by deps.add, which locks too"),
)
PYTHON = Check(
    "require.python",
    "the project allows the course's Python",
    "The course's code runs on these versions.",
    Remedy("Change requires-python in pyproject.toml"),
)
FILES = Check(
    "require.files",
    "the required files exist",
    "The hand-in is not complete without them.",
    Remedy("Add the file"),
)
MANIFESTS = Check(
    "require.manifests",
    "the required manifests exist",
    "Without them nobody can make the environment again.",
    Remedy("Write the manifest"),
)
CHECKS = (PACKAGES, PYTHON, FILES, MANIFESTS)


def files(require: Require, repository: Repository) -> Iterator[Result]:
    """Yield which of the required manifests and files exist."""
    yield from _missing(MANIFESTS, require.manifests, repository)
    yield from _missing(FILES, require.files, repository)


def _missing(check: Check, patterns: tuple[str, ...], repository: Repository) -> Iterator[Result]:
    try:
        lacking = [one for one in patterns if not _has(repository, one)]
    except LabError as error:
        is_ours = error.code is ErrorCode.FILE_TOO_LARGE  # more files than are looked at
        yield check.of_unread(error, Status.ERROR if is_ours else Status.FAIL)
        return
    for pattern in lacking:
        yield check.result(Status.FAIL, f"No file matches {pattern}.")
    if patterns and not lacking:
        yield check.result(Status.PASS)


def _has(repository: Repository, pattern: str) -> bool:
    """Return whether a file matches, in the project's folder or from the top of the hand-in."""
    return any(repository.glob(pattern)) or any(repository.top.glob(pattern))


def packages(require: Require, facts: Facts) -> Iterator[Result]:
    """Yield what the manifests and the lock lack of the required packages.

    It cannot be told where the lock cannot be read, which fails by itself.
    """
    if not require.packages:
        return
    try:
        yield from _packages(require, facts)
    except LabError as error:
        yield PACKAGES.of_error(Status.SKIP, error)


def _packages(require: Require, facts: Facts) -> Iterator[Result]:
    declared = _declared(facts)
    conda = {
        PYPI.get(name, canonicalize_name(name)): spec for name, spec in facts.conda_specs.items()
    }
    faults = []
    for text in require.packages:
        wanted = Requirement(text)
        name = canonicalize_name(wanted.name)
        locked = facts.locked.get(name, set())
        spec = conda.get(name)
        if name not in declared and spec is None:
            faults.append((wanted, f"{wanted.name} is not declared."))
        elif not locked and spec is None:
            faults.append((wanted, f"{wanted.name} is declared, and no lock pins it."))
        choices = conda_specifiers(spec) if spec else None
        if choices and not any_overlap(choices, [wanted.specifier]):
            faults.append((wanted, f"The conda file has {spec}, and the course needs {wanted}."))
        # of the versions that a lock keeps apart, another Python may have the others
        if locked and not any(_allows(wanted.specifier, version) for version in locked):
            versions = " and ".join(sorted(locked))
            told = f"{facts.session.manager.lock_name} pins {wanted.name} {versions}"
            faults.append((wanted, f"{told}, and the course needs {wanted}."))
    for wanted, text in faults:
        remedy = Remedy(f"Declare {wanted} by deps.add, which locks too")
        yield PACKAGES.result(Status.FAIL, text, remedy=remedy, file=PYPROJECT)
    if not faults:
        yield PACKAGES.result(Status.PASS)


def _declared(facts: Facts) -> set[str]:
    """Return the normalised names that any table of the manifest requires."""
    found: set[str] = set()
    for one in declarations.read(facts):
        found.add(canonicalize_name(one.requirement.name))
    return found


def _allows(wanted: SpecifierSet, version: str) -> bool:
    try:
        return wanted.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return False


def python(require: Require, facts: Facts) -> Iterator[Result]:
    """Yield whether a version of Python exists that the course and the project both allow."""
    if not require.python:
        return
    project = facts.project.pyproject
    try:
        allowed = project.pythons()
    except LabError as error:
        yield PYTHON.of_error(Status.FAIL, error)
        return
    if any_overlap(allowed, [SpecifierSet(require.python)]):
        yield PYTHON.result(Status.PASS)
        return
    text = f"The project needs Python {project.python_range}, and the course {require.python}."
    line = project.line_of("project", "requires-python")
    yield PYTHON.result(Status.FAIL, text, file=PYPROJECT, line=line)
