"""Run this project's own linters, tests and benchmarks, in an environment that holds their tools too."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tasks_lib import bootstrap, process
from tasks_lib.errors import ExitCode, LabError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PARTS = ("unit", "contract", "cli", "integration", "faults")
#: What makes the tests of faults try all that they can: 17 moments for a task of each combo and engine make over 100.
FULL = {"MLOPS_LAB_FAULTS_FULL": "1", "MLOPS_LAB_MOMENTS": "17", "MLOPS_LAB_FUZZ": "10000"}


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
    """Try every fault in full; pytest's last lines say how many of each were tried, and what was lost."""
    python = bootstrap.ensure(root / "tests" / "requirements.txt")
    env: dict[str, str | None] = {name: os.environ.get(name) or value for name, value in FULL.items()}
    argv = (str(python), "-m", "pytest", "-n", "auto", "--dist", "load", "tests/faults", *words)
    return process.run_attached(process.Command(argv, cwd=root, env=env))


def script(root: Path, path: Path, words: Sequence[str]) -> int:
    """Run one of the project's own scripts with the tools of the tests."""
    python = bootstrap.ensure(root / "tests" / "requirements.txt")
    return process.run_attached(process.Command((str(python), str(path), *words), cwd=root))
