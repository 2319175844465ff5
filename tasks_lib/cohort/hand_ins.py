"""What an instructor names, a folder or a roster, as the hand-ins of a class."""

from __future__ import annotations

import csv
import io
import os
import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tasks_lib.cohort.base import HandIn
from tasks_lib.cohort.commits import committed
from tasks_lib.cohort.projects import is_folder
from tasks_lib.cohort.rubric import moment
from tasks_lib.errors import ErrorCode, LabError, Remedy, nearest
from tasks_lib.execution.redaction import without_logins, without_secrets
from tasks_lib.project.manifests import invalid, read_text, unreadable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

#: the column with the time of what was handed in; a checkout's commit has it, if no column has
SUBMITTED = "submitted"
#: how the name of an archive ends
ARCHIVES = (".tar.gz", ".tgz", ".tar", ".zip")
#: what macOS puts beside the folders of an archive
_NO_HAND_IN = ("__MACOSX",)
#: `roster.schema.json` explains each
_COLUMNS = ("id", "source", "ref", "due", "name", "email", "project")
_REQUIRED = _COLUMNS[:2]
#: git takes all for an address that has a colon before its first slash; one letter is a drive
_ADDRESS = re.compile(r"[^/\\:]{2,}:")
#: an id becomes the name of a file
_ID = re.compile(r"[^\s./\\][^/\\\x00-\x1f\x7f]{0,119}")
_VALID_ID = "It has 1 to 120 characters, no slash, and begins with no dot or space"
_VALID_TIME = "Write it like 2026-11-30 or 2026-11-30T23:59+01:00"


class Class(NamedTuple):
    """The hand-ins of a class, and what was left out: a name with its reason each."""

    hand_ins: tuple[HandIn, ...]
    left_out: tuple[str, ...] = ()


def read(path: Path, ours: Collection[str] = ()) -> Class:
    """Return the hand-ins of a folder or of a roster; what is `ours` is none, by absolute paths.

    Raises:
        LabError: It does not exist, or `invalid_manifest` with the line of what is wrong.

    """
    if path.is_dir():
        return _in_folder(path, ours)
    if path.suffix.lower() == ".csv":
        return Class(tuple(_in_roster(path)))
    if not os.path.lexists(path):
        text = f"{path} does not exist."
        remedy = Remedy("Name a folder of repositories or archives, or a roster (.csv)")
        raise LabError(text, ErrorCode.NO_SUCH_PATH, remedy=remedy, file=path)
    text = f"{path} is neither a folder nor a roster."
    raise invalid(text, path, advice="Name a folder, or a file whose name ends in .csv")


def is_address(source: str) -> bool:
    """Return whether a source is an address for git, not a folder or file of this machine."""
    return _ADDRESS.match(source) is not None


def is_archive(source: str) -> bool:
    """Return whether a source's name is that of an archive."""
    return source.lower().endswith(ARCHIVES)


def _in_folder(folder: Path, ours: Collection[str]) -> Class:
    """Return a hand-in for each folder and archive in a folder, by id."""
    found: list[HandIn] = []
    left_out: list[str] = []
    names: dict[str, str] = {}
    try:
        entries = sorted(os.scandir(folder), key=lambda one: one.name)
    except OSError as error:
        raise unreadable(folder, str(folder), str(error.strerror)) from None
    for entry in entries:
        ends = [end for end in ARCHIVES if entry.name.lower().endswith(end)]
        id_ = entry.name
        if ends and not entry.is_dir():
            id_ = id_[: -len(ends[0])]
        reason = _left_out(entry, id_, archive=bool(ends))
        if str(Path(entry.path).resolve()) in ours:
            reason = "mlops-lab wrote it"
        if reason:
            left_out.append(f"{entry.name!a}: {reason}")
            continue
        other = names.setdefault(_compared(id_), entry.name)
        if other != entry.name:
            text = f"{other} and {entry.name} would both have the id {id_!r}."
            raise invalid(text, folder, advice="Rename or remove one of them")
        found.append(HandIn(id_, entry.path))
    if not found:
        kinds = ", ".join(ARCHIVES)
        text = f"{folder} has no hand-ins: each is a folder or an archive ({kinds})."
        raise invalid(text, folder, advice="Name the folder in which the repositories are")
    return Class(tuple(sorted(found, key=lambda one: one.id)), tuple(left_out))


def _left_out(entry: os.DirEntry[str], id_: str, *, archive: bool) -> str:
    """Return why an entry of a folder is no hand-in, empty where it is one."""
    if entry.name.startswith(".") or entry.name in _NO_HAND_IN:
        return "hidden"
    if not (entry.is_dir() or (archive and entry.is_file())):
        return f"neither a folder nor an archive ({', '.join(ARCHIVES)})"
    if not _ID.fullmatch(id_) or not _is_text(id_):
        return f"its name cannot be an id. {_VALID_ID}"
    return ""


def _in_roster(path: Path) -> Iterator[HandIn]:
    """Yield a hand-in for each row of a roster."""
    every = rows(path)
    line, names = next(every, (1, []))
    columns = _columns(path, line, names)
    lines: dict[str, int] = {}
    for line, row in every:
        if len(row) > len(names) and any(row[len(names) :]):
            text = f"The row has {len(row)} values, and the first row names {len(names)} columns."
            raise invalid(text, path, line, "Put quotes around a value with a comma or semicolon")
        values = dict(zip(names, [*row, *[""] * len(names)], strict=False))
        known = {name: values[column].strip() for name, column in columns.items()}
        _expect(path, line, {SUBMITTED: values.get(SUBMITTED, "").strip(), **known})
        first = lines.setdefault(_compared(known["id"]), line)
        if first != line:
            text = f"The id {known['id']!r} is in line {first} already."
            raise invalid(text, path, line, "Give each row an id of its own; case does not count")
        if not is_address(known["source"]):
            known["source"] = os.path.normpath(path.parent / known["source"])
            values.setdefault(SUBMITTED, committed(Path(known["source"])))
        yield HandIn(**known, columns=values)
    if not lines:
        text = "The roster has no rows below its first one."
        raise invalid(text, path, advice="Write a row for each repository: id, source")


def rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield each row of a CSV file that is not empty, with its first line.

    Raises:
        LabError: It cannot be read, or is no CSV.

    """
    text = read_text(path, str(path))
    head = text.partition("\n")[0]
    delimiter = ";" if head.count(";") > head.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for row in reader:
            if any(map(str.strip, row)):
                yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        why = f"{path.name} is not valid CSV: {error}."
        advice = 'A quote inside of a value is written twice: "a ""b"" c"'
        raise invalid(why, path, line, advice) from None


def _columns(path: Path, line: int, names: list[str]) -> Mapping[str, str]:
    """Return the column of each known name; case does not count."""
    folded = [name.strip().lower() for name in names]
    for name in _REQUIRED:
        if name not in folded:
            text = f"The roster has no column {name!r}. The first row names the columns: id and "
            text += f"source, and as you like {', '.join(_COLUMNS[2:])} and others of your own."
            near = [f"Rename the column {one!r} to {name!r}" for one in nearest(name, folded)]
            raise invalid(text, path, line, *near[:1])
    for number, name in enumerate(folded):
        if name and name in folded[:number]:
            text = f"The roster has two columns {name!r}."
            raise invalid(text, path, line, "Give each column a name of its own")
    return {name: names[folded.index(name)] for name in _COLUMNS if name in folded}


def _expect(path: Path, line: int, known: Mapping[str, str]) -> None:
    """Refuse a row whose values cannot be used."""
    id_, source = known["id"], known["source"]
    if not _ID.fullmatch(id_):
        text = f"{id_!r:.60} cannot be an id." if id_ else "The row has no id."
        raise invalid(text, path, line, _VALID_ID)
    if not source or "\0" in source:
        text = f"{id_} has no source."
        raise invalid(text, path, line, "Write a folder, an archive or an address for git")
    if is_address(source) and without_logins(source) != source:
        text = f"The source of {id_} has a login in its address: {without_secrets(source)}."
        remedy = Remedy("Remove it, and keep the login in git's credential helper")
        code = ErrorCode.CONTAINS_LOGIN
        raise LabError(text, code, remedy=remedy, file=path, line=line)
    project = known.get("project", "")
    if project and not is_folder(project):
        text = f"The project of {id_} is no folder in a hand-in: {project!r:.60}."
        raise invalid(text, path, line, "Write its path from the top, such as lab-1/project")
    for name in ("due", SUBMITTED):
        told = known.get(name, "")
        try:
            moment(told or "2000-01-01", ends_day=True)
        except (LabError, OverflowError):
            text = f"The {name} of {id_} is no date or time by ISO 8601: {told!r:.60}."
            raise invalid(text, path, line, _VALID_TIME) from None


def _is_text(name: str) -> bool:
    """Return whether a name is Unicode: a file's name may be any bytes."""
    return not re.search("[\ud800-\udfff]", name)


def _compared(id_: str) -> str:
    """Return an id as a file's name is compared where case does not count."""
    return unicodedata.normalize("NFC", id_).casefold()
