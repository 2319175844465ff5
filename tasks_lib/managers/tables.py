"""A manager's own tables in `pyproject.toml`, `[tool.uv]` or `[tool.poetry]`, seen from outside."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from tasks_lib.project.manifests import PyProject

#: the path of a key in `pyproject.toml`
Key = tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """Where a manager was told to find a requirement.

    `group` is `None` if that holds for every group, and empty for the project's own dependencies
    and extras.
    """

    key: Key
    group: str | None
    value: Any

    @property
    def name(self) -> str:
        """Return the name of the requirement as it is written."""
        return self.key[-1]


class ManagerTables:
    """The own tables of a manager. This class serves a manager that has none.

    A place is a mapping with the words of `[tool.uv.sources]`: `path`, `editable`, `git`, `rev`,
    `url` and so on.
    """

    #: the list of the indexes that the project names for this manager
    index_key: ClassVar[Key] = ()
    #: the word by which a requirement's source names one of these, and what keeps such an index
    #: for the requirements that name it
    index_word: ClassVar[str] = ""
    explicit: ClassVar[Mapping[str, object]] = MappingProxyType({})
    #: the file beside the manifest that is read instead of them, where it exists
    replaced_by: ClassVar[str] = ""
    #: the key that says how old a release has to be
    limit_key: ClassVar[Key] = ()
    #: the key that says whether the project itself is installed
    package_key: ClassVar[Key] = ()

    @classmethod
    def sources(cls, pyproject: PyProject) -> Iterator[Source]:  # noqa: ARG003 - a manager without tables
        """Yield what the tables say about where requirements are found."""
        yield from ()

    @classmethod
    def source_key(cls, name: str, group: str) -> Key:  # noqa: ARG003 - as above
        """Return the key that says where a requirement is found, empty if there is none."""
        return ()

    @classmethod
    def to_place(cls, value: Mapping[str, Any]) -> dict[str, Any]:
        """Return a source's value as a place, without what is false."""
        return {word: said for word, said in value.items() if said is not False}

    @classmethod
    def from_place(cls, place: Mapping[str, Any]) -> dict[str, Any]:
        """Return a place as the value of a source."""
        return dict(place)

    @classmethod
    def optional_groups(cls, pyproject: PyProject) -> set[str]:  # noqa: ARG003 - as above
        """Return the dependency groups that the tables call optional."""
        return set()

    @classmethod
    def settings(
        cls,
        *,
        package: bool,  # noqa: ARG003 - as above
        dynamic_version: bool,  # noqa: ARG003 - as above
        groups: Collection[str],  # noqa: ARG003 - as above
        optional: Collection[str],  # noqa: ARG003 - as above
    ) -> dict[Key, object]:
        """Return the settings with which this manager installs what every other manager installs.

        `package` says whether the project itself is installed. `optional` names those of `groups`
        that are not installed unless a user asks for them.
        """
        return {}
