"""The members of a project.

Projects of their own in its folder, which share its lock and its environment.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name

from tasks_lib.errors import LabError
from tasks_lib.project.manifests import PYPROJECT, PyProject

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Member:
    """One member: its name, its folder's place in the project as a POSIX path, its manifest."""

    name: str
    place: str
    pyproject: PyProject

    @property
    def folder(self) -> Path:
        """Return the path of its folder."""
        return self.pyproject.path.parent

    @property
    def manifest(self) -> str:
        """Return the place of its manifest in the project's folder."""
        return f"{self.place}/{PYPROJECT}"


def read(root: Path, folders: Iterable[Path]) -> dict[str, Member]:
    """Return the members in `folders` by normalised name.

    A folder outside of the project is not a member.
    """
    found: dict[str, Member] = {}
    top = root.resolve()
    resolved = {folder.resolve() for folder in folders if "\0" not in str(folder)}
    for folder in sorted(resolved):
        is_inside = folder != top and folder.is_relative_to(top)
        if is_inside and (folder / PYPROJECT).is_file():
            place = folder.relative_to(top).as_posix()
            try:
                pyproject = PyProject.read(root / place / PYPROJECT, root)
            except LabError as error:
                error.file = f"{place}/{PYPROJECT}"
                raise
            if pyproject.name:
                found[canonicalize_name(pyproject.name)] = Member(pyproject.name, place, pyproject)
    return found


def of_workspace(pyproject: PyProject) -> Iterator[Path]:
    """Return the folders that the patterns of `[tool.uv.workspace]` name.

    uv's table is read here, since a project's folder is found before its manager is chosen.
    """
    table = pyproject.table("tool", "uv", "workspace")
    root = pyproject.path.parent
    excluded = set(_matching(root, table.get("exclude")))
    for folder in _matching(root, table.get("members")):
        if folder not in excluded:
            yield folder


def _matching(root: Path, patterns: object) -> Iterator[Path]:
    if not isinstance(patterns, list):
        return
    for pattern in patterns:
        if isinstance(pattern, str) and ".." in pattern.replace("\\", "/").split("/"):
            continue  # no member is outside, and nobody's folders are looked through
        # what is not a pattern is reported by uv itself
        with contextlib.suppress(ValueError, TypeError, NotImplementedError):
            yield from root.glob(pattern)


def paths_in(pyproject: PyProject, table: object) -> Iterator[Path]:
    """Return the folders and files that a table of dependencies names by the key `path`."""
    if not isinstance(table, dict):
        return
    for value in table.values():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict) and isinstance(one.get("path"), str):
                yield pyproject.path.parent / one["path"]


def by_address(pyproject: PyProject) -> Iterator[Path]:
    """Return the folders and files that a project depends on as `NAME @ file:…`."""
    root = pyproject.path.parent
    lists = [pyproject.table("project").get("dependencies")]
    lists += pyproject.table("dependency-groups").values()
    for entries in lists:
        for entry in entries or ():
            if not isinstance(entry, str):
                continue
            address = entry.partition("@")[2].partition(";")[0].strip()
            if address.startswith("file:"):
                from urllib.request import url2pathname  # noqa: PLC0415 - 0.02 s, and seldom needed

                yield root / url2pathname(urlsplit(address).path)


def root_above(folder: Path) -> Path:
    """Return the project's folder whose workspace has `folder` as a member, else `folder`."""
    for above in folder.parents:
        if (above / PYPROJECT).is_file():
            try:
                pyproject = PyProject.read(above / PYPROJECT)
            except LabError:
                continue  # it is not the manifest that the user works on
            if folder in of_workspace(pyproject):
                return above
    return folder
