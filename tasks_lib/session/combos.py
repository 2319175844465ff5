"""Which environment layer and which manager a run uses, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks_lib.environments import ENVIRONMENTS
from tasks_lib.environments.conda import Conda
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.managers import MANAGERS
from tasks_lib.project.options import Source

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks_lib.environments.base import Environment
    from tasks_lib.project.project import Project


@dataclass(frozen=True)
class Combo:
    """An environment layer and a dependency manager, with where the choice came from."""

    environment: str
    manager: str
    source: str
    reason: str

    @property
    def id(self) -> str:
        """Give the name that people type."""
        return f"{self.environment}_{self.manager}"

    def as_dict(self) -> dict[str, str]:
        """Give the part of the JSON document that names the combo."""
        return {"id": self.id, "source": self.source, "reason": self.reason}


def names() -> list[str]:
    """List the combos there are: every environment layer with every manager."""
    return [f"{environment}_{manager}" for environment in ENVIRONMENTS for manager in MANAGERS]


def parse(
    name: str, source: str, reason: str, *, file: str | None = None, line: int | None = None
) -> Combo:
    """Read a combo's name; an unknown one lists the valid ones."""
    environment, _, manager = name.strip().partition("_")
    if environment not in ENVIRONMENTS or manager not in MANAGERS:
        valid = names()
        text = f"there is no combo {name!r}; the combos are {', '.join(valid)}."
        raise LabError(
            text,
            ErrorCode.UNKNOWN_COMBO,
            remedy=f"choose one, e.g. --combo {valid[-1]}",
            file=file,
            line=line,
        )
    return Combo(environment, manager, source, reason)


def resolve(project: Project, otherwise: Callable[[Project], Combo | None] | None = None) -> Combo:
    """Return the combo: what a flag, a variable or the settings say, else what exists, else what is on PATH.

    `otherwise` chooses in place of the last two.
    """
    asked = project.options.combo
    if asked.source is Source.FLAG:
        return parse(asked.value, asked.source, "--combo asked for it")
    if asked.source is Source.VARIABLE:
        return parse(asked.value, asked.source, f"{asked.name} asks for it")
    if asked.source is Source.SETTINGS:
        line = project.pyproject.line_of("mlops-lab", "combo")
        reason = "[tool.mlops-lab] combo in pyproject.toml asks for it"
        return parse(asked.value, asked.source, reason, file="pyproject.toml", line=line)
    return (otherwise or _existing)(project) or _default()


def _existing(project: Project) -> Combo | None:
    """Take the environment that exists already, with the manager whose lock lies beside it."""
    manager = locked_manager(project)
    for kind, layer in ENVIRONMENTS.items():
        environment = layer(project)
        if layer.applies(project) and exists(environment):
            beside = f", and {MANAGERS[manager].lock_name} lies beside it" if manager else ""
            usual = "poetry" if kind == Conda.kind else "uv"
            return Combo(
                kind, manager or usual, "existing", f"{environment.where} exists already{beside}"
            )
    return None


def exists(environment: Environment) -> bool:
    """Tell whether there is a usable environment; a manifest that cannot be read is reported when it is needed."""
    try:
        return environment.exists()
    except LabError:
        return False


def locked_manager(project: Project) -> str | None:
    """Give the manager whose lock lies in the project, if it is one alone."""
    found = [
        name for name, manager in MANAGERS.items() if (project.root / manager.lock_name).is_file()
    ]
    return found[0] if len(found) == 1 else None


def _default() -> Combo:
    for engine in Conda.engines_on_path():
        return Combo(
            Conda.kind, "poetry", "path", f"{engine} is on PATH, and nothing else was said"
        )
    return Combo("pip", "uv", "default", "no conda is on PATH, and nothing else was said")
