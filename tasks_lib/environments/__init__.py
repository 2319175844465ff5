"""The environment layers; a new one is one module and one row here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks_lib.environments.conda import Conda
from tasks_lib.environments.venv import Venv

if TYPE_CHECKING:
    from tasks_lib.environments.base import Environment

ENVIRONMENTS: dict[str, type[Environment]] = {Venv.kind: Venv, Conda.kind: Conda}
