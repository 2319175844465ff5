"""What a listing or a plan has to say, as tables of strings, for the formats that are pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True)
class Table:
    """One table; every row has a cell for each column."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def tables(data: Mapping[str, object]) -> Iterator[Table]:
    """Give a table for each list or mapping, and one for all single values."""
    loose = []
    for key, value in data.items():
        title = key.replace("_", " ")
        if isinstance(value, list) and value and isinstance(value[0], Mapping):
            columns = ("why", "command") if key == "plan" else tuple(map(str, value[0]))
            yield Table(title, columns, [[cell(row.get(name)) for name in columns] for row in value])
        elif isinstance(value, Mapping):
            yield Table(title, ("name", "value"), [(str(name), cell(inner)) for name, inner in value.items()])
        elif isinstance(value, list):
            yield Table(title, (title,), [(cell(one),) for one in value])
        else:
            loose.append((title, cell(value)))
    if loose:
        yield Table("details", ("name", "value"), loose)


def cell(value: object) -> str:
    """Write one value."""
    if isinstance(value, bool):
        return "yes" if value else ""
    return "" if value is None else str(value)
