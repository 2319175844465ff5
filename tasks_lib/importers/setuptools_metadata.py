"""What setuptools reads from `setup.cfg` and `setup.py` alike, as `[project]` has it."""

from __future__ import annotations

import contextlib
import re
from abc import abstractmethod
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from tasks_lib.importers.base import Importer
from tasks_lib.importers.declarations import (
    DYNAMIC,
    EXTRAS,
    GROUPS,
    MAIN,
    Declarations,
    Target,
    with_marker,
)
from tasks_lib.importers.metadata import authors, distribution, license_of
from tasks_lib.importers.requirements_files import read_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: the lines of one setting with their numbers, which count from 1
Lines = list[tuple[int, str]]
_COMMENT = re.compile(r"(^|\s)#.*")
#: the keys of one text, and where `[project]` has it
TEXTS: dict[str, Target] = {
    "name": ("name",),
    "description": ("description",),
    "summary": ("description",),
    "url": ("urls", "Homepage"),
    "home_page": ("urls", "Homepage"),
    "download_url": ("urls", "Download"),
}
LISTS = ("classifiers", "keywords")
ROLES = ("author", "maintainer")
_SCRIPTS = {"console_scripts": "scripts", "gui_scripts": "gui-scripts"}
_BUILD = {"requires": ["setuptools>=77"], "build-backend": "setuptools.build_meta"}


@dataclass
class Settings:
    """The settings of a project that setuptools builds, if it is `built` at all."""

    values: dict[str, Lines] = field(default_factory=lambda: defaultdict(list))
    extras: dict[str, Lines] = field(default_factory=dict)
    entry_points: dict[str, Lines] = field(default_factory=dict)
    built: bool = False

    def texts(self, key: str) -> list[str]:
        """Return the lines of a setting without their numbers."""
        return [text for _, text in self.values[key]]

    def text(self, key: str) -> str:
        """Return the first line of a setting, empty if there is none."""
        return next(iter(self.texts(key)), "")


class SetuptoolsFile(Importer):
    """One of the two files."""

    file: ClassVar[str]

    @abstractmethod
    def settings(self, declared: Declarations, text: str) -> Settings:
        """Return the settings in the text of the file."""

    def read(self) -> Iterator[Declarations]:
        """Yield the file, and the files that it names."""
        if not (self.root / self.file).is_file():
            return
        declared = Declarations(self.file)
        settings = self.settings(declared, declared.read(self.root))
        named_files = self._requirements(declared, settings)
        _texts(declared, settings)
        _version(declared, settings)
        readme = settings.text("long_description").removeprefix("file:").strip()
        with contextlib.suppress(OSError):  # such a name no file has
            if readme and (self.root / readme).is_file():
                declared.put(("project", "readme"), readme)
        for key in LISTS:
            _list(declared, key, settings.texts(key))
        _pairs(declared, ("project", "urls"), settings.texts("project_urls"))
        _people(declared, settings)
        if settings.built:
            _build(declared, settings)
        yield declared
        yield from named_files

    def _requirements(self, declared: Declarations, settings: Settings) -> list[Declarations]:
        """Take the requirements over; return the files that have more."""
        named_files: list[Declarations] = []
        lists = [(MAIN, "", settings.values["install_requires"])]
        for name, rows in settings.extras.items():
            extra, _, marker = name.partition(":")  # the marker is for the whole list
            target = (*EXTRAS, distribution(extra) or "extra") if extra else MAIN
            lists.append((target, marker, rows))
        lists.append(((GROUPS, "test"), "", settings.values["tests_require"]))
        for target, marker, rows in lists:
            for line, row in rows:
                text = _COMMENT.sub("", row).strip()
                if text.startswith("file:"):
                    for file in text.removeprefix("file:").split(","):
                        named_files += read_file(self.root, file.strip(), target)
                elif text:
                    declared.require(target, with_marker(text, marker), line)
        return named_files


def _texts(declared: Declarations, settings: Settings) -> None:
    """Take over what is one text."""
    for key, place in TEXTS.items():
        text = settings.text(key)
        if key == "name":
            text = distribution(text)
        if text:
            declared.put(("project", *place), text)
    for line, versions in settings.values["python_requires"][:1]:
        declared.put_python(versions, line)
    name = settings.text("license")
    if name:
        value = license_of(name, settings.texts("classifiers"))
        declared.put(("project", "license"), value)


def _version(declared: Declarations, settings: Settings) -> None:
    """Take the version over, or leave it to setuptools."""
    if "version" not in settings.values:
        return
    text = settings.text("version")
    kind, _, place = text.partition(":")
    if text and kind not in {"attr", "file"}:
        declared.put(("project", "version"), text)
        return
    declared.put(DYNAMIC, ["version"])
    if text:
        target = ("tool", "setuptools", "dynamic", "version")
        declared.put(target, {kind: place.strip()})


def _list(declared: Declarations, key: str, rows: Sequence[str]) -> None:
    """Take over classifiers or keywords: one a line, or several with commas."""
    entries = [entry.strip() for entry in ",".join(rows).split(",")]
    if any(entries):
        declared.put(("project", key), [entry for entry in entries if entry])


def _people(declared: Declarations, settings: Settings) -> None:
    """Take over the authors and the maintainers, each with an address."""
    for role in ROLES:
        addresses = ", ".join(settings.texts(f"{role}_email"))
        found = authors(", ".join(settings.texts(role)), addresses)
        if found:
            declared.put(("project", f"{role}s"), found)


def _build(declared: Declarations, settings: Settings) -> None:
    """Take over what a built distribution offers, and how it is built."""
    for group in settings.entry_points:
        rows = [text for _, text in settings.entry_points[group]]
        target: Target = ("project", "entry-points", group)
        if group in _SCRIPTS:
            target = ("project", _SCRIPTS[group])
        _pairs(declared, target, rows)
    for key, value in _BUILD.items():
        declared.put(("build-system", key), value)


def _pairs(declared: Declarations, target: Target, rows: Sequence[str]) -> None:
    """Take over lines of `name = value`."""
    for row in rows:
        name, _, value = row.partition("=")
        declared.put((*target, name.strip()), value.strip())
