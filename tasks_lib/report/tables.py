"""The data of a listing or a plan as tables of strings, for the formats that are pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_GAP = "\N{NO-BREAK SPACE}"  # a page would fold others
#: the lines before a name: whether they are the row's own, and whether another row follows below
_LINES = {
    (True, True): f"├──{_GAP}",
    (True, False): f"└──{_GAP}",
    (False, True): f"│{3 * _GAP}",
    (False, False): 4 * _GAP,
}


@dataclass(frozen=True)
class Table:
    """One table; every row has a cell for each column."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def tables(data: Mapping[str, object]) -> Iterator[Table]:
    """Yield a table for each list or mapping, and one for all single values."""
    single = []
    for key, value in shaped(data).items():
        title = key.replace("_", " ")
        if are_rows(value):
            yield from _of_rows(title, value)
        elif isinstance(value, Mapping):
            pairs = [(str(name), cell(inner)) for name, inner in value.items()]
            yield Table(title, ("name", "value"), pairs)
        elif isinstance(value, list):
            yield Table(title, (title,), [(cell(one),) for one in value])
        else:
            single.append((title, cell(value)))
    if single:
        yield Table("details", ("name", "value"), single)


def _of_rows(title: str, rows: Sequence[Mapping[str, object]]) -> Iterator[Table]:
    """Yield a table of the rows, and then one for each list of rows within a row."""
    inner = [name for name, value in rows[0].items() if are_rows(value)]
    columns = tuple(name for name in rows[0] if name not in inner)
    if title == "plan":
        columns = ("why", "command")
    yield Table(title, columns, [[cell(row.get(name)) for name in columns] for row in rows])
    for row in rows:
        for name in inner:
            yield from tables({f"{cell(row[columns[0]])} {name}": row.get(name, [])})


def are_rows(value: object) -> TypeGuard[list[Mapping[str, object]]]:
    """Return whether a value is a list of rows with columns."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)


def shaped(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data with the rows of a tree as lines that can be read one below the other."""
    if "tree" in data:
        return {**data, "tree": _drawn(data["tree"])}
    return dict(data)


def _drawn(rows: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    """Draw branches before each name by its `depth`, from the last row up.

    What follows a row is known then.
    """
    drawn: list[dict[str, object]] = []
    open_depths: set[int] = set()  # the depths at which another row follows below
    for row in reversed(rows):
        depth = int(str(row["depth"]))
        lines = ""
        for one in range(1, depth + 1):
            lines += _LINES[one == depth, one in open_depths]
        named = {**row, "name": f"{lines}{row['name']}"}
        del named["depth"]
        drawn.append(named)
        open_depths = {one for one in open_depths if one < depth} | {depth}
    return drawn[::-1]


def cell(value: object) -> str:
    """Return one value as text; a list of names is a path from one to another."""
    if value is None or value is False:
        return ""
    if value is True:
        return "yes"
    if isinstance(value, list) and not are_rows(value):
        return " → ".join(map(str, value))
    return str(value)
