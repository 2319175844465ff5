"""Steps and the order between them: computed first, shown by a dry run, then carried out."""

from __future__ import annotations

import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution import failures, process, redaction, shell_words
from tasks_lib.results import Result, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tasks_lib.execution.process import Command, Outcome

_AT_ONCE = 6


def unknown(_: process.Children) -> None:
    """Return that only the command can tell."""


class Writes(Enum):
    """What a step changes, which tells what has to be put back when the run fails."""

    PROJECT = "project"  # files of the project: a manifest, a lock
    ENVIRONMENT = "environment"
    NEW_ENVIRONMENT = "new environment"  # created from scratch, or cleared for that


class Installs(Enum):
    """What a step installs into an environment; the guard looks at its plan first."""

    LAYER_PACKAGES = "layer packages"  # packages of the environment layer itself
    LOCKED_PACKAGES = "locked packages"  # those that the layer's own lock lists
    PYTHON_PACKAGES = "python packages"  # distributions from an index, beside the lock


@dataclass(frozen=True)
class Step:
    """One thing to do: a command, or work in this process.

    - `shown` describes the work to a user, as a command that does the same; beside a `command` it
      is what is done after that.
    - `needs` names the steps that must end well first; one that is not in the plan is not waited
      for.
    - `reads` turns the outcome of the command into results. Without it, a command that fails raises
      the error that its words mean.
    - `known` returns the results where they can be told without the command, else None; what it
      starts is among the run's children.
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
    known: Callable[[process.Children], Iterable[Result] | None] = field(
        default=unknown, compare=False
    )
    undo: Callable[[], None] | None = field(default=None, compare=False)
    check: bool = False
    writes: Writes = Writes.ENVIRONMENT
    installs: Installs | None = None
    safe: str = ""

    @property
    def changes_environment(self) -> bool:
        """Return whether the environment may differ once this step has begun."""
        return not self.check and self.writes is not Writes.PROJECT

    def after(self, *ids: str) -> Step:
        """Return the step as one that waits for these steps too."""
        return replace(self, needs=(*self.needs, *ids))

    def as_dict(self) -> dict[str, Any]:
        """Return the step as a dry run shows it."""
        shown, why, argv = self.shown, self.why, list[str]()
        if self.command:
            lines = [shell_words.shown(self.command), self.shown]
            shown, why = "\n".join(filter(None, lines)), why or self.command.why
            argv = [redaction.without_secrets(word) for word in self.command.argv]
        return {
            "id": self.id,
            "command": redaction.without_secrets(shown),
            "why": why or self.title,
            "argv": argv,
            "needs": list(self.needs),
        }


class Watcher(Protocol):
    """What is told of a run while it goes on."""

    def begin(self, step: Step) -> None:
        """Note that a step starts."""

    def line(self, step: Step, text: str) -> None:
        """Note a line that its tool printed."""

    def end(self, step: Step, seconds: float, *, ok: bool) -> None:
        """Note that it ended."""


def execute(
    steps: Sequence[Step],
    watcher: Watcher,
    *,
    at_once: int = _AT_ONCE,
    first: Callable[[Step], None] = lambda _: None,
) -> list[Result]:
    """Carry out `steps`, independent ones at the same time; return results in the plan's order.

    The first step that fails ends the others. What they left unfinished is undone, and its error is
    raised. `first` is called with each step before it starts.
    """
    children = process.Children()
    waiting = {step.id: step for step in steps}
    running: dict[Future[list[Result]], Step] = {}
    done: dict[str, list[Result]] = {}
    pool = ThreadPoolExecutor(max_workers=at_once)
    try:
        while waiting or running:
            for step in _ready(waiting, running.values()):
                del waiting[step.id]
                running[pool.submit(_carry_out, step, watcher, children, first)] = step
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                done[running[future].id] = future.result()
                del running[future]
    except BaseException as error:
        children.stop()
        pool.shutdown(wait=True, cancel_futures=True)
        _undo(running, error)
        raise
    pool.shutdown()
    results: list[Result] = []
    for step in steps:
        results += done[step.id]
    return results


def look(step: Step) -> list[Result]:
    """Return the findings of one check that is part of no plan, by what is known or its command."""
    found = step.known(process.Children())
    if found is None and step.command and step.reads:
        found = step.reads(process.run(step.command))
    return list(found or ())


def _ready(waiting: Mapping[str, Step], running: Iterable[Step]) -> list[Step]:
    """Return the steps that need none which has not ended."""
    unfinished = {*waiting, *(step.id for step in running)}
    return [step for step in waiting.values() if unfinished.isdisjoint(step.needs)]


def _undo(running: Mapping[Future[list[Result]], Step], error: BaseException) -> None:
    """Undo each step that failed, though another's undo fails; the run's error names the latter."""
    stuck = []
    for future, step in running.items():
        if step.undo is None or future.cancelled() or not future.exception():
            continue
        try:
            step.undo()
        except Exception as fault:  # noqa: BLE001 - a user must see the first error
            stuck.append(f"what '{step.title}' left ({fault})")
    if stuck:
        say_with(error, f"This could not be undone: {', '.join(stuck)}")


def say_with(error: BaseException, text: str) -> None:
    """Add a sentence to the error that ends a run; raise a `LabError` where it is another one."""
    if not isinstance(error, LabError):
        raise LabError(text, ErrorCode.NOT_RESTORED) from error
    error.message += f" {text}"


def _carry_out(
    step: Step, watcher: Watcher, children: process.Children, first: Callable[[Step], None]
) -> list[Result]:
    """Carry out one step, and return its findings, or its own result behind them."""
    started = time.perf_counter()
    first(step)
    watcher.begin(step)
    try:
        found = _findings(step, watcher, children)
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


def _findings(step: Step, watcher: Watcher, children: process.Children) -> list[Result]:
    """Run the step's command or its work, and return what it found."""
    known = step.known(children)
    if known is not None:
        return list(known)
    if step.command is None:
        return list(step.work() or ()) if step.work else []

    def tell(text: str) -> None:
        watcher.line(step, redaction.without_secrets(text))

    outcome = process.run(step.command, children=children, on_line=tell)
    if step.check and outcome.code < 0:  # it changes nothing, and solvers crash now and then
        tell(f"{step.command.program} was killed by signal {-outcome.code}: it is started again")
        outcome = process.run(step.command, children=children, on_line=tell)
    if step.reads:
        return list(step.reads(outcome))
    failures.demand(outcome, title=step.title)
    return []
