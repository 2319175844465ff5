"""Whether uv.lock fits the manifests, told by reading them: no process, no network.

uv compares what it recorded in the lock with the manifests (`Lock::satisfies` of uv-resolver and
`ValidatedLock::validate` of uv, seen with uv 0.13.9); this compares the same, and says so where
uv would have to look at more than these files.
"""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from packaging.utils import canonicalize_name, canonicalize_version

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution import files
from tasks_lib.managers import locks, marker_equality, uv_groups, uv_lock_settings, uv_requirement
from tasks_lib.managers.locks import LOCK_AGAIN
from tasks_lib.managers.uv_requirement import (
    Asked,
    UnsureError,
    UnusableError,
    unsure,
    unusable,
)
from tasks_lib.managers.uv_sources import Manifest, Scope, Workspace, listed, relative, table
from tasks_lib.project.manifests import PYPROJECT, PyProject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from tasks_lib.project.release_age import Limit

LOCK_NAME = "uv.lock"
#: The forms of uv.lock that are known here: its version, and the newest revision of that.
_VERSION, _REVISION = 1, 5
#: The first revision that records which groups are installed by default.
_WITH_GROUPS = 5
_FOLDERS = ("editable", "directory", "virtual")
_MOST = 20


@dataclass(frozen=True)
class Freshness:
    """Whether the lock fits: None where it cannot be told.

    `text` has one line for each difference, or the reason.
    """

    fits: bool | None
    text: str = ""


def judge(root: Path, limit: Limit | None = None) -> Freshness:
    """Compare the uv.lock in a folder with the manifests there.

    A `limit` counts instead of the `exclude-newer` of uv's own settings.

    Raises:
        LabError: A file cannot be read, or the lock is damaged.

    """
    path = files.inside(root, root / LOCK_NAME)
    if not path.is_file():
        return Freshness(None, f"There is no {LOCK_NAME}.")
    lock = _lock(path)
    pyproject = PyProject.read(root / PYPROJECT)
    try:
        return _Comparison(root, lock, pyproject, limit).answer()
    except UnsureError as reason:
        return Freshness(None, f"{reason}.")
    except RecursionError:
        return Freshness(None, "A marker is nested too deeply.")
    except (AttributeError, KeyError, TypeError, ValueError):
        text = f"A value in {LOCK_NAME} or in a manifest is not of the kind that uv writes."
        return Freshness(None, text)


def _lock(path: Path) -> Mapping[str, Any]:
    """Return the data of a lock in which the parts that count here have their types."""
    try:
        data = locks.data(path)
    except LabError as error:
        if error.code is ErrorCode.CANNOT_READ:
            raise
        _damaged(error.message, error.line)
    if "version" not in data:
        _damaged("it has no version.")
    rows = data.get("package", [])
    if not isinstance(rows, list) or not all(map(_is_package, rows)):
        _damaged("it does not list packages.")
    return data


def _is_package(row: object) -> bool:
    """Return whether a table of a lock has a name and a source."""
    if not isinstance(row, dict):
        return False
    return isinstance(row.get("name"), str) and isinstance(row.get("source"), dict)


def _damaged(reason: str, line: int | None = None) -> NoReturn:
    text = f"{LOCK_NAME} is damaged: {reason}"
    raise LabError(text, ErrorCode.DAMAGED_LOCK, file=LOCK_NAME, line=line, remedy=LOCK_AGAIN)


class _Comparison:
    """One lock and the manifests beside it."""

    def __init__(
        self, root: Path, lock: Mapping[str, Any], pyproject: PyProject, limit: Limit | None
    ) -> None:
        self.root = root
        self.lock = lock
        self.rows: list[Mapping[str, Any]] = lock.get("package", [])
        self.top = Manifest(".", pyproject)
        version, self.revision = lock.get("version"), lock.get("revision", 0)
        known = version == _VERSION and isinstance(self.revision, int)
        if not known or self.revision > _REVISION:
            form = f"{version}.{self.revision}"
            unusable(f"{LOCK_NAME} has the form {form:.20}, which is not known here")
        if self.top.uv.get("managed") is False:
            unusable(f"managed = false in {PYPROJECT} turns uv off")
        self.workspace = Workspace(root, self.top)
        self.settings = uv_lock_settings.Settings.read(root, self.top.uv, limit)
        self.pythons = str(lock.get("requires-python", ""))
        self.names = {canonicalize_name(row["name"]) for row in self.rows}
        self.differences: list[str] = []
        self.reasons: list[str] = []

    def answer(self) -> Freshness:
        """Return the answer: a difference counts whatever is uncertain beside it."""
        for look in self._looks():
            try:
                self.differences.extend(look())
            except UnusableError:
                raise
            except UnsureError as reason:
                self.reasons.append(str(reason))
        if self.differences:
            more = len(self.differences) - _MOST
            shown = self.differences[:_MOST]
            if more > 0:
                shown.append(f"… and {more} more")
            return Freshness(fits=False, text="\n".join(shown))
        if self.reasons:
            return Freshness(None, "\n".join(f"{reason}." for reason in self.reasons))
        return Freshness(fits=True)

    def _looks(self) -> Iterator[Callable[[], Iterable[str]]]:
        """Yield what is compared, each by itself."""
        yield self._python
        yield lambda: self.settings.differences(self.lock.get("options", {}))
        yield self._environments
        yield lambda: uv_lock_settings.conflicts(self.workspace, self.lock.get("conflicts", []))
        yield self._members
        manifest = self.lock.get("manifest", {})
        scope = Scope(self.workspace, self.top)
        for key, locked in uv_lock_settings.LISTS.items():
            written = listed(self.top.uv, key)
            yield lambda key=key, written=written, locked=locked: self._requirements(  # type: ignore[misc]  # bound now
                key, scope, written, manifest.get(locked, [])
            )
        excludes = manifest.get("excludes", [])
        yield lambda: uv_lock_settings.excluded(self.top.uv, excludes, self.names)
        if not self.workspace.has_project:
            yield lambda: self._groups("", scope, manifest.get("dependency-groups", {}))
            yield lambda: self._group_settings("", self.top, manifest)
        metadata = manifest.get("dependency-metadata", [])
        yield lambda: self.settings.metadata_differences(metadata, self.names)
        for member in self.workspace.members.values():
            yield lambda member=member: self._member(member)  # type: ignore[misc]  # bound now
        for row in self.rows:
            if canonicalize_name(row["name"]) not in self.workspace.members:
                yield lambda row=row: self._other(row)  # type: ignore[misc]  # bound now
        yield self._indexes

    def _python(self) -> Iterator[str]:
        """Compare `requires-python`; uv takes this machine's Python where there is none."""
        written = []
        for member in self.workspace.members.values():
            value = table(member.pyproject.data, "project").get("requires-python")
            if value is not None:
                uv_requirement.specifier(value)
                written.append(str(value))
        if not written:
            unsure(f"{PYPROJECT} has no requires-python, and uv takes the machine's one")
        same = marker_equality.same_range(", ".join(written), self.pythons)
        if same is None:
            unsure(f"whether {', '.join(written):.80} and {self.pythons:.80} are one range")
        if not same:
            yield _pair("requires-python", written, [self.pythons])

    def _environments(self) -> Iterator[str]:
        """Compare the environments that are resolved for, and those that must be possible."""
        for key, locked in uv_lock_settings.ENVIRONMENTS.items():
            wanted = uv_requirement.markers(self.top.uv.get(key, []))
            has = uv_requirement.markers(self.lock.get(locked, []))
            shown = [[str(self.top.uv.get(key, []))], [str(self.lock.get(locked, []))]]
            if len(wanted) != len(has):
                yield _pair(key, *shown)
                continue
            for one, other in zip(wanted, has, strict=True):
                same = marker_equality.same_sets([one], [other], self.pythons)
                if same is None:
                    unsure(f"whether the {key} are the same")
                if not same:
                    yield _pair(key, *shown)

    def _members(self) -> Iterator[str]:
        """Compare the names of the members; a project that is alone is not recorded."""
        wanted = set(self.workspace.members)
        if len(wanted) == 1 and self.workspace.has_project:
            wanted = set()
        has = {canonicalize_name(name) for name in self.lock.get("manifest", {}).get("members", [])}
        if wanted != has:
            yield _pair("members", sorted(wanted), sorted(has))

    def _requirements(
        self, what: str, scope: Scope, written: Sequence[object], locked: Sequence[Any]
    ) -> Iterator[str]:
        """Compare a list for the whole; new in it may be what uv.lock has no package of."""
        wanted = list(scope.lowered(uv_requirement.read(written)))
        if what in uv_lock_settings.LENIENT:
            has = {uv_requirement.from_row(row).key for row in locked}
            wanted = [one for one in wanted if one.key in has or one.name in self.names]
        rows = [uv_requirement.from_row(row) for row in locked]
        if what in uv_lock_settings.EXACT:
            wanted, rows = map(uv_requirement.clause_by_clause, (wanted, rows))
        yield from self._told(what, wanted, rows)

    def _compared(self, what: str, wanted: Sequence[Asked], locked: Sequence[Any]) -> Iterator[str]:
        return self._told(what, wanted, [uv_requirement.from_row(row) for row in locked])

    def _told(self, what: str, wanted: Sequence[Asked], rows: Sequence[Asked]) -> Iterator[str]:
        for here, there in uv_requirement.differences(wanted, rows, self.pythons):
            yield _pair(what, here, there)

    def _member(self, member: Manifest) -> Iterator[str]:
        """Compare a project of the workspace with its table in the lock."""
        rows = [row for row in self.rows if canonicalize_name(row["name"]) == member.name]
        if len(rows) != 1:
            if rows:
                unsure(f"{LOCK_NAME} has {member.name} more than once")
            yield f"{member.name}: in {PYPROJECT}, not in {LOCK_NAME}"
            return
        kind = self.workspace.kind(member.name)
        source = rows[0]["source"]
        if kind not in source:
            yield _pair(f"how {member.name} is installed", [kind], sorted(source))
        elif posixpath.normpath(source[kind]) != member.place:
            if (self.root / source[kind] / PYPROJECT).is_file():
                unsure(f"{member.name} is in two folders")
            yield _pair(f"the folder of {member.name}", [member.place], [source[kind]])
        scope = Scope(self.workspace, member, member.name)
        yield from self._project(rows[0], scope)
        yield from self._group_settings(member.name, member, rows[0])

    def _group_settings(
        self, what: str, manifest: Manifest, row: Mapping[str, Any]
    ) -> Iterator[str]:
        """Compare which groups are installed by default, and their Pythons."""
        if self.revision < _WITH_GROUPS:
            return
        if not uv_lock_settings.default_groups(manifest.uv, row):
            yield f"{what} default-groups: others in {PYPROJECT} than in {LOCK_NAME}".strip()
        wanted = uv_groups.pythons(manifest)
        has = row.get("group-requires-python", {})
        for name in sorted({*wanted, *has}):
            both = [uv_requirement.specifier(one.get(name, "")) for one in (wanted, has)]
            if len({*map(uv_requirement.clauses, both)}) != 1:
                yield _pair(
                    f"{what} Python of the group {name}".strip(), *[[str(one)] for one in both]
                )

    def _other(self, row: Mapping[str, Any]) -> Iterator[str]:
        """Compare what is locked from a folder that is not of the workspace; uv reads it too."""
        source = row["source"]
        if "url" in source or "path" in source:
            unsure(f"uv would look into the archive of {row['name']:.80}")
        kinds = [kind for kind in _FOLDERS if kind in source]
        if not kinds:
            return
        folder = Path(os.path.normpath(self.root / source[kinds[0]]))
        place = relative(self.root, folder)
        if not (folder / PYPROJECT).is_file():
            unsure(f"{place} has no {PYPROJECT}")
        manifest = Manifest(place, PyProject.read(folder / PYPROJECT, self.root))
        if "project" not in manifest.pyproject.data or "workspace" in manifest.uv:
            unsure(f"{place} is not a project by itself")
        own = Workspace(self.root, manifest)
        yield from self._project(row, Scope(own, manifest, manifest.name))

    def _project(self, row: Mapping[str, Any], scope: Scope) -> Iterator[str]:
        """Compare the version, the requirements, the extras and the groups of a project."""
        manifest = scope.manifest
        project = table(manifest.pyproject.data, "project")
        dynamic = listed(project, "dynamic")
        for key in ("dependencies", "optional-dependencies"):
            if key in dynamic:
                unsure(f"{key} of {scope.own} are dynamic, and only a build tells them")
        poetry = table(manifest.pyproject.data, "tool").get("poetry")
        if poetry is not None and "dependencies" not in project:
            unsure(f"{scope.own} declares its dependencies in [tool.poetry]")
        if scope.own in self.settings.described:
            unsure(f"dependency-metadata describes {scope.own} itself")
        yield from _version(row, project.get("version"), scope.own, is_dynamic="version" in dynamic)
        metadata = row.get("metadata", {})
        extras = uv_groups.lists(table(project, "optional-dependencies"), "extra")
        locked = {canonicalize_name(name) for name in metadata.get("provides-extras", [])}
        if set(extras) != locked and self.revision:
            yield _pair(f"the extras of {scope.own}", sorted(extras), sorted(locked))
        wanted = list(scope.lowered(uv_requirement.read(listed(project, "dependencies"))))
        optional = {name: uv_requirement.read(written) for name, written in extras.items()}
        scope.expect_used("extra", optional)
        for name, asked in optional.items():
            under = [one.where(marker_equality.of_extra(name)) for one in asked]
            wanted += scope.lowered(under, extra=name)
        found = list(self._compared(scope.own, wanted, metadata.get("requires-dist", [])))
        if found and "version" in dynamic and any(one.name == scope.own for one in wanted):
            unsure(f"{scope.own} has extras of itself, which its build may replace")
        yield from found
        yield from self._groups(scope.own, scope, metadata.get("requires-dev", {}))

    def _groups(self, what: str, scope: Scope, locked: Mapping[str, Any]) -> Iterator[str]:
        """Compare the dependency groups."""
        flat = uv_groups.groups(scope.manifest)
        scope.expect_used("group", flat)
        wanted = {name: list(scope.lowered(asked, group=name)) for name, asked in flat.items()}
        has: dict[str, list[Mapping[str, Any]]]
        has = {canonicalize_name(name): rows for name, rows in locked.items()}
        if not self.revision or not what:
            wanted = {name: found for name, found in wanted.items() if found}
            has = {name: rows for name, rows in has.items() if rows}
        for name in sorted({*wanted, *has}):
            label = f"{what} group {name}".strip()
            if name not in wanted or name not in has:
                yield _pair(label, _texts(wanted, name), _names(has, name))
                continue
            yield from self._compared(label, wanted[name], has[name])

    def _indexes(self) -> Iterator[str]:
        """Compare the indexes of the lock with those of the settings, where there are any."""
        used = {str(row["source"]["registry"]) for row in self.rows if "registry" in row["source"]}
        named = [
            str(index.get("url", ""))
            for member in self.workspace.members.values()
            for index in member.indexes
        ]
        return self.settings.missing_indexes(used, named)


def _pair(what: str, here: Sequence[str], there: Sequence[str]) -> str:
    """Return a difference as it is shown."""
    if not there:
        return f"{what}: {', '.join(here)} in {PYPROJECT}, not in {LOCK_NAME}"
    if not here:
        return f"{what}: {', '.join(there)} in {LOCK_NAME}, not in {PYPROJECT}"
    return f"{what}: {', '.join(here)} in {PYPROJECT}, {', '.join(there)} in {LOCK_NAME}"


def _texts(wanted: Mapping[str, Sequence[Asked]], name: str) -> list[str]:
    """Return how the requirements of a group are shown: one without any is there too."""
    if name not in wanted:
        return []
    return [uv_requirement.shown(one.text) for one in wanted[name]] or ["an empty group"]


def _names(locked: Mapping[str, Sequence[Mapping[str, Any]]], name: str) -> list[str]:
    if name not in locked:
        return []
    return [str(row["name"]) for row in locked[name]] or ["an empty group"]


def _version(
    row: Mapping[str, Any], written: object, name: str, *, is_dynamic: bool
) -> Iterator[str]:
    """Compare a version; uv records none where it is dynamic."""
    if is_dynamic == (written is not None) or not isinstance(written, str | None):
        unusable(f"{name} must have a version, or have it among dynamic")
    locked = row.get("version")
    has = ["dynamic" if locked is None else str(locked)]
    wanted = ["dynamic" if written is None else written]
    if {*map(canonicalize_version, wanted)} != {*map(canonicalize_version, has)}:
        yield _pair(f"the version of {name}", wanted, has)
