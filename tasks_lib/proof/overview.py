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

    #: the heads of a row, and its cells, each under a Python
    Row = tuple[Sequence[str], Sequence[Cell | None]]


def matrix(cells: Sequence[Cell]) -> tuple[list[str], list[Row]]:
    """Return the heads of the matrix, and its rows: one for each combo, engine and system."""
    pythons = sorted({cell.python for cell in cells}, key=number)
    by_row: dict[tuple[str, ...], dict[str, Cell]] = defaultdict(dict)
    heads = ["combo", "engine"]
    if any(cell.system for cell in cells):
        heads.append("system")
    for cell in cells:
        names = (cell.combo, cell.engine, cell.system)[: len(heads)]
        by_row[names][cell.python] = cell
    rows: list[Row] = []
    for names, found in by_row.items():
        rows.append((names, [found.get(python) for python in pythons]))
    return [*heads, *(f"Python {python}" for python in pythons)], rows


def facts(cells: Sequence[Cell]) -> dict[str, str]:
    """Return what the proofs say of themselves as a whole, each thing once."""
    found: dict[str, list[str]] = defaultdict(list)
    for cell in cells:
        if cell.has_proof:
            found["project"].append(cell.proof["project"]["name"])
            found["commit"].append(cell.proof["project"]["commit"] or NONE)
            found["made"].append(cell.proof["made"])
            found["system"].append(cell.machine)
            found["tools"] += [f"{name} {one}" for name, one in cell.proof["tools"].items()]
    return {name: ", ".join(dict.fromkeys(values)) for name, values in found.items()}


def numbers(cells: Sequence[Cell]) -> Table:
    """Return the numbers of each cell."""
    columns = ("combo", "engine", "Python", "verdict", "seconds", "disk", "peak memory", "written")
    rows = []
    for cell in cells:
        engine = f"{cell.engine} {cell.system}".strip()
        peaks = [step["peak_memory_bytes"] or 0 for step in cell.proof["steps"]]
        written = [step["written_bytes"] or 0 for step in cell.proof["steps"]]
        sizes = map(size, (cell.size(*OWNERS), max(peaks, default=0), sum(written)))
        seconds = f"{cell.seconds:.1f}"
        rows.append((cell.combo, engine, cell.python, cell.status, seconds, *sizes))
    return Table("Numbers", columns, rows)


def size(number: int | None) -> str:
    """Return bytes as a reader writes them; none were measured where there are none."""
    return filesize.decimal(number) if number else NONE


def reasons(cells: Sequence[Cell]) -> Table:
    """Return what did not come out well, and why."""
    rows = [(cell.label, *reason) for cell in cells for reason in cell.reasons()]
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
    return Table("Packages that differ", ("package", *(cell.label for cell in proven)), rows)
