"""Move a project from one combo to another, and prove that the same versions are installed.

The old versions are pinned in a dependency group of their own, the new manager locks, the group goes, and it locks
again: both managers keep what is locked and still fits.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name, canonicalize_version

from tasks_lib import importers
from tasks_lib.environments import ENVIRONMENTS, conda_health, site_packages
from tasks_lib.environments.base import SEEDS, State
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution.files import write_texts
from tasks_lib.execution.plan import Step, Writes
from tasks_lib.importers import conda_files, sources, toml_tables, writer
from tasks_lib.importers.declarations import GROUPS, MAIN, Found, comments
from tasks_lib.managers import MANAGERS
from tasks_lib.ownership import graph, guard
from tasks_lib.ownership.facts import Facts
from tasks_lib.project import conda_edit
from tasks_lib.project.conda_file import PYPI, spec_name
from tasks_lib.project.manifests import PYPROJECT, PyProject, read_text
from tasks_lib.project.version_ranges import conda_specifiers
from tasks_lib.results import Result, Status
from tasks_lib.session import combos, transaction
from tasks_lib.session.session import Answer, Session, planned
from tasks_lib.workflows import installation, snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks_lib.execution.process import Outcome
    from tasks_lib.report.progress import Progress

_SAME = "the same versions are installed"
_PINS = (GROUPS, "mlops-lab-migration")
#: what a conda file asks for that every environment has anyway
_COMMON = {"python", "pip", "setuptools", "wheel"}


@dataclass(frozen=True)
class Installed:
    """What the old environment has: versions that must be there again, and what nobody declares."""

    python: str
    versions: dict[str, str]
    sources: dict[str, str]  # of what comes from no index: what asks for exactly it
    required: frozenset[str]
    strays: frozenset[str]
    own: str

    @property
    def minor(self) -> str:
        """Give the version of Python without its patch."""
        return ".".join(self.python.split(".")[:2])


class _DiffersError(LabError):
    """The new environment is not what the old one was."""


def migrate(  # noqa: PLR0913 - what a person may say of the move
    session: Session,
    watcher: Progress,
    to: str,
    *,
    leave_behind: bool,
    remove_old: bool,
    dry_run: bool,
) -> Answer:
    """Lock and install with the other combo what is installed now, compare, and record the combo; or change nothing."""
    chosen = combos.parse(to, "flag", "--to asked for it")
    if (chosen.environment, chosen.manager) == (session.combo.environment, session.combo.manager):
        result = Result("migrate", Status.PASS, f"the project is {chosen.id} already")
        return Answer([result], {"note": "nothing to do"})
    session.environment.require()
    session.manager.require_lock()
    if any(
        found.items
        for found in toml_tables.read_poetry(session.project.root, session.project.pyproject)
    ):
        text = "pyproject.toml has Poetry's old tables, which Poetry alone can read."
        raise LabError(
            text,
            ErrorCode.NOT_ADOPTED,
            file="pyproject.toml",
            remedy="adopt the project first: invoke init",
        )
    if members := session.manager.members():
        text = f"{', '.join(members)} is a project in a folder of this one, and a workspace cannot be moved."
        remedy = "name the members in the other manager's way by hand, lock, and set [tool.mlops-lab] combo"
        raise LabError(text, ErrorCode.WORKSPACE, file=PYPROJECT, remedy=remedy)
    had = _installed(session)
    target, texts = _target(session, had, chosen, leave_behind=leave_behind)
    steps = _steps(session, target, had, texts)
    old, stays = session.environment, session.environment.prefix != target.environment.prefix
    leaving = [replace(session, command="env.remove")] if stays and remove_old else []
    if dry_run:
        plans = [
            planned(steps),
            *(installation.remove(one, watcher, dry_run=True) for one in leaving),
        ]
        return Answer(data={"plan": [step for one in plans for step in one.data["plan"]]})
    manifests = [*texts, session.manager.lock_path, target.manager.lock_path]
    try:
        with transaction.environment_alone(target, watcher.say):
            # no part of the move may stay: the environment that exists tells which combo a project has
            results = transaction.carry_out(
                target, steps, watcher, manifests=manifests, stays=False
            )
    except _DiffersError as error:
        return Answer(
            [Result("migrate.same", Status.FAIL, error.title, error.message, error.remedy)]
        )
    results += [result for one in leaving for result in _removed(one, watcher)]
    if stays and had.strays:
        title, text = "what was put in by hand did not come along", ", ".join(sorted(had.strays))
        results.append(
            Result(
                "migrate.strays",
                Status.WARN,
                title,
                f"no manifest declares {text}",
                "invoke deps.add",
            )
        )
    note = (
        f"{old.where} stays; take it away: {_removal(session)}" if stays and not remove_old else ""
    )
    return Answer(results, {"note": note})


def _removal(session: Session) -> str:
    return f"invoke env.remove --combo {session.combo.id}"


def _removed(session: Session, watcher: Progress) -> Sequence[Result]:
    """Remove the old environment, in a run of its own: where that fails, it is put back, and the move stays made."""
    try:
        return installation.remove(session, watcher).results
    except LabError as error:
        title = f"{session.environment.where} is not removed"
        return [Result("env.remove", Status.WARN, title, error.message, _removal(session))]


def _installed(session: Session) -> Installed:
    facts = Facts(session)
    found, locked, prefix = graph.read(facts), session.manager.locked(), session.environment.prefix
    reached = found.reached()
    wanted, asked = {}, site_packages.requirements(prefix)
    for name, version in facts.installed.items():
        owned = facts.owned.get(name)
        key = ("conda", owned.package) if owned else ("python", name)
        if name in locked or (key in reached and name not in _COMMON):
            wanted[name] = version
    wanted.pop(facts.own_name, None)
    file = facts.conda_file if session.environment.owns_packages else None
    declared = {_distribution(session, spec) for spec in (file.dependencies if file else ())}
    return Installed(
        python=facts.python,
        versions=wanted,
        sources={name: asked[name] for name in session.manager.from_elsewhere() & wanted.keys()},
        required=frozenset((locked.keys() | declared) & wanted.keys()),
        strays=frozenset(
            facts.installed.keys() - wanted.keys() - {*SEEDS, facts.own_name} - facts.owned.keys()
        ),
        own=facts.own_name,
    )


def _distribution(session: Session, spec: str) -> str:
    """Give the Python distribution that conda installed for a spec, empty where it is not one."""
    name = spec_name(spec)
    found = [
        one
        for one, owned in conda_health.owned(session.environment.prefix).items()
        if owned.package == name
    ]
    likely = PYPI.get(name, canonicalize_name(name))
    return likely if likely in found else found[0] if found and name not in _COMMON else ""


def _target(
    session: Session, had: Installed, chosen: combos.Combo, *, leave_behind: bool
) -> tuple[Session, dict[Path, str]]:
    """Compute the project as it will be: its session, and the new text of each manifest."""
    project, layer = session.project, ENVIRONMENTS[chosen.environment]
    pyproject, more = project.pyproject, list[Found]()
    if chosen.manager != session.combo.manager:
        more.append(sources.for_other(pyproject, session.manager))
    texts: dict[Path, str] = {}
    if session.environment.owns_packages and not layer.owns_packages:
        found, text = _out_of_conda(session, leave_behind=leave_behind)
        more += found
        texts[project.conda_file.path] = text
    merged = writer.Merged(pyproject.data)
    for one in more:
        merged.take(one)
    importers.complete(session, merged, Found(pyproject.path.name, adds=True), chosen.id)
    text = writer.written(pyproject.text.replace("\r\n", "\n"), merged)
    text = writer.with_value(text, ("tool", "mlops-lab", "combo"), chosen.id)
    texts = {pyproject.path: text, **texts}
    new = replace(project, pyproject=PyProject(pyproject.path, tomllib.loads(text), text))
    if not layer.owns_packages:
        new = replace(new, options=replace(new.options, python=had.minor))
    elif project.conda_path is None:
        made = conda_files.new_text(
            str(pyproject.table("project").get("name", project.root.name)), had.minor
        )
        importers.with_conda_file(new, made)
        texts[new.conda_file.path] = made
    manager = MANAGERS[chosen.manager](new)
    return Session(new, chosen, layer(new), manager, session.command), texts


def _out_of_conda(session: Session, *, leave_behind: bool) -> tuple[list[Found], str]:
    """Declare for the manager what conda alone had, and give the conda file without it."""
    file = session.project.conda_file
    text = read_text(file.path)
    found, moved, left = Found(file.path.name, adds=True), [], []
    for spec in file.dependencies:
        name = _distribution(session, spec)
        if spec_name(spec) in _COMMON:
            continue
        if not name:
            left.append(spec_name(spec))
            continue
        bare, choices = spec.rpartition("::")[2].strip() == spec_name(spec), conda_specifiers(spec)
        version = conda_health.owned(session.environment.prefix)[name].version
        limit = "" if bare else str(choices[0]) if choices and len(choices) == 1 else f"=={version}"
        found.require(MAIN, f"{name}{limit}", file.lines.get(spec_name(spec)))
        moved.append(spec)
    if left and not leave_behind:
        text = f"conda alone has {', '.join(left)}: no Python distribution, so a combo without conda cannot have it."
        remedy = "stay with conda, or leave it behind: add --leave-behind"
        raise LabError(
            text,
            ErrorCode.CANNOT_CONVERT,
            file=file.path.name,
            line=file.lines.get(left[0]),
            remedy=remedy,
        )
    lines = {item.line for item in found.items}
    found.comments = [one for one in comments(file.path.name, text) if one.line in lines]
    more = [found]
    if file.pip:
        more += conda_files.read_pip(
            session.project.root, file, text, Found(file.path.name, adds=True)
        )
    if moved:
        text = conda_edit.remove(file.path, text, moved)
    return more, conda_edit.without_pip_section(file.path, text)


def _steps(session: Session, target: Session, had: Installed, texts: dict[Path, str]) -> list[Step]:
    environment, path = target.environment, target.project.pyproject.path
    locked = (
        session.manager.locked()
    )  # what has one version for every Python keeps it for every Python
    pinned = {
        name for name in had.versions if name in locked or not environment.owns_packages
    } - had.sources.keys()
    here = f" ; python_version == '{had.minor}'"
    pins = [
        f"{name}=={had.versions[name]}{here if len(locked.get(name, ())) > 1 else ''}"
        for name in sorted(pinned)
    ]
    first = {**texts, path: writer.with_value(texts[path], _PINS, pins)}
    environment.refuse_foreign()
    there = environment.state() is State.PRESENT and not environment.lacking()
    made = (
        not there or environment.prefix == session.environment.prefix
    )  # it holds nothing of an earlier time
    creation = [] if there else guard.creation(target)
    lock = replace(
        installation.lock_step(target, after_environment=not there),
        reads=partial(_locked, target, had),
    )
    title, named = (
        f"pin the {len(pins)} installed versions in a group of their own",
        [one.name for one in first],
    )
    write, look = partial(write_texts, texts), partial(compare, target, had, made=made)
    steps = [
        Step(
            "env.files",
            title,
            work=partial(write_texts, first),
            shown=f"write {', '.join(named)}",
            writes=Writes.PROJECT,
        ),
        *(replace(step, needs=(*step.needs, "env.files")) for step in creation),
        replace(
            lock,
            id="migrate.lock",
            title=f"{lock.title}, the pins included",
            needs=(*lock.needs, "env.files"),
        ),
        Step(
            "deps.edit",
            "take the group out",
            work=write,
            shown=f"write {path.name}",
            needs=("migrate.lock",),
            writes=Writes.PROJECT,
        ),
        replace(lock, title=f"{lock.title}, which keeps the versions", needs=("deps.edit",)),
        *installation.install_steps(target, snapshot.installed_groups(session)),
        Step("migrate.same", _SAME, work=look, check=True, needs=("deps.install",)),
    ]
    old = session.manager.lock_path
    if old != target.manager.lock_path:
        title, shown = f"take {old.name} away: nobody renews it any more", f"rm {old.name}"
        clear = partial(old.unlink, missing_ok=True)
        steps.append(
            Step(
                "migrate.clear",
                title,
                work=clear,
                shown=shown,
                needs=("migrate.same",),
                writes=Writes.PROJECT,
            )
        )
    return steps


def _locked(target: Session, had: Installed, outcome: Outcome) -> Sequence[Result]:
    """Read what the lock's command left; what came from no index is not to come from one now: nothing is installed."""
    results = list(target.manager.ended(outcome))
    if lost := had.sources.keys() - target.manager.from_elsewhere():
        asked = "; ".join(
            f"{name} would come from an index, and was {had.sources[name]}" for name in sorted(lost)
        )
        remedy = f"say in {PYPROJECT}, for {target.manager.name}, where it is to be found"
        raise _DiffersError(asked, ErrorCode.MIGRATION_DIFFERS, remedy=remedy, title=_SAME)
    return results


def compare(target: Session, had: Installed, *, made: bool) -> Sequence[Result]:
    """Compare name by name and version by version; what differs ends the run, and all is put back."""
    facts = Facts(target)
    now, asks, locked = (
        facts.installed,
        site_packages.requirements(target.environment.prefix),
        target.manager.locked(),
    )
    wrong, changed = [], set[str]()
    for name, version in had.versions.items():
        if name in now and canonicalize_version(now[name]) != canonicalize_version(version):
            wrong.append(f"{name} {version} is now {now[name]}")
        elif name not in now and name in had.required:
            wrong.append(f"{name} {version} is missing")
        elif name in now and name not in facts.owned and name not in locked:
            wrong.append(f"{name} is not in {target.manager.lock_name}")
        else:
            continue
        changed.add(name)
    elsewhere = {name for name, asked in had.sources.items() if asks.get(name) != asked}
    wrong += [f"{name} is now {asks.get(name)}" for name in had.sources if name in elsewhere]
    known = {*had.versions, *had.strays, *SEEDS, had.own, *facts.owned}
    new = sorted(now.keys() - known)
    wrong += [f"{name} {now[name]} is new" for name in new]
    python = facts.python.split(".")[:2] != had.python.split(".")[:2]
    if python:
        wrong.append(f"Python {had.python} is now {facts.python}")
    if wrong:
        changed -= elsewhere
        by_hand = changed - locked.keys()  # or conda's: the lock has no say
        narrow = f"narrow requires-python, e.g. to =={had.minor}.*, or raise the lower bound of what differs"
        anew = (
            f"{target.environment.where} was there already; have it made anew: {_removal(target)}"
        )
        remedies = [
            (narrow, changed if made else changed - by_hand),
            (f"say in {PYPROJECT} exactly what is to be had, e.g. a repository's rev", elsewhere),
            (f"declare what is new before the move: invoke deps.add {' '.join(new)}", made and new),
            (f"write python={had.minor} to the conda file", made and python),
            (anew, not made and (new or python or by_hand)),
        ]
        text, remedy = f"{'; '.join(wrong)}.", "; ".join(one for one, helps in remedies if helps)
        raise _DiffersError(text, ErrorCode.MIGRATION_DIFFERS, remedy=remedy, title=_SAME)
    same = sum(name in now for name in had.versions)
    return [
        Result(
            "migrate.same",
            Status.PASS,
            f"{_SAME}: {same} packages, name by name and version by version",
        )
    ]
