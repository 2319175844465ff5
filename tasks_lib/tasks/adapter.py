"""What every task adapter shares: the help of common options, and the way out."""

from __future__ import annotations

import sys

from invoke.exceptions import Exit

HELP = {
    "combo": "pip_poetry, pip_uv, conda_poetry or conda_uv",
    "engine": "what makes a conda environment: auto, conda, mamba, micromamba or rattler",
    "python": "the Python to use, e.g. 3.12",
    "json": "answer with one JSON document on stdout",
    "dry_run": "print the commands of exactly this plan, and change nothing",
}
CHECK_HELP = {
    "combo": HELP["combo"],
    "engine": HELP["engine"],
    "json": HELP["json"],
    "strict": "count a warning as a failure",
}


def finish(code: int) -> None:
    """Leave Invoke with `code`, or go on to the next task where it is 0."""
    if code:
        raise Exit(code=code)


def behind_dashes() -> list[str]:
    """Give what stands behind `--` on the command line, word by word: Invoke joins it into one string."""
    return sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
