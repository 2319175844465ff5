"""Explain the difference between two proofs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib.checks.base import listed
from tasks_lib.ownership.owners import Owner
from tasks_lib.project import conda_lock
from tasks_lib.project.conda_file import CONDA_FILES
from tasks_lib.project.manifests import PYPROJECT
from tasks_lib.proof import claims, document
from tasks_lib.results import Result, Status
from tasks_lib.session.session import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Proof = Mapping[str, Any]
    Rows = list[dict[str, str]]

_HASH_SHOWN = 12
#: what most likely explains a difference
_CHANGED = "The project was changed ({}): the locks follow from it, and the packages from them."
_RESOLVED = (
    "The manifests are the same and the locks are not: they were resolved at different times or "
    "places."
)
_LAYER = "The lock is the same; the difference in what is installed follows from {}."
_BY_HAND = (
    "Lock and surroundings are the same: somebody installed, upgraded or removed something by hand."
)
_FAULT = "The same is installed from the same lock: only one of the sessions met a fault."
_TIMES = "They agree in everything that counts; different times follow from {}."
#: the surroundings from which other packages can follow though the manager's lock is the same
_LAYER_CAUSES = (
    *("combo", "engine", "python", "channel", "platform system", "platform machine"),
    *(f"manifest {name}" for name in (PYPROJECT, *CONDA_FILES, conda_lock.NAME)),
)
#: the parts of a proof that describe where it was made, and the word for one of each
_SURROUNDINGS = {"platform": "platform", "tools": "tool", "caches": "cache"}


def explain(first: str, second: str) -> Answer:
    """Compare two proofs. They agree if packages, lock and verdict do.

    `data` has the rows that differ of `surroundings`, `packages`, `lock`, `conda_files` and
    `claims`, the times of all `steps`, and the `likely` explanation.
    """
    one, other = document.load(Path(first)), document.load(Path(second))
    differing: dict[str, Rows] = {}
    data: dict[str, Any] = {}
    for name, (heading, describe) in _PARTS.items():
        rows = claims.rows(describe(one), describe(other))
        differing[name] = rows
        if rows:
            data[name] = [_under(heading, row) for row in rows]
    results = [
        _result("packages", "the same packages are installed", differing["packages"]),
        _result("lock", "the locks pin the same versions", differing["lock"]),
        _result("verdict", "the verdicts are the same", differing["claims"]),
    ]
    data["steps"] = _times(one, other)
    data["likely"] = _likely(differing)
    return Answer(results, data)


def _result(name: str, title: str, rows: Rows) -> Result:
    """Return a result that names what differs, with both values."""
    if not rows:
        return Result(f"compare.{name}", Status.PASS, title)
    told = []
    for row in rows:
        first, second = row["first"] or "none", row["second"] or "none"
        told.append(f"{row['name']} ({first}, {second})")
    return Result(f"compare.{name}", Status.FAIL, title, listed(told))


def _under(heading: str, row: dict[str, str]) -> dict[str, str]:
    """Return a row with its own heading: a terminal shows the tables below each other."""
    return {heading: row["name"], "first": row["first"], "second": row["second"]}


def _surroundings(proof: Proof) -> dict[str, str]:
    """Return by name what was given to a proof: its machine, tools, sources and manifests."""
    channel = proof["sources"]["channel"]
    found = {
        "combo": proof["combo"],
        "engine": proof["engine"],
        "python": proof["python"]["version"],
        "commit": proof["project"]["commit"] or "",
        "index": proof["sources"]["index"]["kind"],
        "channel": " ".join([channel["kind"], *channel["urls"]]),
    }
    for part, word in _SURROUNDINGS.items():
        for key, value in proof[part].items():
            found[f"{word} {key}"] = str(value)
    for name, digest in proof["manifests"].items():
        found[f"manifest {name}"] = digest[:_HASH_SHOWN]
    return found


def _packages(proof: Proof) -> dict[str, str]:
    """Return the version of each package, with who brought it unless that is conda."""
    versions = claims.contents(proof["python"]["version"], proof["installed"])
    for row in proof["installed"]:
        owner = claims.owner(row, proof.get("seeds", ()))
        if owner == "seed":
            owner = "came with the environment"
        if owner != Owner.CONDA:
            versions[row["name"]] = f"{row['version']} ({owner})"
    return versions


def _pins(proof: Proof) -> dict[str, str]:
    if not proof["lock"]:
        return {}
    return claims.pins(proof["lock"]["packages"])


def _verdict(proof: Proof) -> dict[str, str]:
    found = {"verdict": proof["verdict"]["status"]}
    for row in claims.broken(proof["verdict"]):
        found[row["id"]] = f"fail: {row['reason']}"
    return found


def _conda_files(proof: Proof) -> dict[str, str]:
    """Return which files were touched. Their content is not compared: many hold their own path."""
    if not proof["conda_files"]:
        return {}
    touched = proof["conda_files"]["after"]
    return {name: "altered" if digest else "gone" for name, digest in touched.items()}


def _times(one: Proof, other: Proof) -> list[dict[str, Any]]:
    """Return the seconds of each step in both proofs, and the second's share of the first's."""
    first = {step["id"]: step["seconds"] for step in one["steps"]}
    second = {step["id"]: step["seconds"] for step in other["steps"]}
    rows = []
    for name in {**first, **second}:
        before, after = first.get(name), second.get(name)
        row = {"step": name, "first": before, "second": after, "ratio": ""}
        if before and after:
            row["ratio"] = round(after / before, 2)
        rows.append(row)
    return rows


def _likely(differing: dict[str, Rows]) -> str:
    """Return the most likely explanation: the first cause that can have this effect."""
    names = [row["name"] for row in differing["surroundings"]]

    def among(*kinds: str) -> str:
        return listed(name for name in names if name.startswith(kinds))

    project = among("manifest", "commit")
    layer = among(*_LAYER_CAUSES)
    machine = among("cache", "platform", "tool")
    if differing["lock"] and project:
        return _CHANGED.format(project)
    if differing["lock"]:
        return _RESOLVED
    if differing["packages"] and layer:
        return _LAYER.format(layer)
    if differing["packages"]:
        return _BY_HAND
    if differing["claims"]:
        return _FAULT
    return _TIMES.format(machine or "the load of the machine")


#: the parts of the answer: the heading of each, and what of a proof is compared
_PARTS: dict[str, tuple[str, Callable[[Proof], dict[str, str]]]] = {
    "surroundings": ("surroundings", _surroundings),
    "packages": ("package", _packages),
    "lock": ("locked", _pins),
    "conda_files": ("conda file", _conda_files),
    "claims": ("claim", _verdict),
}
