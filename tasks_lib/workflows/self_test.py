"""Run this project's own linters, tests and benchmarks, in an environment that holds their tools too."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tasks_lib import bootstrap
from tasks_lib.errors import ErrorCode, ExitCode, LabError
from tasks_lib.execution import process

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PARTS = ("unit", "contract", "cli", "integration", "faults")
#: What makes the tests of faults try all that they can: 17 moments for a task of each combo and engine make over 100.
FULL = {"MLOPS_LAB_FAULTS_FULL": "1", "MLOPS_LAB_MOMENTS": "17", "MLOPS_LAB_FUZZ": "10000"}


def run(root: Path, only: str, words: Sequence[str]) -> int:
    """Lint, then test; `only` names one folder of tests, and then nothing is linted."""
    if only and only not in PARTS:
        text = f"there is no part {only!r} of the tests; the parts are {', '.join(PARTS)}."
        raise LabError(text, ErrorCode.INVALID_OPTION, remedy="choose one, e.g. --only unit")
    checks = [] if only else [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",)]
    places = [f"tests/{only}"] if only else [f"tests/{part}" for part in PARTS]
    for argv in (*checks, ("pytest", "-n", "auto", "--dist", "loadscope", *places, *words)):
        code = start(root, "-m", *argv)
        if code:
            return ExitCode.CHECK_FAILED if argv[0] != "pytest" else code
    return ExitCode.DONE


def faults(root: Path, words: Sequence[str]) -> int:
    """Try every fault in full; pytest's last lines say how many of each were tried, and what was lost."""
    env = {name: os.environ.get(name) or value for name, value in FULL.items()}
    return start(
        root, "-m", "pytest", "-n", "auto", "--dist", "load", "tests/faults", *words, env=env
    )


def start(root: Path, *argv: str, env: Mapping[str, str] | None = None) -> int:
    """Run the Python that has the tools of the tests, on this terminal."""
    python = bootstrap.ensure(root / "tests" / "requirements.txt")
    return process.run_attached(process.Command((str(python), *argv), cwd=root, env=env or {}))
