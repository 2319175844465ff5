"""Completion of the command line: what could stand next.

A shell's function runs the program with `--complete --` and the words up to the cursor, and gets
one word a line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from invoke.collection import Collection
    from invoke.parser.context import ParserContext


def candidates(collection: Collection, words: Sequence[str]) -> list[str]:
    """Give what the last of `words` could become: a task, an option, or a value of the option or task before it."""
    before, current = [word for word in words[:-1] if word != "="], words[-1] if words else ""
    current = "" if current == "=" else current  # bash parts `--combo=x` into three
    option, equals, value = current.partition("=")
    if equals and option.startswith("-"):
        before, current = [*before, option], value
    tasks = {
        name: task
        for task in collection.to_contexts()
        for name in (task.name, *task.aliases)
        if name
    }
    task, wanted = _standing(tasks, before)
    if not current.startswith("-") and wanted and task:
        from tasks_lib.cli.completion import values  # noqa: PLC0415 - names of tasks and options need none of its imports

        found: Iterable[str] = values.of(str(task.name), wanted)
    elif current.startswith("-"):
        found = [
            flag
            for flag in (task.flag_names() if task else ("--help", "--list"))
            if flag.startswith("--")
        ]
    else:
        found = tasks
    lead = f"{option}=" if equals and option.startswith("-") else ""
    return sorted({f"{lead}{one}" for one in found if one.startswith(current)})


def _standing(
    tasks: Mapping[str, ParserContext], before: Sequence[str]
) -> tuple[ParserContext | None, str]:
    """Give the task that the words have come to, and the argument whose value is next, if one is."""
    task: ParserContext | None = None
    asked, lacks = "", ""  # the option before; the task's own word, until it was given
    for word in before:
        if asked:
            asked = ""
        elif task and word in task.flags:
            asked = str(task.flags[word].name) if task.flags[word].takes_value else ""
        elif lacks:
            lacks = ""
        elif word in tasks:
            task = tasks[word]
            lacks = str(task.positional_args[0].name) if task.positional_args else ""
    return task, asked or lacks
