"""Remedies as this user would type them."""

from __future__ import annotations

import sys

from tasks_lib.errors import Remedy
from tasks_lib.execution.redaction import without_secrets


def program() -> str:
    """Return what the user types to run a task, as they typed it this time."""
    typed = sys.argv[0]
    return typed if typed.startswith(("python3 ", "mlops-lab")) else "invoke"


def typable(remedy: Remedy) -> Remedy:
    """Return a remedy without secrets, with the words with which this user runs tasks."""
    words = list(remedy.argv)
    if words[:1] == ["invoke"]:
        words[:1] = program().split()
    return Remedy(without_secrets(remedy.text), tuple(without_secrets(word) for word in words))
