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
from typing import TYPE_CHECKING

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
#: How many answers may be that it cannot be told.
_MOST_UNSURE = 0.1
_SAYS = {True: "fresh", False: "stale", None: "cannot tell"}


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
        """Return whether uv would leave the lock as it is; None where it refuses the project."""
        found = self(root, "lock", "--check", "--verbose")
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


def test_reading_says_what_uv_says(
    uv: Uv, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts: Counter[tuple[str, str]] = Counter()
    reasons: Counter[str] = Counter()
    wrong = []
    for seed in SEEDS:
        files = uv_projects.generate(random.Random(seed))  # noqa: S311 - as above
        root = tmp_path / str(seed)
        uv_projects.write(files, root)
        if uv(root, "lock").returncode:
            counts["not locked", ""] += 1
            continue
        for name, new in _changes(seed, files):
            case = tmp_path / "case"
            uv_projects.write(new, case, "\n# the end\n")
            shutil.copy(root / "uv.lock", case)
            says, reads = uv.fits(case), uv_lock_reading.judge(case)
            shutil.rmtree(case)
            counts[_SAYS[says], _SAYS[reads.fits]] += 1
            if reads.fits is None:
                reasons[reads.text.partition("\n")[0][:70]] += 1
            elif reads.fits is not says:
                wrong.append((seed, name, _SAYS[says], reads))
    if FULL:
        lines = [f"| {' | '.join(key)} | {count} |" for key, count in sorted(counts.items())]
        lines += [f"{count} times: {reason}" for reason, count in reasons.most_common()]
        with capsys.disabled():
            sys.stdout.write("\n".join(["", *lines, ""]))
    assert not wrong
    assert counts["fresh", "fresh"] >= len(SEEDS) / 2
    assert sum(reasons.values()) <= _MOST_UNSURE * sum(counts.values())


@pytest.mark.parametrize("name", ROWS)
def test_uv_says_what_the_tables_hold(uv: Uv, tmp_path: Path, name: str) -> None:
    rows = by_hand.FRESH | {key: row[:3] for key, row in by_hand.STALE.items()}
    assert uv.fits(by_hand.changed(tmp_path, rows[name])) is (name in by_hand.FRESH)
