"""Write the locks: the manager's, and that of the environment layer's own packages."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tasks_lib.environments import ENVIRONMENTS
from tasks_lib.errors import ErrorCode, LabError, Remedy, meant
from tasks_lib.ownership import guard
from tasks_lib.project.conda_file import CondaFile
from tasks_lib.session.session import Session
from tasks_lib.workflows.changes import change
from tasks_lib.workflows.installation import lock_step

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks_lib.execution.plan import Step, Watcher
    from tasks_lib.session.session import Answer

#: the layer whose manifest and lock are the dependency manager's
PYTHON = "python"


def layers() -> list[str]:
    """Return the names of the layers that have packages of their own."""
    owners = [name for name, layer in ENVIRONMENTS.items() if layer.owns_packages]
    return [PYTHON, *owners]


def expect_layer(session: Session, layer: str) -> None:
    """Raise an error where there is no layer of this name, or this run has none."""
    known = layers()
    if layer not in known:
        text = f"There is no layer {layer!r}; the layers are {' and '.join(known)}."
        remedy = meant(layer, known, Remedy("Choose one of them"))
        raise LabError(text, ErrorCode.UNKNOWN_LAYER, remedy=remedy)
    if layer not in {PYTHON, session.environment.kind}:
        text = f"This run's combo is {session.combo.id}, which has no {layer} layer."
        remedy = Remedy(f"Add --combo {layer}_{session.combo.manager}")
        raise LabError(text, ErrorCode.NO_CONDA_LAYER, remedy=remedy)


def lock(session: Session, watcher: Watcher, *, layer: str = "", dry_run: bool = False) -> Answer:
    """Resolve the dependencies of both layers, or of one, and write the locks."""
    if layer:
        expect_layer(session, layer)
    steps: list[Step] = []
    own = session.environment.layer_lock
    if own and layer != PYTHON:
        steps.append(own.step())
    if layer in {"", PYTHON}:
        steps.append(lock_step(session))
    return change(session, watcher, steps, dry_run=dry_run)


def renewal(session: Session, packages: Sequence[str]) -> list[Step]:
    """Return the steps that renew the lock of the layer's own packages, and install that.

    Raises:
        LabError: One of `packages` is not among them.
    """
    own = session.environment.layer_lock
    if own is None:
        return []
    known = {*own.locked(), *session.environment.packages()}
    for name in packages:
        if name not in known:
            text = f"Neither {own.path.name} nor the environment has a package {name!r}."
            remedy = meant(name, known, Remedy("Correct --package"))
            raise LabError(text, ErrorCode.UNKNOWN_PACKAGE, remedy=remedy)
    return [own.step(packages), *guard.creation(session, own.installation())]


def edited(session: Session, manifest: Path, text: str) -> Session:
    """Return the session as it is when the layer's manifest has this text."""
    project = replace(session.project, planned_conda_file=CondaFile.parse(manifest, text))
    return Session.of(project, session.combo, session.command)
