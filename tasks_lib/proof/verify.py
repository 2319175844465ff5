"""Check a proof again: compute anew what can be computed from it, and look whether the project is still the same."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib import combos
from tasks_lib.checks.base import listed
from tasks_lib.managers import MANAGERS
from tasks_lib.manifests import PYPROJECT, PyProject
from tasks_lib.project import root_of
from tasks_lib.proof import claims, compare, document
from tasks_lib.report.model import Result, Status
from tasks_lib.session import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SLACK = 0.01  # seconds: each time is rounded for itself


def verify(folder: Path, file: str) -> Answer:
    """Check a proof again, and whether the project that `folder` lies in is the one that it is of, and is as it was.

    A digest tells that nobody changed the file by hand. It cannot tell who wrote it: whoever hashes it anew makes
    another, and then only what contradicts itself shows. A signature is needed for that.
    """
    made = document.read(Path(file))
    shape = document.fault(made)
    results = [_result("schema", "it has the shape of a proof", shape)]
    said = "" if made.get("digest") == document.digest(made) else "the file is not what the session wrote"
    results.append(_result("digest", "nothing in it was changed since it was written", said))
    if not shape:
        wrong = listed(_contradictions(made))
        results.append(_result("evidence", "the parts of its evidence fit each other", wrong))
        results += [_verdict(made), _project(root_of(folder), made)]
    data = {key: made.get(key) for key in ("combo", "engine", "made", "digest")}
    return Answer(results, data)


def _result(name: str, title: str, wrong: str, status: Status = Status.FAIL) -> Result:
    return Result(f"proof.{name}", status if wrong else Status.PASS, title, wrong)


def _contradictions(made: Mapping[str, Any]) -> Iterator[str]:
    if made["combo"] not in combos.names():
        yield f"there is no combo {made['combo']}"
    elif made["lock"] and made["lock"]["name"] != MANAGERS[made["combo"].partition("_")[2]].lock_name:
        yield f"{made['combo']} has no {made['lock']['name']}"
    if found := made["conda_files"]:
        again = claims.roots(found["before"], found["after"])
        yield from (f"conda_files.{name} is not the files' hash" for name in again if again[name] != found[name])
    elif claims.owns_packages(made) and made["second"]:
        yield "the files of conda's packages are not in it"
    if (second := made["second"]) and "python" in second:
        rows = compare.rows(claims.contents(made), claims.contents(second))
        if rows != second["differences"]:
            yield f"second.differences does not follow from the two sets, in which {len(rows)} names differ"
    end = 0.0
    for step in made["steps"]:
        if step["started"] < end - _SLACK:
            yield f"the step {step['id']} began before the last one had ended"
        end = step["started"] + step["seconds"]
    if end > made["seconds"] + _SLACK:
        yield "the steps took longer than the session"


def _verdict(made: Mapping[str, Any]) -> Result:
    title = "its verdict follows from its evidence"
    again, said = claims.judge(made), made["verdict"]
    states = [{row["id"]: row["status"] for row in one["claims"]} for one in (said, again)]
    rows = [f"{row['name']} is {row['second']}, not {row['first']}" for row in compare.rows(*states)]
    if again["status"] != said["status"]:
        rows.append(f"the verdict is {again['status']}, not {said['status']}")
    if rows:
        return _result("verdict", title, listed(rows))
    broken = [f"{row['title']} ({row['reason']})" for row in said["claims"] if row["status"] == "fail"]
    told = f"and it is a failure: {listed(broken)}" if broken else ""
    return _result("verdict", title, told, Status.WARN)


def _project(root: Path, made: Mapping[str, Any]) -> Result:
    title = "the project is what it was"
    if not (root / PYPROJECT).is_file():
        return _result("project", title, "there is no project here to look at", Status.SKIP)
    name = PyProject.read(root / PYPROJECT).name
    if name != made["project"]["name"]:
        text = f"it is a proof of {made['project']['name']}, and this is {name}"
        return _result("project", title, text, Status.SKIP)
    then: dict[str, str] = dict(made["manifests"])
    if made["lock"] and (root / made["lock"]["name"]).is_file():  # a project may leave its lock to each machine
        then[made["lock"]["name"]] = made["lock"]["sha256"]
    changed = [name for name, hashed in then.items() if _hash(root, name) != hashed]
    return _result("project", title, f"it has changed since: {listed(changed)}" if changed else "", Status.WARN)


def _hash(root: Path, name: str) -> str:
    if "\0" in name:
        return ""
    path = (root / name).resolve()
    if not path.is_relative_to(root.resolve()) or not path.is_file():
        return ""
    return hashlib.sha256(path.read_bytes()).hexdigest()
