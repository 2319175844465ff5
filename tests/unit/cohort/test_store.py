"""The file with the results of a class."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from tasks_lib.cohort.base import Examined, Finding, HandIn
from tasks_lib.cohort.store import Store
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.results import Status
from tests.cases import cases

STALE = Finding("lock.fresh", Status.FAIL, "the lock fits", "It is stale.", "Lock", "uv.lock", 3)
ADA = HandIn("ada", "hand-ins/ada", name="Ada, “Countess”", columns={"section": "=1+1"})


def _examined(name: str = "ada", content: str = "c1", *findings: Finding) -> Examined:
    return Examined(name, findings, content, "pip_uv", "uv.lock is here", 0.5)


def test_what_is_kept_comes_back_as_it_was(tmp_path: Path) -> None:
    with Store(tmp_path / "a b.db") as store:
        store.begin("class.toml", "asked", [ADA, HandIn("bob", "hand-ins/bob")])
        store.expect("ada", "c1")
        store.add(_examined("ada", "c1", STALE), "asked")
    with Store(tmp_path / "a b.db") as again:
        assert [(hand_in, one.examined) for hand_in, one in again.latest()] == [
            (ADA, _examined("ada", "c1", STALE))
        ]
        assert (again.source, again.count()) == ("class.toml", 2)


def test_earlier_results_stay_and_the_same_one_is_kept_once(tmp_path: Path) -> None:
    with Store(tmp_path / "class.db") as store:
        for found in (_examined(), _examined(), _examined("ada", "c2"), _examined("ada", "c2")):
            store.add(found, "asked")
        store.add(_examined("ada", "c2"), "asked otherwise")
        kept = [(one.examined.content, one.asked) for one in store.history("ada")]
    assert kept == [("c2", "asked otherwise"), ("c2", "asked"), ("c1", "asked")]


def test_who_left_the_class_is_no_longer_shown(tmp_path: Path) -> None:
    with Store(tmp_path / "class.db") as store:
        store.begin("class", "asked", [ADA])
        store.expect("ada", "c1")
        store.add(_examined(), "asked")
        store.begin("class", "asked", [HandIn("bob", "b")])
        assert list(store.latest()) == []
        assert (store.count(), len(store.history("ada"))) == (1, 1)
        store.begin("class", "asked", [ADA])
        assert len(list(store.latest())) == 1


def test_a_result_counts_for_what_it_is_of_alone(tmp_path: Path) -> None:
    with Store(tmp_path / "class.db") as store:
        store.begin("class", "asked", [ADA])
        store.expect("ada", "c1")
        store.add(_examined(), "asked")
        store.expect("ada", "c2")  # handed in again, and the run was killed
        assert list(store.latest()) == []
        store.expect("ada", "c1")
        store.begin("class", "asked otherwise", [ADA])
        assert list(store.latest()) == []


def test_another_class_needs_another_store(tmp_path: Path) -> None:
    with Store(tmp_path / "class.db") as store:
        store.begin("lab 1", "asked", [ADA])
        with pytest.raises(LabError) as caught:
            store.begin("lab 2", "asked", [ADA])
    assert caught.value.code is ErrorCode.INVALID_STORE
    assert "--store" in str(caught.value.remedy)


def test_a_store_of_the_first_version_is_taken_to_this_one(tmp_path: Path) -> None:
    path = tmp_path / "class.db"
    with Store(path) as store:
        store.begin("class", "asked", [ADA])
        store.expect("ada", "c1")
        store.add(_examined(), "asked")
    with sqlite3.connect(path) as file:
        file.execute("DROP TABLE written")
        file.execute("PRAGMA user_version = 1")
    with Store(path) as store:
        store.wrote([tmp_path / "x" / ".." / "pages"])
        store.wrote([tmp_path / "pages"])
        assert len(list(store.latest())) == 1
        own = {str(path) + end for end in ("", "-wal", "-shm")}
        assert store.written() == {str(tmp_path / "pages"), *own}


def test_two_runs_at_once_keep_each_result_once(tmp_path: Path) -> None:
    path = tmp_path / "class.db"
    Store(path).__exit__()

    def run() -> None:
        with Store(path) as store:
            for number in range(100):
                store.add(_examined(f"s{number}"), "asked")

    runs = [threading.Thread(target=run) for _ in range(2)]
    for one in runs:
        one.start()
    for one in runs:
        one.join()
    with Store(path) as store:
        assert [len(store.history(f"s{number}")) for number in range(100)] == [1] * 100


def test_a_full_disk_is_one_error_and_loses_nothing(tmp_path: Path) -> None:
    with Store(tmp_path / "class.db") as store:
        store.add(_examined(), "asked")
        # SQLite says the same of a file that may not grow as of a full disk (SQLITE_FULL)
        store._file.execute("PRAGMA max_page_count = 1")  # noqa: SLF001 - see above
        large = Finding("own.x", Status.FAIL, "x" * 100_000)
        with pytest.raises(LabError) as caught:
            store.add(_examined("bob", "c1", large), "asked")
    assert caught.value.code is ErrorCode.DISK_FULL
    with Store(tmp_path / "class.db") as again:
        assert again.last("ada")


def _text(path: Path) -> None:
    path.write_text("no store, and longer than the head of one " * 10)


def _newer(path: Path) -> None:
    Store(path).__exit__()
    with sqlite3.connect(path) as file:
        file.execute("PRAGMA user_version = 99")


def _another(path: Path) -> None:
    with sqlite3.connect(path) as file:
        file.execute("CREATE TABLE examined (number)")


@cases(
    "make, code",
    {
        "a text": (_text, ErrorCode.INVALID_STORE),
        "a newer version": (_newer, ErrorCode.INVALID_STORE),
        "a folder": (Path.mkdir, ErrorCode.CANNOT_WRITE),
        "another program's": (_another, ErrorCode.INVALID_STORE),
    },
)
def test_what_is_no_store_is_one_error(tmp_path: Path, make: object, code: ErrorCode) -> None:
    path = tmp_path / "x.db"
    assert callable(make)
    make(path)
    with pytest.raises(LabError) as caught:
        Store(path)
    assert caught.value.code is code
    assert str(path) in caught.value.message
    assert str(caught.value.remedy)
