"""Whether the project itself is installed as its manifest says: version, entry points, extras.

Only what a manifest says itself is compared; what its build computes is not known before.
"""

from __future__ import annotations

from email.parser import HeaderParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name, canonicalize_version

from tasks_lib.environments import site_packages
from tasks_lib.execution.files import regular_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tasks_lib.environments.site_packages import Distribution
    from tasks_lib.project.manifests import PyProject

#: the keys of a manifest by the group of entry points that they declare
_SCRIPTS = {"scripts": "console_scripts", "gui-scripts": "gui_scripts"}


def differences(pyproject: PyProject, prefix: Path) -> list[str]:
    """Return what of the project is installed otherwise than declared, as words for a sentence."""
    name = canonicalize_name(pyproject.name)
    if not name:
        return []
    found = [one for one in site_packages.distributions(prefix) if one.name == name]
    if not found:
        return [f"{name} is not installed"]
    return [f"{name} is installed with {what}" for what in _differences(pyproject, found[0])]


def is_outdated(pyproject: PyProject, prefix: Path) -> bool:
    """Return whether it is installed, and otherwise than declared."""
    is_there = canonicalize_name(pyproject.name) in site_packages.installed(prefix)
    return is_there and bool(differences(pyproject, prefix))


def _differences(pyproject: PyProject, one: Distribution) -> Iterator[str]:
    """Yield what of an installed project is not as its manifest says."""
    project = pyproject.table("project")
    dynamic = {*project.get("dynamic", ())}
    backend = str(pyproject.table("build-system").get("build-backend", "poetry.core"))
    plain = backend.startswith("poetry.core")  # another may compute the version of Poetry's table
    is_told = pyproject.version and ("version" in project or plain)
    if is_told and canonicalize_version(one.version) != canonicalize_version(pyproject.version):
        yield f"version {one.version}"
    if not dynamic & {*_SCRIPTS, "entry-points"}:
        by_poetry = plain or _text(one.folder / "INSTALLER").strip() == "poetry"
        own = pyproject.table("tool", "poetry") if by_poetry else {}
        if set(_entry_points(one)) != set(_declared(project, own)):
            yield "other entry points"
    if "optional-dependencies" in project:
        headers = HeaderParser().parsestr(_text(one.folder / "METADATA"))
        extras = headers.get_all("Provides-Extra") or ()
        wanted = project["optional-dependencies"]
        if {*map(canonicalize_name, extras)} != {*map(canonicalize_name, wanted)}:
            yield "other extras"
    if any(not Path(line).exists() for line in _folders(one)):
        yield "its code in a folder that does not exist"


def _entry_points(one: Distribution) -> Iterator[tuple[str, str, str]]:
    """Yield the group, the name and the value of each entry point that is installed."""
    import configparser  # noqa: PLC0415 - seldom needed

    parser = configparser.RawConfigParser(delimiters="=")
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # as documented, to keep the case
    try:
        parser.read_string(_text(one.folder / "entry_points.txt"))
    except configparser.Error:
        return
    for group in parser.sections():
        for name, value in parser.items(group):
            yield group, name, _plain(value)


def _text(path: Path) -> str:
    """Return the text of a file of the environment, empty where it cannot be read."""
    try:
        return regular_text(path)
    except OSError:
        return ""


def _declared(
    project: Mapping[str, Any], poetry: Mapping[str, Any]
) -> Iterator[tuple[str, str, str]]:
    """Yield the group, the name and the value of each entry point; Poetry's tables fill gaps."""
    groups: dict[str, Any] = {group: project.get(key, {}) for key, group in _SCRIPTS.items()}
    groups |= project.get("entry-points", poetry.get("plugins", {}))
    if "scripts" not in project:
        groups["console_scripts"] = poetry.get("scripts", {})
    for group, entries in groups.items():
        for name, value in entries.items():
            if isinstance(value, str):
                yield group, name, _plain(value)
            elif value.get("type") != "file":
                yield group, name, _plain(str(value.get("reference", "")))


def _plain(value: str) -> str:
    return value.replace(" ", "")


def _folders(one: Distribution) -> Iterator[str]:
    """Yield the folders that the `.pth` files of a distribution add to Python's path."""
    for row in site_packages.record_rows(one) or ():
        path = one.folder.parent / row[0]
        if path.suffix == ".pth":
            lines = _text(path).splitlines()
            yield from (line for line in lines if Path(line).is_absolute())
