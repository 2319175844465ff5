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

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.importers.declarations import GROUPS, MAIN, Found, Item, Target, uncommented
from tasks_lib.importers.toml_tables import lost_comments
from tasks_lib.project.manifests import PYPROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_MOVED = "\ufdd0"  # which is no character, and in no file
_HEAD = r"\[[^\n=]*\][ \t]*(?:#[^\n]*)?\n"
_NOTES = r"(?P<notes>(?:(?P=depth)#[^\n]*\n)*)"
_ABOVE = re.compile(rf"^(?=(?P<depth>[ \t]*)#){_NOTES}(?P<head>(?P=depth){_HEAD})", re.MULTILINE)
_BELOW = re.compile(
    rf"(?P<head>^[ \t]*{_HEAD})(?P<notes>(?:[ \t]*#{_MOVED}[^\n]*\n)+)", re.MULTILINE
)
_NEXT = rf"(?P<next>(?=(?P<depth>[ \t]*)){_NOTES}(?P=depth){_HEAD})"
_CLOSE = re.compile(rf"^(?![ \t]*(?:#|\n))[^\n]*\n(?={_NEXT})", re.MULTILINE)
_HEADER = re.compile(r"\A(?:[ \t]*#[^\n]*\n)+(?=[ \t]*\n)")
_WIDE = 80
_INDENT = "    "
#: what comes first, where it is not there yet, in this order
_TOP = ("project", "build-system", GROUPS)
_ORDER = (
    "name",
    "version",
    "description",
    "readme",
    "requires-python",
    "license",
    "dynamic",
    "authors",
    "maintainers",
)


@dataclass
class Merged:
    """What goes where, by the order of the sources: the first that has something wins, and what differs is said."""

    data: Mapping[str, Any]
    lists: dict[Target, list[Item]] = field(default_factory=lambda: defaultdict(list))
    values: dict[Target, Item] = field(default_factory=dict)
    owners: dict[Target, str] = field(default_factory=dict)

    def take(self, found: Found) -> None:
        """Take over what one file declares; what a file before it declares otherwise is a warning there."""
        differ: dict[str, list[str]] = defaultdict(list)
        for item in found.noted():
            if found.spare and isinstance(item.value, str) and item.target[0] == GROUPS:
                own = {_speaks_of(one) for one in self.entries(MAIN)}
                item.target = MAIN if _speaks_of(item.value) in own else item.target
            target, value = item.target, item.value
            there = self.at(target)
            if item.listed and value is None:  # its comments alone
                item.before, item.behind = [*item.before, *item.behind], []
                self.lists[target] += [item] if item.before else []
                continue
            if not item.listed:
                if there is None:
                    self.values[target] = item
                    self.owners[target] = found.file
                elif target[0] == "project" and there != value and not found.adds:
                    differ[self.owners.get(target, PYPROJECT)].append(
                        f"{target[-1]} {value!r} (there {there!r})"
                    )
                continue
            owner = self.owners.setdefault(target, PYPROJECT if there else found.file)
            known = [one for one in self.entries(target) if _speaks_of(one) == _speaks_of(value)]
            if owner != found.file and (known or not found.adds):
                if value not in known and all(
                    Requirement(value) != Requirement(one) for one in known
                ):
                    differ[owner].append(
                        f"{value} ({f'there {known[0]}' if known else 'not there'})"
                    )
                item.value, item.before, item.behind = None, [*item.before, *item.behind], []
            if item.value is not None or item.before:
                self.lists[target].append(item)
        found.warned += [
            (f"{owner} won, and this differs: {', '.join(some)}", None)
            for owner, some in differ.items()
        ]

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

    def constrain(self) -> Iterator[str]:
        """Hold what is declared to the constraints too, for Poetry; say which it will not know of."""
        for row in self.lists.get(("tool", "uv", "constraint-dependencies"), ()):
            if row.value is None:
                continue
            limit, known = Requirement(row.value), False
            for other in [
                other
                for target, rows in self.lists.items()
                if target[0] != "tool"
                for other in rows
            ]:
                if _speaks_of(other.value) == _speaks_of(row.value):
                    wanted, known = Requirement(other.value), True
                    if not (wanted.url or limit.marker):
                        wanted.specifier &= limit.specifier
                        other.value = str(wanted)
            if not known or limit.marker:
                yield f"the constraint {row.value} holds for uv alone: Poetry has none for what is not declared"


def _speaks_of(entry: Any) -> Any:  # noqa: ANN401 - what TOML holds
    """Give the name of the distribution that is required; an entry that includes a group stands for itself."""
    return canonicalize_name(Requirement(entry).name) if isinstance(entry, str) else entry


def written(old: str, merged: Merged, drops: Sequence[Target] = ()) -> str:
    """Give the new text; what is then read from it must be what was there, less `drops`, and what was taken over."""
    document, new, expected = (
        tomlkit.parse(_lowered(without(old, drops))),
        tomlkit.document(),
        copy.deepcopy(dict(merged.data)),
    )
    for target in sorted(dict.fromkeys([*merged.values, *merged.lists]), key=_rank):
        place = document if target[0] in document or target[0] not in _TOP else new
        table, here = _table(place, target[:-1]), expected
        for name in target[:-1]:
            here = here.setdefault(name, {})
        if target in merged.values:
            _put(table, target[-1], merged.values[target])
            here[target[-1]] = merged.at(target)
        else:
            _extend(table, target[-1], merged.lists[target])
            here[target[-1]] = merged.entries(target)
    body, top = _apart(_collapsed(_raised(document.as_string())), old), new.as_string()
    header = _HEADER.match(body) if top else None
    parts = (header[0], top, body[header.end() :]) if header else (top, body)
    text = "\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"
    try:
        same = tomllib.loads(text) == expected
    except tomllib.TOMLDecodeError:
        same = False
    if not same or lost_comments(old, text):
        said = f"{PYPROJECT} is written in a way that cannot be edited safely."
        raise LabError(
            said, ErrorCode.CANNOT_EDIT, file=PYPROJECT, remedy="write its [project] table by hand"
        )
    return text


def with_value(text: str, target: Target, value: object) -> str:
    """Give the text with one key set, be it there already or not."""
    document = tomlkit.parse(text)
    _table(document, target[:-1])[target[-1]] = _inline(value)
    return document.as_string()


def less(container: Any, drops: Iterable[Sequence[str]]) -> Any:  # noqa: ANN401 - tomlkit's, or a dictionary
    """Take some keys away, and the tables that have nothing left."""
    for name, *rest in drops:
        if not container.get(name) and rest:
            continue  # nothing is there to be taken away; a table that was empty before stays
        if rest:
            less(container[name], [rest])
        if name in container and not (rest and len(container[name])):
            del container[name]
    return container


def without(text: str, drops: Sequence[Target]) -> str:
    """Give the text less some keys, and the tables that have nothing left, with the comments right above them."""
    text = _lowered(text)
    for target in drops:  # read anew each time: tomlkit loses its way where parts of a table stand far from each other
        text = less(tomlkit.parse(text), [target]).as_string()
    return _collapsed(_raised(text))


def _lowered(text: str) -> str:
    """Move the comments right above each header below it: tomlkit takes them for the end of the table before."""
    return _ABOVE.sub(lambda match: match["head"] + match["notes"].replace("#", f"#{_MOVED}"), text)


def _raised(text: str) -> str:
    """Move those comments back."""
    return _BELOW.sub(r"\g<notes>\g<head>", text).replace(_MOVED, "")


def _apart(text: str, old: str) -> str:
    """Set each header that has come to stand below another line apart from it."""
    return _CLOSE.sub(
        lambda match: match[0] if match[0] + match["next"] in old else f"{match[0]}\n", text
    )


def _collapsed(text: str) -> str:
    return re.sub(r"\n{3,}", "\n\n", text)


def _rank(target: Target) -> tuple[object, ...]:
    """Order tables and keys: values before tables, and the `[project]` table as people write it."""
    top = _TOP.index(target[0]) if target[0] in _TOP else len(_TOP)
    last = _ORDER.index(target[-1]) if target[-1] in _ORDER else len(_ORDER) + (target == MAIN)
    return (
        top,
        target[:-1] if len(target) > len(MAIN) else (),
        last if target[0] == "project" else 0,
    )


def _table(container: Any, names: Sequence[str]) -> Any:  # noqa: ANN401 - tomlkit's

    for at, name in enumerate(names):
        if name not in container:
            container[name] = tomlkit.table(is_super_table=at + 1 < len(names))
        container = container[name]
    return container


def _put(table: Any, key: str, item: Item) -> None:  # noqa: ANN401 - tomlkit's
    """Set a key that is not there yet, below the comments that stood before it; deeper ones speak of what is above."""
    for text in item.before:
        table.add(tomlkit.comment(text))
    table[key] = _inline(item.value)
    first, *more = [*item.behind, ""]
    if first:
        table[key].comment(first)
    for text in filter(None, more):
        table.add(tomlkit.comment(text).indent(len(_INDENT)))


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


def _extend(table: Any, key: str, rows: Sequence[Item]) -> None:  # noqa: ANN401 - tomlkit's
    """Add entries to a list, each in a line of its own, as deep as those that stand there; so is what closes it."""
    text = table[key].as_string() if key in table else "[]"
    bare = uncommented(text)[:-1].rstrip()
    depth, close = (
        re.search(pattern, text) for pattern in (r"\n([ \t]+)[^\s\]]", r"\n([ \t]*)\]\Z")
    )
    indent = f"\n{depth[1] if depth else _INDENT}"
    parts = [text[: len(bare)], "" if bare[-1] in "[," else ",", text[len(bare) : -1].rstrip()]
    for row in rows:
        parts += [f"{indent}# {comment}" for comment in row.before]
        first, *more = [*row.behind, ""]
        if row.value is not None:
            literal = isinstance(row.value, str) and '"' in row.value and "'" not in row.value
            item = (
                tomlkit.string(row.value, literal=True)
                if literal
                else tomlkit.item(_inline(row.value))
            )
            parts.append(f"{indent}{item.as_string()},{f' # {first}' if first else ''}")
        parts += [f"{indent}{_INDENT}# {comment}" for comment in more if comment]
    end = f"\n{close[1]}" if close else "\n" if rows else ""
    table[key] = tomlkit.parse(f"x = {''.join(parts)}{end}]\n")["x"]
