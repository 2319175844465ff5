"""The order of steps, what is undone when one fails, and what comes of each."""

from __future__ import annotations

import sys
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tasks_lib.errors import ErrorCode, ExitCode, LabError
from tasks_lib.execution import failures, process
from tasks_lib.execution.plan import Step, Writes, execute
from tasks_lib.execution.process import Command, Outcome
from tasks_lib.results import Result, Status
from tests.cases import cases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

_PATIENCE = 5.0


class Log:
    """A watcher that keeps what it hears."""

    def __init__(self) -> None:
        """Start with nothing heard."""
        self.heard: list[str] = []

    def begin(self, step: Step) -> None:
        """Record that a step starts."""
        self.heard.append(f"begin {step.id}")

    def line(self, step: Step, text: str) -> None:
        """Record a line."""
        self.heard.append(f"{step.id}: {text}")

    def end(self, step: Step, seconds: float, *, ok: bool) -> None:
        """Record that it ended."""
        assert seconds >= 0
        self.heard.append(f"end {step.id} {'ok' if ok else 'failed'}")


def work(
    *results: Result, do: Callable[[], object] = lambda: None
) -> Callable[[], Iterable[Result]]:
    """Return the work that does something and answers with `results`."""

    def run() -> Iterable[Result]:
        do()
        return results

    return run


def fail() -> Iterable[Result]:
    """Fail as a step does."""
    text = "no good"
    raise LabError(text, ErrorCode.TOOL_FAILED)


def test_steps_wait_for_what_they_need() -> None:
    log = Log()
    steps = [
        Step("c", "C", work=work(), needs=("a", "b", "not in this plan")),
        Step("b", "B", work=work(), needs=("a",)),
        Step("a", "A", work=work()),
    ]
    results = execute(steps, log)
    assert log.heard == ["begin a", "end a ok", "begin b", "end b ok", "begin c", "end c ok"]
    assert [result.id for result in results] == ["c", "b", "a"]


def test_independent_steps_run_at_the_same_time() -> None:
    meet = threading.Barrier(3, timeout=_PATIENCE)
    steps = [Step(name, name, work=work(do=meet.wait)) for name in "abc"]
    assert [result.status for result in execute(steps, Log())] == [Status.PASS] * 3


def test_more_steps_than_workers_all_run() -> None:
    assert len(execute([Step(str(n), "", work=work()) for n in range(20)], Log())) == 20


def test_empty_plan_gives_nothing() -> None:
    assert execute([], Log()) == []


def test_step_gives_its_own_result_behind_those_of_its_work() -> None:
    own = Result("x.y", Status.WARN, "found")
    found = execute([Step("x", "X", work=work(own), why="because")], Log())
    assert found[0] == own
    assert (found[1].id, found[1].status, found[1].title, found[1].detail) == (
        "x",
        Status.PASS,
        "X",
        "because",
    )


def test_check_gives_its_findings_alone_with_the_time_it_took() -> None:
    findings = (
        Result("x.y", Status.FAIL, "found"),
        Result("x.z", Status.PASS, "timed", seconds=9.0),
    )
    found = execute([Step("x", "X", work=work(*findings), check=True)], Log())
    assert [result.id for result in found] == ["x.y", "x.z"]
    assert found[0].seconds > 0
    assert found[1].seconds == 9.0


def test_failure_is_raised_with_the_title_of_its_step() -> None:
    log = Log()
    with pytest.raises(LabError, match="no good") as caught:
        execute([Step("x", "make it", work=fail)], log)
    assert caught.value.title == "make it failed"
    assert log.heard == ["begin x", "end x failed"]


def test_failed_step_is_undone_and_what_needs_it_never_starts() -> None:
    log, undone = Log(), list[str]()
    steps = [
        Step("x", "X", work=fail, undo=lambda: undone.append("x")),
        Step("y", "Y", work=work(), needs=("x",), undo=lambda: undone.append("y")),
    ]
    with pytest.raises(LabError):
        execute(steps, log)
    assert undone == ["x"]
    assert "begin y" not in log.heard


def test_step_that_ended_well_is_not_undone() -> None:
    undone: list[str] = []
    steps = [
        Step("x", "X", work=work(), undo=lambda: undone.append("x")),
        Step("y", "Y", work=fail, needs=("x",)),
    ]
    with pytest.raises(LabError):
        execute(steps, Log())
    assert undone == []


def test_step_that_ended_well_while_another_failed_is_not_undone() -> None:
    undone: list[str] = []
    failing, done = threading.Event(), threading.Event()

    def finish() -> None:
        assert failing.wait(_PATIENCE)
        done.set()

    def fall() -> Iterable[Result]:
        failing.set()
        return fail()

    steps = [
        Step("x", "X", work=work(do=finish), undo=lambda: undone.append("x")),
        Step("y", "Y", work=fall),
    ]
    with pytest.raises(LabError):
        execute(steps, Log())
    assert done.is_set()
    assert undone == []


def test_step_that_never_started_is_not_undone() -> None:
    undone: list[str] = []
    failing = threading.Event()
    blocked = [
        Step(f"slow{n}", "", work=work(do=lambda: failing.wait(_PATIENCE))) for n in range(5)
    ]

    def fall() -> Iterable[Result]:
        failing.set()
        return fail()

    late = [
        Step(f"late{n}", "", work=work(), undo=partial(undone.append, f"late{n}"))
        for n in range(30)
    ]
    log = Log()
    with pytest.raises(LabError):
        execute([Step("x", "X", work=fall), *blocked, *late], log)
    assert [name for name in undone if f"begin {name}" not in log.heard] == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, process.Interrupted])
def test_every_other_end_is_undone_and_raised_too(error: type[BaseException]) -> None:
    undone: list[str] = []

    def fall() -> Iterable[Result]:
        raise error

    with pytest.raises(error):
        execute([Step("x", "X", work=fall, undo=lambda: undone.append("x"))], Log())
    assert undone == ["x"]


def test_failing_undo_does_not_hide_the_first_error_nor_stop_the_other_undos() -> None:
    undone: list[str] = []
    started = threading.Barrier(2, timeout=_PATIENCE)

    def wrong() -> None:
        text = "the undo failed"
        raise LabError(text, ErrorCode.TOOL_FAILED)

    def fall() -> Iterable[Result]:
        started.wait()
        return fail()

    steps = [
        Step("x", "X", work=fall, undo=wrong),
        Step("y", "Y", work=fall, undo=lambda: undone.append("y")),
    ]
    with pytest.raises(LabError, match="no good"):
        execute(steps, Log())
    assert undone == ["y"]


def test_outcome_of_a_command_goes_to_what_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: Command, **_: object) -> Outcome:
        return Outcome(command, 3, "said", "", 0.1)

    monkeypatch.setattr(process, "run", run)
    step = Step(
        "x",
        "X",
        Command(("tool",)),
        reads=lambda o: [Result("x", Status.WARN, f"{o.stdout} {o.code}")],
        check=True,
    )
    assert [result.title for result in execute([step], Log())] == ["said 3"]
    with pytest.raises(LabError, match="tool ended with exit code 3: said") as caught:
        execute([Step("y", "Y", Command(("tool",)))], Log())
    assert caught.value.title == "Y failed"


@cases(
    "step, expected",
    {
        "command": (
            Step(
                "a", "A", Command(("/x/uv", "lock", "a b"), "why", env={"UV_K": "v"}), needs=("b",)
            ),
            {
                "id": "a",
                "command": "UV_K=v uv lock 'a b'",
                "why": "why",
                "argv": ["/x/uv", "lock", "a b"],
                "needs": ["b"],
            },
        ),
        "work": (
            Step("a", "A", work=work(), shown="rm -r x"),
            {"id": "a", "command": "rm -r x", "why": "A", "argv": [], "needs": []},
        ),
        "reason of the step": (
            Step("a", "A", Command(("uv",), "its own"), why="the step's"),
            {"id": "a", "command": "uv", "why": "the step's", "argv": ["uv"], "needs": []},
        ),
    },
)
def test_dry_run_shows_the_step(step: Step, expected: dict[str, object]) -> None:
    assert step.as_dict() == expected


@cases(
    "step, changes",
    {
        "unless said otherwise": (Step("x", "X"), True),
        "new environment": (Step("x", "X", writes=Writes.NEW_ENVIRONMENT), True),
        "project": (Step("x", "X", writes=Writes.PROJECT), False),
        "check": (Step("x", "X", check=True), False),
    },
)
def test_step_says_whether_it_changes_the_environment(step: Step, *, changes: bool) -> None:
    assert step.changes_environment is changes


#: kills itself as a solver does that crashes, as often as the first word says
CRASHING = """
import os, signal, sys
from pathlib import Path
times = Path(sys.argv[2])
times.write_text(times.read_text() + "x" if times.exists() else "x")
if len(times.read_text()) <= int(sys.argv[1]):
    os.kill(os.getpid(), getattr(signal, sys.argv[3]))
print("solved")
"""


def _crashing(root: Path, crashes: int, signal: str, *, check: bool) -> tuple[Step, Log]:
    argv = (sys.executable, "-c", CRASHING, str(crashes), str(root / "times"), signal)

    def read(outcome: Outcome) -> list[Result]:
        failures.demand(outcome, title="look")
        return [Result("look", Status.PASS, outcome.stdout.strip())]

    return Step("look", "look", Command(argv), reads=read, check=check), Log()


@pytest.mark.processes
@cases(
    "signal, words",
    {
        "crashed": ("SIGSEGV", "signal 11"),
        "killed": ("SIGKILL", "signal 9"),
    },
)
def test_a_look_that_a_signal_killed_is_tried_once_more(
    root: Path, signal: str, words: str
) -> None:
    step, log = _crashing(root, 1, signal, check=True)
    assert [result.title for result in execute([step], log)] == ["solved"]
    assert any(f"was killed by {words}: it is started again" in line for line in log.heard)


@pytest.mark.processes
@cases("crashes, check, started", {"it again": (2, True, 2), "what changes": (1, False, 1)})
def test_a_signal_that_kills_is_an_error_that_names_it(
    root: Path, crashes: int, started: int, *, check: bool
) -> None:
    step, log = _crashing(root, crashes, "SIGSEGV", check=check)
    with pytest.raises(LabError, match=r"was killed by signal 11 \(Segmentation fault\)") as caught:
        execute([step], log)
    assert caught.value.exit_code is ExitCode.TOOL_FAILED
    assert len((root / "times").read_text()) == started
