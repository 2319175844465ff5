"""What a proof claims: each claim is computed from the document alone, so that anybody can compute it again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks_lib.checks.base import listed
from tasks_lib.environments import ENVIRONMENTS
from tasks_lib.environments.venv import is_python

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

#: The steps of a proof in their order, with their titles.
STEPS = {
    "setup": "set the project up",
    "imports": "import what was installed",
    "edits": "add a package and remove it",
    "checks": "run every check",
    "again": "make a second environment from the lock alone",
    "same": "compare the two installed sets",
}
#: those that may find nothing to do
_MAY_SKIP = {"imports", "edits"}


@dataclass(frozen=True)
class Claim:
    """One claim: `broken` names what contradicts it, and raises `KeyError` or `TypeError` where evidence lacks."""

    id: str
    title: str
    broken: Callable[[Mapping[str, Any]], Iterator[str]]
    #: whether it is about what the environment layer owns
    layer: bool = False


def judge(document: Mapping[str, Any]) -> dict[str, Any]:
    """Give the verdict: a claim without evidence fails, unless the session stopped before, which is a failure too."""
    stopped = any(_steps(document))
    owns = owns_packages(document)
    found = []
    for claim in CLAIMS:
        try:
            reason = listed(claim.broken(document))
            status = "fail" if reason else "pass"
        except (KeyError, TypeError):
            status, reason = "fail", "the proof holds no evidence of it"
            if stopped:
                status, reason = "skip", "a step failed before it was seen"
        if claim.layer and not owns:
            status, reason = "skip", "this environment layer has no packages of its own"
        found.append({"id": claim.id, "title": claim.title, "status": status, "reason": reason})
    return {
        "status": "fail" if any(row["status"] == "fail" for row in found) else "pass",
        "claims": found,
    }


def broken(document: Mapping[str, Any]) -> list[dict[str, str]]:
    """Give the claims that a document says to be broken."""
    return [row for row in document["verdict"]["claims"] if row["status"] == "fail"]


def owns_packages(document: Mapping[str, Any]) -> bool:
    """Tell whether the environment layer has packages of its own; of one that is not known here it is expected."""
    layer = ENVIRONMENTS.get(document["combo"].partition("_")[0])
    return layer is None or layer.owns_packages


def _steps(document: Mapping[str, Any]) -> Iterator[str]:
    steps = document["steps"]
    if tuple(step["id"] for step in steps) != tuple(STEPS):
        yield f"the steps are not {', '.join(STEPS)}"
    for step in steps:
        good = {"pass", "warn"} | ({"skip"} if step["id"] in _MAY_SKIP else set())
        if step["status"] not in good or step["exit_code"] not in {0, None}:
            yield f"{step['title']}: {step['detail']}"


def _imports(document: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{module} ({why})" for module, why in document["imports"]["failed"].items())


def _checks(document: Mapping[str, Any]) -> Iterator[str]:
    checks = document["checks"]
    yield from (
        f"{name}: {status}" for name, status in checks.items() if status in {"fail", "error"}
    )
    if not checks:
        yield "no check was made"


def _interpreter(document: Mapping[str, Any]) -> Iterator[str]:
    found, version = document["interpreter"], document["python"]["version"]
    if found["prefix"] != found["environment"]:
        yield f"python is {found['prefix']}'s, and the environment is {found['environment']}"
    if found["version"] != version:
        yield f"python is {found['version']}, and the environment's records say {version}"
    if document["python"]["asked"] and not is_python(document["python"]["asked"], found["version"]):
        yield f"python is {found['version']}, and {document['python']['asked']} was asked for"


def _isolated(document: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"python imports from {path}" for path in document["interpreter"]["foreign"])


def _lock_installed(document: Mapping[str, Any]) -> Iterator[str]:
    from packaging.utils import canonicalize_version  # noqa: PLC0415 - 0.03 s

    have: dict[str, str] = {}
    for row in document["installed"]:
        have |= row["distributions"] if row["owner"] == "conda" else {row["name"]: row["version"]}
    for name in document["lock"]["needed"]:
        if name not in have:
            yield f"{name} is not installed"
    apart = {*document["seeds"]} - {*document["lock"]["needed"]}  # it came with the environment
    for name, pins in document["lock"]["packages"].items():
        wanted = {canonicalize_version(pin) for pin in pins if pin}
        if (
            name in have
            and name not in apart
            and wanted
            and canonicalize_version(have[name]) not in wanted
        ):
            yield f"{name} is {have[name]}, and the lock says {' or '.join(pins)}"


def _lock_unchanged(document: Mapping[str, Any]) -> Iterator[str]:
    lock, kept = document["lock"], document["kept"]
    for row in rows(pins(lock), pins(lock, "after")):
        yield f"{lock['name']}: {row['name']} was {row['first'] or 'not there'}, and is {row['second'] or 'gone'}"
    yield from (f"{row['name']} says something else" for row in rows(kept["before"], kept["after"]))


def pins(lock: Mapping[str, Any], when: str = "packages") -> dict[str, str]:
    """Give what a lock pins, each name's versions in one text."""
    return {name: " or ".join(versions) for name, versions in lock[when].items()}


def _no_strays(document: Mapping[str, Any]) -> Iterator[str]:
    seeds = document["seeds"]
    for which, made in (("first", document), ("second", document["second"] or {"installed": ()})):
        strays = (row for row in made["installed"] if owner(row, seeds) == "stray")
        yield from (f"{row['name']} {row['version']} in the {which} environment" for row in strays)


def owner(row: Mapping[str, Any], seeds: Collection[str]) -> str:
    """Name who owns what is installed: a `seed` came with the environment, and is no stray."""
    return "seed" if row["owner"] == "stray" and row["name"] in seeds else str(row["owner"])


def _conda_untouched(document: Mapping[str, Any]) -> Iterator[str]:
    files = document["conda_files"]
    yield from (f"{name} is {'altered' if now else 'gone'}" for name, now in files["after"].items())
    if not files["before"] or files["root_before"] != files["root_after"]:
        yield "the files are not the same as a whole"


def _second_same(document: Mapping[str, Any]) -> Iterator[str]:
    return differences(contents(document), contents(document["second"]))


def differences(
    one: Mapping[str, str], other: Mapping[str, str], first: str = "first", second: str = "second"
) -> Iterator[str]:
    """Say what differs between two environments, with the version that each has."""
    for row in rows(one, other):
        yield f"{row['name']} ({first} {row['first'] or 'none'}, {second} {row['second'] or 'none'})"


def rows(one: Mapping[str, str], other: Mapping[str, str]) -> list[dict[str, str]]:
    """Give a row for each name that differs; what a side does not have is empty there."""
    return [
        {"name": name, "first": one.get(name, ""), "second": other.get(name, "")}
        for name in sorted({*one, *other})
        if one.get(name) != other.get(name)
    ]


def contents(document: Mapping[str, Any]) -> dict[str, str]:
    """Give what must be equal in two environments: the Python, each name's version, and conda's builds."""
    python = document["python"]
    found = {"Python": python if isinstance(python, str) else python["version"]}
    for row in document["installed"]:
        conda = row["owner"] == "conda"
        found[f"{row['name']} (conda)" if conda else row["name"]] = (
            f"{row['version']} {row['build']}" if conda else row["version"]
        )
    return found


def roots(before: Mapping[str, str], after: Mapping[str, str | None]) -> dict[str, str]:
    """Give one hash for all files before, and one for all after, of the lines `HASH  PATH`."""
    now = {name: digest for name, digest in {**before, **after}.items() if digest}
    return {"root_before": _root(before), "root_after": _root(now)}


def _root(files: Mapping[str, str]) -> str:
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(files.items()))
    return hashlib.sha256(lines.encode("utf-8", "backslashreplace")).hexdigest()


CLAIMS = (
    Claim("steps", "every step ended well", _steps),
    Claim("imports", "what is installed can be imported", _imports),
    Claim("checks", "no check failed", _checks),
    Claim(
        "interpreter",
        "the interpreter is the environment's own, and the one asked for",
        _interpreter,
    ),
    Claim("isolated", "nothing is imported from outside", _isolated),
    Claim("lock.installed", "what the lock says is what is installed", _lock_installed),
    Claim("lock.unchanged", "lock and manifests say at the end what they said", _lock_unchanged),
    Claim("no-strays", "nothing is installed that no manifest or lock names", _no_strays),
    Claim(
        "conda.untouched", "the manager changed no file of conda's", _conda_untouched, layer=True
    ),
    Claim("second.same", "the environment made from the lock alone is the same", _second_same),
)
