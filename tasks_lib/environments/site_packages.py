"""What is installed in an environment's site-packages, read from the distributions' own records."""

from __future__ import annotations

import base64
import csv
import hashlib
import itertools
import json
import os
import re
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name

from tasks_lib.environments import health_checks
from tasks_lib.results import Check, Result, Status

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

_SHEBANG_READ = 512
_HEADER = re.compile(r"^(Name|Version):[ \t]*(.*?)[ \t\r]*$", re.MULTILINE)
_WANTS = re.compile(r"^Requires-Dist:[ \t]*(.*?)[ \t\r]*$", re.MULTILINE)
_SEPARATORS = re.compile(r"[-_.]+")
_SHOWN = 5
_COLUMNS = 3  # of a RECORD: path, hash, size


@dataclass(frozen=True)
class Distribution:
    """One installed distribution: its normalised name, its version, and its record's folder."""

    name: str
    version: str
    folder: Path


def site_packages(prefix: Path) -> Path | None:
    """Give the folder that packages are installed in, or nothing where there is no Python yet."""
    windows = prefix / "Lib" / "site-packages"
    if windows.is_dir() and not (prefix / "bin").is_dir():
        return windows
    found = sorted(prefix.glob("lib/python3.*/site-packages"), key=_minor)
    return found[-1] if found else None


def _minor(folder: Path) -> int:
    found = re.fullmatch(r"python3\.(\d+)t?", folder.parent.name)
    return int(found[1]) if found else -1


def python_version(prefix: Path) -> str | None:
    """Give the version of a virtual environment's Python, as `pyvenv.cfg` records it."""
    try:
        text = (prefix / "pyvenv.cfg").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    found = re.search(r"^version(?:_info)?\s*=\s*(\d+\.\d+\.\d+)", text, re.MULTILINE)
    return found[1] if found else None


def distributions(prefix: Path) -> Iterator[Distribution]:
    """Read every distribution record of an environment; a damaged one has no version."""
    folder = site_packages(prefix)
    return distributions_in(folder) if folder else iter(())


def distributions_in(folder: Path) -> Iterator[Distribution]:
    """Read every distribution record of one folder of packages."""
    for record in sorted(folder.glob("*.dist-info")):
        try:
            with (record / "METADATA").open(encoding="utf-8", errors="replace") as stream:
                head = dict(_HEADER.findall("".join(itertools.takewhile(str.strip, stream))))
        except OSError:
            head = {}
        name = head.get("Name") or record.name.partition("-")[0]
        yield Distribution(canonicalize_name(name), head.get("Version", ""), record)


def size(distribution: Distribution) -> int:
    """Add up the sizes that a distribution's RECORD gives, in bytes; bytecode has none there."""
    return sum(int(row[2]) for row in _rows(distribution) or () if row[2].isdecimal())


def installed(prefix: Path) -> dict[str, str]:
    """Give normalised names and versions of what is installed."""
    return {found.name: found.version for found in distributions(prefix)}


def requires(distribution: Distribution) -> list[str]:
    """Give what a distribution asks for, each with its marker, as its metadata has it."""
    return _WANTS.findall((distribution.folder / "METADATA").read_text("utf-8", "replace"))


def requirements(prefix: Path) -> dict[str, str]:
    """Give for each installed distribution what asks for exactly it: `name==1.0`, `name @ url` or `editable:folder`."""
    return {found.name: _requirement(found) for found in distributions(prefix)}


def _requirement(distribution: Distribution) -> str:
    try:
        source = json.loads((distribution.folder / "direct_url.json").read_text(encoding="utf-8"))
        url, local = spelt(str(source["url"])), source.get("dir_info", {}).get("editable", False)
        version_control, folder = source.get("vcs_info", {}), source.get("subdirectory")
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return (
            f"{distribution.name}=={distribution.version}"
            if distribution.version
            else distribution.name
        )
    if local:
        from urllib.request import url2pathname  # noqa: PLC0415 - 0.03 s, and seldom needed

        return f"editable:{url2pathname(urlsplit(url).path)}"
    if version_control:
        url = f"{version_control.get('vcs')}+{url}@{version_control.get('commit_id')}"
    return f"{distribution.name} @ {url}{f'#subdirectory={folder}' if folder else ''}"


def spelt(text: str) -> str:
    """Give addresses of this machine's repositories as they are: poetry-core, in `ParsedUrl.url`, names a host None."""
    return text.replace("file://None/", "file:///")


def damaged(prefix: Path) -> dict[str, Distribution]:
    """Give the distributions whose record is no record, or whose files are not all there."""
    return {
        one.name: one for one in distributions(prefix) if not one.version or _missing(one) != []
    }


def unsatisfied(prefix: Path, requirements: Sequence[str]) -> tuple[str, ...]:
    """Give the requirements that nothing installed meets; options and addresses are pip's affair, and left out."""
    if not requirements:
        return ()
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 - 0.03 s, and seldom needed

    have = installed(prefix)
    lacking: list[str] = []
    for text in requirements:
        try:
            wanted = Requirement(text)
        except InvalidRequirement:
            continue
        version = have.get(canonicalize_name(wanted.name))
        needed = wanted.marker is None or wanted.marker.evaluate()
        if needed and (version is None or not wanted.specifier.contains(version, prereleases=True)):
            lacking.append(text)
    return tuple(lacking)


def health(prefix: Path, verified: Collection[str] = ()) -> Iterator[Result]:
    """Look for damaged and for duplicate records, and for recorded files that are gone or altered.

    The files of the distributions in `verified` are somebody else's to verify: conda has records of its own.
    """
    found = list(distributions(prefix))
    missing = {one: _missing(one) for one in found}
    damaged = [
        one.folder.name for one, files in missing.items() if not one.version or files is None
    ]
    yield listed(health_checks.RECORDS, damaged, "no METADATA or RECORD in")
    by_name: dict[str, list[str]] = defaultdict(list)
    for one in found:
        by_name[one.name].append(one.folder.name)
    twice = [" and ".join(folders) for folders in by_name.values() if len(folders) > 1]
    yield listed(health_checks.DUPLICATES, twice, "recorded twice:")
    gone = [_few(one, files) for one, files in missing.items() if files]
    yield listed(health_checks.INSTALLED_FILES, gone, "files are missing from")
    theirs = [one for one in found if one.name not in verified]
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        altered = [
            _few(one, files)
            for one, files in zip(theirs, pool.map(_altered, theirs), strict=True)
            if files
        ]
    yield listed(health_checks.INSTALLED_ALTERED, altered, "files were altered in")


def _few(distribution: Distribution, files: Sequence[str]) -> str:
    return f"{distribution.name} ({files[0]}{' …' if files[1:] else ''})"


def _altered(distribution: Distribution) -> list[str]:
    """Give the files whose SHA-256 is not the recorded one, less those that are gone (said already), and bytecode."""
    root = str(distribution.folder.parent)
    return [
        name
        for name, recorded, _ in _rows(distribution) or ()
        if recorded.startswith("sha256=") and not name.endswith(".pyc")
        if (found := digest(os.path.join(root, name)))  # noqa: PTH118 - thousands
        if base64.urlsafe_b64encode(found).decode().rstrip("=") != recorded[7:].rstrip("=")
    ]


def digest(path: str) -> bytes | None:
    """Give a file's SHA-256, nothing where it cannot be read; `open` serves, not `Path`: there are thousands."""
    try:
        with open(path, "rb", buffering=0) as stream:  # noqa: PTH123 - see above
            return hashlib.file_digest(stream, "sha256").digest()
    except OSError:
        return None


def moved(prefix: Path) -> Result:
    """Look whether the folder was moved: scripts name the interpreter by its old place."""
    for script in sorted((prefix / "bin").glob("*")):
        if not script.is_file() or script.is_symlink():
            continue
        with script.open("rb") as stream:
            head = stream.read(_SHEBANG_READ)
        found = re.match(rb"#!(?:/bin/sh\s*\n'''exec' )?['\"]?(/[^\n'\"]*?/bin/python[\d.]*)", head)
        if found is None:
            continue
        interpreter = found[1].decode("utf-8", "replace")
        elsewhere = not interpreter.startswith((f"{prefix}/", f"{prefix.resolve()}/"))
        theirs = (
            Path(interpreter).parent.parent / "pyvenv.cfg"
        )  # a script may ask for the system's Python on purpose
        if elsewhere and (theirs.exists() or not Path(interpreter).exists()):
            detail = f"{script.name} names the interpreter {interpreter}: the folder was moved or copied."
            return health_checks.MOVED.result(Status.FAIL, detail)
    return health_checks.MOVED.result(Status.PASS)


def _missing(distribution: Distribution) -> list[str] | None:
    """Give the recorded files that are gone, less bytecode; `None` where the record itself is no record."""
    rows = _rows(distribution)
    if rows is None:
        return None
    root = str(distribution.folder.parent)
    names = [
        row[0] for row in rows
    ]  # absolute ones too: Poetry's, of a project that is installed for editing
    return [
        name
        for name in names
        if not name.endswith(".pyc") and not os.access(f"{root}/{name}", os.F_OK)
    ]


def _rows(distribution: Distribution) -> list[list[str]] | None:
    """Read a RECORD; `None` where it is none."""
    try:
        with (distribution.folder / "RECORD").open(encoding="utf-8", newline="") as stream:
            rows = [row for row in csv.reader(stream) if row]
    except (OSError, UnicodeDecodeError, csv.Error):
        return None
    return rows if rows and all(len(row) == _COLUMNS for row in rows) else None


def listed(check: Check, wrong: Sequence[str], text: str, *, more: str = "more") -> Result:
    """Return the result of a check: a failure that names the first few of what is wrong, if there is any."""
    if not wrong:
        return check.result(Status.PASS)
    rest = f" and {len(wrong) - _SHOWN} {more}" if len(wrong) > _SHOWN else ""
    return check.result(Status.FAIL, f"{text} {', '.join(wrong[:_SHOWN])}{rest}.")
