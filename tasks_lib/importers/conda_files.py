"""Read the conda file: what conda installs stays there, and its `pip:` section moves."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tasks_lib.errors import LabError, Remedy
from tasks_lib.execution import files
from tasks_lib.importers.base import Importer
from tasks_lib.importers.declarations import NAME, Declarations
from tasks_lib.importers.requirements_files import Reader
from tasks_lib.project import conda_file
from tasks_lib.project.conda_file import CONDA_FILES, CondaFile
from tasks_lib.project.manifests import read_text
from tasks_lib.project.version_ranges import conda_specifiers, minor, overlap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tasks_lib.project.project import Project

_USUAL = "environment.yml"
#: the minor versions of Python that a new conda file may ask for, the newest first
_MINORS = tuple(f"3.{minor}" for minor in range(14, 7, -1))
_CHANNELS = re.compile(r"^channels\s*:", re.MULTILINE)
_DEPENDENCIES = re.compile(r"^\ufeff?dependencies\s*:", re.MULTILINE)
_NAMED = re.compile(r"""^\ufeff?["']?name["']?\s*:[ \t]*[^\s#]""", re.MULTILINE)
_NAME_LINE = re.compile(r"^name[ \t]*:(?=[ \t]*(?:#|$))", re.MULTILINE)
_HEAD = re.compile(r"\ufeff?(?:(?:#.*|---.*|%.*|[ \t\r]*)\n)*")
_LIKELY_NAME = re.compile(r"conda|env", re.IGNORECASE)


class CondaFiles(Importer):
    """`environment.yml` under one of its usual names; files of other names are reported."""

    def read(self) -> Iterator[Declarations]:
        """Yield the Python and the `pip:` section of the conda file."""
        path = CondaFile.find(self.root)
        names = others(self.root)
        for name in names:
            remedy = renaming(self.root, names)
            if path:
                remedy = Remedy(f"Merge it into {path.name}, which is read")
            yield _unread(name, "it is a conda file, and is not read", remedy)
        if path is None:
            return
        for name in CONDA_FILES:
            if name != path.name and (self.root / name).is_file():
                text = f"it is not read: {path.name} is the project's conda file"
                yield _unread(name, text, Remedy())
        file = self.project.conda_file
        declared = Declarations(path.name, adds=True, spare=True)
        for section, line in file.ignored:
            text, remedy = conda_file.ignored(section)
            declared.warn(text.rstrip("."), line, remedy)
        wanted = conda_specifiers(file.python or "")
        if wanted and len(wanted) == 1:
            declared.put_python(str(wanted[0]), file.lines.get("python"))
        declared.put(NAME, canonicalize_name(file.name))
        if file.pip:
            yield from read_pip(self.root, file, declared)
        else:
            yield declared


def renaming(root: Path, names: Sequence[str]) -> Remedy:
    """Return what makes conda's file of another name the project's, where none is."""
    if len(names) == 1:
        text = f"Give {names[0]} a name that is read, then run init again"
        return Remedy(text, ("mv", "--", files.typed(root / names[0]), files.typed(root / _USUAL)))
    return Remedy(f"Rename one of {', '.join(names)} to {_USUAL}, then run init again")


def _unread(name: str, text: str, remedy: Remedy) -> Declarations:
    """Return the report of a file that is not read."""
    declared = Declarations(name)
    declared.warn(text, remedy=remedy)
    return declared


def others(root: Path) -> list[str]:
    """Return the files that look like conda's and have another name (`environment-dev.yml`)."""
    names = []
    for path in sorted([*root.glob("*.yml"), *root.glob("*.yaml")]):
        is_other = path.name not in CONDA_FILES and files.leads_inside(root, path)
        if not is_other or not path.is_file():
            continue
        try:
            text = read_text(path, wide=True)
        except LabError:
            continue
        is_likely = _LIKELY_NAME.search(path.name) or _CHANNELS.search(text)
        if is_likely and _DEPENDENCIES.search(text):
            names.append(path.name)
    return names


def read_pip(root: Path, file: CondaFile, declared: Declarations) -> list[Declarations]:
    """Read the `pip:` section into `declared`; return that and the files that the section names."""
    entries = list(zip(file.pip_lines, file.pip, strict=True))
    note = f"its pip: section ({len(entries)} entries) comes into pyproject.toml"
    declared.notes.append(note)
    found = Reader(root).entries(declared, entries)
    for one in found:
        one.spare = declared.spare
    return found


def named(project: Project) -> Project:
    """Return the project with its own name for a conda file that has none."""
    path = project.conda_path
    if path is None:
        return project
    text = read_text(files.inside(project.root, path), wide=True)
    if not is_nameless(text):
        return project
    name = _plain(project.pyproject.name or project.root.name)
    if _NAME_LINE.search(text):
        text = _NAME_LINE.sub(f"name: {name}", text)
    else:  # at the end, so that the lines in messages are those of the file
        text = f"{text.rstrip()}\nname: {name}\n"
    return replace(project, planned_conda_file=CondaFile.parse(path, text))


def is_nameless(text: str) -> bool:
    """Return whether a conda file in the usual form gives the environment no name."""
    return not _NAMED.search(text) and bool(_DEPENDENCIES.search(text))


def with_name(text: str, name: str) -> str:
    """Return the text of a conda file with a name, below the comments at its top."""
    if not is_nameless(text):
        return text
    if _NAME_LINE.search(text):
        return _NAME_LINE.sub(f"name: {name}", text)
    head = _HEAD.match(text)
    at = head.end() if head else 0
    return f"{text[:at]}name: {name}\n{text[at:]}"


def _plain(name: str) -> str:
    """Return a name as conda allows it."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-") or "env"


def new_text(name: str, python: str) -> str:
    """Return the conda file for a project without one."""
    lines = [f"name: {_plain(name)}", "channels:", "  - conda-forge"]
    lines += ["dependencies:", f"  - python={python}", "  - pip", ""]
    return "\n".join(lines)


def with_new_file(project: Project, name: str, python: str) -> tuple[Project, str]:
    """Return the project as it will be with a new conda file, and the text of that."""
    text = new_text(name, python)
    file = CondaFile.parse(project.root / CONDA_FILES[0], text)
    return replace(project, planned_conda_file=file), text


def fitting(wanted: SpecifierSet, here: str) -> str:
    """Return a minor version of Python that `wanted` allows: that of `here`, else the newest."""
    own = minor(here)
    for choice in (own, *_MINORS):
        if overlap(SpecifierSet(f"=={choice}.*"), wanted):
            return choice
    return own
