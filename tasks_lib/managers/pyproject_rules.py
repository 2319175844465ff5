"""Validate what `pyproject.toml` declares, for a manager that looks at it only as it locks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks_lib.errors import Remedy
from tasks_lib.results import Check, Result, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tasks_lib.project.project import Project

CONFIG_PYPROJECT = Check(
    "config.pyproject",
    "pyproject.toml is valid",
    "uv reads a declaration only when it locks, so that a mistake shows late.",
    Remedy("Fix pyproject.toml at the line that the result names"),
)
_NAME = re.compile(r"[A-Z0-9](?:[A-Z0-9._-]*[A-Z0-9])?", re.IGNORECASE)
_NAMES: dict[type, str] = {str: "string", list: "list", dict: "table"}
#: the types of the `[project]` table (PyPA's specification 'pyproject.toml'); those with more than one are left out
_TYPES: dict[str, type] = {
    **dict.fromkeys(("name", "version", "description", "requires-python"), str),
    **dict.fromkeys(
        ("keywords", "classifiers", "authors", "maintainers", "dependencies", "dynamic"), list
    ),
    **dict.fromkeys(
        ("urls", "scripts", "gui-scripts", "entry-points", "optional-dependencies"), dict
    ),
}


def validate(project: Project) -> Iterator[Result]:
    """Give a failure for each fault of the `[project]` table and of the dependency groups, else one pass."""
    wrong = list(_faults(project))
    lines = {
        key: project.pyproject.line_of(key) for key in {key for _, key in wrong}
    }  # once for thousands of faults
    for text, key in wrong:
        yield CONFIG_PYPROJECT.result(Status.FAIL, text, file="pyproject.toml", line=lines[key])
    if not wrong:
        yield CONFIG_PYPROJECT.result(Status.PASS, file="pyproject.toml")


def _faults(project: Project) -> Iterator[tuple[str, str]]:
    """Give each fault with the key that it stands under."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415 - 0.03 s, while uv runs

    table = project.pyproject.table("project")
    if not table:
        yield "there is no [project] table.", "project"
    for key in ("name", "version"):
        if table and key not in table and key not in table.get("dynamic", ()):
            yield f"[project] has no {key}.", "project"
    for key, value in table.items():
        if key in _TYPES and not isinstance(value, _TYPES[key]):
            yield f"{key} must be a {_NAMES[_TYPES[key]]}.", key
    if isinstance(table.get("name"), str) and not _NAME.fullmatch(table["name"]):
        yield f"name: {table['name']!r} is no distribution's name.", "name"
    try:
        SpecifierSet(project.pyproject.requires_python)
    except InvalidSpecifier as error:
        yield f"requires-python: {error}.", "requires-python"
    yield from _no_requirements("dependencies", table.get("dependencies", []), {})
    groups = project.pyproject.table("dependency-groups")
    for owner in (table.get("optional-dependencies"), groups):
        for key, entries in owner.items() if isinstance(owner, dict) else ():
            yield from _no_requirements(key, entries, groups)


def _no_requirements(
    key: str, entries: object, groups: Mapping[str, object]
) -> Iterator[tuple[str, str]]:
    """Give the entries of a list that are no requirements (PEP 508); a group may include another (PEP 735)."""
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 - 0.03 s, while uv runs

    if not isinstance(entries, list):
        yield f"{key} must be a list.", key
        return
    for entry in entries:
        if isinstance(entry, dict) and str(entry.get("include-group")) in groups:
            continue
        try:
            Requirement(entry if isinstance(entry, str) else "")
        except InvalidRequirement:
            yield f"{key}: {entry!r} is no requirement.", key
