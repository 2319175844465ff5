"""Find and show the pages of the documentation, which are part of the package."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks_lib.errors import ErrorCode, LabError, Remedy, meant
from tasks_lib.session.session import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = Path(__file__).resolve().parents[1] / "docs"
#: What a page holds for its tests and its generator.
_COMMENT = re.compile(r"(?s)<!--.*?-->\n+")
#: The kinds of pages, each a folder, in the order of the list.
KINDS = ("tutorial", "how-to", "reference", "explanation")
#: The topic that stands for the list of pages.
INDEX = "index"


@dataclass(frozen=True)
class Page:
    """One page: the topic by which it is named, its kind, and its text in Markdown."""

    topic: str
    kind: str
    text: str

    @property
    def title(self) -> str:
        """Return the text of its first line, without the mark of a heading."""
        return self.text.partition("\n")[0].removeprefix("# ")

    @property
    def about(self) -> str:
        """Return its first paragraph in one line."""
        return " ".join(self.text.split("\n\n")[1].split())


def pages() -> list[Page]:
    """Return every page, by kind and then by topic."""
    found: list[Page] = []
    for kind in KINDS:
        for path in sorted((FOLDER / kind).glob("*.md")):
            text = _COMMENT.sub("", path.read_text(encoding="utf-8"))
            found.append(Page(path.stem, kind, text))
    return found


def show(topic: str) -> Answer:
    """Return one page, or the list of them for the topic `index`.

    Raises:
        LabError: No page has this topic.

    """
    found = {page.topic: page for page in pages()}
    if topic == INDEX:
        return _index(list(found.values()))
    if topic not in found:
        text = f"The documentation has no topic {topic!r}."
        remedy = Remedy("See the list of pages", ("invoke", "docs"))
        remedy = meant(topic, found, remedy, "invoke", "docs")
        raise LabError(text, ErrorCode.UNKNOWN_TOPIC, remedy=remedy)
    page = found[topic]
    return Answer(data={"topic": topic, "title": page.title, "markdown": page.text})


def _index(listed: Sequence[Page]) -> Answer:
    """Return every page in one line, as data and as a page of its own."""
    lines = ["# Documentation", "", "`invoke docs TOPIC` shows one of these pages."]
    rows = []
    kind = ""
    for page in listed:
        if page.kind != kind:
            kind = page.kind
            lines += ["", f"## {kind.capitalize()}", ""]
        lines.append(f"- `{page.topic}`: {page.title}. {page.about}")
        rows.append({"topic": page.topic, "kind": kind, "title": page.title, "about": page.about})
    return Answer(data={"pages": rows, "markdown": "\n".join(lines) + "\n"})
