"""Read a Pipfile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks_lib.errors import Remedy
from tasks_lib.execution import files
from tasks_lib.importers.base import Importer
from tasks_lib.importers.declarations import Declarations, Target, target_of, with_marker
from tasks_lib.project.manifests import PyProject, read_toml
from tasks_lib.tools import package_index

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from packaging.requirements import Requirement

_FILE = "Pipfile"
#: the tables that hold no packages
_OTHER_TABLES = {"source", "requires", "pipenv", "scripts"}
_GROUPS = {"packages": "", "dev-packages": "dev"}
_REPOSITORIES = ("git", "hg", "svn")
_MARKERS = (
    "sys_platform",
    "os_name",
    "platform_system",
    "platform_machine",
    "python_version",
    "python_full_version",
)


class Pipfile(Importer):
    """Packages, packages for development, and the Python."""

    def read(self) -> Iterator[Declarations]:
        """Yield the Pipfile, if there is one."""
        path = self.root / _FILE
        if not path.is_file():
            return
        file = PyProject(path, *read_toml(files.inside(self.root, path)))
        declared = Declarations(_FILE)
        for table in file.data:
            if table not in _OTHER_TABLES:
                self._packages(declared, file, table)
        _python(declared, file)
        _unsupported(declared, file)
        yield declared

    def _packages(self, declared: Declarations, file: PyProject, table: str) -> None:
        """Take a table of packages over, without the project itself."""
        packages = file.data[table]
        if not isinstance(packages, dict):
            declared.refuse(f"{table} must be a table", file.line_of(table))
        target = target_of(_GROUPS.get(table, table))
        for name, wanted in packages.items():
            options = wanted
            if not isinstance(wanted, dict):
                options = {"version": wanted}
            path = options.get("path")
            line = file.line_of(table, name) or file.line_of(table)
            if path and files.is_same_place(self.root / str(path), self.root):
                declared.is_project(name, line)
                continue
            if not isinstance(options.get("extras", []), list):
                declared.refuse(f"{name}: extras must be a list", line)
            requirement = _requirement(name, options)
            parsed = declared.require(target, requirement, line, f"{name} = {wanted!r}")
            _place(declared, parsed, options, target, line)


def _place(
    declared: Declarations,
    wanted: Requirement,
    options: Mapping[str, Any],
    target: Target,
    line: int | None,
) -> None:
    """Take over where a package is found."""
    path = options.get("path")
    file = options.get("file")
    if file and "://" not in str(file):
        path = path or file
    if path:
        editable = bool(options.get("editable"))
        declared.source(wanted, target, str(path), line, editable=editable)
    if "index" in options:
        remedy = Remedy("Name the index in the table of uv or Poetry")
        declared.warn(f"{wanted.name} comes from the index {options['index']!r}", line, remedy)


def _requirement(name: str, options: Mapping[str, Any]) -> str:
    """Return a package as PEP 508 writes it; a folder is named in the managers' own tables."""
    if options.get("extras"):
        name = f"{name}[{','.join(map(str, options['extras']))}]"
    text = f"{name} {_version(str(options.get('version', '*')).strip())}".strip()
    if "://" in str(options.get("file")):
        text = f"{name} @ {options['file']}"
    for kind in _REPOSITORIES:
        if kind in options:
            text = f"{name} @ {kind}+{options[kind]}"
            if "ref" in options:
                text += f"@{options['ref']}"
            if "subdirectory" in options:
                text += f"#subdirectory={options['subdirectory']}"
    return with_marker(text, _marker(options))


def _version(version: str) -> str:
    """Return a version of a Pipfile as a specifier; a bare number is exact."""
    if version == "*":
        return ""
    if version[:1].isdigit():
        return f"=={version}"
    return version


def _marker(options: Mapping[str, Any]) -> str:
    """Return the conditions of a package as one marker."""
    markers = [f"{key} {options[key]}" for key in _MARKERS if key in options]
    if "markers" in options:
        markers.insert(0, str(options["markers"]))
    if len(markers) > 1:
        markers = [f"({marker})" for marker in markers]
    return " and ".join(markers)


def _python(declared: Declarations, file: PyProject) -> None:
    """Take over the version of Python, which has one of two keys."""
    requires = file.table("requires")
    for key, ending in (("python_version", ".*"), ("python_full_version", "")):
        if key in requires:
            line = file.line_of("requires", key)
            declared.put_python(f"=={requires[key]}{ending}", line)


def _unsupported(declared: Declarations, file: PyProject) -> None:
    """Report what only pipenv knows."""
    sources = file.data.get("source", [])
    for source in sources if isinstance(sources, list) else [sources]:
        if not isinstance(source, dict):
            declared.refuse("source must be a table", file.line_of("source"))
        url = str(source.get("url", ""))
        if url.rstrip("/") != package_index.default().rstrip("/"):
            text = f"the source {source.get('name')} ({url}) is not taken over"
            remedy = Remedy(f"Name one index in {package_index.VARIABLE}")
            declared.warn(text, file.line_of("source", "url"), remedy)
    if "scripts" in file.data:
        text = "its scripts are pipenv's, and are not taken over"
        declared.warn(text, file.line_of("scripts"))
