"""Adopt a project that has none of this: read what it uses, and write it as every combo reads it."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tasks_lib.environments import ENVIRONMENTS
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution.files import write_texts
from tasks_lib.execution.plan import Step, Writes
from tasks_lib.importers import (
    conda_files,
    requirements_files,
    setuptools_files,
    toml_tables,
    writer,
)
from tasks_lib.importers.declarations import (
    EXTRAS,
    GROUPS,
    MAIN,
    Comment,
    Found,
    Item,
    Target,
    distribution,
)
from tasks_lib.managers import MANAGERS
from tasks_lib.project import conda_edit
from tasks_lib.project.conda_file import CONDA_FILES, CondaFile, spec_name
from tasks_lib.project.manifests import PYPROJECT, read_text
from tasks_lib.project.project import Project
from tasks_lib.results import Result, Status
from tasks_lib.session import combos, transaction
from tasks_lib.session.combos import Combo
from tasks_lib.session.session import Answer, Session, planned
from tasks_lib.tools import executables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tasks_lib.execution.plan import Watcher

#: how a person counts what is declared
_KINDS: dict[Target, str] = {
    MAIN: "dependencies",
    EXTRAS: "in extras",
    (GROUPS,): "in groups",
    ("project",): "metadata",
    ("tool", "uv"): "for uv",
    ("tool", "poetry"): "for Poetry",
}
_NAME: Target = ("project", "name")
_DYNAMIC: Target = ("project", "dynamic")
_LEFT = "the files that were read stay as they are; from now on pyproject.toml is what counts"


def opened(*, combo: str, engine: str, python: str, offline: bool = False) -> Session:
    """Open a session on the current folder, which may have no manifest yet; what lies there tells the combo."""
    project = Project.load(
        Path.cwd(),
        os.environ,
        combo=combo,
        engine=engine,
        python=python,
        offline=offline,
        new=True,
    )
    chosen = combos.resolve(project, _evident)
    layer = ENVIRONMENTS[chosen.environment]
    if layer.owns_packages and project.conda_path is None:
        with_conda_file(
            project, conda_files.new_text(project.root.name, executables.running_python())
        )
    return Session(project, chosen, layer(project), MANAGERS[chosen.manager](project))


def with_conda_file(project: Project, text: str) -> None:
    """Let a project have a conda file that is not written yet."""
    path = project.root / CONDA_FILES[0]
    vars(project).update(conda_path=path, conda_file=CondaFile.parse(path, text))


def _evident(project: Project) -> Combo:
    """Choose by what lies in the folder: an environment, a conda file, a lock, Poetry's table."""
    made = [kind for kind, layer in ENVIRONMENTS.items() if combos.exists(layer(project))]
    kind = made[0] if made else "conda" if project.conda_path else "pip"
    manager = combos.locked_manager(project)
    poetry = bool(project.pyproject.table("tool", "poetry"))
    conda = f"{project.conda_path.name} is here" if project.conda_path else "there is no conda file"
    first = f"{ENVIRONMENTS[kind](project).where} exists already" if made else conda
    second = (
        f"{MANAGERS[manager].lock_name} lies beside it"
        if manager
        else f"[tool.poetry] is {'' if poetry else 'not '}used"
    )
    return Combo(
        kind, manager or ("poetry" if poetry else "uv"), "existing", f"{first}, and {second}"
    )


def init(session: Session, watcher: Watcher, *, dry_run: bool = False) -> Answer:
    """Show what is found and what comes of it, and write that; a project that is adopted already stays as it is."""
    pyproject = session.project.pyproject
    old = any(found.items for found in toml_tables.read_poetry(session.project.root, pyproject))
    if session.project.settings.combo and "name" in pyproject.table("project") and not old:
        title = f"the project is adopted already, as {session.project.settings.combo}"
        return Answer([Result("init", Status.PASS, title)], {"note": "nothing to do"})
    found, texts = _planned(session)
    shown = planned([_step(path, text) for path, text in texts.items()]).data
    results = [result for one in found for result in _results(one)]
    if dry_run:
        return Answer(results, shown)
    title = f"write {', '.join(path.name for path in texts)}"
    whole = Step(
        "env.files",
        title,
        work=lambda: write_texts(texts),
        shown=title,
        writes=Writes.PROJECT,
    )
    results += transaction.carry_out(session, [whole], watcher, manifests=list(texts))
    return Answer(results, {**shown, "note": _LEFT})


def _results(one: Found) -> Iterator[Result]:
    """Say what a file gave, and what a person has to see to."""
    items = [item for item in one.items if item.value is not None]
    counts = Counter(
        _KINDS.get(item.target[:2], _KINDS.get(item.target[:1], "settings")) for item in items
    )
    if counts:
        told = ", ".join(f"{count} {kind}" for kind, count in counts.items())
        yield Result("init.found", Status.PASS, f"found {one.file}: {told}", file=one.file)
    for text in one.said:
        yield Result("init.note", Status.PASS, f"{one.file}: {text}", file=one.file)
    for text, at in one.warned:
        yield Result(
            "init.note", Status.WARN, f"{one.file} needs a look", text, file=one.file, line=at
        )


def _step(path: Path, text: str) -> Step:
    """Give the step for a file, which shows the difference that it makes."""
    old = read_text(path) if path.is_file() else ""
    rows = difflib.unified_diff(
        old.splitlines(), text.splitlines(), path.name, path.name, lineterm=""
    )
    return Step(
        "env.files",
        f"write {path.name}",
        shown="\n".join(rows),
        writes=Writes.PROJECT,
        safe="the manifests are put back if the run fails",
    )


def _planned(session: Session) -> tuple[list[Found], dict[Path, str]]:
    """Read every source, the one that wins first, and compute the new text of each file that is to be written."""
    project = session.project
    root, pyproject = project.root, project.pyproject
    pyproject.allows(
        executables.running_python()
    )  # a requires-python that is none is said with its line
    toml_tables.demand_requirements(pyproject)
    found = _read(project)
    others = conda_files.others(root)
    if not (pyproject.table("project") or any(one.file not in others for one in found)):
        text = f"nothing in {root} tells what the project needs."
        remedy = f"rename {others[0]} to environment.yml, which is read; or " if others else ""
        remedy += "go to the folder with its requirements.txt, environment.yml, setup.py, Pipfile or pyproject.toml"
        raise LabError(
            text,
            ErrorCode.NOTHING_TO_ADOPT,
            remedy=f"{remedy}; a new project starts with: uv init --bare",
        )
    dynamic = pyproject.table("project").get("dynamic", ())
    drops = [target for one in found for target in one.drops]
    old = pyproject.text.replace("\r\n", "\n")  # the transaction keeps a file's line ends
    _keep_comments(found, old)
    merged = writer.Merged(writer.less(tomllib.loads(old), drops))
    for one in found:
        merged.take(one)
    for row in [
        row for rows in merged.lists.values() for row in rows if isinstance(row.value, dict)
    ]:
        if merged.at(group := (GROUPS, row.value["include-group"])) is None:
            merged.lists.setdefault(group, [])  # it has to be there, with nothing in it too
    if "dependencies" in dynamic and not merged.entries(MAIN):
        text = "its dependencies are dynamic, and no file that is read here declares them."
        at = pyproject.line_of(*_DYNAMIC)
        remedy = "write them to [project] dependencies, or to a requirements.txt"
        raise LabError(text, ErrorCode.DYNAMIC_DEPENDENCIES, file=PYPROJECT, line=at, remedy=remedy)
    settings = Found(PYPROJECT, adds=True)
    settings.warned += [(text, None) for text in merged.constrain()]
    complete(session, merged, settings, session.combo.id)
    texts = {pyproject.path: writer.written(old, merged, drops)}
    if session.environment.owns_packages:
        texts |= _conda_text(project, merged)
    elif project.conda_path:
        names = [spec_name(spec) for spec in project.conda_file.dependencies]
        if alone := ", ".join(name for name in names if name not in {"python", "pip"}):
            why = f"a {session.combo.id} project has no conda layer, and conda alone has {alone}"
            settings.warned.append((f"{why}: take a conda combo, e.g. --combo conda_uv", None))
    found += [Found(PYPROJECT, warned=settings.warned)] if settings.warned else []
    return found, {
        path: text for path, text in texts.items() if not path.is_file() or read_text(path) != text
    }


def _read(project: Project) -> list[Found]:
    """Read all there is in the order of its weight; a file that another names is read once."""
    root = project.root
    found = [
        *_setuptools_files(project),
        *toml_tables.read_poetry(root, project.pyproject),
        *setuptools_files.read_all(root),
        *toml_tables.read_pipfile(root),
        *requirements_files.read_all(root),
    ]
    found += _conda_file(project, found)
    # the conda file names an environment, which may well have the name of what is in it
    own = [
        item.value
        for one in found
        if one.file not in CONDA_FILES
        for item in one.items
        if item.target == _NAME
    ]
    if name := next(filter(None, [project.pyproject.table("project").get("name"), *own]), None):
        for one in found:
            one.leave_out(canonicalize_name(name))
    earlier = [[(other.file, other.items) for other in found[:at]] for at in range(len(found))]
    return [
        one
        for one, them in zip(found, earlier, strict=True)
        if not one.items or (one.file, one.items) not in them
    ]


def _conda_file(project: Project, found: Sequence[Found]) -> Iterator[Found]:
    """Read the conda file; what its `pip:` section has beyond a package's own dependencies is for who works on it."""
    built = [item for one in found for item in one.items if item.target[0] == "build-system"]
    package = bool(built or project.pyproject.table("build-system"))
    for one in conda_files.read_all(project.root, (GROUPS, "dev") if package else MAIN):
        one.spare = True
        yield one


def _setuptools_files(project: Project) -> Iterator[Found]:
    """Read the files that setuptools takes dynamic dependencies from: they get a place in `[project]`."""
    pyproject, place = project.pyproject, ("tool", "setuptools", "dynamic", "dependencies")
    dynamic = pyproject.table("project").get("dynamic", ())
    if "dependencies" not in dynamic:
        return
    left = Found(PYPROJECT, drops=[_DYNAMIC, place])
    if rest := [one for one in dynamic if one != "dependencies"]:
        left.put(_DYNAMIC, rest, pyproject.line_of(*_DYNAMIC))
    yield left
    named = pyproject.table(*place).get("file", ())
    for name in [named] if isinstance(named, str) else named:
        yield from requirements_files.read_file(project.root, name, MAIN, adds=True)


def _keep_comments(found: Sequence[Found], old: str) -> None:
    """Give the comments of what is dropped to the file that dropped it, or to the first that says something."""
    for one in found:
        if one.drops:
            lost = toml_tables.lost_comments(old, writer.without(old, one.drops))
            heir = one if one.items else next((other for other in found if other.items), one)
            heir.comments = [
                *(lost if heir is one else [Comment(0, note.text, alone=True) for note in lost]),
                *heir.comments,
            ]


def complete(session: Session, merged: writer.Merged, settings: Found, combo: str) -> None:
    """Add what every combo needs: a name, a version, a Python, whether it is a package, and the same default groups."""
    project = session.project
    for group in sorted(project.pyproject.table(GROUPS).keys() - session.manager.default_groups()):
        place = ("tool", "poetry", "group", group, "optional")
        merged.values.setdefault(place, Item(place, value=True))
    for target, value in _settings(project, merged, combo):
        settings.put(target, value, 1)
    merged.take(settings)


def _settings(
    project: Project, merged: writer.Merged, combo: str
) -> Iterator[tuple[Target, object]]:
    yield _NAME, distribution(project.root.name) or "project"
    dynamic = merged.at(_DYNAMIC) or ()
    backend = str(merged.at(("build-system", "build-backend")) or "")
    if (
        not dynamic
        and merged.at(("project", "version")) is None
        and backend.startswith("setuptools")
    ):
        dynamic = ["version"]  # a plugin of setuptools computes it
        yield _DYNAMIC, dynamic
    if "version" not in dynamic:
        yield ("project", "version"), "0.1.0"
    pinned = project.root / ".python-version"
    words = read_text(pinned).split() if pinned.is_file() else []
    python = next(
        (word for word in words if re.fullmatch(r"3\.\d+(\.\d+)?", word)),
        executables.running_python(),
    )
    yield ("project", "requires-python"), f">={'.'.join(python.split('.')[:2])}"
    if not merged.entries(MAIN) and "dependencies" not in dynamic:
        yield MAIN, []
    package = _is_package(project, merged)
    if (
        package and "version" in dynamic
    ):  # setuptools computes it; Poetry, which only installs, wants some
        yield ("tool", "poetry", "version"), "0"
    if not package:
        yield ("tool", "uv", "package"), False
        yield ("tool", "poetry", "package-mode"), False
    groups = dict.fromkeys(
        [*(merged.at((GROUPS,)) or ()), *(one[1] for one in merged.lists if one[0] == GROUPS)]
    )
    default = [
        name for name in groups if not merged.at(("tool", "poetry", "group", name, "optional"))
    ]
    if set(default) != {"dev"} & set(groups):  # which uv takes unasked; Poetry takes all
        yield ("tool", "uv", "default-groups"), default
    yield ("tool", "mlops-lab", "combo"), combo


def _is_package(project: Project, merged: writer.Merged) -> bool:
    """Tell whether the managers are to install the project itself; one of Poetry's has to have a module for that."""
    from poetry.core.masonry.utils.module import Module  # noqa: PLC0415 - 0.1 s, for this alone

    said = [merged.at(("tool", "poetry", "package-mode")), merged.at(("tool", "uv", "package"))]
    backend = merged.at(("build-system", "build-backend"))
    if False in said or backend is None:
        return False
    if not str(backend).startswith("poetry"):
        return True
    packages = project.pyproject.table("tool", "poetry").get("packages", ())
    try:
        Module(
            str(merged.at(("project", "name"))),
            str(project.root),
            [{"format": ["wheel"], **one} for one in packages],
        )
    except (ValueError, TypeError, KeyError):
        return False
    return True


def _conda_text(project: Project, merged: writer.Merged) -> dict[Path, str]:
    """Give the conda file's new text: less its `pip:` section, or whole where there is none yet."""
    file = project.conda_file
    if file.path.is_file():
        return (
            {file.path: conda_edit.without_pip_section(file.path, conda_edit.read(file.path))}
            if file.pip
            else {}
        )
    wanted = SpecifierSet(str(merged.at(("project", "requires-python"))))
    python = project.options.python or conda_files.fitting(wanted, executables.running_python())
    text = conda_files.new_text(str(merged.at(("project", "name"))), python)
    with_conda_file(project, text)
    return {file.path: text}
