"""Read the conda file: what is conda's stays there, and its `pip:` section moves; make one where there is none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tasks_lib.importers import requirements_files
from tasks_lib.importers.declarations import MAIN, Found, Target, comments
from tasks_lib.project.conda_file import CONDA_FILES, CondaFile
from tasks_lib.project.manifests import read_text
from tasks_lib.project.version_ranges import conda_specifiers, overlap

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: the minor versions of Python that a new conda file may ask for, the newest first
_MINORS = tuple(f"3.{minor}" for minor in range(14, 7, -1))


def read_all(root: Path, target: Target) -> Iterator[Found]:
    """Read the Python of the conda file, and its `pip:` section, which goes to `target`."""
    path = CondaFile.find(root)
    for name in others(root):
        do = (
            f"merge it into {path.name}, which is read"
            if path
            else "rename it to environment.yml and run init again"
        )
        yield Found(name, warned=[(f"it is a conda file, and is not read: {do}", None)])
    if path is None:
        return
    file, text = CondaFile.read(path), read_text(path)
    for name in CONDA_FILES:
        if name != path.name and (root / name).is_file():
            yield Found(
                name, warned=[(f"it is not read: {path.name} is the project's conda file", None)]
            )
    found = Found(path.name, adds=True)
    wanted = conda_specifiers(file.python or "")
    if wanted and len(wanted) == 1:
        found.put(("project", "requires-python"), str(wanted[0]), file.lines.get("python"))
    found.put(("project", "name"), canonicalize_name(file.name), 1)
    yield from read_pip(root, file, text, found, target) if file.pip else [found]


def others(root: Path) -> list[str]:
    """Give the names of files that look like conda's and are not called so, e.g. `environment-dev.yml`."""
    names = []
    for path in sorted([*root.glob("*.yml"), *root.glob("*.yaml")]):
        text = (
            path.read_text("utf-8", errors="replace")
            if path.is_file() and path.name not in CONDA_FILES
            else ""
        )
        named = re.search(r"conda|env", path.name, re.IGNORECASE) or re.search(
            r"^channels\s*:", text, re.MULTILINE
        )
        names += (
            [path.name] if named and re.search(r"^dependencies\s*:", text, re.MULTILINE) else []
        )
    return names


def read_pip(
    root: Path, file: CondaFile, text: str, found: Found, target: Target = MAIN
) -> list[Found]:
    """Read the `pip:` section into `found`; give that, and what the files hold that the section names."""
    entries = list(zip(file.pip_lines, file.pip, strict=True))
    first, last = file.lines["pip:"], max(file.pip_lines)
    found.comments = [one for one in comments(file.path.name, text) if first <= one.line <= last]
    found.said.append(f"its pip: section ({len(entries)} entries) comes into pyproject.toml")
    if target != MAIN:
        why = f"what the project does not declare itself comes into the group {target[-1]}"
        found.said.append(f"{why}: whoever installs the package does not get it")
    return requirements_files.read_entries(root, found, entries, target)


def new_text(name: str, python: str) -> str:
    """Write the conda file that a project without one gets."""
    plain = re.sub(r"[^\w.-]+", "-", name).strip("-") or "env"
    return (
        f"name: {plain}\nchannels:\n  - conda-forge\ndependencies:\n  - python={python}\n  - pip\n"
    )


def fitting(wanted: SpecifierSet, here: str) -> str:
    """Return a minor version of Python that `wanted` allows: that of `here` if possible, else the newest."""
    own = ".".join(here.split(".")[:2])
    for minor in (own, *_MINORS):
        if overlap(SpecifierSet(f"=={minor}.*"), wanted):
            return minor
    return own
