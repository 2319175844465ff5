"""What py-rattler's worker does with lists of packages: it solves for a lock, and reads one."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rattler

from tasks_lib.execution import files
from tasks_lib.execution.redaction import without_logins
from tasks_lib.project import conda_lock
from tasks_lib.project.release_age import Limit

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from datetime import datetime, timedelta


def priority(options: argparse.Namespace) -> rattler.ChannelPriority:
    """Return whether a lower channel may win with a newer version."""
    priorities = rattler.ChannelPriority
    return priorities.Disabled if options.any_channel else priorities.Strict


def limit(text: str) -> datetime | timedelta | None:
    """Return how old a package has to be, as rattler takes it."""
    found = Limit.parse(text)
    return found.time or found.age


async def solve(
    options: argparse.Namespace,
    reader: rattler.Gateway,
    specs: Sequence[rattler.MatchSpec],
    platform: str,
    pins: Sequence[rattler.MatchSpec] = (),
) -> list[dict[str, Any]]:
    """Return what a lock says of the packages that satisfy specs and pins on a platform.

    What the lock of `options` has for it stays, unless a spec or `drop` is against that. So does
    what is installed in its prefix.
    """
    channels = [rattler.Channel(url) for url in options.channel]
    subdirs = [rattler.Subdir(platform), rattler.Subdir("noarch")]
    kept: dict[str, str] = {}
    if options.description:
        for name, one in conda_lock.CondaLock.read(options.description).of(platform).items():
            if name not in options.drop:
                kept[one.url] = f"{name} =={one.version} {one.build}"
    locked: list[rattler.RepoDataRecord] = []
    if kept:
        exact = [rattler.MatchSpec(text) for text in kept.values()]
        for found in await reader.query(channels, subdirs, exact, recursive=False):
            locked += [one for one in found if without_logins(one.url, tokens=True) in kept]
    if options.prefix and platform == str(rattler.Subdir.current()):
        there = installed(options.prefix)
        locked += [one for one in there if one.name.normalized not in options.drop]
    records = await rattler.solve(
        channels,
        specs,
        gateway=reader,
        platforms=subdirs,
        locked_packages=locked,
        virtual_packages=_virtual(options.virtual, platform),
        channel_priority=priority(options),
        exclude_newer=options.exclude_newer,
        constraints=[*options.limit, *pins],
    )
    return list(map(_said, records))


def installed(prefix: Path) -> list[rattler.PrefixRecord]:
    """Return the records of what is installed."""
    paths = sorted((prefix / "conda-meta").glob("*.json"))
    return [rattler.PrefixRecord.from_path(path) for path in paths]


def pins(prefix: Path) -> list[rattler.MatchSpec]:
    """Return what `conda-meta/pinned` limits, where there is such a file."""
    try:
        lines = files.regular_text(prefix / "conda-meta" / "pinned").splitlines()
    except FileNotFoundError:
        return []
    texts = filter(None, map(str.strip, lines))
    return [rattler.MatchSpec(text) for text in texts if not text.startswith("#")]


def _virtual(texts: Sequence[str], platform: str) -> list[rattler.GenericVirtualPackage]:
    """Return the packages in `PLATFORM:NAME=VERSION=BUILD` that are a platform's."""
    found = []
    for text in texts:
        where, _, rest = text.partition(":")
        if where == platform:
            name, version, build = rest.split("=")
            words = rattler.PackageName(name), rattler.Version(version)
            found.append(rattler.GenericVirtualPackage(*words, rattler.BuildString(build)))
    return found


def _said(record: rattler.RepoDataRecord) -> dict[str, Any]:
    return {
        "name": record.name.normalized,
        "version": str(record.version),
        "url": record.url,
        "md5": record.md5.hex() if record.md5 else "",
        "sha256": record.sha256.hex() if record.sha256 else "",
        "depends": record.depends,
    }


def described(file: Path) -> list[rattler.PrefixRecord]:
    """Read the records of a description or of a lock.

    Only PrefixRecord takes a whole record, from a file.
    """
    if file.name == conda_lock.NAME:
        lock = conda_lock.CondaLock.read(file)
        listed = [one.record() for one in lock.of(str(rattler.Subdir.current())).values()]
    else:
        listed = json.loads(files.regular_text(file))["conda"]
    records = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "record.json")
        for record in listed:
            whole = {**record, "files": [], "paths_data": {"paths": [], "paths_version": 1}}
            path.write_text(json.dumps(whole), encoding="utf-8")
            records.append(rattler.PrefixRecord.from_path(path))
    return records


def complete(record: dict[str, Any]) -> bool:
    """Add to a record what a lock does not say, as the package itself says it; return whether."""
    folder = record.get("extracted_package_dir")
    if record.get("timestamp") or not folder:
        return False
    try:
        said = json.loads(files.regular_text(Path(folder, "info", "index.json")))
    except (OSError, ValueError):
        return False
    for key, value in said.items():
        is_missing = record.get(key) in (None, [], "")
        if key == "build_number" or (is_missing and value is not None):
            record[key] = value
    return True
