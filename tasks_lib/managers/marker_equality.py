"""Whether environment markers mean the same to uv: both are tried on a grid of environments.

uv normalises markers to one form (`uv-pep508/src/marker/algebra.rs`, seen with uv 0.13.9):
`python_version` is a range of `python_full_version`, the names that `platform_system` shares with
`sys_platform` are those, and what is outside of `requires-python` does not count.
"""

from __future__ import annotations

import functools
import itertools
import re
from typing import TYPE_CHECKING, NamedTuple

from packaging.markers import InvalidMarker, Marker
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Python = tuple[int, ...]


class Test(NamedTuple):
    """One comparison; one that is `opaque` holds or does not, whatever else holds."""

    variable: str
    sign: str
    value: str
    opaque: bool = False


class Tree(NamedTuple):
    """A marker: `all` or `any` of its parts, or `not` its only one."""

    kind: str
    parts: tuple[Tree | Test, ...]


ALWAYS = Tree("all", ())
_PYTHONS = ("python_version", "python_full_version")
_STRINGS = {
    "os_name",
    "sys_platform",
    "platform_machine",
    "platform_system",
    "platform_python_implementation",
    "implementation_name",
}
_PLATFORMS = {
    "Windows": "win32",
    "Darwin": "darwin",
    "Linux": "linux",
    "AIX": "aix",
    "Emscripten": "emscripten",
    "Android": "android",
}
#: The pairs that uv takes for impossible.
_OTHER_PLATFORMS = {"nt": {"linux", "darwin", "ios"}, "posix": {"win32"}}
_SWAPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
_PLAIN = re.compile(r"(\d{1,6})(?:\.(\d{1,6}))?(?:\.(\d{1,6}))?(\.\*)?")
_LARGEST_GRID = 10_000
_FAR = 999_999
_OTHER = "another"


def parse(text: str) -> Tree:
    """Return a marker.

    Raises:
        ValueError: The text is not a marker.

    """
    try:
        found = Marker(text)._markers  # noqa: SLF001 - packaging has no public form of a parsed marker
    except (InvalidMarker, RecursionError) as error:
        raise ValueError(str(error)) from None
    return _tree(found)


def _tree(items: Sequence[object]) -> Tree:
    """Return what packaging parsed; `and` binds stronger than `or`."""
    choices: list[list[Tree | Test]] = [[]]
    for item in items:
        if item == "or":
            choices.append([])
        elif isinstance(item, list):
            choices[-1].append(_tree(item))
        elif isinstance(item, tuple):
            choices[-1].append(_test(*item))
    parts = tuple(Tree("all", tuple(choice)) for choice in choices)
    return parts[0] if len(parts) == 1 else Tree("any", parts)


def _test(left: object, sign: object, right: object) -> Tree | Test:
    name, operator, value = (str(getattr(one, "value", one)) for one in (left, sign, right))
    is_reversed = type(left).__name__ == "Value"
    if is_reversed and operator in {"==", "!=", *_SWAPPED}:
        name, operator, value = value, _SWAPPED.get(operator, operator), name
        is_reversed = False
    if is_reversed or type(left) is type(right):
        return Test(f"{name} {operator} {value}", "", "", opaque=True)
    if name == "extra" and operator in {"==", "!="}:
        test = Test(f"extra {canonicalize_name(value)}", "==", "yes")
        return test if operator == "==" else Tree("not", (test,))
    if name == "platform_system" and value in _PLATFORMS:
        name, value = "sys_platform", _PLATFORMS[value]
    is_plain = name in _STRINGS and operator in {"==", "!="}
    if name in _PYTHONS:
        is_plain = _is_plain(operator, value)
    if not is_plain:
        return Test(f"{name} {operator} {value}", "", "", opaque=True)
    return Test(name, operator, value)


def _is_plain(operator: str, value: str) -> bool:
    if not _PLAIN.fullmatch(value) or operator in {"in", "not in", "==="}:
        return False
    try:
        SpecifierSet(operator + value)
    except InvalidSpecifier:
        return False
    return True


def of_extra(name: str) -> Test:
    """Return the marker of what an extra installs."""
    return Test(f"extra {name}", "==", "yes")


def both(*parts: Tree | Test) -> Tree:
    """Return the marker that holds where all do."""
    return Tree("all", tuple(part for part in parts if part != ALWAYS))


def none_of(parts: Iterable[Tree]) -> Tree:
    """Return the marker that holds where none of them does."""
    return Tree("not", (Tree("any", tuple(parts)),))


def _tests(tree: Tree | Test) -> Iterator[Test]:
    if isinstance(tree, Test):
        yield tree
        return
    for part in tree.parts:
        yield from _tests(part)


def same_sets(one: Sequence[Tree], other: Sequence[Tree], pythons: str) -> bool | None:
    """Return whether each marker of one list is in the other one, on the Pythons of a range.

    The answer is None where that is not certain.
    """
    if set(one) == set(other):
        return True
    grid = _Grid.of([*one, *other], pythons)
    if grid is None:
        return None
    if {*map(grid.everywhere, one)} == {*map(grid.everywhere, other)}:
        return True
    if grid.is_opaque or {*map(grid.possible, one)} == {*map(grid.possible, other)}:
        return None
    return False


def together(trees: Sequence[Tree], pythons: str) -> set[tuple[int, ...]] | None:
    """Return which markers hold together in some environment, as their numbers."""
    grid = _Grid.of(trees, pythons)
    if grid is None:
        return None
    rows = zip(*map(grid.everywhere, trees), strict=True)
    return {tuple(number for number, holds in enumerate(row) if holds) for row in rows}


def never(tree: Tree) -> bool | None:
    """Return whether a marker holds nowhere, on any Python."""
    if tree == ALWAYS:
        return False
    grid = _Grid.of([tree], "")
    if grid is None:
        return None
    if not any(grid.everywhere(tree)):
        return True
    if grid.is_opaque or not any(grid.possible(tree)):
        return None
    return False


def same_range(one: str, other: str) -> bool | None:
    """Return whether two ranges of Python begin and end alike: uv looks at no more."""
    texts = [*_clauses(one), *_clauses(other)]
    if not all(_CLAUSE.fullmatch(text) for text in texts):
        return None
    points = _pythons(texts)
    return _ends(points, one) == _ends(points, other)


_CLAUSE = re.compile(r"(?:[<>]=?|[=!~]=)\s*(?:" + _PLAIN.pattern + ")")


def _clauses(specifiers: str) -> list[str]:
    return [text.strip() for text in specifiers.split(",") if text.strip()]


def _ends(points: Sequence[Python], specifiers: str) -> tuple[Python, Python] | None:
    """Return the first and the last point that a range contains."""
    wanted = SpecifierSet(specifiers)
    found = [point for point in points if _contains(wanted, _dotted(point))]
    return (found[0], found[-1]) if found else None


def _dotted(point: Python) -> str:
    return ".".join(map(str, point))


def _contains(wanted: SpecifierSet, version: str) -> bool:
    return wanted.contains(version, prereleases=True)


def _pythons(texts: Iterable[str]) -> list[Python]:
    """Return each version at which an answer may change, one below it and one above it."""
    edges: set[Python] = set()
    for text in texts:
        found = _PLAIN.search(text)
        if found:
            major, minor, patch = (int(part or 0) for part in found.groups()[:3])
            edges |= {(major, minor, patch), (major, minor, 0), (major, minor + 1, 0)}
            edges |= {(major, minor, patch + 1), (major + 1, 0, 0), (major, 0, 0)}
    points: set[Python] = {(0, 0, 0), (_FAR, 0, 0)}
    for edge in edges:
        points |= {edge, (*edge, 1), _below(edge)}
    return sorted(points)


def _below(edge: Python) -> Python:
    major, minor, patch = edge
    if patch:
        return (major, minor, patch - 1, _FAR)
    if minor:
        return (major, minor - 1, _FAR, _FAR)
    return (max(major - 1, 0), _FAR, _FAR, _FAR)


class _Grid:
    """The environments in which markers are compared."""

    def __init__(self, columns: Mapping[str, Sequence[object]], *, is_opaque: bool) -> None:
        self.is_opaque = is_opaque
        self._points = [
            dict(zip(columns, values, strict=True))
            for values in itertools.product(*columns.values())
        ]
        self._possible = [_is_possible(point) for point in self._points]

    @classmethod
    def of(cls, trees: Iterable[Tree], pythons: str) -> _Grid | None:
        """Return the grid for some markers, None where it is too large."""
        tests = {test for tree in trees for test in _tests(tree)}
        versions = [test.value for test in tests if test.variable in _PYTHONS]
        columns: dict[str, list[object]] = {}
        if versions:
            points = _pythons([*versions, *_clauses(pythons)])
            ends = _ends(points, pythons)
            if ends is None:
                return None
            columns["python"] = [point for point in points if ends[0] <= point <= ends[1]]
        for test in sorted(tests):
            if test.opaque:
                columns[test.variable] = [True, False]
            elif test.variable not in _PYTHONS:
                values = columns.setdefault(test.variable, [_OTHER])
                if test.value not in values:
                    values.append(test.value)
        size = 1
        for values in columns.values():
            size *= len(values)
        if size > _LARGEST_GRID:
            return None
        return cls(columns, is_opaque=any(test.opaque for test in tests))

    def everywhere(self, tree: Tree) -> tuple[bool, ...]:
        """Return where a marker holds."""
        return tuple(_holds(tree, point) for point in self._points)

    def possible(self, tree: Tree) -> tuple[bool, ...]:
        """Return where a marker holds, in the environments that exist."""
        found = self.everywhere(tree)
        return tuple(itertools.compress(found, self._possible))


def _is_possible(point: Mapping[str, object]) -> bool:
    platform = point.get("sys_platform", _OTHER)
    if platform in _OTHER_PLATFORMS.get(str(point.get("os_name")), ()):
        return False
    return platform == _OTHER or point.get("platform_system", _OTHER) == _OTHER


def _holds(tree: Tree | Test, point: Mapping[str, object]) -> bool:
    if isinstance(tree, Test):
        return _passes(tree, point)
    if tree.kind == "all":
        return all(_holds(part, point) for part in tree.parts)
    if tree.kind == "any":
        return any(_holds(part, point) for part in tree.parts)
    return not _holds(tree.parts[0], point)


def _passes(test: Test, point: Mapping[str, object]) -> bool:
    if test.opaque:
        return bool(point[test.variable])
    if test.variable in _PYTHONS:
        return _python_passes(test, point["python"])
    return (point[test.variable] == test.value) == (test.sign == "==")


@functools.lru_cache(maxsize=4096)
def _python_passes(test: Test, python: Python) -> bool:
    shown = python[:2] if test.variable == "python_version" else python
    return _contains(SpecifierSet(test.sign + test.value), _dotted(shown))
