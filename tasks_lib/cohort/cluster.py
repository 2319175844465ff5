"""Check a class on several machines with Dask: the same checks as the pool's, in groups.

Dask is in an environment of its own, whose packages this process sees only from here on.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import sys
import sysconfig
import tempfile
import time
from concurrent.futures import CancelledError
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib import bootstrap
from tasks_lib.cohort import cluster_worker
from tasks_lib.cohort.base import Examined, Finding
from tasks_lib.cohort.cluster_worker import Order, Sent
from tasks_lib.cohort.examining import unread
from tasks_lib.cohort.packing import packed
from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tasks_lib.cohort.base import HandIn
    from tasks_lib.cohort.examining import Wanted
    from tasks_lib.cohort.settings import Settings

_LIST = Path(__file__).with_name("dask.txt")
#: a group ends with so many hand-ins, or bytes: the scheduler needs milliseconds for each group,
#: and a worker that dies has few of them
_MOST, _BYTES = 8, 4 << 20
#: how many groups wait for each thread of a worker, so that a class of any size needs the same
#: memory
_WAITING = 2
#: the seconds without any worker after which a run ends
_PATIENCE = 30
_CONFIG = {
    "distributed.worker.daemon": False,  # a worker has a process of its own for the repositories
    "distributed.scheduler.allowed-failures": 1,  # that of a remote scheduler is its own affair
    "distributed.admin.large-graph-warning-threshold": "1 GiB",
}
_ADVICE = Remedy("See what a worker needs", ("invoke", "docs", "cohort-many-machines"))


@dataclass(frozen=True)
class Where:
    """The workers: as many processes here, or those of the scheduler at an address."""

    workers: int = 0
    scheduler: str = ""


@dataclass(frozen=True)
class Group:
    """What one worker checks at a time; `alone` if no other worker has anything meanwhile."""

    members: tuple[Sent, ...]
    alone: bool = False


class Queue:
    """What the workers get: groups, and at the end what was in a group that failed, each alone.

    A worker that dies is held against all that it had, so only a hand-in that no other was beside
    is known to be the reason: https://github.com/dask/distributed/issues/5234
    """

    def __init__(self, work: Iterable[Sent]) -> None:
        """Take nothing yet."""
        self._groups = _grouped(work)
        self._suspects: list[Sent] = []

    def take(self, *, idle: bool) -> Group | None:
        """Return the next group, `None` where there is none as long as others are `not idle`."""
        members = next(self._groups, ())
        if members:
            return Group(members)
        if self._suspects and idle:
            return Group((self._suspects.pop(0),), alone=True)
        return None

    def lost(self, group: Group) -> Sent | None:
        """Take back a group that failed; return the hand-in that is known to be the reason."""
        if group.alone:
            return group.members[0]
        self._suspects += group.members
        return None


def _grouped(work: Iterable[Sent]) -> Iterator[tuple[Sent, ...]]:
    members: list[Sent] = []
    size = 0
    for one in work:
        if members and (len(members) == _MOST or size + len(one.parcel.data) > _BYTES):
            yield tuple(members)
            members, size = [], 0
        members.append(one)
        size += len(one.parcel.data)
    if members:
        yield tuple(members)


def examined(
    work: Iterable[tuple[HandIn, str]], wanted: Wanted, limits: Settings, where: Where
) -> Iterator[Examined]:
    """Yield what was found in each hand-in, as they come.

    Raises:
        LabError: There are no workers that can be used, or none any more.

    """
    rows = iter(work)
    first = next(rows, None)
    if first is None:
        return
    own = files.regular(wanted.own) if wanted.own else b""
    order = Order(replace(wanted, own=None), own, limits.timeout, limits.memory)
    refused: list[Examined] = []
    queue = Queue(_sent(itertools.chain([first], rows), refused))
    with _told(), _client(where) as client:
        _expect_same(client)
        running: dict[Any, Group] = {}
        seen = time.monotonic()
        while True:
            threads = sum(client.nthreads().values())
            seen = time.monotonic() if threads else seen
            if time.monotonic() - seen > _PATIENCE:
                raise _no_workers()
            while len(running) < max(threads, 1) * _WAITING:
                group = queue.take(idle=not running)
                if group is None:
                    break
                future = client.submit(
                    cluster_worker.look, order, group.members, pure=False, retries=1
                )
                running[future] = group
            yield from refused
            refused.clear()
            if not running:
                return
            for future in _done(running):
                yield from _answers(future, running.pop(future), queue)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Turn the end of a scheduler into an error that a user understands."""
    try:
        yield
    except (CancelledError, OSError):
        text = "The scheduler has ended, or does not answer any more."
        remedy = Remedy("Start it, then check again: what is stored is not done again")
        raise LabError(text, ErrorCode.NO_ANSWER, remedy=remedy) from None


def _sent(work: Iterable[tuple[HandIn, str]], refused: list[Examined]) -> Iterator[Sent]:
    """Yield each hand-in as it is sent; what cannot be is `refused`."""
    for hand_in, content in work:
        try:
            yield Sent(hand_in.id, content, packed(hand_in), hand_in.project)
        except LabError as error:
            refused.append(unread(hand_in.id, content, error.message))


def _done(running: Iterable[Any]) -> list[Any]:
    """Return the groups that have ended, after a second at most."""
    import distributed  # noqa: PLC0415 - it is importable from here on

    with contextlib.suppress(TimeoutError):
        distributed.wait([*running], timeout=1, return_when="FIRST_COMPLETED")
    return [one for one in running if one.done()]


def _answers(future: Any, group: Group, queue: Queue) -> Iterator[Examined]:  # noqa: ANN401 - Dask has no types
    """Yield what a group's future says; a group that failed goes back into the queue."""
    error = future.exception()
    if error is not None:
        guilty = queue.lost(group)
        if guilty:
            why = f"Its worker failed: {type(error).__name__}: {error}"
            if type(error).__name__ == "KilledWorker":
                why = "Each worker that had it died."
            yield unread(guilty.id, guilty.content, why[:1000])
        return
    answers = {row["id"]: row for row in json.loads(future.result())}
    for one in group.members:
        row = answers[one.id]
        row["findings"] = tuple(map(Finding.read, row["findings"]))
        yield Examined(**row)


@contextlib.contextmanager
def _client(where: Where) -> Iterator[Any]:
    """Yield a client of the workers, which are started where there is no scheduler yet."""
    home = Path(bootstrap.ensure(_LIST)).parents[1]
    sites = sysconfig.get_path("purelib", "venv", {"base": str(home), "platbase": str(home)})
    if sites not in sys.path:
        sys.path.append(sites)  # behind all of ours, and workers that are started here get it too
    import dask  # noqa: PLC0415 - only now it can be imported
    import distributed  # noqa: PLC0415 - the same

    with contextlib.ExitStack() as stack:
        stack.enter_context(dask.config.set(_CONFIG))
        for name in ("distributed", "tornado", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        if where.scheduler:
            try:
                client = distributed.Client(where.scheduler, timeout=_PATIENCE)
            except (OSError, RuntimeError, TypeError, ValueError) as error:
                reason = str(error).partition("\n")[0]
                text = f"The scheduler at {where.scheduler} cannot be used: {reason}."
                raise LabError(text, ErrorCode.NO_ANSWER, remedy=_ADVICE) from None
        else:
            scratch = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="mlops-lab-", ignore_cleanup_errors=True)
            )
            cluster = distributed.LocalCluster(
                n_workers=where.workers,
                threads_per_worker=1,
                memory_limit=0,
                dashboard_address=None,
                silence_logs=logging.CRITICAL,
                local_directory=scratch,
                security=True,  # else each user of this machine could give the workers work
            )
            client = distributed.Client(stack.enter_context(cluster))
        yield stack.enter_context(client)


def _expect_same(client: Any) -> None:  # noqa: ANN401 - Dask has no types
    """Refuse a scheduler or workers without this mlops-lab, or that may start no processes."""
    try:
        client.wait_for_workers(1, timeout=_PATIENCE)
    except TimeoutError:
        raise _no_workers() from None
    here = cluster_worker.program()
    answers = client.run(cluster_worker.kind, on_error="return")
    try:
        answers["scheduler"] = client.run_on_scheduler(cluster_worker.kind)
    except Exception as error:  # noqa: BLE001 - whatever it is, that cannot read what it is sent
        answers["scheduler"] = error
    for name, found in answers.items():
        fault = ""
        if isinstance(found, Exception):
            fault = f"cannot import this mlops-lab ({found})"
        elif found.program != here:
            fault = "has another version of mlops-lab"
        elif not found.can_start:
            fault = "may start no processes: it needs DASK_DISTRIBUTED__WORKER__DAEMON=False"
        if fault:
            who = name if name == "scheduler" else f"worker {name}"
            text = f"The {who} {fault}."
            raise LabError(text, ErrorCode.TOOL_FAILED, remedy=_ADVICE)


def _no_workers() -> LabError:
    text = f"There was no worker for {_PATIENCE} s."
    remedy = Remedy("Start workers, then check again: what is stored is not done again")
    return LabError(text, ErrorCode.NO_ANSWER, remedy=remedy)
