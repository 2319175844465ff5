"""Which environment layer and which manager a run uses, and why."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tasks_lib.environments import ENVIRONMENTS, claims, site_packages
from tasks_lib.environments.base import SEEDS
from tasks_lib.errors import ErrorCode, LabError, Remedy, nearest
from tasks_lib.execution import state_folder
from tasks_lib.managers import DEFAULT, MANAGERS
from tasks_lib.project.manifests import PYPROJECT
from tasks_lib.project.options import Source
from tasks_lib.project.project import Project

if TYPE_CHECKING:
    from collections.abc import Collection

    from tasks_lib.environments.base import Environment

#: the file outside of the project that has the combo chosen last
_MEMORY = "combo"


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


def parse(  # noqa: PLR0913 - each says where the name was read
    name: str,
    source: str,
    reason: str,
    *,
    option: str = "--combo",
    file: str | None = None,
    line: int | None = None,
) -> Combo:
    """Return the combo of a name, which was typed behind `option` or is in `file`.

    Raises:
        LabError: No combo has this name; the message lists those that exist.

    """
    environment, manager = parts(name)
    if environment not in ENVIRONMENTS or manager not in MANAGERS:
        valid = names()
        text = f"There is no combo {name!r}; the combos are {', '.join(valid)}."
        remedy = Remedy(f"Choose one, e.g. {option} {valid[-1]}")
        if near := nearest(name, valid):
            remedy = Remedy(f"Did you mean {option} {near[0]}?")
        raise LabError(text, ErrorCode.UNKNOWN_COMBO, remedy=remedy, file=file, line=line)
    return Combo(environment, manager, source, reason)


def resolve(project: Project, *, adopting: bool = False) -> Combo:
    """Return the combo that a flag, a variable or the settings name, else what was chosen last.

    With none of these the project's files and its environment choose. `adopting` takes the conda
    layer for a conda file though no program on PATH asks for it.
    """
    for layer in ENVIRONMENTS.values():
        layer.expect_engine(project.options.engine)
    chosen = _asked(project) or _remembered(project) or _found(project, adopting=adopting)
    against = _against(project, chosen)
    if not against:
        return chosen
    return replace(chosen, reason=f"{chosen.reason}, though {' and '.join(against)}")


def _asked(project: Project) -> Combo | None:
    """Return the combo that the options name."""
    asked = project.options.combo
    if asked.source is Source.FLAG:
        return parse(asked.value, asked.source, "--combo asked for it")
    if asked.source is Source.VARIABLE:
        return parse(asked.value, asked.source, f"{asked.name} asks for it")
    if asked.source is Source.SETTINGS:
        line = project.pyproject.line_of("mlops-lab", "combo")
        reason = f"[tool.mlops-lab] combo in {PYPROJECT} asks for it"
        return parse(asked.value, asked.source, reason, file=PYPROJECT, line=line)
    return None


def _remembered(project: Project) -> Combo | None:
    """Return the combo that was last chosen for this checkout, where the project still has it."""
    try:
        name = state_folder.kept(project.root, _MEMORY) or ""
        found = parse(name, "remembered", "it was last chosen for this checkout")
    except LabError:
        return None
    return found if ENVIRONMENTS[found.environment].applies(project) else None


def remember(project: Project, combo: Combo) -> None:
    """Keep for later runs in this checkout what a flag or a variable chose."""
    if combo.source not in {Source.FLAG, Source.VARIABLE}:
        return
    last = _remembered(project)
    if last and (last.environment, last.manager) == (combo.environment, combo.manager):
        return
    state_folder.keep(project.root, _MEMORY, combo.id)  # else later runs choose by what exists


def flags(project: Project, chosen: Combo) -> tuple[str, ...]:
    """Return the option with which later commands take this combo too; none where they do so."""
    if chosen.source is not Source.FLAG:
        return ()
    try:
        later = resolve(Project.load(project.root, os.environ, new=True))
    except LabError:  # settings that name no combo or engine: the option stands above them
        return ("--combo", chosen.id)
    is_same = (later.environment, later.manager) == (chosen.environment, chosen.manager)
    return () if is_same else ("--combo", chosen.id)


def _found(project: Project, *, adopting: bool) -> Combo:
    """Return the combo that the project's files and its environment speak for."""
    kind, source, why_layer = _layer(project, adopting=adopting)
    manager, why_manager = _manager(project, ENVIRONMENTS[kind](project))
    if why_manager and source in {"path", "default"}:
        source = "files"
    if not manager:
        manager = DEFAULT if adopting else ENVIRONMENTS[kind].usual_manager
    why_manager = why_manager or "nothing in the project names a manager"
    return Combo(kind, manager, source, f"{why_layer}, and {why_manager}")


def _layer(project: Project, *, adopting: bool) -> tuple[str, str, str]:
    """Return the kind of an environment layer, the source of that choice, and why."""
    for kind in ENVIRONMENTS:
        where = _existing(project, kind)
        if where:
            return kind, "existing", f"{where} exists already"
    for kind, layer in ENVIRONMENTS.items():
        program = layer.program_on_path()
        if project.conda_path and layer.owns_packages and (program or adopting):
            why = f"{project.conda_path.name} is here"
            return kind, "path", f"{why} and {program} is on PATH" if program else why
    why = "there is no conda file"
    if project.conda_path:
        why = f"no conda is on PATH for {project.conda_path.name}"
    return next(iter(ENVIRONMENTS)), "default", why


def _existing(project: Project, kind: str) -> str:
    """Return how the environment of a layer is called where there is one, broken or not."""
    layer = ENVIRONMENTS[kind]
    with contextlib.suppress(LabError):  # an unreadable manifest is reported later
        environment = layer(project)
        found = layer.applies(project) and environment.marker.exists()
        if found and not claims.of_others(environment):
            return environment.where
    return ""


def declared(project: Project) -> Combo:
    """Return the combo that the project's own files name or speak for, whatever this machine has.

    Raises:
        LabError: `[tool.mlops-lab]` names a combo that does not exist.

    """
    if asked := _asked(project):
        return asked
    kind, why_layer = next(iter(ENVIRONMENTS)), "there is no conda file"
    for name, layer in ENVIRONMENTS.items():
        if project.conda_path and layer.owns_packages:
            kind, why_layer = name, f"{project.conda_path.name} is here"
    manager, why = _manager_of_files(project)
    why = why or "nothing in the project names a manager"
    return Combo(kind, manager or DEFAULT, "files", f"{why_layer}, and {why}")


def _manager(project: Project, environment: Environment) -> tuple[str, str]:
    """Return the name of a manager and why, both empty where nothing speaks for one."""
    found, why = _manager_of_files(project)
    if found:
        return found, why
    installer = _installer(environment, _locked(project) or list(MANAGERS))
    if installer:
        return installer, f"{installer} installed what is in it"
    return "", ""


def _locked(project: Project) -> list[str]:
    """Return the managers whose lock is here."""
    return [name for name in MANAGERS if (project.root / MANAGERS[name].lock_name).is_file()]


def _manager_of_files(project: Project) -> tuple[str, str]:
    """Return the name of the manager that the files speak for, and why, both empty for none."""
    locked = _locked(project)
    if len(locked) == 1:
        return locked[0], f"{MANAGERS[locked[0]].lock_name} is here"
    choices = locked or list(MANAGERS)
    signs = {name: MANAGERS[name].sign(project) for name in choices}
    signed = [name for name in choices if signs[name]]
    if len(signed) == 1:
        return signed[0], f"{signs[signed[0]]} is here"
    return "", ""


def expect_reader(project: Project, chosen: Combo) -> None:
    """Raise an error where only another manager reads what the manifest requires.

    The chosen one would lock and install nothing, and end well.
    """
    if project.pyproject.table("project") or MANAGERS[chosen.manager](project).required_names():
        return
    readers = [name for name, manager in MANAGERS.items() if manager(project).required_names()]
    if readers:
        other = f"{chosen.environment}_{readers[0]}"
        text = f"There is no [project] table, and {chosen.manager} reads no other."
        remedy = Remedy(
            f"Use {readers[0]}, which does; 'migrate' moves the project later",
            ("invoke", "setup", "--combo", other),
        )
        raise LabError(text, ErrorCode.NOT_SUPPORTED, file=PYPROJECT, remedy=remedy)


def _installer(environment: Environment, choices: Collection[str]) -> str:
    """Return the manager that installed most of an environment, empty where none did."""
    try:
        found = site_packages.installers(environment.prefix)
    except LabError:
        return ""
    counts = Counter(found[name] for name in found.keys() - {*SEEDS} if found[name] in choices)
    return max(counts, key=counts.__getitem__, default="")


def _against(project: Project, chosen: Combo) -> list[str]:
    """Return what speaks against the choice: other environments, and locks of other managers."""
    against = []
    for kind in ENVIRONMENTS:
        where = _existing(project, kind) if kind != chosen.environment else ""
        if where:
            against.append(f"{where} exists too")
    for name, manager in MANAGERS.items():
        if name != chosen.manager and (project.root / manager.lock_name).is_file():
            against.append(f"{manager.lock_name} is here too")
    return against
