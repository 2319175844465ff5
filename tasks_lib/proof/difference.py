"""Explain the difference between two proofs: yesterday's and today's, two machines', two people's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib.checks.base import listed
from tasks_lib.proof import claims, compare, document
from tasks_lib.report.model import Result, Status
from tasks_lib.session import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SHORT = 12  # letters of a hash


def explain(first: str, second: str) -> Answer:
    """Compare two proofs: what counts is what is installed, the lock, and the verdict."""
    made = [document.load(Path(file)) for file in (first, second)]
    around = compare.rows(*map(_surroundings, made))
    packages = compare.rows(*map(_packages, made))
    lock = compare.rows(*(claims.pins(one["lock"]) if one["lock"] else {} for one in made))
    verdict = compare.rows(*map(_verdict, made))
    results = [
        _result("packages", "the same packages are installed", packages),
        _result("lock", "the locks pin the same versions", lock),
        _result("verdict", "the verdicts are the same", verdict),
    ]
    data = {
        "surroundings": _table("surroundings", around),
        "packages": _table("package", packages),
        "lock": _table("locked", lock),
        "conda_files": _table("conda file", compare.rows(*map(_conda_files, made))),
        "steps": list(_steps(*made)),
        "claims": _table("claim", verdict),
        "likely": _likely({row["name"] for row in around}, bool(packages), bool(lock), bool(verdict)),
    }
    return Answer(results, {key: value for key, value in data.items() if value})


def _result(name: str, title: str, rows: list[dict[str, str]]) -> Result:
    told = listed(f"{row['name']} ({row['first'] or 'none'}, {row['second'] or 'none'})" for row in rows)
    return Result(f"compare.{name}", Status.FAIL if rows else Status.PASS, title, told)


def _table(name: str, rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Give the rows under a heading of their own: in a terminal the tables stand below each other."""
    return [{name: row["name"], "first": row["first"], "second": row["second"]} for row in rows]


def _surroundings(made: Mapping[str, Any]) -> dict[str, str]:
    flat = {
        "combo": made["combo"],
        "engine": made["engine"],
        "python": made["python"]["version"],
        "commit": made["project"]["commit"],
        "index": made["sources"]["index"]["kind"],
        "channel": made["sources"]["channel"]["kind"],
        "channel urls": " ".join(made["sources"]["channel"]["urls"]),
    }
    flat["conda files"] = len((made["conda_files"] or {"before": ()})["before"])
    flat |= {f"platform {key}": value for key, value in made["platform"].items()}
    flat |= {f"tool {key}": value for key, value in made["tools"].items()}
    flat |= {f"cache {key}": value for key, value in made["caches"].items()}
    flat |= {f"manifest {key}": value[:_SHORT] for key, value in made["manifests"].items()}
    return {key: "" if value is None else str(value) for key, value in flat.items()}


def _packages(made: Mapping[str, Any]) -> dict[str, str]:
    seeds = {*made.get("seeds", ())}
    owners = {row["name"]: row["owner"] for row in made["installed"] if row["owner"] != "conda"}
    owners |= {name: "came with the environment" for name in owners if owners[name] == "stray" and name in seeds}
    versions = claims.contents(made)
    return {name: f"{version} ({owners[name]})" if name in owners else version for name, version in versions.items()}


def _verdict(made: Mapping[str, Any]) -> dict[str, str]:
    broken = {row["id"]: f"fail: {row['reason']}" for row in made["verdict"]["claims"] if row["status"] == "fail"}
    return {"verdict": made["verdict"]["status"], **broken}


def _conda_files(made: Mapping[str, Any]) -> dict[str, str]:
    """Name what was touched: what the files hold is not compared, since many hold their environment's own path."""
    touched = (made["conda_files"] or {"after": {}})["after"]
    return {name: "altered" if digest else "gone" for name, digest in touched.items()}


def _steps(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    took = [{step["id"]: step["seconds"] for step in made["steps"]} for made in (one, other)]
    for name in dict.fromkeys([*took[0], *took[1]]):
        first, second = took[0].get(name), took[1].get(name)
        yield {
            "step": name,
            "first": first,
            "second": second,
            "ratio": round(second / first, 2) if first and second else "",
        }


def _likely(around: set[str], packages: bool, lock: bool, verdict: bool) -> str:
    """Say what most likely explains the difference: the first cause that could have it as its effect."""

    def differ(*kinds: str) -> str:
        return listed(sorted(name for name in around if name.startswith(kinds)))

    project, machine = differ("manifest", "commit"), differ("cache", "platform", "tool")
    layer = differ("combo", "engine", "python", "channel", "platform system", "platform machine")
    told = (
        (
            lock and project,
            f"The project was changed ({project}): the locks follow from it, and the packages from them.",
        ),
        (lock, "The manifests are the same and the locks are not: they were resolved at different times or places."),
        (packages and layer, f"The lock is the same; what is installed otherwise follows from {layer}."),
        (packages, "Lock and surroundings are the same: somebody installed, upgraded or removed something by hand."),
        (verdict, "The same is installed from the same lock: something was met in one of the sessions alone."),
        (machine, f"They agree in all that counts; different times follow from {machine}."),
    )
    load = "They agree in all that counts; what differs in time is the load of the machine."
    return next((text for holds, text in told if holds), load)
