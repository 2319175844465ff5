"""Whether reading poetry.lock tells what `poetry check --lock` tells, over projects made by chance.

With `MLOPS_LAB_FAULTS_FULL` set, over 300 projects:
`MLOPS_LAB_FAULTS_FULL=1 python3 -m tasks_lib test --only integration -- -k poetry_agreement`.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tasks_lib.errors import LabError
from tasks_lib.execution import forking
from tasks_lib.managers import poetry_process
from tasks_lib.managers.base import LOCK_FRESH
from tasks_lib.managers.poetry import Poetry
from tasks_lib.managers.poetry_settings import index_variables
from tasks_lib.project.options import Options
from tasks_lib.project.project import Project
from tasks_lib.project.settings import Settings
from tasks_lib.results import Status
from tests import poetry_projects
from tests.lab import tools, variables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.uv_projects import Files

pytestmark = pytest.mark.processes

FULL = bool(os.environ.get("MLOPS_LAB_FAULTS_FULL"))
#: The seeds of the projects, how many changes each of them gets, and which are typed as well.
SEEDS, CHANGES, TYPED = (range(300), 8, 30) if FULL else (range(1000, 1006), 3, 3)
_PROCESSES = 2
_PROGRAM = Path(poetry_process.__file__)
_WORDS = ("--no-interaction", "--no-ansi")
#: as the tasks check; the index needs a plugin
_CHECK = ("check", "--lock", "--no-plugins")
_REPORTED = "Error: "
_STALE = "changed significantly since poetry.lock|poetry.lock was not found"


class Answer(NamedTuple):
    """What Poetry says of a changed project, and what reading says; None where they cannot tell."""

    seed: int
    change: str
    poetry: bool | None
    reading: bool | None
    reason: str


class Real:
    """The real Poetry, with a home of its own."""

    def __init__(self, home: Path) -> None:
        """Set its variables."""
        options = Options.resolve(Settings(), variables(home))
        own = {name: value for name, value in index_variables(options).items() if value}
        self.env = {**variables(home), **own, "VIRTUAL_ENV": sys.prefix}
        self.env |= {"POETRY_VIRTUALENVS_CREATE": "false", "POETRY_CONFIG_DIR": str(home)}

    def __call__(self, root: Path, *words: str) -> tuple[int, str]:
        """Run a command in a folder, as a fork; return its exit code, and what it printed."""
        request = forking.Request(_PROGRAM, ("poetry", *words, *_WORDS), root, self.env)
        child = forking.start(request, ())
        assert child
        with child.stdout, child.stderr:
            said = child.stdout.read() + child.stderr.read()
            return child.wait(), said

    def typed(self, root: Path, *words: str) -> tuple[int, str]:
        """Run a command as a user types it."""
        argv = [str(tools() / "poetry"), *words, *_WORDS]
        found = subprocess.run(
            argv, cwd=root, env=self.env, text=True, check=False, capture_output=True
        )
        return found.returncode, found.stdout + found.stderr


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Real]:
    """Return the real Poetry."""
    yield Real(tmp_path)
    forking.end()


def _judged(real: Real, case: Path, code: int, said: str) -> bool | None:
    """Return whether Poetry finds the lock fresh; None where it refuses the manifest."""
    if code == 0:
        return True
    if re.search(_STALE, said):
        return False
    if _REPORTED in said:
        return True  # what is wrong is not the lock
    (case / "poetry.lock").unlink()
    code, said = real(case, "check", "--no-plugins")
    return False if code == 0 or _REPORTED in said else None


def _read(root: Path) -> tuple[bool | None, str]:
    """Return what reading says of the lock, and why."""
    try:
        manager = Poetry(Project.load(root, {}, new=True))
        (found,) = [one for one in manager.by_reading() if one.id == LOCK_FRESH.id]
    except LabError as error:
        return None, error.message
    return {Status.PASS: True, Status.FAIL: False}.get(found.status), found.detail


def _is_refuted(real: Real, case: Path, reason: str) -> bool:
    """Return whether Poetry can use a lock of which reading says more than its hash tells."""
    if "is damaged" in reason:
        return real(case, "install", "--dry-run", "--no-plugins")[0] == 0
    if "libs/lib" not in reason:
        return True
    before = (case / "poetry.lock").read_text()
    assert real(case, "lock")[0] == 0
    return (case / "poetry.lock").read_text() == before


def _changes(seed: int, files: Files) -> list[tuple[str, Files]]:
    """Return a project as it was locked, and after some changes, one of them on an older lock."""
    rng = random.Random(seed)  # noqa: S311 - the same projects in each run
    names = [*poetry_projects.CHANGES]
    rng.shuffle(names)
    found = [("nothing", files)]
    old = poetry_projects.changed(files, "an older lock", rng) or files
    for name in names:
        before = old if len(found) == CHANGES else files
        new = poetry_projects.changed(before, name, rng)
        if new and len(found) <= CHANGES:
            found.append((name if before is files else f"an older lock; {name}", new))
    return found


def _answers(real: Real, folder: Path, seed: int) -> list[Answer]:
    """Lock a project, change it, and ask both; return nothing of what Poetry cannot lock."""
    files = poetry_projects.generate(random.Random(seed))  # noqa: S311 - as above
    root = folder / str(seed)
    poetry_projects.write(files, root)
    if real(root, "lock")[0]:
        return []
    lock = (root / "poetry.lock").read_text()
    found = []
    for number, (name, new) in enumerate(_changes(seed, files)):
        case = folder / f"{seed}-{number}"
        poetry_projects.write(new, case, lock)
        said = real(case, *_CHECK)
        if (seed + number) % len(SEEDS) < TYPED and number == seed % (CHANGES + 1):
            assert real.typed(case, *_CHECK) == said
        reading, reason = _read(case)
        fits = _judged(real, case, *said)
        if fits and reading is False:
            fits = _is_refuted(real, case, reason)
        found.append(Answer(seed, name, fits, reading, reason))
        shutil.rmtree(case)
    return found


def test_reading_says_what_poetry_says(
    real: Real, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ThreadPoolExecutor(_PROCESSES) as pool:
        each = list(pool.map(lambda seed: _answers(real, tmp_path, seed), SEEDS))
    answers = [answer for found in each for answer in found]
    counts = Counter((one.poetry, one.reading) for one in answers)
    if FULL:
        shown = {True: "fresh", False: "stale", None: "cannot tell"}
        lines = [f"{each.count([])} of {len(each)} projects cannot be locked"]
        lines += [f"| {shown[one]} | {shown[other]} | {n} |" for (one, other), n in counts.items()]
        reasons = Counter(one.reason[:70] for one in answers if one.reading is None)
        lines += [f"{count} times: {reason}" for reason, count in reasons.most_common()]
        with capsys.disabled():
            sys.stdout.write("\n".join(["", *lines, ""]))
    told = [one for one in answers if one.reading is not None]
    assert not [one for one in told if one.reading is not one.poetry]
    assert counts[True, True] >= len(SEEDS)
    assert counts[False, False] >= len(SEEDS) / 2
