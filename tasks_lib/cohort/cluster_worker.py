"""What a worker of Dask's does: check a few hand-ins that it is sent, and answer as JSON.

Each is checked by the pool's own function, in a process beside the worker, which has the same
limits of time and memory as on one machine. So a repository that ends its process does not end
the worker.
"""

from __future__ import annotations

import functools
import hashlib
import json
import tempfile
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import tasks_lib
from tasks_lib.cohort import pool
from tasks_lib.cohort.base import HandIn
from tasks_lib.cohort.settings import Settings
from tasks_lib.execution import files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks_lib.cohort.base import Examined
    from tasks_lib.cohort.examining import Wanted
    from tasks_lib.cohort.packing import Parcel

_PACKAGE = Path(tasks_lib.__file__).parent
_LOCK = threading.Lock()


class Sent(NamedTuple):
    """One hand-in on its way to a worker; `content` is as in `Examined`."""

    id: str
    content: str
    parcel: Parcel
    project: str = ""


@dataclass(frozen=True)
class Order:
    """What counts for each hand-in; `own` is the text of the instructor's checks."""

    wanted: Wanted
    own: bytes
    timeout: float
    memory: int


class Worker(NamedTuple):
    """What a worker is: the hash of its mlops-lab, and whether it may start processes."""

    program: str
    can_start: bool


def look(order: Order, group: Sequence[Sent]) -> bytes:
    """Check hand-ins in a worker; return the list of `Examined` as JSON.

    Bytes are what Dask hands on as they are: the answer is never a pickle.
    """
    from distributed import get_worker  # noqa: PLC0415 - only a worker has it

    worker = get_worker()
    scratch, threads = worker.local_directory, worker.state.nthreads
    limits = Settings(timeout=order.timeout, memory=order.memory, workers=threads)
    work = []
    with tempfile.TemporaryDirectory(dir=scratch, ignore_cleanup_errors=True) as folder:
        for number, one in enumerate(group):
            place = Path(folder, str(number))
            place.mkdir()
            place.joinpath(one.parcel.name).write_bytes(one.parcel.data)
            hand_in = HandIn(one.id, str(place / one.parcel.name), project=one.project)
            work.append((hand_in, one.content))
        with _LOCK:
            processes = _pool(threads, order.memory)
            wanted = replace(order.wanted, own=_own(order.own, scratch))
        found = [*map(_row, pool.through(processes, work, wanted, limits))]
    return json.dumps(found).encode()


def _row(found: Examined) -> dict[str, Any]:
    return {**vars(found), "findings": [*map(vars, found.findings)]}


@functools.cache
def _pool(workers: int, memory: int) -> pool.Workers:
    """Start the processes once in each worker."""
    return pool.Workers(Settings(workers=workers, memory=memory))


@functools.cache
def _own(text: bytes, scratch: str) -> Path | None:
    """Write the instructor's checks once in each worker."""
    if not text:
        return None
    path = Path(tempfile.mkdtemp(dir=scratch), "own_checks.py")
    path.write_bytes(text)
    return path


def kind() -> Worker:
    """Return what this worker is."""
    return Worker(program(), pool.can_start())


def program() -> str:
    """Return a hash of this mlops-lab: two that differ may judge a repository differently."""
    made = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*")):
        if path.suffix in {".py", ".json", ".txt"}:
            made.update(files.regular(path))
    return made.hexdigest()[:16]
