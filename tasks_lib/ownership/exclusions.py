"""Versions that the conda file asks for and the other layer excludes: found in what was written.

Each layer would install its own over the other's, in every run again.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from packaging.utils import canonicalize_name

from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution.plan import Step
from tasks_lib.ownership import declarations
from tasks_lib.ownership.facts import Facts
from tasks_lib.project.conda_file import OTHER_ON_PYPI, PYPI
from tasks_lib.project.version_ranges import any_overlap, applies, conda_specifiers
from tasks_lib.tools import executables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from packaging.specifiers import SpecifierSet

    from tasks_lib.session.session import Session

REMEDY = Remedy("Ask for the package in one place, or for a version that both allow")


class Exclusion(NamedTuple):
    """Two places that exclude each other, as a sentence, and the line in the conda file."""

    text: str
    line: int | None


class _Asked(NamedTuple):
    """What one entry of the conda file allows: at least one of `choices`."""

    text: str
    line: int | None
    name: str
    choices: list[SpecifierSet]


def look(facts: Facts) -> Iterator[Exclusion]:
    """Yield what pyproject.toml excludes, and of the `pip:` section what the lock excludes."""
    found = list(of_manifests(facts))
    yield from found
    said = {one.line for one in found}
    for one in of_lock(facts):
        if one.line not in said:
            yield one


def of_manifests(facts: Facts) -> Iterator[Exclusion]:
    """Yield each entry of the conda file of which pyproject.toml allows no version.

    Only what a plain installation takes counts. A spec that cannot be read for certain is left out.
    """
    declared: dict[str, list[declarations.Declaration]] = defaultdict(list)
    for one in _installed_with_default(facts):
        declared[canonicalize_name(one.requirement.name)].append(one)
    for asked in (*_of_conda(facts), *_of_section(facts)):
        for one in declared[asked.name]:
            allowed = one.requirement.specifier
            if not any_overlap(asked.choices, [allowed]):
                text = f"{asked.text} and {one.requirement} ({one.table}) exclude each other."
                yield Exclusion(text, asked.line)


def of_lock(facts: Facts) -> Iterator[Exclusion]:
    """Yield each entry of the `pip:` section that the lock installs at another version.

    What conda owns is for the guard, which knows the version that conda has.
    """
    section = [one for one in _of_section(facts) if one.name not in facts.owned]
    if not section:
        return
    manager = facts.session.manager
    pins, needed = manager.locked(_python(facts)), _needed(facts)
    for asked in section:
        versions = pins.get(asked.name, set()) - {""}
        if asked.name not in needed or not versions:
            continue
        (allowed,) = asked.choices
        if not any(allowed.contains(version, prereleases=True) for version in versions):
            found = " or ".join(sorted(versions))
            text = f"{asked.text} and {asked.name} {found} ({manager.lock_name})"
            yield Exclusion(f"{text} exclude each other.", asked.line)


def refuse(session: Session, found: Iterable[Exclusion]) -> None:
    """Raise an error for the first that is found.

    Raises:
        LabError: `conflicting_versions`.
    """
    for text, line in found:
        file = session.project.conda_file.path.name
        code = ErrorCode.CONFLICTING_VERSIONS
        raise LabError(text, code, file=file, line=line, remedy=REMEDY)


def after_lock(session: Session, creation: list[Step], lock: Step) -> list[Step]:
    """Return the steps that lock and create: a `pip:` section waits for what the lock says of it.

    A lock that needs the new environment's Python cannot be waited for.
    """
    facts = Facts(session)
    if not creation or lock.needs or not any(_of_section(facts)):
        return [*creation, lock]
    title = "check that the lock and the pip: section go together"
    check = Step(
        "guard.versions",
        title,
        work=lambda: refuse(session, of_lock(Facts(session))),
        needs=(lock.id,),
        check=True,
    )
    return [lock, check, *(step.after(check.id) for step in creation)]


def _of_conda(facts: Facts) -> Iterator[_Asked]:
    file = facts.conda_file
    for name, spec in facts.conda_specs.items():
        choices = conda_specifiers(spec)
        if file and choices and name not in {"python", *OTHER_ON_PYPI}:
            python_name = PYPI.get(name, canonicalize_name(name))
            yield _Asked(spec, file.lines.get(name), python_name, choices)


def _of_section(facts: Facts) -> Iterator[_Asked]:
    for one in facts.pip_section.wanted:
        wanted = one.requirement
        if wanted and wanted.specifier and applies(wanted, _python(facts)):
            name = canonicalize_name(wanted.name)
            yield _Asked(f"{wanted} (pip:)", one.line, name, [wanted.specifier])


def _installed_with_default(facts: Facts) -> Iterator[declarations.Declaration]:
    """Yield the requirements that an installation without options takes."""
    for one in declarations.default(facts):
        if applies(one.requirement, _python(facts)):
            yield one


def _needed(facts: Facts) -> set[str]:
    """Return the names that an installation without options takes from the lock."""
    needs: dict[str, set[str]] = defaultdict(set)
    for package in facts.session.manager.locked_packages():
        needs[package.name].update(package.dependencies)
    declared = _installed_with_default(facts)
    waiting: list[str] = [canonicalize_name(one.requirement.name) for one in declared]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += needs[name]
    return found


def _python(facts: Facts) -> str:
    """Return the environment's Python, or the one that it will have as far as that is known."""
    named = re.search(r"\d+(\.\d+)+", facts.conda_specs.get("python", ""))
    return facts.python or (named[0] if named else executables.running_python())
