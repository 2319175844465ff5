"""Read `setup.cfg`, and `setup.py` as syntax alone: it is never run. Both give tables, which are taken over alike."""

from __future__ import annotations

import ast
import configparser
import re
import warnings
from collections import defaultdict
from typing import TYPE_CHECKING

from tasks_lib.importers import requirements_files
from tasks_lib.importers.declarations import (
    EXTRAS,
    MAIN,
    Comment,
    Found,
    Target,
    comments,
    end_of,
    license_of,
    people,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Rows = list[tuple[int, str]]
#: the lines of each entry with their numbers, by the sections of setup.cfg and by its keys
Tables = defaultdict[str, dict[str, Rows]]
_COMMENT = re.compile(r"(^|\s)#.*")
#: where `[project]` has what is one text
_TEXTS: dict[str, Target] = {
    "name": ("name",),
    "description": ("description",),
    "summary": ("description",),
    "python_requires": ("requires-python",),
    "license": ("license",),
    "url": ("urls", "Homepage"),
    "home_page": ("urls", "Homepage"),
    "download_url": ("urls", "Download"),
}
_LISTS = {"install_requires", "tests_require", "classifiers", "keywords"}
_PEOPLE = {"author", "author_email", "maintainer", "maintainer_email"}
_SCRIPTS = {"console_scripts": "scripts", "gui_scripts": "gui-scripts"}
_BUILD = {"requires": ["setuptools>=77"], "build-backend": "setuptools.build_meta"}


def read_all(root: Path) -> Iterator[Found]:
    """Read what a project that is built with setuptools declares."""
    for name, read in (("setup.cfg", _read_cfg), ("setup.py", _read_py)):
        if (root / name).is_file():
            found = Found(name)
            yield from [found, *read(root, found, found.read(root))]


def _take_over(root: Path, found: Found, tables: Tables, built: int | None) -> list[Found]:
    """Take all of it over, and how it is built (`built` is the line); give what the files hold that it names."""
    rows = tables["metadata"] | tables["options"]
    more = _requirements(root, found, rows, tables["options.extras_require"])
    classifiers = [text for _, text in rows.get("classifiers", ())]
    for key, entries in rows.items():
        line, text = next(iter(entries), (1, ""))
        if key in _TEXTS and text:
            value = license_of(text, classifiers) if key == "license" else text
            found.put(("project", *_TEXTS[key]), value, line)
        elif key == "version":
            _version(found, text, line)
        elif (
            key == "long_description"
            and (root / (readme := text.removeprefix("file:").strip())).is_file()
        ):
            found.put(("project", "readme"), readme, line)
        elif key in {"classifiers", "keywords"} and entries:
            found.put(
                ("project", key),
                [one.strip() for _, row in entries for one in row.split(",")],
                line,
            )
        elif key == "project_urls":
            _pairs(found, ("project", "urls"), entries)
        elif key in {"author", "maintainer"}:
            email = next((f" <{address}>" for _, address in rows.get(f"{key}_email", ())), "")
            found.put(("project", f"{key}s"), people([f"{text}{email}"]), line)
    for group, entries in tables["options.entry_points"].items() if built else ():
        _pairs(
            found,
            ("project", *((_SCRIPTS[group],) if group in _SCRIPTS else ("entry-points", group))),
            entries,
        )
    for key, made in _BUILD.items() if built else ():
        found.put(("build-system", key), made, built)
    return more


def _requirements(
    root: Path, found: Found, rows: dict[str, Rows], extras: dict[str, Rows]
) -> list[Found]:
    more: list[Found] = []
    if tests := rows.get("tests_require"):
        needed = " ".join(f"'{_COMMENT.sub('', row).strip()}'" for _, row in tests)
        found.warn(
            f"tests_require is not taken over: invoke deps.add {needed} --group test", tests[0][0]
        )
    for name, entries in [("", rows.get("install_requires", [])), *extras.items()]:
        extra, _, marker = name.partition(":")  # a marker for all of it
        target = (*EXTRAS, extra) if extra else MAIN
        for line, row in entries:
            text = _COMMENT.sub("", row).strip()
            if text.startswith("file:"):
                for file in text.removeprefix("file:").split(","):
                    more += requirements_files.read_file(root, file.strip(), target, adds=True)
            elif text:
                found.require(target, f"{text} ; {marker}" if marker else text, line)
    return more


def _version(found: Found, text: str, line: int) -> None:
    """Take the version over, or leave it to setuptools."""
    kind, _, place = text.partition(":")
    if text and kind not in {"attr", "file"}:
        found.put(("project", "version"), text, line)
        return
    found.put(("project", "dynamic"), ["version"], line)
    if text:
        found.put(("tool", "setuptools", "dynamic", "version"), {kind: place.strip()}, line)


def _pairs(found: Found, target: Target, rows: Rows) -> None:
    for line, text in rows:
        name, _, value = text.partition("=")
        found.put((*target, name.strip()), value.strip(), line)


def _read_cfg(root: Path, found: Found, text: str) -> list[Found]:
    """Have configparser read the text with the number of each line at its end, which it knows nothing of."""
    numbered = [
        row if not row.strip() or row.lstrip()[0] in "#;[" else f"{row}\0{number}"
        for number, row in enumerate(text.splitlines(), 1)
    ]
    parser = configparser.RawConfigParser(default_section="\0")
    parser.optionxform = str  # type: ignore[method-assign,assignment]  # the names of entry points have capitals
    try:
        parser.read_string("\n".join(numbered), found.file)
    except configparser.Error as error:
        rows = [row for row, _ in getattr(error, "errors", ())]
        number = getattr(error, "lineno", None) or next(iter(rows), None)
        found.refuse(f"it cannot be read ({type(error).__name__})", number)
    tables: Tables = defaultdict(dict)
    for section in parser.sections():
        for key, value in parser.items(section):
            marked = [row.rpartition("\0") for row in value.split("\n")]
            rows = [(int(number), row.strip()) for row, mark, number in marked if mark]
            if "\n" not in value and (
                key == "install_requires" or section == "options.extras_require"
            ):
                rows = [(line, part.strip()) for line, row in rows for part in row.split(";")]
            tables[section][key.replace("-", "_") if section == "metadata" else key] = [
                row for row in rows if row[1]
            ]
    if "metadata" not in tables and "options" not in tables:
        return []  # it has the settings of other tools alone
    more = _take_over(root, found, tables, 1 if "name" in tables["metadata"] else None)
    found.comments = list(_cfg_comments(text, found))
    return more


def _cfg_comments(text: str, found: Found) -> Iterator[Comment]:
    """Give the comments of the sections that are read: lines of their own, and those behind requirements."""
    section, behind = "metadata", {one.line: one for one in comments(found.file, text)}
    listed = {item.line for item in found.items if item.listed}
    rows = text.splitlines()
    for number, row in enumerate(rows, 1):
        if head := re.match(r"\[([^\].]+)", row):
            section = head[1]
        if section in {"metadata", "options"} and row.lstrip()[:1] in {"#", ";"}:
            yield Comment(number, f"#{row.strip()[1:]}", alone=True, end=end_of(rows, number))
        elif number in listed and number in behind:
            yield behind[number]


def _read_py(root: Path, found: Found, text: str) -> list[Found]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the escapes of old code
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError) as error:
        found.refuse(f"it is no Python: {error.args[0]}", getattr(error, "lineno", None))
    calls = [
        one
        for one in ast.walk(tree)
        if isinstance(one, ast.Call) and ast.unparse(one.func).endswith("setup")
    ]
    if not calls:
        found.warn("it calls no setup(), so nothing was read from it")
        return []
    reader, call = _Syntax(tree, found), calls[-1]
    given = {one.arg or "**": reader.named(one.value) for one in call.keywords}
    tables: Tables = defaultdict(dict)
    for key, node in given.items():
        if key in {"extras_require", "entry_points"}:
            tables[f"options.{key}"] = {
                name: reader.rows(value, key) for name, value in reader.pairs(node, key)
            }
        elif key == "project_urls":
            pairs = [
                (name, row)
                for name, value in reader.pairs(node, key)
                for row in reader.rows(value, key)
            ]
            tables["metadata"][key] = [(line, f"{name} = {text}") for name, (line, text) in pairs]
        elif key in {*_TEXTS, *_LISTS, *_PEOPLE, "version", "**"}:
            tables["metadata"][key] = reader.rows(node, key)
    more = _take_over(root, found, tables, call.lineno)
    spans = [(one.lineno, one.end_lineno or one.lineno) for one in (call, *given.values())]
    found.comments = [
        one for one in comments(found.file, text) if any(a <= one.line <= b for a, b in spans)
    ]
    return more


class _Syntax:
    """Read literals out of a syntax tree, and names that are literals of the module; say what is computed."""

    def __init__(self, tree: ast.Module, found: Found) -> None:
        self.found = found
        pairs = [
            (one, node.value)
            for node in tree.body
            if isinstance(node, ast.Assign)
            for one in node.targets
        ]
        self.names = {one.id: value for one, value in pairs if isinstance(one, ast.Name)}

    def named(self, node: ast.expr) -> ast.expr:
        """Follow a name to what the module says it is."""
        return self.names.get(node.id, node) if isinstance(node, ast.Name) else node

    def rows(self, node: ast.expr, what: str) -> Rows:
        """Give the strings of a list, or the lines of a string."""
        node = self.named(node)
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            return [row for one in node.elts for row in self.rows(one, what)]
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return [(node.lineno, text) for row in node.value.splitlines() if (text := row.strip())]
        self.found.warn(
            f"{what} is computed, and setup.py is never run: what it adds is not taken over",
            node.lineno,
        )
        return []

    def pairs(self, node: ast.expr, what: str) -> Iterator[tuple[str, ast.expr]]:
        """Give the names and values of a dictionary."""
        keys = (
            zip(node.keys, node.values, strict=True)
            if isinstance(node, ast.Dict)
            else [(None, node)]
        )
        for key, value in keys:
            if isinstance(key, ast.Constant):
                yield str(key.value), value
            else:
                self.rows(key or ast.Name("_", lineno=value.lineno), what)
