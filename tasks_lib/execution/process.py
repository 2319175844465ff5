"""Start processes: the only module that does. Standard library alone, since the first start uses it too."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution import file_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tasks_lib.execution.failures import Rule

#: Variables that would let one environment's Python, pip or manager reach into another.
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
    "POETRY_ACTIVE",
    "UV_PROJECT_ENVIRONMENT",
    "UV_PYTHON",
)
#: how the variables begin that this program sets itself; others are the environment's own, and may be secrets
_SHOWN = ("PATH", "VIRTUAL_ENV", "CONDA_", "UV_", "POETRY_", "PIP_", "PYTHON", "MLOPS_LAB_")
#: The variables by which a tool is told to stay offline.
OFFLINE = ("UV_OFFLINE", "CONDA_OFFLINE", "PIP_NO_INDEX")
_LOGINS = ("POETRY_HTTP_BASIC", "POETRY_PYPI_TOKEN", "UV_PUBLISH")
_GRACE = 5.0


@dataclass(frozen=True)
class Command:
    """One process to start: an argument list, never a string for a shell.

    `env` is laid over this process's environment less `FOREIGN`; `None` unsets a variable. `why` is for a person.
    `failures` says what the program's words mean when it fails. `turn` is a file by which commands wait for each other, in all runs on this machine; `source` is where it downloads
    from, for a message.
    """

    argv: tuple[str, ...]
    why: str = ""
    env: Mapping[str, str | None] = field(default_factory=dict, hash=False)
    cwd: Path | None = None
    turn: Path | None = None
    source: str = ""
    failures: tuple[Rule, ...] = ()

    @property
    def offline(self) -> bool:
        """Return whether its variables tell it to take what it needs from caches alone."""
        return any(self.env.get(name) for name in OFFLINE)

    @property
    def program(self) -> str:
        """Name the program as a person would type it."""
        return Path(self.argv[0]).name.removesuffix(".exe")

    @property
    def shown(self) -> str:
        """Print the command for a person to read or to type; nothing here is ever handed to a shell."""
        settings = [
            f"{key}={_quoted(key, value)}"
            for key, value in sorted(self.env.items())
            if value is not None
        ]
        return " ".join([*settings, shlex.join([self.program, *self.argv[1:]])])


def _quoted(key: str, value: str) -> str:
    """Quote a variable's value; what PATH holds already is written `$PATH`, and what a person set is not shown."""
    if not key.startswith(_SHOWN) or key.startswith(_LOGINS):
        return "***"
    behind = f"{os.pathsep}{os.environ.get('PATH', '')}"
    if key == "PATH" and value.endswith(behind):
        return f"{shlex.quote(value.removesuffix(behind))}{os.pathsep}$PATH"
    return shlex.quote(value)


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
        """Tell whether the process ended with exit code 0."""
        return self.code == 0

    @property
    def said(self) -> str:
        """Give what it printed, errors last, for a message about a failure."""
        return "\n".join(part for part in (self.stdout.strip(), self.stderr.strip()) if part)


class Interrupted(BaseException):
    """A run was stopped by a signal or because another step failed."""


class Children:
    """The processes that run now, so that all of them can be stopped at once."""

    def __init__(self) -> None:
        """Start with none."""
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self.stopped = False

    def add(self, child: subprocess.Popen[str]) -> None:
        """Remember one; a run that is being stopped starts nothing more."""
        with self._lock:
            self._running.add(child)
        if self.stopped:
            _end(child)

    def check(self) -> None:
        """Stop who waits, once this run is being stopped."""
        if self.stopped:
            raise Interrupted

    def discard(self, child: subprocess.Popen[str]) -> None:
        """Forget one that has ended."""
        with self._lock:
            self._running.discard(child)

    def stop(self) -> None:
        """End every process of this run and its descendants."""
        self.stopped = True
        with self._lock:
            running = list(self._running)
        for child in running:
            _end(child)


def environment(changes: Mapping[str, str | None]) -> dict[str, str]:
    """Give this process's environment without `FOREIGN`, with `changes` laid over it."""
    kept = {key: value for key, value in os.environ.items() if key not in FOREIGN}
    return {key: value for key, value in {**kept, **changes}.items() if value is not None}


def run(
    command: Command,
    *,
    children: Children | None = None,
    on_line: Callable[[str], None] | None = None,
    timeout: float | None = None,
) -> Outcome:
    """Run `command` to its end and give its outcome; a non-zero exit code is not an error here.

    Raises `LabError` (tool missing) if it cannot be started, and `Interrupted` if `children` was stopped.
    """
    children = children or Children()
    with _turn(command, children, on_line) as kept:
        started = time.perf_counter()
        said: tuple[list[str], list[str]] = ([], [])
        child = _start(command, piped=True, kept=kept)
        try:
            children.add(child)
            streams = zip((child.stdout, child.stderr), said, strict=True)
            readers = [
                threading.Thread(target=_drain, args=(*one, on_line), daemon=True)
                for one in streams
            ]
            for reader in readers:
                reader.start()
            child.wait(timeout)
            for reader in readers:
                reader.join(_GRACE)
        except subprocess.TimeoutExpired:
            _end(child)
            text = f"{command.program} did not end within {timeout:.0f} s."
            raise LabError(text, ErrorCode.TOOL_TIMEOUT) from None
        except BaseException:
            _end(child)
            raise
        finally:
            children.discard(child)
        children.check()
        stdout, stderr = map("".join, said)
        return Outcome(command, child.returncode, stdout, stderr, time.perf_counter() - started)


@contextlib.contextmanager
def _turn(
    command: Command, children: Children, on_line: Callable[[str], None] | None
) -> Iterator[tuple[int, ...]]:
    """Wait for the command's turn, and give the descriptor that the process has to keep open for it."""
    with contextlib.ExitStack() as stack:
        kept: tuple[int, ...] = ()
        with contextlib.suppress(
            OSError
        ):  # where no lock can be made, the command goes without, and may well fail
            if command.turn is not None:
                say = on_line or (lambda _: None)
                taken = file_lock.taken(str(command.turn), command.why, say, check=children.check)
                kept = stack.enter_context(taken)[:1]
        yield kept


def run_attached(command: Command) -> int:
    """Run `command` on this terminal, with its input and output, and give its exit code."""
    child = _start(command, piped=False)
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            continue  # the terminal sent it to the child too, and the child decides
        except Interrupted:  # that was for this process alone
            child.terminate()


def call(argv: list[str], env: Mapping[str, str]) -> int:
    """Run a program in exactly this environment and give its exit code: where the system cannot go on as another."""
    return subprocess.call(argv, env=dict(env))  # noqa: S603 - an argument list, no shell


def _start(command: Command, *, piped: bool, kept: tuple[int, ...] = ()) -> subprocess.Popen[str]:
    flags = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0) if piped else 0
    pipe = subprocess.PIPE if piped else None
    try:
        return subprocess.Popen(  # noqa: S603 - an argument list, no shell
            command.argv,
            stdin=subprocess.DEVNULL if piped else None,
            stdout=pipe,
            stderr=pipe,
            env=environment(command.env),
            cwd=command.cwd,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=piped and os.name == "posix",
            pass_fds=(*file_lock.INHERITED, *kept) if os.name == "posix" else (),
            creationflags=flags,
        )
    except (OSError, ValueError) as error:
        raise _not_started(command, error) from None


def _not_started(command: Command, error: OSError | ValueError) -> LabError:
    if isinstance(error, ValueError):
        text = f"{command.program} cannot be given a word with a NUL byte."
        return LabError(text, ErrorCode.INVALID_OPTION)
    if command.cwd is not None and not command.cwd.is_dir():
        return LabError(f"there is no such folder: {command.cwd}.", ErrorCode.NO_SUCH_PATH)
    if isinstance(error, FileNotFoundError):
        return LabError(f"{command.argv[0]!r} is not on this machine.", ErrorCode.TOOL_MISSING)
    return LabError(
        f"{command.argv[0]!r} cannot be started: {error.strerror}.", ErrorCode.TOOL_MISSING
    )


def _drain(stream: IO[str], into: list[str], on_line: Callable[[str], None] | None) -> None:
    with contextlib.closing(stream) as lines:
        for line in lines:
            into.append(line)
            if on_line is not None and line.strip():
                on_line(line.rstrip())


def _end(child: subprocess.Popen[str]) -> None:
    """End a process and its descendants: ask first, then insist."""
    if os.name != "posix":
        child.terminate()
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_GRACE)
        os.killpg(
            child.pid, signal.SIGKILL
        )  # what is left of the group, though its first process has ended
    child.wait()
