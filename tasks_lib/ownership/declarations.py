"""What the manifests of a project declare, and the table in which each declaration stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from tasks_lib.project import requirements
from tasks_lib.project.manifests import PYPROJECT

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

    from packaging.requirements import Requirement

    from tasks_lib.ownership.facts import Facts
    from tasks_lib.project.manifests import PyProject


@dataclass(frozen=True)
class Declaration:
    """One requirement of a manifest.

    `table` names the manifest and the table for a user. `group` is the dependency group, empty for
    the project's own dependencies, and `None` where an installation may leave the requirement out:
    an extra, the conda file's `pip:` section, and a table of Poetry's that may be for another
    platform.
    """

    table: str
    requirement: Requirement
    group: str | None
    member: bool = False
    extra: str = ""

    def is_installed_with(self, groups: Container[str], extras: Container[str]) -> bool:
        """Return whether an installation with these includes the requirement."""
        if self.extra:
            return self.extra in extras and not self.member
        return self.group == "" or (self.group in groups and not self.member)


def read(facts: Facts) -> Iterator[Declaration]:
    """Read the manifests of the project and of its members, and the conda file's `pip:` section."""
    yield from _of_manifest(facts.project.pyproject, PYPROJECT, member=False)
    for member in facts.members:
        yield from _of_manifest(member.pyproject, member.manifest, member=True)
    if facts.conda_layer and facts.conda_file:
        table = f"{facts.conda_file.path.name} (pip:)"
        for requirement in facts.pip_requirements:
            yield Declaration(table, requirement, None)


def default(facts: Facts) -> Iterator[Declaration]:
    """Yield what an installation takes of the manifests, with what was chosen for the checkout."""
    manager = facts.session.manager
    groups, extras = {"", *manager.chosen_groups()}, facts.project.included.extras
    for one in read(facts):
        if one.is_installed_with(groups, extras):
            yield one


def _of_manifest(pyproject: PyProject, name: str, *, member: bool) -> Iterator[Declaration]:
    for table, group, text in _entries(pyproject):
        requirement = requirements.parse(text)
        if requirement:
            yield Declaration(f"{name}{table}", requirement, group, member)
    for extra, entries in pyproject.table("project", "optional-dependencies").items():
        for requirement in filter(None, map(requirements.parse, _list(entries))):
            table = f"{name} (extra {extra})"
            yield Declaration(table, requirement, None, member, canonicalize_name(extra))


def _entries(pyproject: PyProject) -> Iterator[tuple[str, str | None, object]]:
    """Yield the table, the group and the text of each entry that may be a requirement."""
    project = pyproject.table("project")
    for text in _list(project.get("dependencies")):
        yield "", "", text
    for group, entries in pyproject.table("dependency-groups").items():
        for text in _list(entries):
            yield f" (group {group})", group, text
    poetry = pyproject.table("tool", "poetry", "dependencies")
    yield from _of_poetry("", "", poetry)
    for group in pyproject.table("tool", "poetry", "group"):
        entries = pyproject.table("tool", "poetry", "group", group, "dependencies")
        yield from _of_poetry(f" (group {group})", group, entries)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _of_poetry(
    table: str, group: str, dependencies: Mapping[str, object]
) -> Iterator[tuple[str, str | None, object]]:
    """Yield what a table of Poetry's own format names, but for the Python."""
    for name, wanted in dependencies.items():
        if name == "python":
            continue
        if isinstance(wanted, dict):
            yield table, None, _with_extras(name, wanted)
        elif not isinstance(wanted, list):
            yield table, group, f"{name}{_range(wanted)}"


def _range(wanted: object) -> str:
    """Return a range of Poetry's (`^8.2`) as PEP 440 writes it, nothing where it has no equal."""
    from poetry.core.constraints.version import parse_constraint  # noqa: PLC0415 - 0.06 s

    try:
        text = str(parse_constraint(str(wanted)))
    except ValueError:
        return ""  # `config` reports it
    if text in {"*", "<empty>"} or "|" in text:
        return ""
    return f"=={text}" if text[0].isdigit() else text


def _with_extras(name: str, wanted: dict[str, object]) -> str:
    """Write an inline table of Poetry's as a requirement, as far as the graph needs it."""
    extras, marker = wanted.get("extras"), wanted.get("markers")
    text = name
    if isinstance(extras, list):
        text += f"[{','.join(map(str, extras))}]"
    if isinstance(marker, str):
        text += f" ; {marker}"
    return text
