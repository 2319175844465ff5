"""Compare what two environments, or two versions of a manifest, hold."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from tasks_lib.environments import conda_health, records

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SHOWN = 8


def everything(prefix: Path, python: str) -> dict[str, str]:
    """Give all that is installed in an environment, its Python and what conda brought (with builds) among it."""
    conda = conda_health.packages(prefix)
    builds = {f"{name} (conda)": f"{row['version']} {row['build']}" for name, row in conda.items()}
    return {"Python": python, **records.installed(prefix), **builds}


def differences(one: Mapping[str, str], other: Mapping[str, str], names: tuple[str, str]) -> str:
    """Say which packages differ, with the version that each side has; say nothing where none does."""
    wrong = sorted(name for name in {*one, *other} if one.get(name) != other.get(name))
    told = [f"{name} ({names[0]} {one.get(name, 'none')}, {names[1]} {other.get(name, 'none')})" for name in wrong]
    return ", ".join(told[:_SHOWN]) + (f" and {len(told) - _SHOWN} more" if len(told) > _SHOWN else "")


def content(text: bytes) -> object:
    """Give what a TOML file says, whatever the order of its lists."""
    return _unordered(tomllib.loads(text.decode("utf-8-sig").replace("\r\n", "\n")))


def _unordered(value: object) -> object:
    if isinstance(value, dict):
        return {key: _unordered(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return sorted((_unordered(item) for item in value), key=repr)
    return value
