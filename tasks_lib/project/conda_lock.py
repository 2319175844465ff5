"""Read and write `conda-lock.yml`, the lock of conda's packages, in version 1 of its format.

The format is that of `conda_lock/lockfile/v1/models.py` in conda-lock 4.0.3; its schema has the
address https://schemas.conda.org/conda-lock-v1.schema.json
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml

from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import files
from tasks_lib.execution.redaction import without_logins
from tasks_lib.project.bounded_yaml import YAML, parse_yaml
from tasks_lib.project.conda_file import spec_name
from tasks_lib.project.manifests import BAD_TEXT, Bounds, read_text, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tasks_lib.project.conda_file import CondaFile

NAME = "conda-lock.yml"
WRITE_AGAIN = Remedy("Write it again", ("invoke", "deps.lock", "--layer", "conda"))
#: 2000 packages have 90,000 values in 1.2 MB
_BOUNDS = Bounds(8 << 20, 400_000)
#: where the format has room for the words of others
_OURS = "mlops-lab"
_HEAD = f"""\
# The lock of conda's packages: written by 'invoke deps.lock', and not to be edited.
# {NAME} of conda-lock, version 1: conda-lock, micromamba, and conda with conda-lockfiles read it.
"""
_ADDRESS = re.compile(r"[a-z][a-z0-9+]*://")
#: what the names of packages are made of, by conda's proposal CEP 26, and a version's epoch
_DIST = re.compile(r"[\w.+!-]+", re.ASCII)
_HASH = re.compile("[0-9a-f]{32}|[0-9a-f]{64}")
#: what an optional part of a lock of conda-lock's is not
_INSTALLED = {"main", "dev"}


@dataclass(frozen=True)
class Inputs:
    """What a lock is solved from.

    `system` has the virtual packages of each platform, as `__glibc=2.28`.
    """

    specs: tuple[str, ...]
    channels: tuple[str, ...]
    system: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, file: CondaFile, system: Mapping[str, Sequence[str]]) -> Inputs:
        """Return those of a conda file, without the logins in it."""
        specs = (without_logins(spec, tokens=True) for spec in file.dependencies)
        channels = (without_logins(channel, tokens=True) for channel in file.channels)
        return cls(tuple(sorted(specs)), tuple(channels), system)

    @classmethod
    def recorded(cls, text: object) -> Inputs | None:
        """Return what `text` records, None where that is nothing of ours."""
        try:
            data = json.loads(str(text))
            system = {name: tuple(map(str, data["system"][name])) for name in data["system"]}
            return cls(tuple(map(str, data["specs"])), tuple(map(str, data["channels"])), system)
        except (ValueError, TypeError, KeyError, RecursionError):
            return None

    @property
    def text(self) -> str:
        """Return the record of these inputs."""
        system = {name: list(self.system[name]) for name in sorted(self.system)}
        data = {"specs": list(self.specs), "channels": list(self.channels), "system": system}
        return json.dumps(data)

    def digest(self, platform: str) -> str:
        """Return the hash of what counts for a platform."""
        data = [self.specs, self.channels, self.system.get(platform, ())]
        return hashlib.sha256(json.dumps(data).encode()).hexdigest()

    def changes(self, now: Inputs) -> Iterator[str]:
        """Yield a phrase for each difference of what is solved from now."""
        before, after = _by_name(self.specs), _by_name(now.specs)
        for name in sorted(before.keys() | after.keys()):
            old, new = before.get(name), after.get(name)
            if old is None:
                yield f"{new} is new"
            elif new is None:
                yield f"{old} is gone"
            elif old != new:
                yield f"{old} became {new}"
        if self.channels != now.channels:
            yield f"the channels {_listed(self.channels)} became {_listed(now.channels)}"
        for name in sorted(self.system.keys() & now.system.keys()):
            if self.system[name] != now.system[name]:
                old, new = _listed(self.system[name]), _listed(now.system[name])
                yield f"of {name}, {old} became {new}"


def _by_name(specs: Iterable[str]) -> dict[str, str]:
    return {spec_name(spec): spec for spec in specs}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "(none)"


@dataclass(frozen=True)
class Package:
    """One package for one platform."""

    name: str
    version: str
    platform: str
    url: str
    md5: str
    sha256: str
    depends: Mapping[str, str]

    @property
    def file(self) -> str:
        """Return the name of its file."""
        return urlsplit(self.url).path.rpartition("/")[2]

    @property
    def build(self) -> str:
        """Return its build: the last part of its file's name."""
        stem = self.file.removesuffix(".conda").removesuffix(".tar.bz2")
        return stem.rpartition("-")[2]

    @property
    def dist(self) -> str:
        """Return its name, version and build, as conda writes them."""
        return f"{self.name}={self.version}={self.build}"

    @classmethod
    def of(cls, record: Mapping[str, Any], platform: str) -> Package:
        """Return the package of a record of a channel's."""
        depends: dict[str, str] = {}
        for text in sorted(record["depends"]):
            name, _, limits = text.partition(" ")
            limits = limits.strip()
            if name in depends:  # a record may name one twice
                limits = ",".join(filter(None, (depends[name], limits)))
            depends[name] = limits
        return cls(
            record["name"],
            record["version"],
            platform,
            without_logins(record["url"], tokens=True),
            record.get("md5") or "",
            record.get("sha256") or "",
            depends,
        )

    def record(self) -> dict[str, Any]:
        """Return what an installer has to know of it, as a record of conda's.

        What the lock does not say is in the package.
        """
        channel, _, subdir = self.url.rpartition("/")[0].rpartition("/")
        number = self.build.rpartition("_")[2]
        hashes = {"md5": self.md5, "sha256": self.sha256}
        return {
            "name": self.name,
            "version": self.version,
            "build": self.build,
            "build_number": int(number) if number.isdecimal() else 0,
            "subdir": subdir,
            "channel": f"{channel}/",
            "fn": self.file,
            "url": self.url,
            "depends": [f"{name} {limits}".strip() for name, limits in self.depends.items()],
            **{kind: value for kind, value in hashes.items() if value},
        }

    def as_dict(self) -> dict[str, Any]:
        """Return it in the order of conda-lock's keys."""
        hashes = {"md5": self.md5, "sha256": self.sha256}
        return {
            "name": self.name,
            "version": self.version,
            "manager": "conda",
            "platform": self.platform,
            "dependencies": dict(self.depends),
            "url": self.url,
            "hash": {kind: value for kind, value in hashes.items() if value},
            "category": "main",
            "optional": False,
        }


@dataclass(frozen=True)
class CondaLock:
    """What the lock says; `inputs` is None for one that another program wrote."""

    platforms: tuple[str, ...]
    packages: tuple[Package, ...]
    inputs: Inputs | None = None

    @classmethod
    def read(cls, path: Path) -> CondaLock:
        """Read a lock.

        Raises:
            LabError: It is damaged, or of another version than 1.
        """
        place = files.inside(path.parent, path)
        try:
            facts = place.stat()
            return _parsed(place, facts.st_ino, facts.st_mtime_ns, facts.st_size)
        except OSError as error:
            raise unreadable(place, path.name, str(error.strerror)) from None
        except LabError as error:
            if error.code in {ErrorCode.CANNOT_READ, ErrorCode.NOT_SUPPORTED}:
                raise
            raise _damaged(error.message, path.name, error.line) from None

    @classmethod
    def parse(cls, text: str, shown: str = NAME) -> CondaLock:
        """Read the text of a lock."""
        data = parse_yaml(text, shown, lambda it: yaml.load(it, Loader=YAML), bounds=_BOUNDS)  # noqa: S506 - a safe loader
        version = data.get("version") if isinstance(data, dict) else None
        if isinstance(version, int) and version > 1:
            said = f"{shown} has version {version:.0f} of its format, and this reads version 1."
            raise LabError(said, ErrorCode.NOT_SUPPORTED, file=shown, remedy=WRITE_AGAIN)
        try:
            return cls._of(data)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            why = str(error) if type(error) is ValueError else repr(error)
            said = f"{shown} is not a lock of conda-lock's: {why:.200}."
            raise _damaged(said, shown) from None

    @classmethod
    def _of(cls, data: Mapping[str, Any]) -> CondaLock:
        meta = data["metadata"]
        found = []
        for entry in data["package"]:
            category = entry.get("category") or "main"
            if entry["manager"] == "conda" and category in _INSTALLED:
                found.append(_package(entry))
        platforms = tuple(map(_word, meta["platforms"]))
        ours = Inputs.recorded((meta.get("custom_metadata") or {}).get(_OURS))
        hashes = dict(meta["content_hash"])
        # another program may have renewed the packages and kept the record
        if ours and any(hashes.get(name) != ours.digest(name) for name in platforms):
            ours = None
        return cls(platforms, tuple(found), ours)

    def of(self, platform: str) -> dict[str, Package]:
        """Return the packages of a platform by their names."""
        return {one.name: one for one in self.packages if one.platform == platform}

    def text(self, source: str) -> str:
        """Return the file's text; `source` is the name of the conda file."""
        inputs = self.inputs or Inputs((), (), {})
        channels = [{"url": channel, "used_env_vars": []} for channel in inputs.channels]
        meta = {
            "content_hash": {name: inputs.digest(name) for name in self.platforms},
            "channels": channels,
            "platforms": list(self.platforms),
            "sources": [source],
            # conda-lockfiles 0.2.2 refuses custom metadata that do not say by whom
            "custom_metadata": {"created_by": _OURS, _OURS: inputs.text},
        }
        ordered = sorted(self.packages, key=lambda one: (one.name, one.platform))
        data = {"version": 1, "metadata": meta, "package": [one.as_dict() for one in ordered]}
        dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
        body = yaml.dump(data, Dumper=dumper, sort_keys=False, allow_unicode=True)
        return _HEAD + str(body)


@functools.lru_cache(maxsize=2)
def _parsed(path: Path, *version: int) -> CondaLock:
    """Return the lock in a file of this version: 400 packages take 0.2 s, and many ask for them."""
    del version
    return CondaLock.parse(read_text(path), path.name)


def _package(entry: Mapping[str, Any]) -> Package:
    """Return the package of an entry, whose words reach the command lines of installers."""
    name, version, platform, url = (
        _word(entry[key]) for key in ("name", "version", "platform", "url")
    )
    hashes = entry["hash"]
    found = {kind: str(hashes.get(kind) or "") for kind in ("md5", "sha256")}
    if not any(found.values()) or not all(map(_HASH.fullmatch, filter(None, found.values()))):
        text = f"{name} has no hash to verify it by"
        raise ValueError(text)
    depends = {_word(key): str(value) for key, value in (entry.get("dependencies") or {}).items()}
    package = Package(name, version, platform, url, **found, depends=depends)
    stem = f"{name}-{version}-{package.build}"
    files_of_it = {f"{stem}.conda", f"{stem}.tar.bz2"}
    has_address = _ADDRESS.match(url) and _DIST.fullmatch(stem) and package.file in files_of_it
    if not has_address:
        text = f"{name} {version} has the address of another package, {url:.100}"
        raise ValueError(text)
    return package


def _word(value: object) -> str:
    """Return a word without a space, else raise `ValueError`."""
    if not isinstance(value, str) or not value or re.search(r"\s", value) or BAD_TEXT.search(value):
        text = f"{value!r:.80} is not a word"
        raise ValueError(text)
    return value


def _damaged(text: str, shown: str, line: int | None = None) -> LabError:
    return LabError(text, ErrorCode.DAMAGED_LOCK, file=shown, line=line, remedy=WRITE_AGAIN)
