"""What a project's requirements are once `[tool.uv.sources]` has been applied, as uv lowers them.

After `uv-distribution/src/metadata/lowering.rs` and `uv-workspace` (seen with uv 0.13.9).
"""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from tasks_lib.execution import files
from tasks_lib.managers import marker_equality, uv_requirement
from tasks_lib.managers.marker_equality import ALWAYS, Tree
from tasks_lib.managers.uv_requirement import Asked, normalised, unsure, unusable
from tasks_lib.project import workspace
from tasks_lib.project.manifests import PYPROJECT, PyProject

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_SOURCE_KINDS = ("git", "url", "path", "index", "workspace")


@dataclass(frozen=True)
class Manifest:
    """A `pyproject.toml` with a project, at its `place` in the folder of uv.lock."""

    place: str
    pyproject: PyProject

    @property
    def name(self) -> str:
        """Return the normalised name."""
        return normalised(table(self.pyproject.data, "project").get("name"), "project name")

    @property
    def uv(self) -> Mapping[str, Any]:
        """Return the table `[tool.uv]`."""
        return table(self.pyproject.data, "tool", "uv")

    @property
    def sources(self) -> dict[str, list[Mapping[str, Any]]]:
        """Return the sources by normalised name."""
        found: dict[str, list[Mapping[str, Any]]] = {}
        for name, value in table(self.uv, "sources").items():
            entries = value if isinstance(value, list) else [value]
            if not all(isinstance(entry, dict) for entry in entries):
                unusable(f"the source of {name:.60} is not a table")
            found[canonicalize_name(name)] = entries
        return found

    @property
    def indexes(self) -> list[Mapping[str, Any]]:
        """Return the tables `[[tool.uv.index]]`."""
        return tables(self.uv, "index")

    def is_package(self, *, is_required: bool) -> bool:
        """Return whether uv would build it; what another one requires need not have a backend."""
        return bool(self.uv.get("package", is_required or "build-system" in self.pyproject.data))


def table(data: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """Return a table, empty where there is none."""
    found: Any = data
    for name in names:
        found = found.get(name, {})
        if not isinstance(found, dict):
            unusable(f"{name} is not a table in {PYPROJECT}")
    return found  # type: ignore[no-any-return]  # a table of TOML


def tables(data: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """Return a list of tables."""
    found = listed(data, key)
    if not all(isinstance(one, dict) for one in found):
        unusable(f"{key} is not a list of tables in {PYPROJECT}")
    return found


def listed(data: Mapping[str, Any], key: str) -> list[Any]:
    """Return a list, empty where there is none."""
    found = data.get(key, [])
    if not isinstance(found, list):
        unusable(f"{key} is not a list in {PYPROJECT}")
    return found


class Workspace:
    """The projects that share one uv.lock."""

    def __init__(self, root: Path, top: Manifest) -> None:
        """Read the members of the workspace whose first folder is that of `top`."""
        self.root = root
        self.top = top
        self.members: dict[str, Manifest] = {}
        if "project" in top.pyproject.data:
            self.members[top.name] = top
        for folder in _member_folders(root, top):
            self._add(folder)
        self.required = dict(self._required())

    @property
    def has_project(self) -> bool:
        """Return whether its first folder is a project."""
        return "project" in self.top.pyproject.data

    def _add(self, folder: Path) -> None:
        place = relative(self.root, folder)
        if not (folder / PYPROJECT).is_file():
            if folder.name.startswith(".") or not any(map(Path.is_file, folder.rglob("*"))):
                return
            unusable(f"{place} is a member of the workspace without {PYPROJECT}")
        member = Manifest(place, PyProject.read(folder / PYPROJECT, self.root))
        if member.uv.get("managed") is False:
            return
        if "workspace" in member.uv:
            unusable(f"{place} is a workspace in a workspace")
        if member.name in self.members:
            unusable(f"two projects have the name {member.name}")
        self.members[member.name] = member

    def _required(self) -> Iterator[tuple[str, bool | None]]:
        """Yield the members that a source names, and whether it wants them editable."""
        for manifest in (self.top, *self.members.values()):
            own = manifest.name if "project" in manifest.pyproject.data else ""
            for name, entries in manifest.sources.items():
                for entry in entries:
                    if name != own and entry.get("workspace") is True:
                        yield name, entry.get("editable")

    def kind(self, name: str) -> str:
        """Return how uv.lock names a member: editable, a directory or virtual."""
        is_required = name in self.required
        if not self.members[name].is_package(is_required=is_required):
            return "virtual"
        return "directory" if self.required.get(name) is False else "editable"


def _member_folders(root: Path, top: Manifest) -> list[Path]:
    """Return the folders that the workspace's patterns match, without the first one."""
    patterns = table(top.uv, "workspace")
    for key in ("members", "exclude"):
        if not all(isinstance(one, str) for one in listed(patterns, key)):
            unusable(f"{key} of the workspace is not a list of patterns")
    found = set()
    for folder in workspace.of_workspace(top.pyproject):
        if folder.is_dir():
            found.add(Path(os.path.normpath(folder)))
    return sorted(found - {Path(os.path.normpath(root))})


def relative(root: Path, path: Path) -> str:
    """Return a path as uv.lock names it.

    Raises:
        UnsureError: It is outside of the project's folder.

    """
    place = Path(os.path.relpath(path, root)).as_posix()
    if place.startswith("..") or not files.leads_inside(root, path):
        unsure(f"{place:.80} is outside of the project's folder")
    return place


@dataclass(frozen=True)
class Scope:
    """Where requirements are written: a manifest, and the workspace that it belongs to.

    `own` is the name of the project that they belong to, empty for those of the workspace.
    """

    workspace: Workspace
    manifest: Manifest
    own: str = ""

    def lowered(
        self, written: Sequence[Asked], *, extra: str = "", group: str = ""
    ) -> Iterator[Asked]:
        """Yield the requirements with their sources."""
        for asked in written:
            entries = self._entries(asked.name)
            is_member = asked.name in self.workspace.members and asked.name != self.own
            if is_member and (entries is None or not _all_workspace(entries)):
                unusable(f"{asked.name} is a member of the workspace, and its source is not")
            if entries is None:
                yield asked
                continue
            if not extra and "extra " in str(asked.marker):
                unsure(f"the marker of {asked.name} names an extra")
            fitting = [
                entry
                for entry in entries
                if _fits(entry, "extra", extra) and _fits(entry, "group", group)
            ]
            yield from self._split(asked, fitting)

    def expect_used(self, key: str, lists: Mapping[str, Sequence[Asked]]) -> None:
        """Refuse a source for an extra or group that does not require it, as uv does."""
        for name, entries in self.manifest.sources.items():
            for entry in entries:
                where = canonicalize_name(str(entry.get(key, "")))
                if where and all(one.name != name for one in lists.get(where, ())):
                    unusable(f"the {key} {where:.60} of a source does not require {name:.60}")

    def _entries(self, name: str) -> list[Mapping[str, Any]] | None:
        return self.manifest.sources.get(name, self.workspace.top.sources.get(name))

    def _split(self, asked: Asked, entries: Sequence[Mapping[str, Any]]) -> Iterator[Asked]:
        """Yield a requirement for each source, and one for where none counts."""
        covered: list[Tree] = []
        found: list[Asked] = []
        for entry in entries:
            marker = uv_requirement.markers(entry["marker"])[0] if "marker" in entry else ALWAYS
            covered.append(marker)
            source = self._source(asked, entry)
            found.append(replace(asked.where(marker), source=source, text=_shown(asked, entry)))
        found.append(asked.where(marker_equality.none_of(covered)))
        for one in found:
            is_never = marker_equality.never(one.marker)
            if is_never is None:
                unsure(f"where the sources of {asked.name} count")
            if not is_never:
                yield one

    def _source(self, asked: Asked, entry: Mapping[str, Any]) -> tuple[object, ...]:
        kinds = [kind for kind in _SOURCE_KINDS if kind in entry]
        if len(kinds) != 1:
            unusable(f"the source of {asked.name} is not one of {_SOURCE_KINDS}")
        value = entry[kinds[0]]
        if kinds == ["workspace"]:
            return self._member(asked.name, value)
        if not isinstance(value, str):
            unusable(f"the source of {asked.name} is not a text")
        if kinds == ["git"]:
            reference = [(key, str(entry[key])) for key in ("rev", "tag", "branch") if key in entry]
            if len(reference) > 1:
                unusable(f"the source of {asked.name} has more than one of rev, tag, branch")
            return uv_requirement.git(value, reference[0] if reference else (), entry)
        if kinds == ["url"]:
            return ("url", uv_requirement.plain(value), str(entry.get("subdirectory", "")))
        if kinds == ["path"]:
            return self._folder(value, entry)
        return self._index(asked, value, entry)

    def _member(self, name: str, value: object) -> tuple[object, ...]:
        if value is not True:
            unsure(f"{name} is from another workspace")
        member = self.workspace.members.get(name)
        if member is None:
            unusable(f"{name} is not a member of the workspace")
        return (self.workspace.kind(name), member.place)

    def _folder(self, value: str, entry: Mapping[str, Any]) -> tuple[object, ...]:
        is_own = any(entry in entries for entries in self.manifest.sources.values())
        base = self.manifest.place if is_own else self.workspace.top.place
        root = self.workspace.root
        if posixpath.isabs(value) or "\\" in value or ":" in value:
            unsure(f"{value:.80} is outside of the project's folder")
        path = Path(os.path.normpath(root / base / value))
        place = relative(root, path)
        is_folder = path.is_dir() if path.exists() else not path.suffix
        if not is_folder:
            return ("path", place)
        if entry.get("editable") is True:
            return ("editable", place)
        is_package = entry.get("package")
        if is_package is None:
            is_package = True
            if (path / PYPROJECT).is_file():
                other = Manifest(place, PyProject.read(path / PYPROJECT, root))
                is_package = other.is_package(is_required=True)
        return ("directory" if is_package else "virtual", place)

    def _index(self, asked: Asked, value: str, entry: Mapping[str, Any]) -> tuple[object, ...]:
        """Return the source of a package from the index that an entry names."""
        known = (*self.manifest.indexes, *self.workspace.top.indexes)
        found = [str(index.get("url")) for index in known if index.get("name") == value]
        if not found:
            unusable(f"there is no index {value:.60}")
        if not found[0].startswith(("http://", "https://")):
            unsure(f"the index {value:.60} is a folder")
        return uv_requirement.registry(asked.bounds, found[0], self._conflict(entry))

    def _conflict(self, entry: Mapping[str, Any]) -> dict[str, str]:
        for key in ("extra", "group"):
            if key in entry and self.own:
                return {"package": self.own, key: canonicalize_name(str(entry[key]))}
        return {}


def _all_workspace(entries: Sequence[Mapping[str, Any]]) -> bool:
    return all(entry.get("workspace") is True for entry in entries)


def _fits(entry: Mapping[str, Any], key: str, name: str) -> bool:
    """Return whether a source counts in this extra or group."""
    return key not in entry or canonicalize_name(str(entry[key])) == name


def _shown(asked: Asked, entry: Mapping[str, Any]) -> str:
    """Return a requirement with its source as a text."""
    rest = " ".join(f"{key}={value}" for key, value in entry.items())
    return f"{asked.text} ({rest})"
