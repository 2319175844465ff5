"""Whether reading uv.lock tells what `uv lock --check` tells, over projects made by chance.

With `MLOPS_LAB_FAULTS_FULL` set, over 300 projects and over every row of the unit tests' tables:
`MLOPS_LAB_FAULTS_FULL=1 python3 -m tasks_lib test --only integration -- -k uv_agreement`.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tasks_lib.managers import uv_lock_reading
from tests import uv_projects
from tests.lab import tools, variables
from tests.unit.managers import test_uv_lock_reading as by_hand

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.processes

FULL = bool(os.environ.get("MLOPS_LAB_FAULTS_FULL"))
#: The seeds of the projects, and how many changes each of them gets.
SEEDS, CHANGES = (range(300), 5) if FULL else ((310, 315, 335, 342, 353, 361), 1)
#: The rows of the tables of the unit tests that uv is asked about.
ROWS = [*by_hand.FRESH, *by_hand.STALE] if FULL else ["nothing", "bounds with zeros"]
#: How many answers must be more than that it cannot be told.
_LEAST_TOLD = 0.9
_SAYS = {True: "fresh", False: "stale", None: "cannot tell"}


class Answer(NamedTuple):
    """What uv says of a changed project, and what reading says."""

    seed: int
    change: str
    uv: bool | None
    reading: uv_lock_reading.Freshness


class Uv:
    """The real uv, with a home of its own."""

    def __init__(self, home: Path) -> None:
        """Set its variables."""
        self.env = variables(home) | {"UV_PYTHON": "3.11", "UV_PYTHON_DOWNLOADS": "never"}

    def __call__(self, root: Path, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run uv in a folder."""
        command = [str(tools() / "uv"), *argv]
        return subprocess.run(
            command, cwd=root, env=self.env, capture_output=True, text=True, check=False
        )

    def fits(self, root: Path) -> bool | None:
        """Return whether uv would leave the lock as it is; None where it refuses the project.

        Without the network it fails to lock again, after it has said why it would.
        """
        network = () if FULL else ("--offline",)
        found = self(root, "lock", "--check", "--verbose", *network)
        if found.returncode == 0:
            return True
        again = ("needs to be updated", "despite existing lockfile", "Ignoring existing lockfile")
        return False if any(text in found.stderr for text in again) else None


@pytest.fixture
def uv(tmp_path: Path) -> Uv:
    """Return the real uv."""
    return Uv(tmp_path)


def _changes(seed: int, files: uv_projects.Files) -> list[tuple[str, uv_projects.Files]]:
    """Return a project as it was locked, and after some changes."""
    rng = random.Random(seed)  # noqa: S311 - the same projects in each run
    names = [name for name in uv_projects.CHANGES if name != "nothing"]
    rng.shuffle(names)
    found = [("nothing", files)]
    for name in names:
        new = uv_projects.changed(files, name, rng)
        if new and len(found) <= CHANGES:
            found.append((name, new))
    return found


def _answers(uv: Uv, folder: Path, seed: int) -> list[Answer]:
    """Lock a project, change it, and ask both; return nothing of what uv cannot lock."""
    files = uv_projects.generate(random.Random(seed))  # noqa: S311 - as above
    root = folder / str(seed)
    uv_projects.write(files, root)
    if uv(root, "lock").returncode:
        return []
    found = []
    for number, (name, new) in enumerate(_changes(seed, files)):
        case = folder / f"{seed}-{number}"
        uv_projects.write(new, case, "\n# the end\n")
        lock = uv_projects.lock_again(new, (root / "uv.lock").read_text())
        (case / "uv.lock").write_text(lock)
        found.append(Answer(seed, name, uv.fits(case), uv_lock_reading.judge(case)))
        shutil.rmtree(case)
    return found


def test_reading_says_what_uv_says(
    uv: Uv, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ThreadPoolExecutor(12) as pool:  # most of the time is that of the index
        each = list(pool.map(lambda seed: _answers(uv, tmp_path, seed), SEEDS))
    answers = [answer for found in each for answer in found]
    counts = Counter((_SAYS[one.uv], _SAYS[one.reading.fits]) for one in answers)
    told = [one for one in answers if one.reading.fits is not None]
    reasons = Counter(one.reading.text[:70] for one in answers if one.reading.fits is None)
    if FULL:
        lines = [f"{each.count([])} of {len(each)} projects cannot be locked"]
        lines += [f"| {' | '.join(key)} | {count} |" for key, count in sorted(counts.items())]
        lines += [f"{count} times: {reason}" for reason, count in reasons.most_common()]
        with capsys.disabled():
            sys.stdout.write("\n".join(["", *lines, ""]))
    assert not [one for one in told if one.reading.fits is not one.uv]
    assert counts["fresh", "fresh"] >= len(SEEDS) / 2
    assert len(told) >= len(answers) * _LEAST_TOLD


@pytest.mark.parametrize("name", ROWS)
def test_uv_says_what_the_tables_hold(uv: Uv, tmp_path: Path, name: str) -> None:
    rows = by_hand.FRESH | {key: row[:3] for key, row in by_hand.STALE.items()}
    assert uv.fits(by_hand.changed(tmp_path, rows[name])) is (name in by_hand.FRESH)
