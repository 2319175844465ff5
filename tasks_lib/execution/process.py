"""Start processes: the only module that starts a tool.

Standard library alone: the first start uses it.

Invoke's own `run` takes no argument list: https://github.com/pyinvoke/invoke/issues/2
"""

from __future__ import annotations

import contextlib
import locale
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution import file_lock, forking, keeping, time_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tasks_lib.execution.failure_rules import Rule

#: Variables that would let one environment's Python reach into another. One plain list, since the
#: first start uses this module before any layer can be imported. A tool's own variables are in its
#: table (`tools.variables`).
FOREIGN = (
    "VIRTUAL_ENV",
    "VIRTUAL_ENV_PROMPT",
    "CONDA_PREFIX",
    "CONDA_DEFAULT_ENV",
    "CONDA_PROMPT_MODIFIER",
    "CONDA_SHLVL",
    "PYTHONPATH",
    "PYTHONHOME",
    "__PYVENV_LAUNCHER__",
)
#: How the variables begin that are shown; others are the user's own, and may be secrets.
_SHOWN = ("PATH", "VIRTUAL_ENV", "CONDA_", "MAMBA_", "UV_", "POETRY_", "PIP_", "PYTHON")
#: How the variables end by which a tool is told to stay offline.
_OFFLINE = ("_OFFLINE", "_NO_INDEX")
#: What is shown in place of a secret.
HIDDEN = "***"
_LOGINS = ("POETRY_HTTP_BASIC", "POETRY_PYPI_TOKEN", "UV_PUBLISH")
#: The seconds that a process has to end, and its last output to arrive.
_GRACE = 5.0
#: The seconds between two looks at what a process does.
_LOOK = 0.5
#: What is read has no colours, whatever the user forces, and a width of its own: a tool would break
#: addresses at that of the user's terminal.
_READ = {"COLUMNS": "10000", "NO_COLOR": "1"}
_COLOURS = ("FORCE_COLOR", "CLICOLOR_FORCE", "PY_COLORS", "PYTHON_COLORS", "TTY_COMPATIBLE")
_POSIX = os.name == "posix"
#: What is started: by the system, or by a fork server.
Child = subprocess.Popen[str] | forking.Forked


@dataclass(frozen=True)
class Command:
    """One process to start: an argument list, never a string for a shell.

    - `why` is for a user.
    - `env` is laid over this process's environment less `FOREIGN`; `None` unsets a variable.
    - `defaults` are variables that count where the user has set none; they are not shown.
    - `turn` is a file by which commands wait for each other, in all runs on this machine.
    - `source` is where it downloads from, for a message.
    - `failures` says what the program's words mean when it fails.
    - `through` is a file of Python by which the program is started in place of its path; a fork
      server can import it (`forking`).
    """

    argv: tuple[str, ...]
    why: str = ""
    env: Mapping[str, str | None] = field(default_factory=dict, hash=False)
    defaults: Mapping[str, str] = field(default_factory=dict, hash=False, compare=False)
    cwd: Path | None = None
    turn: Path | None = None
    source: str = ""
    failures: tuple[Rule, ...] = ()
    through: Path | None = None

    @property
    def offline(self) -> bool:
        """Return whether its variables tell it to take what it needs from caches alone."""
        return any(value and name.endswith(_OFFLINE) for name, value in self.env.items())

    @property
    def addressed(self) -> str:
        """Return all that may name an address which it asks, on a line each."""
        return "\n".join((*filter(None, self.env.values()), *self.argv, self.source))

    @property
    def program(self) -> str:
        """Return the program as a user would type it."""
        return Path(self.argv[0]).name.removesuffix(".exe")


def visible(key: str, value: str) -> tuple[str, str]:
    """Return what a user sees of a variable's value, and the variable whose value follows it.

    The present PATH is `PATH` itself. A variable of the user's own may be a secret.
    """
    if not key.startswith((*_SHOWN, "MLOPS_LAB_")) or key.startswith(_LOGINS):
        return HIDDEN, ""
    behind = f"{os.pathsep}{os.environ.get('PATH', '')}"
    if key == "PATH" and value.endswith(behind):
        return value.removesuffix(behind), "PATH"
    return value, ""


@dataclass(frozen=True)
class Outcome:
    """What a process left: its exit code, what it printed, and the seconds it took."""

    command: Command
    code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def ok(self) -> bool:
        """Return whether the process ended with exit code 0."""
        return self.code == 0

    @property
    def said(self) -> str:
        """Return what it printed, errors last, for a message about a failure."""
        return f"{self.stdout.strip()}\n{self.stderr.strip()}".strip()


class Interrupted(BaseException):
    """A run was stopped by a signal or because another step failed."""


class Children:
    """The processes that run now, so that all of them can be stopped at once."""

    def __init__(self) -> None:
        """Start with none."""
        self._running: set[Child] = set()
        self._lock = threading.Lock()
        self.stopped = False

    def add(self, child: Child) -> None:
        """Add one; it is ended at once where the run is being stopped."""
        keeping.tell(f"+{child.pid}\n")
        with self._lock:
            self._running.add(child)
        if self.stopped:
            _end(child)

    def check(self) -> None:
        """Raise `Interrupted` where the run is being stopped."""
        if self.stopped:
            raise Interrupted

    def discard(self, child: Child) -> None:
        """Forget one that has ended."""
        keeping.tell(f"-{child.pid}\n")
        with self._lock:
            self._running.discard(child)

    def stop(self) -> None:
        """End every process of this run and its descendants."""
        self.stopped = True
        with self._lock:
            running = list(self._running)
        for child in running:
            _end(child)


class _Reader(threading.Thread):
    """Keeps what a process prints on one stream, and hands each line on as it comes."""

    def __init__(self, stream: IO[str], on_line: Callable[[str], None] | None) -> None:
        """Read nothing before the thread starts."""
        super().__init__(daemon=True)
        self._stream, self._on_line = stream, on_line
        self._lines: list[str] = []

    @property
    def text(self) -> str:
        """Return what was read so far."""
        return "".join(self._lines)

    def run(self) -> None:
        """Read the stream to its end."""
        with contextlib.closing(self._stream) as lines:
            for line in lines:
                self._lines.append(line)
                if self._on_line is not None and line.strip():
                    self._on_line(line.rstrip())


def environment(changes: Mapping[str, str | None]) -> dict[str, str]:
    """Return this process's environment without `FOREIGN`, with `changes` laid over it."""
    found = {key: value for key, value in os.environ.items() if key not in FOREIGN}
    for key, value in changes.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = value
    return found


def run(
    command: Command,
    *,
    children: Children | None = None,
    on_line: Callable[[str], None] | None = None,
    timeout: float | None = None,
    watch: Callable[[], None] | None = None,
) -> Outcome:
    """Run `command` to its end and return its outcome; another exit code than 0 is not an error.

    `timeout` is in seconds; without one, a tool that may download has the usual
    limit. `on_line` is called with each line that is printed, and `watch` twice a second; what it
    raises ends the process.

    Raises:
        LabError: The program does not exist or cannot be started, or did not end in time.
        Interrupted: `children` was stopped meanwhile.

    """
    children = children or Children()
    limit = timeout
    if limit is None and (command.failures or command.source):
        limit = time_limit.seconds()
    with _turn(command, children, on_line) as kept:
        started = time.perf_counter()
        child = _start(command, piped=True, kept=kept)
        # both streams are pipes
        out, err = (_Reader(cast("IO[str]", one), on_line) for one in (child.stdout, child.stderr))
        try:
            children.add(child)
            out.start()
            err.start()
            code = _wait(child, limit, watch)
            out.join(_GRACE)
            err.join(_GRACE)
        except subprocess.TimeoutExpired:
            asked = time_limit.connections(child.pid)
            _end(child)
            if timeout is None and limit:
                known = f"{out.text}\n{err.text}\n{command.addressed}"
                raise time_limit.exceeded(command.program, limit, asked, known) from None
            text = f"{command.program} did not end within {timeout:.0f} s."
            raise LabError(text, ErrorCode.TOOL_TIMEOUT) from None
        except BaseException:
            _end(child)
            raise
        finally:
            children.discard(child)
        children.check()
        seconds = time.perf_counter() - started
        return Outcome(command, code, out.text, err.text, seconds)


def _wait(child: Child, limit: float | None, watch: Callable[[], None] | None) -> int:
    """Wait for a process, call `watch` meanwhile, and return the exit code."""
    end = None if limit is None else time.monotonic() + limit
    while watch is not None:
        try:
            return child.wait(_LOOK if end is None else min(_LOOK, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            if end is not None and time.monotonic() >= end:
                raise
            watch()
    return child.wait(limit)


@contextlib.contextmanager
def _turn(
    command: Command, children: Children, on_line: Callable[[str], None] | None
) -> Iterator[tuple[int, ...]]:
    """Wait for the command's turn; yield the descriptor that the process has to keep open."""
    kept: tuple[int, ...] = ()
    with contextlib.ExitStack() as stack:
        if command.turn is not None:
            say = on_line or (lambda _: None)
            taken = file_lock.taken(str(command.turn), command.why, say, check=children.check)
            # where no lock can be made, the command goes without one
            with contextlib.suppress(OSError):
                kept = stack.enter_context(taken)[:1]
        yield kept


def run_attached(command: Command) -> int:
    """Run `command` on this terminal, with its input and output, and return its exit code."""
    child = _start(command, piped=False)
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            continue  # the terminal sent it to the child too, and the child decides
        except Interrupted:  # that was for this process alone
            child.terminate()


def call(argv: list[str], env: Mapping[str, str]) -> int:
    """Run a program in exactly this environment and return its exit code.

    It is for a system that cannot replace one process by another.
    """
    return subprocess.call(argv, env=dict(env))  # noqa: S603 - an argument list, no shell


def _start(command: Command, *, piped: bool, kept: tuple[int, ...] = ()) -> Child:
    """Start a process: `piped` as a group of its own, without this terminal's input."""
    pipe = subprocess.PIPE if piped else None
    flags = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0) if piped else 0
    inherited = (*file_lock.INHERITED, *kept, *keeping.inherited()) if _POSIX else ()
    env = {**command.defaults, **environment(command.env)}
    if piped:
        env = {key: value for key, value in env.items() if key not in _COLOURS} | _READ
    if piped and _POSIX and locale.getencoding() != "UTF-8" and "PYTHONUTF8" not in command.env:
        env["PYTHONUTF8"] = "1"  # a tool could not name a path with an accent
    start: tuple[str, ...] = command.argv[:1]
    if command.through:
        start = (sys.executable, "-P", str(command.through))
    if command.through and piped:
        request = forking.Request(command.through, command.argv, command.cwd, env)
        forked = forking.start(request, inherited)
        if forked:
            return forked
    try:
        return subprocess.Popen(  # noqa: S603 - an argument list, no shell
            (*start, *command.argv[1:]),
            stdin=subprocess.DEVNULL if piped else None,
            stdout=pipe,
            stderr=pipe,
            env=env,
            cwd=command.cwd,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=piped and _POSIX,
            pass_fds=inherited,
            creationflags=flags,
        )
    except (OSError, ValueError) as error:
        raise _not_started(command, error) from None


def _not_started(command: Command, error: OSError | ValueError) -> LabError:
    """Return the error for a process that could not be started."""
    program = command.argv[0]
    if isinstance(error, ValueError):
        text = f"{command.program} cannot be given a word with a NUL byte."
        return LabError(text, ErrorCode.INVALID_OPTION)
    if command.cwd is not None and not command.cwd.is_dir():
        return LabError(f"The folder {command.cwd} does not exist.", ErrorCode.NO_SUCH_PATH)
    if isinstance(error, FileNotFoundError):
        return LabError(f"{program!r} is not on this machine.", ErrorCode.TOOL_MISSING)
    return LabError(f"{program!r} cannot be started: {error.strerror}.", ErrorCode.TOOL_MISSING)


def _end(child: Child) -> None:
    """End a process and its descendants: ask first, then kill what is left of the group."""
    if not _POSIX:
        child.terminate()
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_GRACE)
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
