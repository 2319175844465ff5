"""Read the conda environment file: `conda.yml`, or another name that people use."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import yaml

from tasks_lib.errors import Remedy, nearest
from tasks_lib.execution import files
from tasks_lib.project.bounded_yaml import compose
from tasks_lib.project.manifests import BAD_TEXT, invalid, read_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tasks_lib.errors import LabError

#: the names of conda files, in the order in which they are looked for
CONDA_FILES = ("conda.yml", "conda.yaml", "environment.yml", "environment.yaml", "env.yml")
#: conda packages that have another name on PyPI
PYPI = {"pytorch": "torch", "opencv": "opencv-python", "matplotlib-base": "matplotlib"}
#: conda packages of programs and libraries; on PyPI the name is another project's
_PROGRAMS = (
    "blast boost bzip2 cairo clangxx curl docker eigen emacs ffmpeg fftw flex gcc geos "
    "ghostscript git glpk gmp go gradle graphviz gsl hadoop hdf5 htslib imagemagick ipopt java jq "
    "julia leveldb libsvm libtiff lua make mariadb maven mongodb mpich mysql ncurses neo4j nginx "
    "nodejs octave openjdk openmpi openssl pandoc perl poppler postgresql proj qt r redis rocksdb "
    "ruby rust scala snappy sox spark sqlite swig tcl tesseract texlive tk tree unzip vim wget xz "
    "yaml z3 zip zlib zstd "
)
OTHER_ON_PYPI = frozenset(_PROGRAMS.split())
_BAD_NAME = re.compile(r"[/\\ :#\x00-\x1f]")
#: bytes; the name becomes a folder, and systems allow 255
_LONGEST_NAME = 200
_NULL = "tag:yaml.org,2002:null"
#: conda ignores a section of another name, and says so (conda 24.7, `VALID_KEYS`)
SECTIONS = ("name", "channels", "dependencies", "variables", "prefix")


@dataclass(frozen=True)
class CondaFile:
    """A conda environment file: what it names, and the lines of that, counted from 1."""

    path: Path
    name: str
    channels: tuple[str, ...]
    dependencies: tuple[str, ...]
    pip: tuple[str, ...]
    variables: Mapping[str, str]
    #: the line of each conda package by its name, and of the `pip:` section as `pip:`
    lines: Mapping[str, int] = field(repr=False, compare=False)
    #: the line of each entry of `pip`
    pip_lines: tuple[int, ...] = field(default=(), repr=False, compare=False)
    #: the sections that conda ignores, and their lines
    ignored: tuple[tuple[str, int], ...] = field(default=(), compare=False)

    @classmethod
    def find(cls, root: Path) -> Path | None:
        """Return the path of a project's conda file, or None where it has none."""
        for name in CONDA_FILES:
            path = root / name
            # a pipe or a device is no conda file, and reading it says so
            if path.is_file() or (path.exists() and not path.is_dir()):
                return path
        return None

    @classmethod
    def read(cls, path: Path) -> CondaFile:
        """Read and check the file.

        Raises:
            LabError: with the file, and the line where it is known.
        """
        return cls.parse(path, read_text(files.inside(path.parent, path), wide=True))

    @classmethod
    def parse(cls, path: Path, text: str) -> CondaFile:
        """Read and check `text` as the content of the file at `path`."""
        return _Reader(path).read(text)

    @property
    def python(self) -> str | None:
        """Return the Python spec as conda writes it (`python=3.12`), if there is one."""
        return next((spec for spec in self.dependencies if spec_name(spec) == "python"), None)


def spec_name(spec: str) -> str:
    """Return the package's name in a conda spec: `numpy` for `conda-forge::numpy >=1.2`."""
    bare = spec.rpartition("::")[2].strip()
    return re.split(r"[\s=<>!~\[]", bare, maxsplit=1)[0].lower()


def ignored(section: str) -> tuple[str, Remedy]:
    """Return a sentence on a section that conda ignores, and what to do."""
    text = f"conda ignores the section {section!r}: it knows {', '.join(SECTIONS)}."
    near = nearest(section, SECTIONS)
    return text, Remedy(f"Call it {near[0]}" if near else "Remove the section")


class _Reader:
    """Read the nodes of the YAML: they know their lines, and an alias is never expanded."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[str, int] = {}
        self.dependencies: list[str] = []
        self.pip: list[str] = []
        self.pip_lines: list[int] = []

    def wrong(self, node: yaml.Node | None, text: str) -> LabError:
        return invalid(text, self.path.name, None if node is None else _line(node))

    def read(self, text: str) -> CondaFile:
        top = compose(text, self.path.name)
        if not isinstance(top, yaml.MappingNode):
            raise self.wrong(
                top, "The file must be a mapping with 'name', 'channels' and 'dependencies'."
            )
        known: dict[str, yaml.Node] = {}
        ignored: dict[str, int] = {}
        for key, value in top.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self.wrong(key, "A key must be a word.")
            known[key.value] = value
            if key.value not in SECTIONS:
                ignored[key.value] = _line(key)
        if "name" not in known:
            raise self.wrong(top, "The file gives the environment no name.")
        for node in self._list(known.get("dependencies"), "dependencies"):
            self._dependency(node)
        return CondaFile(
            path=self.path,
            name=self._name(known["name"]),
            channels=tuple(self._strings(known.get("channels"), "channels")),
            dependencies=tuple(self.dependencies),
            pip=tuple(self.pip),
            variables=self._variables(known.get("variables")),
            lines=self.lines,
            pip_lines=tuple(self.pip_lines),
            ignored=tuple(ignored.items()),
        )

    def _name(self, node: yaml.Node) -> str:
        name = self._string(node, "name")
        if not name or _BAD_NAME.search(name) or name in {".", ".."}:
            text = f"{name!r} is not a name for a conda environment: no '/', ' ', ':' or '#'."
            raise self.wrong(node, text)
        if len(name.encode()) > _LONGEST_NAME:
            raise self.wrong(node, f"The name {name[:20]!r}… is longer than {_LONGEST_NAME} bytes.")
        if name.lower() in {"base", "root"}:
            text = f"The environment may not be called {name!r}: conda's base is never changed."
            raise self.wrong(node, text)
        return name

    def _string(self, node: yaml.Node, what: str, *, secret: bool = False) -> str:
        if not isinstance(node, yaml.ScalarNode) or node.tag == _NULL:
            raise self.wrong(node, f"{what} must be a string.")
        if BAD_TEXT.search(node.value):
            shown = "" if secret else f": {node.value!r}"
            raise self.wrong(node, f"{what} has a character that no program accepts{shown}.")
        return str(node.value)

    def _list(self, node: yaml.Node | None, what: str) -> list[yaml.Node]:
        """Return the entries of a list, none where there is no list."""
        if node is None or node.tag == _NULL:
            return []
        if not isinstance(node, yaml.SequenceNode):
            raise self.wrong(node, f"{what} must be a list.")
        return list(node.value)

    def _strings(self, node: yaml.Node | None, what: str) -> list[str]:
        return [self._string(item, f"An entry of {what}") for item in self._list(node, what)]

    def _dependency(self, node: yaml.Node) -> None:
        """Keep a conda package, or the entries of a `pip:` section."""
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                self._pip_section(key, value)
            return
        spec = self._string(node, "An entry of dependencies").strip()
        if not spec_name(spec):
            raise self.wrong(node, f"{spec!r} is not a dependency.")
        self.dependencies.append(spec)
        self.lines.setdefault(spec_name(spec), _line(node))

    def _pip_section(self, key: yaml.Node, value: yaml.Node) -> None:
        if key.value != "pip":
            raise self.wrong(key, "Only a 'pip:' section is allowed among the dependencies.")
        # of two sections conda takes the last
        self.pip = self._strings(value, "the pip section")
        self.pip_lines = list(map(_line, self._list(value, "the pip section")))
        self.lines["pip:"] = _line(key)

    def _variables(self, node: yaml.Node | None) -> dict[str, str]:
        found: dict[str, str] = {}
        if node is None or node.tag == _NULL:
            return found
        if not isinstance(node, yaml.MappingNode):
            raise self.wrong(node, "variables must be a mapping.")
        for key, value in node.value:
            name = self._string(key, "A variable")
            if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name):
                raise self.wrong(key, f"No shell can hold a variable of the name {name!r}.")
            found[name] = self._string(value, f"The value of {name!r}", secret=True)
        return found


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
