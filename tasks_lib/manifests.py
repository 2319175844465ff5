"""Read `pyproject.toml`, `conda.yml` and the locks; edit `conda.yml` line by line, so that comments survive."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from tasks_lib.errors import ExitCode, LabError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PYPROJECT = "pyproject.toml"
CONDA_FILES = ("conda.yml", "conda.yaml", "environment.yml", "environment.yaml", "env.yml")
_BAD_NAME = re.compile(r"[/\\ :#\x00-\x1f]")
_AT_LINE = re.compile(r"line (\d+)")


def read_text(path: Path) -> str:
    """Read a manifest as UTF-8 (a byte order mark is fine); an error names the file, and the line where it can."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        text = f"there is no {path.name} in {path.parent}."
        raise LabError(text, file=path.name, title=f"no {path.name}") from None
    except OSError as error:
        text = f"{path.name} cannot be read: {error.strerror}."
        raise LabError(text, file=path.name) from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        text = f"{path.name} is not UTF-8: byte 0x{data[error.start]:02x}."
        raise LabError(text, file=path.name, line=line, remedy=f"save {path.name} as UTF-8") from None


def read_toml(path: Path) -> tuple[dict[str, Any], str]:
    """Read a TOML file: its data and its text."""
    text = read_text(path)
    try:
        return tomllib.loads(text.replace("\r\n", "\n")), text
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        found = _AT_LINE.search(str(error))
        line = int(found[1]) if found else None
        message = f"{path.name} is not valid TOML: {error or 'it is nested too deeply'}."
        raise LabError(message, file=path.name, line=line, remedy=f"mend {path.name}", title="broken TOML") from None


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
            remedy = "go to the project's folder, or make one there: uv init --bare"
            raise LabError(text, file=PYPROJECT, remedy=remedy, title=f"no {PYPROJECT}")
        data, text = read_toml(path)
        self = cls(path, data, text)
        for table in ("project", "tool", "dependency-groups"):
            self.expect(data, table, dict, "a table")
        project = self.table("project")
        self.expect(project, "name", str, "a string")
        self.expect(project, "requires-python", str, "a string")
        self.expect(project, "dependencies", list, "a list of strings")
        self.expect(self.table("tool"), "mlops-lab", dict, "a table")
        return self

    def expect(self, table: Mapping[str, Any], key: str, kind: type, wanted: str) -> None:
        """Refuse a key of the wrong type, with its line."""
        value = table.get(key)
        if value is not None and not isinstance(value, kind):
            text = f"{key!r} must be {wanted}, and it is {value!r:.60}."
            remedy = f"mend {PYPROJECT}"
            raise LabError(text, file=PYPROJECT, line=self.line_of(key), remedy=remedy, title=f"wrong {key}")

    def table(self, *names: str) -> Mapping[str, Any]:
        """Give a table, empty where there is none."""
        found: Any = self.data
        for name in names:
            found = found.get(name, {}) if isinstance(found, dict) else {}
        return found if isinstance(found, dict) else {}

    def line_of(self, key: str) -> int | None:
        """Give the first line that sets `key` or opens its table, counted from 1."""
        pattern = re.compile(rf"^\s*(?:{re.escape(key)}\s*=|\[\s*{re.escape(key)}\s*\])")
        return next((n for n, line in enumerate(self.text.splitlines(), 1) if pattern.match(line)), None)

    @property
    def requires_python(self) -> str:
        """Give `requires-python`, or the older Poetry constraint, or nothing."""
        found = self.table("project").get("requires-python")
        return found if isinstance(found, str) else ""

    def allows(self, python: str) -> bool:
        """Tell whether `requires-python` allows this version, a pre-release too."""
        from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415 - 0.03 s, and not every task asks

        try:
            return python in SpecifierSet(self.requires_python, prereleases=True)
        except InvalidSpecifier:
            text = f"requires-python is no version specifier: {self.requires_python!r}."
            line = self.line_of("requires-python")
            remedy = 'write it like requires-python = ">=3.11"'
            raise LabError(text, file=PYPROJECT, line=line, remedy=remedy, title="wrong requires-python") from None


@dataclass(frozen=True)
class CondaFile:
    """A conda environment file: what is asked for, and the line of each dependency."""

    path: Path
    name: str
    channels: tuple[str, ...]
    dependencies: tuple[str, ...]
    pip: tuple[str, ...]
    variables: Mapping[str, str]
    lines: Mapping[str, int] = field(repr=False)

    @classmethod
    def find(cls, root: Path) -> Path | None:
        """Give the conda environment file of a project, by the names that people use."""
        return next((root / name for name in CONDA_FILES if (root / name).is_file()), None)

    @classmethod
    def read(cls, path: Path) -> CondaFile:
        """Read and check it; every error has the file and the line."""
        return _CondaReader(path).read()

    @property
    def python(self) -> str | None:
        """Give the Python spec as conda reads it (`python=3.12`), if there is one."""
        return next((spec for spec in self.dependencies if spec_name(spec) == "python"), None)


def spec_name(spec: str) -> str:
    """Give the package's name in a conda spec (`conda-forge::numpy >=1.2` is `numpy`)."""
    bare = spec.rpartition("::")[2].strip()
    return re.split(r"[\s=<>!~\[]", bare, maxsplit=1)[0].lower()


class _CondaReader:
    """Walk the YAML nodes by hand: they know their lines, and an alias is never expanded."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[str, int] = {}

    def wrong(self, text: str, node: yaml.Node | None = None, *, title: str = "") -> LabError:
        line = None if node is None else node.start_mark.line + 1
        remedy = f"mend {self.path.name}"
        return LabError(text, file=self.path.name, line=line, remedy=remedy, title=title or f"wrong {self.path.name}")

    def read(self) -> CondaFile:
        top = self._compose()
        known: dict[str, yaml.Node] = {}
        for key, value in top.value:
            if not isinstance(key, yaml.ScalarNode):
                text = "a key must be a word."
                raise self.wrong(text, key)
            if key.value in known:
                text = f"{key.value!r} is there twice."
                raise self.wrong(text, key)
            known[key.value] = value
        dependencies, pip = self._dependencies(known.get("dependencies"))
        return CondaFile(
            path=self.path,
            name=self._name(known.get("name"), top),
            channels=self._strings(known.get("channels"), "channels"),
            dependencies=dependencies,
            pip=pip,
            variables=self._variables(known.get("variables")),
            lines=self.lines,
        )

    def _compose(self) -> yaml.MappingNode:
        text = read_text(self.path)
        try:
            top = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = None if mark is None else mark.line + 1
            said = f"{self.path.name} is not valid YAML: {error.problem or error.context}."
            remedy = f"mend {self.path.name}"
            raise LabError(said, file=self.path.name, line=line, remedy=remedy, title="broken YAML") from None
        except (yaml.YAMLError, RecursionError) as error:
            said = f"{self.path.name} is not valid YAML: {str(error).splitlines()[0] if str(error) else 'too deep'}."
            raise self.wrong(said, title="broken YAML") from None
        if not isinstance(top, yaml.MappingNode):
            said = "the file must be a mapping with 'name', 'channels' and 'dependencies'."
            raise self.wrong(said, top)
        return top

    def _name(self, node: yaml.Node | None, top: yaml.Node) -> str:
        if node is None:
            text = "it gives the environment no name."
            raise self.wrong(text, top, title="no name")
        name = self._string(node, "name")
        if not name or _BAD_NAME.search(name) or name in {".", ".."}:
            text = f"{name!r} is no name for a conda environment: no '/', ' ', ':' or '#'."
            raise self.wrong(text, node)
        if name.lower() in {"base", "root"}:
            text = f"the environment may not be called {name!r}: conda's base environment is never touched."
            raise self.wrong(text, node)
        return name

    def _string(self, node: yaml.Node, what: str) -> str:
        if not isinstance(node, yaml.ScalarNode) or node.tag == "tag:yaml.org,2002:null":
            text = f"{what} must be a string."
            raise self.wrong(text, node)
        return str(node.value)

    def _strings(self, node: yaml.Node | None, what: str) -> tuple[str, ...]:
        if node is None or (isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null")):
            return ()
        if not isinstance(node, yaml.SequenceNode):
            text = f"{what} must be a list."
            raise self.wrong(text, node)
        return tuple(self._string(item, f"an entry of {what}") for item in node.value)

    def _dependencies(self, node: yaml.Node | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
        specs: list[str] = []
        pip: list[str] = []
        if node is None or (isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null")):
            return (), ()
        if not isinstance(node, yaml.SequenceNode):
            text = "dependencies must be a list."
            raise self.wrong(text, node)
        for item in node.value:
            if isinstance(item, yaml.MappingNode):
                pip += self._pip(item)
            else:
                spec = self._string(item, "an entry of dependencies").strip()
                if not spec_name(spec):
                    text = f"{spec!r} is no dependency."
                    raise self.wrong(text, item)
                specs.append(spec)
                self.lines.setdefault(spec_name(spec), item.start_mark.line + 1)
        return tuple(specs), tuple(pip)

    def _pip(self, node: yaml.MappingNode) -> list[str]:
        found: list[str] = []
        for key, value in node.value:
            if getattr(key, "value", None) != "pip":
                text = "only a 'pip:' section may stand among the dependencies."
                raise self.wrong(text, key)
            found += self._strings(value, "the pip section")
            self.lines.setdefault("pip:", key.start_mark.line + 1)
        return found

    def _variables(self, node: yaml.Node | None) -> dict[str, str]:
        if node is None or (isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null")):
            return {}
        if not isinstance(node, yaml.MappingNode):
            text = "variables must be a mapping."
            raise self.wrong(text, node)
        return {self._string(k, "a variable"): self._string(v, "a variable's value") for k, v in node.value}


def with_specs(file: CondaFile, specs: Sequence[str], *, drop: bool = False) -> str:
    """Give the file's text with `specs` added to its dependencies, or dropped; every other line stays as it is."""
    text = read_text(file.path)
    newline = "\r\n" if "\r\n" in text else "\n"
    rows = text.split(newline)
    for spec in specs:
        name = spec_name(spec)
        at = file.lines.get(name)
        if drop and at is None:
            message = f"{name!r} is not among the dependencies of {file.path.name}."
            raise LabError(message, file=file.path.name, title="not declared")
        if at is not None:
            old = next(item for item in file.dependencies if spec_name(item) == name)
            row = rows[at - 1]
            if old not in row or "[" in row.partition("-")[0]:
                message = f"line {at} cannot be edited safely; edit it by hand."
                raise LabError(message, file=file.path.name, line=at, code=ExitCode.BAD_REQUEST)
            rows[at - 1] = "\0" if drop else row.replace(old, spec, 1)
        else:
            _insert(file, rows, spec)
    return newline.join(row.replace("\n", newline) for row in rows if row != "\0")


def _insert(file: CondaFile, rows: list[str], spec: str) -> None:
    """Put a new entry behind the last plain one, indented as that one is."""
    plain = [line for name, line in file.lines.items() if name != "pip:"]
    if not plain or not rows[max(plain) - 1].lstrip().startswith("- "):
        message = "its dependencies are not a plain list; add the package by hand."
        raise LabError(message, file=file.path.name, remedy=f"add '- {spec}' to {file.path.name}")
    row = rows[max(plain) - 1]
    indent = row[: len(row) - len(row.lstrip())]
    quoted = f'"{spec}"' if re.search(r"[:#{}\[\],&*?|>!%@`]", spec) else spec
    rows[max(plain) - 1] = f"{row}\n{indent}- {quoted}"
