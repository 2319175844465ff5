"""Create and remove the environment, lock, and install: observe, plan, act, look again."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from tasks_lib import checks
from tasks_lib.environments import claims, shells, site_packages
from tasks_lib.environments.base import CREATE, MADE, State
from tasks_lib.errors import ErrorCode, LabError, Remedy, meant
from tasks_lib.execution import process, shell_words
from tasks_lib.execution.plan import Step, Writes, execute
from tasks_lib.managers import parts
from tasks_lib.ownership import exclusions, guard
from tasks_lib.ownership.facts import Facts
from tasks_lib.project.manifests import PYPROJECT
from tasks_lib.report.remedies import program
from tasks_lib.results import Result, Status
from tasks_lib.session import combos
from tasks_lib.session.session import Answer, passed, planned
from tasks_lib.tools import executables
from tasks_lib.workflows.changes import carry_out, change

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tasks_lib.environments.base import Activation
    from tasks_lib.execution.plan import Watcher
    from tasks_lib.execution.process import Command, Outcome
    from tasks_lib.session.session import Session

_AFTER_ENV = MADE[:-1]


@dataclass(frozen=True)
class Missing:
    """What `setup` has to do, and the results of the checks that were made to find out."""

    steps: Sequence[Step] = ()
    known: Mapping[str, Sequence[Result]] = field(default_factory=dict)

    @property
    def new_environment(self) -> bool:
        """Return whether the environment is created from scratch."""
        return any(step.writes is Writes.NEW_ENVIRONMENT for step in self.steps)


def setup(
    session: Session, watcher: Watcher, *, recreate: bool = False, dry_run: bool = False
) -> Answer:
    """Create the environment, lock, install and check; do only what is not done already.

    An environment that exists is kept, unless it is to `recreate`: the old one is deleted when the
    run has ended well, and is back if it does not. The answer's `changed` lists the titles of the
    steps that were taken, and `activate` is the line to type next.

    Raises:
        LabError: Something else is in the environment's place, or a step failed.
    """
    missing = missing_parts(session, watcher, recreate=recreate)
    looks = checks.steps(session)
    steps = [*missing.steps, *looks]
    if dry_run:
        return carry_out(session, watcher, steps, dry_run=True)
    with _remembered(session):
        if missing.steps:
            # a new lock stays where the guard refuses: `deps.align` goes on from it
            kept = [session.manager.lock_path]
            answer = carry_out(session, watcher, steps, kept=kept, dry_run=False)
        else:
            answer = Answer(execute([_answered(look, missing.known) for look in looks], watcher))
            claims.claim(session.environment)
    changed = [step.title for step in missing.steps if not step.check]
    note = "" if changed else "nothing to do"
    data = {"changed": changed, "note": note, "activate": _activate(session)}
    return replace(answer, data=data)


@contextlib.contextmanager
def _remembered(session: Session) -> Iterator[None]:
    """Remember the combo that was chosen, also of a run that fails and leaves an environment."""
    try:
        yield
    finally:
        if session.environment.marker.exists():
            combos.remember(session.project, session.combo)


def _activate(session: Session) -> str:
    """Return the line that a user types to activate the environment."""
    shell = shell_words.of_user()
    flags = session.flags()
    if shell not in shells.SHELLS:  # such as tcsh, for which there is no script
        return f"{program()} {shell_words.joined(['env.shell', '--shell', 'bash', *flags])}"
    line = shells.hint(shell, program())
    return line.replace("env.activate", shell_words.joined(["env.activate", *flags]))


def _answered(step: Step, known: Mapping[str, Sequence[Result]]) -> Step:
    """Return a check that answers with its result, where that is known already."""
    if step.id not in known:
        return step
    return replace(step, known=lambda _: known[step.id])


def missing_parts(session: Session, watcher: Watcher, *, recreate: bool = False) -> Missing:
    """Look at the environment, the lock and what is installed, and return what is missing.

    Where it is to `recreate`, all of the environment is missing. The manager is asked whether the
    lock fits, and what it would install; nothing is changed.
    """
    manager = session.manager
    session.environment.refuse_foreign()
    creation = Missing(_creation_steps(session, recreate=recreate))
    known: dict[str, Sequence[Result]] = {}
    stale = True
    pending = True
    if manager.lock_path.is_file():
        activation = None
        if session.trusted and not creation.new_environment:
            activation = session.environment.activation()
        fresh = manager.fresh(activation)
        with ThreadPoolExecutor(max_workers=1) as pool:  # each takes up to half a second
            answer = pool.submit(_is_pending, session, activation)
            known[fresh.id] = execute([replace(fresh, needs=())], watcher)
            pending = answer.result()
        stale = any(
            found.id == "lock.fresh" and found.status is Status.FAIL for found in known[fresh.id]
        )
    if not (creation.steps or stale or pending):
        return Missing(known=known)
    steps = [*creation.steps]
    if stale:
        lock = lock_step(session, after_environment=creation.new_environment)
        steps = exclusions.after_lock(session, steps, lock)
    elif steps:
        exclusions.refuse(session, exclusions.of_lock(Facts(session)))
    return Missing([*steps, *install_steps(session)], known)


def _is_pending(session: Session, activation: Activation | None) -> bool:
    """Return whether the manager would install anything; without trust, it may not be asked."""
    if activation is None:
        return True
    outcome = process.run(session.manager.preview(activation))
    return not outcome.ok or bool(session.manager.changes(outcome))


def _creation_steps(session: Session, *, recreate: bool = False) -> list[Step]:
    """Return the steps that create or complete the environment; none where it is complete."""
    environment = session.environment
    environment.refuse_place()
    if recreate:
        return guard.creation(session, environment.creation_again())
    lock = environment.layer_lock
    is_outdated = lock is not None and lock.outdated
    if environment.exists() and not is_outdated and not environment.lacking():
        return []
    return guard.creation(session, environment.creation())


def create(
    session: Session, watcher: Watcher, *, share: bool = False, dry_run: bool = False
) -> Answer:
    """Create the environment, or complete it; one that is complete is left as it is.

    To `share` it is to work on the one that was made for another project too, from now on.
    """
    environment = session.environment
    if share and dry_run:
        title = f"share {environment.where}"
        shown = f"# write {environment.prefix / claims.RECORD}"
        return planned([Step("env.share", title, shown=shown)])
    if share:
        claims.claim(environment, share=True)
    environment.refuse_foreign()
    steps = _creation_steps(session)
    if not steps:
        title = f"{environment.where} exists already and is complete"
        return passed("env.create", title, str(environment.prefix))
    if dry_run:
        return planned(steps)
    with _remembered(session):
        return carry_out(session, watcher, steps, dry_run=False)


def remove(
    session: Session, watcher: Watcher, *, shared: bool = False, dry_run: bool = False
) -> Answer:
    """Delete the environment, for all that use it where it is `shared`; manifests and lock stay."""
    environment = session.environment
    environment.refuse_foreign()
    if not shared:
        claims.refuse_shared(environment)
    if environment.state() is State.ABSENT:
        title = f"{environment.prefix} does not exist"
        return passed("env.remove", title, "nothing to remove")
    step = Step(
        "env.remove",
        f"remove {environment.where}",
        work=environment.set_aside,  # and deleted once the run has ended
        shown=shell_words.joined(["rm", "-r", str(environment.prefix)]),
        safe="moved aside first, deleted when the run has ended; manifests and lock stay",
    )
    return carry_out(session, watcher, [step], dry_run=dry_run)


def install(
    session: Session, watcher: Watcher, *, groups: Sequence[str] = (), dry_run: bool = False
) -> Answer:
    """Install what the lock names into the environment, and remove nothing.

    `groups` are dependency groups beside the default ones.

    Raises:
        LabError: There is no environment or no lock, or the guard refused.
    """
    session.environment.require()
    session.manager.require_lock()
    for group in groups:
        _refuse_mistyped(session, group)
    return change(session, watcher, install_steps(session, groups), dry_run=dry_run)


def _refuse_mistyped(session: Session, group: str) -> None:
    """Refuse a group that is like one of the manifest; the manager knows which others there are."""
    known = parts.groups(session.manager)
    same = {*known, "dev", "main"}
    remedy = meant(group, known.values(), Remedy())
    if canonicalize_name(group) not in same and remedy.text:
        there = ", ".join(known.values())
        text = f"{PYPROJECT} has no dependency group {group!r}; its groups: {there}."
        raise LabError(text, ErrorCode.UNKNOWN_GROUP, file=PYPROJECT, remedy=remedy)


def edit_step(session: Session, title: str, command: Command) -> Step:
    """Return the step in which the manager edits a manifest and locks."""
    return Step(
        "deps.edit",
        title,
        command,
        reads=session.manager.ended,
        writes=Writes.PROJECT,
        safe="the manifest and the lock are put back if the run fails",
    )


def lock_step(
    session: Session, *, after_environment: bool = False, upgrade: Sequence[str] | None = None
) -> Step:
    """Return the step that writes the lock.

    It runs beside the creation of the environment (`after_environment`), unless only that
    environment's Python fits the project, or the project names none: then uv locks for the one
    that it is run with. `upgrade` names the packages to upgrade; an empty one upgrades all.

    Raises:
        LabError: There is no environment, and no Python of this machine fits; or the manager does
            not read what the manifest requires.
    """
    combos.expect_reader(session.project, session.combo)
    environment = session.environment
    pyproject = session.project.pyproject
    activation = None
    needs: tuple[str, ...] = ()
    if not after_environment and environment.exists():
        activation = environment.activation()
    elif executables.fitting(pyproject) is None or not pyproject.python_range:
        if after_environment:
            activation = environment.activation()
            needs = _AFTER_ENV
        elif pyproject.python_range:
            text = f"The project needs Python {pyproject.python_range}, and this machine has none."
            remedy = executables.installing("one", str(pyproject.pythons()[-1]))
            if environment.owns_packages:  # it brings its own
                remedy = CREATE
            raise LabError(text, ErrorCode.PYTHON_NOT_FOUND, remedy=remedy)
    command = session.manager.lock(activation, upgrade)
    return Step(
        "deps.lock",
        f"lock with {session.manager.name}",
        command,
        reads=partial(_locked, session, command),
        needs=needs,
        writes=Writes.PROJECT,
        safe="writes only the lock, which is put back if the run fails",
    )


def _locked(session: Session, command: Command, outcome: Outcome) -> Iterable[Result]:
    """Read what locking printed; a lock that cannot be read is written from scratch."""
    manager = session.manager
    if not manager.is_damage(outcome):
        return manager.ended(outcome)
    manager.lock_path.unlink()  # it is put back if the run fails
    results = manager.ended(process.run(command))
    title = f"{manager.lock_name} could not be read, and was written from scratch"
    detail = "All versions were chosen again: look at what changed."
    return (*results, Result("deps.lock", Status.WARN, title, detail, file=manager.lock_name))


def install_steps(session: Session, groups: Sequence[str] = ()) -> list[Step]:
    """Return the steps that install what the lock names, behind the guard."""
    activation = session.environment.activation()
    needs = (*_AFTER_ENV, "deps.lock", "deps.edit")
    steps = []
    if session.environment.owns_packages:
        steps.append(guard.step(session, activation, groups, needs))

    def look_again(outcome: Outcome) -> Iterable[Result]:
        results = session.manager.ended(outcome)
        _expect_installed(session, outcome)
        return results

    install = Step(
        "deps.install",
        f"install with {session.manager.name}",
        session.manager.install(activation, groups),
        reads=look_again,
        needs=(*needs, "guard", "deps.uninstall"),
        safe="removes nothing, and the guard has refused what would replace a package of conda's",
    )
    return [*steps, install]


def _expect_installed(session: Session, outcome: Outcome) -> None:
    """Stop where the environment lacks what its manager says that it has just installed."""
    have = site_packages.installed(session.environment.prefix)
    changes = session.manager.changes(outcome)
    lost = [one.name for one in changes if one.after and one.name not in have]
    if not lost:
        return
    name = session.manager.name
    where = session.environment.where
    names = ", ".join(sorted(lost))
    text = f"{name} says that it installed {names}, but {where} does not have it."
    remedy = Remedy(
        f"Clear the cache of {name}, which may know another environment by this path, then create "
        "the environment again with setup --recreate"
    )
    raise LabError(text, ErrorCode.INSTALLED_ELSEWHERE, remedy=remedy)
