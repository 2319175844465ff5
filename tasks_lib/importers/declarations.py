"""What a manifest of another tool declares: each thing with its place in pyproject.toml, its line and comments."""

from __future__ import annotations

import io
import re
import sys
import tokenize
from dataclasses import dataclass, field, replace
from email.utils import parseaddr
from typing import TYPE_CHECKING, Any, NoReturn

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution.redaction import without_logins
from tasks_lib.project.manifests import BAD_TEXT, read_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


Target = tuple[str, ...]
MAIN: Target = ("project", "dependencies")
GROUPS, EXTRAS = "dependency-groups", ("project", "optional-dependencies")
_TOML = re.compile(
    r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|(?P<comment>#[^\r\n]*)',
    re.DOTALL,
)
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"|\'[^\']*\'|(?P<comment>(?:^|(?<=\s))#.*)', re.MULTILINE)
_LINE = re.compile(r"(?:^|(?<=\s))(?P<comment>#.*)", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_PERSON = re.compile(r'\s*"?([^"<>]*?)"?\s*<([^<>]*)>\s*')
_LANGUAGES = {"toml": _TOML, "Pipfile": _TOML, "yml": _QUOTED, "yaml": _QUOTED}


@dataclass
class Item:
    """One value, or (`listed`) one entry of a list, and the line that declares it, counted from 1; then its comments.

    Without a value it is the comments alone.
    """

    target: Target
    value: Any
    line: int = 1
    listed: bool = False
    before: list[str] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Comment:
    """A comment, whether it has its line for itself, and the line where less deep text ends what it stands in."""

    line: int
    text: str
    alone: bool
    end: int = sys.maxsize

    @property
    def words(self) -> str:
        """Give the text without its marks."""
        return self.text.lstrip("#").strip()


@dataclass
class Found:
    """What one file declares, what was done about it that a person should know, and what could not be taken over.

    One that `adds` is no rival of the files before it: what they do not declare comes into their lists.
    What is `spare` comes into a group only where the project's own dependencies do not have it.
    """

    file: str
    items: list[Item] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    warned: list[tuple[str, int | None]] = field(default_factory=list)
    drops: list[Target] = field(default_factory=list)
    adds: bool = False
    spare: bool = False

    def put(self, target: Target, value: object, line: int | None) -> None:
        """Take a value over."""
        if target == ("project", "requires-python"):
            self.parse(f"python{value}", line, str(value))
        self.items.append(Item(target, value, line or 1))

    def require(self, target: Target, text: str, line: int | None, shown: str = "") -> Requirement:
        """Take a requirement over, into a list; one that PEP 508 cannot read is an error with its place."""
        wanted = self.parse(text, line, shown)
        self.items.append(Item(target, text, line or 1, listed=True))
        return wanted

    def parse(self, text: str, line: int | None, shown: str = "") -> Requirement:
        """Read a requirement; `shown` is what the file has in its place."""
        try:
            return Requirement(text)
        except InvalidRequirement as error:
            why = str(error).partition("\n")[0].rstrip(".")
            self.refuse(
                f"{shown or text!r} is no requirement that Poetry and uv can both read: {why}", line
            )

    def source(
        self, wanted: Requirement, group: str, path: str, line: int | None, *, editable: bool
    ) -> None:
        """Say for both managers in which folder or file a requirement is found."""
        mode = {"editable": True} if editable else {}
        if self.place(("tool", "uv", "sources", wanted.name), {"path": path, **mode}, line):
            place = (
                "tool",
                "poetry",
                *(("group", group) if group else ()),
                "dependencies",
                wanted.name,
            )
            self.place(place, {"path": path, **({"develop": True} if editable else {})}, line)

    def place(
        self, target: Target, value: dict[str, Any] | list[dict[str, Any]], line: int | None
    ) -> bool:
        """Say where one manager finds a requirement; tell whether that is so: a second place is not taken over."""
        first = next((one.value for one in self.items if one.target == target), None)
        if first is None:
            self.put(target, value, line)
        elif first != value:
            both = (one if isinstance(one, list) else [one] for one in (value, first))
            here, there = (
                ", ".join(f"{key} {said!r}" for one in some for key, said in one.items())
                for some in both
            )
            text = f"{target[-1]}: {here} is NOT taken over, and {there} holds for all its alternatives"
            self.warn(
                f"{text}: write both into pyproject.toml, each manager's in its own way", line
            )
        return first in (None, value)

    def leave_out(self, name: str) -> None:
        """Leave the project itself out of what it requires; an extra may speak of the project's other extras."""
        for item in self.items:
            wanted = (
                Requirement(item.value) if item.listed and isinstance(item.value, str) else None
            )
            if wanted and canonicalize_name(wanted.name) == name and item.target[:2] != EXTRAS:
                text = f"'{item.value}' (line {item.line}) is the project itself, and is left out"
                self.said.append(f"{text}: the manager installs it if it is a package")
                if wanted.extras:
                    self.without_extra(str(item.value), ", ".join(sorted(wanted.extras)), item.line)
                item.value = None

    def without_extra(self, text: str, extra: str, line: int) -> None:
        """Say what the project misses that is installed without an extra of its own."""
        why = f"'{text}': the project itself is installed without its extra {extra}"
        self.warn(
            f"{why}; what the extra needs, write to a group: invoke deps.add PACKAGE --group dev",
            line,
        )

    def read(self, root: Path) -> str:
        """Read the file itself."""
        text = read_text(root / self.file, self.file)
        if bad := BAD_TEXT.search(text):
            self.refuse(
                "it has a character that no program can be given",
                text.count("\n", 0, bad.start()) + 1,
            )
        return text

    def warn(self, text: str, line: int | None = None) -> None:
        """Note what a person has to see to; no login is repeated."""
        self.warned.append((without_logins(text, tokens=True), line))

    def refuse(self, text: str, line: int | None) -> NoReturn:
        """End the adoption at something that is written wrongly."""
        said = f"{without_logins(text, tokens=True)}."
        remedy = f"mend {self.file}"
        raise LabError(
            said, ErrorCode.INVALID_MANIFEST, file=self.file, line=line, remedy=remedy
        ) from None

    def noted(self) -> list[Item]:
        """Give each item with the comments that stand before it, and behind it, in the file's order."""
        items = [
            replace(item, before=[], behind=[])
            for item in sorted(self.items, key=lambda item: item.line)
        ]
        for one in self.comments if items else ():
            words = [one.words] if one.words else []
            last = max((at for at, item in enumerate(items) if item.line <= one.line), default=-1)
            follower = items[last + 1] if last + 1 < len(items) else None
            if follower and (last < 0 or (one.alone and follower.line < one.end)):
                follower.before += words
            else:
                items[last].behind += words
        return items


def comments(file: str, text: str) -> list[Comment]:
    """Give the comments of a file, by the language that its name tells."""
    rows = text.split("\n")
    if file.endswith(".py"):
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        found = [(one.start, one.string) for one in tokens if one.type == tokenize.COMMENT]
        return [
            Comment(row, said, not rows[row - 1][:at].strip(), end_of(rows, row))
            for (row, at), said in found
        ]
    pattern = _LANGUAGES.get(file.rpartition(".")[2].rpartition("/")[2], _LINE)
    made = []
    for match in pattern.finditer(text):
        if said := match["comment"]:
            start = match.start("comment")
            ahead = text[text.rfind("\n", 0, start) + 1 : start].strip()
            alone = not ahead or (
                pattern is _TOML and ahead[0] == "["
            )  # behind a header it speaks of what follows
            line = text.count("\n", 0, start) + 1
            made.append(Comment(line, said.rstrip(), alone, end_of(rows, line)))
    return made


def uncommented(toml: str) -> str:
    """Give a piece of TOML with blanks in place of its comments."""
    return _TOML.sub(lambda match: " " * len(match[0]) if match["comment"] else match[0], toml)


def end_of(rows: Sequence[str], line: int) -> int:
    """Give the line that ends what a comment stands in: less deep than the comment and what follows it."""
    depth, follows = len(rows[line - 1]) - len(rows[line - 1].lstrip()), True
    for at in range(line, len(rows)):
        text = rows[at].lstrip()
        if text and text[0] != "#":
            here = len(rows[at]) - len(text)
            depth, follows = max(depth, here) if follows else depth, False
            if here < depth:
                return at + 1
    return sys.maxsize


def distribution(text: str) -> str:
    """Turn words into a name that a distribution may have, empty where nothing is left."""
    return text if _NAME.fullmatch(text) else re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")


def people(texts: Sequence[str]) -> list[dict[str, str]]:
    """Write `Name <address>` as the `[project]` table has it."""
    pairs = [
        match.groups() if (match := _PERSON.fullmatch(text)) else parseaddr(text) for text in texts
    ]
    both = [
        (("name", name), ("email", address if "@" in address else "")) for name, address in pairs
    ]
    return [
        {key: value for key, value in one if value} or {"name": text}
        for one, text in zip(both, texts, strict=True)
    ]


def license_of(text: str, classifiers: Sequence[str]) -> object:
    """Write a licence as an SPDX expression where it is one; beside a classifier of licences that is not allowed."""
    try:
        spdx = canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        return {"text": text}
    return {"text": text} if any(one.startswith("License ::") for one in classifiers) else str(spdx)
