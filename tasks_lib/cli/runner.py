"""The one place where a task becomes an answer: it opens the session, catches errors, renders, gives the exit code."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib import bootstrap, report
from tasks_lib.errors import ExitCode, LabError
from tasks_lib.execution import usage
from tasks_lib.execution.process import Interrupted
from tasks_lib.project.manifests import PYPROJECT
from tasks_lib.project.project import root_of
from tasks_lib.report.progress import Progress
from tasks_lib.results import Report, Result, Status, from_error, verdict
from tasks_lib.session import journal, transaction
from tasks_lib.session.session import Answer, Session

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager


def answer(  # noqa: PLR0913 - what a person may say of any task
    command: str,
    work: Callable[[Any, Progress], Answer],
    *,
    project: bool = True,
    json: bool = False,
    format: str = "",  # noqa: A002 - the option's name
    output: str = "",
    strict: bool = False,
    combo: str = "",
    engine: str = "",
    python: str = "",
    source: str = "",
    changes: bool = False,
    new: bool = False,
    offline: bool = False,
) -> int:
    """Run `work` on the project of the current folder, print the answer, and give the exit code.

    One that changes something has the project for itself meanwhile; without a `project`, `work` is given no session.
    A `new` project is the current folder itself.

    Every error ends here, and no traceback reaches a person, unless MLOPS_LAB_DEBUG is set.
    """
    started = time.perf_counter()
    before = _listen()
    session: Session | None = None
    found, progress = Answer(), Progress()
    code: int
    shown, written = "json" if json else "text", ""
    try:
        shown, written = report.choose(json=json, asked=format, output=output)
        threading.Thread(
            target=report.renderer, args=(shown,), daemon=True
        ).start()  # while the tools run
        with progress, contextlib.ExitStack() as held:
            put_right = (
                held.enter_context(
                    _alone(command, progress, new=new or bool(source), offline=offline)
                )
                if changes
                else []
            )
            if project:
                session = _opened(
                    source,
                    new=new,
                    combo=combo,
                    engine=engine,
                    python=python,
                    offline=offline,
                    command=command,
                )
                progress.say(f"mlops-lab: {session.combo.id}, since {session.combo.reason}")
                if changes:
                    held.enter_context(transaction.environment_alone(session, progress.say))
            found = work(session, progress)
            found = replace(found, results=(*put_right, *found.results))
        code = verdict(found.results, strict=strict) if found.code is None else found.code
    except LabError as error:
        code, found = error.exit_code, Answer([from_error(error)])
    except (KeyboardInterrupt, Interrupted):
        code, found = ExitCode.INTERRUPTED, Answer([_stopped()])
    except Exception as error:  # noqa: BLE001 - the last resort: a fault of this program is reported as one
        code, found = ExitCode.TOOL_FAILED, Answer([_fault(error)])
    finally:
        for number in before:
            signal.signal(number, _too_late)
    measure = os.environ.get(usage.VARIABLE)
    made = Report(
        command=command,
        project=str(session.project.root) if session else _here(),
        results=tuple(found.results),
        combo=session.combo.as_dict() if session else None,
        seconds=time.perf_counter() - started,
        code=code,
        data={**found.data, "measured": usage.measured(progress.timeline)}
        if measure
        else found.data,
    )
    if written:
        try:
            report.save(made, written, Path(output))
        except LabError as error:
            made = replace(made, code=error.exit_code, results=(*made.results, from_error(error)))
    report.show(made, shown)
    for number, handler in before.items():
        signal.signal(number, handler)
    return made.code


def _here() -> str:
    with contextlib.suppress(OSError):  # the folder is gone
        return str(Path.cwd())
    return ""


def _alone(
    command: str, progress: Progress, *, new: bool, offline: bool
) -> AbstractContextManager[list[Result]]:
    """Hold the project of the current folder, where there is one or is going to be one."""
    root = Path.cwd() if new else root_of(Path.cwd())
    there = new or (root / PYPROJECT).is_file()
    if not there:
        return contextlib.nullcontext([])
    return transaction.alone(root, command, progress.say, offline=offline)


def _opened(source: str, *, new: bool, command: str, **asked: Any) -> Session:  # noqa: ANN401 - options as they are
    """Open the session of the current folder, be it a project yet or not, or of what `source` describes."""
    if new:
        from tasks_lib import importers  # noqa: PLC0415 - only one task needs it

        return replace(importers.opened(**asked), command=command)
    if not source:
        return Session.open(command=command, **asked)
    from tasks_lib.workflows import snapshot  # noqa: PLC0415 - only one task needs it

    return replace(snapshot.opened(source, **asked), command=command)


def _listen() -> dict[int, Any]:
    """Take what asks a run to end as an exception, unless whoever started it has it ignored (`nohup`)."""
    heard = [
        number
        for number in bootstrap.stop_signals()
        if signal.getsignal(number) is not signal.SIG_IGN
    ]
    return {number: signal.signal(number, _interrupt) for number in heard}


def _interrupt(number: int, _frame: object) -> None:
    raise KeyboardInterrupt if number == signal.SIGINT else Interrupted


def _too_late(_number: int, _frame: object) -> None:
    """Go on: the run is over, and its answer is being given."""


def _stopped() -> Result:
    text = "nothing is half made"
    if (here := _here()) and journal.exists(root_of(Path(here))):
        text = "the next run that changes the project puts back what this one had changed"
    return Result("error.interrupted", Status.ERROR, "interrupted", f"The run was stopped; {text}.")


def _fault(error: Exception) -> Result:
    if os.environ.get("MLOPS_LAB_DEBUG"):
        traceback.print_exc()
    if isinstance(error, OSError):
        place = f" ({error.filename})" if error.filename else ""
        return Result(
            "error.system", Status.ERROR, "the system refused", f"{error.strerror or error}{place}."
        )
    text = f"{type(error).__name__}: {error}"
    remedy = "set MLOPS_LAB_DEBUG=1, run it again, and report what it prints"
    return Result("error.internal", Status.ERROR, "a fault of mlops-lab itself", text, remedy)
