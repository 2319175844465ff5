"""Whether a conda environment is sound, from what `conda-meta` records; and what `conda doctor` says of it."""

from __future__ import annotations

import hashlib
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from packaging.utils import canonicalize_name

from tasks_lib.environments import distribution_health, health_checks, site_packages
from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution.redaction import without_logins
from tasks_lib.results import Result, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import rattler

    from tasks_lib.execution.process import Outcome

_SHOWN = 5
_SHARES = 8
#: how conda doctor counts the damaged files of a package: `python-3.11.7-0_cpython: 1`
_DAMAGED = re.compile(r"(?P<package>\S+-[^\s-]+-[^\s-]+):\s+(?P<files>\d+)")
_EXTRAS = re.compile(r"\[[^\]=]*\]")
_RECORD = re.compile(
    r".*site-packages/(?P<name>[^/]+?)-(?P<version>[^-/]+)(?:-py[\d.]+)?\.(?:dist|egg)-info(?=/|$)"
)
#: what stands in a record beside the channel's own words
_LOCAL = ("files", "paths_data", "link", "extracted_package_dir", "package_tarball_full_path")


class Owned(NamedTuple):
    """A distribution that conda brought: the conda package, its version, its record, and whether that is there."""

    package: str
    version: str
    folder: str
    whole: bool


def packages(prefix: Path) -> dict[str, dict[str, Any]]:
    """Read `conda-meta`: each conda package's record, by name; a record that cannot be read is an error."""
    found: dict[str, dict[str, Any]] = {}
    for path in _paths_of_records(prefix):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            found[record["name"]] = record
            words = [
                record["name"],
                record["version"],
                *(item["_path"] for item in _listed(record)),
            ]
            if not all(isinstance(word, str) for word in words):
                raise TypeError  # noqa: TRY301 - one way out for every damage
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise _damaged(path) from None
    return found


def _paths_of_records(prefix: Path) -> list[Path]:
    return sorted((prefix / "conda-meta").glob("*.json"))


def _damaged(path: Path) -> LabError:
    text = f"the record {path.name} is damaged."
    return LabError(
        text, ErrorCode.DAMAGED_CONDA_META, file=path, remedy=health_checks.CREATE_AGAIN
    )


def _solver_records(prefix: Path) -> list[rattler.PrefixRecord]:
    """Read the same records as the solver sees them."""
    import rattler  # noqa: PLC0415 - costs 0.05 s, which only the conda layer should pay

    found = []
    for path in _paths_of_records(prefix):
        try:
            found.append(rattler.PrefixRecord.from_path(path))
        except Exception:  # noqa: BLE001 - rattler's errors share no base class; each is a damaged record
            raise _damaged(path) from None
    return found


def _listed(record: dict[str, Any]) -> list[dict[str, Any]]:
    data = record.get("paths_data") or {}
    return data.get("paths") or [{"_path": name} for name in record.get("files") or ()]


def public(record: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a record says of its package, without its files and without whatever login its address has."""
    kept = {key: value for key, value in record.items() if key not in _LOCAL}
    for key in {"url", "channel"} & kept.keys():
        kept[key] = without_logins(kept[key], tokens=True)
    return kept


def size(record: dict[str, Any]) -> int:
    """Add up the sizes of a package's files in bytes, as it recorded them."""
    return sum(
        number for item in _listed(record) if isinstance(number := item.get("size_in_bytes"), int)
    )


def owned(prefix: Path, installed: Mapping[str, dict[str, Any]] | None = None) -> dict[str, Owned]:
    """Give the distributions that conda owns by file, by their normalised names; `installed` are its packages."""
    found: dict[str, Owned] = {}
    for name, record in (packages(prefix) if installed is None else installed).items():
        for file in record.get("files") or ():
            if (match := _RECORD.match(file)) and (
                python := canonicalize_name(match["name"])
            ) not in found:
                folder = prefix / match[0]
                whole = folder.is_file() or any(
                    (folder / one).is_file() for one in ("METADATA", "PKG-INFO")
                )
                found[python] = Owned(name, match["version"], folder.name, whole)
    return found


def python_version(prefix: Path) -> str:
    """Give the version of an environment's Python, by the name of conda's record, or as a virtual one says it."""
    names = [path.name.split("-") for path in (prefix / "conda-meta").glob("python-[0-9]*.json")]
    return names[0][1] if len(names) == 1 else site_packages.python_version(prefix) or ""


def owned_or_none(prefix: Path) -> dict[str, Owned]:
    """Give what conda owns, nothing where its records are damaged, which `verify` reports."""
    try:
        return owned(prefix)
    except LabError:
        return {}


def solver_spec(text: str) -> str:
    """Give a spec without pip's extras (`python-jose[cryptography]`), which conda passes over and rattler refuses."""
    return _EXTRAS.sub("", text)


def unsatisfied(prefix: Path, specs: Sequence[str]) -> tuple[str, ...]:
    """Give the specs that no installed package satisfies."""
    import rattler  # noqa: PLC0415 - costs 0.05 s, which only the conda layer should pay
    from rattler.exceptions import InvalidMatchSpecError  # noqa: PLC0415 - the same

    installed = _solver_records(prefix)
    lacking: list[str] = []
    for text in specs:
        try:
            spec = rattler.MatchSpec(solver_spec(text.rpartition("::")[2]))
        except InvalidMatchSpecError as error:
            said = f"{text!r} is no conda spec: {error}."
            raise LabError(
                said, ErrorCode.INVALID_SPEC, file="conda.yml", remedy="mend conda.yml"
            ) from None
        if not any(spec.matches(record) for record in installed):
            lacking.append(text)
    return tuple(lacking)


def virtual_packages() -> dict[str, str]:
    """Give what the solver takes this machine to have (`__cuda`, `__glibc`), CONDA_OVERRIDE_* heeded."""
    import rattler  # noqa: PLC0415 - costs 0.05 s, which only the conda layer should pay

    found = rattler.VirtualPackage.detect(rattler.VirtualPackageOverrides.from_env())
    each = (str(one.into_generic()).split("=", 1) for one in found)
    return {name: version.removesuffix("=0") for name, version in each}


def verify(prefix: Path) -> Iterator[Result]:
    """Check every recorded file (there, and unaltered by SHA-256), and every recorded dependency."""
    try:
        installed = packages(prefix)
    except LabError as error:
        yield health_checks.CONDA_META.result(Status.FAIL, error.message, remedy=error.remedy)
        return
    yield health_checks.CONDA_META.result(Status.PASS, f"{len(installed)} packages")
    there, places = hashes(prefix, installed), _places(prefix)
    wrong: dict[str, dict[str, list[str]]] = {"missing": {}, "altered": {}, "sound": {}}
    for name, record in sorted(installed.items()):
        for item in _paths(record, places):
            wrong[_state(prefix, item, there)].setdefault(name, []).append(item["_path"])
    for check, state in (
        (health_checks.MISSING_FILES, "missing"),
        (health_checks.ALTERED_FILES, "altered"),
    ):
        found = [f"{name} {len(files)} ({files[0]})" for name, files in wrong[state].items()]
        yield distribution_health.listed(check, found, state, more="more packages")
    yield _consistent(prefix)


def hashes(prefix: Path, installed: Mapping[str, dict[str, Any]] | None = None) -> dict[str, str]:
    """Hash every recorded file that is there, by its path; a link is known by where it leads."""
    places, every = _places(prefix), packages(prefix) if installed is None else installed
    names = sorted({item["_path"] for record in every.values() for item in _paths(record, places)})
    shares = [
        names[start::_SHARES] for start in range(_SHARES)
    ]  # several at once, since there are thousands
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        found = pool.map(
            lambda share: [(name, _hash(f"{prefix}/{name}")) for name in share], shares
        )
        return dict(sorted(pair for share in found for pair in share if pair[1]))


def _hash(path: str) -> str:
    if os.path.islink(path):  # noqa: PTH114 - thousands
        return hashlib.sha256(os.fsencode(os.readlink(path))).hexdigest()  # noqa: PTH115 - the same
    return (distribution_health.digest(path) or b"").hex()


def _places(prefix: Path) -> dict[str, str]:
    """Give where the two folders of a noarch Python package went: conda's records name them as the package does."""
    packages = site_packages.site_packages(prefix)
    scripts = "Scripts" if (prefix / "Scripts").is_dir() else "bin"
    return {
        "site-packages": packages.relative_to(prefix).as_posix() if packages else "",
        "python-scripts": scripts,
    }


def _paths(record: dict[str, Any], places: dict[str, str]) -> list[dict[str, Any]]:
    """Give the record's files less bytecode, which Python rewrites as it likes."""
    kept = [item for item in _listed(record) if not item["_path"].endswith(".pyc")]
    if record.get("noarch") != "python":
        return kept
    moved = [(item, *item["_path"].partition("/")) for item in kept]
    return [
        {**item, "_path": f"{places.get(top, top)}{slash}{rest}"}
        for item, top, slash, rest in moved
    ]


def _state(prefix: Path, item: dict[str, Any], there: Mapping[str, str]) -> str:
    """Tell whether a recorded file is sound, missing or altered; a link is sound wherever it leads."""
    found, expected = there.get(item["_path"]), item.get("sha256_in_prefix") or item.get("sha256")
    if found and found == expected:
        return "sound"
    path = f"{prefix}/{item['_path']}"
    link = os.path.islink(path)  # noqa: PTH114 - pathlib is too slow for thousands of files
    loose = not expected or item.get("path_type") in {"softlink", "directory"} or link
    if loose and os.path.lexists(path):
        return "sound"
    return "altered" if found else "missing"


def _consistent(prefix: Path) -> Result:
    """Check each package's `depends` against what is installed; virtual packages are the solver's affair."""
    import rattler  # noqa: PLC0415 - costs 0.05 s, which only the conda layer should pay
    from rattler.exceptions import InvalidMatchSpecError  # noqa: PLC0415 - the same

    try:
        installed = _solver_records(prefix)
    except LabError as error:
        return health_checks.CONSISTENT.result(Status.FAIL, error.message, remedy=error.remedy)
    wrong: dict[str, str] = {}
    for record in installed:
        for text in record.depends:
            try:
                met = text.startswith("__") or any(
                    rattler.MatchSpec(text).matches(other) for other in installed
                )
            except InvalidMatchSpecError:
                met = False
            if not met:
                wrong[record.name.normalized] = f"needs {text}"
    unmet = [f"{name} {text}" for name, text in sorted(wrong.items())]
    return distribution_health.listed(
        health_checks.CONSISTENT, unmet, "unmet:", more="more packages"
    )


def read_doctor(outcome: Outcome) -> Iterator[Result]:
    """Read what `conda doctor` printed: its exit code is 0 whatever it found, so a cross is what counts."""
    wrong: list[str] = []
    marks = 0
    heading = ""
    for line in outcome.stdout.splitlines():
        text = line.replace("✅", "").replace("❌", "").strip()
        marks += "✅" in line or "❌" in line
        if found := _DAMAGED.fullmatch(text):
            wrong.append(f"{heading}: {found['package']} ({found['files']})")
        elif text.endswith(":"):
            heading = text.rstrip(":").lower()
        if "❌" in line and not text.endswith("Files:"):
            wrong.append(text.rstrip(":"))
    if wrong:
        yield health_checks.CONDA_DOCTOR.result(Status.FAIL, "; ".join(wrong[: _SHOWN * 2]))
    elif outcome.ok and marks:
        yield health_checks.CONDA_DOCTOR.result(Status.PASS, f"{marks} checks")
    else:
        said = (outcome.said.splitlines() or ["it printed nothing"])[-1]
        remedy = Remedy("Read what it says", ("conda", "doctor"))
        detail = f"conda doctor could not answer: {said}"
        yield health_checks.CONDA_DOCTOR.result(Status.ERROR, detail, remedy=remedy)
