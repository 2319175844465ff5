"""The values that the arguments of tasks can have here, as far as they are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks_lib import report
from tasks_lib.checks.registry import KNOWN, family
from tasks_lib.cli.completion import scripts
from tasks_lib.environments import ENVIRONMENTS, shells, site_packages
from tasks_lib.errors import LabError
from tasks_lib.session import combos
from tasks_lib.session.session import Session
from tasks_lib.workflows import documentation, environment_info, exports, locking, self_test

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def of(task: str, argument: str) -> Iterable[str]:
    """Return the values of a task's argument; none where they are unknown."""
    values = _VALUES.get(f"{task} {argument}") or _VALUES.get(argument)
    if values is None:
        return ()
    try:
        return values()
    except LabError:  # a manifest cannot be read; the task itself will report it
        return ()


def _engines() -> list[str]:
    found = ["auto"]
    for layer in ENVIRONMENTS.values():
        found += layer.choices()
    return found


def _packages() -> set[str]:
    """Return the names that are declared, locked or installed here."""
    session = Session.open()
    names = {*session.manager.required_names(), *session.manager.locked()}
    if session.environment.exists():
        names.update(site_packages.installed(session.environment.prefix))
    return names


def _groups() -> Iterable[str]:
    return Session.open().project.pyproject.table("dependency-groups")


def _extras() -> Iterable[str]:
    return Session.open().manager.extras().values()


def _members() -> list[str]:
    return [member.name for member in Session.open().manager.members().values()]


def _environments() -> list[str]:
    rows = environment_info.listing(Session.open()).data["environments"]
    return [str(row["name"]) for row in rows]


def _planned() -> Iterable[str]:
    # 0.1 s: it knows every task that changes something
    from tasks_lib.workflows import explanation  # noqa: PLC0415

    return explanation.PLANNED


def _topics() -> list[str]:
    return [page.topic for page in documentation.pages()]


def _checks() -> set[str]:
    return {*KNOWN, *map(family, KNOWN)}


#: By argument, or by task and argument where an argument means different things.
_VALUES: dict[str, Callable[[], Iterable[str]]] = {
    "combo": combos.names,
    "engine": _engines,
    "format": lambda: report.FORMATS,
    "shell": lambda: shells.SHELLS,
    "completion shell": lambda: scripts.SHELLS,
    "layer": locking.layers,
    "deps.export to": lambda: exports.FORMS,
    "migrate to": combos.names,
    "task": _planned,
    "topic": _topics,
    "select": _checks,
    "ignore": _checks,
    "check": _checks,
    "group": _groups,
    "extra": _extras,
    "deps.add extra": tuple,  # of the packages that are added
    "optional": _extras,
    "package": _packages,
    "deps.add package": _members,
    "deps.remove package": _members,
    "pkg.build package": _members,
    "pkg.publish package": _members,
    "packages": _packages,
    "name": _environments,
    "only": lambda: self_test.PARTS,
}
