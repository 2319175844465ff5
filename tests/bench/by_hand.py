"""Measure tasks against the steps typed by hand, in turn, and print the ratios of medians.

Started by `nox -s bench`. Download caches are warm, and all sides use the same channel, index and
tools. By hand, the pip layer is made with `python -m venv` and the conda layer with real conda.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench import beside, cohort_rows, sizes  # noqa: E402 - a script: the project is put on the path first
from tests.bench.floor import Floor  # noqa: E402
from tests.bench.place import (  # noqa: E402
    MEASURED,
    TOOLS,
    Place,
    Took,
    median,
    prepare,
    say,
    timed,
)
from tests.bench.typed import activated, type_by_hand  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class Row(NamedTuple):
    """A combo and its engine, and the most that its `setup` may take, first and again.

    That is a share of the time by hand, and of the floor.
    """

    combo: str
    engine: str
    first: float
    again: float
    floor: float

    def __str__(self) -> str:
        """Return the row's name."""
        return f"{self.combo}, {self.engine}"

    @property
    def words(self) -> tuple[str, ...]:
        """Return the options that name them."""
        return ("--combo", self.combo, "--engine", self.engine)


ROWS = (
    Row("conda_uv", "rattler", 0.20, 0.10, 1.15),
    Row("conda_poetry", "rattler", 0.50, 0.15, 1.2),
    Row("conda_uv", "conda", 0.85, 0.25, 1.15),
    Row("conda_poetry", "conda", 0.85, 0.25, 1.2),
    Row("pip_uv", "auto", 0.40, 0.20, 1.15),
    Row("pip_poetry", "auto", 0.65, 0.20, 1.2),
)
SETUP_COLUMNS = (
    "combo, engine | by hand | floor | first setup | of by hand | of the floor "
    "| slowest tool | setup again | of by hand | over the tool"
)
LIST_LIMIT, CHECK_LIMIT = 1.3, 1.2
#: the seconds that `setup` with nothing to do may take beside its slowest tool
AGAIN_LIMIT = 0.15
#: the seconds that the guard may add to `deps.install`
GUARD_LIMIT = 0.2
#: what only looks, and the most seconds with few packages; `ANSWER_AT_MOST` holds with many
LOOKS: dict[tuple[str, ...], float] = {
    ("env.list",): 0.2,
    ("env.info",): 0.2,
    ("deps.list",): 0.2,
    ("check.lock",): 0.2,
    ("--list",): 0.12,
    ("--complete", "--", "check."): 0.12,
}
FEW, ANSWER_AT_MOST = 8, 0.5
#: `deps.install` in the tool environment: with the guard's look, or `without`, which takes that one
#: function out
INSTALL = """
import sys
root, way = sys.argv.pop(1), sys.argv.pop(1)
sys.path.append(root)
from tasks_lib.cli import program
from tasks_lib.ownership import guard
from tasks_lib.tasks import namespace
if way == "without":
    guard.conflicts = lambda *_: []
raise SystemExit(program.main(sys.argv[1:], namespace, own_tasks=True))
"""
#: what the lock then names at another version than conda owns, though not for this machine
ELSEWHERE = "pip==24.0; sys_platform == 'win32'"


def setup_rows(place: Place, row: Row, runs: int) -> int:
    """Print `setup` against the steps typed by hand and the floor; return how many goals it misses.

    All are run in turn. The first turn warms the caches, and is not counted.
    """
    names = ("by hand", "floor", "first", "floor again", "again")
    found: dict[str, list[Took]] = {name: [] for name in names}
    place.clear()
    floor = Floor.of(place, row.combo, row.engine)
    setup = partial(place.lab, "setup", *row.words)
    for turn in range(runs + 1):
        place.clear()
        hand = timed(partial(type_by_hand, place, row.combo))
        place.clear()
        raw, looks = floor.measured(place)
        place.clear()
        turns = (hand, raw, timed(setup), looks, timed(setup))
        for name, one in zip(names, turns, strict=True):
            if turn:
                found[name].append(one)
    medians = {name: median(each) for name, each in found.items()}
    place.record("setup", str(row), **medians)
    by_hand, least, first, slowest, again = (one.seconds for one in medians.values())
    say(
        f"| {row} | {by_hand:.2f} | {least:.2f} | {first:.2f} "
        f"| {first / by_hand:.2f} ({row.first}) | {first / least:.2f} ({row.floor}) "
        f"| {slowest:.2f} | {again:.2f} "
        f"| {again / by_hand:.2f} ({row.again}) | {again - slowest:+.2f} ({AGAIN_LIMIT}) |"
    )
    return (
        int(first / by_hand > row.first)
        + int(again / by_hand > row.again)
        + int(first / least > row.floor)
        + int(again - slowest > AGAIN_LIMIT)
    )


def check_rows(place: Place, row: Row, runs: int) -> int:
    """Print `check.all`, all checks on, against its slowest tool; return 1 if it is slow."""
    place.clear()
    place.lab("setup", *row.words)
    python = str(place.environment(row.combo) / "bin" / "python")
    tools: dict[str, tuple[str, ...]] = {"pip check": (python, "-m", "pip", "check")}
    lock = (
        ("poetry", "check", "--lock") if row.combo.endswith("poetry") else ("uv", "lock", "--check")
    )
    tools[" ".join(lock)] = lock
    if row.engine == "conda":
        tools["conda doctor"] = ("conda", "doctor", "-n", "mlops_env")
    ours: list[Took] = []
    alone: dict[str, list[Took]] = {name: [] for name in tools}
    for _ in range(runs):
        ours.append(timed(partial(place.lab, "check.all", *row.words)))
        for name, argv in tools.items():
            env = activated(place, row.combo)
            alone[name].append(timed(partial(place.run, *argv, env=env)))
    medians = {name: median(each) for name, each in alone.items()}
    slowest = max(medians, key=lambda name: medians[name].seconds)
    check = median(ours)
    place.record("checks", str(row), check=check, **medians)
    share = check.seconds / medians[slowest].seconds
    say(
        f"| {row} | {check.seconds:.2f} | {slowest} | {medians[slowest].seconds:.2f} "
        f"| {share:.2f} ({CHECK_LIMIT}) |"
    )
    return int(share > CHECK_LIMIT)


def look_rows(place: Place, row: Row, runs: int) -> int:
    """Print what only looks, on a clock and of the processors; return how many answer late."""
    place.clear()
    place.lab("setup", *row.words)
    found: dict[tuple[str, ...], list[Took]] = {words: [] for words in LOOKS}
    for turn in range(runs * 2 + 1):
        for words, into in found.items():
            options = row.words[: 0 if words[0].startswith("-") or words[0] == "env.list" else 4]
            one = timed(partial(place.lab, *words, *options))
            if turn:
                into.append(one)
    late = 0
    for words, each in found.items():
        took = median(each)
        most = LOOKS[words]
        if place.size > FEW and not words[0].startswith("-"):
            most = ANSWER_AT_MOST
        late += took.seconds > most
        name = " ".join(words)
        place.record("looks", str(row), task=name, took=took)
        say(f"| {row}: {name} | {took.seconds:.2f} ({most}) | {took.cpu:.2f} |")
    return late


def guard_rows(place: Place, row: Row, runs: int) -> int:
    """Print what the guard adds to `deps.install`, and return how many rows exceed their limit."""
    missed = 0
    manifest = place.project / "pyproject.toml"
    text = manifest.read_text(encoding="utf-8")
    if not row.combo.startswith("conda"):
        return missed
    other = text.replace("dependencies = [", f'dependencies = [\n    "{ELSEWHERE}",', 1)
    for lock, declared in (
        ("as it is", text),
        ("naming conda's pip at another version, for Windows", other),
    ):
        place.clear()
        manifest.write_text(declared, encoding="utf-8")
        place.lab("setup", *row.words)
        ours, bare = _with_and_without(place, row, runs)
        adds = ours.seconds - bare.seconds
        missed += adds > GUARD_LIMIT
        place.record("guard", f"{row}, lock {lock}", guarded=ours, bare=bare)
        say(f"| {row}, lock {lock} | {ours.seconds:.2f} | {bare.seconds:.2f} | {adds:.2f} |")
    manifest.write_text(text, encoding="utf-8")
    return missed


def _with_and_without(place: Place, row: Row, runs: int) -> tuple[Took, Took]:
    """Return the medians of `deps.install` with and without the guard; all is installed already."""
    ways: dict[str, list[Took]] = {"with": [], "without": []}
    command = (sys.executable, "-I", "-c", INSTALL, str(ROOT))
    for turn in range(runs * 2 + 1):
        for way, into in ways.items():
            one = timed(partial(place.run, *command, way, "deps.install", *row.words))
            if turn:
                into.append(one)
    return median(ways["with"]), median(ways["without"])


def list_row(place: Place, runs: int) -> int:
    """Print the time that `--list` takes, and return 1 if it is too long."""
    empty = place.home / "empty"
    empty.mkdir(exist_ok=True)
    (empty / "tasks.py").write_text(
        "from invoke import task\n\n@task\ndef one(c):\n    pass\n", encoding="utf-8"
    )
    invoke = str(TOOLS / "invoke")
    found: dict[str, list[Took]] = {str(ROOT): [], str(empty): []}
    for turn in range(runs * 2 + 1):
        for root, into in found.items():
            one = timed(partial(place.run, invoke, "--search-root", root, "--list"))
            if turn:
                into.append(one)
    ours, theirs = (median(each) for each in found.values())
    share = ours.seconds / theirs.seconds
    place.record("list", "invoke --list", ours=ours, empty=theirs)
    say(
        f"\ninvoke --list takes {share:.2f} times what it takes on an empty tasks.py ({LIST_LIMIT})"
    )
    return int(share > LIST_LIMIT)


#: Each table: its first line, and what prints and judges its rows.
TABLES: Mapping[str, tuple[str, Callable[[Place, Row, int], int]]] = {
    "setup": (
        SETUP_COLUMNS,
        setup_rows,
    ),
    "checks": (
        "check.all, every check on | seconds | slowest tool | its seconds | share",
        check_rows,
    ),
    "looks": ("task | seconds | CPU seconds", look_rows),
    "guard": (
        f"guard: deps.install, nothing to do | with | its look taken out | it adds ({GUARD_LIMIT})",
        guard_rows,
    ),
}
#: What is measured once for a project.
ALONE = {"list": list_row, "beside": beside.rows}


def tables(place: Place, names: list[str], only: str, runs: int) -> int:
    """Print tables for one project, and return how many goals are missed."""
    missed = 0
    say(f"\n{place.size} packages, a conda layer of {place.layer}")
    for name in names:
        head, rows = TABLES[name]
        say(f"\n| {head} |\n{'| --- ' * (head.count('|') + 1)}|")
        for row in ROWS:
            if only in str(row):
                missed += rows(place, row, runs)
    return missed


def main() -> int:
    """Print the tables, and return 1 if a row misses its number."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each side")
    parser.add_argument("--only", default="", help="a row, or a part of its name")
    parser.add_argument("--rows", choices=[*TABLES, *ALONE, "cohort"], help="one table alone")
    parser.add_argument("--size", default="8", help="packages of the projects: 8,160,400")
    parser.add_argument("--layer", default="2", help="packages of the conda layers: 2,60,400")
    parser.add_argument("--json", default="", help="a file for all that was measured")
    parser.add_argument("--sizes", default="100,1000,10000", help="of the classes of `cohort`")
    parser.add_argument("--reviewed", type=int, default=30, help="of these by repo-review too")
    options = parser.parse_args()
    missed = 0
    if options.rows != "cohort":
        say(
            f"medians of {options.runs} runs, seconds; in brackets what must not be exceeded; "
            f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
        )
        for size in _numbers(options.size, sizes.PACKAGES):
            for layer in _numbers(options.layer, sizes.LAYERS):
                missed += _project(size, layer, options)
    if options.rows in {None, "cohort"}:
        classes = [*map(int, options.sizes.split(","))]
        missed += cohort_rows.rows(classes, options.reviewed, options.runs, say)
    if options.json:
        document = {"load": os.getloadavg(), "cores": os.cpu_count(), "rows": MEASURED}
        Path(options.json).write_text(json.dumps(document, indent=1), encoding="utf-8")
    say(f"{missed} rows miss their number")
    return int(missed > 0)


def _numbers(given: str, known: Iterable[int]) -> list[int]:
    """Return the numbers of an option, all of which have to be known."""
    by_name = {str(number): number for number in known}
    for word in given.split(","):
        if word not in by_name:
            sys.exit(f"{word} is none of {', '.join(by_name)}")
    return [by_name[word] for word in given.split(",")]


def _project(size: int, layer: int, options: argparse.Namespace) -> int:
    """Print the tables that were asked for of one project."""
    names = [options.rows] if options.rows else [*TABLES, *ALONE]
    with tempfile.TemporaryDirectory(prefix="mlops-lab bench ") as folder:
        place = prepare(Path(folder), size, layer)
        wanted = [name for name in names if name in TABLES]
        missed = tables(place, wanted, options.only, options.runs)
        return missed + sum(ALONE[name](place, options.runs) for name in names if name in ALONE)


if __name__ == "__main__":
    sys.exit(main())
