"""Write what was found into `pyproject.toml`: what stands there stays, and comments come with what they speak of."""

from __future__ import annotations

import copy
import re
import tomllib
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import tomlkit
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tasks_lib.adoption.found import GROUPS, MAIN, Found, Target
from tasks_lib.adoption.toml_tables import lost_comments
from tasks_lib.errors import LabError
from tasks_lib.manifests import PYPROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_HEADER = re.compile(r"\A(?:[ \t]*#[^\n]*\n)+(?=[ \t]*\n)")
#: what comes first, where it is not there yet, in this order
_WIDE = 80
_TOP = ("project", "build-system", GROUPS)
_ORDER = ("name", "version", "description", "readme", "requires-python", "license", "dynamic", "authors", "maintainers")


@dataclass
class Row:
    """One entry of a list, or one value, with its comments; without a value the comments alone."""

    value: Any
    before: list[str] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)


@dataclass
class Merged:
    """What goes where, by the order of the sources: the first that has something wins, and what differs is said."""

    data: Mapping[str, Any]
    lists: dict[Target, list[Row]] = field(default_factory=lambda: defaultdict(list))
    values: dict[Target, Row] = field(default_factory=dict)
    owners: dict[Target, str] = field(default_factory=dict)

    def take(self, found: Found) -> None:
        """Take over what one file declares; what a file before it declares otherwise is a warning there."""
        differ: dict[str, list[str]] = defaultdict(list)
        for item, before, behind in found.noted():
            target, value, row = item.target, item.value, Row(item.value, before, behind)
            there = self.at(target)
            if not item.listed:
                if there is None:
                    self.values[target] = row
                    self.owners[target] = found.file
                elif target[0] == "project" and there != value and not found.adds:
                    differ[self.owners.get(target, PYPROJECT)].append(f"{target[-1]} {value!r} (there {there!r})")
                continue
            owner = self.owners.setdefault(target, PYPROJECT if there else found.file)
            known = self._known(target, value)
            if owner != found.file and (known or not found.adds):
                if value not in known and not any(_same(value, one) for one in known):
                    differ[owner].append(f"{value} ({f'there {known[0]}' if known else 'not there'})")
                row = Row(None, [*before, *behind])
            if row.value is not None or row.before:
                self.lists[target].append(row)
        found.warned += [(f"{owner} won, and this differs: {', '.join(some)}", None) for owner, some in differ.items()]

    def at(self, target: Target) -> Any:  # noqa: ANN401 - what TOML holds
        """Give what is or will be at a place, `None` where there is nothing."""
        if target in self.values:
            return self.values[target].value
        here: Any = self.data
        for name in target:
            here = here.get(name) if isinstance(here, dict) else None
        return here

    def entries(self, target: Target) -> list[Any]:
        """Give the entries that a list has and will have."""
        there = self.at(target)
        return [
            *(there if isinstance(there, list) else ()),
            *(row.value for row in self.lists.get(target, ()) if row.value),
        ]

    def _known(self, target: Target, value: object) -> list[Any]:
        """Give the entries that speak of the same distribution."""
        if not isinstance(value, str):
            return [one for one in self.entries(target) if one == value]
        return [one for one in self.entries(target) if isinstance(one, str) and _name(one) == _name(value)]

    def constrain(self) -> Iterator[str]:
        """Hold what is declared to the constraints too, for Poetry; say which it will not know of."""
        for row in self.lists.get(("tool", "uv", "constraint-dependencies"), ()):
            if row.value is None:
                continue
            limit, known = Requirement(row.value), False
            for target, rows in self.lists.items():
                for other in rows if target[0] != "tool" else ():
                    if isinstance(other.value, str) and _name(other.value) == _name(row.value):
                        wanted, known = Requirement(other.value), True
                        if not (wanted.url or limit.marker):
                            wanted.specifier &= limit.specifier
                            other.value = str(wanted)
            if not known or limit.marker:
                yield f"the constraint {row.value} holds for uv alone: Poetry has none for what is not declared"


def _name(text: str) -> str:

    return canonicalize_name(Requirement(text).name)


def _same(one: object, other: object) -> bool:

    return one == other or (isinstance(one, str) and isinstance(other, str) and Requirement(one) == Requirement(other))


def written(old: str, merged: Merged, drops: Sequence[Target] = ()) -> str:
    """Give the new text; what is then read from it must be what was there, less `drops`, and what was taken over."""
    document, new, expected = tomlkit.parse(without(old, drops)), tomlkit.document(), copy.deepcopy(dict(merged.data))
    for target in sorted(dict.fromkeys([*merged.values, *merged.lists]), key=_rank):
        place = document if target[0] in document or target[0] not in _TOP else new
        value, rows = merged.values.get(target), merged.lists.get(target, [])
        if value is not None:
            _put(place, target, value)
            _set(expected, target, value.value)
        else:
            _extend(place, target, rows)
            _set(expected, target, [*(merged.at(target) or ()), *(row.value for row in rows if row.value is not None)])
    body, top = _text(document), new.as_string()
    header = _HEADER.match(body) if top else None
    parts = (header[0], top, body[header.end() :]) if header else (top, body)
    text = "\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"
    if _parsed(text) != expected or lost_comments(old, text):
        said = f"{PYPROJECT} is written in a way that cannot be edited safely."
        raise LabError(said, file=PYPROJECT, remedy="write its [project] table by hand", title="cannot be edited")
    return text


def with_value(text: str, target: Target, value: object) -> str:
    """Give the text with one key set, be it there already or not."""
    document = tomlkit.parse(text)
    _table(document, target[:-1])[target[-1]] = _inline(value)
    return document.as_string()


def less(data: Mapping[str, Any], drops: Sequence[Target]) -> dict[str, Any]:
    """Give the data less some keys, and the tables that have nothing left."""
    left = copy.deepcopy(dict(data))
    for target in drops:
        _drop(left, target)
    return left


def without(text: str, drops: Sequence[Target]) -> str:
    """Give the text less some keys, and the tables that have nothing left."""
    document = tomlkit.parse(text)
    for target in drops:
        _drop(document, target)
    return _text(document)


def _text(document: Any) -> str:  # noqa: ANN401 - tomlkit's document
    return re.sub(r"\n{3,}", "\n\n", document.as_string())


def _parsed(text: str) -> Any:  # noqa: ANN401 - as above
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _rank(target: Target) -> tuple[object, ...]:
    """Order tables and keys: values before tables, and the `[project]` table as people write it."""
    top = _TOP.index(target[0]) if target[0] in _TOP else len(_TOP)
    last = _ORDER.index(target[-1]) if target[-1] in _ORDER else len(_ORDER) + (target == MAIN)
    return top, target[:-1] if len(target) > len(MAIN) else (), last if target[0] == "project" else 0


def _drop(container: Any, target: Target) -> None:  # noqa: ANN401 - tomlkit's, or a dictionary
    """Take a key away, and the tables that have nothing left."""
    above = [container]
    for name in target[:-1]:
        if name not in above[-1]:
            return
        above.append(above[-1][name])
    for table, name in zip(reversed(above), reversed(target), strict=True):
        if name in table:
            del table[name]
        if len(table):
            return


def _table(container: Any, names: Sequence[str]) -> Any:  # noqa: ANN401 - tomlkit's

    for at, name in enumerate(names):
        if name not in container:
            container[name] = tomlkit.table(is_super_table=at + 1 < len(names))
        container = container[name]
    return container


def _set(expected: dict[str, Any], target: Target, value: object) -> None:
    for name in target[:-1]:
        expected = expected.setdefault(name, {})
    expected[target[-1]] = value


def _put(container: Any, target: Target, row: Row) -> None:  # noqa: ANN401 - tomlkit's
    """Set a key that is not there yet, below the comments that stood before it."""
    table = _table(container, target[:-1])
    for text in map(_bare, row.before):
        table.add(tomlkit.comment(text))
    if isinstance(row.value, (dict, list)):
        table[target[-1]] = _inline(row.value)
    else:
        table[target[-1]] = row.value
    first, *more = [*map(_bare, row.behind), ""]
    if first:
        table[target[-1]].comment(first)
    for text in filter(None, more):
        table.add(tomlkit.comment(text))


def _inline(value: Any) -> Any:  # noqa: ANN401 - tomlkit's
    """Write tables within braces, and long lists in lines."""
    if isinstance(value, dict):
        table = tomlkit.inline_table()
        table.update({key: _inline(one) for key, one in value.items()})
        return table
    if isinstance(value, list):
        array = tomlkit.array().multiline(multiline=len(str(value)) > _WIDE)
        array.extend(map(_inline, value))
        return array
    return value


def _extend(container: Any, target: Target, rows: Sequence[Row]) -> None:  # noqa: ANN401 - tomlkit's
    """Add entries to a list, each in a line of its own."""
    table = _table(container, target[:-1])
    if not table.get(target[-1]):
        table[target[-1]] = tomlkit.array()
    array = table[target[-1]]
    for row in rows:
        first, *more = [*map(_bare, row.behind), ""]
        for text in map(_bare, row.before):
            array.add_line(comment=text)
        if row.value is not None:
            literal = isinstance(row.value, str) and '"' in row.value and "'" not in row.value
            item = tomlkit.string(row.value, literal=True) if literal else _inline(row.value)
            array.add_line(item, comment=first or None)
        for text in filter(None, more):
            array.add_line(comment=text)
    array.add_line(indent="")


def _bare(text: str) -> str:
    return text.lstrip("#").strip()
