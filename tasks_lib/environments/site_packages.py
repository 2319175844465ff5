"""What is installed in an environment's site-packages, read from the distributions' own records.

The interpreter of the environment is not started, and none of its code is run.
"""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import json
import re
from dataclasses import dataclass
from email.parser import HeaderParser
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name

from tasks_lib.execution import files
from tasks_lib.project import pip_section
from tasks_lib.project.version_ranges import applies

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message

    from tasks_lib.project.pip_section import PipSection

#: before the folder of a project that is installed for editing
EDITABLE = "editable:"
_COLUMNS = 3  # of a RECORD: path, hash, size
#: the records that are kept in memory
_MOST_KNOWN = 2048


@dataclass(frozen=True)
class Distribution:
    """One installed distribution: its normalised name, its version, and its record's folder."""

    name: str
    version: str
    folder: Path


def site_packages(prefix: Path) -> Path | None:
    """Return the folder that packages are installed in, or None where there is no Python yet."""
    windows = prefix / "Lib" / "site-packages"
    if windows.is_dir() and not (prefix / "bin").is_dir():
        return windows
    return max(prefix.glob("lib/python3.*/site-packages"), key=_minor, default=None)


def _minor(folder: Path) -> int:
    found = re.fullmatch(r"python3\.(\d+)t?", folder.parent.name)
    return int(found[1]) if found else -1


def python_version(prefix: Path) -> str | None:
    """Return the version of a virtual environment's Python, as `pyvenv.cfg` records it."""
    try:
        text = files.regular_text(prefix / "pyvenv.cfg")
    except OSError:
        return None
    found = re.search(r"^version(?:_info)?\s*=\s*(\d+\.\d+\.\d+)", text, re.MULTILINE)
    return found[1] if found else None


def externally_managed(prefix: Path) -> bool:
    """Return whether an environment is marked as closed to pip and uv; a virtual one never is.

    Source: https://packaging.python.org/en/latest/specifications/externally-managed-environments/
    """
    folder = site_packages(prefix)
    if folder is None or (prefix / "pyvenv.cfg").exists():
        return False
    return (folder.parent / "EXTERNALLY-MANAGED").exists()


def distributions(prefix: Path) -> Iterator[Distribution]:
    """Return every distribution of an environment; a damaged one has no version."""
    folder = site_packages(prefix)
    return distributions_in(folder) if folder else iter(())


def distributions_in(folder: Path) -> Iterator[Distribution]:
    """Return every distribution of one folder of packages."""
    for record in sorted(folder.glob("*.dist-info")):
        headers = _headers(record, last="Version")
        name = headers["Name"] or record.name.partition("-")[0]
        yield Distribution(canonicalize_name(name), headers["Version"] or "", record)


def _headers(record: Path, last: str = "") -> Message:
    """Read the headers of a METADATA, or those up to the header `last`; the body is a README.

    `importlib.metadata` reads the same, and the whole body too: for 94 distributions it took 42 ms,
    and this 7 ms for names and versions.
    """
    path = record / "METADATA"
    try:
        return _parsed(path, last, files.state(path))
    except OSError:
        return HeaderParser().parsestr("")


@lru_cache(maxsize=_MOST_KNOWN)
def _parsed(path: Path, last: str, _: tuple[int, ...]) -> Message:
    """Parse the headers of a file in a state of it: a run looks at an environment several times."""
    text = files.regular_text(path)
    lines = []
    for line in itertools.takewhile("\n".__ne__, io.StringIO(text, newline=None)):
        lines.append(line)
        if last and line.startswith(f"{last}:"):
            break
    return HeaderParser().parsestr("".join(lines))


def installed(prefix: Path) -> dict[str, str]:
    """Return the normalised names and the versions of what is installed."""
    return {found.name: found.version for found in distributions(prefix)}


def installers(prefix: Path) -> dict[str, str]:
    """Return the first word of each INSTALLER in small letters, by the name of the distribution."""
    found = {}
    for one in distributions(prefix):
        with contextlib.suppress(OSError):
            text = files.regular_text(one.folder / "INSTALLER")
            found[one.name] = text.partition(" ")[0].strip().lower()
    return found


def requires(distribution: Distribution) -> list[str]:
    """Return the requirements of a distribution, with their markers, as its metadata has them."""
    found: list[str] = _headers(distribution.folder).get_all("Requires-Dist", [])
    return found


def record_rows(distribution: Distribution) -> list[list[str]] | None:
    """Return the rows of a RECORD: path, hash and size of each file; None where it is damaged."""
    try:
        text = files.regular(distribution.folder / "RECORD").decode()
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    except (OSError, UnicodeDecodeError, csv.Error):
        return None
    # one that was cut off lacks the end of a row, or a row that every installer writes
    folder, ends = distribution.folder, {"/".join(row[0].split("/")[-2:]) for row in rows}
    names = [name for name in ("RECORD", "WHEEL") if (folder / name).exists()]
    is_whole = text.endswith("\n") and ends.issuperset(f"{folder.name}/{name}" for name in names)
    return rows if is_whole and all(len(row) == _COLUMNS for row in rows) else None


def size(distribution: Distribution) -> int:
    """Return the sum of the sizes in a distribution's RECORD, in bytes; bytecode has none there."""
    total = 0
    for _, _, number in record_rows(distribution) or ():
        if number.isdecimal():
            total += int(number)
    return total


def sources(prefix: Path) -> dict[str, str]:
    """Return the address of each distribution that records one: it is not from an index."""
    found = {}
    for name, requirement in requirements(prefix).items():
        _, mark, address = requirement.partition(" @ ")
        if requirement.startswith(EDITABLE):
            found[name] = requirement
        elif mark:
            found[name] = address or requirement
    return found


def requirements(prefix: Path) -> dict[str, str]:
    """Return what requires exactly each installed distribution.

    That is `name==1.0`, `name @ url` or `editable:folder`.
    """
    return {found.name: _requirement(found) for found in distributions(prefix)}


def arguments(requirement: str) -> tuple[str, ...]:
    """Return the arguments by which an installer is asked for such a requirement."""
    if requirement.startswith(EDITABLE):
        return ("--editable", requirement.removeprefix(EDITABLE))
    return (requirement,)


def _requirement(distribution: Distribution) -> str:
    name, version = distribution.name, distribution.version
    try:
        source = json.loads(files.regular(distribution.folder / "direct_url.json"))
        return _from_direct_url(name, source)
    except (OSError, RecursionError, ValueError, TypeError, KeyError, AttributeError):
        version = version or distribution.folder.stem.partition("-")[2]
        return f"{name}=={version}" if version else name


def _from_direct_url(name: str, source: dict[str, Any]) -> str:
    """Return the requirement that a `direct_url.json` describes (PEP 610)."""
    url = spelt(str(source["url"]))
    if source.get("dir_info", {}).get("editable", False):
        from urllib.request import url2pathname  # noqa: PLC0415 - 0.03 s, and seldom needed

        return f"{EDITABLE}{url2pathname(urlsplit(url).path)}"
    repository = source.get("vcs_info", {})
    if repository:
        url = f"{repository.get('vcs')}+{url}@{repository.get('commit_id')}"
    if source.get("subdirectory"):
        url += f"#subdirectory={source['subdirectory']}"
    return f"{name} @ {url}"


def addresses(prefix: Path) -> dict[str, str]:
    """Return the names of the distributions that record where they are from, by that address."""
    found = {}
    for name, source in sources(prefix).items():
        address = source
        if source.startswith(EDITABLE):
            address = Path(source.removeprefix(EDITABLE)).absolute().as_uri()
        found[pip_section.plain(address)] = name
    return found


def spelt(text: str) -> str:
    """Return an address of this machine without the host `None`.

    poetry-core writes that host for a repository in a folder (`ParsedUrl.url`, seen with
    poetry-core 2.5).
    """
    return text.replace("file://None/", "file:///")


def unsatisfied(prefix: Path, section: PipSection, python: str) -> tuple[str, ...]:
    """Return what a `pip:` section names for this Python and nothing installed meets."""
    if not section.wanted:
        return ()
    have, places = installed(prefix), addresses(prefix)
    lacking = []
    for one in section.wanted:
        wanted = one.requirement
        if wanted is None:
            is_met = one.address in places
        elif not applies(wanted, python):
            is_met = True
        else:
            version = have.get(canonicalize_name(wanted.name))
            is_met = version is not None and wanted.specifier.contains(version, prereleases=True)
        if not is_met:
            lacking.append(one.text)
    return tuple(lacking)
