"""Adopt a project: read what it uses, and write it where every combo reads it."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet

from tasks_lib.environments import ENVIRONMENTS
from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import files
from tasks_lib.execution.files import write_texts
from tasks_lib.execution.plan import Step
from tasks_lib.importers import conda_files, standards, toml_document, writer
from tasks_lib.importers.common_settings import complete
from tasks_lib.importers.declarations import (
    DYNAMIC,
    EXTRAS,
    GROUPS,
    MAIN,
    NAME,
    PYTHON,
    Declarations,
    Target,
    expect_requirements,
)
from tasks_lib.importers.merging import Merged
from tasks_lib.importers.metadata import distribution
from tasks_lib.importers.poetry_tables import PoetryTables
from tasks_lib.importers.registry import read_all
from tasks_lib.managers import MANAGERS
from tasks_lib.project import conda_edit
from tasks_lib.project.conda_file import spec_name
from tasks_lib.project.manifests import PYPROJECT, read_text
from tasks_lib.project.project import Project
from tasks_lib.results import Result, Status
from tasks_lib.session import combos, transaction
from tasks_lib.session.session import Answer, Session, passed, planned
from tasks_lib.tools import executables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tasks_lib.execution.plan import Watcher
    from tasks_lib.project.manifests import PyProject

#: how the parts of `pyproject.toml` are called in a report
_PARTS: dict[Target, str] = {
    MAIN: "dependencies",
    EXTRAS: "in extras",
    (GROUPS,): "in groups",
    ("project",): "metadata",
    ("tool", "uv"): "for uv",
    ("tool", "poetry"): "for Poetry",
}
_LEFT = "the files that were read stay as they are; from now on pyproject.toml is what counts"


def opened(*, combo: str, engine: str, python: str, offline: bool = False) -> Session:
    """Return a session on the current folder, which may have no manifest yet."""
    project = Project.load(
        Path.cwd(),
        os.environ,
        combo=combo,
        engine=engine,
        python=python,
        offline=offline,
        new=True,
    )
    project = conda_files.named(project)
    chosen = combos.resolve(project, adopting=True)
    layer = ENVIRONMENTS[chosen.environment]
    if layer.owns_packages and not layer.applies(project):
        python = executables.running_python()
        project, _ = conda_files.with_new_file(project, project.root.name, python)
    return Session(project, chosen, layer(project), MANAGERS[chosen.manager](project))


def init(session: Session, watcher: Watcher, *, dry_run: bool = False) -> Answer:
    """Show what is found and write it; an adopted project stays as it is."""
    if _is_adopted(session.project):
        title = f"The project is adopted already, as {session.project.settings.combo}"
        return passed("init", title, note="nothing to do")
    found, texts = _plan(session)
    shown = planned([_step(path, text) for path, text in texts.items()]).data
    results = [result for declared in found for result in _results(declared)]
    if dry_run:
        return Answer(results, shown)
    title = f"write {', '.join(path.name for path in texts)}"
    step = Step("env.files", title, work=lambda: write_texts(texts), shown=title)
    results += transaction.carry_out(session, [step], watcher, manifests=list(texts))
    return Answer(results, {**shown, "note": _LEFT})


def _is_adopted(project: Project) -> bool:
    """Return whether the project names its combo and has nothing of Poetry 1 left."""
    if not project.settings.combo or "name" not in project.pyproject.table("project"):
        return False
    return not any(declared.items for declared in PoetryTables(project).read())


def _results(declared: Declarations) -> Iterator[Result]:
    """Yield what a file gave, what was done about it, and what the user has to look at."""
    file = declared.file
    counts = Counter(_part(item.target) for item in declared.items)
    if counts:
        told = ", ".join(f"{count} {part}" for part, count in counts.items())
        yield Result("init.found", Status.PASS, f"found {file}: {told}", file=file)
    for note in declared.notes:
        yield Result("init.note", Status.PASS, f"{file}: {note}", file=file)
    for notice in declared.notices:
        title = f"{file} needs a look"
        yield Result("init.note", Status.WARN, title, notice.text, notice.remedy, file, notice.line)


def _part(target: Target) -> str:
    """Return how the part of `pyproject.toml` that a key belongs to is called."""
    return _PARTS.get(target[:2]) or _PARTS.get(target[:1]) or "settings"


def _step(path: Path, text: str) -> Step:
    """Return the step that writes a file; it shows what changes."""
    old = read_text(path) if path.is_file() else ""
    rows = difflib.unified_diff(
        old.splitlines(), text.splitlines(), path.name, path.name, lineterm=""
    )
    # a blank alone stands for an empty line; what reads a difference takes nothing for it too
    shown = "\n".join(row if row.strip() else "" for row in rows)
    return Step("env.files", f"write {path.name}", shown=shown)


def _plan(session: Session) -> tuple[list[Declarations], dict[Path, str]]:
    """Return what every file declares, and the new text of each file that has to change."""
    project = session.project
    pyproject = project.pyproject
    pyproject.allows(executables.running_python())  # an invalid requires-python is an error
    expect_requirements(pyproject)
    found = read_all(project)
    _expect_something(project, found)
    old = pyproject.text.replace("\r\n", "\n")  # the transaction keeps a file's line ends
    dropped = [target for declared in found for target in declared.dropped]
    rest = toml_document.without(old, dropped)
    merged = Merged(tomllib.loads(rest))
    for declared in found:
        merged.take(declared)
    _expect_dependencies(pyproject, merged)
    own = Declarations(PYPROJECT)
    for text in merged.constrain():
        own.warn(text)
    for text in standards.left_out(merged):
        own.warn(text)
    complete(project, session.manager, merged, session.combo.id)
    texts = {pyproject.path: writer.written(old, rest, merged)}
    if session.environment.owns_packages:
        texts |= _conda_text(project, merged)
    elif project.conda_path:
        _report_conda_packages(session, own)
    for path in texts:
        files.inside(project.root, path)
    changed = {path: text for path, text in texts.items() if not _has(path, text)}
    return [*found, own], changed


def _has(path: Path, text: str) -> bool:
    """Return whether a file has this text already."""
    return path.is_file() and read_text(path) == text


def _expect_something(project: Project, found: Sequence[Declarations]) -> None:
    """Raise the error for a folder without a file that is read."""
    unread = conda_files.others(project.root)
    has_manifest = any(declared.file not in unread for declared in found)
    if has_manifest or project.pyproject.table("project"):
        return
    text = f"Nothing in {project.root} tells what the project needs."
    files = "requirements.txt, environment.yml, setup.py, Pipfile or pyproject.toml"
    advice = f"Go to the folder with its {files}, or begin a new project"
    name = distribution(project.root.name) or "project"
    argv = (executables.typed("uv"), "init", "--bare", "--name", name)
    remedy = Remedy(advice, argv)
    if unread:
        remedy = conda_files.renaming(project.root, unread)
    raise LabError(text, ErrorCode.NOTHING_TO_ADOPT, remedy=remedy)


def _expect_dependencies(pyproject: PyProject, merged: Merged) -> None:
    """Raise the error for dynamic dependencies that no file declares."""
    dynamic = pyproject.table("project").get("dynamic", ())
    if "dependencies" not in dynamic or merged.entries(MAIN):
        return
    text = "Its dependencies are dynamic, and no file that is read here declares them."
    line = pyproject.line_of(*DYNAMIC)
    remedy = Remedy("Write them to [project] dependencies, or to a requirements.txt")
    raise LabError(text, ErrorCode.DYNAMIC_DEPENDENCIES, file=PYPROJECT, line=line, remedy=remedy)


def _report_conda_packages(session: Session, own: Declarations) -> None:
    """Report what a combo without conda cannot have."""
    names = [spec_name(spec) for spec in session.project.conda_file.dependencies]
    alone = [name for name in names if name not in {"python", "pip"}]
    if alone:
        text = f"a {session.combo.id} project has no conda layer; conda alone has"
        remedy = Remedy("Use a combo with conda, such as conda_uv")
        own.warn(f"{text} {', '.join(alone)}", remedy=remedy)


def _conda_text(project: Project, merged: Merged) -> dict[Path, str]:
    """Return the conda file's new text: without its `pip:` section, or whole if it is new."""
    path = project.conda_file.path
    if path.is_file():
        if not project.conda_file.pip and not conda_files.is_nameless(read_text(path, wide=True)):
            return {}
        text = conda_files.with_name(conda_edit.read(path), project.conda_file.name)
        if project.conda_file.pip:
            text = conda_edit.without_pip_section(path, text)
        return {path: text}
    wanted = SpecifierSet(str(merged.at(PYTHON)))
    here = executables.running_python()
    python = project.options.python or conda_files.fitting(wanted, here)
    return {path: conda_files.new_text(str(merged.at(NAME)), python)}
