"""Let one run at a time change something: a lock that the system lets go of when its holders have ended.

The processes that a holder starts inherit it, so a run that was killed holds it until the last tool that it had
started is through. Standard library alone, since the first start uses it too.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: the locks that every process keeps which is started from here on; Windows hands on none
INHERITED: set[int] = set()
#: how often a holder shows that it is alive, in seconds
HEARTBEAT = 0.5
_PATIENCE = 0.5
_PAUSE = 0.05
_READ = 200
_BEHIND = 1 << 20  # Windows forbids reading locked bytes, so the lock is one past the text


@contextlib.contextmanager
def held(path: str, purpose: str, say: Callable[[str], None]) -> Iterator[float | None]:
    """Hold the lock of the file `path`, as does every process that is started meanwhile.

    Gives the time at which a holder that did not end well was last alive, in seconds since the epoch; `None` where the
    last one did.
    """
    with taken(path, purpose, say) as (descriptor, died):
        INHERITED.add(descriptor)
        try:
            yield died
        finally:
            INHERITED.discard(descriptor)


@contextlib.contextmanager
def taken(
    path: str, purpose: str, say: Callable[[str], None], *, check: Callable[[], None] = lambda: None
) -> Iterator[tuple[int, float | None]]:
    """Hold the lock of the file `path`, after whoever has it, of whom is said; nothing is left of the file then.

    Gives the descriptor that holds it, and what `held` gives. Raises `OSError` where the file cannot be made, and
    whatever `check`, which is called again and again meanwhile, raises.
    """
    stream = _taken(path, say, check)
    ended = threading.Event()
    heart = threading.Thread(target=_beat, args=(stream.fileno(), ended), daemon=True)
    try:
        facts = os.fstat(stream.fileno())
        stream.truncate(0)
        stream.write(f"{os.getpid()}\n{purpose}\n{time.strftime('%H:%M:%S')}\n".encode())
        stream.flush()
        heart.start()
        yield stream.fileno(), facts.st_mtime if facts.st_size else None
    finally:
        ended.set()
        with contextlib.suppress(OSError):  # Windows does not delete what is open
            os.unlink(path)  # noqa: PTH108 - pathlib costs the first start 10 ms
        if (
            heart.is_alive()
        ):  # the number of a closed file is soon another's, whose time it must not set
            heart.join()
        stream.close()


def _beat(descriptor: int, ended: threading.Event) -> None:
    """Let the file tell when its holder was last alive."""
    while not ended.wait(HEARTBEAT):
        with contextlib.suppress(OSError, TypeError):  # Windows takes no descriptor
            os.utime(descriptor)


def is_held(path: str) -> bool:
    """Tell whether a run, or what a dead one started, holds the lock of that file; nothing is written."""
    try:
        with open(path, "rb") as stream:  # noqa: PTH123 - as above
            return not _locked(stream)
    except OSError:
        return False


def _taken(path: str, say: Callable[[str], None], check: Callable[[], None]) -> IO[bytes]:
    """Wait for the lock; a file that its last holder deleted meanwhile is not the one that others look at."""
    began, told = time.monotonic(), False
    while True:
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120 - as above
        flags = (
            os.O_RDWR
            | os.O_CREAT
            | os.O_APPEND
            | getattr(os, "O_NOFOLLOW", 0)
            | getattr(os, "O_BINARY", 0)
        )
        try:
            stream = os.fdopen(os.open(path, flags, 0o666), "a+b")
        except FileNotFoundError:
            continue  # the last holder has just removed the folder too
        try:
            while not _locked(stream):
                check()
                if not told and time.monotonic() - began > _PATIENCE:
                    told = True
                    say(f"waiting for {_holder(stream)} …")
                time.sleep(_PAUSE)
            if _same(stream, path):
                return stream
        except BaseException:
            stream.close()
            raise
        stream.close()


def _same(stream: IO[bytes], path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(stream.fileno()), os.stat(path))  # noqa: PTH116 - as above
    except FileNotFoundError:
        return False


def _holder(stream: IO[bytes]) -> str:
    stream.seek(0)
    number, purpose, since, *_ = [
        *stream.read(_READ).decode("utf-8", "replace").split("\n"),
        "",
        "",
        "",
    ]
    return (
        f"{purpose or 'another run'} (process {number or 'unknown'}, since {since or 'just now'})"
    )


def _locked(stream: IO[bytes]) -> bool:
    """Try to take the lock, without waiting."""
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415 - Windows alone has it

            stream.seek(_BEHIND)
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # noqa: PLC0415 - Windows has none

            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # Windows says the latter
        return False
    return True
