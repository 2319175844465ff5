"""What Poetry's library tells of a manifest and a lock: nothing is started or connected to.

It is what `poetry check --lock` calls (poetry/console/commands/check.py, Poetry 2.5.1).
"""

from __future__ import annotations

import copy
import io
import json
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from tasks_lib.execution import files
from tasks_lib.managers import locks
from tasks_lib.managers.poetry_check import CHANGED, CONFIG_POETRY, members_behind
from tasks_lib.managers.poetry_tables import dependency_tables
from tasks_lib.project.manifests import PYPROJECT, invalid, read_text
from tasks_lib.results import Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tasks_lib.managers.base import Manager
    from tasks_lib.project.manifests import PyProject
    from tasks_lib.project.project import Project
    from tasks_lib.results import Result


def manifest(project: Project) -> Iterator[Result]:
    """Yield a result for each error and warning of Poetry's, else one pass.

    It does not look at the sources that dependencies name: these depend on the user's settings.
    """
    from poetry.factory import Factory  # noqa: PLC0415 - 0.3 s

    pyproject = project.pyproject
    data: dict[str, Any] = copy.deepcopy(dict(pyproject.data))  # defaults are put into it
    try:
        found = Factory.validate(data, strict=True)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # a value of a wrong type, past which Poetry's own check does not come either
        found = {"errors": [f"Poetry cannot read it: {error}"], "warnings": []}
    errors = [*found["errors"], *_bad_requirements(pyproject), *_missing_readme(project)]
    unknown, old = _classifiers(pyproject)
    for status, texts in (
        (Status.FAIL, [*errors, *unknown]),
        (Status.WARN, [*found["warnings"], *old]),
    ):
        for text in texts:
            yield CONFIG_POETRY.result(status, text, file=PYPROJECT)
    if not (errors or unknown or found["warnings"] or old):
        yield CONFIG_POETRY.result(Status.PASS, file=PYPROJECT)


def _bad_requirements(pyproject: PyProject) -> Iterator[str]:
    """Name what is no requirement (PEP 508), or no version of Poetry's own form."""
    from poetry.core.constraints.version import parse_constraint  # noqa: PLC0415 - see manifest
    from poetry.core.packages.dependency import Dependency  # noqa: PLC0415 - see manifest

    for entry in _declared(pyproject):
        try:
            Dependency.create_from_pep_508(entry)
        except ValueError:
            yield f"{entry!r} is not a requirement."
    for table in dependency_tables(pyproject):
        for name, value in table.items():
            version = value.get("version", "*") if isinstance(value, dict) else value
            if isinstance(version, str):
                try:
                    parse_constraint(version)
                except ValueError:
                    yield f"{name}: {version!r} is not a version constraint."


def _declared(pyproject: PyProject) -> Iterator[str]:
    """Yield the entries of the standard tables that are texts."""
    project = pyproject.table("project")
    lists = [project.get("dependencies"), *pyproject.table("dependency-groups").values()]
    lists += pyproject.table("project", "optional-dependencies").values()
    for entries in lists:
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, str):
                yield entry


def _missing_readme(project: Project) -> Iterator[str]:
    """Name the readme files that do not exist."""
    pyproject = project.pyproject
    declared = [pyproject.table("tool", "poetry").get("readme")]
    readme = pyproject.table("project").get("readme")
    declared.append(readme.get("file") if isinstance(readme, dict) else readme)
    for value in declared:
        for name in value if isinstance(value, list) else [value]:
            if isinstance(name, str) and not _is_own_file(project.root, name):
                yield f"Declared README file does not exist: {name}"


def _is_own_file(root: Path, name: str) -> bool:
    try:
        return files.leads_inside(root, root / name) and (root / name).is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _classifiers(pyproject: PyProject) -> tuple[list[str], list[str]]:
    """Return a sentence about the classifiers that do not exist, and about those that are old."""
    from trove_classifiers import classifiers, deprecated_classifiers  # noqa: PLC0415 - see manifest

    own = pyproject.table("tool", "poetry").get("classifiers")
    declared = pyproject.table("project").get("classifiers") or own
    texts = {one for one in declared if isinstance(one, str)} if declared else set()
    private = {one for one in texts if one.startswith("Private ::")}
    unknown = sorted(texts - private - {*classifiers} - deprecated_classifiers.keys())
    old = sorted(texts & deprecated_classifiers.keys())
    return (
        [f"Unrecognized classifiers: {unknown!r}."] if unknown else [],
        [f"Deprecated classifiers: {old!r}."] if old else [],
    )


class _Head(NamedTuple):
    """What Poetry's Locker opens as the lock, which was parsed already: no more than it needs."""

    text: str

    @classmethod
    def of(cls, manager: Manager) -> _Head:
        """Return the comment with Poetry's version, and the hash."""
        comment = read_text(manager.lock_path).partition("\n")[0]
        digest = locks.data(manager.lock_path).get("metadata", {}).get("content-hash")
        if not comment.startswith("#") or not isinstance(digest, str):
            comment = "#"
        return cls(f"{comment}\n[metadata]\ncontent-hash = {json.dumps(digest)}\n")

    def open(self, mode: str, encoding: str = "utf-8") -> IO[Any]:
        """Return a stream of bytes or of text."""
        return io.BytesIO(self.text.encode(encoding)) if "b" in mode else io.StringIO(self.text)


def fits(manager: Manager) -> tuple[bool | None, str]:
    """Return whether the lock has the hash of the manifest, by Poetry's rules for its format.

    Poetry's hash does not cover members, which are compared by what they require.
    """
    from poetry.packages.locker import Locker  # noqa: PLC0415 - 0.3 s

    data: Mapping[str, Any] = manager.project.pyproject.data
    try:
        lock: Any = _Head.of(manager)
        fresh = Locker(lock, dict(data)).is_fresh()
    except (AttributeError, TypeError) as error:
        text = f"{PYPROJECT}: Poetry cannot read it: {error}."
        raise invalid(text, PYPROJECT) from None
    faults = members_behind(manager) if fresh else [CHANGED]
    return not faults, "".join(faults[:1])
