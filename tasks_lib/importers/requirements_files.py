"""Read requirements files as pip does: its own functions join their lines and split their options."""

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

from tasks_lib.importers.declarations import GROUPS, MAIN, Found, Item, Target, comments
from tasks_lib.project.manifests import PYPROJECT, PyProject, read_toml
from tasks_lib.project.requirements import is_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_FILE = re.compile(r"(?:requirements[-_./])?(?P<word>\w+?)(?:[-_.]requirements)?\.(?P<kind>in|txt)")
_KINDS = {
    **dict.fromkeys(("requirements", "base", "main", "prod", "production", "common"), ""),
    **dict.fromkeys(("dev", "develop", "development"), "dev"),
    **{
        word: word
        for word in ("test", "tests", "testing", "doc", "docs", "lint", "linting", "ci", "typing")
    },
}
_CONSTRAINTS: Target = ("tool", "uv", "constraint-dependencies")
_EGG = re.compile(r"[#&]egg=(?P<name>[\w.-]+)(?P<extras>\[[\w.,-]*\])?")
_SPLIT = re.compile(r"(?P<path>[^\[;]+?)(?P<extras>\[[\w.,\s-]*\])?\s*(?P<marker>;.*)?")


def group_of(name: str) -> str | None:
    """Give the dependency group that a file's name speaks of, empty for the project's own, `None` for no known one."""
    found = _FILE.fullmatch(name)
    return _KINDS.get(found["word"].lower()) if found else None


def read_all(root: Path) -> Iterator[Found]:
    """Read the requirements files of a project; one that was compiled from another gives way to that."""
    globs = ("*requirements*.in", "requirements/*.in", "*requirements*.txt", "requirements/*.txt")
    names = [
        path.relative_to(root).as_posix()
        for glob in globs
        for path in sorted(root.glob(glob))
        if path.is_file()
    ]
    sources = [name for name in names if group_of(name) is not None]
    groups: set[str] = set()
    for name in names:
        if name.endswith(".txt") and f"{name[:-4]}.in" in names:
            yield Found(name, said=[f"it is made from {name[:-4]}.in, which is read in its place"])
        elif name in sources:
            group = group_of(name) or ""
            yield from read_file(
                root, name, (GROUPS, group) if group else MAIN, sources, adds=group in groups
            )
            groups.add(group)
        else:
            why = "it is not read: its name does not say whether it is for all, for development or for tests"
            yield Found(name, warned=[(why, None)])


def read_file(
    root: Path, name: str, target: Target, sources: Sequence[str] = (), *, adds: bool = False
) -> list[Found]:
    """Read a requirements file and those that it names, but for `sources`, which are read for themselves."""
    from pip._internal.req.req_file import ignore_comments, join_lines  # noqa: PLC0415 - 0.2 s, for this alone

    found = Found(name, adds=adds)
    text = found.read(root)
    found.comments = comments(name, text)
    rows = ignore_comments(join_lines(enumerate(text.splitlines(), 1)))
    return read_entries(root, found, rows, target, sources)


def read_entries(
    root: Path,
    found: Found,
    rows: Iterable[tuple[int, str]],
    target: Target = MAIN,
    sources: Sequence[str] = (),
) -> list[Found]:
    """Read lines of a requirements file by their numbers; give `found`, and what the files hold that they name."""
    reader = _Reader(root, found, sources)
    for line, text in rows:
        reader.entry(text, line, target)
    return [found, *reader.named_files]


class _Reader:
    """Read lines into one `Found`."""

    def __init__(self, root: Path, found: Found, sources: Sequence[str]) -> None:
        from pip._internal.req.req_file import get_line_parser  # noqa: PLC0415 - as above

        self.root, self.found, self.sources = root, found, sources
        self.split = get_line_parser(None)
        self.named_files: list[Found] = []

    def entry(self, text: str, line: int, target: Target) -> None:
        """Read one line, which has no comment any more."""
        from pip._internal.req.req_file import OptionParsingError  # noqa: PLC0415 - as above

        try:
            with contextlib.redirect_stderr(io.StringIO()):  # where it would print its usage
                wanted, options = self.split(text)
        except OptionParsingError as error:
            why = error.msg.rpartition("error:")[2].strip().rstrip(".")
            self.found.refuse(f"{text!r} is no line of a requirements file: {why}", line)
        for one in options.requirements:
            self.include(one, line, target)
        for one in options.constraints:
            self.include(one, line, _CONSTRAINTS)
        for one in options.editables:
            self.requirement(one, line, target, editable=True)
        if wanted:
            self.requirement(wanted, line, target, editable=False)
        self.options(vars(options), text, line)

    def options(self, options: dict[str, Any], text: str, line: int) -> None:
        """Report what only pip knows."""
        hashes = "its hashes are left out: the lock has those of every file"
        if (
            options.get("hashes") or options.get("require_hashes")
        ) and hashes not in self.found.said:
            self.found.said.append(hashes)
        known = {"requirements", "constraints", "editables", "hashes", "require_hashes"}
        given = {
            name for name, value in options.items() if value and not name.endswith("_control")
        }  # one is ever there
        if given - known:
            option = " ".join(word for word in text.split() if not word.startswith("--hash"))
            self.found.warn(
                f"'{option}' is not taken over: tell it to pip, uv or Poetry (one index: MLOPS_LAB_INDEX_URL)",
                line,
            )
        elif re.search(r"--(no-binary|only-binary|all-releases|only-final)", text):
            self.found.warn(
                f"'{text}' is not taken over: the managers have settings of their own for it", line
            )

    def include(self, name: str, line: int, target: Target) -> None:
        """Follow `-r` and `-c`, from the folder of the file that has them."""
        if "://" in name:
            self.found.refuse(f"{name} is somewhere else, and nothing is fetched from there", line)
        path = Path(os.path.relpath((self.root / self.found.file).parent / name, self.root))
        inner = path.as_posix()
        group = group_of(inner) if inner in self.sources else None
        if (
            group is not None and target[0] == GROUPS
        ):  # the project's own dependencies are there with every group
            if group not in {"", target[1]}:
                self.found.items.append(Item(target, {"include-group": group}, line, listed=True))
            return
        if not (self.root / path).is_file():
            self.found.refuse(f"it names {name}, and there is no such file", line)
        if inner in self.sources or inner == self.found.file:
            return
        self.named_files += read_file(
            self.root, inner, target, (*self.sources, self.found.file, inner), adds=True
        )

    def requirement(self, text: str, line: int, target: Target, *, editable: bool) -> None:
        """Read a requirement: by name, by address, or a folder or file of this machine."""
        found = self.found
        if "://" in text and (egg := _EGG.search(text)):
            address, _, marker = text.partition(";")
            plain = re.sub(
                r"#&?",
                "#",
                _EGG.sub(lambda match: match[0][:1] if match[0][:1] == "#" else "", address),
            )
            text = f"{egg['name']}{egg['extras'] or ''} @ {plain.strip().rstrip('#')}{f' ; {marker}' if marker else ''}"
        elif "://" in text:
            text = text if " @ " in text else f"{self.named(text, line)} @ {text}"
        elif parts := self.local(text, editable=editable):
            path = parts["path"].strip()
            if (self.root / path).resolve() == self.root.resolve():
                found.said.append(
                    f"'{text}' (line {line}) is the project itself, which the manager installs if it is a package"
                )
                if extras := (parts["extras"] or "").strip("[] "):
                    found.without_extra(text, extras, line)
                return
            name = self.named(path, line)
            wanted = found.require(
                target, f"{name}{parts['extras'] or ''}{parts['marker'] or ''}", line
            )
            group = target[1] if target[0] == GROUPS else ""
            found.source(wanted, group, path, line, editable=editable)
            return
        found.require(target, text.strip(), line)

    def local(self, text: str, *, editable: bool) -> re.Match[str] | None:
        """Tell a path from a requirement: by how it begins, as pip does, or by what it ends in."""
        parts = _SPLIT.fullmatch(text)
        if parts and (
            editable or is_folder(text) or parts["path"].endswith((".whl", ".tar.gz", ".zip"))
        ):
            return parts
        return None

    def named(self, place: str, line: int) -> str:
        """Give the name of what stands in a folder, or of an archive."""
        path = self.root / place
        if path.is_dir():
            file = path / PYPROJECT
            return (
                PyProject(file, *read_toml(file)).name if file.is_file() else ""
            ) or path.resolve().name
        if "://" not in place and not path.exists():
            self.found.refuse(f"there is no {place} to install", line)
        name = Path(place.partition("#")[0].partition("?")[0]).name
        try:
            return (
                parse_wheel_filename(name)[0]
                if name.endswith(".whl")
                else parse_sdist_filename(name)[0]
            )
        except (InvalidWheelFilename, InvalidSdistFilename):
            self.found.refuse(f"{place} has no name: write NAME @ {place}", line)
