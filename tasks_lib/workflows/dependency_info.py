"""Look at the dependencies of both layers: all of them, as a tree, why one is there, and which are out of date."""

from __future__ import annotations

import difflib
import json
import sys
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from tasks_lib.environments.conda_engines import Rattler
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution import failures, process
from tasks_lib.ownership import graph
from tasks_lib.ownership.facts import Facts
from tasks_lib.ownership.owners import Owner
from tasks_lib.results import Result, Status
from tasks_lib.session.session import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tasks_lib.ownership.graph import Graph, Key, Package
    from tasks_lib.session.session import Session

_NOBODY = "named by no manifest"


def _read(session: Session) -> Graph:
    session.environment.require()
    return graph.read(Facts(session))


def everything(session: Session) -> Answer:
    """List every package with its owner, and the tables of the manifests that name it."""
    found = _read(session)
    rows = []
    for key in _ordered(found.packages):
        tables = ", ".join(label for label, keys in found.roots.items() if key in keys)
        rows.append({**_row(found, key), "locked": found.packages[key].locked, "declared": tables})
    return Answer(data={"packages": rows})


def tree(session: Session) -> Answer:
    """Give the packages under who asks for them, depth first; one that comes again is not followed again."""
    return Answer(data={"tree": list(_branches(_read(session)))})


def _branches(found: Graph) -> Iterator[dict[str, Any]]:
    shown: set[Key] = set()

    def walk(key: Key, depth: int) -> Iterator[dict[str, Any]]:
        again = key in shown and bool(found.needs.get(key))
        shown.add(key)
        note = "" if found.packages[key].version else "not installed"
        yield {"depth": depth, **_row(found, key), "note": "see above" if again else note}
        for other in () if again else _ordered(found.needs.get(key, ())):
            yield from walk(other, depth + 1)

    def top(label: str, keys: Iterable[Key]) -> Iterator[dict[str, Any]]:
        yield {"depth": 0, "name": label, "version": "", "owner": "", "note": ""}
        for key in keys:
            yield from walk(key, 1)

    for label, keys in found.roots.items():
        yield from top(label, keys)
    rest = [key for key in found.packages if key not in shown and found.packages[key].version]
    first = [key for key in rest if not any(key in found.needs.get(other, ()) for other in rest)]
    if rest:
        yield from top(_NOBODY, _ordered(first))
    for key in _ordered(rest):  # those that ask for each other in a circle
        if key not in shown:
            yield from walk(key, 1)


def why(session: Session, name: str) -> Answer:
    """Name each chain from a manifest down to a package; a name that nothing bears lists those like it."""
    found = _read(session)
    wanted = canonicalize_name(name)
    keys = [key for key in found.packages if canonicalize_name(key[1]) == wanted]
    if not keys:
        near = difflib.get_close_matches(wanted, sorted({key[1] for key in found.packages}), n=3)
        text = f"neither the environment nor the lock has a package {name!r}."
        remedy = (
            f"did you mean {' or '.join(near)}?" if near else "see what there is: invoke deps.list"
        )
        raise LabError(text, ErrorCode.UNKNOWN_PACKAGE, remedy=remedy)
    chains = [
        {"manifest": label, "chain": [one for _, one in chain], "owner": found.packages[key].owner}
        for key in keys
        for label, chain in found.chains(key)
    ]
    data: dict[str, Any] = {"packages": [_row(found, key) for key in keys], "chains": chains}
    if not chains:
        there = any(found.packages[key].version for key in keys)
        data["note"] = (
            "nothing that a manifest names needs it: it was put there by hand, or left over"
            if there
            else "the lock has it for another platform, Python, group or extra: nothing here needs it"
        )
    return Answer(data=data)


def _row(found: Graph, key: Key) -> dict[str, Any]:
    one = found.packages[key]
    return {"name": one.name, "version": one.version, "owner": one.owner}


def _ordered(keys: Iterable[Key]) -> list[Key]:
    return sorted(keys, key=lambda key: (key[1], key[0]))


def outdated(session: Session) -> Answer:
    """Ask the manager, and conda's channels, for newer versions; what nobody was asked for is said."""
    session.manager.require_lock()
    found = _read(session)
    there = {key: one for key, one in found.packages.items() if one.version}
    newer, unknown = _asked_manager(session, there)
    mine = [key for key, one in there.items() if one.owner is Owner.CONDA]
    if mine:
        more, silent = _asked_channels(session, found, mine)
        newer, unknown = {**newer, **more}, {**unknown, **silent}
    rows = [{**_row(found, key), "latest": newer[key]} for key in _ordered(newer)]
    results = [
        Result(
            "deps.outdated",
            Status.SKIP,
            "ask for newer versions of every package",
            f"{names}: {reason}.",
        )
        for reason, keys in unknown.items()
        if (names := ", ".join(name for _, name in _ordered(keys)))
    ]
    return Answer(
        results, {"outdated": rows, "asked_for": len(there) - sum(map(len, unknown.values()))}
    )


def _asked_manager(
    session: Session, there: Mapping[Key, Package]
) -> tuple[dict[Key, str], dict[str, set[Key]]]:
    """Give the newer versions that the manager knows of, and what it cannot tell, by the reason."""
    manager = session.manager
    outcome = process.run(manager.outdated(session.environment.require()))
    elsewhere = {("python", name) for name in manager.from_elsewhere()} & there.keys()
    asked = {key for key, one in there.items() if one.owner in manager.outdated_owners} - elsewhere
    unknown = {
        f"{manager.name} was not asked, since it knows the lock alone": {
            key
            for key, one in there.items()
            if one.owner not in {*manager.outdated_owners, Owner.CONDA}
        },
        "no index was asked, since the lock has it from a repository, an address or a folder": elsewhere,
    }
    newer = {("python", name): version for name, version in manager.newer(outcome).items()}
    return {key: version for key, version in newer.items() if key in asked}, unknown


def _asked_channels(
    session: Session, found: Graph, mine: Iterable[Key]
) -> tuple[dict[Key, str], dict[str, set[Key]]]:
    """Give the newer versions that the channels have for this platform, and what they do not have."""
    from rattler import Version  # noqa: PLC0415 - costs 0.05 s, which only the conda layer should pay

    names = [name for _, name in mine]
    outcome = process.run(
        Rattler(sys.executable, session.project.options).search(session.project.conda_file, names)
    )
    if not outcome.ok:
        reason = failures.explain(outcome, title="ask the channels").message.rstrip(".")
        return {}, {
            f"no channel could be asked, since {reason}": {("conda", name) for name in names}
        }
    offered: dict[str, dict[str, str]] = json.loads(outcome.stdout)
    newest = {name: max(by_platform.values(), key=Version) for name, by_platform in offered.items()}
    newer = {
        ("conda", name): version
        for name, version in newest.items()
        if Version(version) > Version(found.packages["conda", name].version)
    }
    return newer, {
        "no channel of the conda file has it": {
            ("conda", name) for name in names if name not in offered
        }
    }
