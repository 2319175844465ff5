"""The user's settings of conda: channels, mirrors and folders.

The engine that has no conda to ask needs them. Source of the search path, of the merge rules and of
each key: conda's documentation, 'Using the .condarc file'.
"""

from __future__ import annotations

import functools
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.project.bounded_yaml import YAML, parse_yaml
from tasks_lib.project.manifests import BAD_TEXT, read_text
from tasks_lib.project.options import CHANNEL_ALIAS, Source
from tasks_lib.tools import executables, package_index

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tasks_lib.project.options import Options

#: the channels of the name `defaults` where nobody set `default_channels` (conda's documentation)
_DEFAULTS = ("https://repo.anaconda.com/pkgs/main", "https://repo.anaconda.com/pkgs/r")
_FOLDERS = ("envs_dirs", "pkgs_dirs")
_LISTS = ("channels", "default_channels", *_FOLDERS)
_LISTS_BY_NAME = ("custom_multichannels", "mirrored_channels")
_MAPS = ("custom_channels", "proxy_servers", *_LISTS_BY_NAME)
_CHECKS = ("safety_checks", "extra_safety_checks")
_WORDS = ("channel_alias", "channel_priority", "ssl_verify", "offline", *_CHECKS)
_NUMBERS = ("remote_read_timeout_secs", "remote_max_retries")
#: the longest name of a folder, in bytes
_LONGEST_NAME = 255
_SCHEMES = ("http://", "https://", "file://", "ftp://", "s3://", "oci://")


def for_conda(options: Options) -> dict[str, str]:
    """Return the variables that make conda follow the run's options; it inherits the others."""
    env = options.limiting("CONDA_EXCLUDE_NEWER")
    if options.offline:
        env |= package_index.OFFLINE["conda"]
    if options.channel_alias.source is Source.SETTINGS:
        env[CHANNEL_ALIAS] = options.channel_alias.value
    return env


@dataclass(frozen=True)
class Condarc:
    """The merged settings; a list has the values of later files before those of earlier ones."""

    values: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def load(
        cls,
        variables: Mapping[str, str],
        root: Path | None = None,
        files: Iterable[Path] | None = None,
    ) -> Condarc:
        """Read and merge the files that conda would read, then the `CONDA_*` variables.

        `root` is the folder of the conda installation, which may have a file of its own; `files`
        are those of a program that reads others.
        """
        merged: dict[str, Any] = {}
        for path in filter(Path.is_file, files or search_path(variables, root)):
            _merge(merged, _read(path))
        _merge(merged, _from_variables(variables))
        expanded = {key: _expanded(value) for key, value in merged.items()}
        for key in _FOLDERS:
            if key in expanded:
                expanded[key] = [user_path(text) for text in expanded[key]]
        return cls(expanded)

    def urls(self, channel: str) -> tuple[str, ...]:
        """Return the addresses that a channel's name stands for."""
        multichannels = {
            **self.values.get("custom_multichannels", {}),
            "defaults": self.values.get("default_channels", _DEFAULTS),
        }
        # as in conda, the members of a multichannel are plain channels
        return tuple(map(self._url, multichannels.get(channel, (channel,))))

    def _url(self, channel: str) -> str:
        if channel.startswith(_SCHEMES):
            return channel
        if Path(channel).is_absolute():
            return Path(channel).as_uri()
        custom = self.values.get("custom_channels", {})
        first = channel.partition("/")[0]
        base = custom.get(channel) or custom.get(first) or self.values.get("channel_alias")
        if not base:
            return channel
        return f"{str(base).rstrip('/')}/{channel}"

    def channels(self, declared: Sequence[str]) -> tuple[str, ...]:
        """Return the addresses of a conda file's channels, then of the user's own.

        `nodefaults` among the declared ones leaves the user's own out.
        """
        found: list[str] = []
        for name in self._names(declared):
            found += self.urls(name)
        return tuple(dict.fromkeys(found))

    def _names(self, declared: Sequence[str]) -> list[str]:
        names = list(declared)
        if "nodefaults" not in declared:
            names += self.values.get("channels", ())
        unique = dict.fromkeys(names)
        unique.pop("nodefaults", None)
        return list(unique) or ["conda-forge"]

    def unknown(self, declared: Sequence[str], specs: Iterable[str]) -> tuple[str, ...]:
        """Return the channels of a file and of its specs that are addresses and not the user's."""
        named = [*declared, *(spec.partition("::")[0] for spec in specs if "::" in spec)]
        known = {channel.rstrip("/") for channel in self.channels(())}
        return tuple(name for name in named if _is_address(name) and name.rstrip("/") not in known)

    def meanings(self, declared: Sequence[str], specs: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Return the addresses of the names that are not addresses: of channels, and of specs."""
        names = self._names(declared)
        for spec in specs:
            channel, separator, _ = spec.partition("::")
            if separator:
                names.append(channel)
        found = {}
        for name in names:
            urls = self.urls(name)
            if urls != (name,):
                found[name] = urls
        return found

    def mirrors(self, names: Iterable[str]) -> dict[str, list[str]]:
        """Return the addresses of mirrors by the address of their channel."""
        mirrors: dict[str, list[str]] = self.values.get("mirrored_channels", {})
        return {self._url(name): mirrors[name] for name in names if name in mirrors}


def home_folder(variables: Mapping[str, str]) -> Path:
    """Return the user's home."""
    return Path(variables.get("HOME") or executables.home())


def config_folder(variables: Mapping[str, str]) -> Path:
    """Return the folder of the user's settings."""
    return Path(variables.get("XDG_CONFIG_HOME") or home_folder(variables) / ".config")


def search_path(variables: Mapping[str, str], root: Path | None, beside: str = "") -> list[Path]:
    """Return the files of settings that may exist, the weakest first.

    `beside` names a file that is read with those of the machine and of `root`.
    """
    home, found = home_folder(variables), list[Path]()
    folders = [Path("/etc/conda"), Path("/var/lib/conda")]
    if sys.platform == "win32":
        folders = [Path("C:/ProgramData/conda")]
    if root:
        folders.append(root)
    for folder in folders:
        found += in_folder(folder)
        if beside:
            found.append(folder / beside)
    for folder in (config_folder(variables) / "conda", home / ".conda"):
        found += in_folder(folder)
    found.append(home / ".condarc")
    if variables.get("CONDARC"):
        found.append(Path(user_path(variables["CONDARC"])))
    return found


def in_folder(folder: Path, name: str = "condarc") -> list[Path]:
    """Return the files of settings of one folder."""
    return [folder / f".{name}", folder / name, *sorted((folder / f"{name}.d").glob("*.y*ml"))]


def _is_address(channel: str) -> bool:
    """Return whether a channel is an address or a path, and not a name that settings explain."""
    is_path = channel.startswith((".", "~")) or Path(channel).is_absolute()
    return "://" in channel or is_path


def user_path(text: str) -> str:
    """Expand `~`; `Path.expanduser` raises an error where the user does not exist."""
    return os.path.expanduser(text)  # noqa: PTH111 - see above


def _from_variables(variables: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in (*_LISTS, *_WORDS, *_NUMBERS):
        text = variables.get(f"CONDA_{key.upper()}")
        if key == "envs_dirs":
            text = text or variables.get("CONDA_ENVS_PATH")
        if not text:
            continue
        if key in _FOLDERS:
            found[key] = text.split(os.pathsep)
        elif key in _LISTS:
            found[key] = text.split(",")
        else:
            found[key] = text
    return found


def _read(path: Path) -> dict[str, Any]:
    text = read_text(path, str(path))
    data = parse_yaml(text, str(path), functools.partial(yaml.load, Loader=YAML)) or {}
    if not isinstance(data, dict):
        raise _broken(path, f"{path} must be a mapping.")
    found = {key: value for key, value in data.items() if value is not None}
    for kind, keys, fits in _KINDS:
        for key in keys:
            if key in found and not fits(found[key]):
                raise _broken(path, f"{key} must be {kind}.")
    return found


def _broken(path: Path, text: str) -> LabError:
    return LabError(text, ErrorCode.BROKEN_CONDARC, file=path, remedy=Remedy(f"Fix {path}"))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and not BAD_TEXT.search(value)


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _are_texts(value: object) -> bool:
    return _is_text(value) or _is_list_of_texts(value)


def _are_folders(value: list[str] | str) -> bool:
    """Return whether the system allows these names: its own error does not name this file."""
    texts = [value] if isinstance(value, str) else value
    parts = [part for text in texts for part in Path(text).parts]
    return all(len(os.fsencode(part)) <= _LONGEST_NAME for part in parts)


def _is_mapping_of_texts(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


def _is_mapping_of_lists(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_list_of_texts, value.values()))


def _is_word(value: object) -> bool:
    return _is_text(value) or isinstance(value, int)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float))


#: what the keys that are used here must be, in words and as a test
_KINDS: tuple[tuple[str, tuple[str, ...], Callable[[Any], bool]], ...] = (
    ("a list of words", _LISTS, _are_texts),
    ("a list of folders", _FOLDERS, _are_folders),
    ("a mapping of words", ("custom_channels",), _is_mapping_of_texts),
    ("a mapping of lists", _LISTS_BY_NAME, _is_mapping_of_lists),
    ("a word", _WORDS, _is_word),
    ("a number", _NUMBERS, _is_number),
)


def _expanded(value: Any) -> Any:  # noqa: ANN401 - whatever a file holds
    """Replace variables by values (conda's documentation, 'Expansion of environment variables')."""
    if isinstance(value, dict):
        return {key: _expanded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_expanded(item) for item in value]
    return os.path.expandvars(value) if isinstance(value, str) else value


def _merge(into: dict[str, Any], new: Mapping[str, Any]) -> None:
    """Lay settings over others as conda does: lists are joined, newer first; words are replaced."""
    for key, value in new.items():
        if key in _LISTS:
            items = [value] if isinstance(value, str) else value
            into[key] = list(dict.fromkeys([*items, *into.get(key, [])]))
        elif key in _MAPS and isinstance(value, dict):
            into[key] = {**into.get(key, {}), **value}
        elif key in {*_WORDS, *_NUMBERS}:
            into[key] = value
