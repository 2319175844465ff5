"""Read the configuration of what renews a repository's packages: Dependabot's and Renovate's.

Sources: the readers of both (dependabot-core of 2026-08-22, Renovate 44.121), and
https://docs.github.com/en/code-security/reference/supply-chain-security/dependabot-options-reference
https://docs.renovatebot.com/configuration-options/
"""

from __future__ import annotations

import functools
import itertools
import json
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import yaml

from tasks_lib.execution import files
from tasks_lib.project import jsonc
from tasks_lib.project.bounded_yaml import YAML, parse_yaml
from tasks_lib.project.manifests import broken, invalid, read_text
from tasks_lib.project.path_patterns import matches, parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

#: the manager of Renovate's for files that it has no manager for, without its kind
_CUSTOM = "custom"
_RENOVATE = ("renovate", ".github/renovate", ".gitlab/renovate", ".renovaterc")
#: the files that an ecosystem of Dependabot's reads, where it does not take the usual ones
_READ = {"conda": ("environment.yml", "environment.yaml")}


class Layer(NamedTuple):
    """What has to be renewed: its manifest's path in the repository, and what each bot calls it.

    `what` names all its files for a sentence.
    """

    what: str
    path: str
    dependabot: str
    renovate: str

    @property
    def folder(self) -> str:
        """Return the path of its folder, empty for the repository's top."""
        return self.path.rpartition("/")[0]

    @property
    def name(self) -> str:
        """Return the file's name."""
        return self.path.rpartition("/")[2]


def conda(path: str) -> Layer:
    """Return the layer of a conda file, for which Renovate has no manager."""
    return Layer(path, path, "conda", _CUSTOM)


class Bot:
    """One bot with its configuration in a repository."""

    #: where its configuration may be; the first that exists counts
    places: ClassVar[tuple[str, ...]]

    def __init__(self, data: Any, shown: str) -> None:  # noqa: ANN401 - whatever a file holds
        """Keep what its file holds.

        Raises:
            LabError: The bot would refuse it.
        """
        self.data = data
        self.shown = shown

    @classmethod
    def load(cls, text: str, shown: str) -> Any:  # noqa: ANN401 - whatever a file holds
        """Return what its file holds."""
        raise NotImplementedError

    def lacks(self, layer: Layer) -> str:
        """Return what to write so that the bot renews a layer, empty where it does."""
        raise NotImplementedError


class Dependabot(Bot):
    """GitHub's own: each entry names an ecosystem, and folders."""

    places = (".github/dependabot.yml", ".github/dependabot.yaml")

    def __init__(self, data: Any, shown: str) -> None:  # noqa: ANN401 - whatever a file holds
        """Expect what GitHub demands: it ignores the whole file where something is missing."""
        super().__init__(data, shown)
        entries = data.get("updates") if isinstance(data, dict) else None
        if not isinstance(entries, list) or data.get("version") != 2:  # noqa: PLR2004 - the version of the format
            text = "Dependabot ignores a file without 'version: 2' and a list 'updates'."
            raise invalid(text, shown)
        self.entries: list[Mapping[str, Any]] = []
        for number, entry in enumerate(entries, 1):
            missing = _missing(entry)
            if missing:
                where = f"entry {number} of 'updates'"
                text = f"Dependabot ignores the file, since {where} has no {missing}."
                raise invalid(text, shown)
            self.entries.append(entry)

    @classmethod
    def load(cls, text: str, shown: str) -> Any:  # noqa: ANN401 - whatever a file holds
        """Read it as YAML."""
        return parse_yaml(text, shown, functools.partial(yaml.load, Loader=YAML))

    def lacks(self, layer: Layer) -> str:
        """Look for an entry for the layer's ecosystem and folder."""
        readable = _READ.get(layer.dependabot, (layer.name,))
        is_read = layer.name in readable
        for entry in self.entries:
            if entry["package-ecosystem"] == layer.dependabot and _has_folder(entry, layer.folder):
                return "" if is_read else f"Rename it to {readable[0]}: Dependabot reads no other"
        place = json.dumps(f"/{layer.folder}")
        words = f"package-ecosystem: {layer.dependabot}, directory: {place}"
        text = f"write under updates: - {{{words}, schedule: {{interval: weekly}}}}"
        if not is_read:
            return f"Rename it to {readable[0]}, since Dependabot reads no other, and {text}"
        return text.capitalize()


def _missing(entry: Any) -> str:  # noqa: ANN401 - whatever a file holds
    """Return which key of an entry is missing, empty where none is."""
    keys = set(entry) if isinstance(entry, dict) else set()
    if not isinstance(jsonc.get(entry, ("package-ecosystem",)), str):
        return "package-ecosystem"
    if not keys & {"directory", "directories"}:
        return "directory"
    if "multi-ecosystem-group" in keys or jsonc.get(entry, ("schedule", "interval")):
        return ""
    return "schedule.interval"


def _has_folder(entry: Mapping[str, Any], folder: str) -> bool:
    for pattern in (*_words(entry.get("directory")), *_words(entry.get("directories"))):
        # for Ruby, whose patterns these are, the top is `.`
        is_top = not folder and matches((".",), parts(pattern))
        if is_top or matches(parts(folder), parts(pattern)):
            return True
    return False


def _words(value: Any) -> list[str]:  # noqa: ANN401 - whatever a file holds
    """Return the strings of a list, or the one string."""
    listed = value if isinstance(value, list) else [value]
    return [word for word in listed if isinstance(word, str)]


class Renovate(Bot):
    """Renovate: without a configuration to the contrary, all its managers look everywhere."""

    places = (
        *map("".join, itertools.product(_RENOVATE, (".json", ".jsonc", ".json5"))),
        ".renovaterc",
    )

    @classmethod
    def load(cls, text: str, shown: str) -> Any:  # noqa: ANN401 - whatever a file holds
        """Read it as JSON5, which Renovate falls back on for each of its files."""
        try:
            return jsonc.parse(jsonc.as_json(text))
        except json.JSONDecodeError as error:
            raise broken(shown, "JSON", error.lineno, error.msg) from None
        except (ValueError, RecursionError) as error:
            raise broken(shown, "JSON", None, error) from None

    def lacks(self, layer: Layer) -> str:
        """Look for what keeps the layer's manager from its file.

        What is off is so on purpose, and a preset from elsewhere may hold anything.
        """
        chosen, manager = _words(self.data.get("enabledManagers")), layer.renovate
        included = _words(self.data.get("includePaths"))
        text = ""
        if self.data.get("enabled") is False:
            return ""
        if chosen and not any(name == manager or _is_kind(name, manager) for name in chosen):
            name = "custom.regex" if manager == _CUSTOM else manager
            text = f'Add "{name}" to enabledManagers'
        elif jsonc.get(self.data, (manager, "enabled")) is False:
            text = f'Take "enabled": false out of "{manager}"'
        elif included and not _matches_any(layer.path, included):
            text = f'Add "{layer.path}" to includePaths'
        elif _is_ignored(layer.path, _words(self.data.get("ignorePaths"))):
            text = f"Take what matches {layer.path} out of ignorePaths"
        elif manager == _CUSTOM and not (self._names(layer.name) or self._is_open):
            text = f"Write customManagers for {layer.name}, as the page ci of the documentation has"
        return text

    def _names(self, file: str) -> bool:
        """Return whether a custom manager can be for a conda file: patterns are not run."""
        found = json.dumps(self.data.get("customManagers"))
        return "conda" in found or file.partition(".")[0] in found

    @property
    def _is_open(self) -> bool:
        """Return whether a preset is used that is not Renovate's own."""
        presets = _words(self.data.get("extends"))
        names = [preset.partition("(")[0] for preset in presets]
        return any(":" not in name or set(name) & set(">/@$") for name in names)


def _is_kind(name: str, manager: str) -> bool:
    """Return whether a name is of a kind of custom manager, with the prefix or as it once was."""
    return manager == _CUSTOM and (name.startswith("custom.") or name == "regex")


def _matches_any(path: str, patterns: list[str]) -> bool:
    return any(matches(parts(path), parts(pattern)) for pattern in patterns)


def _is_ignored(path: str, patterns: list[str]) -> bool:
    return any(pattern in path for pattern in patterns) or _matches_any(path, patterns)


BOTS: tuple[type[Bot], ...] = (Dependabot, Renovate)


def found(top: Path) -> Iterator[tuple[type[Bot], Path]]:
    """Yield each bot that has a file in a repository, with that file."""
    for kind in BOTS:
        for name in kind.places:
            if (top / name).is_file():
                yield kind, top / name
                break


def read(kind: type[Bot], top: Path, path: Path, shown: str) -> Bot:
    """Read a bot's file.

    Raises:
        LabError: It cannot be read, leads out of the repository, or the bot would refuse it.
    """
    text = read_text(files.inside(top, path), shown)
    return kind(kind.load(text, shown), shown)
