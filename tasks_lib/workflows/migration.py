"""Move a project from one combo to another, and prove that the same versions are installed.

The old versions are pinned in a dependency group of their own, the new manager locks, the group
goes, and it locks again: both managers keep what is locked and still fits.
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tasks_lib.environments import ENVIRONMENTS, claims
from tasks_lib.environments.base import State
from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import files
from tasks_lib.execution.files import write_texts
from tasks_lib.execution.plan import Step, Writes
from tasks_lib.importers import conda_files, sources, toml_document, writer
from tasks_lib.importers.common_settings import COMBO, complete
from tasks_lib.importers.declarations import GROUPS, MAIN, Declarations
from tasks_lib.importers.merging import Merged
from tasks_lib.importers.poetry_tables import PoetryTables
from tasks_lib.managers import MANAGERS
from tasks_lib.ownership import guard
from tasks_lib.project import conda_edit, trust
from tasks_lib.project.conda_file import spec_name
from tasks_lib.project.manifests import PYPROJECT, PyProject
from tasks_lib.project.version_ranges import conda_specifiers
from tasks_lib.report.remedies import typable
from tasks_lib.results import Result, Status
from tasks_lib.session import combos, transaction
from tasks_lib.session.session import Answer, Session, planned
from tasks_lib.workflows import installation, snapshot
from tasks_lib.workflows.changes import manifests_of
from tasks_lib.workflows.migration_comparison import (
    COMMON,
    SAME,
    DiffersError,
    Installed,
    compare,
    distribution,
    of_combo,
    removal,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks_lib.execution.process import Outcome
    from tasks_lib.project.project import Project
    from tasks_lib.report.progress import Progress

_PINS = (GROUPS, "mlops-lab-migration")


def migrate(  # noqa: PLR0913 - each is an option of the task
    session: Session,
    watcher: Progress,
    to: str,
    *,
    leave_behind: bool,
    remove_old: bool,
    dry_run: bool,
) -> Answer:
    """Lock and install with another combo what is installed now, compare, and record the combo.

    What fails leaves everything as it was.
    """
    chosen = combos.parse(to, "flag", "--to asked for it", option="--to")
    here = session.combo
    if (chosen.environment, chosen.manager) == (here.environment, here.manager):
        result = Result("migrate", Status.PASS, f"The project is {chosen.id} already")
        return Answer([result], {"note": "nothing to do"})
    _expect_movable(session, chosen)
    had = Installed.of(session)
    target, texts = _target(session, had, chosen, leave_behind=leave_behind)
    steps = _steps(session, target, had, texts)
    manifests = [*{*texts, session.manager.lock_path, *manifests_of(target)}]
    for path in manifests:
        files.inside(session.project.root, path)
    stays = session.environment.prefix != target.environment.prefix
    leaving = replace(session, command="env.remove") if stays and remove_old else None
    if dry_run:
        plan = list(planned(steps).data["plan"])
        if leaving:
            plan += installation.remove(leaving, watcher, dry_run=True).data["plan"]
        return Answer(data={"plan": plan})
    try:
        with transaction.environment_alone(target, watcher.say):
            # no part of the move may stay: the environment tells which combo a project has
            results = transaction.carry_out(
                target, steps, watcher, manifests=manifests, stays=False
            )
            trust.give(session.project.root, claims.identity(target.environment))
    except DiffersError as error:
        result = Result("migrate.same", Status.FAIL, error.title, error.message, error.remedy)
        return Answer([result])
    if leaving:
        results += _removed(leaving, watcher)
    if stays and had.strays:
        results.append(_strays(target, had))
    note = ""
    if stays and session.environment.exists():
        command = typable(Remedy(argv=removal(session)))
        note = f"{session.environment.where} stays; remove it: {command}"
    return Answer(results, {"note": note})


def _expect_movable(session: Session, chosen: combos.Combo) -> None:
    """Raise the error for a project that no move can work for, or that is not set up."""
    tables = PoetryTables(session.project, keeps_places=True)
    if any(declared.items for declared in tables.read()):
        text = f"{PYPROJECT} has Poetry's old tables, which only Poetry can read."
        remedy = Remedy("Adopt the project first", ("invoke", "init"))
        raise LabError(text, ErrorCode.NOT_ADOPTED, file=PYPROJECT, remedy=remedy)
    members = session.manager.members()
    if members:
        names = ", ".join(members)
        text = f"{names} is in a folder of this project, and a workspace cannot be moved."
        advice = "Name the members for the other manager, lock, and set [tool.mlops-lab] combo"
        remedy = Remedy(advice)
        raise LabError(text, ErrorCode.WORKSPACE, file=PYPROJECT, remedy=remedy)
    project = _with_manifest(session, chosen, [])
    MANAGERS[chosen.manager](project).refuse_project()
    layer = ENVIRONMENTS[chosen.environment]
    if layer.applies(project):
        layer(project).refuse_foreign()
    session.environment.require()
    session.manager.require_lock()


def _removed(session: Session, watcher: Progress) -> Sequence[Result]:
    """Remove the old environment in a run of its own; the move is kept if that fails."""
    try:
        return installation.remove(session, watcher).results
    except LabError as error:
        title = f"{session.environment.where} is not removed"
        return [Result("env.remove", Status.WARN, title, error.message, error.remedy)]


def _strays(target: Session, had: Installed) -> Result:
    """Return the report of what no manifest declares."""
    title = "what was installed by hand did not come along"
    text = f"no manifest declares {', '.join(sorted(had.strays.values()))}"
    remedy = Remedy("Declare what you still need with deps.add, by its address or folder")
    if all(one.startswith(f"{name}==") for name, one in had.strays.items()):
        argv = ("invoke", "deps.add", *sorted(had.strays), *of_combo(target))
        remedy = Remedy("Declare what you still need", argv)
    return Result("migrate.strays", Status.WARN, title, text, remedy)


def _target(
    session: Session, had: Installed, chosen: combos.Combo, *, leave_behind: bool
) -> tuple[Session, dict[Path, str]]:
    """Return the session of the project as it will be, and the new text of each manifest."""
    project = session.project
    layer = ENVIRONMENTS[chosen.environment]
    found: list[Declarations] = []
    texts: dict[Path, str] = {}
    if session.environment.owns_packages and not layer.owns_packages:
        found, text = _out_of_conda(session, leave_behind=leave_behind)
        texts[project.conda_file.path] = text
    new = _with_manifest(session, chosen, found)
    texts[new.pyproject.path] = new.pyproject.text
    if not layer.owns_packages:
        new = replace(new, options=replace(project.options, python=had.minor))
    elif not layer.applies(project):
        new, conda_text = conda_files.with_new_file(new, new.pyproject.name, had.minor)
        texts[new.conda_file.path] = conda_text
    return Session.of(new, chosen, session.command), texts


def _with_manifest(
    session: Session, chosen: combos.Combo, found: Sequence[Declarations]
) -> Project:
    """Return the project with `pyproject.toml` as it will be, where what is found is taken over."""
    project = session.project
    pyproject = project.pyproject
    merged = Merged(pyproject.data)
    if chosen.manager != session.combo.manager:
        new_manager = MANAGERS[chosen.manager](project)
        merged.take(sources.for_other(pyproject, session.manager, new_manager))
    for one in found:
        merged.take(one)
    complete(project, session.manager, merged, chosen.id)
    old = pyproject.text.replace("\r\n", "\n")
    text = toml_document.with_value(writer.written(old, old, merged), COMBO, chosen.id)
    return replace(project, pyproject=PyProject(pyproject.path, tomllib.loads(text), text))


def _out_of_conda(session: Session, *, leave_behind: bool) -> tuple[list[Declarations], str]:
    """Declare for the manager what only conda had; return that and the conda file without it."""
    file = session.project.conda_file
    declared = Declarations(file.path.name, adds=True)
    moved = []
    left = []
    for spec in file.dependencies:
        package = spec_name(spec)
        name = distribution(session, spec)
        if package in COMMON:
            continue
        if name:
            declared.require(MAIN, f"{name}{_limit(session, name, spec)}", file.lines.get(package))
            moved.append(spec)
        else:
            left.append(package)
    if left and not leave_behind:
        names = ", ".join(left)
        text = f"Only conda has {names}, and a combo without conda cannot have it."
        raise LabError(
            text,
            ErrorCode.CANNOT_CONVERT,
            file=file.path.name,
            line=file.lines.get(left[0]),
            remedy=Remedy("Stay with conda, or leave it behind: add --leave-behind"),
        )
    text = conda_edit.remove(file.path, conda_edit.read(file.path), moved)
    of_pip = Declarations(file.path.name, adds=True)
    found = [declared, *conda_files.read_pip(session.project.root, file, of_pip)]
    return found, conda_edit.without_pip_section(file.path, text)


def _limit(session: Session, name: str, spec: str) -> str:
    """Return the versions that a conda spec allows, that one that is installed if not certain."""
    if spec.rpartition("::")[2].strip() == spec_name(spec):
        return ""
    choices = conda_specifiers(spec)
    if choices and len(choices) == 1:
        return str(choices[0])
    return f"=={session.environment.owned()[name].version}"


def _pins(session: Session, target: Session, had: Installed) -> list[str]:
    """Return a requirement for each version that the new manager must lock.

    What has one version for every Python in the old lock is to keep it for every Python.
    """
    locked = session.manager.locked()
    pins = []
    for name in sorted(had.versions.keys() - had.sources.keys()):
        pin = f"{name}=={had.versions[name]}"
        if len(locked.get(name, ())) > 1:
            pin += f" ; python_version == '{had.minor}'"
        if name in locked or not target.environment.owns_packages:
            pins.append(pin)
    return pins


def _steps(session: Session, target: Session, had: Installed, texts: dict[Path, str]) -> list[Step]:
    """Return the steps: pin, create, lock, unpin, lock again, install, compare."""
    environment = target.environment
    path = target.project.pyproject.path
    pins = _pins(session, target, had)
    pinned = {**texts, path: toml_document.with_value(texts[path], _PINS, pins)}
    environment.refuse_foreign()
    environment.refuse_place()
    environment.refuse_change()
    exists = environment.state() is State.PRESENT and not environment.lacking()
    steps = [
        Step(
            "env.files",
            f"pin the {len(pins)} installed versions in a group of their own",
            work=partial(write_texts, pinned),
            shown=f"# write {', '.join(one.name for one in pinned)}",
            writes=Writes.PROJECT,
        )
    ]
    if not exists:
        creation = guard.creation(target, environment.creation())
        steps += [step.after("env.files") for step in creation]
    steps += _lock_steps(target, had, texts, exists=exists)
    steps += installation.install_steps(target, snapshot.installed_groups(session))
    # neither a new environment nor the project's own has anything of an earlier time
    made = not exists or environment.prefix == session.environment.prefix
    look = partial(compare, target, had, made=made)
    steps.append(Step("migrate.same", SAME, work=look, check=True, needs=("deps.install",)))
    old = session.manager.lock_path
    if old != target.manager.lock_path:
        steps.append(
            Step(
                "migrate.clear",
                f"remove {old.name}, which nothing renews any more",
                work=partial(old.unlink, missing_ok=True),
                shown=f"rm {old.name}",
                needs=("migrate.same",),
                writes=Writes.PROJECT,
            )
        )
    return steps


def _lock_steps(
    target: Session, had: Installed, texts: dict[Path, str], *, exists: bool
) -> list[Step]:
    """Return the steps that lock with the pins, take them out, and lock again."""
    lock = installation.lock_step(target, after_environment=not exists)
    lock = replace(lock, reads=partial(_locked, target, had))
    first = replace(
        lock,
        id="migrate.lock",
        title=f"{lock.title}, including the pins",
        needs=(*lock.needs, "env.files"),
    )
    unpin = Step(
        "deps.edit",
        "take the pins out",
        work=partial(write_texts, texts),
        shown=f"# write {PYPROJECT}",
        needs=("migrate.lock",),
        writes=Writes.PROJECT,
    )
    again = replace(lock, title=f"{lock.title}, which keeps the versions", needs=("deps.edit",))
    return [first, unpin, again]


def _locked(target: Session, had: Installed, outcome: Outcome) -> Sequence[Result]:
    """Read what locking left; refuse, before anything is installed, what has another source."""
    results = list(target.manager.ended(outcome))
    lost = sorted(had.sources.keys() - target.manager.from_elsewhere())
    if lost:
        asked = [f"{name} would come from an index, and was {had.sources[name]}" for name in lost]
        remedy = Remedy(f"Declare its source in {PYPROJECT} for {target.manager.name}")
        text = "; ".join(asked)
        raise DiffersError(text, remedy)
    return results
