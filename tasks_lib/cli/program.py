"""Run Invoke in the tool environment; a wrong command line gets an answer in the usual form."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.exceptions import CollectionNotFound, Exit, ParseError
from invoke.program import Program

from tasks_lib import __version__, bootstrap
from tasks_lib.cli import completion
from tasks_lib.cli.startup_error import refuse_error
from tasks_lib.errors import ErrorCode, ExitCode, LabError, Remedy
from tasks_lib.report.remedies import typable

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoke.collection import Collection

#: what a shell's completion begins with, before the words up to the cursor
COMPLETE = ["--complete", "--"]
#: The word that a task takes where the user gives none: Invoke has no optional words.
_DEFAULT_WORDS = {"docs": "index"}


def main(argv: list[str], bundled: Callable[[], Collection], *, own_tasks: bool) -> int:
    """Run the tasks that `argv` names, and return the exit code.

    The tasks are those of the folder's own `tasks.py`. With `own_tasks`, or without that file, they
    are the `bundled` ones.
    """
    program = Program(version=__version__, name="mlops-lab")
    if own_tasks or not Path("tasks.py").is_file():
        program.namespace = bundled()
    typed = os.environ.pop(bootstrap.PROGRAM, "python3 -m tasks_lib")
    if own_tasks:
        typed = "mlops-lab"
    sys.argv = [typed, *argv]
    if argv[:2] == COMPLETE:
        return _complete(program, argv[2:])
    try:
        return _run(program, argv)
    except SystemExit as left:
        if isinstance(left.code, int):
            return left.code
        return int(left.code is not None)
    finally:
        bootstrap.ignore_stop_signals()  # the answer is given, and there is no other


def _complete(program: Program, words: list[str]) -> int:
    """Print what the last word could become, one a line; nothing where the tasks cannot be read."""
    sys.argv = sys.argv[:1]  # the folder's tasks.py looks there, and would come back here
    program.create_config()
    program.parse_core(["mlops-lab"])
    with contextlib.suppress(CollectionNotFound, Exit):
        program.parse_collection()
    if program.collection:
        lines = completion.candidates(program.collection, words)
        sys.stdout.writelines(f"{line}\n" for line in lines)
    return ExitCode.DONE


def _run(program: Program, argv: list[str]) -> int:
    program.create_config()
    writes_no_bytecode = sys.dont_write_bytecode
    try:
        program.parse_core(["mlops-lab", *(argv or ["--list"])])
        program.parse_collection()
        # Invoke turns bytecode off, to leave none of tasks.py; without it each run of a checkout
        # compiles this library again
        sys.dont_write_bytecode = writes_no_bytecode
        _parse_tasks(program)
        program.parse_cleanup()
        program.update_config()
        program.execute()
    except (ParseError, CollectionNotFound) as error:
        return _refuse(argv, _wrong_command_line(error))
    except LabError as error:  # of a task that has no project to answer for
        return _refuse(argv, error)
    except Exit as left:
        return int(left.code)
    return ExitCode.DONE


def _parse_tasks(program: Program) -> None:
    """Parse the tasks and their options; a task that lacks its word may have a default."""
    try:
        program.parse_tasks()
    except ParseError as error:
        task = error.context
        if task is None or not task.missing_positional_args or task.name not in _DEFAULT_WORDS:
            raise
        words = program.core.unparsed
        words.insert(words.index(task.name) + 1, _DEFAULT_WORDS[task.name])
        program.parse_tasks()


def _wrong_command_line(error: Exception) -> LabError:
    """Return the error for words that Invoke cannot read."""
    text = str(error).replace("No idea what", "There is no task or option named")
    text = text.replace(" is!", ".")
    remedy = Remedy("List the tasks", ("invoke", "--list"))
    return LabError(text, ErrorCode.BAD_COMMAND_LINE, remedy=remedy)


def _refuse(argv: list[str], error: LabError) -> int:
    error.remedy = typable(error.remedy)
    return refuse_error(argv, error, title="bad request")
