"""The one place where a task becomes an answer: it opens the session, catches errors, renders, gives the exit code."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tasks_lib import report, toolbox
from tasks_lib.errors import ExitCode, LabError
from tasks_lib.process import Interrupted
from tasks_lib.report.model import Report, Result, Status, from_error, verdict
from tasks_lib.report.progress import Progress
from tasks_lib.session import Answer, Session

if TYPE_CHECKING:
    from collections.abc import Callable


def answer(  # noqa: PLR0913 - what a person may say of any task
    command: str,
    work: Callable[[Session, Progress], Answer],
    *,
    json: bool = False,
    format: str = "",  # noqa: A002 - the option's name
    output: str = "",
    strict: bool = False,
    combo: str = "",
    engine: str = "",
    python: str = "",
    source: str = "",
) -> int:
    """Run `work` on the project of the current folder, print the answer, and give the exit code.

    Every error ends here, and no traceback reaches a person, unless MLOPS_LAB_DEBUG is set.
    """
    started = time.perf_counter()
    before = signal.signal(signal.SIGTERM, _interrupt)
    session: Session | None = None
    found = Answer()
    code: int
    shown, written = "json" if json else "text", ""
    try:
        shown, written = report.choose(json=json, asked=format, output=output)
        threading.Thread(target=report.renderer, args=(shown,), daemon=True).start()  # while the tools run
        with Progress() as progress:
            session = _opened(source, combo=combo, engine=engine, python=python)
            progress.say(f"mlops-lab: {session.combo.id}, since {session.combo.reason}")
            found = work(session, progress)
        code = verdict(found.results, strict=strict) if found.code is None else found.code
    except LabError as error:
        code, found = error.code, Answer([from_error(error)])
    except (KeyboardInterrupt, Interrupted):
        stopped = Result("error.interrupted", Status.ERROR, "interrupted", "The run was stopped; nothing is half made.")
        code, found = ExitCode.INTERRUPTED, Answer([stopped])
    except Exception as error:  # noqa: BLE001 - the last resort: a fault of this program is reported as one
        if os.environ.get("MLOPS_LAB_DEBUG"):
            traceback.print_exc()
        code, found = ExitCode.TOOL_FAILED, Answer([_fault(error)])
    finally:
        signal.signal(signal.SIGTERM, before)
    made = Report(
        command=command,
        project=str(session.project.root if session else Path.cwd()),
        results=tuple(_typable(result) for result in found.results),
        combo=session.combo.as_dict() if session else None,
        seconds=time.perf_counter() - started,
        code=code,
        data=found.data,
    )
    if written:
        try:
            report.save(made, written, Path(output))
        except LabError as error:
            made = replace(made, code=error.code, results=(*made.results, _typable(from_error(error))))
    report.show(made, shown)
    return made.code


def _opened(source: str, *, combo: str, engine: str, python: str) -> Session:
    """Open the session of the current folder, or of the description that `source` names."""
    if not source:
        return Session.open(combo=combo, engine=engine, python=python)
    from tasks_lib import description  # noqa: PLC0415 - only one task needs it

    return description.opened(source, combo=combo, engine=engine, python=python)


def _typable(result: Result) -> Result:
    """Write the remedy's `invoke …` the way in which this person runs tasks."""
    remedy = re.sub(r"\binvoke (?=[\w-]+)", f"{toolbox.program()} ", result.remedy)
    return replace(result, remedy=remedy)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _fault(error: Exception) -> Result:
    if isinstance(error, OSError):
        place = f" ({error.filename})" if error.filename else ""
        return Result("error.system", Status.ERROR, "the system refused", f"{error.strerror or error}{place}.")
    text = f"{type(error).__name__}: {error}"
    remedy = "set MLOPS_LAB_DEBUG=1, run it again, and report what it prints"
    return Result("error.internal", Status.ERROR, "a fault of mlops-lab itself", text, remedy)
