"""The settings of uv that a uv.lock records: options, indexes, conflicts, metadata by hand."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name, canonicalize_version

from tasks_lib.execution import files
from tasks_lib.execution.redaction import without_secrets
from tasks_lib.managers import uv_requirement
from tasks_lib.managers.uv_requirement import unsure, unusable
from tasks_lib.managers.uv_sources import Workspace, listed, table, tables
from tasks_lib.project.manifests import read_toml

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tasks_lib.project.release_age import Limit

#: What `[tool.uv]` calls the lists of requirements that the lock records for the whole, and how the
#: lock calls them.
LISTS = {
    "constraint-dependencies": "constraints",
    "override-dependencies": "overrides",
    "build-constraint-dependencies": "build-constraints",
}
#: Those that uv does not miss in a lock that has no package of that name (0.13.9).
LENIENT = ("constraint-dependencies", "override-dependencies")
#: That whose bounds uv compares one by one.
EXACT = ("build-constraint-dependencies",)
ENVIRONMENTS = {"environments": "supported-markers", "required-environments": "required-markers"}
#: An option: its key in the lock, and the value that is not recorded.
_OPTIONS = {
    "resolution": ("resolution-mode", "highest"),
    "prerelease": ("prerelease-mode", "if-necessary-or-explicit"),
    "fork-strategy": ("fork-strategy", "requires-python"),
}
#: Settings that change what is compared, in ways that are not followed here.
_NOT_FOLLOWED = ("required-version", "no-sources", "no-sources-package", "prerelease-package")
_MOST_CONFLICTS = 500
#: Packages, extras and groups that cannot be installed together.
Conflict = frozenset[tuple[str, str, str]]
#: The address of uv's default index by its SHA-256: this program names no registry.
_DEFAULT_INDEX = "5a06749b2297be54ac5699f6f2761716adc5001a2d5f8b915ab2172922dd5706"
_SPAN = re.compile(r"P?(?:(\d+) ?w(?:eeks?)?)?,? ?(?:(\d+) ?d(?:ays?)?)?", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class Settings:
    """The settings in `[tool.uv]`, or in a `uv.toml`, which replaces them."""

    values: Mapping[str, Any]

    @classmethod
    def read(cls, root: Path, tool: Mapping[str, Any], limit: Limit | None = None) -> Settings:
        """Read those that count; some settle that nothing can be told."""
        path = root / "uv.toml"
        values = read_toml(files.inside(root, path))[0] if path.is_file() else tool
        for key in _NOT_FOLLOWED:
            if values.get(key):
                unusable(f"{key} is set for uv")
        return cls({**values, "exclude-newer": str(limit)} if limit else values)

    @property
    def described(self) -> set[str]:
        """Return the names of the packages whose metadata is written by hand."""
        found = tables(self.values, "dependency-metadata")
        return {canonicalize_name(str(one.get("name", ""))) for one in found}

    def differences(self, options: Mapping[str, Any]) -> Iterator[str]:
        """Compare the options of the resolver."""
        for key, (locked, default) in _OPTIONS.items():
            wanted = self.values.get(key, default)
            if not isinstance(wanted, str):
                unusable(f"{key} is not a text")
            if wanted != options.get(locked, default):
                yield f"{key}: {wanted} in the settings, {options.get(locked, default)} in uv.lock"
        if "prerelease-package" in options:
            unsure("uv.lock has prereleases by package")
        wanted = self.values.get("exclude-newer") or None
        yield from _newer("exclude-newer", wanted, _locked_newer(options))
        packages = table(self.values, "exclude-newer-package")
        locked_packages = options.get("exclude-newer-package", {})
        here = {canonicalize_name(name): value for name, value in packages.items()}
        for name in sorted({*here, *locked_packages}):
            label = f"exclude-newer of {name}"
            row = locked_packages.get(name)
            has = row.get("span") or row.get("timestamp") if isinstance(row, dict) else row
            yield from _newer(label, here.get(name), has)

    def missing_indexes(self, used: Iterable[str], named: Sequence[str]) -> Iterator[str]:
        """Compare the indexes; uv asks no more of a lock where no index is configured.

        A user's own settings may name further ones, so that what is missing is not a difference.
        """
        indexes = tables(self.values, "index")
        known = [str(index.get("url", "")) for index in indexes]
        for key in ("index-url", "extra-index-url", "find-links"):
            value = self.values.get(key, [])
            known += map(str, value if isinstance(value, list) else [value])
        for index in indexes:
            if index.get("exclude-newer") is not None or index.get("hash-algorithm"):
                unsure("an index has an exclude-newer or a hash-algorithm of its own")
        if not known and not self.values.get("no-index"):
            return
        is_replaced = any(index.get("default") for index in indexes) or "index-url" in self.values
        is_replaced = is_replaced or bool(self.values.get("no-index"))
        allowed = {uv_requirement.plain(address) for address in (*known, *named)}
        for address in sorted(used):
            is_default = _is_default_index(address)
            if uv_requirement.plain(address) not in allowed and (is_replaced or not is_default):
                shown = without_secrets(address)
                if is_default:
                    yield f"index: {shown} in uv.lock, another one in the settings"
                else:
                    unsure(f"{shown:.120} of uv.lock is not among the project's indexes")

    def metadata_differences(
        self, locked: Sequence[Mapping[str, Any]], packages: Container[str]
    ) -> Iterator[str]:
        """Compare what is written by hand about packages; `packages` are those of the lock."""
        has = {_described(one) for one in locked}
        written = {_described(one) for one in tables(self.values, "dependency-metadata")}
        wanted = {one for one in written if one in has or one[0] in packages}
        if wanted == has:
            return
        if {one[:3] for one in wanted} == {one[:3] for one in has}:
            unsure("whether the dependency-metadata is the same")
        names = sorted({one[0] for one in wanted ^ has})
        yield f"dependency-metadata: another one for {', '.join(names)}"


def _is_default_index(address: str) -> bool:
    """Return whether an address is that of uv's default index."""
    return hashlib.sha256(address.encode("utf-8", "replace")).hexdigest() == _DEFAULT_INDEX


def _described(one: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return a table of dependency-metadata in a form that can be compared."""
    rows = [
        uv_requirement.from_row(row) if isinstance(row, dict) else uv_requirement.from_text(row)
        for row in listed(one, "requires-dist")
    ]
    extras = one.get("provides-extras", one.get("provides-extra", []))
    return (
        canonicalize_name(str(one.get("name", ""))),
        canonicalize_version(str(one.get("version", ""))),
        tuple(row.key for row in uv_requirement.clause_by_clause(rows)),
        tuple(row.marker for row in rows),
        uv_requirement.clauses(uv_requirement.specifier(one.get("requires-python", ""))),
        tuple(map(canonicalize_name, extras)),
    )


def _locked_newer(options: Mapping[str, Any]) -> object:
    return options.get("exclude-newer-span") or options.get("exclude-newer")


def _newer(label: str, wanted: object, has: object) -> Iterator[str]:
    """Compare two limits: a time, a date of the machine's zone, or a span.

    Many users limit it in settings of their own, which no file of the project shows.
    """
    if wanted == has:
        return
    if wanted is None:
        unsure(f"uv.lock was made with {label} = {has!s:.40}, which the project does not set")
    if wanted is not False and not isinstance(wanted, str):
        unusable(f"{label} is not a text")
    same: bool | None = False
    if isinstance(wanted, str) and isinstance(has, str):
        spans = (_span(wanted), _span(has))
        same = spans[0] == spans[1] if any(spans) else _same_time(wanted, has)
    if same is None:
        unsure(f"{label} is another time than in uv.lock, or a day in another time zone")
    if not same:
        yield f"{label}: {wanted} in the settings, {has or 'nothing'} in uv.lock"


def _span(value: object) -> tuple[int, int] | None:
    """Return the weeks and days of a span, None of what is not one."""
    found = _SPAN.fullmatch(str(value).strip())
    if not found or not any(found.groups()):
        if str(value).strip()[:4].isdigit() and "-" in str(value):
            return None
        unsure(f"the time span {value!r:.40} is not known here")
    return int(found[1] or 0), int(found[2] or 0)


def _same_time(wanted: str, has: str) -> bool | None:
    """Return whether two times are one; a date ends with its day, in some zone.

    Where they differ, uv 0.13.9 may keep the lock: nothing in it may be newer than both.
    """
    try:
        locked = datetime.fromisoformat(has)
        time = datetime.fromisoformat(wanted)
    except ValueError:
        unsure(f"the time {wanted!r:.40} is not known here")
    if not _DATE.fullmatch(wanted):
        return True if time.tzinfo and time == locked else None
    time = time.replace(tzinfo=UTC) + timedelta(days=1)
    return True if time == locked else None


def conflicts(workspace: Workspace, locked: Sequence[Sequence[Mapping[str, str]]]) -> Iterator[str]:
    """Compare what cannot be installed together, in its order."""
    wanted = []
    manifests = dict(sorted(workspace.members.items()))
    if not workspace.has_project:
        manifests = {"": workspace.top, **manifests}
    for name, manifest in manifests.items():
        for entries in listed(manifest.uv, "conflicts"):
            if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
                unusable("conflicts are not lists of tables")
            wanted.append(frozenset(_item(entry, name) for entry in entries))
    has = [frozenset(_item(entry, "") for entry in entries) for entries in locked]
    if wanted == has:
        return
    if set(has) == _with_includers(set(wanted), workspace) and has[: len(wanted)] == wanted:
        return
    yield "conflicts: others in pyproject.toml than in uv.lock"


def _with_includers(wanted: set[Conflict], workspace: Workspace) -> set[Conflict]:
    """Return conflicts, and those of the groups that include a group in one."""
    data = workspace.top.pyproject.data
    includers = []
    for group, entries in table(data, "dependency-groups").items():
        for entry in entries:
            if isinstance(entry, dict) and workspace.has_project:
                sides = (group, str(entry.get("include-group", "")))
                includers.append([_item({"group": side}, workspace.top.name) for side in sides])
    found, new = set(wanted), set(wanted)
    while new:
        further = {
            conflict - {included} | {group}
            for conflict in new
            for group, included in includers
            if included in conflict
        }
        new = further - found
        found |= new
        if len(found) > _MOST_CONFLICTS:
            unsure("many groups that include others are in conflict")
    return found


def _item(entry: Mapping[str, object], name: str) -> tuple[str, str, str]:
    """Return one side of a conflict."""
    extra, group = str(entry.get("extra", "")), str(entry.get("group", ""))
    package = str(entry.get("package", name))
    return canonicalize_name(package), canonicalize_name(extra), canonicalize_name(group)


def excluded(
    tool: Mapping[str, Any], locked: Sequence[object], packages: Container[str]
) -> Iterator[str]:
    """Compare the packages that are never installed; `packages` are those of the lock."""
    written = listed(tool, "exclude-dependencies")
    if not all(isinstance(one, str) for one in (*written, *locked)):
        unsure("exclude-dependencies counts for some packages only")
    has = {canonicalize_name(str(one)) for one in locked}
    names = {canonicalize_name(str(one)) for one in written}
    wanted = {name for name in names if name in has or name in packages}
    if wanted != has:
        yield f"exclude-dependencies: {', '.join(sorted(wanted)) or 'none'} in pyproject.toml"


def default_groups(tool: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """Return whether the groups that are installed by default are those of the lock."""
    wanted, has = (one.get("default-groups", ["dev"]) for one in (tool, row))
    if isinstance(wanted, list) and isinstance(has, list):
        return {*map(canonicalize_name, wanted)} == {*map(canonicalize_name, has)}
    return bool(wanted == has)
