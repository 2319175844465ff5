"""Run this project's own linters, tests and benchmarks, in an environment that holds their tools too."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib import bootstrap, process
from tasks_lib.errors import ExitCode, LabError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PARTS = ("unit", "contract", "cli", "integration", "faults")
#: What makes the tests of faults try all that they can: 25 moments for a task of each of four combos make 100.
FULL = {"MLOPS_LAB_FAULTS_FULL": "1", "MLOPS_LAB_MOMENTS": "25", "MLOPS_LAB_FUZZ": "10000"}
_COUNTED = "MLOPS_LAB_FAULTS_COUNTED"


def run(root: Path, only: str, words: Sequence[str]) -> int:
    """Lint, then test; `only` names one folder of tests, and then nothing is linted."""
    if only and only not in PARTS:
        text = f"there is no part {only!r} of the tests; the parts are {', '.join(PARTS)}."
        raise LabError(text, remedy="choose one, e.g. --only unit")
    python = bootstrap.ensure(root / "tests" / "requirements.txt")
    checks = [] if only else [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",)]
    places = [f"tests/{only}"] if only else [f"tests/{part}" for part in PARTS]
    for argv in (*checks, ("pytest", "-n", "auto", "--dist", "loadscope", *places, *words)):
        command = process.Command((str(python), "-m", *argv), cwd=root)
        code = process.run_attached(command)
        if code:
            return ExitCode.CHECK_FAILED if argv[0] != "pytest" else code
    return ExitCode.DONE


def faults(root: Path, words: Sequence[str]) -> int:
    """Try every fault in full, and say how many of each were tried and what was lost."""
    python = bootstrap.ensure(root / "tests" / "requirements.txt")
    with tempfile.TemporaryDirectory() as folder:
        counted = Path(folder, "counted.jsonl")
        env: dict[str, str | None] = {name: os.environ.get(name) or value for name, value in FULL.items()}
        argv = (str(python), "-m", "pytest", "-n", "auto", "--dist", "loadscope", "tests/faults", *words)
        code = process.run_attached(process.Command(argv, cwd=root, env={**env, _COUNTED: str(counted)}))
        rows = counted.read_text("utf-8").splitlines() if counted.is_file() else []
    sys.stdout.write(table(json.loads(row) for row in rows))
    return code


def table(rows: Iterable[dict[str, Any]]) -> str:
    """Count what the tests wrote: how many of each kind were tried, and in how many tests something was lost."""
    tried: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    for row in rows:
        for kind, number in row["tried"]:
            tried[kind] += 0 if row["skipped"] else number
            skipped[kind] += row["skipped"]
        lost[row["tried"][-1][0]] += row["failed"]
    every = (*((kind, tried[kind], lost[kind], skipped[kind]) for kind in sorted(tried)),)
    every += (("all", tried.total(), lost.total(), skipped.total()),)
    head = f"{'fault':<60} {'tried':>7} {'lost':>5} {'skipped':>8}\n"
    return head + "".join(f"{kind:<60} {one:>7} {two:>5} {three:>8}\n" for kind, one, two, three in every)


def script(root: Path, path: Path, words: Sequence[str]) -> int:
    """Run one of the project's own scripts with the tools of the tests."""
    python = bootstrap.ensure(root / "tests" / "requirements.txt")
    return process.run_attached(process.Command((str(python), str(path), *words), cwd=root))
