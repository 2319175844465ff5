"""Whether the distributions of an environment are complete, from their own records."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import re
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tasks_lib.environments import health_checks
from tasks_lib.environments.site_packages import (
    Distribution,
    distributions,
    record_rows,
    site_packages,
)
from tasks_lib.execution import files
from tasks_lib.results import Result, Status

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from tasks_lib.results import Check

    _Rows = list[list[str]]
    #: the rows of each RECORD by the folder that it is in; None for a damaged one
    _Records = Mapping[Path, _Rows | None]

_SHEBANG_READ = 512
_SHEBANG = re.compile(rb"#!(?:/bin/sh\s*\n'''exec' )?['\"]?(/[^\n'\"]*?/bin/python[\d.]*)")
_CACHED = re.compile(
    r"(?P<folder>.*/)__pycache__/(?P<name>[^/]+?)\.cpython-(?P<version>\d+)t?(?:\.opt-[12])?\.pyc"
)
_SHOWN = 5
#: the bytes that are read at once: most files have fewer, and `file_digest` clears as many for each
_READ = 1 << 18
_SHA256 = "sha256="


class Fault(NamedTuple):
    """What a check found: each part of it in words, beside the record that it is about."""

    check: Check
    text: str
    found: Sequence[tuple[Path | None, str]]


#: what is as it was once its distribution is installed again
_INSTALLED_AGAIN = (
    health_checks.RECORDS,
    health_checks.DUPLICATES,
    health_checks.INSTALLED_FILES,
    health_checks.INSTALLED_ALTERED,
    health_checks.BYTECODE,
)


def health(
    prefix: Path, verified: Collection[str] = (), compiled: Iterable[str] = ()
) -> Iterator[Result]:
    """Check for damaged and duplicate records, and for recorded files that are gone or changed.

    Changed files of the distributions in `verified` are found by others: conda has its own records,
    which also name the bytecode that is `compiled`.
    """
    for fault in _faults(prefix, verified, compiled):
        yield listed(fault.check, [words for _, words in fault.found], fault.text)


def to_install_again(prefix: Path, verified: Collection[str] = ()) -> dict[Path, str]:
    """Return the records of the distributions that are damaged, each with the name of its own.

    Those in `verified` are of others. What several brought by one name stays as it is.
    """
    known = list(distributions(prefix))
    records = {one.folder: one.name for one in known}
    scripts = {str(script) for script, _ in strangers(prefix)}
    found: dict[Path, str] = {}
    for one in known:
        root = str(one.folder.parent)
        rows = record_rows(one) or ()
        if any(os.path.normpath(_path(root, name)) in scripts for name, _, _ in rows):
            found[one.folder] = one.name
    for fault in _faults(prefix, verified):
        if fault.check in _INSTALLED_AGAIN:
            found |= {folder: records[folder] for folder, _ in fault.found if folder}
    return {folder: name for folder, name in found.items() if name not in verified}


def _faults(
    prefix: Path, verified: Collection[str], compiled: Iterable[str] = ()
) -> Iterator[Fault]:
    """Yield what each check finds.

    Files of the `verified` distributions are known to be sound, and `compiled` is bytecode that
    another record lists.
    """
    found = list(distributions(prefix))
    records = {one.folder: record_rows(one) for one in found}
    damaged, gone = [], []
    folders: dict[str, list[Path]] = defaultdict(list)
    for one in found:
        folders[one.name].append(one.folder)
        missing = _missing(one, records[one.folder])
        if missing is None or not one.version:
            damaged.append((one.folder, one.folder.name))
        if missing:
            gone.append((one.folder, _few(one, missing)))
    twice = []
    for places in folders.values():
        names = " and ".join(place.name for place in places)
        if len(places) > 1:
            twice.append((places[0], names))
    yield Fault(health_checks.RECORDS, "no METADATA or RECORD in", damaged)
    yield Fault(health_checks.DUPLICATES, "recorded twice:", twice)
    yield Fault(health_checks.INSTALLED_FILES, "files are missing from", gone)
    theirs = [one for one in found if one.name not in verified]
    shared = _shared(found, records)
    look = partial(_altered, records=records, shared=shared)
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        altered = zip(theirs, pool.map(look, theirs), strict=True)
        changed = [(one.folder, _few(one, files)) for one, files in altered if files]
    yield Fault(health_checks.INSTALLED_ALTERED, "files were changed in", changed)
    different: list[tuple[Path | None, str]] = []
    for path, hashes in shared.items():
        known = set(hashes.values())
        if len(known) > 1 or "" in known:
            words = f"{os.path.relpath(path, prefix)} ({' and '.join(sorted(hashes))})"
            different.append((None, words))
    yield Fault(health_checks.SHARED_FILES, "only one of them has its file:", different)
    bytecode: list[tuple[Path | None, str]] = [(None, path) for path in compiled]
    bytecode += _compiled(found, records)
    left = []
    for folder, path in bytecode:
        if is_left_over(prefix, path):
            left.append((folder, os.path.relpath(path, prefix)))
    yield Fault(health_checks.BYTECODE, "left over:", left)


def damaged(prefix: Path) -> dict[str, Distribution]:
    """Return the distributions whose record is damaged, or whose files do not all exist."""
    found = {}
    for one in distributions(prefix):
        if not one.version or _missing(one, record_rows(one)) != []:
            found[one.name] = one
    return found


def _few(distribution: Distribution, files: Sequence[str]) -> str:
    more = " …" if len(files) > 1 else ""
    return f"{distribution.name} ({files[0]}{more})"


def _missing(distribution: Distribution, rows: _Rows | None) -> list[str] | None:
    """Return the recorded files that do not exist, less bytecode; None where there is no record."""
    if rows is None:
        return None
    root = str(distribution.folder.parent)
    missing = []
    for name, _, _ in rows:
        if not name.endswith(".pyc") and not os.access(_path(root, name), os.F_OK):
            missing.append(name)
    return missing


def _compiled(
    found: Iterable[Distribution], records: _Records
) -> Iterator[tuple[Path | None, str]]:
    """Yield the bytecode that an installer compiled: what a wheel brings has a hash."""
    for one in found:
        root = str(one.folder.parent)
        for name, recorded, _ in records[one.folder] or ():
            if name.endswith(".pyc") and not recorded:
                yield one.folder, os.path.normpath(_path(root, name))


def is_left_over(prefix: Path, path: str) -> bool:
    """Return whether bytecode exists without its source, or for another Python than this one."""
    found = _CACHED.fullmatch(path)
    folder = site_packages(prefix)
    if found is None or folder is None or not os.access(path, os.F_OK):
        return False
    if not path.startswith(f"{folder.parent}{os.sep}"):
        return False
    ours = "".join(filter(str.isdecimal, folder.parent.name))
    source = f"{found['folder']}{found['name']}.py"
    return found["version"] != ours or not os.access(source, os.F_OK)


def _path(root: str, name: str) -> str:
    """Return a recorded file's path; Poetry 2 records absolute ones for an editable project."""
    return os.path.join(root, name)  # noqa: PTH118 - a Path for each file would be slow


def _shared(found: Iterable[Distribution], records: _Records) -> dict[str, dict[str, str]]:
    """Return the files that several distributions recorded: each one's hash by its name."""
    first: dict[str, tuple[str, str]] = {}
    shared: dict[str, dict[str, str]] = {}
    for one in found:
        root = str(one.folder.parent)
        for name, recorded, _ in records[one.folder] or ():
            if name.endswith(".pyc"):
                continue
            path = os.path.normpath(_path(root, name))
            other, hash_there = first.setdefault(path, (one.name, recorded))
            if other != one.name:
                shared.setdefault(path, {other: hash_there})[one.name] = recorded
    return shared


def _altered(
    distribution: Distribution, records: _Records, shared: Mapping[str, Mapping[str, str]]
) -> list[str]:
    """Return the files whose SHA-256 is not the recorded one, less bytecode and missing files.

    A file that several distributions brought may be that of any of them.
    """
    root = str(distribution.folder.parent)
    altered = []
    for name, recorded, _ in records[distribution.folder] or ():
        if name.endswith(".pyc") or not recorded.startswith(_SHA256):
            continue
        path = _path(root, name)
        found = digest(path)
        if found is None:
            continue
        now = base64.urlsafe_b64encode(found).decode().rstrip("=")
        allowed = [recorded, *shared.get(os.path.normpath(path), {}).values()]
        if all(one.removeprefix(_SHA256).rstrip("=") != now for one in allowed):
            altered.append(name)
    return altered


def digest(path: str) -> bytes | None:
    """Return a regular file's SHA-256, None where it cannot be read."""
    try:
        with files.opened(path) as stream:
            found = hashlib.sha256()
            while data := stream.read(_READ):
                found.update(data)
            return found.digest()
    except (OSError, ValueError):
        return None


def moved(prefix: Path, generated: Collection[str] = (), ignored: Collection[str] = ()) -> Result:
    """Check whether the folder was moved: scripts name the interpreter by its old place."""
    for script, interpreter in strangers(prefix, generated, ignored):
        detail = (
            f"{script.name} names the interpreter {interpreter}, which is not this "
            "environment's: the folder was moved, or the file was changed."
        )
        return health_checks.MOVED.result(Status.FAIL, detail)
    return health_checks.MOVED.result(Status.PASS)


def strangers(
    prefix: Path, generated: Collection[str] = (), ignored: Collection[str] = ()
) -> Iterator[tuple[Path, Path]]:
    """Yield the scripts that name the interpreter of another environment, and that interpreter.

    Those that are `generated` for this environment name no other one on purpose, and what is
    `ignored` says what its author wrote.
    """
    for script in sorted((prefix / "bin").glob("*")):
        if not script.is_file() or script.is_symlink() or script.name in ignored:
            continue
        found = None
        with contextlib.suppress(OSError), files.opened(script) as stream:  # it may be of others
            found = _SHEBANG.match(stream.read(_SHEBANG_READ))
        if found is None or b"\0" in found[1]:
            continue
        interpreter = Path(found[1].decode("utf-8", "replace"))
        if any(interpreter.is_relative_to(place) for place in (prefix, prefix.resolve())):
            continue
        with contextlib.suppress(OSError):
            if interpreter.parent.parent.samefile(prefix):
                continue
        # a script may name the system's Python on purpose
        marks = ("pyvenv.cfg", "conda-meta")
        folder = interpreter.parent.parent
        is_environment = any(os.path.exists(folder / mark) for mark in marks)  # noqa: PTH110 - pathlib raises
        is_there = os.path.lexists(interpreter)
        if script.name in generated or is_environment or not is_there:
            yield script, interpreter


def listed(check: Check, wrong: Sequence[str], text: str, *, more: str = "more") -> Result:
    """Return the result of a check, which names the first few of what is wrong."""
    if not wrong:
        return check.result(Status.PASS)
    names = ", ".join(wrong[:_SHOWN])
    if len(wrong) > _SHOWN:
        names += f" and {len(wrong) - _SHOWN} {more}"
    return check.result(check.severity, f"{text} {names}.")
