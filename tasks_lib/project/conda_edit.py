"""Edit the text of a conda file: every character that an edit does not concern stays as it is.

Comments, quotes and line breaks survive, which no library that writes YAML guarantees. An edit
works on the positions of the nodes. Its result is read again, and refused as `cannot_edit` unless
it says what it should.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import yaml

from tasks_lib.errors import ErrorCode, LabError, Remedy, meant
from tasks_lib.project.bounded_yaml import BREAK, compose
from tasks_lib.project.conda_file import CondaFile, spec_name
from tasks_lib.project.manifests import read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

#: characters for which a new entry is quoted
_SPECIAL = re.compile(r"[:#{}\[\],&*?|>!%@`]")
_COMMA = re.compile(r"[ \t]*,[ \t]*")
#: in place of a package's name, for a `pip:` section; no package has it
_SECTION = "pip:"


class _Edit(NamedTuple):
    """The characters from `start` to before `end`, and the text that takes their place."""

    start: int
    end: int
    text: str = ""


class _Entry(NamedTuple):
    """One entry of the dependencies, from `start` to before `end`; a `pip:` section has no name."""

    start: int
    end: int
    name: str
    style: str | None


class _Dependencies(NamedTuple):
    """The list of dependencies; `inside` is where the first entry of an empty list would stand."""

    entries: list[_Entry]
    is_flow: bool
    inside: int


def read(path: Path) -> str:
    """Return the text of a conda file, with its byte order mark where it has one."""
    return read_text(path, bom=True)


def add(path: Path, text: str, specs: Sequence[str]) -> str:
    """Return `text` with `specs` among the dependencies; each replaces its package's old spec."""
    remedy = Remedy(f"Edit it by hand: write {', '.join(specs)} under 'dependencies:'")
    for spec in specs:
        file = CondaFile.parse(path, text)
        others = [one for one in file.dependencies if spec_name(one) != spec_name(spec)]
        wanted = replace(file, dependencies=(*others, spec))
        text = _edited(text, _additions(path, text, spec), wanted, remedy)
    return text


def remove(path: Path, text: str, specs: Iterable[str]) -> str:
    """Return `text` without the packages that `specs` name."""
    names = [spec_name(spec) for spec in specs]
    remedy = Remedy(f"Edit it by hand: take out {', '.join(names)} under 'dependencies:'")
    for name in names:
        file = CondaFile.parse(path, text)
        others = tuple(one for one in file.dependencies if spec_name(one) != name)
        if others == file.dependencies:
            message = f"{name!r} is not among the dependencies of {path.name}."
            known = map(spec_name, file.dependencies)
            remedy = meant(name, known, Remedy("Check the spelling"))
            raise LabError(message, ErrorCode.NOT_DECLARED, file=path.name, remedy=remedy)
        edits = _removals(path, text, name)
        text = _edited(text, edits, replace(file, dependencies=others), remedy)
    return text


def without_pip_section(path: Path, text: str) -> str:
    """Return `text` without its `pip:` section; pip itself is a dependency afterwards."""
    file = CondaFile.parse(path, text)
    wanted = replace(file, pip=())
    edits = _removals(path, text, _SECTION)
    if edits and all(spec_name(spec) != "pip" for spec in file.dependencies):
        wanted = replace(wanted, dependencies=(*file.dependencies, "pip"))
        listed = _dependencies(path, text)
        first = next(entry for entry in listed.entries if entry.name == _SECTION)
        end = first.end if listed.is_flow else _row_end(text, first.end)
        edits[0] = _Edit(first.start, end, "pip")
    return _edited(text, edits, wanted, Remedy(f"Move the pip: section of {path.name} by hand"))


def with_name_and_channels(path: Path, text: str, name: str, channels: Mapping[str, str]) -> str:
    """Return `text` with another name; `channels` maps channels to new addresses."""
    file = CondaFile.parse(path, text)
    edits = []
    for key, value in _sections(path, text):
        if key.value == "name":
            edits.append(_Edit(value.start_mark.index, value.end_mark.index, name))
        elif key.value == "channels" and isinstance(value, yaml.SequenceNode):
            for node in value.value:
                if node.value in channels:
                    new = json.dumps(channels[node.value])
                    edits.append(_Edit(node.start_mark.index, node.end_mark.index, new))
    renamed = tuple(channels.get(channel, channel) for channel in file.channels)
    wanted = replace(file, name=name, channels=renamed)
    return _edited(text, edits, wanted, Remedy("Write the name and each channel as a plain word"))


def _edited(text: str, edits: Iterable[_Edit], wanted: CondaFile, remedy: Remedy) -> str:
    """Carry out the edits, the last first; refuse unless the result says what is wanted."""
    line = 1
    for edit in sorted(edits, reverse=True):
        line = text.count("\n", 0, edit.start) + 1
        text = text[: edit.start] + edit.text + text[edit.end :]
    try:
        found = CondaFile.parse(wanted.path, text)
    except LabError:
        found = None
    if found is None or _sorted(found) != _sorted(wanted):
        name = wanted.path.name
        message = f"{name} is written in a way that cannot be edited safely."
        raise LabError(message, ErrorCode.CANNOT_EDIT, file=name, line=line, remedy=remedy)
    return text


def _sorted(file: CondaFile) -> CondaFile:
    return replace(file, dependencies=tuple(sorted(file.dependencies)))


def _sections(path: Path, text: str) -> list[tuple[yaml.Node, yaml.Node]]:
    """Return the keys and the values at the top of the file."""
    top = compose(text, path.name)
    return list(top.value) if isinstance(top, yaml.MappingNode) else []


def _dependencies(path: Path, text: str) -> _Dependencies:
    """Return the list of dependencies, an empty one where the file has none."""
    for key, listed in _sections(path, text):
        if key.value == "dependencies":
            is_flow = isinstance(listed, yaml.SequenceNode) and bool(listed.flow_style)
            start, end = listed.start_mark.index, listed.end_mark.index
            # a list that is left out, or null, is a scalar
            nodes = listed.value if isinstance(listed, yaml.SequenceNode) else []
            entries = [_entry(text, node) for node in nodes]
            # an alias has the position of what it stands for, which may be anywhere
            inside = [one for one in entries if start <= one.start and one.end <= end]
            return _Dependencies(inside, is_flow, start + is_flow)
    return _Dependencies([], is_flow=False, inside=0)


def _entry(text: str, node: yaml.Node) -> _Entry:
    start, end = node.start_mark.index, _end(text, node)
    if isinstance(node, yaml.ScalarNode):
        return _Entry(start, end, spec_name(node.value), node.style)
    return _Entry(start, end, _SECTION, None)


def _end(text: str, node: yaml.Node) -> int:
    """Return the position behind a node's last character; a mark of PyYAML may be rows below it."""
    last = node
    while isinstance(last, yaml.CollectionNode) and not last.flow_style and last.value:
        last = last.value[-1]
        if isinstance(last, tuple):
            last = last[1]
    return len(text[: last.end_mark.index].rstrip())


def _additions(path: Path, text: str, spec: str) -> list[_Edit]:
    """Return the edits that write `spec` in its package's own entry, or behind the last package."""
    listed = _dependencies(path, text)
    same = [one for one in listed.entries if one.name == spec_name(spec)]
    if same:
        return [_Edit(one.start, one.end, _again(spec, one.style)) for one in same]
    word = json.dumps(spec, ensure_ascii=False) if _SPECIAL.search(spec) else spec
    insert = _insert_in_flow if listed.is_flow else _insert_row
    return [insert(text, listed, word)]


def _again(spec: str, style: str | None) -> str:
    """Write a spec in the quotes of the one before it."""
    if style == '"':
        return json.dumps(spec, ensure_ascii=False)
    if style == "'":
        quoted = spec.replace("'", "''")
        return f"'{quoted}'"
    return spec


def _insert_in_flow(_text: str, listed: _Dependencies, word: str) -> _Edit:
    packages = [one for one in listed.entries if one.name != _SECTION]
    if packages:
        at = packages[-1].end
        return _Edit(at, at, f", {word}")
    comma = ", " if listed.entries else ""
    return _Edit(listed.inside, listed.inside, f"{word}{comma}")


def _insert_row(text: str, listed: _Dependencies, word: str) -> _Edit:
    found = BREAK.search(text)
    new_line = found[0] if found else "\n"
    packages = [one for one in listed.entries if one.name != _SECTION]
    if packages:
        last = packages[-1]
        dash = text[_row_start(text, last.start) : last.start]
        at = _row_end(text, last.end)
        own = BREAK.match(text, at)
        return _Edit(at, at, f"{own[0] if own else new_line}{dash}{word}")
    if listed.entries:
        first = listed.entries[0]
        at = _row_start(text, first.start)
        return _Edit(at, at, f"{text[at : first.start]}{word}{new_line}")
    at = _row_end(text, listed.inside)
    return _Edit(at, at, f"{new_line}  - {word}")


def _removals(path: Path, text: str, name: str) -> list[_Edit]:
    """Return the edits that take the entries of one name out."""
    listed = _dependencies(path, text)
    span = _span_in_flow if listed.is_flow else _span_of_rows
    return [_Edit(*span(text, one)) for one in listed.entries if one.name == name]


def _span_in_flow(text: str, entry: _Entry) -> tuple[int, int]:
    """Return the positions of an entry and of one comma beside it."""
    comma = _COMMA.match(text, entry.end)
    if comma:
        return entry.start, comma.end()
    before = text[: entry.start].rstrip()
    if before.endswith(","):
        return len(before) - 1, entry.end
    return entry.start, entry.end


def _span_of_rows(text: str, entry: _Entry) -> tuple[int, int]:
    """Return the positions of an entry's rows; of the last row, the line break before it goes."""
    start, end = _row_start(text, entry.start), _row_end(text, entry.end)
    own = BREAK.match(text, end)
    if own:
        return start, own.end()
    return len(re.sub(r"(\r\n|.)\Z", "", text[:start], flags=re.DOTALL)), end


def _row_start(text: str, at: int) -> int:
    start = 0
    for found in BREAK.finditer(text, 0, at):
        start = found.end()
    return start


def _row_end(text: str, at: int) -> int:
    found = BREAK.search(text, at)
    return found.start() if found else len(text)
