"""Who owns what: the two layers of an environment as its own records show them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from tasks_lib.environments import conda_health, site_packages
from tasks_lib.ownership import graph
from tasks_lib.ownership.facts import Facts
from tasks_lib.ownership.owners import Owner, owner_of
from tasks_lib.report import layers as shown
from tasks_lib.session.session import Answer

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping
    from pathlib import Path

    from tasks_lib.environments.base import Owned
    from tasks_lib.session.session import Session


@dataclass(frozen=True, order=True)
class Package:
    """One conda package, or one distribution that conda does not own.

    `size` is its files' in bytes.
    """

    owner: Owner
    name: str
    version: str
    build: str = ""
    size: int = 0

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """Return what must be equal where an environment is created again."""
        return self.owner, self.name, self.version, self.build


@dataclass(frozen=True)
class Overlap:
    """A distribution that is in both layers or twice in one, with all versions.

    No `why` where they agree.
    """

    name: str
    conda: str
    locked: str
    installed: str
    why: str


@dataclass(frozen=True)
class Layers:
    """What an environment holds, and what is in more than one place."""

    packages: tuple[Package, ...]
    overlaps: tuple[Overlap, ...]


def read(
    prefix: Path,
    locked: Mapping[str, set[str]],
    own: str = "",
    section: Container[str] = (),
) -> Layers:
    """Read both layers; `own` is the project, which the manager installs with the lock.

    `section` are the names that the conda file's `pip:` section brings.
    """
    conda = conda_health.packages(prefix)
    owned = conda_health.owned(prefix, conda)
    packages = []
    for name, record in conda.items():
        build, size = str(record.get("build", "")), conda_health.size(record)
        packages.append(Package(Owner.CONDA, name, record["version"], build, size))
    beside: dict[str, list[str]] = defaultdict(list)
    for one in site_packages.distributions(prefix):
        owner = owner_of(one, owned=owned, locked=locked, project=own, section=section)
        if owner is not Owner.CONDA:
            beside[one.name].append(one.version)
            packages.append(Package(owner, one.name, one.version, size=site_packages.size(one)))
    return Layers(tuple(sorted(packages)), tuple(_overlaps(owned, beside, locked)))


def _overlaps(
    owned: Mapping[str, Owned], beside: Mapping[str, list[str]], locked: Mapping[str, set[str]]
) -> Iterator[Overlap]:
    """Compare by name what conda owns, what is installed beside it, and what the lock pins."""
    for name in sorted({*owned, *beside}):
        mine, pins = owned.get(name), locked.get(name, set())
        installed = list(beside.get(name, ()))
        if mine and mine.whole:
            installed.insert(0, mine.version)
        why = _conflict(mine, installed, pins)
        if why or (mine and pins):
            conda = mine.version if mine else ""
            yield Overlap(name, conda, ", ".join(sorted(pins)), ", ".join(installed), why)


def _conflict(mine: Owned | None, installed: list[str], pins: set[str]) -> str:
    """Return what is wrong with one name, empty where nothing is."""
    if len(installed) > 1:
        return "installed twice"
    if mine and not mine.whole:
        return f"conda's files were {'replaced' if installed else 'removed'}"
    if pins and installed[0] not in pins:
        return "the lock pins another version"
    return ""


def of(session: Session, section: Container[str] = ()) -> Layers:
    """Read the layers of a session's environment."""
    prefix = session.environment.require().prefix
    own = canonicalize_name(session.project.pyproject.name)
    return read(prefix, session.manager.locked(), own, section)


def show(session: Session, *, mermaid: bool = False) -> Answer:
    """Describe both layers: for a user as a tree, for a README as a Mermaid diagram."""
    found = of(session, graph.of_pip_section(Facts(session)))
    environment = session.environment
    data: dict[str, Any] = {
        "environment": environment.name,
        "path": str(environment.prefix),
        "lock": session.manager.lock_name,
        "size": sum(one.size for one in found.packages),
        "layers": _by_owner(found),
        "in_both": [asdict(one) for one in found.overlaps],
    }
    if mermaid:
        data = {"script": shown.mermaid(data)}
    return Answer(data=data)


def _by_owner(found: Layers) -> list[dict[str, Any]]:
    """Return a row for each owner that has packages."""
    rows: dict[Owner, dict[str, Any]] = {}
    for one in found.packages:
        row = rows.setdefault(one.owner, {"owner": one.owner, "size": 0, "packages": []})
        package = {"name": one.name, "version": one.version}
        if one.build:
            package["build"] = one.build
        row["size"] += one.size
        row["packages"].append({**package, "size": one.size})
    return list(rows.values())
