"""uv's own tables in `pyproject.toml`."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from tasks_lib.managers.tables import Key, ManagerTables, Source

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from tasks_lib.project.manifests import PyProject

_SOURCES: Key = ("tool", "uv", "sources")
#: the groups that uv installs if nothing is said
_DEFAULT = {"dev"}


class UvTables(ManagerTables):
    """`[tool.uv]`: one source for a name, whichever group requires it."""

    index_key: ClassVar[Key] = ("tool", "uv", "index")
    index_word: ClassVar[str] = "index"
    explicit: ClassVar[Mapping[str, object]] = MappingProxyType({"explicit": True})
    replaced_by: ClassVar[str] = "uv.toml"
    limit_key: ClassVar[Key] = ("tool", "uv", "exclude-newer")
    package_key: ClassVar[Key] = ("tool", "uv", "package")

    @classmethod
    def sources(cls, pyproject: PyProject) -> Iterator[Source]:
        """Yield the rows of `[tool.uv.sources]`."""
        for name, value in pyproject.table(*_SOURCES).items():
            yield Source((*_SOURCES, name), None, value)

    @classmethod
    def source_key(cls, name: str, group: str) -> Key:  # noqa: ARG003 - one for all groups
        """Return the key in `[tool.uv.sources]`."""
        return (*_SOURCES, name)

    @classmethod
    def settings(
        cls,
        *,
        package: bool,
        dynamic_version: bool,  # noqa: ARG003 - uv asks the build backend
        groups: Collection[str],
        optional: Collection[str],
    ) -> dict[Key, object]:
        """Return `package` and `default-groups`, where uv's own default is another."""
        found: dict[Key, object] = {}
        if not package:
            found[cls.package_key] = False
        default = [group for group in groups if group not in optional]
        if set(default) != _DEFAULT.intersection(groups):
            found["tool", "uv", "default-groups"] = default
        return found
