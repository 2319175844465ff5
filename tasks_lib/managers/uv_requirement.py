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

from tasks_lib.execution.known import known
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


def clause_by_clause(found: Iterable[Asked]) -> list[Asked]:
    """Return requirements whose bounds are not compared as ranges."""
    return [
        replace(one, source=("registry", clauses(one.bounds), *one.source[2:]))
        if one.source[0] == "registry"
        else one
        for one in found
    ]


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
    return _asked(text)


@known()
def _asked(text: str) -> Asked:
    try:
        found = Requirement(text)
    except (InvalidRequirement, RecursionError):
        unusable(f"{shown(text)!r} is not a requirement by the standard")
    marker = ALWAYS
    if found.marker:
        marker = _marker(str(found.marker))
    source = _address(found.url) if found.url else registry(found.specifier)
    extras = tuple(sorted({*map(canonicalize_name, found.extras)}))
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
_RANGES = {">=", "<=", "<", ">", "~=", "!="}


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
    extras = tuple(sorted({*map(canonicalize_name, row.get("extras", ()))}))
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
            sides = [shown(" and ".join(_texts(side))) for side in (here, there)]
            reason = f"whether {sides[0]} means the same as {sides[1]}"
        if same is False:
            yield _texts(here), _texts(there)
    if reason:
        unsure(reason)


def _texts(found: Sequence[Asked]) -> list[str]:
    return sorted({shown(one.text) for one in found})


def _same(wanted: Sequence[Asked], locked: Sequence[Asked], pythons: str) -> bool | None:
    """Return whether two lists of requirements of one package mean the same, None if uncertain."""
    if not wanted or not locked:
        return False
    answers: set[bool | None] = {{one.key for one in wanted} == {one.key for one in locked}}
    for key in {one.key for one in wanted} if True in answers else ():
        here = [one.marker for one in wanted if one.key == key]
        there = [one.marker for one in locked if one.key == key]
        answers.add(marker_equality.same_sets(here, there, pythons))
    if False not in answers:
        return None if None in answers else True
    return None if _have_one_effect(wanted, locked, pythons) else False


def _have_one_effect(wanted: Sequence[Asked], locked: Sequence[Asked], pythons: str) -> bool:
    """Return whether two lists may ask for the same, in other words, in every environment.

    uv 0.13.9 takes some of these for the same: `six` is `six` and `six; os_name == 'nt'`.
    """
    both = [*wanted, *locked]
    found = marker_equality.together([one.marker for one in both], pythons)
    if found is None:
        return True
    for numbers in found:
        here = [both[number] for number in numbers if number < len(wanted)]
        there = [both[number] for number in numbers if number >= len(wanted)]
        if _effect(here) != _effect(there):
            return False
    return True


def _effect(found: Sequence[Asked]) -> tuple[object, ...]:
    """Return what requirements of one package ask for together."""
    texts = {str(one.bounds) for one in found if one.source[0] == "registry"}
    bounds = SpecifierSet(",".join(filter(None, texts)))
    extras = {extra for one in found for extra in one.extras}
    return ({_loose(one) for one in found}, extras, bounds.to_range())


def _loose(one: Asked) -> tuple[object, ...]:
    """Return where a package is from, in a form in which two spellings of an address are one."""
    parts = (part for part in one.source if isinstance(part, str))
    return tuple(unquote(part).rstrip("/").lower() for part in parts)
