"""What a signal that asks a run to stop does while a task runs, and while its answer is printed."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any, Self

from tasks_lib import bootstrap
from tasks_lib.execution.process import Interrupted

if TYPE_CHECKING:
    from collections.abc import Mapping


class StopSignals:
    """Raise an exception for each stop signal, until the run has ended.

    A signal that is ignored stays ignored: whoever started the run wants that (`nohup`).
    """

    def __init__(self) -> None:
        """Change nothing yet."""
        self._before: Mapping[int, Any] = {}

    def __enter__(self) -> Self:
        """Raise from here on."""
        numbers = bootstrap.stop_signals()
        heard = [one for one in numbers if signal.getsignal(one) is not signal.SIG_IGN]
        self._before = {number: signal.signal(number, _interrupt) for number in heard}
        return self

    def ignore(self) -> None:
        """Let them pass: the run has ended, and its answer is being printed."""
        for number in self._before:
            signal.signal(number, _go_on)

    def __exit__(self, *_: object) -> None:
        """Restore what was before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)


def _interrupt(number: int, _frame: object) -> None:
    raise KeyboardInterrupt if number == signal.SIGINT else Interrupted


def _go_on(_number: int, _frame: object) -> None:
    """Do nothing; unlike SIG_IGN, this is not inherited by other programs."""
