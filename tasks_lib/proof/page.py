"""Write what proofs say as a page that works offline, as Markdown, and as badges."""

from __future__ import annotations

import json
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from tasks_lib.execution import files
from tasks_lib.ownership.owners import Owner
from tasks_lib.proof import claims, figures, overview
from tasks_lib.proof.cell import NONE
from tasks_lib.report import html, markdown
from tasks_lib.report.tables import Table
from tasks_lib.results import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tasks_lib.proof.cell import Cell

_TEMPLATES = Path(__file__).with_name("templates")
_TONES = {Status.PASS: "#1a7040", Status.FAIL: "#b3261e", Status.ERROR: "#b3261e"}
_STEPS = (
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


class Html(str):
    """Text that is HTML already, and is not escaped again."""

    __slots__ = ()


def write(cells: Sequence[Cell], folder: Path) -> dict[str, str]:
    """Write page.html, summary.md and badges/*.svg into the folder; return their paths."""
    page, markdown_file, badges = folder / "page.html", folder / "summary.md", folder / "badges"
    try:
        badges.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise files.unwritable(badges, error) from None
    texts = {page: _page(cells), markdown_file: summary(cells), badges / "all.svg": badge(cells)}
    for cell in cells:
        group = [one for one in cells if one.combo == cell.combo]
        texts[badges / f"{cell.combo}.svg"] = badge(group, cell.combo)
    files.write_texts(texts)
    return {"page": str(page), "summary": str(markdown_file), "badges": str(badges)}


def verdict(cells: Sequence[Cell]) -> Status:
    """Return the worst verdict."""
    order = list(Status)
    return max((cell.status for cell in cells), key=order.index, default=Status.PASS)


def counted(cells: Sequence[Cell]) -> str:
    """Return how many of them pass, in words."""
    passed = [cell for cell in cells if cell.status is Status.PASS]
    return f"{len(passed)} of {len(cells)} pass"


def badge(cells: Sequence[Cell], label: str = "mlops-lab") -> str:
    """Draw one badge."""
    said = counted(cells)
    left, right = 10 + 7 * len(label), 10 + 7 * len(said)
    return _filled(
        "badge.svg",
        label=label,
        said=said,
        tone=_TONES[verdict(cells)],
        left=left,
        right=right,
        width=left + right,
        middle=left / 2,
        other=left + right / 2,
    )


def summary(cells: Sequence[Cell]) -> str:
    """Return the Markdown."""
    heads, rows = overview.matrix(cells)
    verdicts = [(*names, *map(_word, found)) for names, found in rows]
    lines = [f"## {markdown.MARKS[verdict(cells)]} mlops-lab proofs: {counted(cells)}"]
    tables = (overview.reasons(cells), overview.numbers(cells), overview.packages(cells))
    for table in (Table("", heads, verdicts), *tables):
        if table.rows:
            lines += markdown.grid(table)
    return "\n".join(lines) + "\n"


def _word(cell: Cell | None) -> str:
    return f"{markdown.MARKS[cell.status]} {cell.status}, {cell.seconds:.1f} s" if cell else ""


def _page(cells: Sequence[Cell]) -> str:
    drawn, facts = figures.draw(cells), overview.facts(cells)
    charts = drawn["charts"]
    heads, rows = overview.matrix(cells)
    articles = [_article(cell, f"cell{at}", charts) for at, cell in enumerate(cells)]
    return html.filled(
        _TEMPLATES / "page.html",
        {"bundle": drawn["script"]},
        status=verdict(cells),
        project=html.escaped(facts.pop("project", "a project")),
        counted=counted(cells),
        facts=html.listed(facts),
        heads=_heads("col", heads),
        verdicts="".join(_row(names, found, cells) for names, found in rows),
        reasons=html.grid(overview.reasons(cells)),
        time=_figure("time", charts),
        disk=_figure("disk", charts),
        numbers=html.grid(overview.numbers(cells)),
        packages=html.grid(overview.packages(cells)),
        cells="\n".join(articles),
        drawn=html.escaped(f"Charts: {drawn['drawn_by']}."),
        charts=json.dumps(charts).replace("<", "\\u003c"),
    )


def _filled(template: str, /, **values: object) -> Html:
    """Fill a template; every value is escaped that is not HTML already."""
    text = (_TEMPLATES / template).read_text(encoding="utf-8")
    for key, value in values.items():
        if not isinstance(value, Html):
            values[key] = html.escaped(value)
    return Html(Template(text).substitute(values))


def _heads(scope: str, names: Iterable[str]) -> Html:
    return Html("".join(f'<th scope="{scope}">{html.escaped(name)}</th>' for name in names))


def _row(names: Iterable[str], found: Iterable[Cell | None], cells: Sequence[Cell]) -> Html:
    verdicts = [_verdict(cell, cells) for cell in found]
    return _filled("row.html", heads=_heads("row", names), cells=Html("".join(verdicts)))


def _verdict(cell: Cell | None, cells: Sequence[Cell]) -> str:
    if cell is None:
        return f"<td>{NONE}</td>"
    return _filled(
        "verdict.html",
        anchor=f"cell{cells.index(cell)}",
        label=cell.label,
        status=cell.status,
        seconds=f"{cell.seconds:.1f}",
    )


def _figure(name: str, charts: dict[str, Any]) -> Html:
    if name not in charts:
        return Html()
    return _filled("figure.html", name=name, description=charts[name]["description"])


def _article(cell: Cell, anchor: str, charts: dict[str, Any]) -> Html:
    """Return what one proof says: its layers, what ran beside what, each step, and each claim."""
    steps = Table(f"Steps of {cell.label}", _STEPS, [_step(*one) for one in cell.steps()])
    columns = ("verdict", "claim", "why")
    rows = [(row["status"], row["title"], row["reason"]) for row in cell.proof["verdict"]["claims"]]
    return _filled(
        "article.html",
        anchor=anchor,
        label=cell.label,
        status=cell.status,
        problem=cell.problem,
        layers=_layers(cell),
        figure=_figure(anchor, charts),
        steps=Html(html.grid(steps)),
        claims=Html(html.grid(Table(f"Claims of {cell.label}", columns, rows))),
    )


def _step(number: str, step: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the row of a step, or of a part of one, which has no status of its own."""
    return (
        number,
        step["title"],
        step["command"],
        step.get("status", ""),
        str(step.get("exit_code", "")),
        f"{step['started']:.2f}",
        f"{step['seconds']:.2f}",
        overview.size(step.get("peak_memory_bytes")),
        overview.size(step.get("written_bytes")),
        step.get("detail", ""),
    )


def _layers(cell: Cell) -> Html:
    """Return the two layers as they are, the manager's on top of the environment's."""
    if not cell.has_proof:
        return Html()
    combo, python = claims.combo_of(cell.combo), cell.proof["python"]["version"] or "none"
    layers = {
        "neither": ("of neither layer", (Owner.STRAY,)),
        "manager": (f"dependency manager: {combo.manager}", (Owner.LOCK, "project")),
        "environment": (
            f"environment layer: {combo.environment}, made with {cell.engine}, Python {python}",
            (Owner.CONDA, "seed"),
        ),
    }
    rows = []
    for kind, (title, owners) in layers.items():
        found = {name: one for name, one in cell.installed.items() if one.owner in owners}
        if found or kind == "environment":
            packages = ", ".join(f"{name} {one.version}" for name, one in found.items())
            size = overview.size(cell.size(*owners))
            layer = {"kind": kind, "title": title, "count": len(found)}
            rows.append(_filled("layer.html", **layer, size=size, packages=packages))
    return Html("".join(rows))
