"""Remedies as this user would type them."""

from __future__ import annotations

import re
import shlex
import sys
from typing import TYPE_CHECKING, Self

from tasks_lib.errors import Remedy
from tasks_lib.execution import shell_words
from tasks_lib.execution.redaction import without_secrets

if TYPE_CHECKING:
    from collections.abc import Sequence

#: the tasks in remedies that work on a project
_TASK = re.compile(r"setup|init|migrate|(?:check|deps|env|pkg)\.[a-z]+|proof\.(?:run|matrix)")
#: the ways in: Invoke by its two names, the installed command, and both as a module
_PROGRAM = re.compile(r"inv|mlops-lab|.+ -m (?:tasks_lib|invoke)")


def program() -> str:
    """Return what the user types to run a task, as they typed it this time."""
    typed = sys.argv[0]
    return typed if _PROGRAM.fullmatch(typed) else "invoke"


def typable(remedy: Remedy) -> Remedy:
    """Return a remedy without secrets, as this user runs tasks and as their shell quotes words."""
    words = list(remedy.argv)
    if words[:1] == ["invoke"]:
        words[:1] = shlex.split(program())
    argv = tuple(without_secrets(word) for word in words)
    return Remedy(without_secrets(remedy.text), argv, shell_words.joined(argv))


class Told(str):  # noqa: SLOT000 - mypy knows no attribute that is in slots alone
    """A remedy as a text, which knows its command: that is never broken into lines."""

    command: str

    def __new__(cls, remedy: Remedy) -> Self:
        """Return the text of a remedy, as this user types it."""
        shown = typable(remedy)
        made = super().__new__(cls, shown)
        made.command = shown.command
        return made


def is_task(remedy: Remedy) -> bool:
    """Return whether a remedy is a command of this program."""
    return remedy.argv[:1] == ("invoke",)


def with_options(remedy: Remedy, options: Sequence[str], place: str = "") -> Remedy:
    """Return a remedy whose tasks have these options too, unless it names its combo.

    It is for the folder `place`, where that is not the one the user is in.
    """
    if not is_task(remedy):
        text = f"{remedy.text}, in the folder {place}"
        return remedy._replace(text=text) if place and remedy.argv else remedy
    added = ["--project", place] if place else []
    if "--combo" not in remedy.argv:
        added += options
    words: list[str] = []
    for before, word in zip(("", *remedy.argv), remedy.argv, strict=False):
        words.append(word)
        if _TASK.fullmatch(word) and before != "check.explain":  # an id may look like a task
            words += added
    return Remedy(remedy.text, tuple(words))
