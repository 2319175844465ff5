"""Proofs that no session made, sound in form and digest, for tests of what is drawn of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tasks_lib.proof import document

if TYPE_CHECKING:
    from pathlib import Path


def proof(
    combo: str = "pip_uv",
    engine: str = "uv",
    python: str = "3.11.7",
    **changes: Any,  # noqa: ANN401 - JSON
) -> dict[str, Any]:
    """Return a proof of two steps; in the first, two parts overlap. `changes` replace its parts."""
    made: dict[str, Any] = {
        "schema": document.SCHEMA,
        "made": "2026-01-02T03:04:05+00:00",
        "seconds": 5.0,
        "combo": combo,
        "engine": engine,
        "python": {"version": python, "asked": ""},
        "platform": {
            "system": "Linux",
            "machine": "x86_64",
            "libc": "glibc 2.36",
            "cores": 2,
            "memory_bytes": 8 << 30,
        },
        "tools": {"uv": "0.13"},
        "project": {"name": "demo", "commit": None},
        "sources": {"index": {"kind": "default"}, "channel": {"kind": "none", "urls": []}},
        "caches": {"uv": "warm"},
        "manifests": {},
        "lock": None,
        "seeds": ["pip"],
        "installed": [
            package("click", "8.1", "lock", 2_000_000),
            package("pip", "26.3", "stray", 9_000_000),
        ],
        "conda_files": None,
        "second": None,
        "steps": [
            step("setup", 0, 3, parts=[part("env.create", 0.5, 1), part("deps.lock", 0.5, 2)]),
            step("imports", 3, 2),
        ],
        "verdict": {"status": "pass", "claims": [claim("steps", "pass", "")]},
        **changes,
    }
    return {**made, "digest": document.digest(made)}


def failed(reason: str) -> dict[str, Any]:
    """Return the verdict of a proof that failed."""
    return {
        "status": "fail",
        "claims": [claim("steps", "fail", reason), claim("conda.untouched", "skip", "no conda")],
    }


def claim(name: str, status: str, reason: str) -> dict[str, str]:
    """Return one claim."""
    return {"id": name, "title": f"the claim {name}", "status": status, "reason": reason}


def package(name: str, version: str, owner: str, size: int | None = None) -> dict[str, Any]:
    """Return one installed package."""
    return {"name": name, "version": version, "owner": owner, "bytes": size}


def step(
    name: str, started: float, seconds: float, parts: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """Return one step."""
    measured = {"peak_memory_bytes": 50_000_000, "written_bytes": None}
    timed = {"started": started, "seconds": seconds, "parts": parts or [], "detail": ""}
    return {
        "id": name,
        "title": f"do {name}",
        "command": name,
        "status": "pass",
        "exit_code": 0,
        **measured,
        **timed,
    }


def part(name: str, started: float, seconds: float) -> dict[str, Any]:
    """Return one part of a step."""
    return {
        "id": name,
        "title": f"do {name}",
        "command": name,
        "started": started,
        "seconds": seconds,
    }


def write(folder: Path, *proofs: dict[str, Any]) -> list[Path]:
    """Write proofs as files."""
    paths = [folder / f"{number}.json" for number, _ in enumerate(proofs)]
    for path, one in zip(paths, proofs, strict=True):
        path.write_text(json.dumps(one), encoding="utf-8")
    return paths
