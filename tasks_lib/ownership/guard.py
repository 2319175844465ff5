"""Refuse a run that would remove or replace a distribution which conda owns, before anything changes.

Measured: `uv sync` deletes what conda installed and no lock names, and `uv sync --inexact` and `poetry install` replace
what the lock pins at another version; `conda doctor` then reports missing files, and exits 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from tasks_lib.environments import conda_engines, conda_health, site_packages
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution import process
from tasks_lib.execution.plan import Installs, Step
from tasks_lib.managers.uv import Uv
from tasks_lib.project.conda_file import PYPI
from tasks_lib.project.manifests import PYPROJECT
from tasks_lib.results import Result, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tasks_lib.environments.base import Activation
    from tasks_lib.environments.conda_health import Owned
    from tasks_lib.execution.process import Outcome
    from tasks_lib.managers.base import Change
    from tasks_lib.session.session import Session


@dataclass(frozen=True)
class Conflict:
    """A distribution that conda owns at one version, and that the manager would replace or (`after` empty) remove."""

    name: str
    after: str
    owned: Owned
    asked_by: tuple[str, ...]

    @property
    def before(self) -> str:
        """Give conda's version."""
        return self.owned.version

    def __str__(self) -> str:
        """Say it in one sentence."""
        who = (
            f"asked for by {', '.join(self.asked_by)}" if self.asked_by else "asked for by the lock"
        )
        after = (
            "one from elsewhere" if self.after == self.before and self.owned.whole else self.after
        )
        what = f"would become {after} ({who})" if self.after else "would be removed"
        gone = "" if self.owned.whole else ", is replaced already"
        return f"{self.name} {self.before}, which conda owns (package {self.owned.package}){gone}, {what}"


def conflicts(
    session: Session, activation: Activation, groups: Sequence[str] = ()
) -> list[Conflict]:
    """Intersect what the manager is about to remove or replace with what `conda-meta` owns by file.

    The manager is asked for its plan only where the lock names something that conda owns at another version or from
    elsewhere than an index: nothing else can be replaced, since what this project runs never removes.
    """
    owned = conda_health.owned(activation.prefix)
    if not owned:
        return []
    have = site_packages.installed(activation.prefix)
    locked = session.manager.locked(conda_health.python_version(activation.prefix))
    same = all(locked.get(name, {have.get(name)}) == {have.get(name)} for name in owned)
    if same and not session.manager.from_elsewhere() & owned.keys():
        return []
    outcome = process.run(session.manager.preview(activation, groups))
    planned = session.manager.changes(outcome)
    asked_by = session.manager.dependents()
    return _overlap(planned, owned, asked_by)


def _overlap(
    planned: Iterable[Change],
    owned: Mapping[str, Owned],
    asked_by: Callable[[str], tuple[str, ...]],
) -> list[Conflict]:
    return [
        Conflict(change.name, change.after, owned[change.name], asked_by(change.name))
        for change in planned
        if change.name in owned and change.before
    ]


def refusal(
    found: Sequence[Conflict], remedy: str = "pin what conda has: invoke deps.align"
) -> LabError:
    """Give the error that names each package, its owner, both versions, and the command that solves it."""
    text = f"conda's packages would be destroyed: {'; '.join(map(str, found))}."
    if not all(conflict.owned.whole for conflict in found):
        remedy = "make the environment anew: invoke env.remove setup"
    return LabError(text, ErrorCode.GUARD_REFUSED, remedy=remedy)


def step(
    session: Session, activation: Activation, groups: Sequence[str], needs: tuple[str, ...]
) -> Step:
    """Give the step that stands before every installation."""

    def look() -> Iterable[Result]:
        if found := conflicts(session, activation, groups):
            raise refusal(found)
        return (Result("guard", Status.PASS, "nothing of conda's is replaced or removed"),)

    return Step(
        "guard",
        "see that nothing of conda's is replaced",
        work=look,
        needs=needs,
        check=True,
        safe="refuses with exit code 5 before anything of conda's is replaced",
    )


def creation(session: Session) -> list[Step]:
    """Give the steps that make or mend the environment, behind the guard where one layer could harm the other."""
    guarded: list[Step] = []
    for step in session.environment.creation():
        if step.installs is Installs.LAYER_PACKAGES:
            guarded += before_conda(session, step)
        elif step.installs is Installs.PYTHON_PACKAGES:
            guarded += _before_pip(session, step)
        else:
            guarded.append(step)
    return guarded


def _before_pip(session: Session, change: Step) -> list[Step]:
    """Put before the installation of a `pip:` section what stands before a manager's."""

    def read(outcome: Outcome) -> Iterable[Result]:
        prefix = session.environment.prefix
        planned, file = Uv(session.project).changes(outcome), session.project.conda_file.path.name
        if found := _overlap(planned, conda_health.owned(prefix), lambda _: (file,)):
            raise refusal(found, f"mend the pip: section of {file}")
        return (Result("guard.pip", Status.PASS, "nothing of conda's is replaced or removed"),)

    if change.command is None:
        return [change]
    command = replace(
        change.command, argv=(*change.command.argv, "--dry-run"), why="see what would be installed"
    )
    title = "see that nothing of conda's is replaced"
    look = replace(
        change, id="guard.pip", title=title, command=command, reads=read, check=True, safe=""
    )
    return [look, replace(change, needs=(*change.needs, look.id))]


def before_conda(session: Session, change: Step) -> list[Step]:
    """Put before a step in which conda installs a look at its plan: it may not take over what the lock owns.

    A plan names conda's packages, and what they will bring is known once they are there: so names are compared.
    """
    prefix, locked = session.environment.prefix, session.manager.locked()
    owned, have = conda_health.owned(prefix), site_packages.installed(prefix)
    ours = {name: version for name, version in have.items() if name in locked and name not in owned}
    if change.command is None or not ours:
        return [change]

    def read(outcome: Outcome) -> Iterable[Result]:
        planned = {
            PYPI.get(name, canonicalize_name(name)): version
            for name, version in conda_engines.linked(outcome)
        }
        if taken := [
            (name, have[name], planned[name]) for name in sorted(ours.keys() & planned.keys())
        ]:
            raise _takeover(session, taken, change.title)
        return (Result("guard.conda", Status.PASS, "nothing of the lock's is replaced"),)

    command, title = (
        conda_engines.preview(change.command),
        "see that nothing of the lock's is replaced",
    )
    look = Step("guard.conda", title, command, reads=read, check=True)
    return [look, replace(change, needs=(*change.needs, look.id))]


def _takeover(session: Session, taken: Sequence[tuple[str, str, str]], what: str) -> LabError:
    """Give the error that names each package, both versions, who asked for it, and the command that solves it."""
    asked_by = session.manager.dependents()
    each = [
        f"{name} {before}, which {session.manager.lock_name} owns (asked for by {', '.join(asked_by(name))}), would be "
        f"installed over by conda's {after}"
        for name, before, after in taken
    ]
    first = taken[0][0]
    declared = next(
        (one for one in [first, *asked_by(first)] if PYPROJECT in asked_by(canonicalize_name(one))),
        first,
    )
    return LabError(
        f"to {what} would break the lock's layer: {'; '.join(each)}.",
        ErrorCode.GUARD_REFUSED,
        remedy=f"take it out of the lock first: invoke deps.remove {declared}",
    )
