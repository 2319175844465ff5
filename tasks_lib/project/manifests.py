"""Read manifests in TOML or YAML; errors name the file and the line."""

from __future__ import annotations

import codecs
import contextlib
import functools
import os
import re
import stat
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from packaging.utils import canonicalize_name

from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import files

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from packaging.specifiers import SpecifierSet

PYPROJECT = "pyproject.toml"
#: Characters that no program and no file can be given.
BAD_TEXT = re.compile("[\0\ud800-\udfff]")
_LARGEST_PYPROJECT = 512 << 10
#: The byte order marks of UTF-16.
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
#: How deep values may lie in a manifest: TOML Kit, with which Poetry reads, stops at 100.
_DEEPEST_TOML = 50


class Bounds(NamedTuple):
    """The most bytes, and the most values and lines, that are parsed in bearable time."""

    size: int
    values: int

    def expect(self, data: bytes, shown: str) -> None:
        """Refuse what is larger."""
        if len(data) > self.size:
            raise too_large(shown, self.size)
        is_long = len(data) > self.values  # else it cannot have as many, and counting takes time
        if is_long and sum(map(data.count, (b",", b"=", b"\n"))) > self.values:
            raise files.too_large(shown, f"longer than {self.values} values and lines")


MANIFEST = Bounds(_LARGEST_PYPROJECT, 100_000)
#: a lock lists all packages of a project, for every platform
LOCK = Bounds(files.LARGEST, 600_000)
_AT_LINE = re.compile(r"line (\d+)")
#: A number that Python refuses to read, without saying where it is.
_HUGE = re.compile(r"\d[\d_]{4300}")
_TOML_KEY = re.compile(r"\[\[?(?P<table>[^\]#]+)\]|(?P<key>[^=#\[\]]+)=")
#: the most names of a path that a line is looked for by
_DEEPEST = 8
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
#: The keys that everything here depends on, and what they must be; each group must be a list too.
_SHAPE: dict[tuple[str, ...], type] = {
    ("project",): dict,
    ("tool",): dict,
    ("dependency-groups",): dict,
    ("project", "name"): str,
    ("project", "requires-python"): str,
    ("project", "dependencies"): list,
    ("project", "dynamic"): list,
    ("tool", "mlops-lab"): dict,
}
_KINDS: dict[type, str] = {dict: "a table", list: "a list", str: "a string"}


def names_of(entries: object) -> set[str]:
    """Return the normalised names of the requirements in a list.

    Whatever is not a requirement is left out.
    """
    found: set[str] = set()
    if not isinstance(entries, list):
        return found
    for entry in entries:
        if isinstance(entry, str):
            name = _NAME.match(entry.strip())
            if name:
                found.add(canonicalize_name(name[0]))
    return found


def read_text(path: Path, shown: str = "", *, wide: bool = False, bom: bool = False) -> str:
    """Return the text of a UTF-8 file, less a byte order mark unless that is wanted (`bom`).

    It may be UTF-16 with that mark where it is `wide`: conda and pip read such files.

    Raises:
        LabError: The file cannot be read; the error names it as `shown`, and the line where it is
        known.

    """
    shown = shown or path.name
    try:
        data = files.regular(path)
    except FileNotFoundError:
        text = f"There is no {path.name} in {path.absolute().parent}."
        raise LabError(text, ErrorCode.FILE_MISSING, file=shown) from None
    except files.NotAFileError:
        text = f"{shown} cannot be read: it is not a file."
        remedy = Remedy(f"Put a file at {shown}")
        raise LabError(text, ErrorCode.NOT_A_FILE, file=shown, remedy=remedy) from None
    except files.TooLargeError:
        raise files.too_large(shown) from None
    except OSError as error:
        raise unreadable(path, shown, str(error.strerror)) from None
    is_wide = wide and data.startswith(UTF16)
    encoding = "utf-8" if bom else "utf-8-sig"
    try:
        return _decoded(data, "utf-16" if is_wide else encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        name = "UTF-16" if is_wide else "UTF-8"
        text = f"{shown} is not {name}: byte 0x{data[error.start]:02x}."
        remedy = Remedy(f"Save {shown} as UTF-8")
        raise LabError(text, ErrorCode.NOT_UTF8, file=shown, line=line, remedy=remedy) from None


@functools.lru_cache(maxsize=2)  # a lock is read by each part that looks at it
def _decoded(data: bytes, encoding: str) -> str:
    return data.decode(encoding)


def unreadable(path: Path, shown: str, reason: str) -> LabError:
    """Return the error for a file that exists and cannot be read."""
    remedy = Remedy(f"Make {path} readable for this user")
    with contextlib.suppress(OSError):
        facts = path.stat()
        is_closed = hasattr(os, "geteuid") and not facts.st_mode & stat.S_IRUSR
        if is_closed and facts.st_uid == os.geteuid():
            remedy = Remedy("Make it readable", ("chmod", "u+r", files.typed(path)))
    text = f"{shown} cannot be read: {reason}."
    return LabError(text, ErrorCode.CANNOT_READ, file=shown, remedy=remedy)


def too_large(shown: str, largest: int = files.LARGEST) -> LabError:
    """Return the error for a file that would take minutes to parse."""
    size = f"{largest >> 20} MiB" if largest >> 20 else f"{largest >> 10} KiB"
    return files.too_large(shown, f"larger than {size}")


def read_toml(
    path: Path, shown: str = "", bounds: Bounds | None = None
) -> tuple[dict[str, Any], str]:
    """Return the data and the text of a TOML file, by default of a manifest."""
    text = read_text(path, shown)
    return parse_toml(text, shown or path.name, bounds), text


def parse_toml(
    text: str,
    shown: str,
    bounds: Bounds | None = None,
    loads: Callable[[str], dict[str, Any]] = tomllib.loads,
) -> dict[str, Any]:
    """Return the data of a text in TOML, by default of a manifest."""
    (bounds or MANIFEST).expect(text.encode(), shown)
    try:
        data = loads(text.replace("\r\n", "\n") if "\r" in text else text)
    except (ValueError, RecursionError) as error:
        line = _line_of_fault(text, error)
        raise broken(shown, "TOML", line, error) from None
    if bounds is None and _is_deep(data):
        raise broken(shown, "TOML", None, RecursionError())
    return data


def _is_deep(data: object) -> bool:
    """Return whether values lie deeper than those of any manifest."""
    level = [data]
    for _ in range(_DEEPEST_TOML):
        below: list[object] = []
        for value in level:
            if isinstance(value, dict):
                below += value.values()
            elif isinstance(value, list):
                below += value
        level = below
    return bool(level)


def _line_of_fault(text: str, error: Exception) -> int | None:
    """Return the line that an error of tomllib names, or that has a number which Python refuses."""
    found = _AT_LINE.search(str(error))
    if found:
        return int(found[1])
    huge = _HUGE.search(text)
    if huge:
        return text.count("\n", 0, huge.start()) + 1
    return None


def broken(shown: str, kind: str, line: int | None, why: object) -> LabError:
    """Return the error for text that is not of its kind."""
    if isinstance(why, RecursionError):
        why = "it is nested too deeply"
    reason = str(why).partition(";")[0]
    return invalid(f"{shown} is not valid {kind}: {reason}.", shown, line)


def invalid(text: str, file: str | Path, line: int | None = None, advice: str = "") -> LabError:
    """Return the error for what a manifest or configuration file says wrongly."""
    remedy = Remedy(advice or f"Correct {file}")
    return LabError(text, ErrorCode.INVALID_MANIFEST, file=file, line=line, remedy=remedy)


@dataclass(frozen=True)
class PyProject:
    """A `pyproject.toml`: its data, and its text for the lines of keys."""

    path: Path
    data: Mapping[str, Any] = field(hash=False)
    text: str = field(repr=False)

    @classmethod
    def read(cls, path: Path, root: Path | None = None) -> PyProject:
        """Read a manifest and check the keys that everything here depends on.

        `root` is the project's folder, where it is not that of the file.

        Raises:
            LabError: The file does not exist, leads out of the project, is not valid TOML, or has a
            key of a wrong type.

        """
        files.inside(root or path.parent, path)
        if path.is_file() and path.stat().st_size > _LARGEST_PYPROJECT:
            raise too_large(path.name, _LARGEST_PYPROJECT)
        if not path.is_file():
            text = f"There is no {PYPROJECT} in {path.parent}."
            remedy = Remedy(
                "Go to the project's folder; else init adopts this one, or says how to begin one"
            )
            raise LabError(text, ErrorCode.NO_PYPROJECT, file=PYPROJECT, remedy=remedy)
        self = cls(path, *read_toml(path))
        for names, kind in _SHAPE.items():
            self._expect(kind, *names)
        for group in self.table("dependency-groups"):
            self._expect(list, "dependency-groups", group)
        return self

    def _expect(self, kind: type, *names: str) -> None:
        """Raise an error with the line where a key has another type."""
        *above, key = names
        value = self.table(*above).get(key)
        if value is None or isinstance(value, kind):
            return
        text = f"{key!r} must be {_KINDS[kind]}, and it is {value!r:.60}."
        raise invalid(text, PYPROJECT, self.line_of(*names))

    def table(self, *names: str) -> Mapping[str, Any]:
        """Return a table, empty where there is none."""
        found: Any = self.data
        for name in names:
            if not isinstance(found, dict):
                return {}
            found = found.get(name)
        if not isinstance(found, dict):
            return {}
        return found

    @functools.cached_property
    def _lines(self) -> Mapping[tuple[str, ...], int]:
        """Return the first line of each path of a key or table, and of each end of such a path."""
        found: dict[tuple[str, ...], int] = {}
        table: list[str] = []
        for number, row in enumerate(self.text.split("\n"), 1):
            match = _TOML_KEY.match(row.lstrip())
            if match is None:
                continue
            keys = [part.strip().strip("\"'") for part in match[match.lastgroup or 0].split(".")]
            if match["table"]:
                table = path = keys
            else:
                path = table + keys
            for start in range(max(0, len(path) - _DEEPEST), len(path)):
                found.setdefault(tuple(path[start:]), number)
        return found

    def line_of(self, *names: str) -> int | None:
        """Return the first line, from 1, of a key or table whose path ends in `names`."""
        return self._lines.get(names)

    @property
    def name(self) -> str:
        """Return the project's name, empty where it has none.

        An older manifest has its name and version in `[tool.poetry]`, whichever manager is used.
        """
        name = self.table("project").get("name")
        return str(name or self.table("tool", "poetry").get("name", ""))

    @property
    def requires_python(self) -> str:
        """Return `requires-python`, empty where it is not set."""
        return str(self.table("project").get("requires-python", ""))

    @property
    def python_range(self) -> str:
        """Return what limits the Python, in the standard table and in Poetry's own."""
        return ", ".join(filter(None, (self.requires_python, self._poetry_python)))

    @property
    def _poetry_python(self) -> str:
        """Return the Python of `[tool.poetry.dependencies]`, which limits a project too."""
        value = self.table("tool", "poetry", "dependencies").get("python")
        if isinstance(value, dict):
            value = value.get("version")
        return value if isinstance(value, str) else ""

    def pythons(self) -> list[SpecifierSet]:
        """Return the ranges of which a Python must be in one.

        Raises:
            LabError: What limits the Python cannot be read.

        """
        from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415 - 0.03 s, and seldom needed

        try:
            standard = SpecifierSet(self.requires_python)
        except InvalidSpecifier:
            text = f"requires-python is not a version specifier: {self.requires_python!r}."
            line = self.line_of("project", "requires-python")
            advice = 'Write it like requires-python = ">=3.11"'
            raise invalid(text, PYPROJECT, line, advice) from None
        if not self._poetry_python:
            return [standard]
        from poetry.core.constraints.version import parse_constraint  # noqa: PLC0415 - 0.08 s, and seldom needed

        try:
            choices = str(parse_constraint(self._poetry_python)).split(" || ")
        except ValueError:
            text = f"Poetry cannot read the Python that the project needs: {self._poetry_python!r}."
            line = self.line_of("dependencies", "python")
            raise invalid(text, PYPROJECT, line, 'Write it like python = "^3.11"') from None
        return [standard & SpecifierSet(_clauses(choice)) for choice in choices]

    @property
    def version(self) -> str:
        """Return the version, empty where the build backend computes it."""
        version = self.table("project").get("version")
        return str(version or self.table("tool", "poetry").get("version", ""))

    def required_names(self) -> set[str]:
        """Return the normalised names in the dependencies, the extras and the groups."""
        lists = [self.table("project").get("dependencies")]
        lists += self.table("project", "optional-dependencies").values()
        lists += self.table("dependency-groups").values()
        found = set()
        for entries in lists:
            found |= names_of(entries)
        return found

    @property
    def extras(self) -> dict[str, str]:
        """Return the extras of the standard table by normalised name, as they are spelt."""
        table = self.table("project", "optional-dependencies")
        return {canonicalize_name(name): name for name in table}

    def allows(self, python: str) -> bool:
        """Return whether the project may run on this version, be it a pre-release."""
        return any(one.contains(python, prereleases=True) for one in self.pythons())


def _clauses(constraint: str) -> str:
    """Return a range of poetry-core's, in which any version is `*` and one version stands alone."""
    if constraint == "*":
        return ""
    return f"=={constraint}" if constraint[0].isdigit() else constraint
