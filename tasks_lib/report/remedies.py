"""Remedies as this user would type them."""

from __future__ import annotations

import re
import sys

from tasks_lib.errors import Remedy
from tasks_lib.execution.redaction import without_secrets


def program() -> str:
    """Return what the user types to run a task, as they typed it this time."""
    typed = sys.argv[0]
    return typed if typed.startswith(("python3 ", "mlops-lab")) else "invoke"


def typable(remedy: Remedy | str) -> Remedy:
    """Return a remedy without secrets, and with this user's words in place of `invoke`."""
    if not isinstance(remedy, Remedy):
        remedy = Remedy(re.sub(r"\binvoke (?=[\w-]+)", f"{program()} ", remedy))
    words = list(remedy.argv)
    if words[:1] == ["invoke"]:
        words[:1] = program().split()
    return Remedy(without_secrets(remedy.text), tuple(without_secrets(word) for word in words))
