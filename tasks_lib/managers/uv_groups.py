"""The dependency groups of a manifest as uv reads them: flat, each with what it includes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks_lib.managers import marker_equality, uv_requirement
from tasks_lib.managers.uv_requirement import Asked, normalised, unsure, unusable
from tasks_lib.managers.uv_sources import Manifest, listed, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def lists(found: Mapping[str, Any], what: str) -> dict[str, list[Any]]:
    """Return lists by their normalised names."""
    named = {normalised(name, what): listed(found, name) for name in found}
    if len(named) != len(found):
        unusable(f"two names of an {what} are the same to uv")
    return named


def pythons(manifest: Manifest) -> dict[str, str]:
    """Return the range of Python of each group that has one, with those of what it includes."""
    own = _own_pythons(manifest)
    written = lists(table(manifest.pyproject.data, "dependency-groups"), "group")
    found = {}
    for name in written:
        names, queue = [], [name]
        while queue:
            names.append(queue.pop())
            queue += [one for one in _included(written.get(names[-1], [])) if one not in names]
        ranges = [own[one] for one in names if one in own]
        if ranges:
            found[name] = ",".join(ranges)
    return found


def _own_pythons(manifest: Manifest) -> dict[str, str]:
    settings = table(manifest.uv, "dependency-groups")
    found = {}
    for name in settings:
        bounds = table(settings, name).get("requires-python")
        if bounds is not None:
            uv_requirement.specifier(bounds)
            found[normalised(name, "group")] = str(bounds)
    return found


def _included(entries: Sequence[object]) -> list[str]:
    return [
        normalised(entry.get("include-group"), "group")
        for entry in entries
        if isinstance(entry, dict)
    ]


def groups(manifest: Manifest) -> dict[str, list[Asked]]:
    """Return the dependency groups with what they include, and uv's older `dev-dependencies`."""
    written = lists(table(manifest.pyproject.data, "dependency-groups"), "group")
    ranges = {name: _range(bounds) for name, bounds in _own_pythons(manifest).items()}
    found: dict[str, list[Asked]] = {}
    for name in written:
        _flatten(name, written, ranges, found, ())
    if "dev-dependencies" in manifest.uv:
        older = uv_requirement.read(listed(manifest.uv, "dev-dependencies"))
        found["dev"] = [*found.get("dev", []), *older]
    return found


def _flatten(
    name: str,
    written: Mapping[str, Sequence[object]],
    ranges: Mapping[str, marker_equality.Tree],
    found: dict[str, list[Asked]],
    above: tuple[str, ...],
) -> None:
    """Add a group to those that were found."""
    if name in above or name not in written:
        unusable(f"the group {name:.60} includes itself, or does not exist")
    if name in found:
        return
    asked: list[Asked] = []
    for entry in written[name]:
        if isinstance(entry, dict):
            included = normalised(entry.get("include-group"), "group")
            _flatten(included, written, ranges, found, (*above, name))
            asked += found[included]
        else:
            asked.append(uv_requirement.from_text(entry))
    if name in ranges:
        asked = [one.where(ranges[name]) for one in asked]
    found[name] = asked


def _range(bounds: object) -> marker_equality.Tree:
    """Return the Pythons of a group as a marker; uv takes the ends of the range alone."""
    parts = []
    uv_requirement.specifier(bounds)
    for clause in filter(None, map(str.strip, str(bounds).split(","))):
        if clause[0] not in "<>":
            unsure(f"how uv reads the Pythons {bounds!r:.60} of a group")
        sign = clause[:2] if clause[1] == "=" else clause[0]
        parts.append(f"python_full_version {sign} '{clause[len(sign) :].strip()}'")
    return uv_requirement.markers(" and ".join(parts))[0]
