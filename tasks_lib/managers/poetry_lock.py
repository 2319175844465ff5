"""What poetry.lock says of a package."""

from __future__ import annotations

from typing import Any

from packaging.utils import canonicalize_name

from tasks_lib.managers.locks import LockedPackage, Origin

#: The types of a package's source in poetry.lock that are not an index.
_ELSEWHERE = {"git", "url", "file", "directory"}


def locked_package(row: dict[str, Any]) -> LockedPackage:
    """Return one `[[package]]` of poetry.lock."""
    source = row.get("source", {})
    kind = source.get("type", "")
    is_elsewhere = kind in _ELSEWHERE
    markers = row.get("markers", "")
    return LockedPackage(
        name=canonicalize_name(row["name"]),
        version=str(row.get("version", "")),
        origin=Origin.ELSEWHERE if is_elsewhere else Origin.INDEX,
        index="" if is_elsewhere else str(source.get("url", "")),
        dependencies=tuple(map(canonicalize_name, row.get("dependencies", {}).keys())),
        markers=(markers,) if isinstance(markers, str) and markers else (),
    )
