"""Turn a task into an answer: open the session, catch errors, print the report."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib import report
from tasks_lib.cli.request import Scope
from tasks_lib.cli.stop_signals import StopSignals
from tasks_lib.environments import claims
from tasks_lib.errors import ErrorCode, ExitCode, LabError, Remedy
from tasks_lib.execution import files, shell_words, streams, usage
from tasks_lib.execution.plan import Step
from tasks_lib.execution.process import Interrupted
from tasks_lib.managers import parts
from tasks_lib.project import included, trust
from tasks_lib.project.manifests import PYPROJECT
from tasks_lib.project.project import root_of
from tasks_lib.report.progress import Progress
from tasks_lib.report.remedies import is_task, with_options
from tasks_lib.results import Report, Result, Status, from_error, verdict
from tasks_lib.session import combos, journal, transaction
from tasks_lib.session.session import Answer, Session
from tasks_lib.tools import executables

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from tasks_lib.cli.request import Request

    #: What a task does with its session; a task without a project is given none.
    Work = Callable[[Any, Progress], Answer]


def answer(request: Request, work: Work) -> int:
    """Run `work`, print its answer and return the exit code.

    Every error ends here. No traceback reaches a user, unless MLOPS_LAB_DEBUG is set.
    """
    started = time.perf_counter()
    run = _Run(request, work)
    with StopSignals() as signals:
        try:
            found, code = run.ended()
        finally:
            signals.ignore()
        made = run.report(found, code, time.perf_counter() - started)
        if run.saved:
            made = _save(made, run.saved, Path(request.output))
        if request.project:  # another task of this command line may be about another folder
            with contextlib.suppress(OSError):
                os.chdir(run.typed_in)
        if request.quiet and request.acts and run.shown == "text":
            made = replace(made, data={})
        try:
            report.show(made, run.shown, is_for_eval=request.is_for_eval, is_quiet=request.quiet)
        except LabError as error:
            streams.tell(f"mlops-lab: {error}")
            return error.exit_code
    return made.code


class _Run:
    """One task on its way to an answer."""

    def __init__(self, request: Request, work: Work) -> None:
        """Open nothing yet."""
        self.request = request
        self.work = work
        self.progress = Progress(is_quiet=request.quiet)
        #: the folder that the user is in; the option `project` may be another one
        self.typed_in = _here()
        self.session: Session | None = None
        #: the formats for stdout and for the file `output`
        self.shown = "json" if request.json else "text"
        self.saved = ""

    def ended(self) -> tuple[Answer, int]:
        """Carry the task out, and return its answer and exit code; an error is an answer too."""
        try:
            found = self._carried_out()
        except LabError as error:
            return Answer([from_error(error)]), error.exit_code
        except (KeyboardInterrupt, Interrupted):
            return Answer([_interrupted()]), ExitCode.INTERRUPTED
        except Exception as error:  # noqa: BLE001 - the last resort: a fault of this program
            # Python 3.11 wraps what is raised in __set_name__: python/cpython#77757
            if isinstance(error.__cause__, (KeyboardInterrupt, Interrupted)):
                return Answer([_interrupted()]), ExitCode.INTERRUPTED
            return Answer([_fault(error)]), ExitCode.TOOL_FAILED
        if found.code is not None:
            return found, found.code
        return found, verdict(found.results, strict=self.request.strict)

    def _carried_out(self) -> Answer:
        request, say = self.request, self.progress.say
        self.shown, self.saved = report.choose(
            json=request.json, asked=request.format, output=request.output
        )
        if request.project:
            _go_to(request.project)
        executables.refuse_home_file()
        threading.Thread(target=report.import_ahead, args=(self.shown,), daemon=True).start()
        recovered: list[Result] = []
        with self.progress, contextlib.ExitStack() as held:
            if request.changes:
                recovered = held.enter_context(_project_alone(request, say))
            if request.scope is not Scope.ANYWHERE:
                self.session = _opened(request)
                combo = self.session.combo
                say(f"mlops-lab: {combo.id}, since {combo.reason}")
                if request.changes:
                    held.enter_context(transaction.environment_alone(self.session, say))
            found = self.work(self.session, self.progress)
            if request.changes and self.session and self.session.project.chosen:
                self.session.project.remember_included()
            if request.changes and request.trusts and self.session:
                _trust(self.session)  # what is refused says nothing
        return replace(found, results=(*recovered, *found.results))

    def _typable(self, results: Sequence[Result]) -> tuple[Result, ...]:
        """Return results whose remedies work where the user is, and on the same environment."""
        options: tuple[str, ...] = ()
        # flags reads the project again
        if self.session and any(is_task(one.remedy) for one in results):
            options = combos.flags(self.session.project, self.session.combo)
            if self.request.engine:
                options = (*options, "--engine", self.request.engine)
        place = self.request.project
        return tuple(
            replace(one, remedy=with_options(one.remedy, options, place)) for one in results
        )

    def _plan(self, plan: Sequence[object]) -> list[object]:
        """Return the rows of a plan, the first of which goes to the project's folder."""
        root = self.session.project.root if self.session else Path(self.typed_in)
        if not plan or str(root) == self.typed_in:
            return [*plan]
        command = shell_words.joined(["cd", os.path.relpath(root, self.typed_in or None)])
        why = "the commands below are for the project's folder"
        first = Step("project.folder", why, shown=command)
        return [first.as_dict(), *plan]

    def report(self, found: Answer, code: int, seconds: float) -> Report:
        """Return the report of an answer."""
        data = dict(found.data)
        if os.environ.get(usage.VARIABLE):
            data["measured"] = usage.measured(self.progress.timeline)
        project, combo = _here(), None
        results = self._typable(found.results)
        if self.session:
            project = str(self.session.project.root)
            combo = self.session.combo.as_dict()
        if "plan" in data:
            data["plan"] = self._plan(data["plan"])
        return Report(
            command=self.request.command,
            project=project,
            results=results,
            combo=combo,
            seconds=seconds,
            code=code,
            data=data,
        )


def _save(made: Report, form: str, path: Path) -> Report:
    """Write the report to a file; where that fails, return a report that says so too."""
    try:
        if here := _here():
            files.inside(root_of(Path(here)), here / path, typed=True)
        report.save(made, form, path)
    except LabError as error:
        results = (*made.results, from_error(error))
        return replace(made, code=error.exit_code, results=results)
    return made


def _go_to(folder: str) -> None:
    try:
        os.chdir(folder)
    except OSError as error:
        text = f"{folder}, which --project names, cannot be entered: {error.strerror}."
        remedy = Remedy("Name the folder of a project")
        raise LabError(text, ErrorCode.NO_SUCH_PATH, remedy=remedy) from None


def _here() -> str:
    """Return the current folder; empty where it was deleted."""
    with contextlib.suppress(OSError):
        return str(Path.cwd())
    return ""


def _project_alone(
    request: Request, say: Callable[[str], None]
) -> AbstractContextManager[list[Result]]:
    """Hold the project of the current folder, where there is one or is going to be one."""
    root = Path.cwd()
    if not request.is_for_this_folder:
        root = root_of(root)
        if not (root / PYPROJECT).is_file():
            return contextlib.nullcontext([])
    return transaction.alone(root, request.command, say, offline=request.offline)


def _opened(request: Request) -> Session:
    """Open the session of the current folder, or of what `request.source` describes."""
    flags: dict[str, Any] = {
        "combo": request.combo,
        "engine": request.engine,
        "python": request.python,
        "offline": request.offline,
    }
    if request.scope is Scope.FOLDER:
        from tasks_lib.workflows import adoption  # noqa: PLC0415 - only one task needs it

        session = adoption.opened(**flags)
    elif request.source:
        from tasks_lib.workflows import snapshot  # noqa: PLC0415 - only one task needs it

        session = snapshot.opened(request.source, **flags)
    else:
        session = Session.open(**flags)
    if request.trust:
        _trust(session)
    parts.expect_known(session.manager)
    if request.extra or request.dev or request.no_dev:
        before, known = session.project.included, session.manager.extras()
        session = session.choosing(
            included.choose(before, known, request.extra, dev=request.dev, no_dev=request.no_dev)
        )
    if not (request.trusts or request.trust or _trusts(session)):
        session = session.untrusting()
    return replace(session, command=request.command, place=request.project)


def _trust(session: Session) -> None:
    """Remember that the user trusts the checkout, with the environment that it has now."""
    trust.give(session.project.root, claims.identity(session.environment))


def _trusts(session: Session) -> bool:
    """Return whether the checkout is trusted with its environment; else git is not asked."""
    root = session.project.root
    return trust.is_given(root) and trust.is_given(root, claims.identity(session.environment))


def _interrupted() -> Result:
    state = "nothing is half made"
    here = _here()
    if here and journal.exists(root_of(Path(here))):
        state = "the next run that changes the project restores what this one had changed"
    return Result(
        "error.interrupted",
        Status.ERROR,
        "interrupted",
        f"The run was stopped; {state}.",
        code=ErrorCode.INTERRUPTED,
    )


def _fault(error: Exception) -> Result:
    """Return the result for an error that nobody expected."""
    if os.environ.get("MLOPS_LAB_DEBUG"):
        traceback.print_exc()
    title, code = "the system refused", ErrorCode.SYSTEM_ERROR
    if streams.lacks_memory(error):
        text, remedy = streams.NO_MEMORY, Remedy(streams.RAISE_LIMITS)
        return Result("error.system", Status.ERROR, title, text, remedy, code=code)
    if isinstance(error, OSError):
        text = str(error.strerror or error)
        if error.filename:
            text += f" ({error.filename})"
        remedy = Remedy()
        if isinstance(error, PermissionError):
            remedy = Remedy(f"Check the permissions of {error.filename or 'the current folder'}")
        return Result("error.system", Status.ERROR, title, f"{text}.", remedy, code=code)
    return Result(
        "error.internal",
        Status.ERROR,
        "a fault of mlops-lab itself",
        f"{type(error).__name__}: {error}",
        Remedy("Set MLOPS_LAB_DEBUG=1, run it again, and report what it prints"),
        code=ErrorCode.INTERNAL_ERROR,
    )
