"""A class is checked by workers of Dask, which may die."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

import pytest

from tests.unit.cohort.test_examining import POETRY, SOUND

if TYPE_CHECKING:
    from tests.lab import Lab

pytestmark = pytest.mark.processes

#: the process that runs it is a child of a server of such, and that one of the worker
OWN = """\
import os, subprocess
from pathlib import Path
from tasks_lib.cohort.own_checks import check

@check("own.deadly", title="it kills no worker", remedy="Remove it")
def deadly(repository):
    killed = Path({killed!r})
    if repository.exists("deadly") and not killed.exists():
        killed.touch()
        said = subprocess.check_output(["ps", "-o", "ppid=", "-p", str(os.getppid())])
        os.kill(int(said), 9)
    return ()
"""


def test_two_workers_of_which_one_is_killed_lose_nothing(lab: Lab) -> None:
    for number in range(20):
        folder = lab.project / "hand ins" / f"s{number:02}"
        folder.mkdir(parents=True)
        for file, text in SOUND.items():
            (folder / file).write_text(text)
    (lab.project / "hand ins" / "s03" / "deadly").touch()
    (lab.project / "hand ins" / "s04" / "pyproject.toml").write_text(POETRY + 'idna = "*"\n')
    killed = lab.project / "killed"
    lab.write("own.py", OWN.format(killed=str(killed)))
    lab.write("cohort.toml", 'folder = "hand ins"\nchecks = "own.py"\n')
    answer = lab("cohort.check", "cohort.toml", "--dask", "2", cwd=lab.project)
    assert killed.exists()
    counts = {"repositories": 20, "checked": 20, "waiting": 0, "pass": 19, "fail": 1, "error": 0}
    assert answer.data["cohort"] == {**counts, "store": "cohort.db"}
    assert [one["title"] for one in answer.results if one["status"] == "fail"] == ["s04"]
    with contextlib.closing(sqlite3.connect(lab.project / "cohort.db")) as store:
        rows = store.execute("SELECT repository FROM examined ORDER BY repository").fetchall()
    assert [name for (name,) in rows] == [f"s{number:02}" for number in range(20)]
    # the same was found as by the pool: a run with it finds nothing that it would check again
    again = lab("cohort.check", "cohort.toml", cwd=lab.project)
    assert again.data["cohort"] == {**counts, "checked": 0, "store": "cohort.db"}


def test_what_was_typed_wrongly_and_a_scheduler_of_another_kind(lab: Lab) -> None:
    (lab.project / "hand ins" / "s1").mkdir(parents=True)
    for words, code in (
        (("--dask", "0"), "invalid_option"),
        (("--dask", "2", "--workers", "2"), "invalid_option"),
        (("--scheduler", "tcp://127.0.0.1:9", "--dask", "2"), "invalid_option"),
        (("--scheduler", "gopher://127.0.0.1:9"), "no_answer"),
    ):
        answer = lab("cohort.check", "hand ins", *words, cwd=lab.project)
        assert answer.error()["code"] == code, words
        assert answer.error()["remedy"]
    shown = lab(*answer.error()["remedy_argv"][-2:], json=False)
    assert "What a worker needs" in shown.stdout
