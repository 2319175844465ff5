"""Read what `[tool.poetry]` says that `[project]` and `[dependency-groups]` say today."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tasks_lib.environments import site_packages
from tasks_lib.importers import toml_document
from tasks_lib.importers.base import Importer
from tasks_lib.importers.declarations import (
    EXTRAS,
    GROUPS,
    MAIN,
    Declarations,
    Target,
    group_of,
    target_of,
)
from tasks_lib.importers.metadata import distribution, license_of, people
from tasks_lib.managers.poetry import Poetry
from tasks_lib.managers.poetry_tables import has_place
from tasks_lib.project.manifests import PYPROJECT, names_of
from tasks_lib.project.version_ranges import overlap

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tasks_lib.project.project import Project

_POETRY: Target = ("tool", "poetry")
_SAME = ("version", "description", "keywords", "classifiers")
_URLS = {"homepage", "repository", "documentation"}
#: what PEP 508 cannot say, and stays in Poetry's table beside the requirement
_KEPT = ("source", "allow-prereleases")
#: the conditions under which a requirement holds
_CONDITIONS = ("markers", "python", "platform")
_PATHS = ("path", "file")
BACKEND = "poetry.core.masonry.api"
#: the versions of poetry-core that read `[project]`
CORE = "poetry-core>=2.0.0,<3.0.0"
_OLD_CORE = SpecifierSet("<2")
_NEW_CORE = SpecifierSet("==2.*")
_BRACKETS = re.compile(r"\s*\((.*?)\)")


@dataclass(frozen=True)
class _Dependency:
    """One alternative of a dependency: its `row`, and all `rows` of the key at `path`."""

    path: Target
    row: Any
    rows: Sequence[Any]
    line: int | None

    @property
    def options(self) -> Mapping[str, Any]:
        """Return the row if it is a table."""
        return self.row if isinstance(self.row, dict) else {}

    @property
    def source(self) -> str:
        """Return the folder or file that is installed, empty if there is none."""
        return str(self.options.get("path") or self.options.get("file") or "")

    @property
    def adds(self) -> bool:
        """Return whether the row says what a requirement can say."""
        if self.source or self.path[-1] == "python":
            return False
        said = {key for key in self.options if key not in {*_KEPT, "optional", "version"}}
        version = self.options.get("version", "*") if self.options else self.row
        return bool(said) or version != "*"

    @property
    def shown(self) -> str:
        """Return the row as the file has it."""
        return f"{self.path[-1]} = {self.row!r}"


class PoetryTables(Importer):
    """The tables of Poetry 1: what has a new place is `dropped` from its old one."""

    def __init__(self, project: Project, *, keeps_places: bool = False) -> None:
        """Begin with nothing; where a package is from can stay, for another to translate it."""
        super().__init__(project)
        self.keeps_places = keeps_places
        self.declared = Declarations(PYPROJECT)
        #: the comments of each key, which move with it
        self.comments: dict[Target, list[str]] = defaultdict(list)

    def read(self) -> Iterable[Declarations]:
        """Return the metadata and the dependencies; what `[project]` has stays as it is."""
        if not self.pyproject.table(*_POETRY):
            return []
        for path, words in toml_document.comments(self.pyproject.text.replace("\r\n", "\n")):
            self.comments[path].append(words)
        project = self.pyproject.table("project")
        if "name" not in project:
            self._metadata()
            self._named_texts()
        # what [project] has already is told first what the table adds to it
        for extra in self.pyproject.table(*EXTRAS):
            self._enrich((*EXTRAS, extra), "dependencies")
        if "dependencies" in project:
            self._enrich(MAIN, "dependencies")
        else:
            optional = self._dependencies("", "dependencies")
            if self.pyproject.table(*EXTRAS):
                self._expect_in_extras(optional)
            else:
                self._extras(optional)
        self._dependencies("dev", "dev-dependencies")
        groups = {canonicalize_name(group): group for group in self.pyproject.table(GROUPS)}
        for group in self._table("group"):
            known = groups.get(canonicalize_name(group))
            if known:
                self._enrich((GROUPS, known), "group", group, "dependencies")
            else:
                self._dependencies(group, "group", group, "dependencies")
                self._included(group)
        self._build()
        return [self.declared]

    def _line(self, *names: str) -> int | None:
        """Return the line of a key in Poetry's table."""
        return self.pyproject.line_of(*_POETRY, *names) or self.pyproject.line_of(*names)

    def _table(self, *names: str) -> Mapping[str, Any]:
        """Return a table of Poetry's; another thing in its place is an error with its line."""
        value: Any = self.pyproject.table(*_POETRY)
        for name in names:
            value = value.get(name, {})
            if not isinstance(value, dict):
                text = f"[tool.poetry] {'.'.join(names)} must be a table"
                self.declared.refuse(text, self._line(*names))
        return value  # type: ignore[no-any-return]  # a table, as was just seen

    def _comments(self, *names: str) -> list[str]:
        """Return the comments of a key, which move with the first item that is made of it."""
        return self.comments.pop((*_POETRY, *names), [])

    def _move(self, target: Target, value: object, *names: str) -> None:
        """Give a value its new place."""
        self.declared.put(target, value, self._comments(*names))
        self._drop(*names)

    def _drop(self, *names: str) -> None:
        """Note that a key has a new place."""
        self.declared.dropped.append((*_POETRY, *names))

    def _metadata(self) -> None:
        """Move the keys for which `[project]` has one."""
        table = self._table()
        values = {key: table[key] for key in _SAME if key in table}
        if "name" in table:
            values["name"] = distribution(str(table["name"]))
        if isinstance(table.get("readme"), str):
            values["readme"] = table["readme"]
        if isinstance(table.get("license"), str):
            values["license"] = license_of(table["license"], table.get("classifiers", ()))
        for role in ("authors", "maintainers"):
            if isinstance(table.get(role), list):
                values[role] = people(table[role])
        for key, value in values.items():
            self._move(("project", key), value, key)
        for key in [key for key in table if key in _URLS]:
            self._move(("project", "urls", key.title()), table[key], key)

    def _named_texts(self) -> None:
        """Move addresses, scripts and plugins."""
        tables: dict[Target, Target] = {("urls",): ("urls",), ("scripts",): ("scripts",)}
        for group in self._table("plugins"):
            tables["plugins", group] = ("entry-points", group)
        for names, place in tables.items():
            for name, value in self._table(*names).items():
                if isinstance(value, str):
                    self._move(("project", *place, name), value, *names, name)

    def _rows(self, *names: str) -> Iterator[tuple[str, list[_Dependency]]]:
        """Yield each name in a table of dependencies, with its alternatives."""
        for name, wanted in self._table(*names).items():
            rows = wanted if isinstance(wanted, list) else [wanted]
            line = self._line(*names, name)
            yield name, [_Dependency((*names, name), row, rows, line) for row in rows]

    def _dependencies(self, group: str, *names: str) -> dict[str, list[_Dependency]]:
        """Take a table of dependencies over; return those that are optional, by their names."""
        optional: dict[str, list[_Dependency]] = defaultdict(list)
        for name, alternatives in self._rows(*names):
            for one in alternatives:
                if not group and name == "python":
                    versions = self._requirement(one).removeprefix(name)
                    self.declared.put_python(versions, one.line, self._comments(*one.path))
                elif not group and one.options.get("optional"):
                    optional[name].append(one)
                else:
                    self._take(one, target_of(group))
        if names[0] in self._table():
            self._drop(*names)
        return optional

    def _included(self, group: str) -> None:
        """Have a group include what Poetry's table says it includes."""
        names = self._table("group", group).get("include-groups", ())
        for name in names if isinstance(names, list) else ():
            self.declared.put_entry((GROUPS, group), {"include-group": str(name)}, None)
        if names:
            self._drop("group", group, "include-groups")

    def _enrich(self, target: Target, *names: str) -> None:
        """Have a list say of each requirement what Poetry's table of that name adds to it."""
        rows = {canonicalize_name(name): found for name, found in self._rows(*names)}
        line = self.pyproject.line_of(*target)
        entries = self.pyproject.table(*target[:-1]).get(target[-1])
        found: list[tuple[object, list[_Dependency]]] = []
        for entry in entries if isinstance(entries, list) else ():
            more: list[_Dependency] = []
            if isinstance(entry, str):
                more = rows.get(canonicalize_name(self.declared.parse(entry, line).name), [])
            found.append((entry, list(filter(self._counts, more))))
        if not any(more for _, more in found):
            return
        comments = self.comments.pop(target, [])
        for entry, more in found:
            if not more:
                self.declared.put_entry(target, entry, line, comments)
            for one in more:
                self._take(one, target, str(entry), comments)
                self._drop(*one.path)
                comments = []
            comments = []
        self.declared.dropped.append(target)

    def _counts(self, one: _Dependency) -> bool:
        return one.adds and not (self.keeps_places and has_place(one.options))

    def _expect_in_extras(self, optional: Mapping[str, list[_Dependency]]) -> None:
        """Report what is optional and in no extra of `[project]`: Poetry never installs it."""
        known: set[str] = set()
        for entries in self.pyproject.table(*EXTRAS).values():
            known |= names_of(entries)
        for name, rows in optional.items():
            if canonicalize_name(name) not in known:
                text = f"{name} is optional and in no extra: it is not taken over"
                self.declared.warn(text, rows[0].line)

    def _extras(self, optional: Mapping[str, list[_Dependency]]) -> None:
        """Give each extra its requirements; an optional one in no extra gets its own extra."""
        extras = {}
        for extra, names in self._table("extras").items():
            if isinstance(names, list):
                extras[extra] = list(map(str, names))
        if extras:
            self._drop("extras")
        in_extras = set().union(*extras.values())
        extras |= {name: [name] for name in optional if name not in in_extras}
        for extra, names in extras.items():
            for name in names:
                unknown = _Dependency(("dependencies", name), "*", [], self._line("extras", extra))
                for one in optional.get(name, [unknown]):
                    self._take(one, (*EXTRAS, extra))

    def _requirement(self, one: _Dependency) -> str:
        """Return a dependency as PEP 508; a folder is named in a table beside it."""
        from poetry.core.factory import Factory  # noqa: PLC0415 - 0.1 s

        wanted = one.row
        if one.options:
            wanted = {key: one.options[key] for key in one.options if key not in _KEPT}
        if one.source:
            kept = ("extras", *_CONDITIONS)
            wanted = {key: one.options[key] for key in kept if key in one.options}
            wanted["version"] = "*"
        try:
            dependency = Factory.create_dependency(one.path[-1], wanted, root_dir=self.root)
            text = site_packages.spelt(dependency.to_pep_508())
        except Exception as error:  # noqa: BLE001 - poetry-core raises many kinds for what is written wrongly
            self.declared.refuse(f"{one.shown} is not a dependency: {error}", one.line)
        return text if " @ " in text else _BRACKETS.sub(r"\1", text, count=1)

    def _take(
        self, one: _Dependency, target: Target, entry: str = "", comments: Sequence[str] = ()
    ) -> None:
        """Take a dependency over, and keep beside it what PEP 508 cannot say.

        `entry` is a requirement of the list that it adds to.
        """
        comments = [*comments, *self._comments(*one.path)]
        text = self._requirement(one)
        if entry:
            text = _both(Requirement(entry), Requirement(text))
        parsed = self.declared.require(target, text, one.line, one.shown, comments)
        if one.source:
            editable = bool(one.options.get("develop"))
            self.declared.source(parsed, target, one.source, one.line, editable=editable)
        kept = {key: one.options[key] for key in _KEPT if key in one.options}
        if not kept:
            return
        key = Poetry.tables.source_key(parsed.name, group_of(target))
        if self.declared.place(key, _alternatives(one.rows) or kept, one.line):
            text = f"{parsed.name}: {', '.join(kept)} stays in Poetry's table"
            self.declared.warn(f"{text}, and uv does not read it", one.line)

    def _build(self) -> None:
        """Have a poetry-core build it that reads `[project]`; other requirements stay."""
        table = self.pyproject.table("build-system")
        backend = str(table.get("build-backend", ""))
        if not self.declared.items or not backend.startswith("poetry"):
            return
        line = self.pyproject.line_of("build-system", "requires")
        requires = table.get("requires", [])
        if not isinstance(requires, list):
            self.declared.refuse("build-system requires must be a list", line)
        self._renew("requires", [self._core(str(text), line) for text in requires])
        if backend.startswith("poetry."):
            self._renew("build-backend", BACKEND)

    def _renew(self, key: str, value: object) -> None:
        """Put another value in the place of one of `[build-system]`."""
        target = ("build-system", key)
        if value != self.pyproject.table("build-system").get(key):
            self.declared.put(target, value, self.comments[target])
            self.declared.dropped.append(target)

    def _core(self, text: str, line: int | None) -> str:
        """Return a requirement of the build; a new poetry-core replaces an old one or Poetry.

        Only a new one reads `[project]`. Limits that exclude some of the new versions stay.
        """
        wanted = self.declared.parse(text, line)
        name = canonicalize_name(wanted.name)
        if name not in {"poetry", "poetry-core"} or wanted.url:
            return text
        limits = []
        if name == "poetry-core":
            if not overlap(_OLD_CORE, wanted.specifier):
                return text
            limits = sorted(str(one) for one in wanted.specifier if _limits_new_core(str(one)))
        raised = ",".join([CORE, *limits])
        if wanted.marker:
            raised += f" ; {wanted.marker}"
        note = f"'{text}' (line {line}) is raised to '{raised}'"
        self.declared.notes.append(f"{note}: the versions before do not read [project]")
        return raised


def _both(first: Requirement, second: Requirement) -> str:
    """Return the requirement that demands what both do."""
    first.extras |= second.extras
    first.url = first.url or second.url
    first.specifier = SpecifierSet() if first.url else first.specifier & second.specifier
    markers = [str(one.marker) for one in (first, second) if one.marker]
    if len(set(markers)) > 1:
        markers = [f"({marker})" for marker in markers]
    first.marker = Marker(" and ".join(dict.fromkeys(markers))) if markers else None
    return str(first)


def _limits_new_core(clause: str) -> bool:
    """Return whether a clause allows some versions of the new poetry-core and excludes others."""
    limit = SpecifierSet(clause)
    if clause.startswith("==="):
        return overlap(limit, _NEW_CORE)
    return overlap(limit, _NEW_CORE) and not _NEW_CORE.is_subset(limit)


def _alternatives(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Return what PEP 508 cannot say about each alternative, and when it holds.

    Nothing is returned where Poetry cannot tell the alternatives apart by that.
    """
    if len(rows) == 1:
        return []
    tables = [row if isinstance(row, dict) else {} for row in rows]
    keys = {key for table in tables for key in table}
    if keys.intersection(_PATHS) or not keys.intersection(_CONDITIONS):
        return []
    found = []
    for table in tables:
        kept = {key: table[key] for key in (*_CONDITIONS, *_KEPT) if key in table}
        found.append(kept or {"version": "*"})
    return found
