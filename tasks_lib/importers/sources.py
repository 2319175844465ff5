"""Tell one manager where another was told to find a requirement.

The manager would take it from an index otherwise.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution.redaction import without_logins
from tasks_lib.importers.declarations import Declarations, Target, group_of, requirement_lists
from tasks_lib.project.manifests import PYPROJECT
from tasks_lib.tools import package_index

if TYPE_CHECKING:
    from tasks_lib.managers.base import Manager
    from tasks_lib.managers.tables import ManagerTables
    from tasks_lib.project.manifests import PyProject

#: the kinds of places that every manager knows, and what may be said beside each
_BESIDE = {
    "path": {"editable"},
    "git": {"rev", "tag", "branch", "subdirectory"},
    "url": {"subdirectory"},
}
#: what is read in the lists of requirements
_IN_LISTS = {"extras", "optional", "allow-prereleases"}
_ADVICE = Remedy(f"Say it by path, git or url, or remove it from {PYPROJECT}")
#: the groups that require a name, and whether all their requirements of it have an address
_Groups = dict[str, bool]


def for_other(pyproject: PyProject, old: Manager, new: Manager) -> Declarations:
    """Return what only the `old` manager was told, as the `new` one reads it.

    Raises:
        LabError: The new manager cannot be told.

    """
    translator = _Translator(pyproject, old.tables, new.tables)
    translator.expect_no_index(old.indexes(), package_index.resolve(old.project.options).url)
    translator.translate()
    return translator.declared


class _Translator:
    """Translate the sources of one manager to those of another."""

    def __init__(
        self, pyproject: PyProject, old: type[ManagerTables], new: type[ManagerTables]
    ) -> None:
        self.pyproject = pyproject
        self.old = old
        self.new = new
        self.declared = Declarations(PYPROJECT, adds=True)

    def expect_no_index(self, used: set[str], common: str) -> None:
        """Refuse an index of the project that packages come from, unless it is `common`."""
        key = self.old.index_key
        if not key:
            return
        rows = self.pyproject.table(*key[:-1]).get(key[-1], ())
        for row in rows if isinstance(rows, list) else ():
            if not isinstance(row, dict):
                continue
            url = str(row.get("url")).rstrip("/")
            if url in used and url != common.rstrip("/"):
                what = f"an index that packages come from, {row.get('name') or url}"
                advice = "If it has all that is needed, name it for every manager"
                raise self._refusal(key, what, Remedy(f"{advice}: set {package_index.VARIABLE}"))

    def translate(self) -> None:
        """Take over each source of a name that the project requires."""
        required = self._required()
        for source in self.old.sources(self.pyproject):
            for group, has_address in required[canonicalize_name(source.name)].items():
                if source.group not in (None, group):
                    continue
                place = self._place(source.key, self.old, source.value)
                if not has_address:
                    self._tell(source.key, place, group)

    def _required(self) -> dict[str, _Groups]:
        """Return the groups that require each name."""
        found: dict[str, _Groups] = defaultdict(dict)
        for target, entries in requirement_lists(self.pyproject):
            group = group_of(target)
            for entry in entries:
                wanted = self.declared.parse(entry, self.pyproject.line_of(*target))
                groups = found[canonicalize_name(wanted.name)]
                groups[group] = groups.get(group, True) and wanted.url is not None
        return found

    def _place(
        self,
        key: Target,
        tables: type[ManagerTables],
        value: Any,  # noqa: ANN401 - what TOML holds
    ) -> dict[str, Any]:
        """Return a source's value as a place; what not every manager can say is refused."""
        name = key[-1]
        if not isinstance(value, dict):
            raise self._refusal(key, f"more than one place for {name}, or none")
        place = tables.to_place(value)
        for word in _IN_LISTS:
            place.pop(word, None)
        for kind, beside in _BESIDE.items():
            is_address = kind != "git" or "://" in str(place.get(kind))  # SSH has another form
            if kind in place and is_address and place.keys() <= {kind, *beside}:
                return place
        words = [f"{word} = {said!r}" for word, said in tables.from_place(place).items()]
        raise self._refusal(key, f"{name} with {', '.join(words) or 'no place'}")

    def _tell(self, key: Target, place: dict[str, Any], group: str) -> None:
        """Put a place where the new manager reads it, unless it says the same there already."""
        target = self.new.source_key(key[-1], group)
        if not target:
            return
        told = self._told(target)
        if not told:
            self.declared.put(target, self.new.from_place(place))
        if any(other != place for other in told):
            where = "in one place for one manager and in another for the other or a group"
            raise self._refusal(key, f"{key[-1]} {where}")

    def _told(self, target: Target) -> list[dict[str, Any]]:
        """Return the places of a name that the new manager has or gets in the same table."""
        table = target[:-1]
        values = dict(self.pyproject.table(*table))
        for item in self.declared.items:
            if item.target[:-1] == table:
                values[item.target[-1]] = item.value
        found = []
        for name, value in values.items():
            if canonicalize_name(name) == canonicalize_name(target[-1]):
                found.append(self._place((*table, name), self.new, value))
        return found

    def _refusal(self, key: Target, what: str, remedy: Remedy = _ADVICE) -> LabError:
        """Return the error for what cannot be said for the new manager."""
        text = f"[{'.'.join(key[:-1])}] has {what}: that cannot be said for the other manager."
        return LabError(
            without_logins(text, tokens=True),
            ErrorCode.CANNOT_CONVERT,
            file=PYPROJECT,
            line=self.pyproject.line_of(*key),
            remedy=remedy,
        )
