"""Which packages the `pip:` section of a conda file names; conda hands its lines to pip.

A line of pip's is what stands before its options, or the value of `-e`; `-r` names a file of more
lines. Source: pip's documentation, 'Requirements File Format'. Nothing is downloaded or built.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from tasks_lib.errors import LabError
from tasks_lib.project.manifests import read_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.requirements import Requirement

    from tasks_lib.project.conda_file import CondaFile

_COMMENT = re.compile(r"(^|\s+)#.*$")
_CONTINUED = re.compile(r"\\\r?\n")
_EGG = re.compile(r"[#&]egg=([\w.-]+)")
_BEHIND_PATH = re.compile(r"(\[[\w\s,.-]*\])?\s*(\s;.*)?$")
_OPTION = re.compile(r"(-[a-zA-Z]|--[\w-]+)[\s=]*(.*)", re.DOTALL)
_ARCHIVES = (".whl", ".tar.gz", ".zip")
_VCS = re.compile(r"(git|hg|bzr|svn)\+")
#: the options that name packages; pip reads the value behind a space, a `=`, or nothing at all
_FILES = {"-r", "--requirement"}
_EDITABLES = {"-e", "--editable"}


@dataclass(frozen=True)
class Wanted:
    """One package of the section: a `requirement`, or an `address` where it has no name.

    `line` is that of the conda file, for what a file names too.
    """

    text: str
    line: int | None
    requirement: Requirement | None = None
    address: str = ""


@dataclass(frozen=True)
class PipSection:
    """What the section names; not `whole` where a file of `-r` is not read."""

    wanted: tuple[Wanted, ...] = ()
    whole: bool = True


def read(file: CondaFile | None) -> PipSection:
    """Return what the `pip:` section names, with the files of the project that it names."""
    if file is None or not file.pip:
        return PipSection()
    reader = _Reader(file.path.parent)
    wanted: list[Wanted] = []
    for number, text in enumerate(file.pip):
        line = file.pip_lines[number] if number < len(file.pip_lines) else None
        wanted += reader.entry(text, line, reader.root)
    return PipSection(tuple(wanted), reader.whole)


def without_comment(text: str) -> str:
    """Return an entry as pip reads it."""
    return _COMMENT.sub("", text).strip()


class _Reader:
    """Read lines, and each file that they name once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.whole = True
        self._seen: set[Path] = set()

    def entry(self, text: str, line: int | None, folder: Path) -> Iterator[Wanted]:
        """Read one line of a file in `folder`."""
        bare = without_comment(text)
        option = _OPTION.fullmatch(bare)
        if option is None:
            wanted = bare.partition(" --")[0].strip()
            if wanted:
                yield self._named(wanted, line)
        elif option[1] in _FILES:
            yield from self._file(option[2], line, folder)
        elif option[1] in _EDITABLES:
            yield self._named(option[2], line)

    def _file(self, name: str, line: int | None, folder: Path) -> Iterator[Wanted]:
        path = folder / name
        try:
            place = path.resolve()
            inside = "://" not in name and place.is_relative_to(self.root.resolve())
            if place in self._seen:
                return
            self._seen.add(place)
            text = read_text(path, wide=True) if inside else ""
        except (LabError, OSError, ValueError, RuntimeError):
            inside = False
        if not inside:
            self.whole = False
            return
        for row in _CONTINUED.sub("", text).splitlines():
            yield from self.entry(row, line, path.parent)

    def _named(self, text: str, line: int | None) -> Wanted:
        from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 - 0.03 s

        place = _BEHIND_PATH.sub("", text)
        is_file = place.endswith(_ARCHIVES) and " @ " not in text
        try:
            if not is_file:
                return Wanted(text, line, Requirement(text))
        except InvalidRequirement:
            pass  # an address or a path
        egg = _EGG.search(place)
        if egg:
            return Wanted(text, line, Requirement(egg[1]))
        path = unquote(place.partition("#")[0])
        try:
            return Wanted(text, line, Requirement(parse_wheel_filename(Path(path).name)[0]))
        except (InvalidWheelFilename, InvalidRequirement):
            pass
        if "://" not in place:
            place = Path(os.path.abspath(self.root / path)).as_uri()  # noqa: PTH100 - no link is followed
        return Wanted(text, line, address=plain(place))


def plain(address: str) -> str:
    """Return where an address leads: without its login, its revision and its fragment."""
    vcs = _VCS.match(address)
    try:
        parts = urlsplit(address[vcs.end() :] if vcs else address)
        host = parts.netloc.rpartition("@")[2].lower()
    except ValueError:
        return address
    path = unquote(parts.path)
    folder, _, name = path.rpartition("/")
    if vcs:
        name = name.partition("@")[0]
    return f"{parts.scheme}://{host}{folder}/{name}".rstrip("/").removesuffix(".git")
