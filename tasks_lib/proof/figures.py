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

    Data = dict[str, Any]

_HERE = Path(__file__).parent
_MEGABYTE = 1_000_000


def draw(cells: Sequence[Cell]) -> Data:
    """Have `charts.py` declare the charts, in an environment of its own: only this needs it.

    Return `charts` (Vega-Lite by name), `script` (which draws them) and `drawn_by`.
    """
    wanted = {"time": _time(cells), "disk": _disk(cells)}
    for number, cell in enumerate(cells):
        wanted[f"cell{number}"] = _timeline(cell)
    data = {name: one for name, one in wanted.items() if one["rows"]}
    python = bootstrap.ensure(_HERE / "charts.txt")
    with tempfile.TemporaryDirectory(prefix="mlops-lab charts ") as folder:
        file = Path(folder, "charts.json")
        file.write_text(json.dumps(data), encoding="utf-8")
        argv = (python, "-I", "-Xutf8", str(_HERE / "charts.py"), str(file))
        outcome = process.run(process.Command(argv, "declare the charts"))
    failures.demand(outcome, title="draw the charts")
    drawn: Data = json.loads(outcome.stdout)
    return drawn


def _time(cells: Sequence[Cell]) -> Data:
    rows, told = [], []
    for cell in cells:
        name = {"cell": cell.label}
        told.append(f"{cell.label} {cell.seconds:.1f}")
        steps = cell.proof["steps"]
        rows += [{**name, "part": one["title"], "value": one["seconds"]} for one in steps]
    text = f"Bars of the seconds that each proof took, by step: {'; '.join(told)}."
    return {"title": "seconds", "description": text, "rows": rows}


def _disk(cells: Sequence[Cell]) -> Data:
    rows, told = [], []
    for cell in cells:
        told.append(f"{cell.label} {cell.size(*OWNERS) / _MEGABYTE:.0f}")
        for owner in OWNERS:
            size = cell.size(owner) / _MEGABYTE
            if size:
                rows.append({"cell": cell.label, "part": owner, "value": size})
    text = f"Bars of the megabytes that are installed, by owner: {'; '.join(told)}."
    return {"title": "megabytes", "description": text, "rows": rows}


def _timeline(cell: Cell) -> Data:
    rows, told = [], []
    for number, step in cell.steps():
        name, kind = f"{number} {step['title']}", "part" if "." in number else "step"
        began, ended = step["started"], step["started"] + step["seconds"]
        told.append(f"{name} from {began:.1f} to {ended:.1f}")
        row = {"step": name, "kind": kind, "command": step["command"]}
        rows.append({**row, "began": began, "ended": ended})
    text = f"Timeline of {cell.label} in seconds: {'; '.join(told)}."
    return {"description": text, "rows": rows}
