"""Run Invoke in the tool environment; a wrong command line gets an answer in the usual form."""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from invoke.config import Config
from invoke.exceptions import (
    AmbiguousEnvVar,
    CollectionNotFound,
    Exit,
    ParseError,
    UncastableEnvVar,
    UnexpectedExit,
)
from invoke.parser.context import ParserContext
from invoke.parser.parser import Parser
from invoke.program import Program
from invoke.util import helpline

from tasks_lib import __version__, bootstrap, report
from tasks_lib.cli import command_line, completion
from tasks_lib.cli.command_line import DEFAULT_WORDS
from tasks_lib.cli.startup_error import refuse_error, wants_json
from tasks_lib.errors import ErrorCode, ExitCode, LabError, Remedy, meant
from tasks_lib.execution import streams
from tasks_lib.report import remedies
from tasks_lib.results import Report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from invoke.collection import Collection
    from invoke.parser.argument import Argument

#: what a shell's completion begins with, before the words up to the cursor
COMPLETE = ["--complete", "--"]
#: The options of Invoke that mean something here. The others are about the commands that Invoke
#: starts itself, and about where it finds tasks and settings.
_CORE = {"help", "list", "list-depth", "list-format", "version"}
_LIST_FORMATS = ("flat", "nested", "json")
_AS_DOCUMENT = ("--json", "-j", "--format", "-f", "json", "--format=json")
_TASKS = "tasks.py"


#: the columns that the text beside a name needs
_LEAST = 20


def _width() -> int:
    """Return the width of the terminal, the usual one for anything else."""
    return streams.columns(sys.stdout) or 80


class _Settings(Config):
    """Invoke's settings without its files: no `invoke.yaml`, wherever it is, changes a run."""

    def _load_file(self, *_: object, **__: object) -> None:
        """Read nothing."""


class _Program(Program):
    """Invoke with the options that mean something here."""

    def __init__(self, argv: list[str], namespace: Collection | None) -> None:
        """Keep the command line, which says how a list of the tasks is answered."""
        super().__init__(
            version=__version__,
            name="mlops-lab",
            binary=remedies.program(),
            namespace=namespace,
            config_class=_Settings,
        )
        self.json = wants_json(argv)

    def core_args(self) -> list[Argument]:
        """Return the options that a user can give before a task."""
        return [one for one in super().core_args() if one.name in _CORE]

    def task_args(self) -> list[Argument]:
        """Return none: the tasks are those of this folder's `tasks.py`."""
        return []

    @property
    def args(self) -> Any:  # noqa: ANN401 - Invoke's own type is not exported
        """Return what was given of these options; the others have their defaults."""
        found = ParserContext(args=[*super().core_args(), *super().task_args()]).args
        for name, given in self.core[0].args.items():
            found[name] = given
        return found

    def _make_parser(self) -> Parser:
        """Return the parser of the tasks that this command line can name.

        Invoke's own is one of all tasks, and copying that takes longer than most answers.
        """
        words = {*self.argv, *(word.partition("=")[2] for word in self.argv)}
        names = self.collection.task_names
        wanted = [name for name, aliases in names.items() if not words.isdisjoint((name, *aliases))]
        return Parser(initial=self.initial_context, contexts=self.contexts(wanted))

    def contexts(self, names: Iterable[str]) -> list[ParserContext]:
        """Return what the parser knows of some tasks, with the former names of their options."""
        made = []
        known = self.collection.task_names
        for name in names:
            task = self.collection[name]
            context = ParserContext(name=name, aliases=known[name], args=task.get_arguments())
            for former, option in getattr(task, "former", {}).items():
                context.flags[former] = context.flags[option]
            made.append(context)
        return made

    def print_task_help(self, name: str) -> None:
        """Print how a task is typed, what it does, and its options."""
        task = self.parser.contexts[name]
        behind = getattr(self.collection[name], "behind", "")
        about = (inspect.getdoc(self.collection[name]) or "").replace(
            "invoke env.", f"{self.binary} env."
        )
        lines = [f"Usage: {self.binary} {name} [--options]{command_line.usage(task, behind)}", ""]
        lines += [f"{self.leading_indent}{line}".rstrip() for line in about.splitlines()]
        for line in (*lines, "", "Options:"):
            text = streams.folded(
                line, streams.columns(sys.stdout) or len(line), self.leading_indent
            )
            sys.stdout.writelines((text, "\n"))
        self.print_columns(command_line.options(task))

    def print_columns(self, tuples: Sequence[tuple[str, str | None]]) -> None:
        """Print names and what they are: beside each other where there is room, else below."""
        width = _width() - 1
        longest = max((len(name) for name, _ in tuples), default=0)
        names = longest + len(self.leading_indent) + self.col_padding
        is_beside = width - names >= _LEAST
        for name, about in tuples:
            head = f"{self.leading_indent}{name}"
            indent = " " * (names if is_beside else 3 * len(self.leading_indent))
            text = streams.folded(f"{indent}{about or ''}", width, indent)
            text = head.ljust(names) + text[names:] if is_beside else f"{head}\n{text}"
            sys.stdout.writelines((text.rstrip(), "\n"))
        sys.stdout.writelines("\n")

    def load_collection(self) -> None:
        """Load `tasks.py`; what it prints goes to stderr."""
        try:
            with contextlib.redirect_stdout(sys.stderr):
                super().load_collection()
        except (Exit, LabError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever the user's file may raise
            raise _broken_tasks(error) from None

    def parse_cleanup(self) -> None:
        """Print what Invoke prints itself; `--list` may name a group of tasks."""
        group = self.args.list.value
        if isinstance(group, str) and group.partition(".")[0] not in self.collection.collections:
            remedy = meant(group, self.collection.collections, command_line.LIST)
            text = f"There is no group of tasks {group!r}."
            raise LabError(text, ErrorCode.BAD_COMMAND_LINE, remedy=remedy)
        super().parse_cleanup()

    def list_tasks(self) -> None:
        """Print the tasks, with `--json` as a document of the usual form."""
        if self.list_format not in _LIST_FORMATS:
            text = f"There is no list format {self.list_format!r}."
            remedy = Remedy(f"Choose one of {', '.join(_LIST_FORMATS)}")
            remedy = meant(self.list_format, _LIST_FORMATS, remedy)
            raise LabError(text, ErrorCode.INVALID_OPTION, remedy=remedy)
        if not self.json:
            super().list_tasks()
            return
        collection = self.scoped_collection
        names = sorted(collection.task_names)
        rows = [{"name": name, "help": helpline(collection[name])} for name in names]
        report.show(Report("--list", str(Path.cwd()), data={"tasks": rows}), "json")


def main(argv: list[str], bundled: Callable[[], Collection], *, own_tasks: bool) -> int:
    """Run the tasks that `argv` names, and return the exit code.

    The tasks are those of the folder's `tasks.py` where the user typed `invoke`, or where it lies
    beside this package; else, and with `own_tasks`, they are the `bundled` ones.
    """
    typed = os.environ.pop(bootstrap.PROGRAM, "python3 -m tasks_lib")
    if own_tasks:
        typed = "mlops-lab"
    sys.argv = [typed, *argv]
    is_ours = Path(_TASKS).resolve().parent == Path(bootstrap.REQUIREMENTS).resolve().parents[1]
    is_loaded = (
        not own_tasks and (not typed.endswith("tasks_lib") or is_ours) and Path(_TASKS).is_file()
    )
    program = _Program(argv, None if is_loaded else bundled())
    if argv[:2] == COMPLETE:
        return _complete(program, argv[2:])
    try:
        return _printed(_run(program, argv))
    except SystemExit as left:
        if isinstance(left.code, int):
            return left.code
        return int(left.code is not None)
    finally:
        bootstrap.ignore_stop_signals()  # the answer is given, and there is no other


def _printed(code: int) -> int:
    """Return the exit code of a run, once what Invoke has printed is written."""
    error = streams.put(b"")
    if error is None:
        return code
    lost = _lost(error)
    streams.tell(str(lost.message))
    return int(lost.code)


def _complete(program: Program, words: list[str]) -> int:
    """Print what the last word could become, one a line; nothing where the tasks cannot be read."""
    sys.argv = sys.argv[:1]  # the folder's tasks.py looks there, and would come back here
    program.create_config()
    program.parse_core(["mlops-lab"])
    with contextlib.suppress(CollectionNotFound, Exit, LabError):
        program.parse_collection()
    if program.collection:
        lines = completion.candidates(program.collection, words)
        sys.stdout.writelines(f"{line}\n" for line in lines)
    return ExitCode.DONE


def _run(program: _Program, argv: list[str]) -> int:
    try:
        program.create_config()
        _parse(program, argv)
        program.update_config()
        program.execute()
    except ParseError as error:
        tasks = program.contexts(program.collection.task_names)
        return _refuse(argv, command_line.wrong(error, program.core.unparsed, tasks))
    except (AmbiguousEnvVar, CollectionNotFound, UncastableEnvVar) as error:
        return _refuse(argv, _wrong_command_line(str(error)))
    except LabError as error:  # of a task that has no project to answer for
        return _refuse(argv, error)
    except UnexpectedExit as left:  # of a command in a task of the user's own
        return int(left.result.exited)
    except Exit as left:
        if left.message:
            streams.tell(left.message)
        return int(left.code)
    return ExitCode.DONE


def _parse(program: _Program, argv: list[str]) -> None:
    """Parse the command line; lists and help are printed here."""
    words = argv or ["--list"]
    if program.json and {"--list", "-l"} & {*words}:
        words = [word for word in words if word not in _AS_DOCUMENT]
    writes_no_bytecode = sys.dont_write_bytecode
    try:
        program.parse_core(["mlops-lab", *words])
        program.parse_collection()
        # Invoke turns bytecode off, to leave none of tasks.py; without it each run of a checkout
        # compiles this library again
        sys.dont_write_bytecode = writes_no_bytecode
        _parse_tasks(program)
        program.parse_cleanup()
        contexts = program.parser.contexts
        ours = {name: contexts[name] for name in contexts if _is_ours(program, name)}
        twice = command_line.given_twice(program.core.unparsed, ours)
        if twice:
            raise twice
        for task in program.tasks:
            fault = command_line.fault(task)
            if fault and _is_ours(program, str(task.name)):
                raise fault
    except Exit as left:
        if left.message:
            raise _wrong_command_line(left.message) from None
        raise
    except ValueError as error:  # of an option that takes a number
        raise _wrong_command_line(f"{error}.".capitalize()) from None
    except OSError as error:
        streams.abandon(sys.stdout)
        raise _lost(error) from None
    if len(program.tasks) > 1 and any(_answers_alone(program, task) for task in program.tasks):
        text = "A document or a script is the whole answer of a run, and this run has two tasks."
        raise LabError(text, ErrorCode.BAD_COMMAND_LINE, remedy=Remedy("Run one after the other"))


def _is_ours(program: Program, name: str) -> bool:
    """Return whether a task is one of mlops-lab, and not of the user's own."""
    return hasattr(program.collection[name], "request")


def _answers_alone(program: Program, task: ParserContext) -> bool:
    """Return whether stdout is for this task alone: for its document, or for its script."""
    given = {str(name): one.value for name, one in task.args.items()}
    if given.get("json") or given.get("format") not in {None, "", "text"}:
        return True
    request = getattr(program.collection[task.name], "request", None)
    return request is not None and request.is_for_eval


def _lost(error: OSError) -> Exit:
    """Return the end of a run whose list or help cannot be written; a reader may have gone."""
    if isinstance(error, BrokenPipeError):
        return Exit()
    return Exit(f"mlops-lab: stdout cannot be written: {error.strerror}.", ExitCode.TOOL_FAILED)


def _parse_tasks(program: Program) -> None:
    """Parse the tasks and their options; a task that lacks its word may have a default."""
    try:
        program.parse_tasks()
    except ParseError as error:
        task = error.context
        if task and command_line.wants_help(task):
            _help(program, task)
        if not task or not task.missing_positional_args or task.name not in DEFAULT_WORDS:
            raise
        words = program.core.unparsed
        words.insert(words.index(task.name) + 1, DEFAULT_WORDS[task.name])
        program.parse_tasks()
    for task in filter(command_line.wants_help, program.tasks):
        _help(program, task)


def _help(program: Program, task: ParserContext) -> NoReturn:
    program.print_task_help(str(task.name))
    raise Exit


def _broken_tasks(error: Exception) -> LabError:
    """Return the error for a `tasks.py` that cannot be loaded."""
    if os.environ.get("MLOPS_LAB_DEBUG"):
        traceback.print_exception(error)
    line = getattr(error, "lineno", None)
    for frame in traceback.extract_tb(error.__traceback__):
        if Path(frame.filename).name == _TASKS:
            line = frame.lineno
    text = f"{_TASKS} cannot be loaded: {type(error).__name__}: {error}."
    remedy = Remedy("Correct it; MLOPS_LAB_DEBUG=1 shows where it comes from")
    return LabError(text, ErrorCode.INVALID_MANIFEST, file=_TASKS, line=line, remedy=remedy)


def _wrong_command_line(text: str) -> LabError:
    """Return the error for words that Invoke cannot read."""
    return LabError(text, ErrorCode.BAD_COMMAND_LINE, remedy=command_line.LIST)


def _refuse(argv: list[str], error: LabError) -> int:
    error.remedy = remedies.typable(error.remedy)
    return refuse_error(argv, error, title="bad request")
