"""What setuptools reads from `setup.cfg` and `setup.py` alike, as `[project]` has it."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from tasks_lib.errors import Remedy
from tasks_lib.importers.base import Importer
from tasks_lib.importers.declarations import EXTRAS, MAIN, Declarations, Target, with_marker
from tasks_lib.importers.metadata import license_of, people
from tasks_lib.importers.requirements_files import read_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: the lines of one setting with their numbers, which count from 1
Lines = list[tuple[int, str]]
_COMMENT = re.compile(r"(^|\s)#.*")
#: the keys of one text, and where `[project]` has it
TEXTS: dict[str, Target] = {
    "name": ("name",),
    "description": ("description",),
    "summary": ("description",),
    "python_requires": ("requires-python",),
    "license": ("license",),
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
    """The settings of a project that setuptools builds.

    `built` is the line that says so, `None` if nothing does.
    """

    values: dict[str, Lines] = field(default_factory=lambda: defaultdict(list))
    extras: dict[str, Lines] = field(default_factory=dict)
    entry_points: dict[str, Lines] = field(default_factory=dict)
    built: int | None = None


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
        _texts(declared, settings.values)
        _version(declared, settings.values)
        self._readme(declared, settings.values)
        for key in LISTS:
            _list(declared, key, settings.values[key])
        _pairs(declared, ("project", "urls"), settings.values["project_urls"])
        _people(declared, settings.values)
        if settings.built:
            _build(declared, settings)
        yield declared
        yield from named_files

    def _requirements(self, declared: Declarations, settings: Settings) -> list[Declarations]:
        """Take the requirements over; return the files that have more."""
        tests = settings.values["tests_require"]
        if tests:
            needed = [_COMMENT.sub("", row).strip() for _, row in tests]
            remedy = Remedy("Add them", ("invoke", "deps.add", *needed, "--group", "test"))
            declared.warn("tests_require is not taken over", tests[0][0], remedy)
        named_files: list[Declarations] = []
        lists = {"": settings.values["install_requires"], **settings.extras}
        for name, rows in lists.items():
            extra, _, marker = name.partition(":")  # the marker is for the whole list
            target = MAIN
            if extra:
                target = (*EXTRAS, extra)
            for line, row in rows:
                text = _COMMENT.sub("", row).strip()
                if text.startswith("file:"):
                    for file in text.removeprefix("file:").split(","):
                        named_files += read_file(self.root, file.strip(), target, adds=True)
                elif text:
                    declared.require(target, with_marker(text, marker), line)
        return named_files

    def _readme(self, declared: Declarations, values: Mapping[str, Lines]) -> None:
        """Take over the file that the long description is read from."""
        for line, text in values["long_description"][:1]:
            name = text.removeprefix("file:").strip()
            if (self.root / name).is_file():
                declared.put(("project", "readme"), name, line)


def _texts(declared: Declarations, values: Mapping[str, Lines]) -> None:
    """Take over what is one text."""
    classifiers = [text for _, text in values["classifiers"]]
    for key, place in TEXTS.items():
        for line, text in values[key][:1]:
            value: object = text
            if key == "license":
                value = license_of(text, classifiers)
            declared.put(("project", *place), value, line)


def _version(declared: Declarations, values: Mapping[str, Lines]) -> None:
    """Take the version over, or leave it to setuptools."""
    if "version" not in values:
        return
    line, text = next(iter(values["version"]), (1, ""))
    kind, _, place = text.partition(":")
    if text and kind not in {"attr", "file"}:
        declared.put(("project", "version"), text, line)
        return
    declared.put(("project", "dynamic"), ["version"], line)
    if text:
        target = ("tool", "setuptools", "dynamic", "version")
        declared.put(target, {kind: place.strip()}, line)


def _list(declared: Declarations, key: str, rows: Lines) -> None:
    """Take over classifiers or keywords: one a line, or several with commas."""
    found = [one.strip() for _, row in rows for one in row.split(",")]
    if found:
        declared.put(("project", key), found, rows[0][0])


def _people(declared: Declarations, values: Mapping[str, Lines]) -> None:
    """Take over the author and the maintainer, each with an address."""
    for role in ROLES:
        for line, name in values[role][:1]:
            shown = name
            for _, address in values[f"{role}_email"][:1]:
                shown = f"{name} <{address}>"
            declared.put(("project", f"{role}s"), people([shown]), line)


def _build(declared: Declarations, settings: Settings) -> None:
    """Take over what a built distribution offers, and how it is built."""
    for group, rows in settings.entry_points.items():
        target: Target = ("project", "entry-points", group)
        if group in _SCRIPTS:
            target = ("project", _SCRIPTS[group])
        _pairs(declared, target, rows)
    for key, value in _BUILD.items():
        declared.put(("build-system", key), value, settings.built)


def _pairs(declared: Declarations, target: Target, rows: Sequence[tuple[int, str]]) -> None:
    """Take over lines of `name = value`."""
    for line, text in rows:
        name, _, value = text.partition("=")
        declared.put((*target, name.strip()), value.strip(), line)
