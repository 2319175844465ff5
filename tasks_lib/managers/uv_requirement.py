"""A requirement as uv compares it, from a manifest and from uv.lock.

Normalised as `normalize_requirement` of uv-resolver does (seen with uv 0.13.9): names, extras, the
order and the zeros of versions, addresses without their logins.
"""

from __future__ import annotations

import contextlib
import posixpath
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, Specifier, SpecifierSet
from packaging.utils import canonicalize_name, canonicalize_version

from tasks_lib.execution.redaction import without_secrets
from tasks_lib.managers import marker_equality
from tasks_lib.managers.marker_equality import ALWAYS, Tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from packaging.ranges import VersionRange

#: The keys of a requirement in uv.lock.
_KEYS = {"name", "extras", "marker", "specifier", "index", "conflict", "git", "url"}
_KEYS |= {"subdirectory", "path", "directory", "editable", "virtual"}
_LONGEST = 120


class UnsureError(Exception):
    """Reading alone does not tell what uv would say; the message is the reason."""


class UnusableError(UnsureError):
    """uv would refuse the project as it is, so that nothing else counts."""


def unsure(reason: str) -> NoReturn:
    """Say that it cannot be told."""
    raise UnsureError(reason)


def unusable(reason: str) -> NoReturn:
    """Say that uv would refuse the project."""
    raise UnusableError(reason)


@dataclass(frozen=True)
class Asked:
    """A requirement: `source` has the kind of its source first, `text` is how it was written."""

    name: str
    extras: tuple[str, ...] = ()
    source: tuple[object, ...] = ()
    marker: Tree = ALWAYS
    text: str = field(default="", compare=False)
    bounds: SpecifierSet = field(default_factory=SpecifierSet, compare=False)

    @property
    def key(self) -> tuple[object, ...]:
        """Return what must be equal in both, while markers must mean the same."""
        return (self.name, self.extras, self.source)

    def where(self, *parts: Tree | marker_equality.Test) -> Asked:
        """Return the requirement under further markers."""
        return replace(self, marker=marker_equality.both(self.marker, *parts))


def normalised(name: object, what: str = "name") -> str:
    """Return a name as uv writes it.

    Raises:
        UnusableError: It is not a name.

    """
    if isinstance(name, str) and re.fullmatch(
        r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?", name, re.ASCII
    ):
        return canonicalize_name(name)
    unusable(f"{name!r:.60} is not a valid {what}")


def from_text(text: object) -> Asked:
    """Return a requirement of a manifest.

    Raises:
        UnsureError: It cannot be read here.

    """
    if not isinstance(text, str):
        unusable(f"{text!r:.60} is not a requirement")
    try:
        found = Requirement(text)
    except (InvalidRequirement, RecursionError):
        unusable(f"{shown(text)!r} is not a requirement by the standard")
    marker = ALWAYS
    if found.marker:
        marker = _marker(str(found.marker))
    source = _address(found.url) if found.url else registry(found.specifier)
    extras = tuple(sorted(map(canonicalize_name, found.extras)))
    return Asked(
        canonicalize_name(found.name), extras, source, marker, shown(text), found.specifier
    )


def shown(text: str) -> str:
    """Return a text for a message: short, and without secrets."""
    short = without_secrets(" ".join(text.split()))
    return short if len(short) <= _LONGEST else short[:_LONGEST] + "…"


def _marker(text: str) -> Tree:
    try:
        return marker_equality.parse(text)
    except ValueError:
        unusable(f"{text!r:.60} is not a marker by the standard")


def markers(value: object) -> list[Tree]:
    """Return a marker, or the markers in a list."""
    values = value if isinstance(value, list) else [value]
    found = [_marker(one) for one in values if isinstance(one, str)]
    if len(found) != len(values):
        unusable(f"{value!r:.60} is not a list of markers")
    return found


def read(written: Sequence[object]) -> list[Asked]:
    """Return the requirements in a list of a manifest."""
    return [from_text(text) for text in written]


#: The signs whose bounds uv compares as one range of versions (0.13.9): `==1.*,<2` is `==1.*`.
_RANGES = {">=", "<", ">", "~=", "!="}


def specifier(text: object) -> SpecifierSet:
    """Return version bounds."""
    if isinstance(text, str):
        with contextlib.suppress(InvalidSpecifier):
            return SpecifierSet(text)
    unusable(f"{text!r:.60} is not a version bound by the standard")


def clauses(found: SpecifierSet) -> tuple[str, ...]:
    """Return bounds without the zeros that uv does not count."""
    return tuple(sorted(map(_clause, found)))


def _clause(one: Specifier) -> str:
    if one.operator == "===":
        return f"==={one.version}"
    version = one.version.removesuffix(".*")
    star = ".*" if version != one.version else ""
    places = ""
    if one.operator == "~=":
        places = f" of {version.count('.') + 1} places"
    return one.operator + canonicalize_version(version) + star + places


def _bounds(found: SpecifierSet) -> tuple[str, ...] | VersionRange:
    """Return bounds as uv compares them, where that is certain: as a range."""
    is_range = all(one.operator in _RANGES or one.version.endswith(".*") for one in found)
    return found.to_range() if is_range else clauses(found)


def _address(address: str) -> tuple[str, ...]:
    """Return the source of `NAME @ ADDRESS`."""
    scheme = address.partition(":")[0].lower()
    bare, _, fragment = address.partition("#")
    named = dict(parse_qsl(fragment))
    if scheme.startswith("git+"):
        bare = bare.partition("+")[2]
        split = urlsplit(bare)
        path, at, rev = split.path.rpartition("@")
        if at:
            bare = urlunsplit(split._replace(path=path))
        reference = ("rev", unquote(rev)) if at else ()
        return git(bare, reference, named)
    if scheme in {"http", "https"}:
        return ("url", plain(bare), named.get("subdirectory", ""))
    unsure(f"{without_secrets(address):.80} is an address that only uv can follow")


def git(address: str, reference: Sequence[str], others: Mapping[str, object]) -> tuple[str, ...]:
    """Return the source of a repository."""
    lfs = "lfs" if others.get("lfs") in {True, "true"} else ""
    place = str(others.get("subdirectory") or "")
    return (
        "git",
        plain(address),
        *(reference or ("", "")),
        place,
        str(others.get("path") or ""),
        lfs,
    )


def plain(address: str) -> str:
    """Return an address without its login and fragment; uv keeps the `git@` of ssh."""
    try:
        split = urlsplit(address)
        host = split.hostname or ""
        port = f":{split.port}" if split.port else ""
    except ValueError:
        unusable(f"{without_secrets(address):.80} is not an address")
    login = "git@" if split.scheme == "ssh" and split.username == "git" else ""
    return urlunsplit((split.scheme, login + host + port, split.path or "/", split.query, ""))


def from_row(row: Mapping[str, Any]) -> Asked:
    """Return a requirement of uv.lock."""
    unknown = set(row) - _KEYS
    if unknown:
        unsure(f"uv.lock has a key that is not known here: {min(unknown)}")
    name = canonicalize_name(row["name"])
    extras = tuple(sorted(map(canonicalize_name, row.get("extras", ()))))
    marker = _marker(row["marker"]) if "marker" in row else ALWAYS
    bounds = specifier(row.get("specifier", ""))
    return Asked(name, extras, _row_source(row, bounds), marker, _row_text(row), bounds)


def _row_source(row: Mapping[str, Any], bounds: SpecifierSet) -> tuple[object, ...]:
    if "git" in row:
        address = str(row["git"])
        split = urlsplit(address)
        named = dict(parse_qsl(split.query))
        reference: tuple[str, ...] = ()
        for key in ("tag", "branch", "rev"):
            if key in named:
                reference = (key, named[key])
        return git(urlunsplit(split._replace(query="", fragment="")), reference, named)
    if "url" in row:
        return ("url", plain(str(row["url"])), str(row.get("subdirectory", "")))
    for kind in ("path", "directory", "editable", "virtual"):
        if kind in row:
            return (kind, posixpath.normpath(str(row[kind])))
    return registry(bounds, row.get("index"), row.get("conflict"))


def registry(
    bounds: SpecifierSet, index: object = None, conflict: Mapping[str, str] | None = None
) -> tuple[object, ...]:
    """Return the source of a package from an index."""
    address = plain(str(index)) if index else ""
    return ("registry", _bounds(bounds), address, *sorted((conflict or {}).items()))


def _row_text(row: Mapping[str, Any]) -> str:
    text = str(row["name"])
    if row.get("extras"):
        text += f"[{','.join(row['extras'])}]"
    text += str(row.get("specifier", ""))
    for key in ("git", "url", "path", "directory", "editable", "virtual", "index"):
        if key in row:
            text += f" ({key} {row[key]})"
    if "marker" in row:
        text += f"; {row['marker']}"
    return text


def differences(
    wanted: Sequence[Asked], locked: Sequence[Asked], pythons: str
) -> Iterable[tuple[list[str], list[str]]]:
    """Yield, package by package, what a manifest and uv.lock say where that is not the same.

    Raises:
        UnsureError: Whether they say the same of a package is not certain; it comes last.

    """
    reason = ""
    pairs: dict[str, tuple[list[Asked], list[Asked]]] = {}
    for side, found in enumerate((wanted, locked)):
        for one in found:
            pairs.setdefault(one.name, ([], []))[side].append(one)
    for _, (here, there) in sorted(pairs.items()):
        same = _same(here, there, pythons)
        if same is None:
            reason = f"whether {shown(here[0].text)!r} and {shown(there[0].text)!r} mean the same"
        if same is False:
            yield _texts(here), _texts(there)
    if reason:
        unsure(reason)


def _texts(found: Sequence[Asked]) -> list[str]:
    return sorted({shown(one.text) for one in found})


def _same(wanted: Sequence[Asked], locked: Sequence[Asked], pythons: str) -> bool | None:
    """Return whether two lists of requirements of one package mean the same, None if uncertain."""
    keys = {one.key for one in wanted}
    if keys != {one.key for one in locked}:
        loose = {_loose(one) for one in wanted} == {_loose(one) for one in locked}
        return None if loose else False
    answers = []
    for key in keys:
        here = [one.marker for one in wanted if one.key == key]
        there = [one.marker for one in locked if one.key == key]
        answers.append(marker_equality.same_sets(here, there, pythons))
    if False in answers:
        return False
    return None if None in answers else True


def _loose(one: Asked) -> tuple[object, ...]:
    """Return a key in which two spellings of an address are one, and bounds are a range."""
    parts = [unquote(part).rstrip("/").lower() for part in one.source if isinstance(part, str)]
    bounds = one.bounds.to_range() if one.source[0] == "registry" else None
    return (*one.key[:2], bounds, *parts)
