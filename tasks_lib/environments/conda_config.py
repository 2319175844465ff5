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

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.project.manifests import BAD_TEXT, parse_yaml, read_text
from tasks_lib.project.options import CHANNEL_ALIAS, Source
from tasks_lib.tools import executables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tasks_lib.project.options import Options

#: What conda means by `defaults` where nobody set `default_channels` (conda's documentation).
_DEFAULTS = ("https://repo.anaconda.com/pkgs/main", "https://repo.anaconda.com/pkgs/r")
#: the variables that change where conda finds packages and environments
USER_VARIABLES = (
    "CONDARC",
    "CONDA_ENVS_DIRS",
    "CONDA_ENVS_PATH",
    "CONDA_CHANNELS",
    "CONDA_DEFAULT_CHANNELS",
    "CONDA_CHANNEL_ALIAS",
    "CONDA_CHANNEL_PRIORITY",
    "CONDA_SSL_VERIFY",
    "CONDA_OFFLINE",
    "MAMBA_ROOT_PREFIX",
)
_LISTS = ("channels", "envs_dirs", "pkgs_dirs", "default_channels")
_FOLDERS = ("envs_dirs", "pkgs_dirs")
_LONGEST = 255  # bytes in the name of a folder
_MAPS = ("custom_channels", "custom_multichannels", "mirrored_channels", "proxy_servers")
_WORDS = ("channel_alias", "channel_priority", "ssl_verify", "offline")
_NUMBERS = ("remote_read_timeout_secs", "remote_max_retries")
_URL = ("http://", "https://", "file://", "ftp://", "s3://", "oci://")


def _text(value: object) -> bool:
    return isinstance(value, str) and not BAD_TEXT.search(value)


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_text, value))


def _folders(value: Any) -> bool:  # noqa: ANN401 - whatever stands in a file
    """Tell whether these can be paths at all: the system refuses others, and does not say where they stood."""
    texts = [value] if isinstance(value, str) else value
    return _texts(texts) and all(
        len(os.fsencode(part)) <= _LONGEST for text in texts for part in Path(text).parts
    )


def _mapping(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(fits(item) for item in value.values())


#: What each key that is used here must be, in words and as a test.
_KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(_LISTS, ("a list of words", lambda value: _text(value) or _texts(value))),
    **dict.fromkeys(_FOLDERS, ("a list of folders", _folders)),
    **dict.fromkeys(_WORDS, ("a word", lambda value: _text(value) or isinstance(value, int))),
    **dict.fromkeys(_NUMBERS, ("a number", lambda value: isinstance(value, (int, float)))),
    "custom_channels": ("a mapping of words", _mapping(_text)),
    "custom_multichannels": ("a mapping of lists", _mapping(_texts)),
    "mirrored_channels": ("a mapping of lists", _mapping(_texts)),
}


def for_conda(options: Options) -> dict[str, str]:
    """Return the variables by which conda follows the options of the run; those that are set are inherited."""
    env: dict[str, str] = {}
    if options.offline:
        env["CONDA_OFFLINE"] = "true"
    if options.channel_alias.source is Source.SETTINGS:
        env[CHANNEL_ALIAS] = options.channel_alias.value
    return env


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
        for key in (*_LISTS, *_WORDS, *_NUMBERS):
            text = variables.get(f"CONDA_{key.upper()}")
            if key == "envs_dirs":
                text = text or variables.get("CONDA_ENVS_PATH")
            if text:
                separator = os.pathsep if key.endswith("_dirs") else ","
                _merge(merged, {key: text.split(separator) if key in _LISTS else text})
        expanded: dict[str, Any] = _expanded(merged)
        for key in expanded.keys() & {*_FOLDERS}:
            expanded[key] = [os.path.expanduser(text) for text in expanded[key]]  # noqa: PTH111 - as in _files
        return cls(expanded)

    def urls(self, channel: str) -> tuple[str, ...]:
        """Give the addresses that a channel's name stands for; as in conda, what it stands for are plain channels."""
        own = self.values.get("custom_multichannels", {})
        many = {**own, "defaults": self.values.get("default_channels", _DEFAULTS)}
        return tuple(self._url(name) for name in many.get(channel, (channel,)))

    def _url(self, channel: str) -> str:
        if channel.startswith(_URL):
            return channel
        if Path(channel).is_absolute():
            return Path(channel).as_uri()
        first = channel.partition("/")[0]
        custom = self.values.get("custom_channels", {})
        base = custom.get(channel) or custom.get(first) or self.values.get("channel_alias")
        return f"{str(base).rstrip('/')}/{channel}" if base else channel

    def channels(self, declared: tuple[str, ...]) -> tuple[str, ...]:
        """Give the addresses of a conda.yml's channels, then of the user's own; `nodefaults` stops at the first."""
        return tuple(
            dict.fromkeys(url for name in self._names(declared) for url in self.urls(name))
        )

    def _names(self, declared: tuple[str, ...]) -> list[str]:
        names = [name for name in declared if name != "nodefaults"]
        if "nodefaults" not in declared:
            names += [
                name
                for name in self.values.get("channels", ())
                if name not in names and name != "nodefaults"
            ]
        return names or ["conda-forge"]

    def meanings(
        self, declared: tuple[str, ...], specs: Iterable[str]
    ) -> dict[str, tuple[str, ...]]:
        """Give the addresses of each name that stands for others: of the channels, and of those in `channel::name`."""
        named = [
            channel
            for channel, separator, _ in (spec.partition("::") for spec in specs)
            if separator
        ]
        found = {name: self.urls(name) for name in (*self._names(declared), *named)}
        return {name: urls for name, urls in found.items() if urls != (name,)}

    def mirrors(self, names: tuple[str, ...]) -> dict[str, list[str]]:
        """Give the mirrors that stand in for a channel's address."""
        found: dict[str, list[str]] = self.values.get("mirrored_channels", {})
        return {self._url(name): found[name] for name in names if name in found}


def _files(variables: Mapping[str, str], root: Path | None) -> list[Path]:
    home = Path(variables.get("HOME") or executables.home())
    system = (
        [Path("C:/ProgramData/conda")]
        if sys.platform == "win32"
        else [Path("/etc/conda"), Path("/var/lib/conda")]
    )
    config = Path(variables.get("XDG_CONFIG_HOME") or home / ".config")
    found: list[Path] = []
    for folder in (*system, *([root] if root else []), config / "conda", home / ".conda"):
        found += [
            folder / ".condarc",
            folder / "condarc",
            *sorted((folder / "condarc.d").glob("*.y*ml")),
        ]
    found.append(home / ".condarc")
    if variables.get("CONDARC"):
        found.append(Path(os.path.expanduser(variables["CONDARC"])))  # noqa: PTH111 - pathlib raises where there is no such user
    return [path for path in found if path.is_file()]


def _read(path: Path) -> dict[str, Any]:
    data = parse_yaml(read_text(path, str(path)), str(path), yaml.safe_load) or {}
    if not isinstance(data, dict):
        text = f"{path} must be a mapping."
        raise LabError(text, ErrorCode.BROKEN_CONDARC, file=path, remedy=f"mend {path}")
    found = {key: value for key, value in data.items() if value is not None}
    for key, (kind, fits) in _KINDS.items():
        if key in found and not fits(found[key]):
            text = f"{key} must be {kind}."
            raise LabError(text, ErrorCode.BROKEN_CONDARC, file=path, remedy=f"mend {path}")
    return found


def _expanded(value: Any) -> Any:  # noqa: ANN401 - whatever stands in a file
    """Put in the variables that it names; conda's documentation, 'Expansion of environment variables'."""
    if isinstance(value, dict):
        return {key: _expanded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_expanded(item) for item in value]
    return os.path.expandvars(value) if isinstance(value, str) else value


def _merge(into: dict[str, Any], new: Mapping[str, Any]) -> None:
    """Lay one file over the others as conda does: lists are joined, the newer first; maps and words are replaced."""
    for key, value in new.items():
        if key in _LISTS:
            items = [value] if isinstance(value, str) else value
            into[key] = list(dict.fromkeys([*items, *into.get(key, [])]))
        elif key in _MAPS and isinstance(value, dict):
            into[key] = {**into.get(key, {}), **value}
        elif key in {*_WORDS, *_NUMBERS}:
            into[key] = value
