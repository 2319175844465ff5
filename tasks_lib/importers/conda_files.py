"""Read the conda file: what is conda's stays there, and its `pip:` section moves; make one where there is none."""

from __future__ import annotations

import functools
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import yaml
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tasks_lib.importers import requirements_files
from tasks_lib.importers.declarations import MAIN, Found, Target, comments
from tasks_lib.project.conda_edit import says
from tasks_lib.project.manifests import CONDA_FILES, CondaFile, parse_yaml, read_text, spec_name
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
    (first, last), entries = pip_section(text, file.path.name)
    found.comments = [one for one in comments(file.path.name, text) if first <= one.line <= last]
    found.said.append(f"its pip: section ({len(entries)} entries) comes into pyproject.toml")
    if target != MAIN:
        why = f"what the project does not declare itself comes into the group {target[-1]}"
        found.said.append(f"{why}: whoever installs the package does not get it")
    return requirements_files.read_entries(root, found, entries, target)


def pip_section(text: str, name: str) -> tuple[tuple[int, int], list[tuple[int, str]]]:
    """Give the first and the last line of the `pip:` section, and its entries with their lines."""
    top = parse_yaml(text, name, functools.partial(yaml.compose, Loader=yaml.SafeLoader))
    for key, value in top.value:
        for item in value.value if key.value == "dependencies" else ():
            if isinstance(item, yaml.MappingNode):
                entries = [
                    (one.start_mark.line + 1, one.value)
                    for _, some in item.value
                    for one in some.value
                ]
                first = item.start_mark.line + 1
                return (first, max([first, *(line for line, _ in entries)])), entries
    return (1, 0), []


def without_pip(file: CondaFile, text: str) -> str:
    """Give the file's text without its `pip:` section; every other line stays, and pip itself is asked for."""
    (first, last), _ = pip_section(text, file.path.name)
    rows = text.splitlines(keepends=True)
    head = rows[first - 1]
    has_pip = any(spec_name(spec) == "pip" for spec in file.dependencies)
    new = "" if has_pip else f"{head[: len(head) - len(head.lstrip())]}- pip\n"
    made = "".join([*rows[: first - 1], new, *rows[last:]])
    if not says(replace(file, pip=()), made, [*file.dependencies, *([] if has_pip else ["pip"])]):
        said = (
            "its pip: section is written in a way that cannot be taken out safely: move it by hand"
        )
        Found(file.path.name).refuse(said, first)
    return made


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
