"""Complete the command line: what the word at the cursor could become.

A shell's function runs the program with `--complete --` and the words up to the cursor, and gets
one word a line.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from invoke.collection import Collection
    from invoke.parser.context import ParserContext

#: The words that mean themselves to every shell. Others, which a manifest may hold, a shell would
#: run at the tab key, or with the line that they were put into.
_PLAIN = re.compile(r"[\w.,:+/-]+")


def candidates(collection: Collection, words: Sequence[str]) -> list[str]:
    """Return what the last of `words` could become: a task, an option, or a value."""
    *before, current = words or [""]
    before = [word for word in before if word != "="]  # bash splits `--combo=x` into three
    lead = ""
    if current == "=":
        current = ""
    elif current.startswith("-") and "=" in current:
        option, _, current = current.partition("=")
        before.append(option)
        lead = f"{option}="
    tasks = _tasks(collection)
    task, argument = _position(tasks, before)
    found: Iterable[str] = tasks
    if lead or not current.startswith("-"):
        if task and argument:
            # names of tasks and options need none of its imports
            from tasks_lib.cli.completion import values  # noqa: PLC0415

            found = values.of(str(task.name), argument)
    else:
        found = ("--help", "--list")
        if task:
            found = [flag for flag in task.flag_names() if flag.startswith("--")]
    found = [word for word in found if _PLAIN.fullmatch(word) and word.startswith(current)]
    return sorted({f"{lead}{word}" for word in found})


def _tasks(collection: Collection) -> dict[str, ParserContext]:
    """Return each task by its name and by its aliases."""
    found = {}
    for task in collection.to_contexts():
        for name in (task.name, *task.aliases):
            if name:
                found[name] = task
    return found


def _position(
    tasks: Mapping[str, ParserContext], before: Sequence[str]
) -> tuple[ParserContext | None, str]:
    """Return the task at the cursor, and the argument whose value is next; empty for none."""
    task: ParserContext | None = None
    option = ""  # the one before, which still lacks its value
    positional = ""  # the task's own word, until it was given
    for word in before:
        if option:
            option = ""
        elif task and word in task.flags:
            if task.flags[word].takes_value:
                option = str(task.flags[word].name)
        elif positional:
            positional = ""
        elif word in tasks:
            task = tasks[word]
            if task.positional_args:
                positional = str(task.positional_args[0].name)
    return task, option or positional
