"""A class as one page that works offline: what fails most, and a table with filter and sort.

The page holds what was found once, as JSON in which each text stands once, and makes the rows that
are looked at. So it opens as fast with 10,000 hand-ins.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib.cohort.exports.cells import number
from tasks_lib.execution.streams import printable
from tasks_lib.report import html
from tasks_lib.results import Status

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Sequence

    from tasks_lib.cohort.base import Finding, Graded

_TEMPLATE = Path(__file__).with_name("templates") / "class.html"
_STATUSES = [*Status]
_BINS = 10
_WIDTH, _HEIGHT, _FOOT = 640, 150, 40


def render(
    graded: Sequence[Graded],
    title: str,
    counted: str,
    failing: Iterable[tuple[str, str, Counter[Status]]],
) -> str:
    """Return the page; `failing` are the checks that fail, the most frequent first."""
    texts = _Texts()
    rows = [_row(one, texts) for one in graded]
    data = {"statuses": _STATUSES, "rows": rows, "texts": list(texts.known)}
    statuses = {one.examined.status for one in graded}
    buttons = [_button(status, graded) for status in reversed(Status) if status in statuses]
    return html.filled(
        _TEMPLATE,
        title=html.escaped(title),
        counted=html.escaped(counted),
        status=max(statuses, key=_STATUSES.index, default=Status.PASS),
        buttons="".join(buttons),
        distribution=_distribution(graded),
        checks="\n".join(_check(*one, len(graded)) for one in failing),
        data=json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"),
    )


class _Texts:
    """The texts of the page, each once, with its number."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        """Return the number of a text."""
        if text not in self._numbers:
            self._numbers[text] = self.known.setdefault(printable(text), len(self.known))
        return self._numbers[text]


def _row(one: Graded, texts: _Texts) -> list[Any]:
    """Return what the page's script reads of one hand-in; what passed is only counted."""
    found = [_finding(finding, texts) for finding in _told(one)]
    marks = []
    for mark in one.marks:
        points = None if mark.points is None else number(mark.points)
        maximum = "" if mark.advice else number(mark.maximum)
        marks.append([texts.number(mark.name), points, maximum, texts.number(mark.text)])
    examined = one.examined
    return [
        printable(one.hand_in.id),
        printable(one.hand_in.name),
        _STATUSES.index(examined.status),
        one.score,
        one.maximum if one.marks else None,
        texts.number(examined.combo),
        printable(one.late),
        len(examined.with_status(Status.PASS)),
        found,
        marks,
    ]


def _told(one: Graded) -> list[Finding]:
    """Return what is no pass, the worst first."""
    found = [finding for finding in one.examined.findings if finding.status is not Status.PASS]
    return sorted(found, key=lambda finding: _STATUSES.index(finding.status), reverse=True)


def _finding(one: Finding, texts: _Texts) -> list[int]:
    told = (one.check, one.title, one.detail, one.remedy, one.result.place)
    return [_STATUSES.index(one.status), *map(texts.number, told)]


def _button(status: Status, graded: Sequence[Graded]) -> str:
    count = sum(one.examined.status is status for one in graded)
    return (
        f'<button type="button" class="{status}" aria-pressed="false" '
        f'value="{_STATUSES.index(status)}">{status} <b>{count}</b></button>'
    )


def _check(check: str, title: str, found: Counter[Status], count: int) -> str:
    """Return the row of a check, whose button filters the table."""
    counts = (found[status] or "" for status in (Status.FAIL, Status.ERROR, Status.SKIP))
    numbers = "".join(f'<td class="number">{count}</td>' for count in counts)
    length = round(100 * found[Status.FAIL] / count, 1)
    shown = html.escaped(check)
    return (
        f'<tr><th scope="row"><button type="button" class="check" value="{shown}">'
        f"{shown}</button> {html.escaped(title)}</th>{numbers}"
        '<td><svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{length}" height="8"/></svg></td></tr>'
    )


def _distribution(graded: Sequence[Graded]) -> str:
    """Return the scores as bars, and for those who hear the page in words."""
    bins = [0] * _BINS
    scored = [one for one in graded if one.score is not None and one.maximum]
    for one in scored:
        share = (one.score or 0) / one.maximum
        bins[min(int(share * _BINS), _BINS - 1)] += 1
    if not scored:
        return ""
    step = 100 // _BINS
    names = [f"{step * place} to {step * (place + 1)} %" for place in range(_BINS)]
    told = ", ".join(f"{name}: {bins[place]}" for place, name in enumerate(names))
    without = f"{len(graded) - len(scored)} without a score."
    described = html.escaped(f"Scores in per cent of the points. {told}. {without}")
    wide, tall = _WIDTH // _BINS, _HEIGHT - _FOOT
    parts = []
    for place, count in enumerate(bins):
        height = round(tall * count / max(bins), 1)
        left, top = place * wide, _HEIGHT - _FOOT / 2 - height
        bounds = f"{step * place}\N{EN DASH}{step * (place + 1)}"
        parts.append(f'<rect x="{left + 2}" y="{top}" width="{wide - 4}" height="{height}"/>')
        for text, y in ((count or "", top - 4), (bounds, _HEIGHT - 4)):
            parts.append(f'<text x="{left + wide / 2}" y="{y}">{text}</text>')
    return (
        '<section aria-labelledby="scores"><h2 id="scores">Scores</h2>'
        '<figure tabindex="0" role="group" aria-labelledby="scores">'
        f'<svg class="scores" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{described}">{"".join(parts)}</svg>'
        f"<figcaption>Hand-ins by per cent of the points; {html.escaped(without)}</figcaption>"
        "</figure></section>"
    )
