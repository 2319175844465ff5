"""Poetry's own tables in `pyproject.toml`."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from packaging.utils import canonicalize_name

from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.managers.tables import Key, ManagerTables, Source
from tasks_lib.project.manifests import PYPROJECT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from tasks_lib.project.manifests import PyProject
    from tasks_lib.project.project import Project

#: what uv has another word for
_TO_PLACE = {"develop": "editable", "file": "path"}
#: packages at the top of a project that are not installed with it
_OTHERS = {"tests", "test", "docs", "examples", "scripts"}
#: the keys that say where a requirement is found
_PLACES = {"path", "file", "git", "url", "source"}


class PoetryTables(ManagerTables):
    """`[tool.poetry]`: a source for each group that requires a name."""

    index_key: ClassVar[Key] = ("tool", "poetry", "source")
    index_word: ClassVar[str] = "source"
    explicit: ClassVar[Mapping[str, object]] = MappingProxyType({"priority": "explicit"})
    package_key: ClassVar[Key] = ("tool", "poetry", "package-mode")

    @classmethod
    def sources(cls, pyproject: PyProject) -> Iterator[Source]:
        """Yield the rows of the tables `dependencies` that say where something is found."""
        for group in ("", *pyproject.table("tool", "poetry", "group")):
            table = cls.source_key("", group)[:-1]
            for name, value in pyproject.table(*table).items():
                rows = value if isinstance(value, list) else [value]
                if any(isinstance(row, dict) and has_place(row) for row in rows):
                    yield Source((*table, name), group, value)

    @classmethod
    def source_key(cls, name: str, group: str) -> Key:
        """Return the key in the table `dependencies` of the group."""
        if group:
            return ("tool", "poetry", "group", group, "dependencies", name)
        return ("tool", "poetry", "dependencies", name)

    @classmethod
    def to_place(cls, value: Mapping[str, Any]) -> dict[str, Any]:
        """Return a source's value as a place; `develop = false` is Poetry's default."""
        return {_TO_PLACE.get(key, key): said for key, said in value.items() if said is not False}

    @classmethod
    def from_place(cls, place: Mapping[str, Any]) -> dict[str, Any]:
        """Return a place in Poetry's words."""
        return {("develop" if key == "editable" else key): said for key, said in place.items()}

    @classmethod
    def optional_groups(cls, pyproject: PyProject) -> set[str]:
        """Return the groups with `optional = true`."""
        found = set()
        for group, table in pyproject.table("tool", "poetry", "group").items():
            if isinstance(table, dict) and table.get("optional"):
                found.add(group)
        return found

    @classmethod
    def settings(
        cls,
        *,
        package: bool,
        dynamic_version: bool,
        groups: Collection[str],  # noqa: ARG003 - Poetry installs all that are not optional
        optional: Collection[str],
    ) -> dict[Key, object]:
        """Return `package-mode`, the optional groups, and a version if the backend computes it."""
        found: dict[Key, object] = {}
        for group in sorted(optional):
            found["tool", "poetry", "group", group, "optional"] = True
        if not package:
            found[cls.package_key] = False
        elif dynamic_version:  # Poetry, which only installs here, needs one
            found["tool", "poetry", "version"] = "0"
        return found


def has_place(row: Mapping[str, Any]) -> bool:
    """Return whether a dependency's table says where the package is from."""
    return bool(_PLACES.intersection(row) or row.get("develop"))


def dependency_tables(pyproject: PyProject) -> Iterator[Mapping[str, Any]]:
    """Return the tables of dependencies of Poetry's own form: the main one and one a group."""
    tables = [pyproject.table("tool", "poetry")]
    tables += pyproject.table("tool", "poetry", "group").values()
    for table in tables:
        found = table.get("dependencies") if isinstance(table, dict) else None
        if isinstance(found, dict):
            yield found


def required_names(pyproject: PyProject) -> set[str]:
    """Return the normalised names in the standard tables and in Poetry's own."""
    found = pyproject.required_names()
    for table in dependency_tables(pyproject):
        found.update(map(canonicalize_name, table))
    return found


def has_module(project: Project, name: str = "") -> bool:
    """Return whether Poetry finds a module or package that it could install for the project."""
    from poetry.core.masonry.utils.module import Module  # noqa: PLC0415 - 0.1 s

    packages = project.pyproject.table("tool", "poetry").get("packages", ())
    try:
        packages = [{"format": ["wheel"], **package} for package in packages]
        Module(name or project.pyproject.name, str(project.root), packages)
    except (ValueError, TypeError, KeyError):
        return False
    return True


def no_module(project: Project) -> LabError:
    """Return the error for a package that Poetry does not find, with the line that names it."""
    name = project.pyproject.name
    rows = []
    for folder in ("", "src"):
        for path in sorted(project.root.glob(f"{folder}/*/__init__.py".lstrip("/"))):
            place = f', from = "{folder}"' if folder else ""
            if path.parent.name not in _OTHERS:
                rows.append(f'{{ include = "{path.parent.name}"{place} }}')
    listed = ", ".join(rows) or '{ include = "FOLDER" }'
    line = f"packages = [{listed}]"
    text = f"Poetry installs {name} itself, and finds no module or package of that name."
    remedy = Remedy(f"Write to [tool.poetry]: {line}; or package-mode = false")
    return LabError(text, ErrorCode.NO_MODULE, file=PYPROJECT, remedy=remedy)
