"""Run this project's own linters, tests and benchmarks, in an environment that holds their tools too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks_lib import bootstrap, process
from tasks_lib.errors import ExitCode, LabError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PARTS = ("unit", "contract", "cli", "integration")


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


def script(root: Path, path: Path, words: Sequence[str]) -> int:
    """Run one of the project's own scripts with the tools of the tests."""
    python = bootstrap.ensure(root / "tests" / "requirements.txt")
    return process.run_attached(process.Command((str(python), str(path), *words), cwd=root))
