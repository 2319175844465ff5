"""Edit JSON with comments and trailing commas: all but the one member stays as it is.

Source: https://code.visualstudio.com/docs/languages/json#_json-with-comments
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_STRING = r'"(?:[^"\\\r\n]|\\.)*"'
#: the same, and one that nothing closes: without that, each quote in it begins a search of its own
_OPEN = r'"(?:[^"\\\r\n]|\\.)*+"?'
_COMMENT = r"//[^\r\n]*|/\*.*?(?:\*/|\Z)"
_KEY = re.compile(_STRING)
_BLANK = re.compile(rf"(?:[\s\ufeff]|{_COMMENT})*", re.DOTALL)
_STRINGS_AND_COMMENTS = re.compile(rf"({_OPEN})|{_COMMENT}", re.DOTALL)
_STRINGS_AND_LAST_COMMAS = re.compile(rf"({_OPEN})|,(?=\s*[}}\]])", re.DOTALL)
_PART = re.compile(rf"{_STRING}|{_COMMENT}|[{{}}\[\]]|[^\s{{}}\[\],:\"/]+", re.DOTALL)
_OF_JSON5 = re.compile(
    rf"{_OPEN}|{_COMMENT}|'(?P<single>(?:[^'\\\r\n]|\\.)*+)'?"
    r"|(?<![\w$])(?P<key>[A-Za-z_$][\w$]*+)(?=\s*:)",
    re.DOTALL,
)
_QUOTES = re.compile(r'\\.|"')
#: what may stand behind a member on its line
_BESIDE = re.compile(r"[ \t]*(?://[^\r\n]*|/\*[^\r\n]*?\*/)?")
_INDENT = 4


class _Member(NamedTuple):
    """Where a member's key begins, and its value begins and ends."""

    start: int
    value: int
    end: int


def parse(text: str) -> dict[str, Any]:
    """Return the object that a text holds; an empty text holds an empty one.

    Raises:
        ValueError: It holds something else. A `JSONDecodeError` knows the line.
        RecursionError: It is too deep.
    """
    bare = _STRINGS_AND_COMMENTS.sub(lambda found: found[1] or "\n" * found[0].count("\n"), text)
    bare = _STRINGS_AND_LAST_COMMAS.sub(lambda found: found[1] or "", bare).removeprefix("\ufeff")
    data = json.loads(bare) if bare.strip() else {}
    if not isinstance(data, dict):
        message = "it is not an object"
        raise ValueError(message)  # noqa: TRY004 - as for all else that is wrong in a text
    return data


def as_json(text: str) -> str:
    """Return JSON5 with the strings and keys of JSON; numbers are JSON's own.

    Source: https://spec.json5.org/
    """
    return _OF_JSON5.sub(_quoted, text)


def _quoted(found: re.Match[str]) -> str:
    """Return a string or a key in double quotes, all else as it is."""
    inner = found["single"]
    if inner is not None:
        return f'"{_QUOTES.sub(_requoted, inner)}"'
    return f'"{found["key"]}"' if found["key"] else found[0]


def _requoted(found: re.Match[str]) -> str:
    """Return a quote as it is in double quotes, and what else is escaped as it is."""
    return {"\\'": "'", '"': '\\"'}.get(found[0], found[0])


def get(data: Any, path: Sequence[str]) -> Any:  # noqa: ANN401 - whatever a file holds
    """Return the value at a path, None where there is none."""
    for name in path:
        data = data.get(name) if isinstance(data, dict) else None
    return data


def put(text: str, path: Sequence[str], value: object) -> str:
    """Return the text with this value at a path of one or two names; the object must exist.

    Raises:
        ValueError: The text cannot be edited.
    """
    expected = parse(text)
    _holder(expected, path)[path[-1]] = value
    text = text if text.strip("\ufeff \t\r\n") else f"{text}{{}}\n"
    return _as_expected(_with(text, _opened(text, path), path[-1], value), expected)


def drop(text: str, path: Sequence[str]) -> str:
    """Return the text without the member at a path.

    Raises:
        ValueError: The text cannot be edited.
    """
    expected = parse(text)
    del _holder(expected, path)[path[-1]]
    return _as_expected(_without(text, _opened(text, path), path[-1]), expected)


def _holder(data: dict[str, Any], path: Sequence[str]) -> dict[str, Any]:
    """Return the object that has the last name of the path, which must exist."""
    for name in path[:-1]:
        data = data[name]
    return data


def _as_expected(text: str, expected: dict[str, Any]) -> str:
    if parse(text) != expected:
        message = "it has a key twice, or is written in a way that is not known here"
        raise ValueError(message)
    return text


def _opened(text: str, path: Sequence[str]) -> int:
    """Return where the object begins that has the last name of the path."""
    at = _skip(text, 0)
    for name in path[:-1]:
        at = _members(text, at)[0][name].value
    return at


def _skip(text: str, at: int) -> int:
    """Return where the next thing begins that is not a blank and not a comment."""
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _members(text: str, at: int) -> tuple[dict[str, _Member], int]:
    """Return the members of the object that begins there, and where it ends."""
    found = {}
    at = _skip(text, at + 1)
    while text[at] != "}":
        key = _KEY.match(text, at)
        if key is None:
            message = "a key is expected"
            raise ValueError(message)
        value = _skip(text, _skip(text, key.end()) + 1)
        end = _end(text, value)
        found[json.loads(key[0])] = _Member(at, value, end)
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return found, at


def _end(text: str, at: int) -> int:
    """Return where the value ends that begins there."""
    depth = 0
    for part in _PART.finditer(text, at):
        if part[0][0] != "/":
            depth += (part[0] in {"{", "["}) - (part[0] in {"}", "]"})
            if depth == 0:
                return part.end()
    return len(text)


def _with(text: str, at: int, name: str, value: object) -> str:
    """Return the text with a member of the object at an offset, in its place or as the last one.

    Comments, indents, line ends and a comma behind the last member stay as they are.
    """
    members, close = _members(text, at)
    line = "\r\n" if "\r\n" in text else "\n"
    last = max(members.values(), key=lambda one: one.end, default=None)
    before = _line_before(text, at if last is None else last.start)
    indent = before[: len(before) - len(before.lstrip())]
    if last is None:
        indent += " " * _INDENT
    written = json.dumps(value, indent=_INDENT, ensure_ascii=False).replace("\n", line + indent)
    if name in members:
        one = members[name]
        return text[: one.value] + written + text[one.end :]
    member = f"{json.dumps(name)}: {written}"
    if last is None:
        inner = text[at + 1 : close].rstrip()
        outer = indent[:-_INDENT]
        return f"{text[: at + 1]}{inner}{line}{indent}{member}{line}{outer}{text[close:]}"
    comma = _skip(text, last.end)
    stop, trailing, added = last.end, "", ","
    if text[comma] == ",":
        stop, trailing, added = comma + 1, ",", ""
    between = " "
    if not before.strip():
        beside = _BESIDE.match(text, stop)
        stop, between = beside.end() if beside else stop, line + indent
    kept = text[last.end : stop]
    return f"{text[: last.end]}{added}{kept}{between}{member}{trailing}{text[stop:]}"


def _without(text: str, at: int, name: str) -> str:
    """Return the text without a member of the object at an offset, nor its comma and line."""
    members, _ = _members(text, at)
    one = members.pop(name)
    start, end = one.start, one.end
    comma = _skip(text, end)
    if text[comma] == ",":
        text = text[:comma] + text[comma + 1 :]
    else:
        earlier = [other.end for other in members.values() if other.end < start]
        comma = _skip(text, max(earlier)) if earlier else start
        if text[comma] == ",":
            text = text[:comma] + text[comma + 1 :]
            start, end = start - 1, end - 1
    before = _line_before(text, start)
    behind = text[end:].partition("\n")[0]
    if before.strip():
        start -= len(before) - len(before.rstrip())
    elif not behind.strip():  # the line goes too
        start -= len(before)
        start = len(text[:start].removesuffix("\n").removesuffix("\r"))
        end += len(behind.rstrip("\r"))
    return text[:start] + text[end:]


def _line_before(text: str, at: int) -> str:
    """Return what stands before a place on its line."""
    return text[text.rfind("\n", 0, at) + 1 : at]
