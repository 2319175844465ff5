"""The parts of a proof's document, which `proof.schema.json` describes."""

from __future__ import annotations

import hashlib
import os
import platform
import re
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from tasks_lib import __version__
from tasks_lib.environments import ENVIRONMENTS, site_packages
from tasks_lib.environments.base import SEEDS
from tasks_lib.execution import files, git, process
from tasks_lib.managers import MANAGERS
from tasks_lib.ownership import graph, layers
from tasks_lib.ownership.facts import Facts
from tasks_lib.ownership.owners import Owner
from tasks_lib.proof import project_copy
from tasks_lib.results import Result, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tasks_lib.environments.base import Environment
    from tasks_lib.managers.base import Manager
    from tasks_lib.project.project import Project
    from tasks_lib.session.session import Session

    Row = dict[str, Any]


#: what stands between the signs of TOML and YAML
_WORD = re.compile(rb"[^\s\[\]{},\"']+")


def step(result: Result, ran: Mapping[str, Row], began: float, started: float) -> Row:
    """Describe a step; all times in it count from `began`, when the session did.

    `ran` has the document of each command. The exit code is that of the first command that failed,
    memory is of the largest process, and both are `None` without a command.
    """
    row: Row = {
        "id": result.id.removeprefix("proof."),
        "title": result.title,
        "command": " && ".join(ran),
        "status": result.status.value,
        "exit_code": None,
        "started": _since(began, started),
        "seconds": round(result.seconds, 3),
        "peak_memory_bytes": None,
        "written_bytes": None,
        "detail": result.detail,
        "parts": [],
    }
    for document in ran.values():
        row["exit_code"] = row["exit_code"] or document["exit_code"]
        measured = document.get("data", {}).get("measured", {})
        peak, written = measured.get("peak_memory_bytes"), measured.get("written_bytes")
        if peak is not None:
            row["peak_memory_bytes"] = max(peak, row["peak_memory_bytes"] or 0)
        if written is not None:
            row["written_bytes"] = written + (row["written_bytes"] or 0)
        for part in measured.get("timeline", ()):
            times = {"started": _since(began, part["started"])}
            times["seconds"] = round(part["seconds"], 3)
            row["parts"].append({**part, **times})
    return row


def _since(began: float, moment: float) -> float:
    return round(max(moment - began, 0), 3)


def statuses(results: Iterable[Row]) -> dict[str, str]:
    """Return the status of each check, the worst where it has several results."""
    order = list(Status)
    found = {}
    for row in sorted(results, key=lambda row: order.index(row["status"])):
        found[row["id"]] = row["status"]
    return found


def basis(copied: Session, prefix: Path) -> Row:
    """Describe what everything that follows is compared with: lock, manifests, and seeds."""
    facts, manager = Facts(copied, prefix), copied.manager
    lock = {
        "name": manager.lock_name,
        "sha256": _sha256(manager.lock_path),
        "packages": pins(manager),
        "needed": sorted(graph.needed(facts)),
    }
    seeds = sorted({*SEEDS, *graph.of_pip_section(facts)})
    return {"lock": lock, "seeds": seeds, "kept": {"before": contents(copied.project)}}


def pins(manager: Manager) -> dict[str, list[str]]:
    """Return the versions of each name in the lock."""
    return {name: sorted(versions) for name, versions in sorted(manager.locked().items())}


def contents(project: Project) -> dict[str, str]:
    """Return a hash of the words of each manifest, in whatever order: tools sort lists."""
    found = {}
    for path in filter(None, (project.pyproject.path, project.conda_path)):
        words = sorted(_WORD.findall(files.regular(path)))
        found[path.name] = hashlib.sha256(b" ".join(words)).hexdigest()
    return found


def _sha256(path: Path) -> str:
    return hashlib.sha256(files.regular(path)).hexdigest()


def caches(folders: Mapping[str, str]) -> dict[str, str]:
    """Return `warm` for each tool whose cache has folders, else `cold`; a mark is only a file."""
    found = {}
    for variable, folder in folders.items():
        tool = variable.partition("_")[0].lower()
        filled = any(inner.is_dir() for inner in Path(folder).glob("*"))
        found[tool] = "warm" if filled else "cold"
    return found


def surroundings(session: Session) -> Row:
    """Describe where the session runs, and its project."""
    root, project = session.project.root, session.project.pyproject
    manifests = {}
    for path in project_copy.manifests(session):
        if path != session.manager.lock_path:
            manifests[path.relative_to(root).as_posix()] = _sha256(path)
    return {
        "combo": session.combo.id,
        "engine": session.environment.engine,
        "platform": _platform(),
        "tools": _tools(session),
        "project": {"name": project.name, "commit": git.commit(root) or None},
        "manifests": manifests,
    }


def installed(session: Session, lock: Mapping[str, Any], prefix: Path) -> list[Row]:
    """Return what an environment holds, and who owns it by the lock as it was."""
    own = canonicalize_name(session.project.pyproject.name)
    locked = {name: set(versions) for name, versions in lock["packages"].items()}
    distributions = _of_conda(session.environment, prefix)
    rows = []
    for one in layers.read(prefix, locked, own).packages:
        row: Row = {
            "name": one.name,
            "version": one.version,
            "owner": one.owner,
            "bytes": one.size,
        }
        if one.owner is Owner.CONDA:
            row["build"] = one.build
            row["distributions"] = distributions.get(one.name, {})
        elif one.owner is Owner.LOCK and one.name == own:
            row["owner"] = "project"
        rows.append(row)
    return rows


def _of_conda(layer: Environment, prefix: Path) -> dict[str, dict[str, str]]:
    """Return the Python distributions that each conda package brought, with their versions."""
    versions = site_packages.installed(prefix)
    found: dict[str, dict[str, str]] = {}
    for name, one in layer.owned(prefix).items():
        if one.whole:
            found.setdefault(one.package, {})[name] = versions[name]
    return found


def conda_files(before: dict[str, str], now: dict[str, str]) -> Row:
    """Compare the hashes of conda's files with what they were before."""
    after = {}
    for name, digest in before.items():
        if now.get(name) != digest:
            after[name] = now.get(name)
    return {"before": before, "after": after}


def _platform() -> Row:
    memory = None
    if hasattr(os, "sysconf"):
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "libc": " ".join(platform.libc_ver()).strip(),
        "cores": os.cpu_count() or 1,
        "memory_bytes": memory,
    }


def _tools(session: Session) -> dict[str, str]:
    found = {"mlops-lab": __version__}
    names = list(MANAGERS)
    for layer in ENVIRONMENTS.values():
        names += layer.tools
    for name in names:
        found[name] = version(name)
    asked = session.environment.version_of_engine()
    if asked is not None:
        found[session.environment.engine] = process.run(asked).stdout.split()[-1]
    return found
