"""Who owns what: the two layers of an environment as its own records show them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from tasks_lib.environments import conda_health, site_packages
from tasks_lib.ownership.owners import Owner, owner_of
from tasks_lib.report import layers as shown
from tasks_lib.session.session import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tasks_lib.environments.conda_health import Owned
    from tasks_lib.environments.site_packages import Distribution
    from tasks_lib.session.session import Session


@dataclass(frozen=True, order=True)
class Package:
    """One conda package, or one distribution that conda does not own; `size` is its files' in bytes."""

    owner: Owner
    name: str
    version: str
    build: str = ""
    size: int = 0

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """Give what must be equal where an environment is made again."""
        return self.owner, self.name, self.version, self.build


@dataclass(frozen=True)
class Overlap:
    """A distribution that is in both layers or twice in one, with each one's versions; no `why` where they agree."""

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


def read(prefix: Path, locked: Mapping[str, set[str]], own: str = "") -> Layers:
    """Read both layers; `own` is the project's own distribution, which the manager installs with the lock."""
    conda = conda_health.packages(prefix)
    owned = conda_health.owned(prefix, conda)
    found = list(site_packages.distributions(prefix))
    packages = []
    for name, record in conda.items():
        build, size = str(record.get("build", "")), conda_health.size(record)
        packages.append(Package(Owner.CONDA, name, record["version"], build, size))
    others = []
    for one in found:
        owner = owner_of(one, owned=owned, locked=locked, project=own)
        if owner is not Owner.CONDA:
            others.append(one)
            packages.append(Package(owner, one.name, one.version, size=site_packages.size(one)))
    return Layers(tuple(sorted(packages)), tuple(_overlaps(owned, found, others, locked)))


def of(session: Session) -> Layers:
    """Read the layers of a session's environment."""
    prefix = session.environment.require().prefix
    own = canonicalize_name(session.project.pyproject.name)
    return read(prefix, session.manager.locked(), own)


def show(session: Session, *, mermaid: bool = False) -> Answer:
    """Describe both layers: for a person a tree, for a README a Mermaid diagram."""
    found = of(session)
    environment = session.environment
    layers = []
    for owner in Owner:
        mine = [one for one in found.packages if one.owner is owner]
        if mine:
            size = sum(one.size for one in mine)
            layers.append({"owner": owner, "size": size, "packages": [_row(one) for one in mine]})
    data = {
        "environment": environment.name,
        "path": str(environment.prefix),
        "lock": session.manager.lock_name,
        "size": sum(one.size for one in found.packages),
        "layers": layers,
        "in_both": [asdict(one) for one in found.overlaps],
    }
    return Answer(data={"script": shown.mermaid(data)} if mermaid else data)


def _row(package: Package) -> dict[str, Any]:
    row = asdict(package)
    return {
        key: row[key] for key in ("name", "version", "build", "size") if key != "build" or row[key]
    }


def _overlaps(
    owned: Mapping[str, Owned],
    found: list[Distribution],
    others: list[Distribution],
    locked: Mapping[str, set[str]],
) -> Iterator[Overlap]:
    """Compare, name by name, what conda linked, what stands there, and what the lock pins."""
    there = {
        one.folder.name for one in found if one.version
    }  # an uninstaller may leave a folder without METADATA
    rest: dict[str, list[str]] = defaultdict(list)
    for one in others:
        rest[one.name].append(one.version)
    for name in sorted({*owned, *rest}):
        mine = owned.get(name)
        folder, version = (mine.folder, mine.version) if mine else ("", "")
        pins, also = locked.get(name, set()), rest.get(name, [])
        if len(also) + (folder in there) > 1:
            why = "installed twice"
        elif folder and folder not in there:
            why = "conda's files were replaced" if also else "conda's files were removed"
        elif pins and (version if folder else also[0]) not in pins:
            why = "the lock pins another version"
        elif folder and pins:
            why = ""
        else:
            continue
        installed = [*([version] if folder in there else []), *also]
        yield Overlap(name, version, ", ".join(sorted(pins)), ", ".join(installed), why)
