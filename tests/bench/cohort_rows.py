"""Measure `cohort.check` over classes that are made for it: speed, memory, and a second run."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.bench import class_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(sys.executable).parent
#: repositories a second with locks of 100 packages; the same in repo-review's seconds for one
RATE_GOAL, FASTER_GOAL = 100, 20
#: the most memory over that of the smallest class, and the seconds of a second run
FLAT_GOAL, AGAIN_GOAL = 1.2, 10
_LOCKED = 100
#: a class that takes no longer than to begin
_FEW = 20
#: `cohort.check` in the tool environment; then the most memory that the parent had, in KiB
CHECK = """
import sys
root = sys.argv.pop(1)
sys.path.append(root)
from pathlib import Path
from tasks_lib.cli import program
from tasks_lib.tasks import namespace
code = program.main(["cohort.check", *sys.argv[1:], "--json"], namespace, own_tasks=True)
(peak,) = [row for row in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in row]
print(peak.split()[1], file=sys.stderr)
raise SystemExit(code)
"""


class Ran(NamedTuple):
    """One `cohort.check`: its seconds, the parent's memory in MiB, and the counts of its answer."""

    seconds: float
    memory: float
    counts: dict[str, int]


def run(folder: Path, store: Path, workers: int, *, by: str = "--workers") -> Ran:
    """Check a class as a user does, in a process of its own."""
    argv = [sys.executable, "-I", "-c", CHECK, str(ROOT), str(folder)]
    argv += ["--store", str(store), by, str(workers)]
    began = time.perf_counter()
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=store.parent)
    seconds = time.perf_counter() - began
    if done.returncode not in {0, 1}:  # some of the class do not pass
        sys.exit(f"cohort.check ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return Ran(
        seconds, int(done.stderr.split()[-1]) / 1024, json.loads(done.stdout)["data"]["cohort"]
    )


def rows(sizes: Sequence[int], reviewed: int, runs: int, say: Callable[[str], None]) -> int:
    """Print the table, and return how many goals are missed."""
    with tempfile.TemporaryDirectory(prefix="mlops-lab class ") as name:
        folder = Path(name)
        _expect_fresh(folder, say)
        say("\n| a class | measured | goal |")
        say("| --- | --- | --- |")
        rate, missed = _speed(folder, sizes[len(sizes) // 2], runs, say)
        _dask(folder, sizes[len(sizes) // 2], say)
        missed += _sizes(folder, sizes, say)
        if reviewed:
            missed += _review(folder, reviewed, rate, say)
    return missed


def _expect_fresh(folder: Path, say: Callable[[str], None]) -> None:
    """Let uv and Poetry judge a sound lock of each combo."""
    checks = {"uv": ("lock", "--check", "--offline"), "poetry": ("check", "--lock")}
    for seed, combo in enumerate(class_of.COMBOS):
        root = folder / "judged" / combo
        class_of.write(root, class_of.make(seed, combo, _LOCKED).files)
        tool = combo.partition("_")[2]
        argv = [str(TOOLS / tool), *checks[tool]]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=root)
        if done.returncode:
            sys.exit(f"{' '.join(argv)} finds a lock stale:\n{done.stdout}\n{done.stderr}")
    say("\nuv lock --check and poetry check --lock find the locks of a sound class fresh")


def _speed(folder: Path, count: int, runs: int, say: Callable[[str], None]) -> tuple[float, int]:
    """Measure the rate with one worker and with two, in turn."""
    made = folder / "speed"
    class_of.write_class(made, count, (_LOCKED, _LOCKED))
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for turn in range(runs):
        for workers, into in seconds.items():
            into.append(run(made, folder / f"speed{turn}{workers}.db", workers).seconds)
    one, two = (count / statistics.median(into) for into in seconds.values())
    say(f"| {count}, locks of {_LOCKED}, one worker | {one:.0f}/s | |")
    say(f"| the same, two workers | {two:.0f}/s | {RATE_GOAL}/s |")
    return two, int(two < RATE_GOAL)


def _dask(folder: Path, count: int, say: Callable[[str], None]) -> None:
    """Measure what the pool and Dask need for a class: to begin, and for each repository."""
    few = folder / "few"
    class_of.write_class(few, _FEW, (_LOCKED, _LOCKED))
    run(few, folder / "installed.db", 2, by="--dask")  # its environment is made once
    for name, by in (("the pool", "--workers"), ("Dask", "--dask")):
        begun, whole = (
            run(made, folder / f"{made.name}{by}.db", 2, by=by).seconds
            for made in (few, folder / "speed")
        )
        each = (whole - begun) / (count - _FEW)
        told = f"{whole:.1f} s: {begun:.1f} s for {_FEW}, then {1000 * each:.1f} ms for each"
        say(f"| {count} by two workers of {name} | {told} | |")


def _sizes(folder: Path, sizes: Sequence[int], say: Callable[[str], None]) -> int:
    """Measure the parent's memory for each size, and a second run of the largest."""
    memories = []
    for size in sizes:
        made, store = folder / f"class{size}", folder / f"class{size}.db"
        class_of.write_class(made, size)
        first = run(made, store, os.cpu_count() or 1)
        memories.append(first.memory)
        told = f"{first.memory:.0f} MiB in the parent, {size / first.seconds:.0f}/s"
        say(f"| {size}, locks of {class_of.SIZES[0]} to {class_of.SIZES[1]} | {told} | |")
    again = run(made, store, os.cpu_count() or 1)
    grown = max(memories) / memories[0]
    say(f"| the most memory over that of the smallest | {grown:.2f} | {FLAT_GOAL} |")
    told = f"{again.seconds:.1f} s, {again.counts['checked']} checked"
    say(f"| {sizes[-1]} again, nothing changed | {told} | {AGAIN_GOAL} s |")
    return int(grown > FLAT_GOAL) + int(again.seconds > AGAIN_GOAL)


def _review(folder: Path, count: int, rate: float, say: Callable[[str], None]) -> int:
    """Run repo-review once for each of a few repositories, as a loop in a shell does."""
    venv = folder / "repo review"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "repo-review[cli]", "sp-repo-review"], check=True, capture_output=True)
    began = time.perf_counter()
    for root in sorted((folder / "speed").iterdir())[:count]:
        argv = [str(venv / "bin" / "repo-review"), "--format", "json", str(root)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if not done.stdout.startswith(
            "{"
        ):  # it fails where a check fails, and answers all the same
            sys.exit(f"{' '.join(argv)} ended with {done.returncode}:\n{done.stderr}")
    theirs = count / (time.perf_counter() - began)
    say(f"| {count} by repo-review, one run for each | {theirs:.2f}/s | |")
    say(f"| `cohort.check` against it | {rate / theirs:.0f} times | {FASTER_GOAL} times |")
    return int(rate / theirs < FASTER_GOAL)
