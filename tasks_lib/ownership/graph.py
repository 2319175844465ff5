"""Who needs what: the packages of both layers and what they require, from manifests, lock and installed records."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from tasks_lib.environments import site_packages
from tasks_lib.ownership.owners import Owner
from tasks_lib.project.conda_file import spec_name
from tasks_lib.project.manifests import PYPROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from packaging.requirements import Requirement

    from tasks_lib.ownership.facts import Facts

#: a layer and a name: conda's `typing_extensions` and PyPI's are two packages
Key = tuple[str, str]
_Asker = TypeVar("_Asker")


@dataclass(frozen=True)
class Package:
    """One package; `version` is empty where the lock has it and the environment does not."""

    name: str
    owner: Owner
    version: str
    locked: str = ""


@dataclass
class Graph:
    """Packages, what each needs, and what each manifest's table asks for by name."""

    packages: dict[Key, Package] = field(default_factory=dict)
    needs: dict[Key, list[Key]] = field(default_factory=dict)
    roots: dict[str, list[Key]] = field(default_factory=dict)

    def reached(self, start: Iterable[Key] | None = None) -> set[Key]:
        """Give what `start` (all that is declared) asks for, itself included."""
        waiting = (
            [key for keys in self.roots.values() for key in keys] if start is None else list(start)
        )
        found: set[Key] = set()
        while waiting:
            key = waiting.pop()
            if key not in found:
                found.add(key)
                waiting += self.needs.get(key, ())
        return found

    def chains(self, target: Key) -> Iterator[tuple[str, list[Key]]]:
        """Give for each declaration that needs `target` its table and the shortest chain from it."""
        towards = {target: [target]}
        for key in (order := [target]):
            for other, wanted in self.needs.items():
                if key in wanted and other not in towards:
                    towards[other] = [other, *towards[key]]
                    order.append(other)
        for label, keys in self.roots.items():
            yield from ((label, towards[key]) for key in keys if key in towards)


def read(facts: Facts) -> Graph:
    """Read the graph of an environment."""
    graph = Graph()
    brought: dict[str, Key] = {name: ("conda", one.package) for name, one in facts.owned.items()}
    for name, record in facts.conda.items():
        graph.packages["conda", name] = Package(name, Owner.CONDA, str(record["version"]))
    for name in facts.locked.keys() - brought.keys():
        graph.packages["python", name] = Package(
            name, Owner.LOCK, "", ", ".join(sorted(facts.locked[name]))
        )
    wants: dict[str, list[str]] = {}
    for one in facts.distributions:
        locked = ", ".join(sorted(facts.locked.get(one.name, ())))
        owner = facts.owner(one)
        if owner is Owner.CONDA:
            key, kept = brought[one.name], graph.packages[brought[one.name]]
            graph.packages[key] = Package(kept.name, kept.owner, kept.version, locked)
        elif one.name != facts.own_name:
            graph.packages["python", one.name] = Package(one.name, owner, one.version, locked)
            wants[one.name] = site_packages.requires(one)
    _conda_needs(facts, graph)
    _python_needs(facts, graph, brought, wants)
    return graph


def _conda_needs(facts: Facts, graph: Graph) -> None:
    for name, record in facts.conda.items():
        wanted = [("conda", spec_name(str(text))) for text in record.get("depends") or ()]
        graph.needs["conda", name] = [key for key in dict.fromkeys(wanted) if key in graph.packages]
    if facts.conda_layer and (file := facts.conda_file):
        named = [("conda", spec_name(spec)) for spec in file.dependencies]
        graph.roots[file.path.name] = [key for key in named if key in graph.packages]


def _python_needs(
    facts: Facts, graph: Graph, brought: dict[str, Key], wants: dict[str, list[str]]
) -> None:
    """Follow the requirements of what is installed, with the extras that somebody asks for."""

    def note(asked_for: dict[_Asker, list[Key]], asker: _Asker, name: str) -> None:
        key = ("python", name) if ("python", name) in graph.packages else brought.get(name)
        if key and key not in asked_for.setdefault(asker, []):
            asked_for[asker].append(key)

    waiting: list[tuple[str, str]] = []
    for label, wanted in _declared(facts):
        for name, extra in facts.asked([wanted]):
            note(graph.roots, label, name)
            waiting.append((name, extra))
    waiting += [(name, "") for name in wants]
    seen: set[tuple[str, str]] = set()
    while waiting:
        asker, had = one = waiting.pop()
        if one not in seen:
            seen.add(one)
            for name, extra in facts.asked(wants.get(asker, ()), had):
                note(graph.needs, ("python", asker), name)
                waiting.append((name, extra))


def _declared(facts: Facts) -> Iterator[tuple[str, Requirement]]:
    """Give each requirement of the manifests with the table that it stands in, for a person."""
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 - 0.03 s

    for member in (None, *facts.members):
        name = member.manifest if member else PYPROJECT
        for group, wanted in facts.declared(member):
            yield f"{name} (group {group})" if group else name, wanted
    extras = facts.project.pyproject.table("project", "optional-dependencies")
    lists = [(f"{PYPROJECT} (extra {name})", each) for name, each in extras.items()]
    lists += [
        (f"{PYPROJECT} (group {group})" if group else PYPROJECT, [_with_extras(name, value)])
        for group, name, value in facts.in_poetry()
        if isinstance(value, dict)
    ]
    if facts.conda_layer and (file := facts.conda_file):
        lists.append((f"{file.path.name} (pip:)", file.pip))
    for label, entries in lists:
        for text in entries if isinstance(entries, (list, tuple)) else ():
            with contextlib.suppress(InvalidRequirement, TypeError):  # `config` reports it
                yield label, Requirement(text)


def _with_extras(name: str, value: dict[str, object]) -> str:
    """Write a table of Poetry's as a requirement, as far as a tree needs it."""
    extras, marker = value.get("extras"), value.get("markers")
    inner = f"[{','.join(map(str, extras))}]" if isinstance(extras, list) else ""
    return f"{name}{inner}{f' ; {marker}' if isinstance(marker, str) else ''}"
