"""What `conda-meta` records, and whether that is what exists."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import re
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from tasks_lib.environments import (
    conda_consistency,
    conda_files,
    distribution_health,
    health_checks,
    site_packages,
)
from tasks_lib.environments.base import Owned
from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import files
from tasks_lib.execution.redaction import without_logins
from tasks_lib.results import Result, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import rattler

_EXTRAS = re.compile(r"\[[^\]=]*\]")
_RECORD = re.compile(
    r".*site-packages/(?P<name>[^/]+?)-(?P<version>[^-/]+)(?:-py[\d.]+)?\.(?:dist|egg)-info(?=/|$)"
)
#: what every record has
RECORDED = {"name", "version", "build", "build_number", "subdir"}
#: the records that are kept in memory
_MOST_KNOWN = 1024
#: what a record has besides the channel's own words
_LOCAL = ("files", "paths_data", "link", "extracted_package_dir", "package_tarball_full_path")


def packages(prefix: Path) -> dict[str, dict[str, Any]]:
    """Return the record of each conda package by its name, from `conda-meta`.

    Raises:
        LabError: A record cannot be read.
    """
    found: dict[str, dict[str, Any]] = {}
    for path in paths_of_records(prefix):
        record = read(path)
        if record is None:
            raise _damaged(path)
        found[record["name"]] = record
    return found


def read(path: Path) -> dict[str, Any] | None:
    """Return a record, None where it is damaged."""
    try:
        return _record(path, files.state(path))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


@functools.lru_cache(maxsize=_MOST_KNOWN)
def _record(path: Path, _: tuple[int, ...]) -> dict[str, Any]:
    """Read a record in a state of its file: a run looks at an environment several times."""
    record: dict[str, Any] = json.loads(files.regular(path))
    words = [record["name"], record["version"]]
    words += [item["_path"] for item in conda_files.listed(record)]
    words += record.get("files") or ()
    if not all(isinstance(word, str) for word in words):
        raise TypeError
    return record


def paths_of_records(prefix: Path) -> list[Path]:
    """Return the paths of the records of an environment."""
    return sorted((prefix / "conda-meta").glob("*.json"))


def _damaged(path: Path) -> LabError:
    text = f"The record {path.name} is damaged."
    code, remedy = ErrorCode.DAMAGED_CONDA_META, health_checks.CREATE_AGAIN
    return LabError(text, code, file=path, remedy=remedy)


def _solver_records(prefix: Path) -> list[rattler.PrefixRecord]:
    """Read the same records as the solver sees them."""
    found = []
    for path in paths_of_records(prefix):
        try:
            found.append(_solver_record(path, files.state(path)))
        except Exception:  # noqa: BLE001 - rattler's errors share no base class
            raise _damaged(path) from None
    return found


@functools.lru_cache(maxsize=_MOST_KNOWN)
def _solver_record(path: Path, _: tuple[int, ...]) -> rattler.PrefixRecord:
    """Read a record as the solver sees it, in a state of its file."""
    import rattler  # noqa: PLC0415 - costs 0.05 s, which only the conda layer should pay

    return rattler.PrefixRecord.from_path(path)


def public(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a record says of its package, without its files and the login in its address."""
    kept = {key: value for key, value in record.items() if key not in _LOCAL}
    for key in {"url", "channel"} & kept.keys():
        kept[key] = without_logins(kept[key], tokens=True)
    return kept


def size(record: dict[str, Any]) -> int:
    """Return the sum of the sizes of a package's files in bytes, as it recorded them."""
    numbers = [item.get("size_in_bytes") for item in conda_files.listed(record)]
    return sum(number for number in numbers if isinstance(number, int))


def owned(prefix: Path, installed: Mapping[str, dict[str, Any]] | None = None) -> dict[str, Owned]:
    """Return the Python distributions that conda owns by file, by their normalised names.

    `installed` are the records of its packages, which are read if they are not given.
    """
    if installed is None:
        installed = packages(prefix)
    found: dict[str, Owned] = {}
    for name, match in _brought(installed):
        distribution = canonicalize_name(match["name"])
        if distribution not in found:
            folder = prefix / match[0]
            found[distribution] = Owned(name, match["version"], folder.name, _is_whole(folder))
    return found


def _brought(installed: Mapping[str, dict[str, Any]]) -> Iterator[tuple[str, re.Match[str]]]:
    """Yield each package's name beside the place of each distribution that it brought."""
    for name, record in installed.items():
        for file in record.get("files") or ():
            match = _RECORD.match(file)
            if match:
                yield name, match


def _is_whole(record: Path) -> bool:
    """Return whether a distribution's record exists; an egg-info may be a file."""
    files = (record, record / "METADATA", record / "PKG-INFO")
    return any(file.is_file() for file in files)


def python_version(prefix: Path) -> str:
    """Return the version of an environment's Python, from conda's record or `pyvenv.cfg`."""
    names = [path.name.split("-") for path in (prefix / "conda-meta").glob("python-[0-9]*.json")]
    if len(names) == 1:
        return names[0][1]
    return site_packages.python_version(prefix) or ""


def owned_or_none(prefix: Path) -> dict[str, Owned]:
    """Return what conda owns, nothing where its records are damaged, which `verify` reports."""
    try:
        return owned(prefix)
    except LabError:
        return {}


def solver_spec(text: str) -> str:
    """Return a spec without pip's extras (`python-jose[cryptography]`).

    conda ignores them, and rattler refuses the spec.
    """
    return _EXTRAS.sub("", text)


def unsatisfied(prefix: Path, specs: Sequence[str], file: str) -> tuple[str, ...]:
    """Return the specs, which are in the conda file `file`, that no installed package satisfies."""
    return _unmatched(_solver_records(prefix), specs, file)


def unmatched(
    records: Iterable[Mapping[str, Any]], specs: Sequence[str], file: str
) -> tuple[str, ...]:
    """Return the specs, which are in the conda file `file`, that no package of a list satisfies.

    What is not a version or a build of conda's satisfies none.
    """
    import rattler  # noqa: PLC0415 - costs 0.05 s, which only the conda layer should pay

    found = []
    for record in records:
        name, version, build = (record[key] for key in ("name", "version", "build"))
        with contextlib.suppress(Exception):  # rattler's errors share no base class
            words = name, version, rattler.BuildString(build), record["build_number"]
            found.append(rattler.PackageRecord(*words, record["subdir"]))
    return _unmatched(found, specs, file)


def _unmatched(
    records: Sequence[rattler.PackageRecord], specs: Sequence[str], file: str
) -> tuple[str, ...]:
    """Return the specifications that no record meets.

    Raises:
        LabError: One cannot be read, in the manifest named `file`.

    """
    import rattler  # noqa: PLC0415 - costs 0.05 s, which only the conda layer should pay
    from rattler.exceptions import InvalidMatchSpecError  # noqa: PLC0415 - the same

    lacking = []
    for text in specs:
        try:
            spec = rattler.MatchSpec(solver_spec(text.rpartition("::")[2]))
        except InvalidMatchSpecError as error:
            said, remedy = f"{text!r} is not a conda spec: {error}.", Remedy(f"Correct {file}")
            code = ErrorCode.INVALID_SPEC
            raise LabError(said, code, file=file, remedy=remedy) from None
        if not any(map(spec.matches, records)):
            lacking.append(text)
    return tuple(lacking)


def verify(prefix: Path, installed: Mapping[str, dict[str, Any]] | None = None) -> Iterator[Result]:
    """Check every recorded file, and that the packages go together and with this machine.

    `installed` are the records of its packages, which are read if they are not given.
    """
    try:
        if installed is None:
            installed = packages(prefix)
        records = _solver_records(prefix)
    except LabError as error:
        yield health_checks.CONDA_META.result(Status.FAIL, error.message, remedy=error.remedy)
        return
    versions: dict[str, list[str]] = defaultdict(list)
    for record in records:
        versions[record.name.normalized].append(str(record.version))
    twice = []
    for name, found in versions.items():
        if len(found) > 1:
            twice.append(f"{name} ({' and '.join(found)})")
    lost = _lost(prefix, installed)
    if twice:
        yield distribution_health.listed(health_checks.CONDA_META, twice, "recorded twice:")
    if lost:
        text = "conda installed these, and has no record of them:"
        yield distribution_health.listed(health_checks.CONDA_META, lost, text)
    if not twice and not lost:
        yield health_checks.CONDA_META.result(Status.PASS, f"{len(installed)} packages")
    yield from conda_files.verify(prefix, installed)
    yield from conda_consistency.verify(prefix, records)
    scripts = conda_files.entry_points(prefix, installed)
    generated = [name for name, is_generated in scripts.items() if is_generated]
    yield distribution_health.moved(prefix, generated, scripts.keys() - {*generated})


def of_conda(prefix: Path) -> dict[str, str]:
    """Return the distributions that conda installed by their own record, and that record's name."""
    by = site_packages.installers(prefix)
    found = site_packages.distributions(prefix)
    return {one.name: one.folder.name for one in found if by.get(one.name) == "conda"}


def _lost(prefix: Path, installed: Mapping[str, dict[str, Any]]) -> list[str]:
    """Return the distributions that conda installed, by their own record, and does not know."""
    known = {match[0].rpartition("/")[2] for _, match in _brought(installed)}
    return [name for name, folder in of_conda(prefix).items() if folder not in known]


def renewal(prefix: Path) -> Remedy:
    """Return what creates an environment again, with pins where conda's packages were replaced."""
    return _renewal(owned_or_none(prefix))


def _renewal(owned: Mapping[str, Owned]) -> Remedy:
    is_whole = all(one.whole for one in owned.values())
    return health_checks.CREATE_AGAIN if is_whole else health_checks.ALIGN_AGAIN


def health(prefix: Path) -> Iterator[Result]:
    """Check all records of an environment; each result has the remedy that works in it."""
    installed: dict[str, dict[str, Any]] | None = None
    with contextlib.suppress(LabError):  # `verify` reports it
        installed = packages(prefix)
    known = owned(prefix, installed or {})
    again = _renewal(known)
    compiled = conda_files.compiled(prefix, installed or {})
    found = distribution_health.health(prefix, known, compiled)
    for one in itertools.chain(verify(prefix, installed), found):
        is_again = one.remedy == health_checks.CREATE_AGAIN
        yield replace(one, remedy=again) if is_again else one
