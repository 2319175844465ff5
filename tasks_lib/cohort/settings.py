"""What an instructor says in a `cohort.toml`; `cohort.schema.json` has its keys."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib.errors import ErrorCode, LabError, Remedy, meant
from tasks_lib.project.manifests import PyProject, read_toml
from tasks_lib.session import combos

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SCHEMA = Path(__file__).with_name("cohort.schema.json")
#: the keys whose values are paths, from the file's folder
_PATHS = ("roster", "folder", "store", "checks")
#: what a row of the rubric is about
_SUBJECTS = ("check", "family", "own")
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

    `rubric` and `late` are the tables as they stand in the file, valid by the schema. `file` has
    the lines of the keys; it is `None` where there is no `cohort.toml`.
    """

    roster: Path | None = None
    folder: Path | None = None
    store: Path | None = None
    level: str = "read"
    timeout: float = 60.0
    memory: int = 1024
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    combo: tuple[str, ...] = ()
    checks: Path | None = None
    require: Require = field(default_factory=Require)
    rubric: tuple[Mapping[str, Any], ...] = ()
    late: Mapping[str, Any] = field(default_factory=dict)
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
        values: dict[str, Any] = dict(data)
        for key in _PATHS:
            if key in values:
                values[key] = path.parent / values[key]
        require = {key: _frozen(value) for key, value in data.get("require", {}).items()}
        for key in ("combo", "rubric"):
            values[key] = tuple(data.get(key, ()))
        self = cls(**{**values, "require": Require(**require)}, file=file)
        self._expect_sense()
        return self

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

    def _expect_sense(self) -> None:
        """Refuse what the schema cannot tell."""
        if self.roster and self.folder:
            text = "names both a roster and a folder"
            raise self.wrong(text, "folder", advice="Remove one of them")
        self._expect_finite()
        known = combos.names()
        for name in self.combo:
            if name not in known:
                text = f"combo: there is no combo {name!r}; the combos are {', '.join(known)}"
                raise self.wrong(text, "combo", advice=_meant(name, known))
        self._expect_requirements()
        names: set[str] = set()
        for number, row in enumerate(self.rubric):
            self._expect_row(number, row)
            name = row.get("name", row[subject(row)])
            if name in names:
                text = f"rubric: {name!r:.60} is the name of a row above"
                raise self.wrong(text, "rubric", number, "name", advice="Rename one of them")
            names.add(name)
        self._expect_late()

    def _expect_requirements(self) -> None:
        """Refuse a requirement or a range that cannot be read."""
        from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 - 0.03 s
        from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415 - the same

        for package in self.require.packages:
            try:
                found = Requirement(package)
            except InvalidRequirement:
                found = None
            if found is None or found.url:
                text = f"packages: {package!r:.60} is no name with versions"
                advice = 'Write it like "pandas>=2.2"'
                raise self.wrong(text, "require", "packages", advice=advice)
        try:
            SpecifierSet(self.require.python)
        except InvalidSpecifier:
            text = f"python: {self.require.python!r:.60} is no range of versions"
            advice = 'Write it like ">=3.11,<3.14"'
            raise self.wrong(text, "require", "python", advice=advice) from None

    def _expect_finite(self) -> None:
        """Refuse `inf` and `nan`, which TOML has."""
        numbers: dict[tuple[Step, ...], object] = {("timeout",): self.timeout}
        for number, row in enumerate(self.rubric):
            numbers["rubric", number, "points"] = row.get("points")
        for key, value in self.late.items():
            numbers["late", key] = value
        for path, value in numbers.items():
            if isinstance(value, float) and not math.isfinite(value):
                text = f"{_shown(path)}{value} is no number to count with"
                raise self.wrong(text, *path)

    def _expect_late(self) -> None:
        """Refuse a late policy that takes nothing, or whose numbers are of two kinds."""
        costs = [self.late[key] for key in ("per_day", "maximum") if key in self.late]
        if self.late and "per_day" not in self.late and not self.late.get("as_it_stood"):
            text = "late: has neither per_day nor as_it_stood = true"
            raise self.wrong(text, "late")
        if len({isinstance(one, str) for one in costs}) > 1:
            text = "late: per_day and maximum must both be points or both be per cent"
            raise self.wrong(text, "late", "maximum")

    def _expect_row(self, number: int, row: Mapping[str, Any]) -> None:
        """Refuse a row of the rubric that is about nothing or several things, or has no points."""
        subjects = [key for key in _SUBJECTS if key in row]
        if len(subjects) != 1:
            has = " and ".join(subjects) or "none"
            text = f"rubric: row {number + 1} needs one of {', '.join(_SUBJECTS)}, and has {has}"
            raise self.wrong(text, "rubric", number, *subjects[1:2])
        if "points" not in row and not row.get("advice"):
            text = f"rubric: row {number + 1} has no points"
            advice = "Add points, or advice = true"
            raise self.wrong(text, "rubric", number, advice=advice)
        if "own" in row and self.checks is None:
            text = f"rubric: {row['own']!r:.60} is a check of your own, and checks names no file"
            advice = 'Add a line such as checks = "our_checks.py" above the tables'
            raise self.wrong(text, "rubric", number, "own", advice=advice)


def subject(row: Mapping[str, Any]) -> str:
    """Return which key of a rubric's row says what the row is about."""
    return next(key for key in _SUBJECTS if key in row)


def schema() -> dict[str, Any]:
    """Return the JSON schema of the file."""
    found: dict[str, Any] = json.loads(_SCHEMA.read_text(encoding="utf-8"))
    return found


def _frozen(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


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
