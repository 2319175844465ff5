"""What a proof claims. Each claim is computed from the document alone, so anybody can repeat it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_version

from tasks_lib.checks.base import listed
from tasks_lib.environments import ENVIRONMENTS
from tasks_lib.ownership.owners import Owner
from tasks_lib.project.version_ranges import is_python
from tasks_lib.session import combos

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from tasks_lib.session.combos import Combo

    Document = Mapping[str, Any]

#: the steps of a proof in their order, with their titles
STEPS = {
    "setup": "set the project up",
    "imports": "import what was installed",
    "edits": "add a package and remove it",
    "checks": "run every check",
    "again": "create a second environment from the lock alone",
    "same": "compare the two installed sets",
}
#: the steps that may find nothing to do
_MAY_SKIP = {"imports", "edits"}


@dataclass(frozen=True)
class Claim:
    """One claim of a proof.

    `broken` yields what contradicts it, and raises `KeyError` or `TypeError` without evidence.
    """

    id: str
    title: str
    broken: Callable[[Document], Iterator[str]]
    #: whether it is about the packages that the environment layer owns
    layer: bool = False


def judge(document: Document) -> dict[str, Any]:
    """Return the verdict on a proof: its status, and the status and reason of each claim."""
    rows = []
    for claim in CLAIMS:
        status, reason = _judge_claim(claim, document)
        rows.append({"id": claim.id, "title": claim.title, "status": status, "reason": reason})
    verdict = {"status": "pass", "claims": rows}
    if broken(verdict):
        verdict["status"] = "fail"
    return verdict


def _judge_claim(claim: Claim, document: Document) -> tuple[str, str]:
    """Return status and reason. Missing evidence fails, unless a failed step explains it."""
    if claim.layer and not owns_packages(document):
        return "skip", "this environment layer has no packages of its own"
    try:
        reason = listed(claim.broken(document))
    except (KeyError, TypeError):
        if any(_steps(document)):
            return "skip", "a step failed before it was seen"
        return "fail", "the proof holds no evidence of it"
    if reason:
        return "fail", reason
    return "pass", ""


def broken(verdict: Document) -> list[dict[str, str]]:
    """Return the rows of a verdict's broken claims."""
    return [row for row in verdict["claims"] if row["status"] == "fail"]


def combo_of(name: str) -> Combo:
    """Return the combo that a proof names; an unknown one is an error."""
    return combos.parse(name, "proof", "the proof names it")


def owns_packages(document: Document) -> bool:
    """Return whether the environment layer has packages of its own."""
    return ENVIRONMENTS[combo_of(document["combo"]).environment].owns_packages


def _steps(document: Document) -> Iterator[str]:
    """Yield the steps that did not end well; a session that stopped early has such a step."""
    steps = document["steps"]
    if [step["id"] for step in steps] != list(STEPS):
        yield f"the steps are not {', '.join(STEPS)}"
    for step in steps:
        skipped = step["status"] == "skip" and step["id"] in _MAY_SKIP
        passed = step["status"] in {"pass", "warn"} or skipped
        if not passed or step["exit_code"]:
            yield f"{step['title']}: {step['detail']}"


def _imports(document: Document) -> Iterator[str]:
    """Yield the modules that could not be imported."""
    for module, why in document["imports"]["failed"].items():
        yield f"{module} ({why})"


def _checks(document: Document) -> Iterator[str]:
    """Yield the checks that failed; a session without any proves nothing."""
    checks = document["checks"]
    if not checks:
        yield "no check was made"
    for name, status in checks.items():
        if status in {"fail", "error"}:
            yield f"{name}: {status}"


def _interpreter(document: Document) -> Iterator[str]:
    """Yield how the Python that ran differs from the environment's, or from the request."""
    found, python = document["interpreter"], document["python"]
    if found["prefix"] != found["environment"]:
        yield f"python is {found['prefix']}'s, and the environment is {found['environment']}"
    if found["version"] != python["version"]:
        yield f"python is {found['version']}, and the environment's records say {python['version']}"
    if python["asked"] and not is_python(python["asked"], found["version"]):
        yield f"python is {found['version']}, and {python['asked']} was requested"


def _isolated(document: Document) -> Iterator[str]:
    """Yield the folders outside the environment that Python imports from."""
    for path in document["interpreter"]["foreign"]:
        yield f"python imports from {path}"


def _lock_installed(document: Document) -> Iterator[str]:
    """Yield what is needed and missing, and what is installed at a version that is not locked.

    A lock is for all platforms, so of its other packages only those that are installed count. Seeds
    came with the environment: where nothing needs them, their version is not the lock's matter.
    """
    lock, installed = document["lock"], python_versions(document["installed"])
    for name in lock["needed"]:
        if name not in installed:
            yield f"{name} is not installed"
    unneeded_seeds = set(document["seeds"]) - set(lock["needed"])
    for name in sorted(set(lock["packages"]) & set(installed) - unneeded_seeds):
        pins = lock["packages"][name]
        if not _is_pinned(installed[name], pins):
            yield f"{name} is {installed[name]}, and the lock says {' or '.join(pins)}"


def python_versions(installed: Sequence[Document]) -> dict[str, str]:
    """Return names and versions of the Python distributions, those of conda packages among them."""
    found: dict[str, str] = {}
    for row in installed:
        found |= row.get("distributions") or {}
        if row["owner"] != Owner.CONDA:
            found[row["name"]] = row["version"]
    return found


def _is_pinned(version: str, pins: Sequence[str]) -> bool:
    """Return whether a version is one of the pins; a lock may name a package without one."""
    wanted = {canonicalize_version(pin) for pin in pins if pin}
    return not wanted or canonicalize_version(version) in wanted


def _lock_unchanged(document: Document) -> Iterator[str]:
    """Yield what the lock pins otherwise at the end, and the manifests that changed."""
    lock, kept = document["lock"], document["kept"]
    for row in rows(pins(lock["packages"]), pins(lock["after"])):
        before, after = row["first"] or "not there", row["second"] or "gone"
        yield f"{lock['name']}: {row['name']} was {before}, and is {after}"
    for row in rows(kept["before"], kept["after"]):
        yield f"{row['name']} says something else"


def pins(packages: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return what a lock pins, the versions of each name in one text."""
    return {name: " or ".join(versions) for name, versions in packages.items()}


def _no_strays(document: Document) -> Iterator[str]:
    """Yield what neither layer names, in either environment."""
    seeds, made = document["seeds"], {"first": document["installed"]}
    if document["second"]:
        made["second"] = document["second"]["installed"]
    for which, installed in made.items():
        for row in installed:
            if owner(row, seeds) == Owner.STRAY:
                yield f"{row['name']} {row['version']} in the {which} environment"


def owner(row: Mapping[str, Any], seeds: Collection[str]) -> str:
    """Return who owns a package; a `seed` came with the environment and is not a stray."""
    if row["owner"] == Owner.STRAY and row["name"] in seeds:
        return "seed"
    return str(row["owner"])


def _conda_untouched(document: Document) -> Iterator[str]:
    """Yield the files of conda's packages that the manager altered or deleted.

    The files are those of the second environment, hashed right before and after the installation.
    """
    found = document["conda_files"]
    for name, now in found["after"].items():
        state = "altered" if now else "gone"
        yield f"{name} is {state}"
    if not found["before"]:
        yield "no file was looked at"


def _second_same(document: Document) -> Iterator[str]:
    """Yield how the environment made from the lock alone differs from the first one."""
    second = document["second"]
    one = contents(document["python"]["version"], document["installed"])
    yield from differences(one, contents(second["python"], second["installed"]))


def differences(
    one: Mapping[str, str], other: Mapping[str, str], first: str = "first", second: str = "second"
) -> Iterator[str]:
    """Yield what differs between two environments, with the version that each has."""
    for row in rows(one, other):
        before, after = row["first"] or "none", row["second"] or "none"
        yield f"{row['name']} ({first} {before}, {second} {after})"


def rows(one: Mapping[str, str], other: Mapping[str, str]) -> list[dict[str, str]]:
    """Return a row for each name that differs; what a side does not have is empty."""
    found = []
    for name in sorted({*one, *other}):
        first, second = one.get(name, ""), other.get(name, "")
        if first != second:
            found.append({"name": name, "first": first, "second": second})
    return found


def contents(python: str, installed: Sequence[Document]) -> dict[str, str]:
    """Return what must be equal in two environments: Python, each version, and conda's builds."""
    found = {"Python": python}
    for row in installed:
        if row["owner"] == Owner.CONDA:
            found[f"{row['name']} (conda)"] = f"{row['version']} {row['build']}"
        else:
            found[row["name"]] = row["version"]
    return found


CLAIMS = (
    Claim("steps", "every step ended well", _steps),
    Claim("imports", "what is installed can be imported", _imports),
    Claim("checks", "no check failed", _checks),
    Claim(
        "interpreter",
        "the interpreter is the environment's own, and the one that was requested",
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
