"""The dependency managers; a new one is one module and one row here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks_lib.managers.poetry import Poetry
from tasks_lib.managers.uv import Uv

if TYPE_CHECKING:
    from tasks_lib.managers.base import Manager

MANAGERS: dict[str, type[Manager]] = {Poetry.name: Poetry, Uv.name: Uv}

#: the manager of a project in which nothing speaks for one
DEFAULT = Uv.name
