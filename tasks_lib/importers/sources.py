"""Say for the other manager too where a requirement is found: else it would take what an index has of that name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from packaging.utils import canonicalize_name

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution.redaction import without_logins
from tasks_lib.importers.declarations import EXTRAS, GROUPS, MAIN, Found, Target
from tasks_lib.project.manifests import PYPROJECT
from tasks_lib.tools import package_index

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tasks_lib.managers.base import Manager
    from tasks_lib.project.manifests import PyProject
    from tasks_lib.project.options import Options

_UV: Target = ("tool", "uv", "sources")
#: what both managers say beside a folder or an archive, a repository, and an address
_BESIDE = {
    "path": {"editable"},
    "git": {"rev", "tag", "branch", "subdirectory"},
    "url": {"subdirectory"},
}
#: how Poetry calls what is uv's
_POETRYS = {"develop": "editable", "file": "path"}
#: what Poetry reads in the lists, where there are lists
_IN_LISTS = {"extras", "optional", "allow-prereleases"}


def for_other(pyproject: PyProject, manager: Manager) -> Found:
    """Give what `manager` alone was told, as the other one reads it; what that cannot be told is refused."""
    sources = _Sources(pyproject, manager.project.options)
    (sources.from_uv if manager.name == "uv" else sources.from_poetry)(manager.indexes())
    return sources.found


class _Sources:
    def __init__(self, pyproject: PyProject, options: Options) -> None:
        self.options = options
        self.pyproject, self.found = pyproject, Found(PYPROJECT, adds=True)
        lists = {("", MAIN), *(("", (*EXTRAS, name)) for name in pyproject.table(*EXTRAS))}
        lists |= {(name, (GROUPS, name)) for name in pyproject.table(GROUPS)}
        #: the groups where a name is asked for, and whether an address stands there
        self.asked: dict[str, dict[str, bool]] = {}
        for group, target in sorted(lists):
            for entry in pyproject.table(*target[:-1]).get(target[-1], ()):
                if isinstance(entry, str):
                    wanted = self.found.parse(entry, pyproject.line_of(*target))
                    groups = self.asked.setdefault(canonicalize_name(wanted.name), {})
                    groups[group] = groups.get(group, True) and wanted.url is not None

    def from_uv(self, used: Collection[str]) -> None:
        """Tell Poetry, in the table of each group that asks for it."""
        self.demand_none(("tool", "uv", "index"), used)
        for name, said in self.pyproject.table(*_UV).items():
            at = (*_UV, name)
            for group, has_address in self.asked.get(canonicalize_name(name), {}).items():
                place = self.plain(at, said)
                if not has_address:
                    wanted = {
                        ("develop" if key == "editable" else key): value
                        for key, value in place.items()
                    }
                    self.tell((*_poetry(group), name), place, wanted, at)

    def from_poetry(self, used: Collection[str]) -> None:
        """Tell uv, which finds a name in one place, whichever group asks for it."""
        self.demand_none(("tool", "poetry", "source"), used)
        for group in ("", *self.pyproject.table("tool", "poetry", "group")):
            for name, said in self.pyproject.table(*_poetry(group)).items():
                at, rows = (*_poetry(group), name), said if isinstance(said, list) else [said]
                asked = self.asked.get(canonicalize_name(name), {})
                if group in asked and any(isinstance(one, dict) and _places(one) for one in rows):
                    place = self.plain(at, said)
                    if not asked[group]:
                        self.tell((*_UV, name), place, place, at)

    def demand_none(self, at: Target, used: Collection[str]) -> None:
        """Refuse an index of the project's own that packages come from, unless it is the one for all managers."""
        rows, known = (
            self.pyproject.table(*at[:-1]).get(at[-1], ()),
            package_index.resolve(self.options).url.rstrip("/"),
        )
        for one in rows if isinstance(rows, list) else ():
            url = str(one.get("url")).rstrip("/") if isinstance(one, dict) else ""
            if url in used and url != known:
                remedy = f"where it has all that is needed, name it for both: set {package_index.VARIABLE}"
                self.refuse(
                    at, f"an index that packages come from, {one.get('name') or url}", remedy
                )

    def plain(self, at: Target, said: Any) -> dict[str, Any]:  # noqa: ANN401 - what TOML holds
        """Give the place in uv's words, and refuse what one of the managers has no words for."""
        if not isinstance(said, dict):
            self.refuse(at, f"more than one place for {at[-1]}, or none")
        ours = {
            str(_POETRYS.get(key, key)): value for key, value in said.items() if value is not False
        }
        kind = next((one for one in _BESIDE if one in ours), "")
        known = {kind, *_BESIDE.get(kind, ()), *_IN_LISTS}
        odd = [
            key
            for key, value in said.items()
            if value is not False and _POETRYS.get(key, key) not in known
        ]
        if kind == "git" and "://" not in str(ours[kind]):
            odd = ["git"]  # as `ssh` has it, or a folder
        if odd or not kind:
            self.refuse(
                at,
                f"{at[-1]} with {', '.join(f'{key} = {said[key]!r}' for key in odd) or 'no place'}",
            )
        ours = {key: value for key, value in ours.items() if key not in _IN_LISTS}
        return ours

    def tell(
        self, target: Target, place: dict[str, Any], wanted: dict[str, Any], at: Target
    ) -> None:
        """Put a place where the other manager reads it, unless that is told the same already."""
        table: Mapping[str, Any] = self.pyproject.table(*target[:-1])
        there = [name for name in table if canonicalize_name(name) == canonicalize_name(target[-1])]
        new = [item for item in self.found.items if item.target[:-1] == target[:-1]]
        new = [
            item
            for item in new
            if canonicalize_name(item.target[-1]) == canonicalize_name(target[-1])
        ]
        for known in [
            *(self.plain((*target[:-1], name), table[name]) for name in there),
            *(one.value for one in new),
        ]:
            if known not in (place, wanted):
                self.refuse(
                    at, f"{at[-1]} in one place for Poetry and in another for uv or another group"
                )
        if not (there or new):
            self.found.put(target, wanted, self.pyproject.line_of(*at))

    def refuse(self, at: Target, what: str, remedy: str = "") -> NoReturn:
        text = f"[{'.'.join(at[:-1])}] has {what}: that cannot be said for the other manager."
        remedy = (
            remedy
            or f"say it as both managers can, by path, git or url; or take it out of {PYPROJECT}"
        )
        line, shown = self.pyproject.line_of(*at), without_logins(text, tokens=True)
        raise LabError(shown, ErrorCode.CANNOT_CONVERT, file=PYPROJECT, line=line, remedy=remedy)


def _places(table: Mapping[str, Any]) -> set[str]:
    """Give the keys that say where something is found."""
    return {"path", "file", "git", "url", "source"} & table.keys() | (
        {"develop"} if table.get("develop") else set()
    )


def _poetry(group: str) -> Target:
    return ("tool", "poetry", *(("group", group) if group else ()), "dependencies")
