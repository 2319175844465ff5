"""The values that the arguments of tasks can have here, as far as they can be told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks_lib import report
from tasks_lib.checks.registry import KNOWN, family
from tasks_lib.cli.completion import scripts
from tasks_lib.environments import shells, site_packages
from tasks_lib.environments.conda_engines import ENGINES
from tasks_lib.errors import LabError
from tasks_lib.session import combos
from tasks_lib.session.session import Session
from tasks_lib.workflows import environment_info, exports, self_test

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def of(task: str, argument: str) -> Iterable[str]:
    """Give the values of a task's argument; none where they cannot be told, or a manifest cannot be read."""
    place = f"{task} {argument}"
    values = _VALUES.get(place) or _VALUES.get(argument)
    try:
        return values() if values else ()
    except LabError:  # the task itself will say so
        return ()


def _packages() -> set[str]:
    """Name what is declared, locked or installed here."""
    session = Session.open()
    names = {*session.project.pyproject.required_names(), *session.manager.locked()}
    return (
        names | site_packages.installed(session.environment.prefix).keys()
        if session.environment.exists()
        else names
    )


def _members() -> list[str]:
    return [one.name for one in Session.open().manager.members().values()]


def _planned() -> Iterable[str]:
    from tasks_lib.workflows import explanation  # noqa: PLC0415 - 0.1 s: it knows every task that changes something

    return explanation.PLANNED


def _checks() -> set[str]:
    return {*KNOWN, *map(family, KNOWN)}


#: by argument, or by task and argument where two tasks mean different things
_VALUES: dict[str, Callable[[], Iterable[str]]] = {
    "combo": combos.names,
    "engine": lambda: ("auto", *ENGINES),
    "format": lambda: report.FORMATS,
    "shell": lambda: shells.SHELLS,
    "completion shell": lambda: scripts.SHELLS,
    "layer": lambda: ("python", "conda"),
    "deps.export to": lambda: exports.FORMS,
    "migrate to": combos.names,
    "task": _planned,
    "select": _checks,
    "ignore": _checks,
    "check": _checks,
    "group": lambda: Session.open().project.pyproject.table("dependency-groups"),
    "package": _packages,
    **{
        f"{task} package": _members
        for task in ("deps.add", "deps.remove", "pkg.build", "pkg.publish")
    },
    "packages": _packages,
    "name": lambda: [
        str(row["name"]) for row in environment_info.listing(Session.open()).data["environments"]
    ],
    "only": lambda: self_test.PARTS,
}
