"""The dependency groups of a project, and those that its settings install."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from tasks_lib.project import included

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks_lib.managers.base import Manager


def expect_known(manager: Manager) -> None:
    """Raise an error where the settings list what the project lacks; else no member is read.

    Raises:
        LabError: `wrong_setting`.

    """
    project = manager.project
    if project.settings.extras:
        included.expect(project.pyproject, "extras", project.settings.extras, manager.extras())
    if project.settings.groups:
        included.expect(project.pyproject, "groups", project.settings.groups, groups(manager))


def groups(manager: Manager) -> dict[str, str]:
    """Return by normalised name the groups of all manifests, as they are spelt."""
    found: dict[str, str] = {}
    members = [one.pyproject for one in manager.members().values()]
    for pyproject in (manager.project.pyproject, *members):
        for table in (("dependency-groups",), ("tool", manager.name, "group")):
            found |= {canonicalize_name(name): name for name in pyproject.table(*table)}
    return found


def wanted_groups(manager: Manager, asked: Sequence[str] = ()) -> list[str]:
    """Return the groups asked for, and those of the project's settings unless they are left out."""
    named = manager.project.settings.groups if manager.project.included.dev else ()
    known = groups(manager) if named else {}
    return [*asked, *(known.get(canonicalize_name(name), name) for name in named)]
