"""Explain the difference between two proofs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib.checks.base import listed
from tasks_lib.ownership.owners import Owner
from tasks_lib.proof import claims, document
from tasks_lib.results import Result, Status
from tasks_lib.session.session import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Proof = Mapping[str, Any]
    Rows = list[dict[str, str]]

_HASH_SHOWN = 12
#: the parts of a proof that describe where it was made, and the word for one of each
_SURROUNDINGS = {"platform": "platform", "tools": "tool", "caches": "cache"}


def explain(first: str, second: str) -> Answer:
    """Compare two proofs. They agree if packages, lock and verdict do."""
    proofs = (document.load(Path(first)), document.load(Path(second)))

    def differing(describe: Callable[[Proof], Mapping[str, str]]) -> Rows:
        return claims.rows(describe(proofs[0]), describe(proofs[1]))

    around, packages = differing(_surroundings), differing(_packages)
    lock, verdict = differing(_pins), differing(_verdict)
    results = [
        _result("packages", "the same packages are installed", packages),
        _result("lock", "the locks pin the same versions", lock),
        _result("verdict", "the verdicts are the same", verdict),
    ]
    data = {
        "surroundings": _table("surroundings", around),
        "packages": _table("package", packages),
        "lock": _table("locked", lock),
        "conda_files": _table("conda file", differing(_conda_files)),
        "steps": _times(*proofs),
        "claims": _table("claim", verdict),
        "likely": _likely(around, packages, lock, verdict),
    }
    return Answer(results, {key: value for key, value in data.items() if value})


def _result(name: str, title: str, rows: Rows) -> Result:
    told = [f"{row['name']} ({row['first'] or 'none'}, {row['second'] or 'none'})" for row in rows]
    status = Status.FAIL if rows else Status.PASS
    return Result(f"compare.{name}", status, title, listed(told))


def _table(name: str, rows: Rows) -> Rows:
    """Return the rows under their own heading: a terminal shows the tables below each other."""
    return [{name: row["name"], "first": row["first"], "second": row["second"]} for row in rows]


def _surroundings(proof: Proof) -> dict[str, str]:
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
    versions = claims.contents(proof["python"]["version"], proof["installed"])
    for row in proof["installed"]:
        owner = claims.owner(row, proof.get("seeds", ()))
        if owner == "seed":
            owner = "came with the environment"
        if owner != Owner.CONDA:
            versions[row["name"]] = f"{row['version']} ({owner})"
    return versions


def _pins(proof: Proof) -> dict[str, str]:
    return claims.pins(proof["lock"]["packages"]) if proof["lock"] else {}


def _verdict(proof: Proof) -> dict[str, str]:
    reasons = {row["id"]: f"fail: {row['reason']}" for row in claims.broken(proof)}
    return {"verdict": proof["verdict"]["status"], **reasons}


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
        ratio = round(after / before, 2) if before and after else ""
        rows.append({"step": name, "first": before, "second": after, "ratio": ratio})
    return rows


def _likely(around: Rows, packages: Rows, lock: Rows, verdict: Rows) -> str:
    """Return the most likely explanation: the first cause that can have this effect."""
    names = sorted(row["name"] for row in around)

    def among(*kinds: str) -> str:
        return listed(name for name in names if name.startswith(kinds))

    project = among("manifest", "commit")
    layer = among("combo", "engine", "python", "channel", "platform system", "platform machine")
    machine = among("cache", "platform", "tool")
    if lock and project:
        return (
            f"The project was changed ({project}): the locks follow from it, "
            "and the packages from them."
        )
    if lock:
        return (
            "The manifests are the same and the locks are not: they were resolved at different "
            "times or places."
        )
    if packages and layer:
        return f"The lock is the same; the difference in what is installed follows from {layer}."
    if packages:
        return (
            "Lock and surroundings are the same: somebody installed, upgraded or removed "
            "something by hand."
        )
    if verdict:
        return "The same is installed from the same lock: only one of the sessions met a fault."
    return (
        "They agree in everything that counts; different times follow from "
        f"{machine or 'the load of the machine'}."
    )
