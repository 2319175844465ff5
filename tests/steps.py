"""What a test asks of a step: its words, what its work finds and reads, and where it is stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks_lib.execution.process import Command, Outcome

if TYPE_CHECKING:
    from tasks_lib.execution.plan import Step
    from tasks_lib.results import Result

_TOOL = Command(("tool",))


def argv(step: Step | None) -> tuple[str, ...]:
    """Return the words of a step's command."""
    assert step
    assert step.command
    return step.command.argv


def done(step: Step) -> list[Result]:
    """Do the work of a step, and return what it found."""
    assert step.work
    return list(step.work() or ())


def outcome(
    code: int = 0, stdout: str = "", stderr: str = "", command: Command | None = None
) -> Outcome:
    """Return how a command ended, one of no tool where none is given."""
    return Outcome(command or _TOOL, code, stdout, stderr, 0.1)


def ended(step: Step, code: int = 0, stdout: str = "", stderr: str = "") -> list[Result]:
    """Return what a step reads from its command when that ended so."""
    assert step.reads
    return list(step.reads(outcome(code, stdout, stderr, step.command)))


class _Stopped:
    def __set_name__(self, _owner: type, _name: str) -> None:
        raise KeyboardInterrupt


def make_a_class_and_be_interrupted() -> None:
    """Raise what Python raises where Ctrl-C comes while a class is made (3.11 wraps it)."""
    type("Made", (), {"field": _Stopped()})
