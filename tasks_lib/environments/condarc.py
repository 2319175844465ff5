"""What the user's `.condarc` files say: channels, mirrors and folders, for the engine that has no conda to ask.

Source of the search path, of the merge rules and of each key: conda's own documentation, 'Using the .condarc file'.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tasks_lib.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What conda means by `defaults` where nobody set `default_channels` (conda's documentation).
_DEFAULTS = ("https://repo.anaconda.com/pkgs/main", "https://repo.anaconda.com/pkgs/r")
_LISTS = ("channels", "envs_dirs", "pkgs_dirs", "default_channels")
_MAPS = ("custom_channels", "custom_multichannels", "mirrored_channels", "proxy_servers")
_WORDS = ("channel_alias", "channel_priority", "ssl_verify", "offline")
_URL = ("http://", "https://", "file://", "ftp://", "s3://", "oci://")


@dataclass(frozen=True)
class Condarc:
    """The merged settings; lists keep the order of priority, later files over earlier ones."""

    values: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, variables: Mapping[str, str], root: Path | None = None) -> Condarc:
        """Read and merge the files that conda would read, then the `CONDA_*` variables."""
        merged: dict[str, Any] = {}
        for path in _files(variables, root):
            _merge(merged, _read(path))
        for key in (*_LISTS, *_WORDS):
            text = variables.get(f"CONDA_{key.upper()}")
            if key == "envs_dirs":
                text = text or variables.get("CONDA_ENVS_PATH")
            if text:
                separator = os.pathsep if key.endswith("_dirs") else ","
                _merge(merged, {key: text.split(separator) if key in _LISTS else text})
        return cls(merged)

    def urls(self, channel: str) -> tuple[str, ...]:
        """Give the addresses that a channel's name stands for."""
        if channel.startswith(_URL):
            return (channel,)
        if Path(channel).is_absolute():
            return (Path(channel).as_uri(),)
        if channel == "defaults":
            return tuple(url for name in self.values.get("default_channels", _DEFAULTS) for url in self.urls(name))
        if channel in self.values.get("custom_multichannels", {}):
            return tuple(url for name in self.values["custom_multichannels"][channel] for url in self.urls(name))
        first = channel.partition("/")[0]
        base = self.values.get("custom_channels", {}).get(channel) or self.values.get("custom_channels", {}).get(first)
        base = base or self.values.get("channel_alias")
        return (f"{str(base).rstrip('/')}/{channel}",) if base else (channel,)

    def channels(self, declared: tuple[str, ...]) -> tuple[str, ...]:
        """Give the addresses of a conda.yml's channels, then of the user's own; `nodefaults` stops at the first."""
        names = [name for name in declared if name != "nodefaults"]
        if "nodefaults" not in declared:
            names += [name for name in self.values.get("channels", ()) if name not in names and name != "nodefaults"]
        return tuple(dict.fromkeys(url for name in names or ["conda-forge"] for url in self.urls(name)))

    def mirrors(self, names: tuple[str, ...]) -> dict[str, list[str]]:
        """Give the mirrors that stand in for a channel's address."""
        found: dict[str, Any] = self.values.get("mirrored_channels", {})
        return {self.urls(name)[0]: [str(url) for url in found[name]] for name in names if name in found}


def _files(variables: Mapping[str, str], root: Path | None) -> list[Path]:
    home = Path(variables.get("HOME") or Path.home())
    folders = (
        [Path("C:/ProgramData/conda")] if sys.platform == "win32" else [Path("/etc/conda"), Path("/var/lib/conda")]
    )
    folders += [root] if root else []
    config = Path(variables.get("XDG_CONFIG_HOME") or home / ".config")
    found = [folder / name for folder in folders for name in (".condarc", "condarc")]
    found += [config / "conda" / name for name in (".condarc", "condarc")]
    found += [home / ".conda" / name for name in (".condarc", "condarc")]
    found += [home / ".condarc"]
    if variables.get("CONDARC"):
        found.append(Path(variables["CONDARC"]).expanduser())
    return [path for path in found if path.is_file()]


def _read(path: Path) -> dict[str, Any]:
    remedy = f"mend {path}"
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8-sig")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        text = f"{path} cannot be read as YAML."
        raise LabError(text, file=path, line=line, remedy=remedy, title="broken .condarc") from None
    if not isinstance(data, dict):
        text = f"{path} must be a mapping."
        raise LabError(text, file=path, remedy=remedy, title="broken .condarc")
    for key, kind in (*((name, list) for name in _LISTS), *((name, dict) for name in _MAPS)):
        if data.get(key) is not None and not isinstance(data[key], (kind, str)):
            text = f"{key} must be a {'list' if kind is list else 'mapping'}."
            raise LabError(text, file=path, remedy=remedy, title="broken .condarc")
    return {key: value for key, value in data.items() if value is not None}


def _merge(into: dict[str, Any], new: Mapping[str, Any]) -> None:
    """Lay one file over the others as conda does: lists are joined, the newer first; maps and words are replaced."""
    for key, value in new.items():
        if key in _LISTS:
            items = [value] if isinstance(value, str) else [str(item) for item in value]
            into[key] = list(dict.fromkeys([*items, *into.get(key, [])]))
        elif key in _MAPS and isinstance(value, dict):
            into[key] = {**into.get(key, {}), **value}
        elif key in _WORDS:
            into[key] = value
