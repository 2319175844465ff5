"""What a listing or a plan has to say, as tables of strings, for the formats that are pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_GAP = "\N{NO-BREAK SPACE}"  # a page would fold others
#: how a branch is drawn, by whether it is the row's own and whether its line goes on below
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
    """Give a table for each list or mapping, and one for all single values."""
    loose = []
    for key, value in shaped(data).items():
        title = key.replace("_", " ")
        if are_rows(value):
            inner = [name for name, one in value[0].items() if are_rows(one)]
            columns = (
                ("why", "command")
                if key == "plan"
                else tuple(name for name in value[0] if name not in inner)
            )
            yield Table(
                title, columns, [[cell(row.get(name)) for name in columns] for row in value]
            )
            for row in value:  # what a row holds is a table of its own
                yield from tables(
                    {f"{cell(row[columns[0]])} {name}": row.get(name, []) for name in inner}
                )
        elif isinstance(value, Mapping):
            yield Table(
                title,
                ("name", "value"),
                [(str(name), cell(inner)) for name, inner in value.items()],
            )
        elif isinstance(value, list):
            yield Table(title, (title,), [(cell(one),) for one in value])
        else:
            loose.append((title, cell(value)))
    if loose:
        yield Table("details", ("name", "value"), loose)


def are_rows(value: object) -> TypeGuard[list[Mapping[str, object]]]:
    """Tell whether a value is rows with columns."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)


def shaped(data: Mapping[str, Any]) -> dict[str, Any]:
    """Give the data with the rows of a tree as lines that can be read one below the other."""
    rows = data.get("tree")
    return {**data, "tree": _drawn(rows)} if isinstance(rows, list) else dict(data)


def _drawn(rows: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    """Turn each row's `depth` into branches before its name, from the last row up: what follows is known then."""
    drawn: list[dict[str, object]] = []
    below: set[int] = set()  # the depths whose line goes on
    for row in reversed(rows):
        depth = int(str(row["depth"]))
        lines = "".join(_LINES[one == depth, one in below] for one in range(1, depth + 1))
        rest = {name: value for name, value in row.items() if name not in {"depth", "name"}}
        drawn.append({"name": f"{lines}{row['name']}", **rest})
        below = {one for one in below if one < depth} | {depth}
    return drawn[::-1]


def cell(value: object) -> str:
    """Write one value."""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return " → ".join(value)  # a way from one to another
    return "" if value is None else str(value)
