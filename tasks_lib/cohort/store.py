"""What was found in a class, in one SQLite file: text and numbers alone, written by one process.

Each result is kept: a repository that is checked again gets a new row beside the earlier ones.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from tasks_lib.cohort.base import Examined, Finding, HandIn
from tasks_lib.errors import ErrorCode, LabError, Remedy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

#: each step takes a store from one version to the next
_MIGRATIONS = (
    """
    CREATE TABLE examined (
        number INTEGER PRIMARY KEY,
        repository TEXT NOT NULL,
        content TEXT NOT NULL,
        asked TEXT NOT NULL,
        status TEXT NOT NULL,
        combo TEXT NOT NULL,
        evidence TEXT NOT NULL,
        seconds REAL NOT NULL,
        at REAL NOT NULL,
        findings TEXT NOT NULL
    ) STRICT;
    CREATE INDEX of_repository ON examined (repository, number);
    CREATE TABLE hand_in (
        repository TEXT PRIMARY KEY, said TEXT NOT NULL, content TEXT NOT NULL, run INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE class (source TEXT NOT NULL, asked TEXT NOT NULL, run INTEGER NOT NULL) STRICT;
    """,
    """
    CREATE TABLE written (path TEXT PRIMARY KEY) STRICT;
    """,
)
#: by which a file is known as a store (SQLite's `application_id`): "mlab"
_MARK = 0x6D6C6162
#: how long one run waits for another that writes, in seconds
_WAIT = 30
_LATEST = """
    SELECT hand_in.said, one.* FROM hand_in
    JOIN class ON hand_in.run = class.run
    JOIN examined AS one ON number = (
        SELECT max(number) FROM examined WHERE repository = hand_in.repository
    ) WHERE one.content = hand_in.content AND one.asked = class.asked
    ORDER BY hand_in.repository
"""


@dataclass(frozen=True)
class Stored:
    """One result of a repository; `asked` tells what was asked of it, `at` the second it is of."""

    examined: Examined
    asked: str
    at: float


class Store:
    """The results of one class."""

    def __init__(self, path: Path) -> None:
        """Open the file, and make it where there is none.

        Raises:
            LabError: The file is no store, or one of a newer version; it cannot be written.

        """
        self.path = path
        with self._told():
            self._file = sqlite3.connect(path, timeout=_WAIT, isolation_level=None)
            self._file.row_factory = sqlite3.Row
            self._file.execute("PRAGMA journal_mode = WAL")
            self._file.execute("PRAGMA synchronous = NORMAL")
            self._migrate()

    def __enter__(self) -> Self:
        """Return the store."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._file.close()

    def _migrate(self) -> None:
        with self._changed():
            version = self._file.execute("PRAGMA user_version").fetchone()[0]
            mark = self._file.execute("PRAGMA application_id").fetchone()[0]
            tables = self._file.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
            fault = "another program wrote it" if mark != _MARK and tables else ""
            if version > len(_MIGRATIONS):
                fault = "a newer mlops-lab wrote it"
            if fault:
                raise self._no_store(fault)
            for step in _MIGRATIONS[version:]:
                for statement in filter(str.strip, step.split(";")):
                    self._file.execute(statement)
            self._file.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")
            self._file.execute(f"PRAGMA application_id = {_MARK}")

    def _no_store(self, why: object) -> LabError:
        text = f"{self.path} is not a store of this mlops-lab: {why}."
        remedy = Remedy("Name another file with --store")
        return LabError(text, ErrorCode.INVALID_STORE, remedy=remedy)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what SQLite says into an error that a user understands."""
        try:
            yield
        except sqlite3.OperationalError as error:
            code = ErrorCode.DISK_FULL if "full" in str(error) else ErrorCode.CANNOT_WRITE
            text = f"{self.path} cannot be used: {error}."
            remedy = Remedy("What was stored before is kept: name a file that can be written")
            raise LabError(text, code, remedy=remedy) from None
        except sqlite3.DatabaseError as error:
            raise self._no_store(error) from None

    @contextlib.contextmanager
    def _changed(self) -> Iterator[None]:
        """Write whole or not at all; another run waits meanwhile."""
        self._file.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._file.in_transaction:  # a full disk has ended it
                self._file.execute("ROLLBACK")
            raise
        self._file.execute("COMMIT")

    def begin(self, source: str, asked: str, hand_ins: Iterable[HandIn]) -> None:
        """Keep whom a class consists of, what it was read from, and what is asked of each.

        The results of others stay, and are no longer part of the class.

        Raises:
            LabError: The store has the results of another class.

        """
        if self.source not in {"", source}:
            text = f"{self.path} has the results of another class, {self.source}."
            remedy = Remedy("Name another file with --store")
            raise LabError(text, ErrorCode.INVALID_STORE, remedy=remedy)
        with self._told(), self._changed():
            run = self._file.execute("SELECT coalesce(max(run), 0) + 1 FROM class").fetchone()[0]
            self._file.execute("DELETE FROM class")
            self._file.execute("INSERT INTO class VALUES (?, ?, ?)", (source, asked, run))
            for one in hand_ins:
                said = json.dumps(vars(one), ensure_ascii=False)
                self._file.execute(
                    "INSERT INTO hand_in VALUES (?, ?, '?', ?) ON CONFLICT (repository) "
                    "DO UPDATE SET said = excluded.said, run = excluded.run",
                    (one.id, said, run),
                )

    def expect(self, repository: str, content: str) -> None:
        """Keep what a hand-in is now: a result for something else is no longer its result."""
        with self._told():
            self._file.execute(
                "UPDATE hand_in SET content = ? WHERE repository = ? AND content <> ?",
                (content, repository, content),
            )

    def wrote(self, paths: Iterable[Path]) -> None:
        """Keep which files and folders are made of the results, and so are no hand-ins."""
        rows = [(str(path.resolve()),) for path in paths]
        with self._told(), self._changed():
            self._file.executemany("INSERT OR IGNORE INTO written VALUES (?)", rows)

    def written(self) -> set[str]:
        """Return the paths of those, and of the store's own files."""
        own = str(self.path.resolve())
        found = {own, f"{own}-wal", f"{own}-shm"}
        with self._told():
            for row in self._file.execute("SELECT path FROM written"):
                found.add(row["path"])
        return found

    @property
    def source(self) -> str:
        """Return what the class was read from."""
        with self._told():
            row = self._file.execute("SELECT source FROM class").fetchone()
        return str(row["source"]) if row else ""

    def count(self) -> int:
        """Return how many repositories the class has."""
        with self._told():
            row = self._file.execute("SELECT count(*) FROM hand_in JOIN class USING (run)")
            return int(row.fetchone()[0])

    def add(self, found: Examined, asked: str) -> None:
        """Keep a result, unless the same one is the repository's latest already."""
        findings = json.dumps([*map(vars, found.findings)], ensure_ascii=False)
        with self._told(), self._changed():
            last = self.last(found.id)
            same = (asked, found.content, found.findings)
            if last and (last.asked, last.examined.content, last.examined.findings) == same:
                return
            self._file.execute(
                "INSERT INTO examined (repository, content, asked, status, combo, evidence, "
                "seconds, at, findings) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    found.id,
                    found.content,
                    asked,
                    found.status.value,
                    found.combo,
                    found.evidence,
                    found.seconds,
                    time.time(),
                    findings,
                ),
            )

    def last(self, repository: str) -> Stored | None:
        """Return the latest result of a repository."""
        with self._told():
            row = self._file.execute(
                "SELECT * FROM examined WHERE repository = ? ORDER BY number DESC LIMIT 1",
                (repository,),
            ).fetchone()
        return _stored(row) if row else None

    def latest(self) -> Iterator[tuple[HandIn, Stored]]:
        """Yield each hand-in of the class that was examined, with its latest result, by id."""
        with self._told():
            for row in self._file.execute(_LATEST):
                yield HandIn(**json.loads(row["said"])), _stored(row)

    def history(self, repository: str) -> list[Stored]:
        """Return the results of one repository, the latest first."""
        with self._told():
            rows = self._file.execute(
                "SELECT * FROM examined WHERE repository = ? ORDER BY number DESC", (repository,)
            ).fetchall()
        return [_stored(row) for row in rows]


def _stored(row: sqlite3.Row) -> Stored:
    examined = Examined(
        row["repository"],
        tuple(map(Finding.read, json.loads(row["findings"]))),
        row["content"],
        row["combo"],
        row["evidence"],
        row["seconds"],
    )
    return Stored(examined, row["asked"], row["at"])
