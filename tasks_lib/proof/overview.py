"""What many proofs say beside each other, as tables."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from rich import filesize

from tasks_lib.proof.cell import NONE, OWNERS, number
from tasks_lib.report.tables import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks_lib.proof.cell import Cell

    #: the names of a row, and its cells, each under a Python
    Row = tuple[Sequence[str], Sequence[Cell | None]]

_NUMBERS = (
    "combo",
    "engine",
    "Python",
    "verdict",
    "seconds",
    "disk",
    "peak memory",
    "written",
)


def matrix(cells: Sequence[Cell]) -> tuple[list[str], list[Row]]:
    """Return the heads of the matrix, and a row for each combo, engine and system.

    A row has a cell for each Python, `None` where nothing was proven.
    """
    pythons = sorted({cell.python for cell in cells}, key=number)
    heads = ["combo", "engine"]
    if any(cell.system for cell in cells):
        heads.append("system")
    grouped: dict[tuple[str, ...], dict[str, Cell]] = defaultdict(dict)
    for cell in cells:
        names = (cell.combo, cell.engine, cell.system)
        grouped[names[: len(heads)]][cell.python] = cell
    rows: list[Row] = []
    for group, found in grouped.items():
        rows.append((group, [found.get(python) for python in pythons]))
    heads += [f"Python {python}" for python in pythons]
    return heads, rows


def facts(cells: Sequence[Cell]) -> dict[str, str]:
    """Return what the proofs say of themselves as a whole, each thing once."""
    found: dict[str, list[str]] = defaultdict(list)
    for cell in cells:
        if not cell.has_proof:
            continue
        project = cell.proof["project"]
        found["project"].append(project["name"])
        found["commit"].append(project["commit"] or NONE)
        found["made"].append(cell.proof["made"])
        found["system"].append(cell.machine)
        for name, version in cell.proof["tools"].items():
            found["tools"].append(f"{name} {version}")
    return {name: ", ".join(dict.fromkeys(values)) for name, values in found.items()}


def numbers(cells: Sequence[Cell]) -> Table:
    """Return the numbers of each cell: seconds, and sizes with their units."""
    rows = []
    for cell in cells:
        peak = written = 0
        for step in cell.proof["steps"]:
            peak = max(peak, step["peak_memory_bytes"] or 0)
            written += step["written_bytes"] or 0
        row = (
            cell.combo,
            f"{cell.engine} {cell.system}".strip(),
            cell.python,
            cell.status,
            f"{cell.seconds:.1f}",
            size(cell.size(*OWNERS)),
            size(peak),
            size(written),
        )
        rows.append(row)
    return Table("Numbers", _NUMBERS, rows)


def size(number: int | None) -> str:
    """Return bytes as a reader writes them, a dash where none were measured."""
    if not number:
        return NONE
    return filesize.decimal(number)


def reasons(cells: Sequence[Cell]) -> Table:
    """Return what did not come out well, and why."""
    rows = []
    for cell in cells:
        for reason in cell.reasons():
            rows.append((cell.label, *reason))  # noqa: PERF401 - a loop in a loop reads better
    return Table("What did not come out well", ("cell", "how", "what", "why"), rows)


def packages(cells: Sequence[Cell]) -> Table:
    """Return the packages that are not the same in all cells, with what each cell has."""
    proven = [cell for cell in cells if cell.has_proof]
    found: dict[str, dict[Cell, str]] = defaultdict(dict)
    for cell in proven:
        for name, one in cell.installed.items():
            found[name][cell] = f"{one.version} ({one.owner})"
    rows = []
    for name in sorted(found):
        versions = [found[name].get(cell, NONE) for cell in proven]
        if len(set(versions)) > 1:
            rows.append((name, *versions))
    columns = ["package"]
    columns += [cell.label for cell in proven]
    return Table("Packages that differ", columns, rows)
