"""The file that describes both layers of an environment: read, and checked for contradictions."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import fastjsonschema

from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import files
from tasks_lib.managers import MANAGERS
from tasks_lib.ownership.owners import Owner
from tasks_lib.project import conda_lock
from tasks_lib.project.conda_file import CONDA_FILES
from tasks_lib.project.included import Included
from tasks_lib.project.manifests import PYPROJECT, read_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SCHEMA = "mlops-lab-environment/1"
HASHES = ("sha256", "md5")


@dataclass(frozen=True)
class Description:
    """What such a file says.

    `files` maps the names of manifests and lock to their texts. `conda` has the records of conda's
    packages. `packages` has the owner, name, version and build of each package.
    """

    path: Path
    combo: str
    platform: str
    python: str
    groups: tuple[str, ...]
    included: Included
    files: Mapping[str, str]
    conda: tuple[Mapping[str, Any], ...]
    packages: frozenset[tuple[str, ...]]

    @classmethod
    def read(cls, path: Path) -> Description:
        """Read a description.

        Raises:
            LabError: The file is not a description, was altered, or contradicts itself.
        """
        return cls.parse(path, read_text(path, str(path)))

    @classmethod
    def parse(cls, path: Path, document: str) -> Description:
        """Read the text of a description, as `read` does."""
        try:
            data = json.loads(document)
            # a lone surrogate could not be written to any file
            json.dumps(data, ensure_ascii=False).encode()
            _validate(data)
        except (ValueError, RecursionError) as error:
            text = f"{path} is not a description that this version can read: {error}."
            raise _invalid(path, text) from None
        for fault in _faults(data):
            raise _invalid(path, fault)
        return cls(
            path=path.absolute(),
            combo=data["combo"],
            platform=data["platform"],
            python=data["python"],
            groups=tuple(data["groups"]),
            included=Included(tuple(data.get("extras", ())), dev=data.get("dev", True)),
            files={name: entry["text"] for name, entry in data["files"].items()},
            conda=tuple(data["conda"]),
            packages=frozenset(map(tuple, data["packages"])),
        )

    @property
    def strays(self) -> list[str]:
        """Return what neither conda nor the lock has, as pinned requirements."""
        rows = sorted(self.packages)
        return [f"{name}=={version}" for owner, name, version, _ in rows if owner == Owner.STRAY]

    def verify_local_packages(self) -> None:
        """Compare the packages of a local channel with their hashes.

        Engines verify only what comes over the network.

        Raises:
            LabError: A package cannot be read, or its hash is another.
        """
        for record in self.conda:
            address = urlsplit(record["url"])
            if address.scheme != "file":
                continue
            for kind in HASHES:
                found = _file_digest(record["url"], Path(url2pathname(address.path)), kind)
                if (record.get(kind) or found) != found:
                    text = f"The {kind} of {record['url']} differs from the described one."
                    raise LabError(text, ErrorCode.HASH_MISMATCH, file=self.path)


def digest(text: str) -> str:
    """Return the SHA-256 of a text, as hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def _file_digest(url: str, path: Path, kind: str) -> str:
    try:
        with files.opened(path) as stream:
            return hashlib.file_digest(stream, kind).hexdigest()
    except OSError as error:
        text = f"{url} cannot be read: {error.strerror}."
        raise LabError(text, ErrorCode.PACKAGE_MISSING) from None


def _validate(data: object) -> None:
    """Compare a document with the JSON schema beside this module."""
    path = Path(__file__).with_name("snapshot.schema.json")
    schema = json.loads(path.read_text("utf-8"))
    locks = [manager.lock_name for manager in MANAGERS.values()]
    names = [PYPROJECT, conda_lock.NAME, *CONDA_FILES, *locks]
    schema["properties"]["files"]["propertyNames"] = {"enum": names}
    fastjsonschema.validate(schema, data)


def _faults(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a document says that cannot be true."""
    for name, entry in data["files"].items():
        if digest(entry["text"]) != entry["sha256"]:
            yield f"The text of {name} is not the one that its sha256 names."
    records = set()
    for record in data["conda"]:
        row = (Owner.CONDA, record["name"], record["version"], record["build"])
        records.add(row)
        stem = "-".join(row[1:])
        if record["url"].rpartition("/")[2] not in {f"{stem}.conda", f"{stem}.tar.bz2"}:
            yield f"Conda's package {stem} has the address of another: {record['url']}."
        if not any(record.get(kind) for kind in HASHES):
            yield f"Conda's package {stem} has no sha256 or md5 to verify it by."
    if records != {tuple(row) for row in data["packages"] if row[0] == Owner.CONDA}:
        yield "The list of conda's packages differs from their records."


def _invalid(path: Path, text: str) -> LabError:
    remedy = Remedy("Write it again with env.export, where the environment is")
    return LabError(text, ErrorCode.INVALID_SNAPSHOT, file=path, remedy=remedy)
