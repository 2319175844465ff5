"""Show the dependencies of both layers: a list, a tree, why one is there, what is outdated."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from tasks_lib.environments import site_packages
from tasks_lib.errors import ErrorCode, LabError, Remedy, meant
from tasks_lib.execution import failures, process
from tasks_lib.ownership import graph
from tasks_lib.ownership.facts import Facts
from tasks_lib.ownership.owners import Owner
from tasks_lib.project import trust
from tasks_lib.results import Result, Status
from tasks_lib.session.session import Answer
from tasks_lib.tools import uv

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tasks_lib.ownership.graph import Graph, Key
    from tasks_lib.session.session import Session

_NOBODY = "named by no manifest"
_NO_INDEX = "no index was asked, since the lock has it from a repository, an address or a folder"
_BY_HAND = "Nothing that a manifest names needs it: it was installed by hand, or left over."
_ELSEWHERE = "The lock has it for another platform, Python, group or extra: nothing here needs it."


def _read(session: Session) -> Graph:
    session.environment.require()
    return graph.read(Facts(session))


def everything(session: Session) -> Answer:
    """List every package with its owner, and the tables of the manifests that name it."""
    found = _read(session)
    of_layer = _of_layer_lock(session)
    rows = []
    for key in _ordered(found.packages):
        tables = [label for label, keys in found.roots.items() if key in keys]
        locked = found.packages[key].locked or of_layer.get(key, "")
        row = {"locked": locked, "declared": ", ".join(tables)}
        rows.append({**_row(found, key), **row})
    return Answer(data={"packages": rows})


def _of_layer_lock(session: Session) -> dict[Key, str]:
    """Return the versions in the lock of the layer's own packages."""
    lock = session.environment.layer_lock
    return {("conda", name): version for name, version in lock.locked().items()} if lock else {}


def tree(session: Session) -> Answer:
    """Return the packages under what needs them, depth first.

    One that comes again is not followed again.
    """
    drawn = _Tree(_read(session))
    drawn.draw()
    return Answer(data={"tree": drawn.rows})


@dataclass
class _Tree:
    """The rows of a tree, and what stands in one of them already."""

    graph: Graph
    rows: list[dict[str, Any]] = field(default_factory=list)
    shown: set[Key] = field(default_factory=set)

    def draw(self) -> None:
        """Draw what each table names, then what no manifest names."""
        for label, keys in self.graph.roots.items():
            self._table(label, keys)
        rest = [key for key in self.graph.packages if self._is_left(key)]
        if rest:
            needed = {key for other in rest for key in self.graph.needs.get(other, ())}
            self._table(_NOBODY, _ordered(set(rest) - needed))
        for key in _ordered(rest):  # those that need each other in a circle
            if key not in self.shown:
                self._package(key, 1)

    def _is_left(self, key: Key) -> bool:
        return key not in self.shown and bool(self.graph.packages[key].version)

    def _table(self, label: str, keys: Iterable[Key]) -> None:
        self.rows.append({"depth": 0, "name": label, "version": "", "owner": "", "note": ""})
        for key in keys:
            self._package(key, 1)

    def _package(self, key: Key, depth: int) -> None:
        needs = _ordered(self.graph.needs.get(key, ()))
        note = ""
        if key in self.shown and needs:
            note, needs = "see above", []
        elif not self.graph.packages[key].version:
            note = "not installed"
        self.shown.add(key)
        self.rows.append({"depth": depth, **_row(self.graph, key), "note": note})
        for other in needs:
            self._package(other, depth + 1)


def why(session: Session, name: str) -> Answer:
    """Return each chain from a manifest to a package.

    Raises:
        LabError: `unknown_package`, with names like it.
    """
    found = _read(session)
    wanted = canonicalize_name(name)
    keys = [key for key in found.packages if canonicalize_name(key[1]) == wanted]
    if not keys:
        raise _unknown(found, name)
    chains = []
    for key in keys:
        for label, chain in found.chains(key):
            names = [one for _, one in chain]
            owner = found.packages[key].owner
            chains.append({"manifest": label, "chain": names, "owner": owner})
    of_layer = _of_layer_lock(session)
    rows = []
    for key in keys:
        locked = {"locked": of_layer[key]} if key in of_layer else {}
        rows.append({**_row(found, key), **locked})
    data: dict[str, Any] = {"packages": rows, "chains": chains}
    if not chains:
        data["note"] = _ELSEWHERE
        if any(found.packages[key].version for key in keys):
            data["note"] = _BY_HAND
    return Answer(data=data)


def _unknown(found: Graph, name: str) -> LabError:
    names = sorted({one.name for one in found.packages.values()})
    remedy = Remedy("See what is installed", ("invoke", "deps.list"))
    remedy = meant(name, names, remedy, "invoke", "deps.why")
    text = f"Neither the environment nor the lock has a package {name!r}."
    return LabError(text, ErrorCode.UNKNOWN_PACKAGE, remedy=remedy)


def _row(found: Graph, key: Key) -> dict[str, Any]:
    one = found.packages[key]
    return {"name": one.name, "version": one.version, "owner": one.owner}


def _ordered(keys: Iterable[Key]) -> list[Key]:
    return sorted(keys, key=lambda key: (key[1], key[0]))


def outdated(session: Session) -> Answer:
    """Ask the manager and the channels for newer versions; report what none knows."""
    session.manager.require_lock()
    found = _read(session)
    latest: dict[Key, str] = {}
    unknown: dict[Key, str] = {}
    _ask_manager(session, found, latest, unknown)
    _ask_channels(session, found, latest, unknown)
    wanted = _renewed(session, latest, unknown)
    rows = []
    for key in _ordered(latest):
        row = _row(found, key)
        if wanted:
            row["wanted"] = wanted.get(key, "")
        rows.append({**row, "latest": latest[key]})
    names: dict[str, list[str]] = {}
    for key in _ordered(unknown):
        names.setdefault(unknown[key], []).append(key[1])
    results = []
    for reason, packages in names.items():
        title, detail = (
            "ask for newer versions of every package",
            f"{', '.join(packages)}: {reason}.",
        )
        results.append(Result("deps.outdated", Status.SKIP, title, detail))
    installed = sum(bool(one.version) for one in found.packages.values())
    data: dict[str, Any] = {
        "outdated": rows,
        "asked_for": installed - len(unknown.keys() - latest.keys()),
    }
    if not rows:
        data["note"] = "nothing is outdated"
    return Answer(results, data)


def _ask_manager(
    session: Session, found: Graph, latest: dict[Key, str], unknown: dict[Key, str]
) -> None:
    """Note the newer versions that the manager knows of, and why it knows none.

    Without trust the user's index is asked: the manager would ask those that the project names, and
    start the environment's interpreter.
    """
    manager = session.manager
    activation = session.environment.require()
    if session.trusted:
        versions = manager.newer(process.run(manager.outdated(activation)))
    else:
        packages = site_packages.site_packages(activation.prefix) or activation.prefix
        versions = uv.newer(process.run(uv.outdated(session.project, packages)))
    from_elsewhere = manager.from_elsewhere()
    for key, one in found.packages.items():
        if not one.version or one.owner is Owner.CONDA:
            continue
        if one.name in from_elsewhere:
            unknown[key] = _NO_INDEX
        elif session.trusted and one.owner not in manager.outdated_owners:
            unknown[key] = f"{manager.name} was not asked, since it knows the lock alone"
        elif one.name in versions:
            latest[key] = versions[one.name]


def _ask_channels(
    session: Session, found: Graph, latest: dict[Key, str], unknown: dict[Key, str]
) -> None:
    """Note the newer versions that the channels have for this platform, and why they have none."""
    conda = {key: one for key, one in found.packages.items() if one.owner is Owner.CONDA}
    if not conda:
        return
    from rattler import Version  # noqa: PLC0415 - 0.05 s, which only the conda layer should pay

    foreign = session.environment.own_addresses()
    if foreign and not session.trusted:
        reason = (
            f"no channel was asked: only this repository names {foreign[0]}, and {trust.NOBODY}"
        )
        unknown.update(dict.fromkeys(conda, reason))
        return
    names = [one.name for one in conda.values()]
    outcome = process.run(session.environment.search(names))
    if not outcome.ok:
        reason = failures.explain(outcome, title="ask the channels").message.rstrip(".")
        unknown.update(dict.fromkeys(conda, f"no channel could be asked, since {reason}"))
        return
    offered: dict[str, dict[str, str]] = json.loads(outcome.stdout)
    for key, one in conda.items():
        if one.name not in offered:
            unknown[key] = "no channel of the conda file has it"
            continue
        newest = max(offered[one.name].values(), key=Version)
        if Version(newest) > Version(one.version):
            latest[key] = newest


def _renewed(
    session: Session, latest: Mapping[Key, str], unknown: dict[Key, str]
) -> dict[Key, str]:
    """Return what the layer's lock would have, once renewed, of the packages that are outdated.

    The manifest may not allow the newest version, and neither may what needs the package.
    """
    lock = session.environment.layer_lock
    outdated = latest.keys() & _of_layer_lock(session).keys()
    if lock is None or not outdated:
        return {}
    outcome = process.run(lock.renewed())
    if not outcome.ok:
        reason = failures.explain(outcome, title="solve for a newer lock").message.rstrip(".")
        text = f"what the conda file allows is not known, since {reason}"
        unknown.update(dict.fromkeys(outdated, text))
        return {}
    (records,) = json.loads(outcome.stdout).values()
    versions = {("conda", one["name"]): str(one["version"]) for one in records}
    return {key: versions[key] for key in outdated & versions.keys()}
