"""Read `setup.cfg`."""

from __future__ import annotations

import configparser
import re
from typing import TYPE_CHECKING, ClassVar

from tasks_lib.importers.setuptools_metadata import Lines, Settings, SetuptoolsFile

if TYPE_CHECKING:
    from tasks_lib.importers.declarations import Declarations

_OPTION = re.compile(r"(?P<key>[^\s=:#;][^=:]*?)\s*[=:]")
_EXTRAS = "options.extras_require"


class SetupCfg(SetuptoolsFile):
    """The sections of setuptools in `setup.cfg`; the file may have those of other tools too."""

    file: ClassVar[str] = "setup.cfg"

    def settings(self, declared: Declarations, text: str) -> Settings:
        """Return the settings in `[metadata]` and `[options…]`."""
        parser = configparser.RawConfigParser(default_section="")
        parser.optionxform = str  # type: ignore[method-assign,assignment]  # entry points have capitals
        try:
            parser.read_string(text, self.file)
        except configparser.Error as error:
            declared.refuse(f"It cannot be read ({type(error).__name__})", _line_of_error(error))
        settings = Settings()
        for section in ("metadata", "options"):
            for key, rows in _section(parser, section, text).items():
                settings.values[key.replace("-", "_")] = rows
        settings.extras = _section(parser, _EXTRAS, text)
        settings.entry_points = _section(parser, "options.entry_points", text)
        settings.built = parser.has_option("metadata", "name")
        return settings


def _section(parser: configparser.RawConfigParser, section: str, text: str) -> dict[str, Lines]:
    """Return the lines of each option in a section."""
    found: dict[str, Lines] = {}
    if not parser.has_section(section):
        return found
    rows = text.splitlines()
    lines = _lines_of_options(rows, section)
    for key, value in parser.items(section):
        is_list = key == "install_requires" or section == _EXTRAS
        separator = ";" if is_list and "\n" not in value else "\n"
        line = lines.get(key, 1)
        found[key] = []
        for entry in filter(None, map(str.strip, value.split(separator))):
            line = _line_of(rows, line, entry)
            found[key].append((line, entry))
    return found


def _lines_of_options(rows: list[str], section: str) -> dict[str, int]:
    """Return the line of each option in a section."""
    found: dict[str, int] = {}
    in_section = False
    for number, row in enumerate(rows, 1):
        if row.startswith("["):
            in_section = row.startswith(f"[{section}]")
        elif in_section and (option := _OPTION.match(row)):
            found.setdefault(option["key"], number)
    return found


def _line_of(rows: list[str], first: int, entry: str) -> int:
    """Return the first line of an option that has `entry`, from its line `first` on."""
    for number in range(first, len(rows) + 1):
        row = rows[number - 1]
        if number > first and row[:1] not in {"", " ", "\t", "#", ";"}:
            break  # the next option
        if entry in row:
            return number
    return first


def _line_of_error(error: configparser.Error) -> int | None:
    """Return the line of an error: one class has it, another has a list."""
    line: int | None = getattr(error, "lineno", None)
    for number, _ in getattr(error, "errors", ()):
        return int(number)
    return line
