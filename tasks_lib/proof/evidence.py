"""What a session saw, as the document that `proof.schema.json` describes."""

from __future__ import annotations

import hashlib
import os
import platform
import tomllib
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from tasks_lib import __version__
from tasks_lib.environments import ENVIRONMENTS, conda_health, site_packages
from tasks_lib.environments.base import SEEDS
from tasks_lib.errors import LabError
from tasks_lib.execution import process
from tasks_lib.execution.process import Command
from tasks_lib.managers import MANAGERS
from tasks_lib.ownership import graph, layers
from tasks_lib.ownership.facts import Facts
from tasks_lib.proof import claims, sandbox
from tasks_lib.results import Result, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tasks_lib.managers.base import Manager
    from tasks_lib.project.project import Project
    from tasks_lib.session.session import Session

_PEAK, _WRITTEN = "peak_memory_bytes", "written_bytes"
#: the variables that name download caches, each after its tool
_CACHES = (
    "UV_CACHE_DIR",
    "POETRY_CACHE_DIR",
    "PIP_CACHE_DIR",
    "RATTLER_CACHE_DIR",
    "CONDA_PKGS_DIRS",
)


@dataclass
class Ran:
    """One command of a step: what a person would type, its exit code, its results, and what it took."""

    command: str
    code: int
    results: list[dict[str, Any]] = field(default_factory=list)
    measured: dict[str, Any] = field(default_factory=dict)


def step(result: Result, ran: Sequence[Ran], began: float, started: float) -> dict[str, Any]:
    """Describe a step; all times in it count from `began`, when the session did."""
    took = {
        key: [one.measured[key] for one in ran if one.measured.get(key) is not None]
        for key in (_PEAK, _WRITTEN)
    }
    parts = [part for one in ran for part in one.measured.get("timeline", ())]
    return {
        "id": result.id.removeprefix("proof."),
        "title": result.title,
        "command": " && ".join(one.command for one in ran),
        "status": result.status.value,
        "exit_code": next((one.code for one in ran if one.code), 0) if ran else None,
        "started": _since(began, started),
        "seconds": round(result.seconds, 3),
        _PEAK: max(took[_PEAK], default=None),
        _WRITTEN: sum(took[_WRITTEN]) if took[_WRITTEN] else None,
        "detail": result.detail,
        "parts": [
            {
                **part,
                "started": _since(began, part["started"]),
                "seconds": round(part["seconds"], 3),
            }
            for part in parts
        ],
    }


def _since(began: float, moment: float) -> float:
    return round(max(moment - began, 0), 3)


def statuses(results: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Give each check's status, the worst where it has several results."""
    return {
        row["id"]: row["status"]
        for row in sorted(results, key=lambda row: list(Status).index(row["status"]))
    }


def basis(copied: Session, prefix: Path) -> dict[str, Any]:
    """Describe what everything that follows is held to: the lock, the manifests, and what was there unasked."""
    manager, facts = copied.manager, Facts(copied, prefix)
    lock = {
        "name": manager.lock_name,
        "sha256": _sha256(manager.lock_path),
        "packages": pins(manager),
        "needed": sorted(graph.needed(facts)),
    }
    seeds = sorted({*SEEDS, *facts.pip_names})
    return {"lock": lock, "seeds": seeds, "kept": {"before": contents(copied.project)}}


def pins(manager: Manager) -> dict[str, list[str]]:
    """Give the versions of each name that the lock has."""
    return {name: sorted(versions) for name, versions in sorted(manager.locked().items())}


def contents(project: Project) -> dict[str, str]:
    """Hash what the manifests say, in whatever order and form."""
    said = {
        project.pyproject.path.name: repr(content(project.pyproject.path.read_bytes())).encode()
    }
    if project.conda_path:
        said[project.conda_path.name] = project.conda_path.read_bytes()
    return {name: hashlib.sha256(data).hexdigest() for name, data in said.items()}


def content(text: bytes) -> object:
    """Give what a TOML file says, whatever the order of its lists."""
    return _unordered(tomllib.loads(text.decode("utf-8-sig").replace("\r\n", "\n")))


def _unordered(value: object) -> object:
    if isinstance(value, dict):
        return {key: _unordered(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return sorted((_unordered(item) for item in value), key=repr)
    return value


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def caches(env: Mapping[str, str | None]) -> dict[str, str]:
    """Tell which download caches hold something; a tool's own marks are nothing."""
    folders = {
        name.partition("_")[0].lower(): Path(folder)
        for name in _CACHES
        if (folder := env.get(name))
    }
    filled = {
        tool
        for tool, one in folders.items()
        if one.is_dir() and any(inner.is_dir() for inner in one.iterdir())
    }
    return {tool: "warm" if tool in filled else "cold" for tool in folders}


def surroundings(session: Session) -> dict[str, Any]:
    """Describe where the session is, and of which project."""
    root, project = session.project.root, session.project.pyproject
    read = [path for path in sandbox.manifests(session) if path != session.manager.lock_path]
    return {
        "combo": session.combo.id,
        "engine": session.environment.engine,
        "platform": _platform(),
        "tools": _tools(session),
        "project": {"name": project.name, "commit": _commit(root)},
        "manifests": {path.relative_to(root).as_posix(): _sha256(path) for path in read},
    }


def installed(session: Session, lock: Mapping[str, Any], prefix: Path) -> list[dict[str, Any]]:
    """List what an environment holds, who owns it by the lock as it was, and what conda brought for Python."""
    own = canonicalize_name(session.project.pyproject.name)
    locked = {name: set(pins) for name, pins in lock["packages"].items()}
    versions, brought = site_packages.installed(prefix), conda_health.owned(prefix)
    rows = []
    for one in layers.read(prefix, locked, own).packages:
        owner = "project" if one.name == own and one.owner == "lock" else one.owner
        row: dict[str, Any] = {
            "name": one.name,
            "version": one.version,
            "owner": owner,
            "bytes": one.size,
        }
        if owner == "conda":
            row["build"] = one.build
            row["distributions"] = {
                name: versions[name]
                for name, it in brought.items()
                if it.package == one.name and it.whole
            }
        rows.append(row)
    return rows


def conda_files(before: dict[str, str], prefix: Path) -> dict[str, Any]:
    """Compare the files of conda's packages with what they were."""
    now = conda_health.hashes(prefix)
    after = {name: now.get(name) for name, digest in before.items() if now.get(name) != digest}
    return {"before": before, "after": after, **claims.roots(before, after)}


def _platform() -> dict[str, Any]:
    memory = (
        os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else None
    )
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "libc": " ".join(platform.libc_ver()).strip(),
        "cores": os.cpu_count() or 1,
        "memory_bytes": memory,
    }


def _tools(session: Session) -> dict[str, str]:
    names = set(MANAGERS)
    for layer in ENVIRONMENTS.values():
        names.update(layer.tools)
    found = {
        "mlops-lab": __version__,
        **{name: version(name) for name in sorted(names)},
    }
    asked = session.environment.version_of_engine()
    if asked is not None:
        found[session.environment.engine] = process.run(asked).stdout.split()[-1]
    return found


def _commit(root: Path) -> str | None:
    """Ask git which commit this is; a folder of no repository has none."""
    words = (
        "--no-optional-locks",
        "-C",
        str(root),
        "describe",
        "--always",
        "--dirty",
        "--abbrev=40",
        "--exclude=*",
    )
    try:
        outcome = process.run(Command(("git", *words), "ask for the commit"))
    except LabError:
        return None
    return outcome.stdout.strip() if outcome.ok else None
