"""Look at proofs that were made before: check one again, or explain the difference between two of them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib.checks.base import listed
from tasks_lib.environments import ENVIRONMENTS
from tasks_lib.managers import MANAGERS
from tasks_lib.project.manifests import PYPROJECT, PyProject
from tasks_lib.project.project import root_of
from tasks_lib.proof import claims, document
from tasks_lib.results import Result, Status
from tasks_lib.session import combos
from tasks_lib.session.session import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_SLACK = 0.01  # seconds: each time is rounded for itself
_SHORT = 12  # letters of a hash


def verify(folder: Path, file: str) -> Answer:
    """Check a proof again, and whether the project that `folder` lies in is the one that it is of, and is as it was.

    A digest tells that nobody changed the file by hand. It cannot tell who wrote it: whoever hashes it anew makes
    another, and then only what contradicts itself shows. A signature is needed for that.
    """
    made = document.read(Path(file))
    shape = document.fault(made)
    results = [_result("proof.schema", "it has the shape of a proof", shape)]
    said = (
        ""
        if made.get("digest") == document.digest(made)
        else "the file is not what the session wrote"
    )
    results.append(_result("proof.digest", "nothing in it was changed since it was written", said))
    if not shape:
        wrong = listed(_contradictions(made))
        results.append(_result("proof.evidence", "the parts of its evidence fit each other", wrong))
        results += [_verdict(made), _project(root_of(folder), made)]
    data = {key: made.get(key) for key in ("combo", "engine", "made", "digest")}
    return Answer(results, data)


def _result(name: str, title: str, wrong: str, status: Status = Status.FAIL) -> Result:
    return Result(name, status if wrong else Status.PASS, title, wrong)


def _contradictions(made: Mapping[str, Any]) -> Iterator[str]:
    yield from _combo(made["combo"], made["engine"], made["lock"])
    if found := made["conda_files"]:
        again = claims.roots(found["before"], found["after"])
        yield from (
            f"conda_files.{name} is not the files' hash"
            for name in again
            if again[name] != found[name]
        )
    elif claims.owns_packages(made) and made["second"]:
        yield "the files of conda's packages are not in it"
    if (second := made["second"]) and "python" in second:
        rows = claims.rows(claims.contents(made), claims.contents(second))
        if rows != second["differences"]:
            yield f"second.differences does not follow from the two sets, in which {len(rows)} names differ"
    end = 0.0
    for step in made["steps"]:
        if step["started"] < end - _SLACK:
            yield f"the step {step['id']} began before the last one had ended"
        end = step["started"] + step["seconds"]
    if end > made["seconds"] + _SLACK:
        yield "the steps took longer than the session"


def _combo(name: str, engine: str, lock: Mapping[str, Any] | None) -> Iterator[str]:
    layer, _, manager = name.partition("_")
    if name not in combos.names():
        yield f"there is no combo {name}"
        return
    if engine not in ENVIRONMENTS[layer].makers:
        yield f"{name} has no engine {engine!r}"
    if lock and lock["name"] != MANAGERS[manager].lock_name:
        yield f"{name} has no {lock['name']}"


def _verdict(made: Mapping[str, Any]) -> Result:
    title = "its verdict follows from its evidence"
    again, said = claims.judge(made), made["verdict"]
    states = [{row["id"]: row["status"] for row in one["claims"]} for one in (said, again)]
    rows = [f"{row['name']} is {row['second']}, not {row['first']}" for row in claims.rows(*states)]
    if again["status"] != said["status"]:
        rows.append(f"the verdict is {again['status']}, not {said['status']}")
    if again != said and not rows:
        rows = list(_reworded(again["claims"], said["claims"])) or [
            "a claim stands twice, or in another's place"
        ]
    if rows:
        return _result("proof.verdict", title, listed(rows))
    broken = listed(f"{row['title']} ({row['reason']})" for row in claims.broken(made))
    told = f"and it is a failure: {broken}" if broken else ""
    return _result("proof.verdict", title, told, Status.WARN)


def _reworded(
    again: Sequence[Mapping[str, str]], said: Sequence[Mapping[str, str]]
) -> Iterator[str]:
    for key in ("title", "reason"):
        texts = [{row["id"]: row[key] for row in rows} for rows in (said, again)]
        yield from (
            f"{row['name']}'s {key} is {row['second']!r}, not {row['first']!r}"
            for row in claims.rows(*texts)
        )


def _project(root: Path, made: Mapping[str, Any]) -> Result:
    title = "the project is what it was"
    if not (root / PYPROJECT).is_file():
        return _result("proof.project", title, "there is no project here to look at", Status.SKIP)
    name = PyProject.read(root / PYPROJECT).name
    if name != made["project"]["name"]:
        text = f"it is a proof of {made['project']['name']}, and this is {name}"
        return _result("proof.project", title, text, Status.SKIP)
    then: dict[str, str] = dict(made["manifests"])
    if (
        made["lock"] and (root / made["lock"]["name"]).is_file()
    ):  # a project may leave its lock to each machine
        then[made["lock"]["name"]] = made["lock"]["sha256"]
    changed = [name for name, hashed in then.items() if _hash(root, name) != hashed]
    return _result(
        "proof.project",
        title,
        f"it has changed since: {listed(changed)}" if changed else "",
        Status.WARN,
    )


def _hash(root: Path, name: str) -> str:
    if "\0" in name:
        return ""
    path = (root / name).resolve()
    if not path.is_relative_to(root.resolve()) or not path.is_file():
        return ""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def explain(first: str, second: str) -> Answer:
    """Compare two proofs: what counts is what is installed, the lock, and the verdict."""
    made = [document.load(Path(file)) for file in (first, second)]
    around = claims.rows(*map(_surroundings, made))
    packages = claims.rows(*map(_packages, made))
    lock = claims.rows(*(claims.pins(one["lock"]) if one["lock"] else {} for one in made))
    verdict = claims.rows(*map(_verdicts, made))
    results = [
        _result("compare.packages", "the same packages are installed", _told(packages)),
        _result("compare.lock", "the locks pin the same versions", _told(lock)),
        _result("compare.verdict", "the verdicts are the same", _told(verdict)),
    ]
    data = {
        "surroundings": _table("surroundings", around),
        "packages": _table("package", packages),
        "lock": _table("locked", lock),
        "conda_files": _table("conda file", claims.rows(*map(_conda_files, made))),
        "steps": list(_steps(*made)),
        "claims": _table("claim", verdict),
        "likely": _likely(
            {row["name"] for row in around}, bool(packages), bool(lock), bool(verdict)
        ),
    }
    return Answer(results, {key: value for key, value in data.items() if value})


def _told(rows: list[dict[str, str]]) -> str:
    return listed(
        f"{row['name']} ({row['first'] or 'none'}, {row['second'] or 'none'})" for row in rows
    )


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
    seeds = made.get("seeds", ())
    owners = {
        row["name"]: claims.owner(row, seeds)
        for row in made["installed"]
        if row["owner"] != "conda"
    }
    owners |= {
        name: "came with the environment" for name, owner in owners.items() if owner == "seed"
    }
    versions = claims.contents(made)
    return {
        name: f"{version} ({owners[name]})" if name in owners else version
        for name, version in versions.items()
    }


def _verdicts(made: Mapping[str, Any]) -> dict[str, str]:
    broken = {row["id"]: f"fail: {row['reason']}" for row in claims.broken(made)}
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
        (
            lock,
            "The manifests are the same and the locks are not: they were resolved at different times or places.",
        ),
        (
            packages and layer,
            f"The lock is the same; what is installed otherwise follows from {layer}.",
        ),
        (
            packages,
            "Lock and surroundings are the same: somebody installed, upgraded or removed something by hand.",
        ),
        (
            verdict,
            "The same is installed from the same lock: something was met in one of the sessions alone.",
        ),
        (machine, f"They agree in all that counts; different times follow from {machine}."),
    )
    load = "They agree in all that counts; what differs in time is the load of the machine."
    return next((text for holds, text in told if holds), load)
