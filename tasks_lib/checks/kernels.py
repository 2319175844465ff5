"""Kernels for Jupyter that this program described, and that no longer start the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks_lib.checks.base import FactCheck, Finding
from tasks_lib.environments import ENVIRONMENTS, claims, jupyter
from tasks_lib.errors import LabError, Remedy
from tasks_lib.results import Status

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tasks_lib.ownership.facts import Facts


def _kernels(facts: Facts) -> list[jupyter.Kernel]:
    """Return the user's kernels of this project, and of projects that are gone."""
    if facts.by_reading:
        return []
    root = facts.project.root
    found = jupyter.listed(jupyter.of_user())
    return [one for one in found if one.is_of(root) or one.is_orphan]


def _pythons(facts: Facts) -> Iterable[Path]:
    """Yield the interpreter of each environment that this project can have."""
    for layer in ENVIRONMENTS.values():
        try:
            if layer.applies(facts.project):
                yield layer(facts.project).python
        except LabError:
            continue  # `config` reports a conda file that cannot be read


def _look(facts: Facts) -> Iterable[Finding]:
    own = set(_pythons(facts))
    others = claims.of_others(facts.session.environment) if facts.prefix else []
    for one in _kernels(facts):
        again = ("invoke", "env.kernel", "--name", one.name)
        if one.is_orphan:
            remedy = Remedy("Delete it", ("rm", "-r", str(one.file.parent)))
            text = f"The kernel {one.name} is of {one.project}, which does not exist."
            yield Finding(text, status=Status.WARN, remedy=remedy)
        elif jupyter.is_gone(one.python):
            remedy = Remedy("Create it", ("invoke", "setup", *again[1:]))
            yield Finding(
                f"The kernel {one.name} starts {one.python}, which does not exist.", remedy=remedy
            )
        elif one.python not in own:
            text = f"The kernel {one.name} starts {one.python}, which is not of this project."
            remedy = Remedy("Write it again", again)
            yield Finding(text, status=Status.WARN, remedy=remedy)
        elif others and one.python == facts.session.environment.python:
            text = f"The kernel {one.name} starts {one.python}, which was made for {others[0]}."
            remedy = Remedy("Remove it", (*again, "--remove"))
            yield Finding(text, status=Status.WARN, remedy=remedy)


CHECKS = (
    FactCheck(
        "kernel.interpreter",
        "the kernels of this project start its environment",
        "Jupyter goes by the description of a kernel, which stays when the environment is removed "
        "or another one is used. A notebook then does not start, or imports other packages.",
        Remedy("Write it again", ("invoke", "env.kernel")),
        look=_look,
        applies=lambda facts: bool(_kernels(facts)),
    ),
)
