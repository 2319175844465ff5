"""What is wrong with a command line: one sentence, the word that was meant, and the task's help."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from tasks_lib.errors import ErrorCode, LabError, Remedy, meant, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from invoke.exceptions import ParseError
    from invoke.parser.argument import Argument
    from invoke.parser.context import ParserContext

HELP = ("--help", "-h")
#: The word that a task takes where the user gives none: Invoke has no optional words.
DEFAULT_WORDS = {"docs": "index"}
#: options before a task that are often typed without their dashes
_CORE = ("--help", "--list", "--version")
#: what an argument is called in a usage line, where its name does not say it
_SHOWN = {"packages": "PACKAGE", "proofs": "PROOF", "to": "COMBO"}
#: the options that an empty value means something for: no extra at all
_EMPTY = {"extra"}
LIST = Remedy("List the tasks", ("invoke", "--list"))


def shown(argument: Argument) -> str:
    """Return what a task's own word is called in a usage line."""
    return _SHOWN.get(str(argument.name), str(argument.name).upper())


def usage(task: ParserContext, behind: str) -> str:
    """Return what stands behind a task's name; `behind` is what it takes behind `--`."""
    text = "".join(f" {shown(argument)}" for argument in task.positional_args)
    if task.name in DEFAULT_WORDS:
        text = f" [{text.strip()}]"
    return f"{text} [-- {behind}]" if behind else text


def options(task: ParserContext) -> list[tuple[str, str | None]]:
    """Return each option with its help, once: one with a former name is there twice."""
    return list(dict.fromkeys(task.help_tuples()))


def wrong(error: ParseError, words: Sequence[str], tasks: Sequence[ParserContext]) -> LabError:
    """Return the error for `words` that Invoke cannot read; `tasks` are those that there are."""
    said = str(error)
    task = error.context if error.context and error.context.name else None
    unknown = re.fullmatch(r"(?s)No idea what .(.*). is!", said)
    option = re.match(r"Flag <Argument: ([\w-]+)", said)
    found = given_twice(words, {str(one.name): one for one in tasks})
    found = found or (fault(task) if task else None)
    if found:
        return found
    if unknown and not unknown[1].startswith("-"):
        return _no_task(unknown[1], task, words, tasks)
    if unknown:
        return _no_option(unknown[1], task) if task else _misplaced(unknown[1], tasks)
    if option:
        return _refused(f"--{option[1].strip('_').replace('_', '-')} needs a value.", task)
    if task and task.missing_positional_args:
        needed = [f"{shown(one)} (--{one.name})" for one in task.missing_positional_args]
        return _refused(f"{task.name} needs {' and '.join(needed)}.", task)
    return _refused(said, task)


def given_twice(words: Sequence[str], tasks: Mapping[str, ParserContext]) -> LabError | None:
    """Return the error for an option with one value that a task was given twice.

    Invoke takes the second value for the task's own word, or for the next task.
    """
    task: ParserContext | None = None
    seen: set[str] = set()
    rest = iter(words)
    for word in itertools.takewhile(lambda one: one != "--", rest):
        flag, is_joined, _ = word.partition("=")
        argument = task.flags[flag] if task and flag in task.flags else None
        if argument is None:
            if word in tasks:
                task, seen = tasks[word], set()
        elif argument.takes_value:
            if not is_joined:
                next(rest, None)
            if argument.names[0] in seen:
                return _refused(f"{flag} was given twice.", task)
            seen |= {argument.names[0]} if argument.kind is not list else set()
    return None


def fault(task: ParserContext) -> LabError | None:
    """Return what is wrong with the words that a task was given: a dash, or no value."""
    for word in _dashed(task):
        return _no_option(word, task)
    for argument in task.args.values():
        values = argument.value if argument.kind is list else [argument.raw_value]
        for value in values:
            why = ""
            if value == "" and not argument.positional and argument.names[0] not in _EMPTY:
                why = "this one is empty"
            elif str(value).startswith("--"):
                why = f"{value} is an option"
            if why:
                return _refused(f"--{argument.names[0]} needs a value, and {why}.", task)
    return None


def wants_help(task: ParserContext) -> bool:
    """Return whether the task took a request for help for its own word."""
    return any(word in HELP for word in _dashed(task))


def _dashed(task: ParserContext) -> list[str]:
    """Return the task's own words that look like options; no such word begins with a dash."""
    words = [str(argument.value) for argument in task.positional_args]
    return [word for word in words if word.startswith("-")]


def _no_option(word: str, task: ParserContext) -> LabError:
    known = [flag for flag in (*task.flag_names(), *HELP) if flag.startswith("--")]
    near = meant(word, known, Remedy()).text
    return _refused(f"{task.name} has no option {word!r}.", task, near)


def _misplaced(word: str, tasks: Sequence[ParserContext]) -> LabError:
    """Return the error for an option before every task; a task's own stands behind it."""
    known = {flag for task in tasks for flag in task.flag_names() if flag.startswith("--")}
    remedy = LIST
    for near in nearest(word, known)[:1]:
        remedy = Remedy(f"Write {near} behind the task")
    text = f"There is no option {word!r} before a task."
    return LabError(text, ErrorCode.BAD_COMMAND_LINE, remedy=remedy)


def _no_task(
    word: str, task: ParserContext | None, words: Sequence[str], tasks: Sequence[ParserContext]
) -> LabError:
    """Return the error for a word that is no task, and that the task before it does not take."""
    for flag in task.flags if task else ():
        if f"{flag}={word}" in words:
            return _refused(f"{flag} takes no value.", task)
    text = f"There is no task {word!r}."
    if task and {"packages", "proofs"} & {*task.args}:
        text += f" {task.name} takes one word here, and more of them behind --."
        return _refused(text, task)
    if task:
        text += f" {task.name} takes no such word either."
    names = [str(name) for one in tasks for name in (one.name, *one.aliases)]
    near = nearest(word, [*names, *_CORE])
    if not near:
        return _refused(text, task)
    command: tuple[str, ...] = ("invoke", near[0], "--help")
    if near[0] in _CORE:
        command = command[:2]
    remedy = Remedy(f"Did you mean {' or '.join(near)}? See the help", command)
    return LabError(text, ErrorCode.BAD_COMMAND_LINE, remedy=remedy)


def _refused(text: str, task: ParserContext | None, near: str = "") -> LabError:
    """Return an error that points to the help of the task, and to the word that was meant."""
    remedy = LIST
    if task:
        command = ("invoke", str(task.name), "--help")
        remedy = Remedy(f"{near} See the help of {task.name}".strip(), command)
    return LabError(text, ErrorCode.BAD_COMMAND_LINE, remedy=remedy)
