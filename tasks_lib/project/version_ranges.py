"""Version ranges: conda's as those of Python packages, and whether two of them overlap."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.project.conda_file import spec_name
from tasks_lib.project.manifests import PYPROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    from tasks_lib.project.manifests import PyProject
    from tasks_lib.project.project import Project

_CLAUSE = re.compile(r"(?P<sign>[=<>!~]=|[=<>]|)\s*(?P<version>\d+(?:\.\d+)*)(?P<star>\.?\*)?")
_SPACES = re.compile(r"(?<=[=<>!~,|])\s+|\s+(?=[,|])")
#: a build string follows a second `=` or a space: `3.12.*=*_cpython`, `3.12.1 h1_0`
_BUILD = re.compile(r"^(==?|)([\d.*]+)(?:=|\s+)[\w*]+$")


def any_overlap(first: Sequence[SpecifierSet], second: Sequence[SpecifierSet]) -> bool:
    """Return whether a version satisfies one of each."""
    return any(overlap(one, other) for one in first for other in second)


def overlap(first: SpecifierSet, second: SpecifierSet) -> bool:
    """Return whether at least one version satisfies both."""
    return not (first & second).is_unsatisfiable()


def conda_specifiers(spec: str) -> list[SpecifierSet] | None:
    """Return the alternatives of a conda spec (`3.11|3.12`), `None` if they are not certain."""
    from packaging.specifiers import SpecifierSet  # noqa: PLC0415 - 0.03 s, and not every task needs it

    limits = spec.rpartition("::")[2].strip()[len(spec_name(spec)) :].strip()
    version = _BUILD.sub(r"\1\2", _SPACES.sub("", limits))
    if version in {"", "*"}:
        return None
    choices = []
    for choice in version.split("|"):
        clauses = [_clause(text) for text in choice.split(",")]
        if None in clauses:
            return None
        choices.append(SpecifierSet(",".join(filter(None, clauses))))
    return choices


def _clause(text: str) -> str | None:
    """Return one clause of conda's as PEP 440 writes it, `None` if it has no equivalent."""
    found = _CLAUSE.fullmatch(text)
    if found is None:
        return None
    sign, version, star = found["sign"], found["version"], found["star"]
    if sign in {"=", ""} or (star and sign == "=="):
        return f"=={version}.*"
    if star and sign == "!=":
        return f"!={version}.*"
    return f"{sign}{version}"


def minor(python: str) -> str:
    """Return a version of Python without its patch."""
    return ".".join(python.split(".")[:2])


def applies(wanted: Requirement, python: str, extra: str = "") -> bool:
    """Return whether a requirement counts on this platform with this Python and `extra`."""
    if wanted.marker is None:
        return True
    here = {"extra": extra}
    if python:
        here |= {"python_version": minor(python), "python_full_version": python}
    return wanted.marker.evaluate(here)


def expect_pythons(specs: Iterable[str], file: str, project: Project) -> None:
    """Raise an error where the specs of `file`, or an option, name no Python that may be used."""
    pyproject = project.pyproject
    by = "--python" if project.options.python else file
    for spec in specs:
        choices = conda_specifiers(spec) if spec_name(spec) == "python" else None
        if choices is not None and not any_overlap(choices, pyproject.pythons()):
            raise wrong_python(pyproject, f"{by} names {spec}")


def wrong_python(pyproject: PyProject, what: str) -> LabError:
    """Return the error for a Python that `what` names, and on which the project may not run."""
    text = f"{what}, and {PYPROJECT} needs Python {pyproject.python_range}."
    remedy = Remedy(f"Change one of them: {PYPROJECT}, or what names the other Python")
    return LabError(text, ErrorCode.WRONG_PYTHON, file=PYPROJECT, remedy=remedy)


def is_python(wanted: str, has: str) -> bool:
    """Return whether a version is the one that was named, as `3.12` or as a specifier.

    A path or another name is for uv to judge.
    """
    # 0.03 s, and not every task needs it
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415 - see above

    specifier = f"=={wanted}.*" if wanted[0].isdigit() else wanted
    try:
        return allowed(has, [SpecifierSet(specifier)])
    except InvalidSpecifier:
        return True


def allowed(python: str, ranges: Iterable[SpecifierSet]) -> bool:
    """Return whether a version is in one of the ranges; what is not a version is in none."""
    from packaging.version import InvalidVersion, Version  # noqa: PLC0415 - see above

    try:
        version = Version(python)
    except InvalidVersion:
        return False
    return any(one.contains(version, prereleases=True) for one in ranges)
