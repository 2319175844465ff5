"""Show a page of Markdown on a terminal, through the user's pager."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, ClassVar

from rich.console import Console
from rich.markdown import CodeBlock, Markdown
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import ConsoleOptions
    from rich.markdown import MarkdownElement

_WIDTH = 100


class _Whole(CodeBlock):
    """Code whose lines are not broken: it is there to be pasted."""

    def __rich_console__(self, _: Console, __: ConsoleOptions) -> Iterator[Text]:
        """Yield each line."""
        for line in str(self.text).rstrip().splitlines():
            yield Text(f"  {line}", style="markdown.code_block", no_wrap=True, overflow="ignore")


class _Page(Markdown):
    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "fence": _Whole,
        "code_block": _Whole,
    }


def show(text: str) -> None:
    """Show Markdown as rich renders it, in colour where the pager is told to take colours."""
    out = Console()
    out.width = min(out.width, _WIDTH)
    colours = "R" in os.environ.get("LESS", "") or "-R" in os.environ.get("PAGER", "")
    with out.pager(styles=colours):
        out.print(_Page(text), crop=False)
