"""A pool of worker processes: each repository has a limit of time and of memory.

A worker that dies takes its one repository with it, which is tried once more.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import multiprocessing
import os
import signal
import tempfile
import threading
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from typing import TYPE_CHECKING

from pebble import ProcessExpired, ProcessPool

from tasks_lib.cohort.examining import examine, unread
from tasks_lib.cohort.unpacking import folder_of
from tasks_lib.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from multiprocessing.context import BaseContext

    from tasks_lib.cohort.base import Examined, HandIn
    from tasks_lib.cohort.examining import Wanted
    from tasks_lib.cohort.settings import Settings

#: how many repositories wait for a worker, so that a class of any size needs the same memory
_WAITING = 4
#: a worker ends after so many repositories: what they left in its memory goes with it
_REPOSITORIES = 2000
#: whether Python can have a server of processes here
_HAS_SERVER = os.name != "nt"
#: the longest folder for temporary files, in bytes, in which the socket of Python's server of
#: processes can be: its whole path has at most 103 bytes on macOS, and 107 on Linux
_LONGEST = 70
#: what takes a worker half a second to import, unless the process has it that it is forked from;
#: then those of Poetry's own copies that it imports late: a worker does not get the path to them
_IMPORTED = ["poetry.factory", "poetry.packages.locker", "trove_classifiers", "yaml"]
_IMPORTED += ["fastjsonschema", "lark", "packaging.requirements"]


class _Pool(ProcessPool):
    """pebble's pool, which ends its workers before it removes the locks that they open.

    A worker that is still starting would not find them, and print that.
    """

    def _stop_pool(self) -> None:
        if self._pool_manager_loop is not None:
            self._pool_manager_loop.join()
        self._pool_manager.worker_manager.force_stop_workers()  # type: ignore[no-untyped-call]
        super()._stop_pool()  # type: ignore[no-untyped-call]


@dataclass
class _Running:
    """A repository that a worker has, or is going to have."""

    hand_in: HandIn
    content: str
    is_second: bool = False


def examined(
    work: Iterable[tuple[HandIn, str]], wanted: Wanted, limits: Settings
) -> Iterator[Examined]:
    """Yield what was found in each hand-in, as they come."""
    workers = Workers(limits)
    try:
        yield from through(workers, work, wanted, limits)
    finally:
        workers.end()


class Workers:
    """Processes that examine; others take their place where pebble gives up.

    It does where a worker dies before any has a repository.
    """

    def __init__(self, limits: Settings) -> None:
        """Start them for these limits."""
        self._limits = limits
        self._pool = _started(limits)
        self._guard = threading.Lock()

    def give(
        self, hand_in: HandIn, content: str, wanted: Wanted, seconds: float
    ) -> concurrent.futures.Future[Examined]:
        """Let a worker examine a hand-in; it has so long."""
        with self._guard, _ctrl_c_later():
            words = [hand_in, content, wanted]
            with contextlib.suppress(RuntimeError):  # pebble gave up
                return self._pool.schedule(_one, args=words, timeout=seconds)
            self.end()
            self._pool = _started(self._limits)
            return self._pool.schedule(_one, args=words, timeout=seconds)

    def end(self) -> None:
        """End them, whatever they do."""
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()


def _started(limits: Settings) -> ProcessPool:
    """Return a pool of processes."""
    has_server = _HAS_SERVER and len(os.fsencode(tempfile.gettempdir())) <= _LONGEST
    context = multiprocessing.get_context("forkserver" if has_server else "spawn")
    if has_server:
        context.set_forkserver_preload(_IMPORTED)
        _await_server(context)
    return _Pool(
        max_workers=limits.workers,
        max_tasks=_REPOSITORIES,
        context=context,
        initializer=_limit,
        initargs=[limits.memory],
    )


def _await_server(context: BaseContext) -> None:
    """Wait until Python's server of processes has its imports; Ctrl-C ends the wait at once."""
    with _ctrl_c_later():
        forkserver.ensure_running()
    first = context.Process(target=os.getpid)  # type: ignore[attr-defined]
    first.start()
    first.join()


@contextlib.contextmanager
def _ctrl_c_later() -> Iterator[None]:
    """Let Ctrl-C wait until all processes that are started here are known, so that they end too.

    The processes inherit that it waits, and it never reaches them: a terminal sends it to all, and
    Python's server of processes would print where in an import it was.
    """
    if not _HAS_SERVER:
        yield
        return
    resource_tracker.ensure_running()  # the first start asks for it, and that would end the wait
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def can_start() -> bool:
    """Return whether this process may have others: one that is marked as a daemon may not."""
    return not multiprocessing.current_process().daemon


def through(
    workers: Workers, work: Iterable[tuple[HandIn, str]], wanted: Wanted, limits: Settings
) -> Iterator[Examined]:
    """Yield what was found in each hand-in by workers that others may use too."""
    running: dict[concurrent.futures.Future[Examined], _Running] = {}

    def give(hand_in: HandIn, content: str, *, is_second: bool = False) -> None:
        future = workers.give(hand_in, content, wanted, limits.timeout)
        running[future] = _Running(hand_in, content, is_second)

    waiting = iter(work)
    is_over = False
    while running or not is_over:
        while not is_over and len(running) < limits.workers * _WAITING:
            row = next(waiting, None)
            is_over = row is None
            if row is not None:
                give(*row)
        done, _ = concurrent.futures.wait(
            running, timeout=1, return_when=concurrent.futures.FIRST_COMPLETED
        )
        for future in done:
            ended = running.pop(future)
            found = _outcome(future, ended, limits)
            if found is None:
                give(ended.hand_in, ended.content, is_second=True)
            else:
                yield found


def _one(hand_in: HandIn, content: str, wanted: Wanted) -> Examined:
    """Check one hand-in, in a worker."""
    try:
        with folder_of(hand_in) as root:
            return examine(root, hand_in.id, content, wanted.of_one(hand_in))
    except LabError as error:
        return unread(hand_in.id, content, error.message)


def _outcome(
    future: concurrent.futures.Future[Examined], ended: _Running, limits: Settings
) -> Examined | None:
    """Return what a worker found, `None` where it died and the repository is tried once more."""
    name, content = ended.hand_in.id, ended.content
    try:
        found = future.result()
    except concurrent.futures.TimeoutError:
        return unread(name, content, f"It took longer than {limits.timeout:g} seconds.")
    except MemoryError:
        return unread(name, content, f"It needs more than {limits.memory} MiB of memory.")
    except (ProcessExpired, BrokenProcessPool) as error:
        if not ended.is_second:
            return None
        code = getattr(error, "exitcode", "unknown")
        return unread(name, content, f"The worker died twice, with code {code}.")
    except Exception as error:  # noqa: BLE001 - a fault of ours must not end the whole run
        return unread(name, content, f"A fault of mlops-lab: {type(error).__name__}: {error}")
    return found


def _limit(mebibytes: int) -> None:
    """Limit the memory of a worker, where the system can."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 - POSIX alone

        most = mebibytes << 20
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
