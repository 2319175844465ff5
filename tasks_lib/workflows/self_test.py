"""Run this project's own linters, tests and benchmarks, in an environment that has their tools."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tasks_lib import bootstrap
from tasks_lib.errors import ErrorCode, ExitCode, LabError, Remedy, meant
from tasks_lib.execution import process

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

#: The slowest first, so that no worker is left alone with a long module at the end.
PARTS = ("integration", "faults", "cli", "contract", "unit")
#: The tools that the tests run wait for the index and the disk about half of their time.
WORKERS_PER_CORE = 2
#: What makes the tests of faults try all that they can: 17 moments of a task, for each combo and
#: engine, are over 100.
FULL = {"MLOPS_LAB_FAULTS_FULL": "1", "MLOPS_LAB_MOMENTS": "17", "MLOPS_LAB_FUZZ": "10000"}
_LINTERS = (("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",))


def run(root: Path, only: str, words: Sequence[str]) -> int:
    """Lint, then test; `only` names one folder of tests, and then nothing is linted."""
    if not only:
        for linter in _LINTERS:
            if start(root, "-m", *linter):
                return ExitCode.CHECK_FAILED
    elif only not in PARTS:
        text = f"There is no part {only!r} of the tests; the parts are {', '.join(PARTS)}."
        remedy = meant(only, PARTS, Remedy("Choose one, e.g. --only unit"))
        raise LabError(text, ErrorCode.INVALID_OPTION, remedy=remedy)
    places = [f"tests/{part}" for part in PARTS if only in {"", part}]
    spread = ("-n", _workers(), "--dist", "loadscope", "--no-loadscope-reorder")
    return start(root, "-m", "pytest", *spread, *places, *words)


def faults(root: Path, words: Sequence[str]) -> int:
    """Try every fault in full; pytest's last lines count what was tried, and what was lost."""
    env = {name: os.environ.get(name) or value for name, value in FULL.items()}
    spread = ("-n", _workers(), "--dist", "worksteal")  # so that none is left alone at the end
    return start(root, "-m", "pytest", *spread, "tests/faults", *words, env=env)


def _workers() -> str:
    return str(WORKERS_PER_CORE * (os.cpu_count() or 1))


def start(root: Path, *argv: str, env: Mapping[str, str] | None = None) -> int:
    """Run the Python that has the tools of the tests, on this terminal."""
    python = bootstrap.ensure(root / "tests" / "requirements.txt")
    return process.run_attached(process.Command((str(python), *argv), cwd=root, env=env or {}))


def write_docs(root: Path, *, examples: bool) -> int:
    """Write what the documentation has from the code, and with `examples` real output too."""
    code = start(root, str(root / "tests" / "docs" / "write.py"))
    if code or not examples:
        return code
    words = ("-p", "no:cacheprovider", "tests/integration/test_docs.py")
    return start(root, "-m", "pytest", *words, env={"MLOPS_LAB_WRITE_DOCS": "1"})
