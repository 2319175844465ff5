"""Read `setup.py` as syntax: it is never run."""

from __future__ import annotations

import ast
import warnings
from typing import TYPE_CHECKING, ClassVar

from tasks_lib.importers.setuptools_metadata import (
    LISTS,
    ROLES,
    TEXTS,
    Lines,
    Settings,
    SetuptoolsFile,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks_lib.importers.declarations import Declarations

#: the arguments of setup() that are read; `**` stands for those that are not written out
_READ = {
    *TEXTS,
    *LISTS,
    *ROLES,
    "author_email",
    "maintainer_email",
    "license",
    "python_requires",
    "install_requires",
    "tests_require",
    "version",
    "**",
}

_MOST_LOOKS = 20_000
_DEEPEST = 50


class SetupPy(SetuptoolsFile):
    """The arguments of `setup()`."""

    file: ClassVar[str] = "setup.py"

    def settings(self, declared: Declarations, text: str) -> Settings:
        """Return the literals among the arguments of the last call of `setup()`."""
        settings = Settings()
        tree = _parse(declared, text)
        calls = [node for node in ast.walk(tree) if _is_setup(node)]
        if not calls:
            declared.warn("it calls no setup(), so nothing was read from it")
            return settings
        call = calls[-1]
        assert isinstance(call, ast.Call)  # noqa: S101 - for mypy
        settings.built = True
        literals = _Literals(tree, declared)
        for argument in call.keywords:
            key = argument.arg or "**"
            node = literals.named(argument.value)
            if key == "extras_require":
                settings.extras = literals.table(node, key)
            elif key == "entry_points":
                settings.entry_points = literals.table(node, key)
            elif key == "project_urls":
                for name, rows in literals.table(node, key).items():
                    settings.values[key] += [(line, f"{name} = {row}") for line, row in rows]
            elif key in _READ:
                settings.values[key] = literals.rows(node, key)
        return settings


def _parse(declared: Declarations, text: str) -> ast.Module:
    """Return the syntax tree of the text."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the escapes of old code
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        why = error.args[0] if error.args else "it is nested too deeply"
        declared.refuse(f"It is not valid Python: {why}", getattr(error, "lineno", None))


def _is_setup(node: ast.AST) -> bool:
    """Return whether a node calls a function whose name ends in `setup`."""
    if not isinstance(node, ast.Call):
        return False
    called = node.func
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    return bool(name.endswith("setup"))


class _Literals:
    """Read literals out of a syntax tree, and names of the module for them; report the rest."""

    def __init__(self, tree: ast.Module, declared: Declarations) -> None:
        self.declared = declared
        #: how many nodes were looked at, and how deep the last of them is
        self.looks = 0
        self.depth = 0
        self.names: dict[str, ast.expr] = {}
        for node in tree.body:
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        self.names[target.id] = node.value

    def named(self, node: ast.expr) -> ast.expr:
        """Return what the module says a name is."""
        return self.names.get(node.id, node) if isinstance(node, ast.Name) else node

    def rows(self, node: ast.expr, argument: str) -> Lines:
        """Return the strings of a list, or the lines of a string."""
        node = self.named(node)
        self.looks += 1
        if self.looks > _MOST_LOOKS or self.depth > _DEEPEST:
            self.declared.refuse(f"{argument} is too large, or contains itself", node.lineno)
        self.depth += 1
        found: Lines = []
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            for element in node.elts:
                found += self.rows(element, argument)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            rows = [row.strip() for row in node.value.splitlines()]
            found += [(node.lineno, row) for row in rows if row]
        else:
            self._report(argument, node.lineno)
        self.depth -= 1
        return found

    def _report(self, argument: str, line: int) -> None:
        """Report an argument that is not a literal."""
        why = "is computed, and setup.py is never run: what it adds is not taken over"
        self.declared.warn(f"{argument} {why}", line)

    def table(self, node: ast.expr, argument: str) -> dict[str, Lines]:
        """Return the strings in each value of a dictionary."""
        return {name: self.rows(value, argument) for name, value in self._pairs(node, argument)}

    def _pairs(self, node: ast.expr, argument: str) -> Iterator[tuple[str, ast.expr]]:
        """Yield the names and values of a dictionary, and report what is computed."""
        if not isinstance(node, ast.Dict):
            self._report(argument, node.lineno)
            return
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant):
                yield str(key.value), value
            else:  # `**more`, or a name that is computed
                self._report(argument, value.lineno)
