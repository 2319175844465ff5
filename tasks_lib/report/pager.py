"""Show a page of Markdown on a terminal, through the user's pager."""

from __future__ import annotations

import os

from rich.console import Console
from rich.markdown import Markdown

_WIDTH = 100


def show(text: str) -> None:
    """Show Markdown as rich renders it, in colour where the pager is told to take colours."""
    out = Console()
    out.width = min(out.width, _WIDTH)
    colours = "R" in os.environ.get("LESS", "") or "-R" in os.environ.get("PAGER", "")
    with out.pager(styles=colours):
        out.print(Markdown(text))
