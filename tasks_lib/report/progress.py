"""Write to stderr what a run is doing: live on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Self

from tasks_lib.execution import streams
from tasks_lib.execution.redaction import without_secrets
from tasks_lib.execution.streams import printable

if TYPE_CHECKING:
    from rich.status import Status as Spinner

    from tasks_lib.execution.plan import Step

_SPINNER = 2  # the columns before what it says


class Progress:
    """A watcher of a plan's steps; as a context it owns the terminal's last line."""

    def __init__(self, *, is_quiet: bool = False) -> None:
        """Show nothing before the first step begins, and nothing at all where it `is_quiet`."""
        self._is_quiet = is_quiet
        self._lock = threading.Lock()
        #: each step that ended, as it would be typed, with its beginning (seconds since 1970)
        self.timeline: list[dict[str, Any]] = []
        self._running: dict[str, str] = {}
        self._spinner: Spinner | None = None
        is_live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._live = is_live and not is_quiet

    @property
    def is_live(self) -> bool:
        """Return whether there is a terminal, whose last line shows what is going on."""
        return self._live

    def __enter__(self) -> Self:
        """Start the live line, where there is a terminal."""
        if self._live:
            from tasks_lib.report.text import console  # noqa: PLC0415 - rich costs 0.05 s, and pipes need none of it

            self._spinner = console(stderr=True).status("")
            self._spinner.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Remove the live line."""
        self.give_terminal()

    def give_terminal(self) -> None:
        """Remove the live line for good: the terminal is a child's from here on."""
        if self._spinner is not None:
            self._spinner.stop()
            self._spinner = None

    def say(self, text: str) -> None:
        """Write one line."""
        if self._is_quiet:
            return
        with self._lock:
            streams.tell(without_secrets(text))

    def begin(self, step: Step) -> None:
        """Show that a step starts."""
        self._running[step.id] = step.title
        self._show()
        if not self._live and not step.check:
            self.say(f"… {step.title}")

    def line(self, step: Step, text: str) -> None:
        """Show the last line that a step's tool printed."""
        self._show(f"{step.title}: {text.strip()}")

    def end(self, step: Step, seconds: float, *, ok: bool) -> None:
        """Show that a step ended; how it ended is in the answer."""
        del ok
        self._running.pop(step.id, None)
        row = {"id": step.id, "title": step.title, "command": step.as_dict()["command"]}
        self.timeline.append({**row, "started": time.time() - seconds, "seconds": seconds})
        self._show()

    def _show(self, text: str = "") -> None:
        if self._spinner is not None:
            shown = text or " · ".join(list(self._running.values()))
            from rich.text import Text  # noqa: PLC0415 - imported already by then

            line = Text(printable(without_secrets(shown)))
            line.truncate(self._spinner.console.width - _SPINNER, overflow="ellipsis")
            self._spinner.update(line)
