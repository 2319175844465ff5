"""TOML as uv and Poetry write their locks: lines, of which most are in each lock of a class.

tomllib reads each line that was not seen before, and whole what is written in another way.
"""

from __future__ import annotations

import contextlib
import re
import tomllib
from typing import TYPE_CHECKING, Any

from tasks_lib.execution.known import known

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_TEXT = r'"[^"\\\x00-\x1f\x7f]*"'
#: a file of a package: they are most of a lock, and nothing asks for them
_FILE = (
    rf"\{{ ?(?:url|file) = {_TEXT}, hash = {_TEXT}"
    rf"(?:, size = [1-9][0-9]{{0,17}})?(?:, upload-time = {_TEXT})? ?\}}"
)
_FILES = re.compile(rf"    {_FILE}(?:,\n    {_FILE})*,")
#: what is above the files of a package and below them
_HEADS, _END = ("\nwheels = [\n", "\nfiles = [\n"), "\n]\n"
_ONLY = re.compile(rf"sdist = {_FILE}")
_KEY = r'([\w-]+|"[^"\\]+")'
_PAIR = re.compile(rf"{_KEY} = .*", re.ASCII)
_LIST = re.compile(rf"{_KEY} = \[", re.ASCII)
_TABLE = re.compile(r"\[([\w-]+(?:\.[\w-]+)*)\]", re.ASCII)
_ROW = re.compile(r"\[\[([\w-]+)\]\]", re.ASCII)
#: in place of a list whose values are in the lines below
_OPEN = object()


def loads(text: str) -> dict[str, Any]:
    """Return the data of a lock without the files of its packages. Not to be changed.

    Raises:
        ValueError: It is not TOML.
        RecursionError: as of tomllib.

    """
    for head in _HEADS:
        text = "".join(_without_files(text, head))
    with contextlib.suppress(LookupError, ValueError, RecursionError):
        return _read(text.split("\n"))
    return tomllib.loads(text)


def _without_files(text: str, head: str) -> Iterator[str]:
    """Yield the parts of a text, with an empty line for each file below a head of theirs."""
    done, at = 0, text.find(head)
    while at >= 0:
        start = at + len(head)
        end = text.find(_END, start)
        if end < 0:
            break
        yield text[done:start]
        yield _blank(text[start:end])
        done, at = end, text.find(head, end)
    yield text[done:]


@known(most=1 << 10, longest=1 << 16)
def _blank(files: str) -> str:
    return "\n" * files.count("\n") if _FILES.fullmatch(files) else files


def _read(lines: Iterable[str]) -> dict[str, Any]:
    """Return the data of lines each of which is TOML by itself.

    Raises:
        ValueError: One is not, or together they are not TOML.
        LookupError: A table is in one that no line has opened.

    """
    root: dict[str, Any] = {}
    table = root
    tables: dict[tuple[str, ...], dict[str, Any]] = {(): root}
    rows: dict[str, list[dict[str, Any]]] = {}
    rest = iter(lines)
    for line in rest:
        if line.startswith("[["):
            name = _name(_ROW, line)
            if name not in rows:
                rows[name] = []
                _put(root, name, rows[name])
            table = {}
            rows[name].append(table)
            tables = {(): root, (name,): table}
        elif line.startswith("["):
            *above, name = _name(_TABLE, line).split(".")
            table = {}
            _put(tables[tuple(above)], name, table)
            tables[*above, name] = table
        else:
            for key, value in _pairs(line):
                _put(table, key, [*_items(rest)] if value is _OPEN else value)
    return root


def _name(header: re.Pattern[str], line: str) -> str:
    found = header.fullmatch(line)
    if found is None:
        raise ValueError(line)
    return found[1]


def _put(table: dict[str, Any], key: str, value: object) -> None:
    if key in table:
        raise ValueError(key)
    table[key] = value


@known()
def _pairs(line: str) -> tuple[tuple[str, Any], ...]:
    """Return the key and the value of a line, `_OPEN` for a list; nothing for a comment."""
    if _LIST.fullmatch(line):
        return tuple((key, _OPEN) for key in tomllib.loads(f"{line}]"))
    if line and not line.startswith("#"):
        _name(_PAIR, line)
    if _ONLY.fullmatch(line):
        return (("sdist", []),)
    return tuple(tomllib.loads(line).items())


def _items(lines: Iterator[str]) -> Iterator[Any]:
    """Yield the values in the lines up to the end of a list."""
    for line in lines:
        if line == "]":
            return
        if line:
            yield from _values(line)
    raise ValueError


@known()
def _values(line: str) -> tuple[Any, ...]:
    """Return the values of a line in a list; a comma must be behind each, for the next line's."""
    found: list[Any] = tomllib.loads(f"x = [\n{line}\n]")["x"]
    more: list[Any] = tomllib.loads(f"x = [\n{line} 0\n]")["x"]
    if len(more) != len(found) + 1:
        raise ValueError(line)
    return tuple(found)
