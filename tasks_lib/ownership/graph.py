"""Who needs what: the packages of both layers, from manifests, lock and installed records."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from packaging.utils import canonicalize_name

from tasks_lib.environments import site_packages
from tasks_lib.environments.base import SEEDS
from tasks_lib.ownership import declarations
from tasks_lib.ownership.owners import Owner
from tasks_lib.project.conda_file import spec_name
from tasks_lib.project.requirements import parse
from tasks_lib.project.version_ranges import applies

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from packaging.requirements import Requirement

    from tasks_lib.environments.site_packages import Distribution
    from tasks_lib.ownership.facts import Facts

#: a layer and a name: conda's `typing_extensions` and PyPI's are two packages
Key = tuple[str, str]
#: a normalised name, and the extra with which it is needed, empty for the distribution itself
Need = tuple[str, str]
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
    """Packages, what each needs, and what each table of a manifest names."""

    packages: dict[Key, Package] = field(default_factory=dict)
    needs: dict[Key, list[Key]] = field(default_factory=dict)
    roots: dict[str, list[Key]] = field(default_factory=dict)

    def reached(self, start: Iterable[Key] | None = None) -> set[Key]:
        """Return what `start` (all that is declared) needs, itself included."""
        waiting = list(start or ())
        if start is None:
            for keys in self.roots.values():
                waiting += keys
        found: set[Key] = set()
        while waiting:
            key = waiting.pop()
            if key not in found:
                found.add(key)
                waiting += self.needs.get(key, ())
        return found

    def chains(self, target: Key) -> Iterator[tuple[str, list[Key]]]:
        """Yield the table of each declaration that needs `target`, and the shortest chain."""
        towards = {target: [target]}
        waiting = deque([target])
        while waiting:
            key = waiting.popleft()
            for asker, needed in self.needs.items():
                if key in needed and asker not in towards:
                    towards[asker] = [asker, *towards[key]]
                    waiting.append(asker)
        for label, keys in self.roots.items():
            for key in keys:
                if key in towards:
                    yield label, towards[key]

    def link(self, links: dict[_Asker, list[Key]], asker: _Asker, key: Key) -> None:
        """Note once that somebody needs a package, where there is such a package."""
        if key in self.packages and key not in links.setdefault(asker, []):
            links[asker].append(key)


def read(facts: Facts) -> Graph:
    """Return the graph of an environment."""
    graph = Graph(_packages(facts))
    _link_conda(facts, graph)
    _link_python(facts, graph)
    return graph


def _packages(facts: Facts) -> dict[Key, Package]:
    found: dict[Key, Package] = {}
    pins = {name: ", ".join(sorted(versions)) for name, versions in facts.locked.items()}
    in_both = {one.package: pins.get(name, "") for name, one in facts.owned.items()}
    for name, record in facts.conda.items():
        version, pin = str(record["version"]), in_both.get(name, "")
        found["conda", name] = Package(name, Owner.CONDA, version, pin)
    for name in facts.locked.keys() - facts.owned.keys():
        found["python", name] = Package(name, Owner.LOCK, "", pins[name])
    section = of_pip_section(facts)
    for name, one in _beside_conda(facts).items():
        owner = facts.owner(one, section)
        found["python", name] = Package(name, owner, one.version, pins.get(name, ""))
    return found


def _beside_conda(facts: Facts) -> dict[str, Distribution]:
    """Return the distributions that conda does not own, without the project's own."""
    found = {}
    for one in facts.distributions:
        if one.name != facts.own_name and facts.owner(one) is not Owner.CONDA:
            found[one.name] = one
    return found


def _link_conda(facts: Facts, graph: Graph) -> None:
    for name, record in facts.conda.items():
        for text in record.get("depends") or ():
            graph.link(graph.needs, ("conda", name), ("conda", spec_name(str(text))))
    if facts.conda_layer and facts.conda_file:
        for name in facts.conda_specs:
            graph.link(graph.roots, facts.conda_file.path.name, ("conda", name))


def _link_python(facts: Facts, graph: Graph) -> None:
    """Follow the requirements of what is declared and of what is installed."""

    def key_of(name: str) -> Key:
        owned = facts.owned.get(name)
        if ("python", name) in graph.packages or owned is None:
            return "python", name
        return "conda", owned.package

    installed = _beside_conda(facts)
    start = [(name, "") for name in installed]
    for declared in declarations.read(facts):
        for need in needs_of(facts, [declared.requirement]):
            graph.link(graph.roots, declared.table, key_of(need[0]))
            start.append(need)
    for (asker, _), wanted in follow(facts, start, installed):
        for name, _ in wanted:
            graph.link(graph.needs, ("python", asker), key_of(name))


def needs_of(
    facts: Facts, requirements: Iterable[Requirement | None], extra: str = ""
) -> list[Need]:
    """Return what requirements name on this platform and Python for one who has `extra`."""
    found: list[Need] = []
    for wanted in requirements:
        if wanted and applies(wanted, facts.python, extra):
            name = canonicalize_name(wanted.name)
            found.append((name, ""))
            found += [(name, canonicalize_name(one)) for one in wanted.extras]
    return found


def unmet(facts: Facts) -> Iterator[str]:
    """Yield the sentence of `uv pip check` for each requirement that nothing installed meets."""
    for one in facts.distributions:
        for wanted in map(parse, site_packages.requires(one)):
            if not wanted or not applies(wanted, facts.python):
                continue
            version = facts.installed.get(canonicalize_name(wanted.name))
            has = "it's not installed"
            if version is not None:
                if wanted.specifier.contains(version, prereleases=True):
                    continue
                has = f"`{version}` is installed"
            yield f"The package `{one.name}` requires `{wanted}`, but {has}"


def follow(
    facts: Facts, start: Iterable[Need], installed: Mapping[str, Distribution]
) -> Iterator[tuple[Need, list[Need]]]:
    """Walk along the requirements of `installed`; yield each need once, with what it needs.

    Each distribution is followed with the extras that somebody needs.
    """
    waiting = list(start)
    seen: set[Need] = set()
    while waiting:
        need = waiting.pop()
        if need in seen:
            continue
        seen.add(need)
        name, extra = need
        requires = site_packages.requires(installed[name]) if name in installed else []
        wanted = needs_of(facts, map(parse, requires), extra)
        waiting += wanted
        yield need, wanted


def of_pip_section(facts: Facts) -> set[str]:
    """Return the distributions that the `pip:` section names, and what they need in turn.

    Where not all of the section can be read, any distribution may be one of them.
    """
    installed = {one.name: one for one in facts.distributions}
    if not facts.conda_layer or not facts.pip_entries:
        return set()
    if not facts.pip_section.whole:
        return set(installed)
    start = needs_of(facts, facts.pip_requirements)
    return {name for (name, _), _ in follow(facts, start, installed)}


def owners(facts: Facts) -> dict[str, Owner]:
    """Return who owns each distribution, by the name of its record's folder."""
    section = of_pip_section(facts)
    return {one.folder.name: facts.owner(one, section) for one in facts.distributions}


def idle_seeds(facts: Facts) -> set[str]:
    """Return what only came with the environment: nothing that was chosen needs it."""
    here = {name for name in SEEDS if name in facts.installed}
    spare = here - needed(facts) - facts.pip_names - facts.owned.keys()
    return {name for name in spare if facts.installed[name] not in facts.locked.get(name, ())}


def needed(facts: Facts) -> set[str]:
    """Return the names that an installation without options needs on this platform and Python.

    These are what the manifests declare in the default groups, and what the installed
    distributions among them need in turn. A lock names more: other platforms, groups, extras.
    """
    start = needs_of(facts, [one.requirement for one in declarations.default(facts)])
    installed = {one.name: one for one in facts.distributions}
    return {name for (name, _), _ in follow(facts, start, installed)}
