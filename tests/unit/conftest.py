"""What several unit tests make: files of an environment that no tool made."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from pathlib import Path


class Install(Protocol):
    """Write a distribution into a prefix as an installer would."""

    def __call__(
        self, prefix: Path, name: str, version: str, *, files: tuple[str, ...] = ()
    ) -> Path:
        """Return the folder of its record."""


class Link(Protocol):
    """Write a conda package into a prefix as conda would."""

    def __call__(  # noqa: PLR0913 - the parts of a package that tests vary
        self,
        prefix: Path,
        name: str,
        version: str,
        *,
        files: dict[str, str] | None = None,
        depends: tuple[str, ...] = (),
        noarch: bool = False,
    ) -> Path:
        """Return the path of its record in `conda-meta`."""


@pytest.fixture
def venv(root: Path) -> Path:
    """Return the prefix of what readers take for a virtual environment; no tool made it."""
    prefix = root / ".venv"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "lib/python3.11/site-packages").mkdir(parents=True)
    (prefix / "bin/python").symlink_to("/bin/sh")
    (prefix / "pyvenv.cfg").write_text("home = /usr/bin\nversion_info = 3.11.7\n")
    return prefix


@pytest.fixture
def conda_env(home: Path) -> Path:
    """Return the prefix of the conda environment `demo` where conda would look for it."""
    prefix = home / ".conda/envs/demo"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "conda-meta").mkdir()
    (prefix / "lib/python3.11/site-packages").mkdir(parents=True)
    (prefix / "bin/python").symlink_to("/bin/sh")
    return prefix


@pytest.fixture
def install() -> Install:
    """Return the maker of installed distributions."""

    def make(prefix: Path, name: str, version: str, *, files: tuple[str, ...] = ()) -> Path:
        site = prefix / "lib/python3.11/site-packages"
        record = site / f"{name}-{version}.dist-info"
        record.mkdir(parents=True)
        (record / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        for file in files:
            (site / file).parent.mkdir(parents=True, exist_ok=True)
            (site / file).write_text("")
        listed = (*files, f"{record.name}/METADATA", f"{record.name}/RECORD")
        (record / "RECORD").write_text("".join(f"{file},,\n" for file in listed))
        return record

    return make


@pytest.fixture
def link() -> Link:
    """Return the maker of conda packages."""

    def make(  # noqa: PLR0913 - the parts of a package that tests vary
        prefix: Path,
        name: str,
        version: str,
        *,
        files: dict[str, str] | None = None,
        depends: tuple[str, ...] = (),
        noarch: bool = False,
    ) -> Path:
        paths: list[dict[str, Any]] = []
        for file, text in (files or {}).items():
            target = prefix / (
                file.replace("site-packages", "lib/python3.11/site-packages", 1) if noarch else file
            )
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
            sha256 = hashlib.sha256(text.encode()).hexdigest()
            paths.append(
                {
                    "_path": file,
                    "path_type": "hardlink",
                    "sha256": sha256,
                    "sha256_in_prefix": sha256,
                }
            )
            paths[-1]["size_in_bytes"] = len(text)
        record = {
            "name": name,
            "version": version,
            "build": "py_0",
            "build_number": 0,
            "channel": "conda-forge",
            "subdir": "noarch",
            "fn": f"{name}-{version}-py_0.conda",
            "url": f"file:///conda-forge/noarch/{name}-{version}-py_0.conda",
            "depends": list(depends),
            "files": [os.path.relpath(prefix / path["_path"], prefix) for path in paths],
            "paths_data": {"paths": paths, "paths_version": 1},
            **({"noarch": "python"} if noarch else {}),
        }
        path = prefix / "conda-meta" / f"{name}-{version}-py_0.json"
        path.write_text(json.dumps(record))
        return path

    return make
