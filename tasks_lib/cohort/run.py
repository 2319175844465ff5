"""Check a class: what is new, changed or unfinished; each result is stored as it comes."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib.cohort import cluster, cluster_worker, fetching, grading, hand_ins, pool
from tasks_lib.cohort.cluster import Where
from tasks_lib.cohort.examining import Wanted, unread
from tasks_lib.cohort.repository import content
from tasks_lib.cohort.settings import Settings
from tasks_lib.cohort.store import Store
from tasks_lib.errors import ErrorCode, ExitCode, LabError, Remedy
from tasks_lib.execution import files
from tasks_lib.execution.plan import Step
from tasks_lib.project import included
from tasks_lib.results import Result, Status
from tasks_lib.session.session import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tasks_lib.cohort.base import Examined, HandIn
    from tasks_lib.report.progress import Progress

STORE = "cohort.db"
#: how many results of a class an answer lists: the reports have all of them
_MOST = 200
#: the seconds between two lines where there is no terminal, and between two looks of a terminal's
_PLAIN, _LIVE = 10.0, 0.2
#: the verdicts on a repository
SHOWN = (Status.PASS, Status.FAIL, Status.ERROR)
#: those that `--again` names
_VERDICTS = {"failed": Status.FAIL, "errors": Status.ERROR}


@dataclass(frozen=True)
class Asked:
    """What a user typed: the source, and what options say in place of its settings."""

    source: str
    store: str = ""
    workers: str = ""
    again: str = ""
    fetch: bool = False
    dask: str = ""
    scheduler: str = ""

    def settings(self) -> Settings:
        """Return the settings of the class.

        Raises:
            LabError: The file is wrong, or an option's value.

        """
        settings = Settings.of(Path(self.source))
        if self.workers:
            settings = replace(settings, workers=_number("workers", self.workers))
        return settings

    def path(self, settings: Settings) -> Path:
        """Return the file for the results: as typed, as the class says, or the usual one."""
        return Path(self.store or settings.store or STORE)

    def where(self) -> Where | None:
        """Return the workers of Dask, `None` where this machine's pool does it.

        Raises:
            LabError: Two options exclude each other, or a number is none.

        """
        given = {"workers": self.workers, "dask": self.dask, "scheduler": self.scheduler}
        names = [f"--{name}" for name, value in given.items() if value]
        if len(names) > 1:
            text = f"{names[0]} and {names[1]} exclude each other."
            remedy = Remedy(f"Leave out {names[0]}")
            raise LabError(text, ErrorCode.INVALID_OPTION, remedy=remedy)
        if self.dask:
            return Where(_number("dask", self.dask))
        return Where(scheduler=self.scheduler) if self.scheduler else None


def _number(option: str, text: str) -> int:
    if text.isdecimal() and int(text) > 0:
        return int(text)
    told = f"--{option} must be a number above 0, and it is {text!r}."
    remedy = Remedy(f"Use a number, such as --{option} 2")
    raise LabError(told, ErrorCode.INVALID_OPTION, remedy=remedy)


@dataclass
class Tally:
    """What a run has done so far."""

    total: int
    store: Path
    began: float = field(default_factory=time.monotonic)
    checked: int = 0
    counts: Counter[Status] = field(default_factory=Counter)
    listed: list[Result] = field(default_factory=list)

    def add(self, found: Examined) -> None:
        """Count a repository, and list it unless it passed."""
        self.counts[found.status] += 1
        is_sound = found.status is Status.PASS and not found.unclear
        if not is_sound and len(self.listed) < _MOST:
            self.listed.append(row(found, self.store))

    def line(self) -> str:
        """Return the state of the run as one line."""
        done = self.counts.total()
        rate = self.checked / max(time.monotonic() - self.began, 0.001)
        told = f"{done} of {self.total}, {rate:.0f}/s"
        if rate and done < self.total:
            told += f", {(self.total - done) / rate:.0f} s left"
        for status in SHOWN:
            told += f", {self.counts[status]} {status}"
        return told


def row(found: Examined, store: Path) -> Result:
    """Return a repository as one result of an answer."""
    status = found.status
    if status is Status.PASS and found.unclear:
        status = Status.WARN
    worst = found.with_status(status)
    text = "; ".join(f"{one.check}: {one.detail or one.title}" for one in worst[:3])
    if len(worst) > 3:  # noqa: PLR2004 - as many as are shown
        text += f"; and {len(worst) - 3} more"
    named = () if store == Path(STORE) else ("--store", str(store))
    remedy = Remedy("See all of it", ("invoke", "cohort.show", found.id, *named))
    return Result("cohort.repository", status, found.id, text, remedy)


def check(progress: Progress, asked: Asked) -> Answer:
    """Check the repositories of a class, and store what was found in each."""
    settings, where = asked.settings(), asked.where()
    path = asked.path(settings)
    every = hand_ins.read(settings.source, _ours(path))
    _expect_known(_words(asked.again), every.hand_ins)
    grading.expect_checks(settings)
    key = _asked(settings)
    tally = Tally(len(every.hand_ins), path)
    wanted = Wanted.of(settings)
    with Store(path) as store:
        here, failed = _fetched(every.hand_ins, asked, settings, progress)
        store.begin(str(Path(asked.source).absolute()), key, here)
        for found in failed:
            if store.last(found.id) is None:  # an earlier result is worth more than this
                store.expect(found.id, "")
                store.add(found, key)
            tally.add(found)
            tally.checked += 1
        step = Step("cohort.check", f"check {tally.total} repositories")
        progress.begin(step)
        looked = 0.0
        gone = {found.id for found in failed}
        left = [one for one in here if one.id not in gone]
        todo = _todo(left, store, key, asked.again, tally)
        if where:
            results = cluster.examined(todo, wanted, settings, where)
        else:
            results = pool.examined(todo, wanted, settings)
        for found in results:
            store.add(found, key)
            tally.add(found)
            tally.checked += 1
            now = time.monotonic()
            if now - looked >= (_LIVE if progress.is_live else _PLAIN):
                if progress.is_live:
                    progress.line(step, tally.line())
                elif looked:
                    progress.say(tally.line())
                looked = now
    return answer(every.left_out, tally)


def _clones(store: Path) -> Path:
    """Return the folder of the clones, which is beside the store."""
    return store.with_suffix(".clones")


def _ours(path: Path) -> set[str]:
    """Return what was written of a class before, by absolute paths; nothing without a store."""
    if not path.is_file():
        return set()
    with Store(path) as store:
        return store.written() | {str(_clones(path).resolve())}


def _fetched(
    every: Sequence[HandIn], asked: Asked, settings: Settings, progress: Progress
) -> tuple[list[HandIn], list[Examined]]:
    """Return the hand-ins with the folders of their clones, and those that could not be fetched."""
    addresses = [one for one in every if hand_ins.is_address(one.source)]
    if not addresses:
        return [*every], []
    if not asked.fetch:
        why = "Its source is an address, and --fetch was not given."
        return [*every], [unread(one.id, "", why) for one in addresses]
    here, failed = [], []
    folder = _clones(asked.path(settings))
    step = Step("cohort.fetch", f"fetch {len(addresses)} repositories into {folder}")
    progress.begin(step)
    grace = timedelta(minutes=settings.grace) if settings.as_it_stood else None
    bounds = fetching.Bounds(grace, settings.largest_clone)
    for one in fetching.fetched(every, folder, bounds, say=progress.say):
        here.append(one.hand_in)
        if one.error:
            failed.append(unread(one.hand_in.id, "", f"It was not fetched: {one.error.message}"))
    return sorted(here, key=lambda one: one.id), failed


def _todo(
    every: Sequence[HandIn], store: Store, key: str, again: str, tally: Tally
) -> Iterator[tuple[HandIn, str]]:
    """Yield what is new, changed, asked for again, or was never finished."""
    words = _words(again)
    wanted = {_VERDICTS[word] for word in words & _VERDICTS.keys()}
    for hand_in in every:
        now = _content(hand_in)
        store.expect(hand_in.id, now)
        last = store.last(hand_in.id)
        is_known = last is not None and (last.examined.content, last.asked) == (now, key)
        is_again = bool(words & {"all", hand_in.id})
        if last and is_known and not is_again and last.examined.status not in wanted:
            tally.add(last.examined)
        else:
            yield hand_in, now


def _content(hand_in: HandIn) -> str:
    """Return what changes when a hand-in does, empty where a worker has to say what is wrong."""
    try:
        found = content(Path(hand_in.source))
    except LabError:
        return ""
    return f"{found}@{hand_in.project}" if hand_in.project else found


def _words(again: str) -> set[str]:
    return {*included.names([again])}


def _expect_known(words: set[str], every: Sequence[HandIn]) -> None:
    known = {*_VERDICTS, "all"} | {one.id for one in every}
    for word in sorted(words - known):
        text = f"--again takes failed, errors, all, or an id of the class; {word!r} is none."
        raise LabError(text, ErrorCode.INVALID_OPTION, remedy=Remedy("Use --again failed"))


def _asked(settings: Settings) -> str:
    """Return a short key of all that decides on a result beside the repository."""
    own = files.regular(settings.checks) if settings.checks else b""
    asked: dict[str, Any] = {
        "level": settings.level,
        "combo": settings.combo,
        "project": settings.project,
        "require": asdict(settings.require),
        "checks": hashlib.sha256(own).hexdigest(),
        "program": cluster_worker.program(),
    }
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]


def answer(left_out: Sequence[str], tally: Tally) -> Answer:
    """Return the counts of a class, and a result for each repository that did not pass."""
    results = sorted(tally.listed, key=lambda one: one.title)
    for text in left_out:
        results.append(Result("cohort.left-out", Status.SKIP, "not a hand-in", text))
    data = {
        "cohort": {
            "repositories": tally.total,
            "checked": tally.checked,
            "waiting": tally.total - tally.counts.total(),
            **{status.value: tally.counts[status] for status in SHOWN},
            "store": str(tally.store),
        }
    }
    return Answer(results, data, verdict(tally.counts))


def verdict(counts: Counter[Status]) -> ExitCode:
    """Return the exit code of a class: that of its worst repository."""
    if counts[Status.ERROR]:
        return ExitCode.TOOL_FAILED
    return ExitCode.CHECK_FAILED if counts[Status.FAIL] else ExitCode.DONE
