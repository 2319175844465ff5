"""Validate what `pyproject.toml` declares, for a manager that reads it only when it locks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks_lib.errors import Remedy
from tasks_lib.project import requirements
from tasks_lib.project.manifests import PYPROJECT
from tasks_lib.results import Check, Result, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tasks_lib.project.manifests import PyProject
    from tasks_lib.project.project import Project

CONFIG_PYPROJECT = Check(
    "config.pyproject",
    "pyproject.toml is valid",
    "uv reads a declaration only when it locks, so that a mistake shows late.",
    Remedy("Correct pyproject.toml"),
)
_NAME = re.compile(r"[A-Z0-9](?:[A-Z0-9._-]*[A-Z0-9])?", re.IGNORECASE)
#: The types of the `[project]` table (PyPA's specification of pyproject.toml), without the keys
#: that have two types.
_TYPES: dict[str, tuple[type, str]] = {
    "name": (str, "string"),
    "version": (str, "string"),
    "description": (str, "string"),
    "requires-python": (str, "string"),
    "keywords": (list, "list"),
    "classifiers": (list, "list"),
    "authors": (list, "list"),
    "maintainers": (list, "list"),
    "dependencies": (list, "list"),
    "dynamic": (list, "list"),
    "urls": (dict, "table"),
    "scripts": (dict, "table"),
    "gui-scripts": (dict, "table"),
    "entry-points": (dict, "table"),
    "optional-dependencies": (dict, "table"),
}


def validate(project: Project) -> Iterator[Result]:
    """Yield a failure for each fault of the project's table and groups, else one pass."""
    pyproject = project.pyproject
    lines: dict[
        str, int | None
    ] = {}  # each is looked for once, though there may be thousands of faults
    for key, text in _faults(pyproject):
        if key not in lines:
            lines[key] = pyproject.line_of(key)
        yield CONFIG_PYPROJECT.result(Status.FAIL, text, file=PYPROJECT, line=lines[key])
    if not lines:
        yield CONFIG_PYPROJECT.result(Status.PASS, file=PYPROJECT)


def _faults(pyproject: PyProject) -> Iterator[tuple[str, str]]:
    """Yield the key of each fault, and the sentence about it."""
    table = pyproject.table("project")
    if table:
        yield from _project_faults(table)
    else:
        yield "project", "There is no [project] table."
    yield from _python_faults(pyproject.requires_python)
    groups = pyproject.table("dependency-groups")
    yield from _list_faults("dependencies", table.get("dependencies", []), {})
    for lists in (table.get("optional-dependencies"), groups):
        if isinstance(lists, dict):
            for key, entries in lists.items():
                yield from _list_faults(key, entries, groups)


def _project_faults(table: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    dynamic = table.get("dynamic")
    for key in ("name", "version"):
        is_dynamic = isinstance(dynamic, list) and key in dynamic
        if key not in table and not is_dynamic:
            yield "project", f"[project] has no {key}."
    for key, value in table.items():
        if key in _TYPES:
            kind, word = _TYPES[key]
            if not isinstance(value, kind):
                yield key, f"{key} must be a {word}."
    name = table.get("name")
    if isinstance(name, str) and not _NAME.fullmatch(name):
        yield "name", f"name: {name!r} is not a valid name of a distribution."


def _python_faults(requires: str) -> Iterator[tuple[str, str]]:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415 - 0.03 s, while uv runs

    try:
        SpecifierSet(requires)
    except InvalidSpecifier as error:
        yield "requires-python", f"requires-python: {error}."


def _list_faults(
    key: str, entries: object, groups: Mapping[str, object]
) -> Iterator[tuple[str, str]]:
    """Yield the entries of a list that are not requirements (PEP 508).

    A group may include another (PEP 735).
    """
    if not isinstance(entries, list):
        yield key, f"{key} must be a list."
        return
    for entry in entries:
        if isinstance(entry, dict) and str(entry.get("include-group")) in groups:
            continue
        if requirements.parse(entry) is None:
            yield key, f"{key}: {entry!r} is not a requirement."
