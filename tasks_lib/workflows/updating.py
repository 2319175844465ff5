"""Bring an environment to what its manifests say now: add, change and prune, in both layers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tasks_lib.environments import conda_health
from tasks_lib.environments.base import State
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution.plan import Step, Writes
from tasks_lib.ownership import graph
from tasks_lib.ownership.facts import Facts
from tasks_lib.ownership.owners import Owner
from tasks_lib.results import Result, Status
from tasks_lib.session.session import Answer
from tasks_lib.workflows import installation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks_lib.environments.conda import Conda
    from tasks_lib.execution.plan import Watcher
    from tasks_lib.ownership.graph import Graph
    from tasks_lib.session.session import Session

#: what comes with a Python unasked, and stays as long as it does
_SEEDS = ("pip", "setuptools", "wheel")
_PRUNE_IS_SAFE = "removes what conda.yml no longer names and nothing needs"


def update(
    session: Session, watcher: Watcher, *, prune: bool = False, dry_run: bool = False
) -> Answer:
    """Make an existing environment what a new one would be; a person's strays stay, unless `prune`."""
    environment = session.environment
    environment.require()
    steps, _ = installation.missing_parts(session, watcher)
    anew = any(step.writes is Writes.NEW_ENVIRONMENT for step in steps)
    strays = installation.strays(session) if prune and not anew else []
    left = _left_in_conda(session, strays) if environment.owns_packages and not anew else []
    if left and not steps:  # the lock may name what conda had
        steps = installation.install_plan(session, environment.activation())
    if not (steps or left or strays):
        return Answer(
            [Result("env.update", Status.PASS, f"{environment.where} is what the manifests say")]
        )
    before = _versions(session)
    answer = installation.change(
        session, watcher, _whole(session, steps, left, strays), dry_run=dry_run
    )
    if dry_run:
        return answer
    return replace(
        answer, data={**answer.data, "conda": installation.difference(before, _versions(session))}
    )


def _whole(
    session: Session, steps: Sequence[Step], left: Sequence[str], strays: Sequence[str]
) -> list[Step]:
    """Put conda's prune first: what is to go can stand against what is to come."""
    whole = [replace(step, needs=(*step.needs, "conda.prune")) for step in steps]
    if left:
        layer: Conda = session.environment  # type: ignore[assignment]  # the one kind that owns packages
        # what is to come is left to its own step, which stands behind the guard
        lacking = layer.lacking()
        rest = replace(
            layer.file,
            dependencies=tuple(spec for spec in layer.file.dependencies if spec not in lacking),
        )
        command = layer.maker.uninstall(layer.prefix, rest, left)
        title = f"take {', '.join(left)} out with {layer.engine}: {layer.file.path.name} no longer asks for it"
        whole.insert(0, Step("conda.prune", title, command, safe=_PRUNE_IS_SAFE))
    activation = session.environment.activation()
    if any(step.id == "deps.lock" for step in steps):
        whole.append(installation.uninstall_step(session, activation, ()))
    return [*whole, *installation.prune_steps(activation, strays)]


def _left_in_conda(session: Session, pruned: Sequence[str]) -> list[str]:
    """Name the conda packages that neither the conda file asks for, nor what it asks for, nor a stray that stays."""
    found = graph.read(Facts(session))
    file = session.project.conda_file
    seeds = [("conda", name) for name in _SEEDS]
    stay = [
        key
        for key, one in found.packages.items()
        if one.owner is Owner.STRAY and one.name not in pruned
    ]
    kept = found.reached([*found.roots.get(file.path.name, ()), *stay])
    if ("conda", "python") not in kept:
        text = f"{file.path.name} asks for no Python, and the managers need one."
        raise LabError(
            text,
            ErrorCode.NO_PYTHON,
            file=file.path.name,
            remedy="add '- python' to its dependencies",
        )
    kept |= found.reached(key for key in seeds if key in found.packages)
    left = sorted(
        name for layer, name in found.packages if layer == "conda" and (layer, name) not in kept
    )
    _refuse_replaced(session, found, left)
    return left


def _refuse_replaced(session: Session, found: Graph, left: Sequence[str]) -> None:
    """Stop where conda would take away what stands now in the place of its files."""
    owned = conda_health.owned(session.environment.prefix)
    mine = {name: one for name, one in owned.items() if one.package in left}
    wrong = [
        name for name, one in mine.items() if not one.whole or ("python", name) in found.packages
    ]
    if wrong:
        text = f"{', '.join(wrong)}: conda no longer is to have it, and its files were replaced by another installation."
        remedy = "make the environment anew: invoke env.remove setup"
        raise LabError(text, ErrorCode.GUARD_REFUSED, remedy=remedy)


def _versions(session: Session) -> dict[str, str]:
    environment = session.environment
    if not environment.owns_packages or environment.state() is not State.PRESENT:
        return {}
    return {
        name: str(record["version"])
        for name, record in conda_health.packages(environment.prefix).items()
    }
