"""What each chart of the page of proofs draws, and its words for those who cannot see it; `draw.py` declares them."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib import bootstrap, diagnosis, process
from tasks_lib.proof.cells import OWNERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks_lib.proof.cells import Cell

_HERE = Path(__file__).parent
_MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Drawn:
    """Charts as Vega-Lite, the words of each, the script that draws them in a browser, and what that is."""

    charts: dict[str, Any]
    words: dict[str, str]
    script: str
    drawn_by: str


def draw(cells: Sequence[Cell]) -> Drawn:
    """Have the charts declared, in an environment of their own: it is large, and only this needs it."""
    python = bootstrap.ensure(_HERE / "charts.txt")
    made = [cell for cell in cells if cell.proof]
    wanted = {"time": _time(made), "disk": _disk(made)}
    wanted |= {f"cell{number}": _timeline(cell) for number, cell in enumerate(cells)}
    asked = {name: one for name, one in wanted.items() if one["rows"]}
    with tempfile.TemporaryDirectory(prefix="mlops-lab charts ") as folder:
        file = Path(folder, "charts.json")
        file.write_text(json.dumps(asked), encoding="utf-8")
        argv = (str(python), "-I", "-Xutf8", str(_HERE / "draw.py"), str(file))
        outcome = process.run(process.Command(argv, "declare the charts"))
    diagnosis.demand(outcome, title="draw the charts")
    return Drawn(words={name: one["description"] for name, one in asked.items()}, **json.loads(outcome.stdout))


def _time(cells: Sequence[Cell]) -> dict[str, Any]:
    steps = [(cell, step) for cell in cells for step in cell.proof["steps"]]
    told = "; ".join(f"{cell.label} {cell.seconds:.1f}" for cell in cells)
    return {
        "kind": "bars",
        "value": "seconds",
        "part": "step",
        "parts": list(dict.fromkeys(step["title"] for _, step in steps)),
        "description": f"Bars of the seconds that each proof took, by step: {told}.",
        "rows": [{"cell": cell.label, "step": step["title"], "seconds": step["seconds"]} for cell, step in steps],
    }


def _disk(cells: Sequence[Cell]) -> dict[str, Any]:
    sizes = [(cell, owner, number / _MEGABYTE) for cell in cells for owner, number in cell.sizes.items()]
    told = "; ".join(f"{cell.label} {cell.disk / _MEGABYTE:.0f}" for cell in cells)
    return {
        "kind": "bars",
        "value": "megabytes",
        "part": "owner",
        "parts": OWNERS,
        "description": f"Bars of the megabytes that are installed, by owner: {told}.",
        "rows": [{"cell": cell.label, "owner": owner, "megabytes": number} for cell, owner, number in sizes],
    }


def _timeline(cell: Cell) -> dict[str, Any]:
    rows = [
        {
            "step": f"{place} {step['title']}",
            "kind": "part" if "." in place else "step",
            "command": step["command"],
            "began": step["started"],
            "ended": step["started"] + step["seconds"],
        }
        for place, step in cell.steps()
    ]
    told = "; ".join(f"{row['step']} from {row['began']:.1f} to {row['ended']:.1f}" for row in rows)
    return {"kind": "timeline", "description": f"Timeline of {cell.label} in seconds: {told}.", "rows": rows}
