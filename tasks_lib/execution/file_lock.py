"""Let one run at a time change something: the system releases the lock when its holders end.

The processes that a holder starts inherit the lock. So a run that was killed holds it until the
last tool that it had started has ended. Standard library alone: the first start uses it too.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from functools import partial
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: The locks that every process inherits which is started from here on; Windows hands on none.
INHERITED: set[int] = set()
#: How often a holder shows that it is alive, in seconds.
HEARTBEAT = 0.5
#: The seconds after which a wait is reported, and between two attempts.
_PATIENCE = 0.5
_PAUSE = 0.05
#: The bytes that are read of a holder's text.
_READ = 200
#: The lock is one past the text, since Windows forbids reading locked bytes.
_BEHIND = 1 << 20


@contextlib.contextmanager
def held(path: str, purpose: str, say: Callable[[str], None]) -> Iterator[float | None]:
    """Hold the lock of the file `path`, as does every process that is started meanwhile.

    Yield when a holder that did not end well was last alive, in seconds since the epoch; `None`
    where the last one ended well.
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
    """Wait for the holder of the lock and report it; hold the lock; remove the file on release.

    Yield the descriptor that holds the lock, and what `held` yields. `check` is called again and
    again while this waits.

    Raises:
        OSError: The file cannot be made.

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
        if heart.is_alive():
            # the number of a closed file is soon another file's, whose time must not be set
            heart.join()
        stream.close()


@contextlib.contextmanager
def folder_held(path: str, say: Callable[[str], None]) -> Iterator[None]:
    """Hold a folder itself, as does every process that is started meanwhile.

    Nothing is written, so runs of several users can wait for each other. Where a folder cannot be
    opened or locked (Windows, some network disks), nothing is held.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        yield
        return
    try:
        with contextlib.suppress(OSError):
            _wait(descriptor, partial(str, f"another user's run in {path}"), say, lambda: None)
        INHERITED.add(descriptor)
        yield
    finally:
        INHERITED.discard(descriptor)
        os.close(descriptor)


def _beat(descriptor: int, ended: threading.Event) -> None:
    """Keep the file's time at when its holder was last alive."""
    while not ended.wait(HEARTBEAT):
        with contextlib.suppress(OSError, TypeError):  # Windows takes no descriptor
            os.utime(descriptor)


def is_held(path: str) -> bool:
    """Return whether a run, or what a dead one started, holds the lock; write nothing."""
    try:
        with open(path, "rb") as stream:  # noqa: PTH123 - as above
            return not _lock(stream.fileno())
    except OSError:
        return False


def _taken(path: str, say: Callable[[str], None], check: Callable[[], None]) -> IO[bytes]:
    """Wait for the lock; a file that its last holder deleted meanwhile does not count."""
    while True:
        stream = _opened(path)
        if stream is None:
            continue
        try:
            _wait(stream.fileno(), partial(_holder, stream), say, check)
            if _is_file_at(stream, path):
                return stream
        except BaseException:
            stream.close()
            raise
        stream.close()


def _opened(path: str) -> IO[bytes] | None:
    """Open the lock's file, which is made; `None` where its last holder just removed the folder."""
    os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120 - as above
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
    for name in ("O_NOFOLLOW", "O_BINARY"):  # no system has both
        flags |= getattr(os, name, 0)
    try:
        return os.fdopen(os.open(path, flags, 0o666), "a+b")
    except FileNotFoundError:
        return None


def _wait(
    descriptor: int,
    holder: Callable[[], str],
    say: Callable[[str], None],
    check: Callable[[], None],
) -> None:
    """Wait until the lock is ours, and report once for whom."""
    began, is_told = time.monotonic(), False
    while not _lock(descriptor):
        check()
        if not is_told and time.monotonic() - began > _PATIENCE:
            is_told = True
            say(f"waiting for {holder()} …")
        time.sleep(_PAUSE)


def _is_file_at(stream: IO[bytes], path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(stream.fileno()), os.stat(path))  # noqa: PTH116 - as above
    except FileNotFoundError:
        return False


def _holder(stream: IO[bytes]) -> str:
    """Return who holds the lock, as far as its file says."""
    stream.seek(0)
    text = stream.read(_READ).decode("utf-8", "replace")
    number, purpose, since, *_ = [*text.split("\n"), "", "", ""]
    process = f"process {number or 'unknown'}, since {since or 'just now'}"
    return f"{purpose or 'another run'} ({process})"


def _lock(descriptor: int) -> bool:
    """Lock the file or folder, and return whether that was possible without waiting."""
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415 - Windows alone has it

            os.lseek(descriptor, _BEHIND, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # noqa: PLC0415 - Windows has none

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # Windows says the latter
        return False
    return True
