"""Steps and the order between them: computed first, shown by a dry run, and carried out as they are."""

from __future__ import annotations

import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution import failures, process, redaction
from tasks_lib.results import Result, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tasks_lib.execution.process import Command, Outcome

_AT_ONCE = 6


class Writes(Enum):
    """What a step changes, which tells what has to be put back when the run fails."""

    PROJECT = "project"  # files of the project: a manifest, a lock
    ENVIRONMENT = "environment"
    NEW_ENVIRONMENT = "new environment"  # created from scratch, or cleared for that


class Installs(Enum):
    """What a step installs into an environment that may exist already; the guard looks at its plan first."""

    LAYER_PACKAGES = "layer packages"  # packages of the environment layer itself
    PYTHON_PACKAGES = "python packages"  # distributions from an index, beside the lock


@dataclass(frozen=True)
class Step:
    """One thing to do: a command, or work in this process.

    - `shown` describes the work to a user, as a command that does the same.
    - `needs` names the steps that must end well first; one that is not in the plan is not waited for.
    - `reads` turns the outcome of the command into results. Without it, a command that fails raises the error that
      its words mean.
    - `undo` is called when the step was started and did not end well.
    - `check` says that the results are findings, and that nothing is changed.
    - `writes` says what is changed by a step that is not a check.
    - `installs` says what the guard has to look at before this step.
    - `safe` says why the step cannot do harm, for `explain`.
    """

    id: str
    title: str
    command: Command | None = None
    work: Callable[[], Iterable[Result] | None] | None = field(default=None, compare=False)
    shown: str = ""
    why: str = ""
    needs: tuple[str, ...] = ()
    reads: Callable[[Outcome], Iterable[Result]] | None = field(default=None, compare=False)
    undo: Callable[[], None] | None = field(default=None, compare=False)
    check: bool = False
    writes: Writes = Writes.ENVIRONMENT
    installs: Installs | None = None
    safe: str = ""

    @property
    def changes_environment(self) -> bool:
        """Return whether the environment may differ once this step has begun."""
        return not self.check and self.writes is not Writes.PROJECT

    def as_dict(self) -> dict[str, Any]:
        """Give the step as a dry run shows it."""
        command = self.command
        return {
            "id": self.id,
            "command": redaction.without_secrets(command.shown if command else self.shown),
            "why": self.why or (command.why if command else "") or self.title,
            "argv": [redaction.without_secrets(word) for word in command.argv] if command else [],
            "needs": list(self.needs),
        }


class Watcher(Protocol):
    """What is told of a run while it goes on."""

    def begin(self, step: Step) -> None:
        """Hear that a step starts."""

    def line(self, step: Step, text: str) -> None:
        """Hear a line that its tool printed."""

    def end(self, step: Step, seconds: float, *, ok: bool) -> None:
        """Hear that it ended."""


def execute(
    steps: Sequence[Step],
    watcher: Watcher,
    *,
    at_once: int = _AT_ONCE,
    first: Callable[[Step], None] = lambda _: None,
) -> list[Result]:
    """Carry out `steps`, those that are independent at the same time, and give the results in the plan's order.

    The first step that fails ends the others, what they left half made is undone, and its error is raised. `first` is
    called with each step before it starts.
    """
    children = process.Children()
    waiting = {step.id: step for step in steps}
    done: dict[str, list[Result]] = {}
    running: dict[Future[list[Result]], Step] = {}
    pool = ThreadPoolExecutor(max_workers=at_once)
    try:
        while waiting or running:
            unfinished = {*waiting, *(step.id for step in running.values())}
            for step in [one for one in waiting.values() if unfinished.isdisjoint(one.needs)]:
                del waiting[step.id]
                running[pool.submit(_carry_out, step, watcher, children, first)] = step
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                done[running[future].id] = future.result()
                del running[future]
    except BaseException as error:
        children.stop()
        pool.shutdown(wait=True, cancel_futures=True)
        failed = [
            step
            for future, step in running.items()
            if not future.cancelled() and future.exception()
        ]
        _undo(failed, error)
        raise
    pool.shutdown()
    return [result for step in steps for result in done[step.id]]


def _undo(failed: Iterable[Step], error: BaseException) -> None:
    """Undo each step, though another's undo fails, and say with the error that ends the run which ones did."""
    stuck = []
    for step in failed:
        try:
            if step.undo:
                step.undo()
        except Exception as fault:  # noqa: BLE001 - the first error is the one that a person must see
            stuck.append(f"what '{step.title}' left ({fault})")
    if stuck:
        say_with(error, f"This could not be put back as it was: {', '.join(stuck)}")


def say_with(error: BaseException, text: str) -> None:
    """Add a sentence to the error that ends a run; one that can bear none is replaced by one that does."""
    if not isinstance(error, LabError):
        raise LabError(text, ErrorCode.NOT_RESTORED) from error
    error.message += f" {text}"


def _carry_out(
    step: Step, watcher: Watcher, children: process.Children, first: Callable[[Step], None]
) -> list[Result]:
    started = time.perf_counter()
    first(step)
    watcher.begin(step)
    try:
        if step.command is not None:
            outcome = process.run(
                step.command,
                children=children,
                on_line=lambda text: watcher.line(step, redaction.without_secrets(text)),
            )
            if step.reads is None:
                failures.demand(outcome, title=step.title)
            found = list(step.reads(outcome)) if step.reads else []
        else:
            found = list(step.work() or ()) if step.work else []
    except LabError as error:
        if error.code is ErrorCode.TOOL_FAILED and error.title == error.code.headline:
            error.title = f"{step.title} failed"
        watcher.end(step, time.perf_counter() - started, ok=False)
        raise
    seconds = time.perf_counter() - started
    watcher.end(step, seconds, ok=True)
    if step.check:
        return [replace(result, seconds=result.seconds or seconds) for result in found]
    return [*found, Result(step.id, Status.PASS, step.title, detail=step.why, seconds=seconds)]
