"""Compare what two environments, or two versions of a manifest, hold."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from tasks_lib.checks.base import listed

if TYPE_CHECKING:
    from collections.abc import Mapping


def differences(one: Mapping[str, str], other: Mapping[str, str], names: tuple[str, str]) -> str:
    """Say which packages differ, with the version that each side has; say nothing where none does."""
    first, second = names
    return listed(
        f"{row['name']} ({first} {row['first'] or 'none'}, {second} {row['second'] or 'none'})"
        for row in rows(one, other)
    )


def rows(one: Mapping[str, str], other: Mapping[str, str]) -> list[dict[str, str]]:
    """Give a row for each name that differs; what a side does not have is empty there."""
    names = sorted({*one, *other})
    return [
        {"name": name, "first": one.get(name, ""), "second": other.get(name, "")}
        for name in names
        if one.get(name) != other.get(name)
    ]


def content(text: bytes) -> object:
    """Give what a TOML file says, whatever the order of its lists."""
    return _unordered(tomllib.loads(text.decode("utf-8-sig").replace("\r\n", "\n")))


def _unordered(value: object) -> object:
    if isinstance(value, dict):
        return {key: _unordered(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return sorted((_unordered(item) for item in value), key=repr)
    return value
