"""Validate `pyproject.toml` by the schema and rules that poetry-core ships, for whichever manager."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from tasks_lib.report.model import Result, Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks_lib.project import Project

_TITLE = "pyproject.toml is valid"


def validate(project: Project) -> Iterator[Result]:
    """Give a failure for each fault of the `[project]` table and of the dependency groups, else one pass."""
    wrong = [*_schema(project), *_requirements(project)]
    for text, key in wrong:
        line = project.pyproject.line_of(key)
        yield Result("config.pyproject", Status.FAIL, _TITLE, text, "mend pyproject.toml", "pyproject.toml", line)
    if not wrong:
        yield Result("config.pyproject", Status.PASS, _TITLE, file="pyproject.toml")


def _schema(project: Project) -> Iterator[tuple[str, str]]:
    from poetry.core.factory import Factory  # noqa: PLC0415 - costs 0.1 s, which only this check should pay

    data = dict(project.pyproject.data)
    if "project" not in data:
        yield "there is no [project] table.", "project"
        return
    for text in Factory.validate({"project": data["project"]})["errors"]:
        key = text.partition("]")[2].strip(" .").partition(" ")[0] if "]" in text else text.partition(" ")[0]
        yield f"{text}.", key.removeprefix("project.").partition(".")[0]


def _requirements(project: Project) -> Iterator[tuple[str, str]]:
    table = project.pyproject.table("project")
    try:
        SpecifierSet(project.pyproject.requires_python)
    except InvalidSpecifier as error:
        yield f"requires-python: {error}.", "requires-python"
    lists = {"dependencies": table.get("dependencies", [])}
    for owner in (table.get("optional-dependencies", {}), project.pyproject.table("dependency-groups")):
        if isinstance(owner, dict):
            lists.update(owner)
    for key, entries in lists.items():
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and "include-group" in entry:
                continue
            try:
                Requirement(entry if isinstance(entry, str) else "")
            except InvalidRequirement:
                yield f"{key}: {entry!r} is no requirement.", key
