"""Clones of the hand-ins that are addresses, made by git so that nothing of a repository runs.

A clone has no hooks, and git's own file `info/attributes` unsets every filter, the large files of
LFS among them. Submodules stay empty. git's credential helpers log in, and nobody is asked.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tasks_lib.cohort.hand_ins import SUBMITTED, is_address
from tasks_lib.cohort.rubric import moment
from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import failures, file_lock, files, process
from tasks_lib.execution.failure_rules import NO_ANSWER, UNKNOWN_REPOSITORY, UNKNOWN_REVISION, Rule
from tasks_lib.execution.process import Children, Command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import timedelta

    from tasks_lib.cohort.base import HandIn
    from tasks_lib.execution.process import Outcome

#: a file that says that all in its folder was fetched, and may be replaced
_MARK = ".mlops-lab-fetched"
_LOCK = ".mlops-lab-lock"
_AT_ONCE = 4
_TRIES = 3
#: the seconds before the first try again, without a word of the server; the most that are waited
_FIRST_WAIT, _LONGEST_WAIT = 2.0, 900.0
_TICK = 0.1
#: what a file costs at least, so that a million of empty ones has a size too
_SMALLEST = 512
_ALLOWED = re.compile(r"(https|ssh|file)://[^-]|([\w.+-]+@)?[\w.][\w.-]+:(?!:|//)[^-]")
_REF = re.compile(
    r"(?!.*(?:\.\.|@\{|//))[^-+^/:~?*\[\\\s\x00-\x1f\x7f][^^:~?*\[\\\s\x00-\x1f\x7f]*"
)
#: no filter, no conversion: a file is written as it was committed
_ATTRIBUTES = b"* -filter -text -ident -working-tree-encoding\n"
_OPTIONS = (
    f"core.hooksPath={os.devnull}",
    "core.fsmonitor=false",
    "submodule.recurse=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=60",
)
_ENV = {
    "GIT_ALLOW_PROTOCOL": "https:ssh:file",
    "GIT_TERMINAL_PROMPT": "0",
    "GCM_INTERACTIVE": "never",
    "SSH_ASKPASS_REQUIRE": "never",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_NO_LAZY_FETCH": "1",
    # the words of a server's answer, logins hidden, for `Retry-After`
    "GIT_TRACE_CURL": "1",
    "GIT_TRACE_CURL_NO_DATA": "1",
    "GIT_TRACE_REDACT": "1",
    "LC_ALL": "C.UTF-8",
    # what calls us from a hook of git has set these for another folder, perhaps
    "GIT_DIR": None,
    "GIT_INDEX_FILE": None,
    "GIT_WORK_TREE": None,
    "GIT_OBJECT_DIRECTORY": None,
    "GIT_ALTERNATE_OBJECT_DIRECTORIES": None,
}
_TRACE = re.compile(r"(?m)^\d\d:\d\d:\d\d\.\d+ \S+:\d+ +(.*)\n?")
_RETRY_AFTER = re.compile(r"(?im)Recv header: retry-after: *(\d{1,6})\s*$")
_BUSY = re.compile(
    r"returned error: (?:429|5\d\d)|RPC failed|early EOF|unexpected disconnect|reset by peer"
)
_TOO_OFTEN = Rule(
    NO_ANSWER.code,
    "{what} answers that it is asked too often.",
    Remedy("Run it again in a few minutes"),
    (r"unable to access '(?P<what>[^'\n]+)': The requested URL returned error: 429",),
)
_NO_LOGIN = Rule(
    ErrorCode.LOGIN_REFUSED,
    "The server does not let this user read the repository: {said}",
    Remedy("Log in by git's credential helper or an SSH key, then try git ls-remote and run again"),
    (
        r"could not read (?:Username|Password)|Authentication failed|returned error: 40[13]",
        r"Permission denied \(|Host key verification failed",
    ),
)
_NO_REVISION = UNKNOWN_REVISION.saying(
    r"couldn't find remote ref (?P<what>\S+)",
    r"not our ref (?P<what>\S+)",
    r"unadvertised object (?P<what>\S+)",
)
_FAILURES = (_TOO_OFTEN, _NO_LOGIN, _NO_REVISION, UNKNOWN_REPOSITORY)


@dataclass(frozen=True)
class Bounds:
    """Which commit is taken, and how many MiB a clone may have.

    That of the hand-in's `ref` is taken, else the newest of the main branch; with a `grace`, the
    last one before its time and that, by the committer's clock.
    """

    grace: timedelta | None = None
    largest: int = 1024


@dataclass(frozen=True)
class Fetched:
    """A hand-in, whose source is the folder of its clone now, or why it could not be fetched."""

    hand_in: HandIn
    error: LabError | None = None


def fetched(
    hand_ins: Iterable[HandIn],
    folder: Path,
    bounds: Bounds,
    *,
    children: Children | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[Fetched]:
    """Yield each hand-in when it is fetched into `folder`; one that is no address as it is.

    The column `submitted` has the time of the commit that was taken.

    Raises:
        LabError: The folder has other content, or cannot be written.

    """
    _prepare(folder)
    fetcher = _Fetcher(folder, bounds, children or Children())
    lock = file_lock.taken(str(folder / _LOCK), "fetch", say, check=fetcher.children.check)
    with lock, ThreadPoolExecutor(_AT_ONCE) as pool:
        running = []
        for one in hand_ins:
            if is_address(one.source):
                running.append(pool.submit(fetcher.fetch, one))
            else:
                yield Fetched(one)
        try:
            for future in as_completed(running):
                yield future.result()
        except BaseException:
            fetcher.children.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _prepare(folder: Path) -> None:
    """Make the folder; refuse one with files of somebody else's."""
    mark = folder / _MARK
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not mark.exists() and any(folder.iterdir()):
            text = f"{folder} has files that were not fetched, and would be overwritten."
            remedy = Remedy("Name a new folder")
            raise LabError(text, ErrorCode.PATH_OCCUPIED, file=folder, remedy=remedy)
        mark.touch()
    except OSError as error:
        raise files.unwritable(folder, error) from None


class _Fetcher:
    """Fetches one hand-in at a time in each thread, and lets a host rest that asks for it."""

    def __init__(self, folder: Path, bounds: Bounds, children: Children) -> None:
        """Begin with no host that rests."""
        self.children = children
        self.bounds = bounds
        self._folder = folder
        self._rests: dict[str, float] = {}
        self._lock = threading.Lock()

    def fetch(self, hand_in: HandIn) -> Fetched:
        """Return a hand-in with its clone; its trouble is its own."""
        clone = _Clone(self._folder / hand_in.id, self, hand_in)
        try:
            _expect_allowed(hand_in)
            try:
                return Fetched(clone.update())
            except LabError as error:
                if error.code is not ErrorCode.TOOL_FAILED or not clone.path.exists():
                    raise
            # an earlier run was killed, and left what git does not read
            shutil.rmtree(clone.path)
            return Fetched(clone.update())
        except LabError as error:
            if error.code is ErrorCode.FILE_TOO_LARGE:
                shutil.rmtree(clone.path, ignore_errors=True)
            return Fetched(hand_in, error)
        except OSError as error:
            return Fetched(hand_in, files.unwritable(clone.path, error))

    def asked(self, command: Command, watch: Callable[[], None]) -> Outcome:
        """Ask a server, as often as it is worth it; return its last answer without the trace."""
        host = re.split(r"[/:]", command.source.partition("://")[2] or command.source)[0]
        for number in range(1, _TRIES + 1):
            self._rest(host)
            outcome = process.run(command, children=self.children, watch=watch)
            wait = _wait(outcome.stderr, number)
            if outcome.ok or wait is None or number == _TRIES:
                break
            with self._lock:
                self._rests[host] = max(self._rests.get(host, 0), time.monotonic() + wait)
        return replace(outcome, stderr=_TRACE.sub("", outcome.stderr))

    def _rest(self, host: str) -> None:
        """Wait until a host may be asked again."""
        while time.monotonic() < self._rests.get(host, 0):
            self.children.check()
            time.sleep(_TICK)


@dataclass(frozen=True)
class _Clone:
    """The clone of one hand-in in the folder `path`."""

    path: Path
    fetcher: _Fetcher
    hand_in: HandIn

    def update(self) -> HandIn:
        """Bring the clone to the commit that is asked for."""
        if not (self.path / ".git" / "HEAD").exists():
            self._git("init", "--quiet", "--template=", str(self.path))
        attributes = self.path / ".git" / "info" / "attributes"
        attributes.parent.mkdir(exist_ok=True)
        files.write(attributes, _ATTRIBUTES)
        for left in (self.path / ".git" / "objects" / "pack").glob("tmp_*"):
            left.unlink()  # a fetch was stopped
        commit, submitted = self._found()
        self._expect_bearable()
        self._git("checkout", "--quiet", "--force", "--detach", commit)
        self._git("clean", "--quiet", "-ffdx")
        self._expect_bearable()
        columns = {SUBMITTED: submitted, **self.hand_in.columns}
        return replace(self.hand_in, source=str(self.path), columns=columns)

    def _found(self) -> tuple[str, str]:
        """Fetch what is asked for; return its commit with the committer's time."""
        ref, due, grace = self.hand_in.ref, self.hand_in.due, self.fetcher.bounds.grace
        try:
            self._fetch(ref or "HEAD", "--depth=1")
        except LabError as error:
            if error.code is not ErrorCode.UNKNOWN_REVISION:
                raise
            if not ref:
                text = "The repository has no commit."
                raise LabError(text, error.code) from None
            # a server may not give a commit by its name, and none does by a part of it
            self._fetch("+refs/heads/*:refs/heads/*", *self._whole())
            return self._commit(ref)
        newest = self._commit("FETCH_HEAD")
        if ref or not due or grace is None:
            return newest
        end = moment(due, ends_day=True) + grace
        if moment(newest[1]) < end:
            return newest
        self._fetch("HEAD", *self._whole())
        last = int(end.timestamp()) - 1
        return self._commit("FETCH_HEAD", "--first-parent", f"--min-age={last}")

    def _expect_bearable(self) -> None:
        """Refuse a clone that has become too large, whether git still works on it or not."""
        largest = self.fetcher.bounds.largest
        if _size(self.path) > largest << 20:
            text = f"Its clone is larger than {largest} MiB."
            remedy = Remedy("Look at it by hand, or raise `largest_clone` in cohort.toml")
            raise LabError(text, ErrorCode.FILE_TOO_LARGE, remedy=remedy)

    def _whole(self) -> tuple[str, ...]:
        return ("--unshallow",) if (self.path / ".git" / "shallow").exists() else ()

    def _fetch(self, ref: str, *words: str) -> None:
        argv = ("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--update-head-ok")
        command = self._command(*argv, *words, "--", self.hand_in.source, ref)
        failures.demand(self.fetcher.asked(command, self._expect_bearable), title="git fetch")

    def _commit(self, name: str, *words: str) -> tuple[str, str]:
        """Return the commit of a name with its time.

        Raises:
            LabError: There is none.

        """
        form = "--format=%H %cI"  # `git log` would check signatures where the user asks for it
        outcome = self._run("rev-list", "-1", form, *words, name, "--")
        found = outcome.stdout.strip().rpartition("\n")[2].partition(" ")
        if not outcome.ok or not found[2]:
            due = self.hand_in.due
            what = f"commit before {due}" if words else f"{name!r}"
            text = f"The repository has no {what}."
            raise LabError(text, ErrorCode.UNKNOWN_REVISION, remedy=UNKNOWN_REVISION.remedy)
        return found[0], found[2]

    def _git(self, *words: str) -> None:
        failures.demand(self._run(*words), title=f"git {words[0]}")

    def _run(self, *words: str) -> Outcome:
        children = self.fetcher.children
        return process.run(self._command(*words), children=children, watch=self._expect_bearable)

    def _command(self, *words: str) -> Command:
        options = []
        for option in _OPTIONS:
            options += ["-c", option]
        # never a repository in a folder above
        places = (f"--git-dir={self.path / '.git'}", f"--work-tree={self.path}")
        argv = ("git", *options, *(() if words[0] == "init" else places), *words)
        source = self.hand_in.source if words[0] == "fetch" else ""
        return Command(argv, "fetch a hand-in", _ENV, source=source, failures=_FAILURES)


def _size(folder: Path) -> int:
    """Return the bytes of all files below a folder, which may vanish meanwhile."""
    size = 0
    for place, folders, names in os.walk(folder):
        for name in (*folders, *names):
            with contextlib.suppress(OSError):
                size += max(Path(place, name).lstat().st_size, _SMALLEST)
    return size


def _expect_allowed(hand_in: HandIn) -> None:
    """Refuse an address of another kind, and a name that git would take for something else."""
    if not _ALLOWED.match(hand_in.source):
        text = f"The source of {hand_in.id} is no address that is fetched: {hand_in.source:.100}."
        remedy = Remedy("Write it with https://, ssh:// or file://")
        raise LabError(text, ErrorCode.NOT_SUPPORTED, remedy=remedy)
    if hand_in.ref and not _REF.fullmatch(hand_in.ref):
        text = f"The ref of {hand_in.id} is no branch, tag or commit: {hand_in.ref!r:.100}."
        raise LabError(text, ErrorCode.UNKNOWN_REVISION, remedy=UNKNOWN_REVISION.remedy)


def _wait(said: str, number: int) -> float | None:
    """Return the seconds to wait before another try; `None` where none would help."""
    if not _BUSY.search(said):
        return None
    told = _RETRY_AFTER.findall(said)
    wait = float(told[-1]) if told else _FIRST_WAIT * 4 ** (number - 1)
    return wait if wait <= _LONGEST_WAIT else None
