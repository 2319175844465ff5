"""Measure `setup` against the steps typed by hand, in turn, and print the ratios of medians.

Started by `nox -s bench`. Download caches are warm, and both sides use the same channel, index and
tools. By hand, the pip layer is made with `python -m venv` and the conda layer with real conda.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tasks_lib import bootstrap  # noqa: E402 - a script: the project is put on the path first
from tasks_lib.project.options import Options  # noqa: E402
from tasks_lib.project.settings import Settings  # noqa: E402
from tasks_lib.proof import channel  # noqa: E402
from tasks_lib.session.session import Session  # noqa: E402
from tasks_lib.tools import package_index  # noqa: E402 - a script: the project is put on the path first
from tests import real_conda  # noqa: E402
from tests.bench import cohort_rows  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TOOLS = Path(sys.executable).parent
#: A row's combo and engine, and the highest share of the time by hand that its first `setup` and
#: `setup` again may take.
ROWS = (
    ("conda_uv", "rattler", 0.20, 0.10),
    ("conda_poetry", "rattler", 0.50, 0.15),
    ("conda_uv", "conda", 0.85, 0.25),
    ("conda_poetry", "conda", 0.85, 0.25),
    ("pip_uv", "auto", 0.40, 0.20),
    ("pip_poetry", "auto", 0.65, 0.20),
)
LIST_LIMIT, CHECK_LIMIT = 1.3, 1.2
#: the seconds that the guard may add to `deps.install`
GUARD_LIMIT = 0.2
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


@dataclass(frozen=True)
class Place:
    """A home and a project of the benchmark's own, with warm caches and one channel."""

    home: Path
    project: Path
    env: Mapping[str, str]

    @property
    def prefix(self) -> Path:
        """Return the folder of the conda environment."""
        return self.home / ".conda" / "envs" / "mlops_env"

    def clear(self) -> None:
        """Remove the environment and the locks."""
        for folder in (self.prefix, self.project / ".venv"):
            shutil.rmtree(folder, ignore_errors=True)
        for name in ("uv.lock", "poetry.lock"):
            (self.project / name).unlink(missing_ok=True)

    def run(
        self, *argv: str, env: Mapping[str, str] | None = None, codes: tuple[int, ...] = (0,)
    ) -> None:
        """Run one command to its end; one that fails ends the benchmark with what it said."""
        full = {**self.env, **(env or {})}
        program = shutil.which(argv[0], path=full["PATH"]) or argv[0]
        done = subprocess.run(
            [program, *argv[1:]],
            env=full,
            cwd=self.project,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in codes:
            sys.exit(
                f"{' '.join(argv)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
            )

    def lab(self, *argv: str) -> None:
        """Run a task as a user types it."""
        self.run(sys.executable, "-I", str(ROOT / "tasks_lib" / "__main__.py"), *argv)


def by_hand(place: Place, combo: str) -> list[tuple[str, ...]]:
    """Return the guide's eight steps for a combo, in the order in which a user types them."""
    layer, _, manager = combo.partition("_")
    if layer == "conda":
        make = [
            ("conda", "env", "create", "--file", "conda.yml"),
            ("conda", "shell.posix", "activate", "mlops_env"),
        ]
        verify, doctor = [("conda", "env", "list")], [("conda", "doctor", "-n", "mlops_env")]
        python = place.prefix / "bin" / "python"
    else:
        make = [(place.env["BENCH_PYTHON"], "-m", "venv", ".venv")]
        verify, doctor = [], []
        python = place.project / ".venv" / "bin" / "python"
    if manager == "uv":
        install = [("uv", "lock"), ("uv", "sync", "--inexact")]
        check, info = [("uv", "lock", "--check")], [("uv", "pip", "list")]
    else:
        install, check = (
            [("poetry", "lock"), ("poetry", "install")],
            [("poetry", "check", "--lock")],
        )
        info = [("poetry", "env", "info")]
    return [*make, *verify, *install, *check, *doctor, (str(python), "-m", "pip", "check"), *info]


def activated(place: Place, combo: str) -> dict[str, str]:
    """Return the variables that the activated shell of a user would have set."""
    if combo.startswith("conda"):
        prefix = place.prefix
        names = {"CONDA_PREFIX": str(prefix), "CONDA_DEFAULT_ENV": "mlops_env"}
    else:
        prefix = place.project / ".venv"
        names = {"VIRTUAL_ENV": str(prefix)}
    path = f"{prefix / 'bin'}{os.pathsep}{place.env['PATH']}"
    return {**names, "UV_PROJECT_ENVIRONMENT": str(prefix), "PATH": path}


def type_by_hand(place: Place, combo: str) -> None:
    """Type the steps, from the second on in the activated environment."""
    steps = by_hand(place, combo)
    place.run(*steps[0])
    for step in steps[1:]:
        place.run(*step, env=activated(place, combo))


def timed(work: Callable[[], None]) -> float:
    """Return the seconds of wall time that `work` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure(place: Place, combo: str, engine: str, runs: int) -> tuple[float, float, float]:
    """Return the medians by hand, of the first `setup` and of `setup` again, measured in turn."""
    hand: list[float] = []
    first: list[float] = []
    again: list[float] = []
    setup = ("setup", "--combo", combo, "--engine", engine)
    for turn in range(runs + 1):  # the first turn warms the caches, and is not counted
        place.clear()
        seconds = [timed(lambda: type_by_hand(place, combo))]
        place.clear()
        seconds += [timed(lambda: place.lab(*setup)), timed(lambda: place.lab(*setup))]
        if turn:
            for one, into in zip(seconds, (hand, first, again), strict=True):
                into.append(one)
    return statistics.median(hand), statistics.median(first), statistics.median(again)


def measure_list(place: Place, runs: int) -> float:
    """Return the time of `invoke --list` here as a share of its time on an empty `tasks.py`."""
    empty = place.home / "empty"
    empty.mkdir(exist_ok=True)
    (empty / "tasks.py").write_text(
        "from invoke import task\n\n@task\ndef one(c):\n    pass\n", encoding="utf-8"
    )
    invoke = str(TOOLS / "invoke")
    pairs = [
        (
            timed(lambda: place.run(invoke, "--search-root", str(ROOT), "--list")),
            timed(lambda: place.run(invoke, "--search-root", str(empty), "--list")),
        )
        for _ in range(runs * 2 + 1)
    ][1:]
    ours, theirs = zip(*pairs, strict=True)
    share: float = statistics.median(ours) / statistics.median(theirs)
    return share


def measure_checks(place: Place, combo: str, engine: str, runs: int) -> tuple[float, str, float]:
    """Return the median of `check.all`, and the slowest tool that it replaces and its median."""
    place.clear()
    place.lab("setup", "--combo", combo, "--engine", engine)
    manager, python = combo.partition("_")[2], str(place.prefix / "bin" / "python")
    if combo.startswith("pip"):
        python = str(place.project / ".venv" / "bin" / "python")
    tools: dict[str, tuple[str, ...]] = {"pip check": (python, "-m", "pip", "check")}
    lock = ("poetry", "check", "--lock") if manager == "poetry" else ("uv", "lock", "--check")
    tools[" ".join(lock)] = lock
    if engine == "conda":
        tools["conda doctor"] = ("conda", "doctor", "-n", "mlops_env")
    ours: list[float] = []
    alone: dict[str, list[float]] = {name: [] for name in tools}
    for _ in range(runs):
        ours.append(timed(lambda: place.lab("check.all", "--combo", combo, "--engine", engine)))
        for name, argv in tools.items():
            alone[name].append(timed(partial(place.run, *argv, env=activated(place, combo))))
    slowest = max(alone, key=lambda name: statistics.median(alone[name]))
    return statistics.median(ours), slowest, statistics.median(alone[slowest])


def measure_guard(place: Place, combo: str, engine: str, runs: int) -> tuple[float, float]:
    """Return the medians of `deps.install` with and without the guard; all is installed already."""
    ways: dict[str, list[float]] = {"with": [], "without": []}
    words = ("deps.install", "--combo", combo, "--engine", engine)
    for turn in range(runs * 2 + 1):
        for way, into in ways.items():
            seconds = timed(
                partial(place.run, sys.executable, "-I", "-c", INSTALL, str(ROOT), way, *words)
            )
            if turn:
                into.append(seconds)
    return statistics.median(ways["with"]), statistics.median(ways["without"])


def guard_rows(place: Place, only: str, runs: int) -> int:
    """Print what the guard adds to `deps.install`, and return how many rows exceed their limit."""
    missed = 0
    say(
        "\n| guard: deps.install, nothing to do | with | its look taken out "
        f"| it adds ({GUARD_LIMIT}) |"
    )
    say("| --- | --- | --- | --- |")
    manifest = place.project / "pyproject.toml"
    text = manifest.read_text(encoding="utf-8")
    for combo, engine, _, _ in ROWS:
        if only in combo and combo.startswith("conda"):
            for lock, declared in (
                ("as it is", text),
                ("naming conda's pip at another version, for Windows", _with(text, ELSEWHERE)),
            ):
                place.clear()
                manifest.write_text(declared, encoding="utf-8")
                place.lab("setup", "--combo", combo, "--engine", engine)
                ours, bare = measure_guard(place, combo, engine, runs)
                adds = ours - bare
                missed += adds > GUARD_LIMIT
                say(f"| {combo}, {engine}, lock {lock} | {ours:.2f} | {bare:.2f} | {adds:.2f} |")
    manifest.write_text(text, encoding="utf-8")
    return missed


def _with(text: str, requirement: str) -> str:
    """Declare one more dependency."""
    return text.replace("dependencies = [", f'dependencies = [\n    "{requirement}",', 1)


def prepare(folder: Path) -> Place:
    """Make the home, the project, the channel and real conda, and return where they are."""
    outer = Path.home()
    cache = Path(bootstrap.cache_folder())
    conda = real_conda.make(cache)
    home, project = folder / "home", folder / "my project"
    project.mkdir(parents=True)
    (home / ".conda").mkdir(parents=True)
    for name in ("pyproject.toml", "conda.yml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, project)
    chosen = channel.choose(
        Session.open(combo="conda_uv", engine="rattler", start=project), "local", say
    )
    settings = {**chosen.condarc, "solver": "classic"}  # the one that real conda has here
    (home / ".condarc").write_text(json.dumps(settings), encoding="utf-8")  # JSON is YAML
    env = {
        key: value
        for key, value in os.environ.items()
        if key not in {"PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV"}
    }
    found = package_index.resolve(Options.resolve(Settings(), env), env)
    env |= {
        "HOME": str(home),
        "PATH": os.pathsep.join([str(conda), str(TOOLS), env["PATH"]]),
        "MLOPS_LAB_CACHE_DIR": str(cache),
        "UV_CACHE_DIR": env.get("UV_CACHE_DIR", str(outer / ".cache" / "uv")),
        "POETRY_CACHE_DIR": env.get("POETRY_CACHE_DIR", str(outer / ".cache" / "pypoetry")),
        "POETRY_PYPI_MIRROR_URL": found.url,
        "BENCH_PYTHON": str(getattr(sys, "_base_executable", sys.executable)),
    }
    return Place(home, project, env)


def setup_rows(place: Place, only: str, runs: int) -> int:
    """Print `setup` against the steps typed by hand, and return how many limits are exceeded."""
    missed = 0
    say("\n| combo, engine | by hand | first setup | share | setup again | share |")
    say("| --- | --- | --- | --- | --- | --- |")
    for combo, engine, most_first, most_again in ROWS:
        if only in combo:
            hand, first, again = measure(place, combo, engine, runs)
            missed += first / hand > most_first
            missed += again / hand > most_again
            say(
                f"| {combo}, {engine} | {hand:.2f} "
                f"| {first:.2f} | {first / hand:.2f} ({most_first}) "
                f"| {again:.2f} | {again / hand:.2f} ({most_again}) |"
            )
    return missed


def check_rows(place: Place, only: str, runs: int) -> int:
    """Print `check.all`, all checks on, against its slowest tool; return how many rows are slow."""
    missed = 0
    say(
        "\n| check.all, every check on | seconds | slowest single tool | its seconds "
        f"| share ({CHECK_LIMIT}) |"
    )
    say("| --- | --- | --- | --- | --- |")
    for combo, engine, _, _ in ROWS:
        if only in combo:
            ours, tool, alone = measure_checks(place, combo, engine, runs)
            missed += ours / alone > CHECK_LIMIT
            say(f"| {combo}, {engine} | {ours:.2f} | {tool} | {alone:.2f} | {ours / alone:.2f} |")
    return missed


def list_row(place: Place, _: str, runs: int) -> int:
    """Print the time that `--list` takes, and return 1 if it is too long."""
    share = measure_list(place, runs)
    say(
        f"\ninvoke --list takes {share:.2f} times what it takes on an empty tasks.py ({LIST_LIMIT})"
    )
    return int(share > LIST_LIMIT)


PARTS = {"setup": setup_rows, "checks": check_rows, "guard": guard_rows, "list": list_row}


def main() -> int:
    """Print the tables, and return 1 if a row exceeds its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each side")
    parser.add_argument("--only", default="", help="a combo, or a part of its name")
    parser.add_argument("--rows", choices=[*PARTS, "cohort"], help="one table alone")
    parser.add_argument("--sizes", default="100,1000,10000", help="of the classes of `cohort`")
    parser.add_argument("--reviewed", type=int, default=30, help="of these by repo-review too")
    options = parser.parse_args()
    sizes = [*map(int, options.sizes.split(","))]
    if options.rows == "cohort":
        return int(cohort_rows.rows(sizes, options.reviewed, options.runs, say) > 0)
    with tempfile.TemporaryDirectory(prefix="mlops-lab bench ") as folder:
        place = prepare(Path(folder))
        say(f"medians of {options.runs} runs, seconds; in brackets what must not be exceeded")
        parts = [options.rows] if options.rows else PARTS
        missed = sum(PARTS[part](place, options.only, options.runs) for part in parts)
        if not options.rows:
            missed += cohort_rows.rows(sizes, options.reviewed, options.runs, say)
        say(f"{missed} rows miss their number")
    return int(missed > 0)


def say(text: str) -> None:
    """Write one line, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
