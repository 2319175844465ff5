"""Write what proofs say as a page that works offline, as Markdown, and as badges."""

from __future__ import annotations

import json
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from tasks_lib.execution import files
from tasks_lib.ownership.owners import Owner
from tasks_lib.proof import claims, figures, overview
from tasks_lib.report import html, markdown
from tasks_lib.report.tables import Table, tables
from tasks_lib.results import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tasks_lib.proof.cell import Cell

_TEMPLATES = Path(__file__).with_name("templates")
_TONES = {
    Status.PASS: "#1a7040",
    Status.FAIL: "#b3261e",
    Status.ERROR: "#b3261e",
}
#: the layers of an environment from the top down: their style, their title, and who owns them
_LAYERS = (
    ("neither", "of neither layer", {Owner.STRAY}),
    ("manager", "dependency manager: {manager}", {Owner.LOCK, "project"}),
    ("environment", "environment layer: {layer}, created with {engine}", {Owner.CONDA, "seed"}),
)


class Html(str):
    """Text that is HTML already, and is not escaped again."""

    __slots__ = ()


def write(cells: Sequence[Cell], folder: Path) -> dict[str, str]:
    """Write page.html, summary.md and badges/*.svg into the folder; return their paths.

    There is a badge for each combo, and `all.svg`.
    """
    made = {
        "page": folder / "page.html",
        "summary": folder / "summary.md",
        "badges": folder / "badges",
    }
    for path in made.values():
        files.inside(Path.cwd(), path, typed=True)
    badges = made["badges"]
    try:
        badges.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise files.unwritable(badges, error) from None
    texts = {
        made["page"]: _page(cells),
        made["summary"]: summary(cells),
        badges / "all.svg": badge(cells),
    }
    for cell in cells:
        group = [one for one in cells if one.combo == cell.combo]
        texts[badges / f"{cell.combo}.svg"] = badge(group, cell.combo)
    files.write_texts(texts)
    return {name: str(path) for name, path in made.items()}


def verdict(cells: Sequence[Cell]) -> Status:
    """Return the worst verdict."""
    found = {cell.status for cell in cells}
    for status in reversed(Status):
        if status in found:
            return status
    return Status.PASS


def counted(cells: Sequence[Cell]) -> str:
    """Return how many of them pass, in words."""
    passed = [cell for cell in cells if cell.status is Status.PASS]
    return f"{len(passed)} of {len(cells)} pass"


def badge(cells: Sequence[Cell], label: str = "mlops-lab") -> str:
    """Return one badge as SVG."""
    said = counted(cells)
    left = 10 + 7 * len(label)
    right = 10 + 7 * len(said)
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
    """Return the Markdown for a job's summary."""
    heads, rows = overview.matrix(cells)
    verdicts = [(*names, *map(_word, found)) for names, found in rows]
    lines = [f"## {markdown.MARKS[verdict(cells)]} mlops-lab proofs: {counted(cells)}"]
    lines += markdown.grid(Table("", heads, verdicts))
    for table in (overview.reasons(cells), overview.numbers(cells), overview.packages(cells)):
        if table.rows:
            lines += markdown.grid(table)
    return "\n".join(lines) + "\n"


def _word(cell: Cell | None) -> str:
    if cell is None:
        return ""
    return f"{markdown.MARKS[cell.status]} {cell.status}, {cell.seconds:.1f} s"


def _page(cells: Sequence[Cell]) -> str:
    drawn = figures.draw(cells)
    charts = drawn["charts"]
    facts = overview.facts(cells)
    heads, rows = overview.matrix(cells)
    anchors = {cell: f"cell{number}" for number, cell in enumerate(cells)}
    verdicts = [_row(names, found, anchors) for names, found in rows]
    worst = sorted(anchors, key=lambda cell: list(Status).index(cell.status), reverse=True)
    articles = [_article(cell, anchors[cell], charts) for cell in worst]
    return html.filled(
        _TEMPLATES / "page.html",
        {"bundle": drawn["script"]},
        status=verdict(cells),
        project=html.escaped(facts.pop("project", "a project")),
        counted=counted(cells),
        facts=html.listed(facts),
        heads=_heads("col", heads),
        verdicts="".join(verdicts),
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
    heads = [f'<th scope="{scope}">{html.escaped(name)}</th>' for name in names]
    return Html("".join(heads))


def _row(names: Iterable[str], found: Iterable[Cell | None], anchors: dict[Cell, str]) -> Html:
    """Return a row of the matrix; each verdict leads to the article of its cell."""
    verdicts = []
    for cell in found:
        if cell is None:
            verdicts.append("<td>—</td>")
            continue
        verdict = _filled(
            "verdict.html",
            anchor=anchors[cell],
            label=cell.label,
            status=cell.status,
            seconds=f"{cell.seconds:.1f}",
        )
        verdicts.append(verdict)
    return _filled("row.html", heads=_heads("row", names), cells=Html("".join(verdicts)))


def _figure(name: str, charts: dict[str, Any]) -> Html:
    if name not in charts:
        return Html()
    return _filled("figure.html", name=name, description=charts[name]["description"])


def _article(cell: Cell, anchor: str, charts: dict[str, Any]) -> Html:
    """Return what one proof says: its layers, what ran beside what, each claim and each step."""
    layers = details = Html()
    if cell.has_proof:
        layers = Html("".join(_layer(cell, *layer) for layer in _LAYERS))
        said = {"claims": cell.proof["verdict"]["claims"], "steps": list(_steps(cell))}
        sections = "".join(map(html.section, tables(said)))
        details = _filled("details.html", tables=Html(sections))
    return _filled(
        "article.html",
        anchor=anchor,
        label=cell.label,
        status=cell.status,
        problem=cell.problem,
        layers=layers,
        figure=_figure(anchor, charts),
        details=details,
    )


def _steps(cell: Cell) -> Iterator[dict[str, Any]]:
    """Yield each step, and below it its parts, which have no results of their own."""
    for number, step in cell.steps():
        row = {"number": number, **step}
        row.pop("parts", None)
        yield row


def _layer(cell: Cell, style: str, title: str, owners: set[str]) -> Html:
    """Return one layer with its packages."""
    combo = claims.combo_of(cell.combo)
    found = {name: one for name, one in cell.installed.items() if one.owner in owners}
    return _filled(
        "layer.html",
        style=style,
        title=title.format(manager=combo.manager, layer=combo.environment, engine=cell.engine),
        count=len(found),
        size=overview.size(cell.size(*owners)),
        packages=", ".join(f"{name} {one.version}" for name, one in found.items()),
    )
