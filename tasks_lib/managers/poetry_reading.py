"""What Poetry's library tells of a manifest and a lock: nothing is started or connected to.

It is what `poetry check --lock` calls (poetry/console/commands/check.py, Poetry 2.5.1).
"""

from __future__ import annotations

import copy
import functools
import io
import re
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from tasks_lib.errors import LabError
from tasks_lib.execution import files
from tasks_lib.execution.known import known
from tasks_lib.managers import locks
from tasks_lib.managers.poetry_check import CHANGED, CONFIG_POETRY, members_behind
from tasks_lib.managers.poetry_tables import dependency_tables
from tasks_lib.project.manifests import PYPROJECT, read_text, read_toml
from tasks_lib.results import Status

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tasks_lib.managers.base import Manager
    from tasks_lib.project.manifests import PyProject
    from tasks_lib.project.project import Project
    from tasks_lib.results import Result

_MARK = "\ufeff"
_DIGEST = re.compile("[0-9a-f]{64}")


def manifest(project: Project) -> Iterator[Result]:
    """Yield a result for each error and warning of Poetry's, else one pass.

    It does not look at the sources that dependencies name: these depend on the user's settings.
    """
    found = _validated(project.pyproject)
    errors = [*found["errors"], *_missing_readme(project)]
    unknown, old = _classifiers(project.pyproject)
    for status, texts in (
        (Status.FAIL, [*errors, *unknown]),
        (Status.WARN, [*found["warnings"], *old]),
    ):
        for text in texts:
            yield CONFIG_POETRY.result(status, text, file=PYPROJECT)
    if not (errors or unknown or found["warnings"] or old):
        yield CONFIG_POETRY.result(Status.PASS, file=PYPROJECT)


@functools.lru_cache(maxsize=1)  # for the manifest, and for the lock
def _validated(pyproject: PyProject) -> dict[str, list[str]]:
    """Return the errors and warnings of Poetry's check."""
    found = _by_schema(pyproject, strict=True)
    return {**found, "errors": [*found["errors"], *_refusals(pyproject)]}


def _by_schema(pyproject: PyProject, *, strict: bool) -> dict[str, list[str]]:
    """Return errors and warnings; of those that are not `strict`, Poetry refuses all errors."""
    from poetry.factory import Factory  # noqa: PLC0415 - 0.3 s

    data: dict[str, Any] = copy.deepcopy(dict(pyproject.data))  # defaults are put into it
    try:
        return Factory.validate(data, strict=strict)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # a value of a wrong type, past which Poetry's own check does not come either
        return {"errors": [f"Poetry cannot read it: {error}"], "warnings": []}


def _refusals(pyproject: PyProject) -> list[str]:
    """Say what Poetry refuses beside what its schemas do."""
    found = [*_bad_requirements(pyproject), *_bad_sources(pyproject)]
    if not found:
        found += _refused_package(pyproject) + _missing_license(pyproject)
    if read_text(pyproject.path, bom=True).startswith(_MARK):
        found.append(f"{PYPROJECT} begins with a byte order mark, which Poetry cannot read.")
    return found


class _Manifest(NamedTuple):
    """What Poetry's library reads of a manifest, without what it would look at elsewhere."""

    data: dict[str, Any]

    @property
    def poetry_config(self) -> dict[str, Any]:
        """Return Poetry's own table."""
        found: dict[str, Any] = self.data.get("tool", {}).get("poetry", {})
        return found

    @classmethod
    def of(cls, pyproject: PyProject) -> _Manifest:
        """Leave out the folders and files that dependencies are found in, and the license's."""
        data: dict[str, Any] = copy.deepcopy(dict(pyproject.data))
        for table in dependency_tables(replace(pyproject, data=data)):
            for value in table.values():
                for row in value if isinstance(value, list) else [value]:
                    if isinstance(row, dict):
                        row.pop("path", None)
                        row.pop("file", None)
        license_table = data.get("project", {}).get("license")
        if isinstance(license_table, dict):
            license_table.pop("file", None)
        return cls(data)


def _refused_package(pyproject: PyProject) -> list[str]:
    """Return the sentence in which Poetry's library refuses what its schemas let pass."""
    from poetry.core.factory import Factory  # noqa: PLC0415 - see _by_schema

    read: Any = _Manifest.of(pyproject)
    standard = read.data.get("project", {})
    try:
        name = standard.get("name") or read.poetry_config.get("name", "non-package-mode")
        version = standard.get("version") or read.poetry_config.get("version", "0")
        package = Factory.get_package(name, version)
        Factory.configure_package(package, read, pyproject.path.parent)
    except Exception as error:  # noqa: BLE001 - by whatever this raises, Poetry's own run ends
        return [f"Poetry cannot read it: {str(error).partition(chr(10))[0]}"]
    return []


def _missing_license(pyproject: PyProject) -> list[str]:
    declared = pyproject.table("project").get("license")
    name = declared.get("file") if isinstance(declared, dict) else None
    if isinstance(name, str) and name and _is_missing(pyproject.path.parent, name):
        return [f"The license's file does not exist: {name}"]
    return []


def _bad_sources(pyproject: PyProject) -> Iterator[str]:
    """Name the sources that Poetry makes no repository of."""
    declared = pyproject.table("tool", "poetry").get("source")
    known = set()
    for source in declared if isinstance(declared, list) else ():
        name = str(source.get("name")).lower() if isinstance(source, dict) else ""
        if name and (name == "pypi") is ("url" in source):
            yield f"The source {name} has {'a' if name == 'pypi' else 'no'} url."
        if name in known:
            yield f"There are two sources {name}."
        known.add(name)


def _bad_requirements(pyproject: PyProject) -> Iterator[str]:
    """Name what is no requirement (PEP 508), or no version of Poetry's own form."""
    from poetry.core.constraints.version import parse_constraint  # noqa: PLC0415 - see manifest

    for entry in _declared(pyproject):
        if not _is_requirement(entry):
            yield f"{entry!r} is not a requirement."
    of_builds = pyproject.table("tool", "poetry", "build-constraints").values()
    for table in (*dependency_tables(pyproject), *of_builds):
        for name, value in table.items() if isinstance(table, dict) else ():
            version = value.get("version", "*") if isinstance(value, dict) else value
            if isinstance(version, str):
                try:
                    parse_constraint(version)
                except ValueError:
                    yield f"{name}: {version!r} is not a version constraint."


@known()
def _is_requirement(text: str) -> bool:
    from poetry.core.packages.dependency import Dependency  # noqa: PLC0415 - see manifest

    try:
        Dependency.create_from_pep_508(text)
    except ValueError:
        return False
    return True


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
            if isinstance(name, str) and _is_missing(project.root, name):
                yield f"Declared README file does not exist: {name}"


def _is_missing(root: Path, name: str) -> bool:
    """Return whether nothing has this name; what lies outside of the project is not looked at."""
    path = root / name
    try:
        return not name or (files.leads_inside(root, path) and not path.exists())
    except (OSError, ValueError):  # a name that no file can have
        return True


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
    def of(cls, manager: Manager) -> _Head | None:
        """Return the comment with Poetry's version, and the hash; nothing where it has no hash."""
        metadata = locks.data(manager.lock_path).get("metadata")
        digest = metadata.get("content-hash") if isinstance(metadata, dict) else None
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            return None
        comment = read_text(manager.lock_path).partition("\n")[0]
        if not comment.startswith("#"):
            comment = "#"
        return cls(f'{comment}\n[metadata]\ncontent-hash = "{digest}"\n')

    def open(self, mode: str, encoding: str = "utf-8") -> IO[Any]:
        """Return a stream of bytes or of text."""
        return io.BytesIO(self.text.encode(encoding)) if "b" in mode else io.StringIO(self.text)


def fits(manager: Manager) -> tuple[bool | None, str]:
    """Return whether the lock has the hash of the manifest, by Poetry's rules for its format.

    Poetry's hash does not cover members, which are compared by what they require. What Poetry would
    refuse to read has no answer.
    """
    from poetry.packages.locker import Locker  # noqa: PLC0415 - 0.3 s

    pyproject = manager.project.pyproject
    refused = _refused(pyproject)
    if refused:
        return None, refused
    if read_text(manager.lock_path, bom=True).startswith(_MARK):
        return (
            False,
            f"{manager.lock_name} begins with a byte order mark, which Poetry cannot read.",
        )
    lock: Any = _Head.of(manager)
    fresh = bool(lock) and Locker(lock, dict(pyproject.data)).is_fresh()
    faults = members_behind(manager) if fresh else [CHANGED]
    return not faults, "".join(faults[:1])


def _refused(pyproject: PyProject) -> str:
    """Say why Poetry would look at no lock of this project; nothing where it would."""
    from poetry.__version__ import __version__  # noqa: PLC0415 - see fits
    from poetry.core.constraints.version import Version, parse_constraint  # noqa: PLC0415 - see fits

    if _validated(pyproject)["errors"]:
        faults = [*_by_schema(pyproject, strict=False)["errors"], *_refusals(pyproject)]
        if faults:
            return f"Poetry cannot read {PYPROJECT}."
    settings = pyproject.path.with_name("poetry.toml")
    try:
        if settings.is_file():
            read_toml(settings)
    except LabError as error:
        return f"Poetry cannot read its settings: {error.message}"
    wanted = pyproject.table("tool", "poetry").get("requires-poetry")
    try:
        is_other = wanted and not parse_constraint(wanted).allows(Version.parse(__version__))
    except ValueError:
        return f"requires-poetry: {wanted!r} is not a version constraint."
    return f"The project asks for Poetry {wanted}, and this is {__version__}." if is_other else ""
