"""Read requirements files as pip does: its own functions join lines and split options."""

from __future__ import annotations

import contextlib
import io
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)

from tasks_lib.errors import Remedy
from tasks_lib.execution import files
from tasks_lib.importers.base import Importer
from tasks_lib.importers.declarations import (
    GROUPS,
    MAIN,
    Declarations,
    Target,
    target_of,
    with_marker,
)
from tasks_lib.importers.merging import CONSTRAINTS
from tasks_lib.project.manifests import PYPROJECT, PyProject, read_toml
from tasks_lib.project.requirements import is_folder
from tasks_lib.tools import package_index

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_FILE = re.compile(r"(?:requirements[-_./])?(?P<word>\w+?)(?:[-_.]requirements)?\.(?:in|txt)")
_GLOBS = ("*requirements*.in", "requirements/*.in", "*requirements*.txt", "requirements/*.txt")
#: words in a file's name: for the project's own dependencies, for `dev`, for groups of that name
_MAIN_WORDS = {"requirements", "base", "main", "prod", "production", "common"}
_DEV_WORDS = {"dev", "develop", "development"}
_GROUP_WORDS = {"test", "tests", "testing", "doc", "docs", "lint", "linting", "ci", "typing"}
_EGG = re.compile(r"(?P<mark>[#&])(?P<egg>egg=(?P<name>[\w.-]+(?:\[[\w.,-]*\])?))")
_LOCAL = re.compile(r"(?P<path>[^\[;]+?)(?P<extras>\[[\w.,\s-]*\])?\s*(?P<marker>;.*)?")
_ARCHIVES = (".whl", ".tar.gz", ".zip")
#: the options that are taken over, or whose absence changes nothing
_KNOWN = {"requirements", "constraints", "editables", "hashes", "require_hashes"}
#: files that one file names, and those name
_MOST_FILES = 100
_HASHES = "its hashes are left out: the lock has those of every file"


class RequirementsFiles(Importer):
    """`requirements.txt`, `requirements-dev.in`, `requirements/test.txt` and the like."""

    def read(self) -> Iterator[Declarations]:
        """Yield each file; one that was compiled from another gives way to that."""
        names = self._names()
        sources = [name for name in names if group_named(name) is not None]
        groups: set[str] = set()
        for name in names:
            source = f"{name.removesuffix('.txt')}.in"
            group = group_named(name)
            if source in names and source != name:
                note = f"it is made from {source}, which is read in its place"
                yield Declarations(name, notes=[note])
            elif group is None:
                declared = Declarations(name)
                why = "its name does not say whether it is for all, for development or for tests"
                declared.warn(f"it is not read: {why}")
                yield declared
            else:
                reader = Reader(self.root, sources)
                yield from reader.file(name, target_of(group), adds=group in groups)
                groups.add(group)

    def _names(self) -> list[str]:
        """Return the paths of all requirements files, relative to the project."""
        names = []
        for glob in _GLOBS:
            paths = [path for path in sorted(self.root.glob(glob)) if path.is_file()]
            names += [path.relative_to(self.root).as_posix() for path in paths]
        return names


def group_named(name: str) -> str | None:
    """Return the group that a file is for by its name, "" for no group, `None` if unknown."""
    found = _FILE.fullmatch(name)
    word = found["word"].lower() if found else ""
    if word in _MAIN_WORDS:
        return ""
    if word in _DEV_WORDS:
        return "dev"
    return word if word in _GROUP_WORDS else None


def read_file(root: Path, name: str, target: Target) -> list[Declarations]:
    """Return what a requirements file adds to a list, and the files that it names."""
    return Reader(root).file(name, target, adds=True)


class Reader:
    """Read requirements files and the files that they name, each once for each list.

    `sources` are files that are read for themselves: they are not read again.
    """

    def __init__(self, root: Path, sources: Sequence[str] = ()) -> None:
        """Begin with nothing read."""
        from pip._internal.req.req_file import get_line_parser  # noqa: PLC0415 - 0.2 s

        self.root = root
        self.sources = sources
        self.seen: set[tuple[str, Target]] = set()
        self.split = get_line_parser(None)
        self.defaults = vars(self.split("")[1])

    def file(self, name: str, target: Target, *, adds: bool) -> list[Declarations]:
        """Return what a file declares, and the files that it names."""
        from pip._internal.req.req_file import ignore_comments, join_lines  # noqa: PLC0415 - 0.2 s

        self.seen.add((name, target))
        declared = Declarations(name, adds=adds)
        rows = enumerate(declared.read(self.root).splitlines(), 1)
        return self.entries(declared, ignore_comments(join_lines(rows)), target)

    def entries(
        self, declared: Declarations, rows: Iterable[tuple[int, str]], target: Target = MAIN
    ) -> list[Declarations]:
        """Read numbered lines into `declared`; return that and the files that they name."""
        lines = _Lines(self, declared)
        for line, text in rows:
            try:
                lines.entry(text, line, target)
            except OSError as error:
                declared.refuse(f"{text!r} cannot be looked at: {error.strerror}", line)
        return [declared, *lines.named_files]


class _Lines:
    """Read the lines of one file."""

    def __init__(self, reader: Reader, declared: Declarations) -> None:
        self.reader = reader
        self.root = reader.root
        self.declared = declared
        self.named_files: list[Declarations] = []

    def entry(self, text: str, line: int, target: Target) -> None:
        """Read one line, which has no comment any more."""
        from pip._internal.req.req_file import OptionParsingError  # noqa: PLC0415 - 0.2 s

        if not any(word.startswith("-") for word in text.split()):  # pip's parser is slow
            self.requirement(text, line, target, editable=False)
            return
        try:
            with contextlib.redirect_stderr(io.StringIO()):  # where it would print its usage
                wanted, options = self.reader.split(text)
        except OptionParsingError as error:
            why = error.msg.rpartition("error:")[2].strip().rstrip(".")
            self.declared.refuse(f"{text!r} is not a line of a requirements file: {why}", line)
        for name in options.requirements:
            self.include(name, line, target)
        for name in options.constraints:
            self.include(name, line, CONSTRAINTS)
        for one in options.editables:
            self.requirement(one, line, target, editable=True)
        if wanted:
            self.requirement(wanted, line, target, editable=False)
        self.report(vars(options), text, line)

    def report(self, options: dict[str, Any], text: str, line: int) -> None:
        """Report the options that only pip knows."""
        has_hashes = options.get("hashes") or options.get("require_hashes")
        if has_hashes and _HASHES not in self.declared.notes:
            self.declared.notes.append(_HASHES)
        given = {name for name, value in options.items() if value != self.reader.defaults[name]}
        if given - _KNOWN:
            option = " ".join(word for word in text.split() if not word.startswith("--hash"))
            advice = f"Use the managers' own settings; one index goes into {package_index.VARIABLE}"
            self.declared.warn(f"'{option}' is not taken over", line, Remedy(advice))

    def include(self, name: str, line: int, target: Target) -> None:
        """Follow `-r` and `-c`, from the folder of the file that has them."""
        if "://" in name:
            text = f"{name} is at another address, and nothing is downloaded from there"
            self.declared.refuse(text, line)
        folder = (self.root / self.declared.file).parent
        inner = Path(os.path.relpath(folder / name, self.root)).as_posix()
        is_source = inner in self.reader.sources
        if is_source and target[0] == GROUPS:
            group = group_named(inner)
            # the project's own dependencies are installed with every group
            if group not in {"", target[1]}:
                self.declared.put_entry(target, {"include-group": group}, line)
            return
        if not files.inside(self.root, self.root / inner).is_file():
            self.declared.refuse(f"It names {name}, and there is no such file", line)
        seen = self.reader.seen
        if is_source or inner == self.declared.file or (inner, target) in seen:
            return
        if len(seen) > _MOST_FILES:
            self.declared.refuse(f"More than {_MOST_FILES} files are named", line)
        self.named_files += self.reader.file(inner, target, adds=True)

    def requirement(self, text: str, line: int, target: Target, *, editable: bool) -> None:
        """Read a requirement: by name, by address, or a folder or file of this machine."""
        if "://" in text:
            self.declared.require(target, self.addressed(text, line).strip(), line)
            return
        parts = _LOCAL.fullmatch(text)
        is_path = editable or is_folder(text)
        if parts and (is_path or parts["path"].endswith(_ARCHIVES)):
            self.local(text, parts, line, target, editable=editable)
        else:
            self.declared.require(target, text.strip(), line)

    def addressed(self, text: str, line: int) -> str:
        """Return a requirement with an address as PEP 508 writes it."""
        egg = _EGG.search(text)
        if egg:
            address, _, marker = text.partition(";")
            plain = address.replace(egg["mark"] + egg["egg"], egg["mark"])
            plain = plain.replace("#&", "#").strip().rstrip("#&")
            return with_marker(f"{egg['name']} @ {plain}", marker)
        if " @ " in text:
            return text
        return f"{self.named(text, line)} @ {text}"

    def local(
        self, text: str, parts: re.Match[str], line: int, target: Target, *, editable: bool
    ) -> None:
        """Read a folder or a file of this machine."""
        path = parts["path"].strip()
        extras = parts["extras"] or ""
        if files.is_same_place(self.root / path, self.root):
            self.declared.is_project(f"'{text}'", line)
            if extras.strip("[] "):
                self.declared.without_extra(text, extras.strip("[] "), line)
            return
        requirement = f"{self.named(path, line)}{extras}{parts['marker'] or ''}"
        wanted = self.declared.require(target, requirement, line)
        self.declared.source(wanted, target, path, line, editable=editable)

    def named(self, place: str, line: int) -> str:
        """Return the name of the project in a folder, or in an archive."""
        path = self.root / place
        if "://" not in place and path.is_dir():
            file = files.inside(self.root, path / PYPROJECT)
            if file.is_file():
                return PyProject(file, *read_toml(file)).name or path.resolve().name
            return path.resolve().name
        if "://" not in place and not path.exists():
            self.declared.refuse(f"There is no {place} to install", line)
        name = Path(place.partition("#")[0].partition("?")[0]).name
        try:
            if name.endswith(".whl"):
                return parse_wheel_filename(name)[0]
            return parse_sdist_filename(name)[0]
        except (InvalidWheelFilename, InvalidSdistFilename):
            self.declared.refuse(f"{place} has no name; write NAME @ {place}", line)
