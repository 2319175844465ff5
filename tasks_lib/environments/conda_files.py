"""Whether each file that conda's records name is there as it was installed."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from typing import TYPE_CHECKING, Any

from tasks_lib.environments import distribution_health, health_checks, site_packages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tasks_lib.results import Check, Result

#: the files are hashed in so many parts at once, since there are thousands
_SHARES = 8
#: the hash that conda-build records of a link to a folder, or to what another package brings:
#: `sha256_checksum` in `conda_build/utils.py`
_OF_NOTHING = hashlib.sha256(b"").hexdigest()
#: what a package brings; other kinds are made as it is linked, and conda records no hash of them
_BROUGHT = {None, "hardlink"}


class State(IntEnum):
    """What became of a recorded file, best first."""

    SOUND = 0
    UNKNOWN = 1  # it exists, and nothing says what was in it
    ALTERED = 2
    MISSING = 3


def listed(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the files that a record describes, each as a mapping with its `_path`."""
    data = record.get("paths_data") or {}
    return data.get("paths") or [{"_path": name} for name in record.get("files") or ()]


def hashes(prefix: Path, installed: Mapping[str, dict[str, Any]]) -> dict[str, str]:
    """Return the SHA-256 of every recorded file that exists, by its path in the environment.

    Of a link it is that of the path to which it points.
    """
    places = _places(prefix)
    paths = {item["_path"] for record in installed.values() for item in _paths(record, places)}
    names = sorted(paths)
    shares = [names[start::_SHARES] for start in range(_SHARES)]
    found: dict[str, str] = {}
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        for part in pool.map(partial(_hashes_of, prefix), shares):
            found |= part
    return dict(sorted(found.items()))


def _hashes_of(prefix: Path, names: Sequence[str]) -> dict[str, str]:
    found = {}
    for name in names:
        path = f"{prefix}/{name}"
        if os.path.islink(path):  # noqa: PTH114 - pathlib is too slow for thousands of files
            target = os.fsencode(os.readlink(path))  # noqa: PTH115 - the same
            found[name] = hashlib.sha256(target).hexdigest()
            continue
        digest = distribution_health.digest(path)
        if digest is not None:
            found[name] = digest.hex()
    return found


def _places(prefix: Path) -> dict[str, str]:
    """Return where the two folders of a noarch Python package are in this environment."""
    packages = site_packages.site_packages(prefix)
    return {
        "site-packages": packages.relative_to(prefix).as_posix() if packages else "",
        "python-scripts": "Scripts" if (prefix / "Scripts").is_dir() else "bin",
    }


def _paths(record: Mapping[str, Any], places: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the record's files where they are here, less bytecode, which Python rewrites.

    What `paths_data` leaves out and `files` names has no hash.
    """
    named = [{"_path": name} for name in record.get("files") or ()]
    found: dict[str, dict[str, Any]] = {}
    for item in (*listed(record), *named):
        path = item["_path"]
        if record.get("noarch") == "python":
            top, slash, rest = path.partition("/")
            path = f"{places.get(top, top)}{slash}{rest}"
        found.setdefault(path, {**item, "_path": path})
    # bytecode comes and goes: https://github.com/conda/conda/issues/13370
    return [item for path, item in found.items() if not path.endswith(".pyc")]


@dataclass(frozen=True)
class _Files:
    """The recorded files of an environment: by package and path, and the hash of each one now."""

    prefix: str
    items: dict[str, dict[str, dict[str, Any]]]
    there: dict[str, str]

    def state(self, package: str, path: str) -> State:
        """Return what became of a file of a package."""
        item, full, found = self.items[package][path], f"{self.prefix}/{path}", self.there.get(path)
        expected, kind = item.get("sha256_in_prefix") or item.get("sha256"), item.get("path_type")
        if found is not None and found == expected:
            return State.SOUND
        if os.path.islink(full):  # noqa: PTH114 - pathlib is too slow for thousands of files
            return self._state_of_link(package, path)
        if kind in {"softlink", "directory"}:  # a copy of an environment may have followed a link
            return State.SOUND if os.path.lexists(full) else State.MISSING
        if found is None:  # else it is there, and this user may not read it
            return State.UNKNOWN if os.path.isfile(full) else State.MISSING  # noqa: PTH113 - the same
        if expected:
            return State.ALTERED
        return State.UNKNOWN if kind in _BROUGHT else State.SOUND

    def _state_of_link(self, package: str, path: str) -> State:
        """Return whether a link leads where it led.

        conda records what was in the file to which a link led as the package was built. A file of
        the same package has that hash too, one of another package may have another version by now,
        and any other file must have that content, as one must that a link took the place of.
        """
        item = self.items[package][path]
        hashes, target = _hashes_in(item), os.path.realpath(f"{self.prefix}/{path}")
        if item.get("path_type") == "softlink":
            name = os.path.relpath(target, self.prefix)
            owners = [owner for owner, items in self.items.items() if name in items]
            if _OF_NOTHING in hashes or (owners and package not in owners):
                return State.SOUND
            if owners:
                others = _hashes_in(self.items[package][name])
                is_other = hashes and others and hashes.isdisjoint(others)
                return State.ALTERED if is_other else State.SOUND
        found = distribution_health.digest(target)
        if found is not None and hashes:
            return State.SOUND if found.hex() in hashes else State.ALTERED
        return State.SOUND if os.path.exists(target) else State.MISSING  # noqa: PTH110 - the same


def _hashes_in(item: Mapping[str, Any]) -> set[str]:
    return {item[key] for key in ("sha256", "sha256_in_prefix") if item.get(key)}


def paths(prefix: Path, record: Mapping[str, Any]) -> list[str]:
    """Return the paths of a package's files in the environment, with their bytecode."""
    places = _places(prefix)
    names = [item["_path"] for item in _paths(record, places)]
    names += [one["_path"] for one in listed(record) if one["_path"].endswith(".pyc")]
    return names


def entry_points(prefix: Path, installed: Mapping[str, dict[str, Any]]) -> dict[str, bool]:
    """Return the scripts that conda's packages have, and whether conda generated each."""
    places, found = _places(prefix), {}
    for record in installed.values():
        for item in _paths(record, places):
            folder, _, name = item["_path"].rpartition("/")
            if folder == "bin":
                found[name] = item.get("path_type") == "unix_python_entry_point"
    return found


def compiled(prefix: Path, installed: Mapping[str, dict[str, Any]]) -> list[str]:
    """Return the paths of the bytecode that was compiled as packages were linked."""
    found: list[str] = []
    for record in installed.values():
        made = [one["_path"] for one in listed(record) if one.get("path_type") == "pyc_file"]
        found += [f"{prefix}/{path}" for path in made]
    return found


def wrong(
    prefix: Path, installed: Mapping[str, dict[str, Any]]
) -> dict[State, dict[str, list[str]]]:
    """Return the recorded files by what became of them, and by the package that lists them."""
    places = _places(prefix)
    items: dict[str, dict[str, dict[str, Any]]] = {}
    for name, record in sorted(installed.items()):
        items[name] = {item["_path"]: item for item in _paths(record, places)}
    files = _Files(os.path.realpath(prefix), items, hashes(prefix, installed))
    best: dict[str, State] = {}
    for package, paths in items.items():
        for path in paths:
            # whichever of the packages that list it brought it
            best[path] = min(best.get(path, State.MISSING), files.state(package, path))
    found: dict[State, dict[str, list[str]]] = {state: defaultdict(list) for state in State}
    for package, paths in items.items():
        for path in paths:
            found[best[path]][package].append(path)
    return found


def verify(prefix: Path, installed: Mapping[str, dict[str, Any]]) -> Iterator[Result]:
    """Check that every recorded file exists, and that it is as it was installed."""
    found = wrong(prefix, installed)
    yield _by_package(health_checks.MISSING_FILES, "missing", found[State.MISSING])
    altered, unknown = found[State.ALTERED], found[State.UNKNOWN]
    if altered or not unknown:
        yield _by_package(health_checks.ALTERED_FILES, "altered", altered)
    if unknown:
        yield _by_package(health_checks.UNKNOWN_FILES, "no hash is recorded of", unknown)


def _by_package(check: Check, text: str, wrong: Mapping[str, Sequence[str]]) -> Result:
    found = [f"{name} {len(files)} ({files[0]})" for name, files in wrong.items()]
    return distribution_health.listed(check, found, text, more="more packages")
