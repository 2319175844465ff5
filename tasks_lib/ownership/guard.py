"""Refuse a run that would remove or replace what conda owns, before anything changes.

Measured: `uv sync` deletes what conda installed and no lock names, and `uv sync --inexact` and
`poetry install` replace what the lock pins at another version. `conda doctor` then reports
missing files, and exits 0. See https://github.com/python-poetry/poetry/issues/6408 and
https://github.com/astral-sh/uv/issues/13960
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from tasks_lib.environments import (
    conda_layer_lock,
    conda_previews,
    health_checks,
    site_packages,
)
from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import process
from tasks_lib.execution.plan import Installs, Step
from tasks_lib.ownership import declarations, exclusions
from tasks_lib.ownership.facts import Facts
from tasks_lib.project import trust
from tasks_lib.project.conda_file import PYPI, spec_name
from tasks_lib.project.manifests import PYPROJECT
from tasks_lib.results import Result, Status
from tasks_lib.tools import uv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tasks_lib.environments.base import Activation, Owned
    from tasks_lib.execution.process import Outcome
    from tasks_lib.session.session import Session
    from tasks_lib.tools.changes import Change


_CONDA_IS_SAFE = "nothing of conda's is replaced or removed"
_LOCK_IS_SAFE = "nothing of the lock's is replaced"
_ALIGN = Remedy("Pin the versions that conda has", ("invoke", "deps.align"))


@dataclass(frozen=True)
class Conflict:
    """A distribution that conda owns, and that the manager would replace or remove.

    `after` is the new version, empty where it would be removed. `source` is the address that
    conda's package records for itself, empty where it records none, as most do.
    """

    name: str
    after: str
    owned: Owned
    required_by: tuple[str, ...]
    source: str = ""

    @property
    def before(self) -> str:
        """Return conda's version."""
        return self.owned.version

    def __str__(self) -> str:
        """Return the conflict as one sentence."""
        text = f"{self.name} {self.before}, which conda owns (package {self.owned.package}),"
        if not self.owned.whole:
            text += " is replaced already,"
        if not self.after:
            return f"{text} would be removed"
        after = self.after
        if after == self.before and self.owned.whole:
            after = "one from elsewhere"
        text += f" would become {after} (required by {_listed(self.required_by)})"
        if self.source:
            text += f": its direct_url.json names {self.source}, and the lock another source"
        return text


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "the lock"


def conflicts(
    session: Session, activation: Activation, groups: Sequence[str] = ()
) -> list[Conflict]:
    """Intersect what the manager would remove or replace with what `conda-meta` owns by file.

    Where the lock names something that conda owns, the manager is asked for its plan: equal
    versions alone do not say that it leaves a package as it is. Nothing else can be replaced, since
    no command of this project removes packages.
    """
    environment, manager = session.environment, session.manager
    owned = environment.owned(activation.prefix)
    ours = {package.name for package in manager.locked_packages()}
    own = canonicalize_name(session.project.pyproject.name)
    shared = owned.keys() & ours
    if manager.installs_project and own in owned:
        return [Conflict(own, owned[own].version, owned[own], ())]
    python = environment.python_version(activation.prefix)
    if not shared or manager.keeps(activation.prefix, shared, python):
        return []
    trust.demand(f"What {manager.name} would replace of conda's", given=session.trusted)
    planned = manager.changes(process.run(manager.preview(activation, groups)))
    found = _overlap(planned, owned, manager.dependents())
    sources = site_packages.sources(activation.prefix)
    return [replace(one, source=sources.get(one.name, "")) for one in found]


def _overlap(
    planned: Iterable[Change],
    owned: Mapping[str, Owned],
    dependents: Callable[[str], tuple[str, ...]],
) -> list[Conflict]:
    found = []
    for change in planned:
        name = change.name
        if name in owned and change.before:
            found.append(Conflict(name, change.after, owned[name], dependents(name)))
    return found


def _solution(session: Session, found: Sequence[Conflict]) -> Remedy:
    """Return what solves all conflicts: one version for both layers, or one layer for the package.

    A pin does not help where the version is not what differs.
    """
    elsewhere = session.manager.from_elsewhere()
    for one in found:
        if one.source or one.name in elsewhere or one.after == one.before:
            return _one_layer(session, one)
    return _ALIGN


def _one_layer(session: Session, conflict: Conflict) -> Remedy:
    """Return what leaves a package to one layer: the lock's, where the conda file names it."""
    name, package = conflict.name, conflict.owned.package
    file = session.project.conda_file
    if package in map(spec_name, file.dependencies):
        text = f"Leave {name} to the lock"
        return Remedy(text, ("invoke", "deps.remove", package, "--layer", "conda"))
    argv = _undeclaring(session, name)
    if argv:
        return Remedy(f"Leave {name} to conda", argv)
    return Remedy(
        f"Leave {name} to one layer: remove what brings it from {file.path.name} or {PYPROJECT}"
    )


def _undeclaring(session: Session, name: str) -> tuple[str, ...]:
    """Return the command that takes a package out of the manifest; none where nothing does."""
    for one in declarations.read(Facts(session)):
        is_declared = canonicalize_name(one.requirement.name) == name and not one.member
        if is_declared and one.group is not None:
            group = ("--group", one.group) if one.group else ()
            return ("invoke", "deps.remove", name, *group)
    return ()


def _refuse(found: Sequence[Conflict], remedy: Remedy) -> None:
    """Raise the error that names each package, its owner, both versions, and what to do.

    Raises:
        LabError: `guard_refused`, if there are conflicts.
    """
    if not found:
        return
    text = f"This would destroy packages of conda: {'; '.join(map(str, found))}."
    if not all(conflict.owned.whole for conflict in found):
        remedy = health_checks.ALIGN_AGAIN
    raise LabError(text, ErrorCode.GUARD_REFUSED, remedy=remedy)


def pins(session: Session, found: Sequence[Conflict]) -> dict[str, str]:
    """Return conda's version of what would be replaced, or is already and was locked so."""
    wanted = {one.name: one.before for one in found if one.after != one.before}
    locked = session.manager.locked()
    for name, owned in session.environment.owned().items():
        if not owned.whole and locked.get(name, {owned.version}) != {owned.version}:
            wanted[name] = owned.version
    return wanted


def expect_aligned(session: Session, activation: Activation) -> Iterable[Result]:
    """Refuse what still conflicts after an alignment.

    What is replaced already and would be at conda's version again is for a new environment.
    """
    found = conflicts(session, activation)
    left = [one for one in found if one.owned.whole or one.after != one.before]
    _refuse(left, _solution(session, left))
    return (Result("guard", Status.PASS, _CONDA_IS_SAFE),)


def step(
    session: Session, activation: Activation, groups: Sequence[str], needs: tuple[str, ...]
) -> Step:
    """Return the step that precedes every installation."""

    def look() -> Iterable[Result]:
        found = conflicts(session, activation, groups)
        _refuse(found, _solution(session, found))
        return (Result("guard", Status.PASS, _CONDA_IS_SAFE),)

    return Step(
        "guard",
        f"check that {_CONDA_IS_SAFE}",
        work=look,
        needs=needs,
        check=True,
        safe="refuses with exit code 5 before anything of conda's is replaced",
    )


def creation(session: Session, steps: Iterable[Step]) -> list[Step]:
    """Return the steps that create or update the environment, behind the guard."""
    if session.environment.owns_packages:
        exclusions.refuse(session, exclusions.of_manifests(Facts(session)))
    guarded: list[Step] = []
    for step in steps:
        if step.installs is Installs.LAYER_PACKAGES:
            guarded += before_conda(session, step)
        elif step.installs is Installs.LOCKED_PACKAGES:
            guarded += before_locked(session, step)
        elif step.installs is Installs.PYTHON_PACKAGES:
            guarded += _before_pip(session, step)
        else:
            guarded.append(step)
    return guarded


def _before_pip(session: Session, change: Step) -> list[Step]:
    """Put the guard before the installation of a `pip:` section, which uv does."""
    if change.command is None:
        return [change]
    file = session.project.conda_file.path.name

    def read(outcome: Outcome) -> Iterable[Result]:
        owned = session.environment.owned()
        planned = uv.changes(outcome)
        remedy = Remedy(f"Change the pip: section of {file}")
        _refuse(_overlap(planned, owned, lambda _: (file,)), remedy)
        return (Result("guard.pip", Status.PASS, _CONDA_IS_SAFE),)

    argv = (*change.command.argv, "--dry-run")
    command = replace(change.command, argv=argv, why="see what would be installed")
    title = f"check that {_CONDA_IS_SAFE}"
    look = replace(
        change, id="guard.pip", title=title, command=command, reads=read, check=True, safe=""
    )
    return [look, change.after(look.id)]


def before_conda(session: Session, change: Step) -> list[Step]:
    """Put the guard before a step in which conda installs: it may not take over what the lock owns.

    A plan names packages of conda, and their distributions are known only once they are installed:
    names are compared.
    """
    ours = _owned_by_lock(session)
    if change.command is None or not ours:
        return [change]

    def read(outcome: Outcome) -> Iterable[Result]:
        again = conda_previews.in_words(outcome)
        linked = conda_previews.linked(process.run(again) if again else outcome)
        return _untaken(session, change, ours, linked)

    command = conda_previews.preview(change.command)
    look = Step("guard.conda", f"check that {_LOCK_IS_SAFE}", command, reads=read, check=True)
    return [look, change.after(look.id)]


def before_locked(session: Session, change: Step) -> list[Step]:
    """Put the guard before a step that installs what the layer's own lock lists by then."""

    def look() -> Iterable[Result]:
        lock = session.environment.layer_lock
        linked = [(one.name, one.version) for one in lock.pending()] if lock else []
        return _untaken(session, change, _owned_by_lock(session), linked)

    title = f"check that {_LOCK_IS_SAFE}"
    return [
        Step("guard.conda", title, work=look, needs=(conda_layer_lock.STEP,), check=True),
        change,
    ]


def _untaken(
    session: Session,
    change: Step,
    ours: Mapping[str, str],
    linked: Iterable[tuple[str, str]],
) -> tuple[Result, ...]:
    """Return that nothing which conda would link is the lock's.

    Raises:
        LabError: `guard_refused`, where it is.
    """
    planned = {PYPI.get(name, canonicalize_name(name)): version for name, version in linked}
    taken = sorted(ours.keys() & planned.keys())
    if taken:
        raise _takeover(session, change.title, taken, ours, planned)
    return (Result("guard.conda", Status.PASS, _LOCK_IS_SAFE),)


def _owned_by_lock(session: Session) -> dict[str, str]:
    """Return the distributions that the lock names and conda does not own, with their versions."""
    prefix = session.environment.prefix
    names = session.manager.locked().keys() - session.environment.owned().keys()
    have = site_packages.installed(prefix)
    return {name: have[name] for name in names & have.keys()}


def _takeover(
    session: Session,
    title: str,
    taken: Sequence[str],
    ours: Mapping[str, str],
    planned: Mapping[str, str],
) -> LabError:
    """Return the error that names each package, both versions, who requires it, and what to do."""
    lock, dependents = session.manager.lock_name, session.manager.dependents()
    each = []
    for name in taken:
        owner = f"{name} {ours[name]}, which {lock} owns (required by {_listed(dependents(name))}),"
        each.append(f"{owner} would be installed over by conda's {planned[name]}")
    text = f"The step '{title}' would break the lock's layer: {'; '.join(each)}."
    remedy = Remedy(f"Take what needs {taken[0]} out of {PYPROJECT}, or out of the conda file")
    for name in (taken[0], *dependents(taken[0])):
        argv = _undeclaring(session, canonicalize_name(name))
        if argv:
            remedy = Remedy("Remove it from the lock first", argv)
            break
    return LabError(text, ErrorCode.GUARD_REFUSED, remedy=remedy)
