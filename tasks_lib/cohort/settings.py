"""What an instructor says in a `cohort.toml`; `cohort.schema.json` has its keys."""

from __future__ import annotations

import json
import math
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib.cohort.rubric import Late, Row
from tasks_lib.errors import ErrorCode, LabError, Remedy, meant
from tasks_lib.project.manifests import PyProject, read_toml
from tasks_lib.session import combos

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: the keys whose values are paths, from the file's folder
_PATHS = ("roster", "folder", "store", "checks")
#: what a row of the rubric is about
_SUBJECTS = ("check", "family", "own")
_MINUTES = {"h": 60, "min": 1}
_KEYS = Remedy("See the keys and their values", ("invoke", "docs", "cohort-toml"))
#: a key of the file, or the number of a row
Step = str | int


@dataclass(frozen=True)
class Require:
    """What each repository must have: requirements, patterns of files, a range of versions."""

    packages: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    python: str = ""
    manifests: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """What counts for a whole class. `timeout` is in seconds, `memory` in MiB.

    With `as_it_stood`, the last commit before its time and the `grace`, in minutes, is checked.
    `file` has the lines of the keys; it is `None` where there is no `cohort.toml`.
    """

    roster: Path | None = None
    folder: Path | None = None
    store: Path | None = None
    level: str = "read"
    timeout: float = 60.0
    memory: int = 1024
    largest_clone: int = 1024
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    combo: tuple[str, ...] = ()
    checks: Path | None = None
    project: str = ""
    require: Require = field(default_factory=Require)
    rubric: tuple[Row, ...] = ()
    late: Late | None = None
    as_it_stood: bool = False
    grace: int = 0
    file: PyProject | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, path: Path) -> Settings:
        """Return what a user named: a `.toml` file is read, a roster or folder stands for itself.

        Raises:
            LabError: The file cannot be read, or `wrong_setting` with its line.

        """
        if path.suffix.lower() == ".toml":
            return cls._read(path)
        return cls(folder=path) if path.is_dir() else cls(roster=path)

    @classmethod
    def _read(cls, path: Path) -> Settings:
        data, text = read_toml(path, str(path))
        file = PyProject(path, data, text)
        _expect_valid(file)
        _expect_sense(file)
        values: dict[str, Any] = dict(data)
        for key in _PATHS:
            if key in values:
                values[key] = path.parent / values[key]
        require: dict[str, Any] = {}
        for key, value in data.get("require", {}).items():
            require[key] = tuple(value) if isinstance(value, list) else value
        values["require"] = Require(**require)
        values["combo"] = tuple(data.get("combo", ()))
        values["rubric"] = tuple(map(_row, data.get("rubric", ())))
        late = data.get("late", {})
        values["late"] = _late(late)
        as_it_stood = late.get("as_it_stood", False)
        return cls(**values, as_it_stood=as_it_stood, grace=_grace(late), file=file)

    @property
    def source(self) -> Path:
        """Return the roster or the folder.

        Raises:
            LabError: The file names neither.

        """
        found = self.roster or self.folder
        if found is None:
            text = "names no hand-ins: it needs roster or folder"
            raise self.wrong(text, advice='Add a line such as folder = "hand-ins"')
        return found

    def wrong(self, text: str, *path: Step, advice: str = "") -> LabError:
        """Return the error for what is wrong at a key; `text` goes on after the file's name."""
        if self.file is None:
            return LabError(f"The request {text}.", ErrorCode.WRONG_SETTING)
        return _wrong(self.file, text, path, advice)


def _row(table: Mapping[str, Any]) -> Row:
    """Return a row of the rubric; its name is what it is about unless it has one."""
    subject = table[_subjects(table)[0]]
    points = float(table.get("points", 0))
    partial, advice = table.get("partial", False), table.get("advice", False)
    return Row(table.get("name", subject), (subject,), points, partial=partial, advice=advice)


def _late(table: Mapping[str, Any]) -> Late | None:
    """Return the late policy, `None` where lateness costs nothing."""
    if "per_day" not in table:
        return None
    numbers = {}
    for key in ("per_day", "maximum"):
        if key in table:
            numbers[key] = float(str(table[key]).rstrip("% "))
    is_percent = isinstance(table["per_day"], str)
    return Late(numbers["per_day"], is_percent, _grace(table), numbers.get("maximum"))


def _grace(table: Mapping[str, Any]) -> int:
    """Return the minutes after `due` in which a hand-in is in time."""
    grace = 0
    for number, unit in re.findall(r"([0-9]+) ?(h|min)", table.get("grace", "")):
        grace += int(number) * _MINUTES[unit]
    return grace


def _subjects(table: Mapping[str, Any]) -> list[str]:
    """Return the keys of a rubric's row that say what the row is about."""
    return [key for key in _SUBJECTS if key in table]


def _expect_sense(file: PyProject) -> None:
    """Refuse what the schema cannot tell."""
    data = file.data
    if "roster" in data and "folder" in data:
        text = "names both a roster and a folder"
        raise _wrong(file, text, ["folder"], "Remove one of them")
    _expect_finite(file)
    known = combos.names()
    for name in data.get("combo", ()):
        if name not in known:
            text = f"combo: there is no combo {name!r}; the combos are {', '.join(known)}"
            raise _wrong(file, text, ["combo"], _meant(name, known))
    _expect_requirements(file, file.table("require"))
    names: set[str] = set()
    for number, table in enumerate(data.get("rubric", ())):
        _expect_row(file, number, table)
        name = _row(table).name
        if name in names:
            text = f"rubric: {name!r:.60} is the name of a row above"
            raise _wrong(file, text, ["rubric", number, "name"], "Rename one of them")
        names.add(name)
    _expect_late(file, file.table("late"))


def _expect_requirements(file: PyProject, table: Mapping[str, Any]) -> None:
    """Refuse a requirement or a range that cannot be read."""
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 - 0.03 s
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415 - the same

    for package in table.get("packages", ()):
        try:
            found = Requirement(package)
        except InvalidRequirement:
            found = None
        if found is None or found.url:
            text = f"packages: {package!r:.60} is no name with versions"
            advice = 'Write it like "pandas>=2.2"'
            raise _wrong(file, text, ["require", "packages"], advice)
    python = table.get("python", "")
    try:
        SpecifierSet(python)
    except InvalidSpecifier:
        text = f"python: {python!r:.60} is no range of versions"
        advice = 'Write it like ">=3.11,<3.14"'
        raise _wrong(file, text, ["require", "python"], advice) from None


def _expect_finite(file: PyProject) -> None:
    """Refuse `inf` and `nan`, which TOML has."""
    numbers: dict[tuple[Step, ...], object] = {("timeout",): file.data.get("timeout")}
    for number, row in enumerate(file.data.get("rubric", ())):
        numbers["rubric", number, "points"] = row.get("points")
    for key, value in file.table("late").items():
        numbers["late", key] = value
    for path, value in numbers.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise _wrong(file, f"{_shown(path)}{value} is no number to count with", path)


def _expect_late(file: PyProject, table: Mapping[str, Any]) -> None:
    """Refuse a late policy that takes nothing, or whose numbers are of two kinds."""
    if table and "per_day" not in table and not table.get("as_it_stood"):
        raise _wrong(file, "late: has neither per_day nor as_it_stood = true", ["late"])
    costs = [table[key] for key in ("per_day", "maximum") if key in table]
    if len({isinstance(one, str) for one in costs}) > 1:
        text = "late: per_day and maximum must both be points or both be per cent"
        raise _wrong(file, text, ["late", "maximum"])


def _expect_row(file: PyProject, number: int, table: Mapping[str, Any]) -> None:
    """Refuse a row of the rubric that is about nothing or several things, or has no points."""
    subjects = _subjects(table)
    path: list[Step] = ["rubric", number, *subjects[-1:]]
    if len(subjects) != 1:
        has = " and ".join(subjects) or "none"
        text = f"rubric: row {number + 1} needs one of {', '.join(_SUBJECTS)}, and has {has}"
        raise _wrong(file, text, path)
    if "points" not in table and not table.get("advice"):
        text = f"rubric: row {number + 1} has no points"
        raise _wrong(file, text, path, "Add points, or advice = true")
    if "own" in table and "checks" not in file.data:
        text = f"rubric: {table['own']!r:.60} is a check of your own, and checks names no file"
        advice = 'Add a line such as checks = "our_checks.py" above the tables'
        raise _wrong(file, text, path, advice)


def schema(name: str = "cohort") -> dict[str, Any]:
    """Return the JSON schema of the file, or of a row of the `roster`."""
    path = Path(__file__).with_name(f"{name}.schema.json")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _expect_valid(file: PyProject) -> None:
    """Refuse what does not match the schema."""
    import fastjsonschema  # noqa: PLC0415 - 0.05 s, for the commands that read such a file

    known = schema()
    try:
        fastjsonschema.validate(known, dict(file.data))
    except fastjsonschema.JsonSchemaValueException as error:
        path: list[Step] = [int(step) if step.isdigit() else step for step in error.path[1:]]
        if error.rule == "additionalProperties":
            keys = [*error.definition["properties"]]
            key = next(one for one in error.value if one not in keys)
            text = f"{_shown(path)}has no key {key!r}; the keys are {', '.join(keys)}"
            raise _wrong(file, text, [*path, key], _meant(key, keys)) from None
        wanted, place = _wanted(known, path)
        value: Any = file.data
        for step in place:
            value = value[step]
        text = f"{_shown(place)}must be {wanted}, and it is {value!r:.60}"
        raise _wrong(file, text, place) from None


def _wanted(known: Mapping[str, Any], path: Sequence[Step]) -> tuple[str, list[Step]]:
    """Return what the value at a path must be; for an entry of a list, what the list must be."""
    wanted, place = "", 0
    for depth, step in enumerate(path, 1):
        known = known["items"] if isinstance(step, int) else known["properties"][step]
        if "title" in known:
            wanted, place = known["title"], depth
    return wanted, list(path[:place])


def _shown(path: Sequence[Step]) -> str:
    """Return a path for a message: `rubric 2 points: `."""
    words = [str(step + 1) if isinstance(step, int) else step for step in path]
    return f"{' '.join(words)}: " if words else ""


def _meant(word: str, known: Sequence[str]) -> str:
    return str(meant(word, known, Remedy()))


def _wrong(file: PyProject, text: str, path: Sequence[Step], advice: str = "") -> LabError:
    return LabError(
        f"{file.path.name} {text}.",
        ErrorCode.WRONG_SETTING,
        remedy=Remedy(advice) if advice else _KEYS,
        file=file.path,
        line=_line(file, path),
    )


def _line(file: PyProject, path: Sequence[Step]) -> int | None:
    """Return the line of a key; of its table where it has none of its own."""
    names = [str(step) for step in path if isinstance(step, str)]
    rows = [step for step in path if isinstance(step, int)]
    if rows:
        file = _from_row(file, names[0], rows[0])
    while names:
        line = file.line_of(*names)
        if line:
            return line
        names.pop()
    return None


def _from_row(file: PyProject, table: str, row: int) -> PyProject:
    """Return a file with no text above one of its tables `[[table]]`, and the same lines."""
    lines = file.text.split("\n")
    heads = [number for number, line in enumerate(lines) if line.strip().startswith(f"[[{table}]]")]
    if row >= len(heads):
        return file
    above = [""] * heads[row]
    return PyProject(file.path, file.data, "\n".join(above + lines[heads[row] :]))
