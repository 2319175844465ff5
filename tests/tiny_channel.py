"""Write a conda channel of small packages without Python."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path


def add(  # noqa: PLR0913 - the parts of a package
    channel: Path,
    name: str,
    version: str,
    *,
    subdir: str = "noarch",
    depends: tuple[str, ...] = (),
    built: datetime | None = None,
) -> str:
    """Add a package of one file to a channel (made if needed), and return its address."""
    index: dict[str, Any] = {
        **({"timestamp": int(built.timestamp() * 1000)} if built else {}),
        "name": name,
        "version": version,
        "build": "0",
        "build_number": 0,
        "depends": list(depends),
        "subdir": subdir,
        **({"noarch": "generic"} if subdir == "noarch" else {}),
    }
    return pack(channel, index, {f"share/{name}.txt": version.encode()})


def pack(channel: Path, index: Mapping[str, Any], files: Mapping[str, bytes]) -> str:
    """Add a package of these files to a channel (made if needed), and return its address."""
    subdir = index["subdir"]
    entries = []
    for path, data in files.items():
        digest, size = hashlib.sha256(data).hexdigest(), len(data)
        entry = {"_path": path, "path_type": "hardlink", "sha256": digest, "size_in_bytes": size}
        entries.append(entry)
    contents = {
        "info/index.json": json.dumps(index).encode(),
        "info/paths.json": json.dumps({"paths": entries, "paths_version": 1}).encode(),
        "info/files": "".join(f"{path}\n" for path in files).encode(),
        **files,
    }
    for folder in ("noarch", "linux-64", subdir):
        (channel / folder).mkdir(parents=True, exist_ok=True)
        repodata = channel / folder / "repodata.json"
        if not repodata.exists():
            repodata.write_text(
                json.dumps({"info": {"subdir": folder}, "packages": {}, "packages.conda": {}})
            )
    package = channel / subdir / f"{index['name']}-{index['version']}-0.tar.bz2"
    with tarfile.open(package, "w:bz2", compresslevel=1) as tar:
        for path, content in contents.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    packed, repodata = package.read_bytes(), channel / subdir / "repodata.json"
    known = json.loads(repodata.read_text())
    hashes = {
        kind: hashlib.new(kind, packed, usedforsecurity=False).hexdigest()
        for kind in ("md5", "sha256")
    }
    known["packages"][package.name] = {**index, **hashes, "size": len(packed)}
    repodata.write_text(json.dumps(known))
    return channel.as_uri()
