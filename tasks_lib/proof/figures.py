"""The charts of the page: what each shows, in words too, and the environment that draws them."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib import bootstrap
from tasks_lib.execution import failures, process
from tasks_lib.proof.cell import OWNERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks_lib.proof.cell import Cell

    Row = dict[str, Any]

_HERE = Path(__file__).parent
#: seconds; a second or two is usual, and damaged proofs may have any numbers
_LIMIT = 60
_MEGABYTE = 1_000_000


def draw(cells: Sequence[Cell]) -> Row:
    """Have `charts.py` declare the charts, in an environment of its own: only this needs it.

    Return `charts` (Vega-Lite by name: `time`, `disk`, and `cell0` and so on for the timelines),
    `script` (which draws them in a browser) and `drawn_by`. A chart without rows is left out.
    """
    wanted = {"time": _time(cells), "disk": _disk(cells)}
    for number, cell in enumerate(cells):
        wanted[f"cell{number}"] = _timeline(cell)
    for name in list(wanted):
        if not wanted[name]["rows"]:
            del wanted[name]
    python = bootstrap.ensure(_HERE / "charts.txt")
    with tempfile.TemporaryDirectory(prefix="mlops-lab charts ") as folder:
        file = Path(folder, "charts.json")
        file.write_text(json.dumps(wanted), encoding="utf-8")
        argv = (python, "-I", "-Xutf8", str(_HERE / "charts.py"), str(file))
        outcome = process.run(process.Command(argv, "declare the charts"), timeout=_LIMIT)
    failures.demand(outcome, title="draw the charts")
    drawn: Row = json.loads(outcome.stdout)
    return drawn


def _time(cells: Sequence[Cell]) -> Row:
    rows: list[Row] = []
    told = []
    for cell in cells:
        told.append(f"{cell.label} {cell.seconds:.1f}")
        for step in cell.proof["steps"]:
            row = {"cell": cell.label, "part": step["title"], "value": step["seconds"]}
            rows.append(row)
    return _chart("seconds", "Bars of the seconds that each proof took, by step", told, rows)


def _disk(cells: Sequence[Cell]) -> Row:
    rows: list[Row] = []
    told = []
    for cell in cells:
        whole = cell.size(*OWNERS) / _MEGABYTE
        told.append(f"{cell.label} {whole:.0f}")
        for owner in OWNERS:
            size = cell.size(owner) / _MEGABYTE
            if size:
                rows.append({"cell": cell.label, "part": owner, "value": size})
    return _chart("megabytes", "Bars of the megabytes that are installed, by owner", told, rows)


def _timeline(cell: Cell) -> Row:
    rows: list[Row] = []
    told = []
    for number, step in cell.steps():
        name = f"{number} {step['title']}"
        began = step["started"]
        ended = began + step["seconds"]
        told.append(f"{name} from {began:.1f} to {ended:.1f}")
        row = {
            "step": name,
            "kind": "step",
            "command": step["command"],
            "began": began,
            "ended": ended,
        }
        if "." in number:
            row["kind"] = "part"
        rows.append(row)
    return _chart("", f"Timeline of {cell.label} in seconds", told, rows)


def _chart(title: str, about: str, told: Sequence[str], rows: Sequence[Row]) -> Row:
    """Return what `charts.py` reads: bars have the title of their values, a timeline has none."""
    return {"title": title, "description": f"{about}: {'; '.join(told)}.", "rows": rows}
