"""Edit a TOML document with tomlkit so that each comment stays with what it is about."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import tomlkit
from tomlkit.items import AoT, Array, Comment, InlineTable, Null, Table, Whitespace

from tasks_lib.project.manifests import PYPROJECT, invalid, too_large

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tomlkit.container import Container
    from tomlkit.items import Item, Key

#: the names of tables and a key
Path = tuple[str, ...]
#: characters; tomlkit takes a second or two for so many
LARGEST = 128 << 10
_TEXT_OR_COMMENT = re.compile(
    r'''"""(?:\\.|[^\\])*?"{3,5}|"(?:\\.|[^"\\\n])*"|'''
    r"""'{3}.*?'{3,5}|'[^'\n]*'|(?P<comment>\#[^\n]*)""",
    re.DOTALL,
)
_INDENT = "    "
_WIDE = 80


def _parsed(text: str) -> tomlkit.TOMLDocument:
    """Parse the text; one that would take tomlkit many seconds is refused."""
    if len(text) > LARGEST:
        raise too_large(PYPROJECT, LARGEST)
    return tomlkit.parse(text)


class Document:
    """A TOML document in which a comment right above a header belongs to that header.

    tomlkit takes such a comment for the end of the table before. It would leave it there when that
    table grows, and lose it when that table goes. So these comments are taken out, and `close` puts
    them back.
    """

    def __init__(self, text: str) -> None:
        """Parse the text."""
        self.toml = _parsed(text)
        self._headers: list[tuple[Table, str]] = []
        self._take_comments_of_headers()

    def close(self) -> str:
        """Return the document as text; it cannot be edited afterwards."""
        for table, comments in self._headers:
            table.trivia.indent = comments + table.trivia.indent
        self._headers = []
        return self.toml.as_string()

    @property
    def head(self) -> str:
        """Return the comments at the top that a blank line separates from the rest."""
        head = ""
        for _, item in self.toml.body:
            if isinstance(item, Whitespace):
                return head
            if not isinstance(item, Comment):
                break
            head += item.as_string()
        return ""

    def _take_comments_of_headers(self) -> None:
        """Take out the comments that are right above a header."""
        above: list[tuple[Container, int]] = []
        for container, index, key, item in _entries(self.toml):
            if isinstance(item, Comment):
                above.append((container, index))
            elif isinstance(item, Table) and _has_header(key, item):
                self._take(above, item)
                above = []
            elif not isinstance(item, (Table, AoT)):
                above = []

    def _take(self, above: Sequence[tuple[Container, int]], table: Table) -> None:
        """Take out the comments that are indented as the header below them."""
        taken = ""
        for container, index in above:
            comment = container.body[index][1]
            if comment.trivia.indent == table.trivia.indent:
                taken += comment.as_string()
                container.body[index] = (None, Null())
        if taken:
            self._headers.append((table, taken))


class Beside(str):
    """The words of a comment that is beside its key, and not above it."""

    __slots__ = ()


def comments(text: str) -> Iterator[tuple[Path, str]]:
    """Yield the words of each comment, and the path of the key that it is beside or above."""
    for path, comment in _comments(_parsed(text), ()):
        words = type(comment)(comment.strip().lstrip("#").strip())
        if words:
            yield path, words


def _comments(container: Container, path: Path) -> Iterator[tuple[Path, str]]:
    """Yield each comment as it is written, and its path."""
    above: list[str] = []
    for key, item in container.body:
        if isinstance(item, Comment):
            above.append(item.as_string())
        if key is None:
            continue
        here = (*path, key.key)
        for comment in above:
            yield here, comment
        above = []
        for one in item.body if isinstance(item, AoT) else [item]:
            if not isinstance(one, Table) or _has_header(key, one):
                yield here, Beside(one.trivia.comment)
            if isinstance(one, Table):
                yield from _comments(one.value, here)
            elif isinstance(one, Array):
                yield from ((here, comment) for comment in _inside(one))
    for comment in above:
        yield path, comment


def _inside(array: Array) -> Iterator[str]:
    """Yield the comments within an array."""
    for item in array._iter_items():  # noqa: SLF001 - tomlkit 0.15 shows them nowhere else
        if isinstance(item, Comment):
            yield item.as_string()
        if isinstance(item, Array):
            yield from _inside(item)


def _entries(container: Container) -> Iterator[tuple[Container, int, Key | None, Item]]:
    """Yield the entries of a document, tables within tables too, in their order."""
    for index, (key, item) in enumerate(list(container.body)):
        yield container, index, key, item
        tables = item.body if isinstance(item, AoT) else [item]
        for table in tables:
            if table is not item:
                yield container, index, key, table
            if isinstance(table, Table):
                yield from _entries(table.value)


def _has_header(key: Key | None, table: Table) -> bool:
    """Return whether a table is written with a header of its own."""
    return not table.is_super_table() and key is not None and not key.is_dotted()


def words(text: str) -> Iterator[str]:
    """Yield the words of each comment of a valid document."""
    for found in _TEXT_OR_COMMENT.finditer(text):
        if found["comment"] and (said := found["comment"].strip().lstrip("#").strip()):
            yield said


def without(text: str, paths: Sequence[Path]) -> str:
    """Return the text of a document without some keys, and without tables that are then empty."""
    if not paths:
        return text
    document = Document(text)
    for path in paths:
        _remove(document.toml, path)
    return document.close()


def _remove(container: Container, path: Sequence[str]) -> None:
    """Remove a key from each part of a table that is written in several."""
    for index, (key, item) in enumerate(container.body):
        if key is None or key.key != path[0]:
            continue
        if len(path) > 1:
            if not isinstance(item, (Table, InlineTable)) or path[1] not in item:
                continue
            _remove(item.value, path[1:])
            if any(inner for inner, _ in item.value.body):
                continue
        container.body[index] = (None, Null())
        _remove_comments_above(container, index)


def _remove_comments_above(container: Container, index: int) -> None:
    """Remove the comments right above what was removed."""
    while index and isinstance(container.body[index - 1][1], (Comment, Null)):
        index -= 1
        container.body[index] = (None, Null())


def table_at(container: Any, path: Sequence[str]) -> Any:  # noqa: ANN401 - tomlkit's many kinds
    """Return the table at a path, created if it does not exist."""
    for depth, name in enumerate(path, 1):
        if name not in container:
            container[name] = tomlkit.table(is_super_table=depth < len(path))
        container = container[name]
        if not isinstance(container, dict):
            text = f"{'.'.join(path[:depth])} must be a table, and it is not."
            raise invalid(text, PYPROJECT)
    return container


def put(table: Any, key: str, value: object, comments: Sequence[str]) -> None:  # noqa: ANN401 - tomlkit's many kinds
    """Set a key that is not in the table yet, with its comments above and beside it."""
    above, beside = _arranged(comments)
    for text in above:
        add_comment(table, text)
    table[key] = inline(value)
    if beside:
        table[key].comment(beside)


def add_comment(table: Any, text: str) -> None:  # noqa: ANN401 - tomlkit's many kinds
    """Add a comment to a table, unless that is written in several parts: its end is unknown."""
    if hasattr(table, "add"):
        table.add(tomlkit.comment(text))


def _arranged(comments: Sequence[str]) -> tuple[Sequence[str], str]:
    """Return the comments above a value, and the one beside it."""
    if comments and isinstance(comments[-1], Beside):
        return comments[:-1], comments[-1]
    return comments, ""


def with_value(text: str, path: Sequence[str], value: object) -> str:
    """Return the text with one key set, whether it is there already or not."""
    document = _parsed(text)
    table = table_at(document, path[:-1])
    table[path[-1]] = inline(value)
    return document.as_string()


def with_row(text: str, path: Sequence[str], row: Mapping[str, object]) -> str:
    """Return the text with a table in a list of tables, in place of the one of the same name."""
    document = _parsed(text)
    table = table_at(document, path[:-1])
    if path[-1] not in table:
        table[path[-1]] = tomlkit.aot()
    rows = table[path[-1]]
    if not isinstance(rows, AoT | Array):
        text = f"{'.'.join(path)} must be a list of tables, and it is not."
        raise invalid(text, PYPROJECT)
    for old in rows:
        if old.get("name") == row["name"]:
            old.update(row)
            return document.as_string()
    if isinstance(rows, AoT):
        new = tomlkit.table()
        new.update(row)
        rows.append(new)
    else:
        rows.append(inline(row))
    return document.as_string()


def end_with_blank_line(table: Any) -> None:  # noqa: ANN401 - tomlkit's many kinds
    """Set the table apart from a header below it."""
    if isinstance(table, Table) and table.value.body:
        last = table.value.body[-1][1]
        if not isinstance(last, (Whitespace, Table, AoT, Null)):
            table.add(tomlkit.nl())


def inline(value: Any) -> Any:  # noqa: ANN401 - what TOML holds
    """Return a value as tomlkit writes it: tables within braces, long lists in lines."""
    if isinstance(value, dict):
        table = tomlkit.inline_table()
        for key, one in value.items():
            table[key] = inline(one)
        return table
    if isinstance(value, list):
        array = tomlkit.array().multiline(multiline=len(str(value)) > _WIDE)
        for one in value:
            array.append(inline(one))
        return array
    if isinstance(value, str) and '"' in value and "'" not in value and value.isprintable():
        return tomlkit.string(value, literal=True)
    return value


def extend(table: Any, key: str, entries: Sequence[tuple[Any, Sequence[str]]]) -> None:  # noqa: ANN401 - tomlkit's many kinds
    """Add entries to a list, each on a line of its own; the lines of the list stay as they are."""
    array = table.get(key, tomlkit.array())
    if entries and "\n" not in array.as_string():
        array = _in_lines(array)
    indent = _indent(array)
    for value, comments in entries:
        above, beside = _arranged(comments)
        for text in above:
            array.add_line(indent=indent, comment=text)
        array.add_line(inline(value), indent=indent, comment=beside)
    if entries and not array.as_string().rstrip("]").rstrip(" \t").endswith("\n"):
        array.add_line(indent="")
    table[key] = array


def _in_lines(old: Any) -> Array:  # noqa: ANN401 - tomlkit's many kinds
    """Return an array that stands on one line with each entry on a line of its own."""
    array = tomlkit.array()
    for one in old:
        array.add_line(one)
    if old.trivia.comment:
        array.comment(old.trivia.comment.lstrip("# "))
    return array


def _indent(array: Array) -> str:
    """Return the indentation of the array's first line."""
    for row in array.as_string().split("\n")[1:-1]:
        if row.strip():
            return row[: len(row) - len(row.lstrip())]
    return _INDENT
