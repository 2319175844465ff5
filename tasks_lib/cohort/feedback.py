"""What one student reads: the grade with its reasons; of each finding what, where, what next."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tasks_lib.cohort.base import presentable
from tasks_lib.cohort.exports.cells import number
from tasks_lib.cohort.exports.documents import summary
from tasks_lib.cohort.naming import file_name
from tasks_lib.report import html, markdown
from tasks_lib.report.tables import Table
from tasks_lib.results import Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tasks_lib.cohort.base import Finding, Graded

_TEMPLATE = Path(__file__).with_name("templates") / "feedback.html"
#: the parts of the page, worst first; what passed is only counted
_PARTS = (
    (Status.FAIL, "To do", "These checks failed. Each says what is wrong, where, and what to do."),
    (Status.WARN, "Worth a look", "These took no points."),
    (Status.ERROR, "Not checked, through no fault of yours", "Your instructor can see why."),
    (Status.SKIP, "Could not be told here", "Nothing was given or taken for these."),
)


def files(graded: Sequence[Graded], title: str) -> dict[str, str]:
    """Return a Markdown and an HTML page for each student, by file name."""
    texts = {}
    for one in presentable(graded):
        name = file_name(one.hand_in.id)
        texts[f"{name}.md"] = page(one, title)
        texts[f"{name}.html"] = document(one, title)
    return texts


def page(graded: Graded, title: str) -> str:
    """Return the page as Markdown."""
    lines = [f"# {markdown.escaped(_headline(graded, title))}", ""]
    for name, value in _facts(graded).items():
        lines.append(f"- {name}: {markdown.escaped(value)}")
    for table in _points(graded):
        lines += ["", "## Points", *markdown.grid(table)]
    for status, heading, text in _PARTS:
        found = graded.examined.with_status(status)
        if found:
            lines += ["", f"## {heading}", "", text]
        for finding in found:
            lines += _told(finding)
    return "\n".join(lines) + "\n"


def _told(finding: Finding) -> Iterator[str]:
    """Yield the lines of one finding."""
    result = finding.result
    heading = markdown.escaped(f"{result.title} ({result.id})")
    yield from ("", f"### {heading}")
    told = {"What": result.detail, "Where": result.place, "Next": str(result.remedy)}
    for name, text in told.items():
        if text:
            yield from ("", f"{name}: {markdown.escaped(text)}")


def document(graded: Graded, title: str) -> str:
    """Return the page as HTML, which works offline."""
    parts = []
    for status, heading, text in _PARTS:
        items = [html.item(one.result, timed=False) for one in graded.examined.with_status(status)]
        if items:
            head = f"<h2>{html.escaped(heading)}</h2><p>{html.escaped(text)}</p>"
            parts.append(f"<section>{head}<ul>{''.join(items)}</ul></section>")
    return html.filled(
        _TEMPLATE,
        status=graded.examined.status,
        headline=html.escaped(_headline(graded, title)),
        facts=html.listed(_facts(graded)),
        points="".join(map(html.section, _points(graded))),
        parts="\n".join(parts),
    )


def _headline(graded: Graded, title: str) -> str:
    return f"{title}: {summary(graded)}" if graded.marks else f"{title}: {graded.examined.status}"


def _facts(graded: Graded) -> dict[str, str]:
    """Return what was checked, without what is not known."""
    hand_in, examined = graded.hand_in, graded.examined
    passed = len(examined.with_status(Status.PASS))
    facts = {
        "name": hand_in.name or hand_in.id,
        "handed in": graded.submitted,
        "version": examined.content,
        "combo": examined.combo,
        "checks": f"{passed} of {len(examined.findings)} passed",
    }
    return {name: value for name, value in facts.items() if value}


def _points(graded: Graded) -> Iterator[Table]:
    """Yield the table of the rubric, where there is one."""
    rows = []
    for mark in graded.marks:
        points = "not judged" if mark.points is None else number(mark.points)
        maximum = number(mark.maximum)
        if mark.advice:
            points, maximum = "advice", ""
        rows.append((mark.name, points, maximum, mark.text))
    if graded.penalty:
        rows.append(("late", f"-{number(graded.penalty)}", "", graded.late))
    if rows:
        yield Table("", ("row", "points", "of", "why"), rows)
