"""What a foreign manifest declares: each value with its place in `pyproject.toml`, and its line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from tasks_lib.errors import LabError, Remedy
from tasks_lib.execution import files
from tasks_lib.execution.redaction import without_logins
from tasks_lib.managers import MANAGERS
from tasks_lib.project.manifests import BAD_TEXT, invalid, read_text, too_large

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tasks_lib.project.manifests import PyProject

#: the path of a key in `pyproject.toml`
Target = tuple[str, ...]
MAIN: Target = ("project", "dependencies")
EXTRAS: Target = ("project", "optional-dependencies")
GROUPS = "dependency-groups"
NAME: Target = ("project", "name")
DYNAMIC: Target = ("project", "dynamic")
PYTHON: Target = ("project", "requires-python")
NO_REMEDY = Remedy()


#: the most requirements of all files: init would take minutes for many more
MOST = 2000
#: characters of a file of requirements, and of a message
_LONGEST_TEXT = 1 << 20
_LONGEST_MESSAGE = 400


def _short(text: str) -> str:
    """Return a message of bearable length."""
    if len(text) <= _LONGEST_MESSAGE:
        return text
    half = _LONGEST_MESSAGE // 2
    return f"{text[:half]} … {text[-half:]}"


def target_of(group: str) -> Target:
    """Return the list of a dependency group, that of the project's own dependencies for no name."""
    return (GROUPS, group) if group else MAIN


def group_of(target: Target) -> str:
    """Return the dependency group of a list, no name for dependencies and extras."""
    return target[1] if target[0] == GROUPS else ""


def with_marker(requirement: str, marker: str) -> str:
    """Return a requirement with a marker, if there is one."""
    return f"{requirement} ; {marker}" if marker else requirement


@dataclass(frozen=True)
class Item:
    """One value, or one entry of a list (`listed`), and its place in `pyproject.toml`.

    `line`, of an entry, counts from 1. `comments` are those of `pyproject.toml` itself that move
    with the value.
    """

    target: Target
    value: Any
    line: int | None = None
    listed: bool = False
    comments: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class Notice:
    """Something that the user has to look at; `line` counts from 1."""

    text: str
    line: int | None = None
    remedy: Remedy = NO_REMEDY


@dataclass
class Declarations:
    """What one file declares, what was done about it, and what could not be taken over.

    A file that `adds` is not a rival of the files before it: its entries are added to their lists.
    What is `spare` comes into a group of a package, unless the package itself depends on it.
    `dropped` names the keys of `pyproject.toml` that have a new place.
    """

    file: str
    items: list[Item] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    notices: dict[Notice, None] = field(default_factory=dict)
    dropped: list[Target] = field(default_factory=list)
    adds: bool = False
    spare: bool = False

    def put(self, target: Target, value: object, comments: Sequence[str] = ()) -> None:
        """Take a value over."""
        self.items.append(Item(target, value, comments=tuple(comments)))

    def put_entry(
        self, target: Target, value: object, line: int | None, comments: Sequence[str] = ()
    ) -> None:
        """Take an entry of a list over."""
        self.items.append(Item(target, value, line, listed=True, comments=tuple(comments)))

    def put_python(self, versions: str, line: int | None, comments: Sequence[str] = ()) -> None:
        """Take over which versions of Python are supported."""
        self.parse(f"python{versions}", line, versions)
        self.put(PYTHON, versions, comments)

    def require(
        self,
        target: Target,
        text: str,
        line: int | None,
        shown: str = "",
        comments: Sequence[str] = (),
    ) -> Requirement:
        """Take a requirement over into a list; `shown` is what the file has in its place."""
        wanted = self.parse(text, line, shown)
        if len(self.items) >= MOST:
            self.refuse(f"It has more than {MOST} requirements, which no project should have", line)
        self.put_entry(target, text, line, comments)
        return wanted

    def parse(self, text: str, line: int | None, shown: str = "") -> Requirement:
        """Return a requirement; one that PEP 508 does not allow is an error with its line."""
        self.expect_text(text, line)
        try:
            return Requirement(text)
        except InvalidRequirement as error:
            why = str(error).partition("\n")[0].rstrip(".")
            said = f"{shown or repr(text)} is not a requirement that Poetry and uv can both read"
            self.refuse(f"{said}: {why}", line)

    def source(
        self,
        wanted: Requirement,
        target: Target,
        path: str,
        line: int | None,
        *,
        editable: bool,
    ) -> None:
        """Tell every manager in which folder or file a requirement of a list is found."""
        self.expect_text(path, line)
        place: dict[str, Any] = {"path": path}
        if editable:
            place["editable"] = True
        for manager in MANAGERS.values():
            key = manager.tables.source_key(wanted.name, group_of(target))
            if key and not self.place(key, manager.tables.from_place(place), line):
                return

    def place(self, target: Target, value: object, line: int | None) -> bool:
        """Take over where a requirement is found, and return whether that is now said.

        There is one place for a name. A second place is reported and not taken over.
        """
        for item in self.items:
            if item.target != target:
                continue
            if item.value == value:
                return True
            text = f"{target[-1]}: {value} is NOT taken over; {item.value} is used for all"
            remedy = Remedy("Write both into pyproject.toml, in the way of each manager")
            self.warn(text, line, remedy)
            return False
        self.put(target, value)
        return True

    def leave_out(self, name: str) -> None:
        """Leave the project itself out of its requirements; an extra may name the other extras."""
        kept = []
        for item in self.items:
            wanted = _requirement(item)
            if wanted is None or canonicalize_name(wanted.name) != name:
                kept.append(item)
                continue
            self.is_project(f"'{item.value}'", item.line)
            if wanted.extras:
                self.without_extra(str(item.value), ", ".join(sorted(wanted.extras)), item.line)
        self.items = kept

    def is_project(self, shown: str, line: int | None) -> None:
        """Note that an entry is the project itself."""
        text = f"{shown} (line {line}) is the project itself, and is left out"
        self.notes.append(f"{text}: the manager installs it if it is a package")

    def without_extra(self, text: str, extra: str, line: int | None) -> None:
        """Report that the project is installed without an extra of its own."""
        said = f"'{text}': the project itself is installed without its extra {extra}"
        self.warn(said, line, Remedy("Add what the extra requires to a group"))

    def read(self, root: Path) -> str:
        """Return the text of the file."""
        is_for_pip = self.file.endswith((".txt", ".in"))  # pip reads UTF-16 too
        text = read_text(files.inside(root, root / self.file), self.file, wide=is_for_pip)
        if len(text) > _LONGEST_TEXT:
            raise too_large(self.file, _LONGEST_TEXT)
        bad = BAD_TEXT.search(text)
        if bad:
            self.expect_text(text, text.count("\n", 0, bad.start()) + 1)
        return text

    def expect_text(self, text: str, line: int | None) -> None:
        """Refuse what no program can be given: a TOML file may have it behind a backslash."""
        if BAD_TEXT.search(text):
            self.refuse("It has a character that no program can be given", line)

    def warn(self, text: str, line: int | None = None, remedy: Remedy = NO_REMEDY) -> None:
        """Report what the user has to look at, without the logins in it."""
        self.notices[Notice(_short(without_logins(text, tokens=True)), line, remedy)] = None

    def refuse(self, text: str, line: int | None) -> NoReturn:
        """Raise the error for something that is written wrongly."""
        said = f"{_short(without_logins(text, tokens=True))}."
        raise invalid(said, self.file, line) from None


def _requirement(item: Item) -> Requirement | None:
    """Return the requirement that an item puts into a list of dependencies."""
    if item.listed and isinstance(item.value, str) and item.target[:2] != EXTRAS:
        return Requirement(item.value)
    return None


def requirement_lists(pyproject: PyProject) -> Iterator[tuple[Target, list[Any]]]:
    """Yield each list of requirements in `[project]` and `[dependency-groups]`, with its place."""
    targets = [MAIN]
    targets += [(*EXTRAS, name) for name in pyproject.table(*EXTRAS)]
    targets += [(GROUPS, name) for name in pyproject.table(GROUPS)]
    for target in targets:
        entries = pyproject.table(*target[:-1]).get(target[-1], [])
        if not isinstance(entries, list):
            line = pyproject.line_of(*target)
            Declarations(pyproject.path.name).refuse(f"{target[-1]} must be a list", line)
        yield target, [entry for entry in entries if isinstance(entry, str)]


def expect_requirements(pyproject: PyProject) -> None:
    """Refuse an entry of those lists that is not a requirement, with its line."""
    declared = Declarations(pyproject.path.name)
    for _, entries in requirement_lists(pyproject):
        for entry in entries:
            try:
                declared.parse(entry, None)
            except LabError as error:
                before = pyproject.text.partition(entry or '""')[0]
                error.line = before.count("\n") + 1
                raise
