"""Write what was merged into `pyproject.toml`: what is there stays, with its comments."""

from __future__ import annotations

import tomllib
from collections import Counter
from typing import TYPE_CHECKING

import tomlkit

from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.importers import toml_document
from tasks_lib.importers.declarations import GROUPS, Target
from tasks_lib.importers.toml_document import Document
from tasks_lib.project.manifests import PYPROJECT

if TYPE_CHECKING:
    from tasks_lib.importers.merging import Merged

#: the tables that come first, if they are new
_TOP = ("project", "build-system", GROUPS)
#: the usual order of the keys in `[project]`
_ORDER = (
    "name",
    "version",
    "description",
    "readme",
    "requires-python",
    "license",
    "dynamic",
    "authors",
    "maintainers",
    "keywords",
    "classifiers",
    "dependencies",
)


def written(old: str, rest: str, merged: Merged) -> str:
    """Return the new text of `pyproject.toml`: the `rest` of the old one and what was merged.

    Raises:
        LabError: The text would not have exactly that, or would lose a comment.

    """
    document = Document(rest)
    top = tomlkit.document()
    old_tables = []
    table = None
    homeless = _homeless(old, rest, merged)
    for target in sorted({**merged.values, **merged.lists}, key=_rank):
        is_new = target[0] in _TOP and target[0] not in document.toml
        table = toml_document.table_at(top if is_new else document.toml, target[:-1])
        if merged.at(target[:-1]):
            old_tables.append(table)
        for comment in homeless:
            toml_document.add_comment(table, comment)
        homeless = []
        if target in merged.values:
            item = merged.values[target]
            toml_document.put(table, target[-1], item.value, item.comments)
        else:
            rows = [(item.value, item.comments) for item in merged.lists[target]]
            toml_document.extend(table, target[-1], rows)
    for grown in (*old_tables, table):
        toml_document.end_with_blank_line(grown)
    new = _joined(document, top.as_string())
    _verify(old, new, merged)
    return new


def _joined(document: Document, top: str) -> str:
    """Return the document with new tables below its first comments."""
    head = document.head
    body = document.close()
    parts = [head, top, body[len(head) :]] if top else [body]
    filled = [part.strip("\n") for part in parts if part.strip()]
    return "\n\n".join(filled) + "\n"


def _verify(old: str, new: str, merged: Merged) -> None:
    """Raise the error for a file that this cannot edit."""
    try:
        is_sound = tomllib.loads(new) == merged.result()
    except tomllib.TOMLDecodeError:
        is_sound = False
    if not is_sound or _texts(old) - _texts(new):
        said = f"{PYPROJECT} is written in a way that cannot be edited safely."
        remedy = Remedy("Write its [project] table by hand")
        raise LabError(said, ErrorCode.CANNOT_EDIT, file=PYPROJECT, remedy=remedy)


def _texts(text: str) -> Counter[str]:
    """Count the comments of a document by their words."""
    return Counter(toml_document.words(text))


def _homeless(old: str, rest: str, merged: Merged) -> list[str]:
    """Return the comments of what was dropped that no item takes along."""
    found = _texts(old) - _texts(rest)
    for items in (merged.values.values(), *merged.lists.values()):
        for item in items:
            found.subtract(item.comments)
    return list(found.elements())


def _rank(target: Target) -> tuple[object, ...]:
    """Return the order of a key: values come before tables, `[project]` has its usual order."""
    top = _TOP.index(target[0]) if target[0] in _TOP else len(_TOP)
    order = len(_ORDER)
    if target[0] == "project" and target[-1] in _ORDER:
        order = _ORDER.index(target[-1])
    return top, target[:-1], order
