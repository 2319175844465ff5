"""Write what proofs say as one page that works offline, as Markdown for a job's summary, and as badges."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from tasks_lib import bootstrap
from tasks_lib.execution import failures, files, process
from tasks_lib.proof import comparison as shown
from tasks_lib.report import html, markdown
from tasks_lib.report.tables import Table
from tasks_lib.results import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks_lib.proof.comparison import Cell

_HERE = Path(__file__).parent
_MEGABYTE = 1_000_000
_TONES = {Status.PASS: "#1a7040", Status.FAIL: "#b3261e"}
_STEP = (
    "number",
    "step",
    "command",
    "status",
    "exit code",
    "began",
    "seconds",
    "peak memory",
    "written",
    "detail",
)


def write(cells: Sequence[Cell], folder: Path) -> dict[str, str]:
    """Write page.html, summary.md and badges/*.svg into the folder, each whole; give the paths."""
    made = {
        "page": folder / "page.html",
        "summary": folder / "summary.md",
        "badges": folder / "badges",
    }
    texts = {made["page"]: _page(cells), made["summary"]: summary(cells)}
    groups = {
        "all": list(cells),
        **{cell.combo: [one for one in cells if one.combo == cell.combo] for cell in cells},
    }
    texts |= {made["badges"] / f"{name}.svg": badge(name, group) for name, group in groups.items()}
    try:
        made["badges"].mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise files.unwritable(made["badges"], error) from None
    for path, text in texts.items():
        files.write(path, text.encode())
    return {name: str(path) for name, path in made.items()}


def verdict(cells: Sequence[Cell]) -> Status:
    """Give the worst verdict."""
    return max((cell.status for cell in cells), key=list(Status).index, default=Status.PASS)


def counted(cells: Sequence[Cell]) -> str:
    """Say how many of them pass."""
    return f"{sum(cell.status is Status.PASS for cell in cells)} of {len(cells)} pass"


def badge(name: str, cells: Sequence[Cell]) -> str:
    """Draw one badge."""
    label, said = "mlops-lab" if name == "all" else name, counted(cells)
    left, right = (10 + 7 * len(text) for text in (label, said))
    return Template((_HERE / "badge.svg").read_text(encoding="utf-8")).substitute(
        label=html.escaped(label),
        said=html.escaped(said),
        tone=_TONES.get(verdict(cells), _TONES[Status.FAIL]),
        left=left,
        right=right,
        width=left + right,
        middle=left / 2,
        other=left + right / 2,
    )


def summary(cells: Sequence[Cell]) -> str:
    """Give the Markdown."""
    heads, rows = shown.matrix(cells)
    lines = [f"## {markdown.MARKS[verdict(cells)]} mlops-lab proofs: {counted(cells)}"]
    said = [(*names, *map(_word, found)) for names, found in rows]
    differing, _ = shown.packages(cells)
    for table in (Table("", heads, said), shown.reasons(cells), shown.numbers(cells), differing):
        lines += markdown.grid(table) if table.rows else []
    return "\n".join(lines) + "\n"


def _word(cell: Cell | None) -> str:
    return f"{markdown.MARKS[cell.status]} {cell.status}, {cell.seconds:.1f} s" if cell else ""


def _page(cells: Sequence[Cell]) -> str:
    drawn, facts = _drawn(cells), shown.facts(cells)
    worst, reasons, (differing, same) = verdict(cells), shown.reasons(cells), shown.packages(cells)
    return html.filled(
        _HERE / "page.html",
        {"bundle": drawn["script"]},
        status=worst,
        project=html.escaped(facts.pop("project") or "a project"),
        counted=counted(cells),
        facts=html.listed(facts),
        matrix=_matrix(cells),
        bad=f"<section><h2>{reasons.title}</h2>{html.grid(reasons)}</section>"
        if reasons.rows
        else "",
        time=_figure("time", drawn["charts"]),
        disk=_figure("disk", drawn["charts"]),
        numbers=html.grid(shown.numbers(cells)),
        packages=(
            html.grid(differing) if differing.rows else "<p>All cells have the same packages.</p>"
        )
        + _folded(f"{len(same.rows)} packages are the same in all", same),
        cells="\n".join(_cell(number, cell, drawn["charts"]) for number, cell in enumerate(cells)),
        drawn=html.escaped(f"Charts: {drawn['drawn_by']}."),
        charts=json.dumps(drawn["charts"]).replace("<", "\\u003c"),
    )


def _matrix(cells: Sequence[Cell]) -> str:
    heads, rows = shown.matrix(cells)
    body = "".join(
        f"<tr>{_heads('row', names)}{''.join(_verdict(cell, cells) for cell in found)}</tr>"
        for names, found in rows
    )
    return (
        '<div class="wide matrix" tabindex="0" role="region" aria-labelledby="verdicts"><table>'
        f"<thead><tr>{_heads('col', heads)}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _heads(scope: str, names: Sequence[str]) -> str:
    return "".join(f'<th scope="{scope}">{html.escaped(name)}</th>' for name in names)


def _verdict(cell: Cell | None, cells: Sequence[Cell]) -> str:
    if cell is None:
        return "<td>—</td>"
    said = f'aria-label="{html.escaped(cell.label)}: {cell.status}"'
    link = f'<a href="#cell{cells.index(cell)}" {said}><span class="mark">{cell.status}</span></a>'
    return f'<td class="{cell.status}">{link} {cell.seconds:.1f} s</td>'


def _figure(name: str, charts: dict[str, Any]) -> str:
    if name not in charts:
        return ""
    said = html.escaped(charts[name]["description"])
    return f'<figure><div data-chart="{name}" role="img" aria-label="{said}"></div></figure>'


def _folded(title: str, table: Table) -> str:
    return (
        f"<details><summary>{html.escaped(title)}</summary>{html.grid(table)}</details>"
        if table.rows
        else ""
    )


def _cell(number: int, cell: Cell, charts: dict[str, Any]) -> str:
    """Give what one proof says: the layers as they are, what ran beside what, each step, and each claim."""
    steps = [
        (
            *(
                place,
                step["title"],
                step["command"],
                step.get("status", ""),
                str(step.get("exit_code", "")),
            ),
            *(f"{step[name]:.2f}" for name in ("started", "seconds")),
            *(shown.size(step.get(name)) for name in ("peak_memory_bytes", "written_bytes")),
            step.get("detail", ""),
        )
        for place, step in cell.steps()
    ]
    claims = [
        (one["status"], one["title"], one["reason"])
        for one in cell.proof.get("verdict", {}).get("claims", ())
    ]
    return (
        f'<article class="{cell.status}" aria-labelledby="cell{number}"><header><h2 id="cell{number}">'
        f'{html.escaped(cell.label)}</h2><span class="mark">{cell.status}</span>'
        f"<span>{html.escaped(cell.problem)}</span></header>{_layers(cell)}{_figure(f'cell{number}', charts)}"
        f"{_folded('Steps and commands', Table(f'Steps of {cell.label}', _STEP, steps))}"
        f"{_folded('Claims', Table(f'Claims of {cell.label}', ('verdict', 'claim', 'why'), claims))}</article>"
    )


def _layers(cell: Cell) -> str:
    """Draw the two layers as they are, the manager's on top of the environment's."""
    if not cell.proof:
        return ""
    layer, _, manager = cell.combo.partition("_")
    python = cell.proof["python"]["version"] or "none"
    ground = f"environment layer: {layer}, made with {cell.engine}, Python {python}"
    rows = []
    for kind, title, owners in (
        ("neither", "of neither layer", ("stray",)),
        ("manager", f"dependency manager: {manager}", ("lock", "project")),
        ("environment", ground, ("conda", "seed")),
    ):
        found = {name: one for name, one in cell.installed.items() if one[1] in owners}
        if found or kind == "environment":
            held = shown.size(sum(number for *_, number in found.values()))
            head = html.escaped(f"{title}: {len(found)} packages, {held}")
            names = html.escaped(
                ", ".join(f"{name} {version}" for name, (version, *_) in found.items())
            )
            rows.append(f'<div class="{kind}"><b>{head}</b><p>{names}</p></div>')
    return f'<div class="layers">{"".join(rows)}</div>'


def _drawn(cells: Sequence[Cell]) -> dict[str, Any]:
    """Have `charts.py` declare the charts, in an environment of its own: it is large, and only this needs it.

    Give the charts as Vega-Lite, each with its description in words, the script that draws them, and what that is.
    """
    python = bootstrap.ensure(_HERE / "charts.txt")
    proven = [cell for cell in cells if cell.proof]
    wanted = {"time": _time(proven), "disk": _disk(proven)}
    wanted |= {f"cell{number}": _timeline(cell) for number, cell in enumerate(cells)}
    asked = {name: one for name, one in wanted.items() if one["rows"]}
    with tempfile.TemporaryDirectory(prefix="mlops-lab charts ") as folder:
        file = Path(folder, "charts.json")
        file.write_text(json.dumps(asked), encoding="utf-8")
        argv = (str(python), "-I", "-Xutf8", str(_HERE / "charts.py"), str(file))
        outcome = process.run(process.Command(argv, "declare the charts"))
    failures.demand(outcome, title="draw the charts")
    drawn: dict[str, Any] = json.loads(outcome.stdout)
    return drawn


def _time(cells: Sequence[Cell]) -> dict[str, Any]:
    steps = [(cell, step) for cell in cells for step in cell.proof["steps"]]
    told = "; ".join(f"{cell.label} {cell.seconds:.1f}" for cell in cells)
    return {
        "value": "seconds",
        "part": "step",
        "parts": list(dict.fromkeys(step["title"] for _, step in steps)),
        "description": f"Bars of the seconds that each proof took, by step: {told}.",
        "rows": [
            {"cell": cell.label, "step": step["title"], "seconds": step["seconds"]}
            for cell, step in steps
        ],
    }


def _disk(cells: Sequence[Cell]) -> dict[str, Any]:
    sizes = [
        (cell, owner, number / _MEGABYTE) for cell in cells for owner, number in cell.sizes.items()
    ]
    told = "; ".join(f"{cell.label} {cell.disk / _MEGABYTE:.0f}" for cell in cells)
    return {
        "value": "megabytes",
        "part": "owner",
        "parts": shown.OWNERS,
        "description": f"Bars of the megabytes that are installed, by owner: {told}.",
        "rows": [
            {"cell": cell.label, "owner": owner, "megabytes": number}
            for cell, owner, number in sizes
        ],
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
    return {"description": f"Timeline of {cell.label} in seconds: {told}.", "rows": rows}
