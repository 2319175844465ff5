"""Tell one manager where another was told to find a requirement: else it would take it from an index."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NoReturn

from packaging.utils import canonicalize_name

from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution.redaction import without_logins
from tasks_lib.importers.declarations import GROUPS, Declarations, Target, requirement_lists
from tasks_lib.project.manifests import PYPROJECT
from tasks_lib.tools import package_index

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        """Refuse an index of the project's own that packages come from, unless it is the `common` one."""
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
                self._refuse(key, what, Remedy(f"{advice}: set {package_index.VARIABLE}"))

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
            group = target[1] if target[0] == GROUPS else ""
            for entry in entries:
                wanted = self.declared.parse(entry, self.pyproject.line_of(*target))
                groups = found[canonicalize_name(wanted.name)]
                groups[group] = groups.get(group, True) and wanted.url is not None
        return found

    def _place(self, key: Target, tables: type[ManagerTables], value: Any) -> dict[str, Any]:  # noqa: ANN401 - what TOML holds
        """Return a source's value as a place; what not every manager can say is refused."""
        if not isinstance(value, dict):
            self._refuse(key, f"more than one place for {key[-1]}, or none")
        place = tables.to_place(value)
        kind = next((kind for kind in _BESIDE if kind in place), "")
        known = {kind, *_BESIDE.get(kind, ()), *_IN_LISTS}
        odd = {word: said for word, said in place.items() if word not in known}
        if kind == "git" and "://" not in str(place["git"]):
            odd["git"] = place["git"]  # as SSH writes it, or a folder
        if odd or not kind:
            words = ", ".join(f"{word} = {said!r}" for word, said in tables.from_place(odd).items())
            self._refuse(key, f"{key[-1]} with {words or 'no place'}")
        return {word: said for word, said in place.items() if word not in _IN_LISTS}

    def _tell(self, key: Target, place: dict[str, Any], group: str) -> None:
        """Put a place where the new manager reads it, unless it says the same there already."""
        target = self.new.source_key(key[-1], group)
        if not target:
            return
        is_said = False
        for said in self._said(target):
            is_said = True
            if said != place:
                managers = "in one place for one manager and in another for the other or a group"
                self._refuse(key, f"{key[-1]} {managers}")
        if not is_said:
            self.declared.put(target, self.new.from_place(place), self.pyproject.line_of(*key))

    def _said(self, target: Target) -> Iterator[dict[str, Any]]:
        """Yield the places of the same name that the new manager has or gets in the same table."""
        values = dict(self.pyproject.table(*target[:-1]))
        for item in self.declared.items:
            if item.target[:-1] == target[:-1]:
                values[item.target[-1]] = item.value
        for name, value in values.items():
            if canonicalize_name(name) == canonicalize_name(target[-1]):
                yield self._place((*target[:-1], name), self.new, value)

    def _refuse(self, key: Target, what: str, remedy: Remedy | None = None) -> NoReturn:
        text = f"[{'.'.join(key[:-1])}] has {what}: that cannot be said for the other manager."
        shown = without_logins(text, tokens=True)
        advice = (
            f"Say it by path, git or url, which every manager knows, or remove it from {PYPROJECT}"
        )
        line = self.pyproject.line_of(*key)
        raise LabError(
            shown,
            ErrorCode.CANNOT_CONVERT,
            file=PYPROJECT,
            line=line,
            remedy=remedy or Remedy(advice),
        )
