"""Show a page of Markdown on a terminal, through the user's pager."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, ClassVar

from rich.console import Console
from rich.markdown import CodeBlock, ListItem, Markdown, Paragraph, TableElement
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from tasks_lib.execution.streams import cells

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import ConsoleOptions, RenderResult
    from rich.markdown import MarkdownElement

_WIDTH = 100
#: stands for a space inside of code until a page is laid out, so that no line is broken there
_GAP = "\ue000"


def _lines(text: Text, width: int, hang: str = "") -> Iterator[Text]:
    """Yield the lines of a text, broken between words; a word too long for a line has its own."""
    for line in text.split(allow_blank=True):
        breaks, used = [], 0
        for word in re.finditer(r"\s*\S+", line.plain):
            columns = cells(word[0])
            if used and used + columns > width:
                start = word.end() - len(word[0].lstrip())
                breaks.append(start)
                columns = len(hang) + cells(line.plain[start : word.end()])
                used = 0
            used += columns
        for number, part in enumerate(line.divide(breaks)):
            part.rstrip()
            shown = Text.assemble(hang, part) if number else part
            shown.no_wrap, shown.overflow = True, "ignore"
            yield shown


class _Whole(CodeBlock):
    """Code whose lines are not broken: it is there to be pasted."""

    def __rich_console__(self, _: Console, __: ConsoleOptions) -> Iterator[Text]:
        """Yield each line."""
        for line in str(self.text).rstrip().splitlines():
            yield Text(f"  {line}", style="markdown.code_block", no_wrap=True, overflow="ignore")


class _Paragraph(Paragraph):
    def __rich_console__(self, _: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Yield each line."""
        yield from _lines(self.text, options.max_width)


class _Item(ListItem):
    """An item whose lines are not cropped."""

    def render_bullet(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        """Yield the item behind a bullet."""
        return self._behind(" • ", console, options)

    def render_number(
        self, console: Console, options: ConsoleOptions, number: int, last_number: int
    ) -> Iterator[Segment]:
        """Yield the item behind its number."""
        return self._behind(f"{number:>{len(str(last_number)) + 1}} ", console, options)

    def _behind(self, mark: str, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        inner = options.update(width=options.max_width - len(mark))
        for line in Segment.split_lines(console.render(self.elements, inner)):
            yield Segment(mark)
            yield from line
            yield Segment.line()
            mark = " " * len(mark)


class _Table(TableElement):
    """A table; where it would break a word or a command, its rows one below the other."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table or the rows."""
        head = self.header.row.cells if self.header and self.header.row else []
        body = self.body.rows if self.body else []
        heads = [cell.content for cell in head]
        rows = [[cell.content for cell in row.cells] for row in body]
        columns = [[cell.plain for cell in column] for column in zip(heads, *rows, strict=True)]
        least = [max(map(_longest, column)) for column in columns]
        room = options.max_width - 2 * len(heads) - sum(least)  # without what is between columns
        if room < 0:
            yield from _rows(heads, rows, options.max_width)
            return
        wanted = [max(map(cells, column)) for column in columns]
        wanted = [width - few for width, few in zip(wanted, least, strict=True)]
        share = min(1, room / max(1, sum(wanted)))
        for part in super().__rich_console__(console, options):
            if isinstance(part, Table):
                for column, few, more in zip(part.columns, least, wanted, strict=True):
                    column.width = few + int(more * share)
            yield part


def _longest(text: str) -> int:
    return max(map(cells, text.split()), default=0)


def _rows(heads: Sequence[Text], rows: Sequence[Sequence[Text]], width: int) -> Iterator[Text]:
    for first, *rest in rows:
        first.stylize("bold")
        yield from _lines(first, width)
        for head, cell in zip(heads[1:], rest, strict=True):
            name = f"{head.plain}: " if head.plain else ""
            yield from _lines(Text.assemble("    ", name, cell), width, "    ")


class _Page(Markdown):
    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "fence": _Whole,
        "code_block": _Whole,
        "paragraph_open": _Paragraph,
        "list_item_open": _Item,
        "table_open": _Table,
    }

    def __init__(self, text: str) -> None:
        """Read the text."""
        super().__init__(text)
        for token in self._flatten_tokens(self.parsed):
            if token.type == "code_inline":
                token.content = token.content.replace(" ", _GAP)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        """Yield what is printed."""
        for part in super().__rich_console__(console, options):
            if isinstance(part, Segment):  # all of them are
                yield part._replace(text=part.text.replace(_GAP, " "))


def show(text: str) -> None:
    """Show Markdown as rich renders it, in colour where the pager is told to take colours."""
    out = Console()
    out.width = min(out.width, _WIDTH)
    colours = "R" in os.environ.get("LESS", "") or "-R" in os.environ.get("PAGER", "")
    with out.pager(styles=colours):
        print_page(out, text)


def print_page(out: Console, text: str) -> None:
    """Print Markdown; what cannot be pasted in parts is not broken, be it longer than a line."""
    out.print(_Page(text), crop=False)
