"""Read `pyproject.toml`, `conda.yml` and the locks."""

from __future__ import annotations

import re
import stat
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml
from packaging.utils import canonicalize_name

from tasks_lib.errors import ErrorCode, LabError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

PYPROJECT = "pyproject.toml"
CONDA_FILES = ("conda.yml", "conda.yaml", "environment.yml", "environment.yaml", "env.yml")
#: packages of conda that have another name on PyPI
PYPI = {"pytorch": "torch", "opencv": "opencv-python", "matplotlib-base": "matplotlib"}
_BAD_NAME = re.compile(r"[/\\ :#\x00-\x1f]")
#: what no program and no file can be given
BAD_TEXT = re.compile("[\0\ud800-\udfff]")
#: no file that anybody wrote is larger, and one that is takes minutes to parse: bytes, and characters of YAML
LARGEST, _LARGEST_YAML = 16 << 20, 1 << 20
_LONGEST_NAME = 200  # it becomes a folder, and systems allow 255 bytes
_AT_LINE = re.compile(r"line (\d+)")
_HUGE = re.compile(
    r"\d[\d_]{4300}"
)  # Python reads no longer number, and does not say where it stood
BREAK = re.compile("(\r\n|[\n\r\x85\u2028\u2029])")  # what ends a line of YAML
_TOML_KEY = re.compile(r"\[\[?(?P<table>[^\]#]+)\]|(?P<key>[^=#\[\]]+)=")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_KINDS: dict[type, str] = {dict: "a table", list: "a list", str: "a string"}


def names_of(entries: object) -> set[str]:
    """Return the normalised names of the requirements in a list; whatever is not a requirement is left out."""
    found: set[str] = set()
    for entry in entries if isinstance(entries, list) else ():
        name = _NAME.match(entry.strip()) if isinstance(entry, str) else None
        if name:
            found.add(canonicalize_name(name[0]))
    return found


def read_text(path: Path, shown: str = "") -> str:
    """Read a file as UTF-8 (a byte order mark is fine); an error names it, as `shown`, and the line where it can."""
    shown = shown or path.name
    try:
        data = _bytes(path, shown)
    except FileNotFoundError:
        text = f"there is no {path.name} in {path.absolute().parent}."
        raise LabError(text, ErrorCode.FILE_MISSING, file=shown) from None
    except OSError as error:
        text = f"{shown} cannot be read: {error.strerror}."
        raise LabError(text, ErrorCode.CANNOT_READ, file=shown) from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        text = f"{shown} is not UTF-8: byte 0x{data[error.start]:02x}."
        raise LabError(
            text, ErrorCode.NOT_UTF8, file=shown, line=line, remedy=f"save {shown} as UTF-8"
        ) from None


def _bytes(path: Path, shown: str) -> bytes:
    """Read a file of bearable size; a pipe in its place, which would be waited for, is refused."""
    if not stat.S_ISREG(path.stat().st_mode):
        text = f"{shown} cannot be read: it is no file."
        raise LabError(text, ErrorCode.NOT_A_FILE, file=shown, remedy=f"put a file at {shown}")
    with path.open("rb") as stream:
        data = stream.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise too_large(shown, LARGEST)
    return data


def too_large(shown: str, largest: int = LARGEST) -> LabError:
    """Give the error for a file that would take minutes to parse."""
    text = f"{shown} is larger than {largest >> 20} MiB, which no such file should be."
    return LabError(
        text, ErrorCode.FILE_TOO_LARGE, file=shown, remedy=f"see what stands in {shown}"
    )


def read_toml(path: Path, shown: str = "") -> tuple[dict[str, Any], str]:
    """Read a TOML file: its data and its text."""
    text = read_text(path, shown)
    try:
        return tomllib.loads(text.replace("\r\n", "\n")), text
    except (ValueError, RecursionError) as error:
        found, huge = _AT_LINE.search(str(error)), _HUGE.search(text)
        line = int(found[1]) if found else text.count("\n", 0, huge.start()) + 1 if huge else None
        raise _broken(shown or path.name, "TOML", line, error) from None


def parse_yaml(text: str, shown: str, parse: Callable[[str], Any]) -> Any:  # noqa: ANN401 - what YAML holds
    """Parse YAML; every error is one that names the file, and the line where it can."""
    if len(text) > _LARGEST_YAML:
        raise too_large(shown, _LARGEST_YAML)
    try:
        return parse(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = None if mark is None else mark.line + 1
        raise _broken(shown, "YAML", line, error.problem or error.context) from None
    except yaml.reader.ReaderError as error:
        line = len(BREAK.findall(text[: error.position])) + 1
        raise _broken(shown, "YAML", line, error.reason) from None
    except Exception as error:  # noqa: BLE001 - PyYAML lets through whatever Python says to a bad number, date or escape
        raise _broken(shown, "YAML", None, error) from None


def _broken(shown: str, kind: str, line: int | None, why: object) -> LabError:
    why = (
        "it is nested too deeply" if isinstance(why, RecursionError) else str(why).partition(";")[0]
    )
    text = f"{shown} is not valid {kind}: {why}."
    return LabError(text, ErrorCode.INVALID_MANIFEST, file=shown, line=line, remedy=f"mend {shown}")


@dataclass(frozen=True)
class PyProject:
    """What this project reads from `pyproject.toml`."""

    path: Path
    data: Mapping[str, Any]
    text: str = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> PyProject:
        """Read and check the tables that everything here depends on."""
        if not path.is_file():
            text = f"there is no {PYPROJECT} in {path.parent}."
            remedy = "go to the project's folder; or adopt this one: invoke init; or begin one: uv init --bare"
            raise LabError(text, ErrorCode.NO_PYPROJECT, file=PYPROJECT, remedy=remedy)
        data, text = read_toml(path)
        self = cls(path, data, text)
        for table in ("project", "tool", "dependency-groups"):
            self._expect(dict, table)
        self._expect(str, "project", "name")
        self._expect(str, "project", "requires-python")
        self._expect(list, "project", "dependencies")
        self._expect(list, "project", "dynamic")
        self._expect(dict, "tool", "mlops-lab")
        for group in self.table("dependency-groups"):
            self._expect(list, "dependency-groups", group)
        return self

    def _expect(self, kind: type, *names: str) -> None:
        """Refuse a key of the wrong type, with its line."""
        key, value = names[-1], self.table(*names[:-1]).get(names[-1])
        if value is not None and not isinstance(value, kind):
            text, line = (
                f"{key!r} must be {_KINDS[kind]}, and it is {value!r:.60}.",
                self.line_of(*names),
            )
            raise LabError(
                text,
                ErrorCode.INVALID_MANIFEST,
                file=PYPROJECT,
                line=line,
                remedy=f"mend {PYPROJECT}",
            )

    def table(self, *names: str) -> Mapping[str, Any]:
        """Give a table, empty where there is none."""
        found: Any = self.data
        for name in names:
            found = found.get(name, {}) if isinstance(found, dict) else {}
        return found if isinstance(found, dict) else {}

    def line_of(self, *names: str) -> int | None:
        """Give the first line that sets a key or opens a table whose path ends in `names`, counted from 1."""
        table: tuple[str, ...] = ()
        for number, row in enumerate(self.text.split("\n"), 1):
            if found := _TOML_KEY.match(row.lstrip()):
                keys = tuple(
                    part.strip().strip("\"'") for part in found[found.lastgroup or 0].split(".")
                )
                table = keys if found["table"] else table
                path = keys if found["table"] else (*table, *keys)
                if path[-len(names) :] == names:
                    return number
        return None

    @property
    def name(self) -> str:
        """Give the project's name, which Poetry's own table may have, or nothing."""
        return str(
            self.table("project").get("name") or self.table("tool", "poetry").get("name", "")
        )

    @property
    def requires_python(self) -> str:
        """Give `requires-python`, or nothing."""
        return str(self.table("project").get("requires-python", ""))

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

    def allows(self, python: str) -> bool:
        """Tell whether `requires-python` allows this version, a pre-release too."""
        from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415 - 0.03 s, and not every task asks

        try:
            return python in SpecifierSet(self.requires_python, prereleases=True)
        except InvalidSpecifier:
            text = f"requires-python is no version specifier: {self.requires_python!r}."
            line = self.line_of("project", "requires-python")
            remedy = 'write it like requires-python = ">=3.11"'
            raise LabError(
                text, ErrorCode.INVALID_MANIFEST, file=PYPROJECT, line=line, remedy=remedy
            ) from None
