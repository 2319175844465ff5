"""Merge what several files declare: the first wins, and differences are reported."""

from __future__ import annotations

import copy
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tasks_lib.importers.declarations import GROUPS, MAIN, Declarations, Item, Target
from tasks_lib.project.manifests import PYPROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONSTRAINTS: Target = ("tool", "uv", "constraint-dependencies")
_DEV: Target = (GROUPS, "dev")
_BUILD: Target = ("build-system",)
BACKEND: Target = (*_BUILD, "build-backend")
REQUIRES: Target = (*_BUILD, "requires")


@dataclass
class Merged:
    """What comes into `pyproject.toml`; `data` is what it has already."""

    data: Mapping[str, Any]
    lists: dict[Target, list[Item]] = field(default_factory=dict)
    values: dict[Target, Item] = field(default_factory=dict)
    #: the entries of each list by what they are about
    _subjects: dict[Target, dict[str, list[Any]]] = field(default_factory=dict)
    #: the file that declared a list or value first
    owners: dict[Target, str] = field(default_factory=dict)

    def take(self, declared: Declarations) -> None:
        """Take over what one file declares; a difference to an earlier file becomes a notice."""
        differences: dict[str, list[str]] = defaultdict(list)
        is_for_development = declared.spare and self.is_built
        if is_for_development and any(map(_is_main, declared.items)):
            text = "what the package does not depend on itself comes into the group dev"
            declared.notes.append(f"{text}: whoever installs the package does not get it")
        for item in declared.items:
            placed = item
            if is_for_development and _is_main(item) and not self._known(item):
                placed = replace(item, target=_DEV)
            difference = self._take(placed, declared)
            if difference:
                owner = self.owners.get(placed.target, PYPROJECT)
                differences[owner].append(difference)
        for owner, texts in differences.items():
            declared.warn(f"{owner} won, and this differs: {', '.join(texts)}")

    def _take(self, item: Item, declared: Declarations) -> str:
        """Take one item over, or return how it differs from what wins."""
        if item.listed:
            return self._take_entry(item, declared)
        present = self.at(item.target)
        if present is None:
            self.values[item.target] = item
            self.owners[item.target] = declared.file
        elif item.target[0] == "project" and present != item.value and not declared.adds:
            return f"{item.target[-1]} {item.value!r} (there {present!r})"
        return ""

    def _take_entry(self, item: Item, declared: Declarations) -> str:
        """Take an entry of a list over, or return how it differs from what wins."""
        first = PYPROJECT if self.at(item.target) else declared.file
        owner = self.owners.setdefault(item.target, first)
        known = self._known(item)
        if owner == declared.file or (declared.adds and not known):
            self.lists.setdefault(item.target, []).append(item)
            known.append(item.value)
            if isinstance(item.value, dict) and "include-group" in item.value:
                self._expect_group(item.value["include-group"])
        elif not known:
            return f"{item.value} (not there)"
        elif not any(_same(item.value, entry) for entry in known):
            return f"{item.value} (there {known[0]})"
        return ""

    def _known(self, item: Item) -> list[Any]:
        """Return the entries of an item's list that are about the same."""
        subjects = self._subjects.get(item.target)
        if subjects is None:
            subjects = self._subjects[item.target] = defaultdict(list)
            for entry in self.entries(item.target):
                subjects[_subject(entry)].append(entry)
        return subjects[_subject(item.value)]

    def _expect_group(self, name: str) -> None:
        """Have a group that another includes, even if nothing comes into it."""
        if self.at((GROUPS, name)) is None:
            self.lists.setdefault((GROUPS, name), [])

    @property
    def is_built(self) -> bool:
        """Return whether the project has a build system."""
        return bool(self.at(_BUILD) or self.at(BACKEND))

    def at(self, target: Target) -> Any:  # noqa: ANN401 - what TOML holds
        """Return the value that is or will be at a place, `None` if there is none."""
        if target in self.values:
            return self.values[target].value
        found: Any = self.data
        for name in target:
            found = found.get(name) if isinstance(found, dict) else None
        return found

    def entries(self, target: Target) -> list[Any]:
        """Return the entries that a list has and will have."""
        present = self.at(target)
        found = list(present) if isinstance(present, list) else []
        found += [item.value for item in self.lists.get(target, ())]
        return found

    def result(self) -> dict[str, Any]:
        """Return the data that the new file must have."""
        data = copy.deepcopy(dict(self.data))
        for target in (*self.values, *self.lists):
            table = data
            for name in target[:-1]:
                table = table.setdefault(name, {})
            is_list = target in self.lists
            table[target[-1]] = self.entries(target) if is_list else self.at(target)
        return data

    def groups(self) -> list[str]:
        """Return the names of the dependency groups that there will be."""
        names = list(self.at((GROUPS,)) or ())
        names += [target[1] for target in self.lists if target[0] == GROUPS]
        return list(dict.fromkeys(names))

    def constrain(self) -> Iterator[str]:
        """Add the constraints to what is declared, for Poetry; yield what Poetry cannot be told."""
        constraints = self.lists.get(CONSTRAINTS, ())
        places: dict[str, list[tuple[list[Item], int]]] = defaultdict(list)
        for items in self.lists.values() if constraints else ():
            for index, item in enumerate(items):
                if items is not constraints:
                    places[_subject(item.value)].append((items, index))
        for one in constraints:
            constraint = Requirement(one.value)
            found = places[_subject(one.value)]
            for items, index in found:
                wanted = Requirement(items[index].value)
                if not wanted.url and not constraint.marker:
                    wanted.specifier &= constraint.specifier
                    items[index] = replace(items[index], value=str(wanted))
            if not found or constraint.marker:
                why = "Poetry has no constraints for what is not declared"
                yield f"the constraint {one.value} holds for uv alone: {why}"


def _is_main(item: Item) -> bool:
    """Return whether an item is one of the project's own dependencies."""
    return item.listed and item.target == MAIN


def _subject(entry: Any) -> str:  # noqa: ANN401 - what TOML holds
    """Return the normalised name that is required; an included group stands for itself."""
    return canonicalize_name(Requirement(entry).name) if isinstance(entry, str) else repr(entry)


def _same(first: Any, second: Any) -> bool:  # noqa: ANN401 - what TOML holds
    """Return whether two entries of the same subject require the same."""
    return isinstance(first, dict) or Requirement(first) == Requirement(second)
