"""Which environment layer and which manager a run uses, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks_lib.environments import ENVIRONMENTS
from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.managers import MANAGERS
from tasks_lib.project.manifests import PYPROJECT
from tasks_lib.project.options import Source

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks_lib.environments.base import Environment
    from tasks_lib.project.project import Project


@dataclass(frozen=True)
class Combo:
    """The kind of an environment layer and the name of a manager, with the source of the choice."""

    environment: str
    manager: str
    source: str
    reason: str

    @property
    def id(self) -> str:
        """Return the name that users type."""
        return f"{self.environment}_{self.manager}"

    def as_dict(self) -> dict[str, str]:
        """Return the part of the JSON document that names the combo."""
        return {"id": self.id, "source": self.source, "reason": self.reason}


def names() -> list[str]:
    """Return the names of all combos: every environment layer with every manager."""
    return [f"{environment}_{manager}" for environment in ENVIRONMENTS for manager in MANAGERS]


def parts(name: str) -> tuple[str, str]:
    """Return the layer's kind and the manager's name in a combo's name, be they known or not."""
    environment, _, manager = name.strip().partition("_")
    return environment, manager


def parse(
    name: str, source: str, reason: str, *, file: str | None = None, line: int | None = None
) -> Combo:
    """Return the combo of a name.

    Raises:
        LabError: No combo has this name; the message lists those that exist.

    """
    environment, manager = parts(name)
    if environment not in ENVIRONMENTS or manager not in MANAGERS:
        valid = names()
        text = f"There is no combo {name!r}; the combos are {', '.join(valid)}."
        remedy = Remedy(f"Choose one, e.g. --combo {valid[-1]}")
        raise LabError(text, ErrorCode.UNKNOWN_COMBO, remedy=remedy, file=file, line=line)
    return Combo(environment, manager, source, reason)


def resolve(project: Project, otherwise: Callable[[Project], Combo | None] | None = None) -> Combo:
    """Return the combo: what a flag, a variable or the settings say, else what exists.

    `otherwise` chooses in place of what exists; the last resort is a program on PATH.
    """
    asked = project.options.combo
    if asked.source is Source.FLAG:
        return parse(asked.value, asked.source, "--combo asked for it")
    if asked.source is Source.VARIABLE:
        return parse(asked.value, asked.source, f"{asked.name} asks for it")
    if asked.source is Source.SETTINGS:
        line = project.pyproject.line_of("mlops-lab", "combo")
        reason = f"[tool.mlops-lab] combo in {PYPROJECT} asks for it"
        return parse(asked.value, asked.source, reason, file=PYPROJECT, line=line)
    return (otherwise or _existing)(project) or _default()


def _existing(project: Project) -> Combo | None:
    """Return the combo of an environment that exists and of the manager whose lock lies there."""
    manager = locked_manager(project)
    for kind, layer in ENVIRONMENTS.items():
        environment = layer(project)
        if layer.applies(project) and exists(environment):
            reason = f"{environment.where} exists already"
            if manager:
                reason += f", and {MANAGERS[manager].lock_name} lies beside it"
            return Combo(kind, manager or layer.usual_manager, "existing", reason)
    return None


def exists(environment: Environment) -> bool:
    """Return whether there is a usable environment; an unreadable manifest is reported later."""
    try:
        return environment.exists()
    except LabError:
        return False


def locked_manager(project: Project) -> str | None:
    """Return the one manager whose lock lies in the project; `None` for no lock or several."""
    root = project.root
    found = [name for name, one in MANAGERS.items() if (root / one.lock_name).is_file()]
    return found[0] if len(found) == 1 else None


def _default() -> Combo:
    """Return the layer whose program is on PATH, else the first one, which needs none."""
    for kind, layer in ENVIRONMENTS.items():
        program = layer.program_on_path()
        if program:
            reason = f"{program} is on PATH, and nothing else was said"
            return Combo(kind, layer.usual_manager, "path", reason)
    kind, layer = next(iter(ENVIRONMENTS.items()))
    reason = "no conda is on PATH, and nothing else was said"
    return Combo(kind, layer.usual_manager, "default", reason)
