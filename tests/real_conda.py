"""Make the real conda for the integration tests, out of wheels, where none is installed."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution.process import Command, run

if TYPE_CHECKING:
    from collections.abc import Iterator

_RESOURCES = Path(__file__).parent / "resources"
_PINS = _RESOURCES / "real-conda.txt"
_LAUNCHER = _RESOURCES / "real_conda_launcher.py"
#: By default conda keeps environments and packages in its own folder, which all tests share. These
#: follow HOME.
_CONDARC = "envs_dirs: [~/.conda/envs]\npkgs_dirs: [~/.conda/pkgs]\n"
_DONE = "made"


def make(cache: Path, *, interpreter: Path | None = None, uv: Path | None = None) -> Path:
    """Return the folder that holds only conda, ready for PATH; make it unless `cache` has it.

    `interpreter` runs conda; by default it is the one that runs this.

    Raises:
        LabError: uv is missing or fails.
    """
    python = interpreter or Path(sys.executable)
    content = (_PINS.read_bytes(), _LAUNCHER.read_bytes(), _CONDARC.encode(), os.fsencode(python))
    root = cache.resolve() / f"real-conda-{hashlib.sha256(b'|'.join(content)).hexdigest()[:12]}"
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache / "real-conda.lock"):
        if not (root / _DONE).exists():
            shutil.rmtree(root, ignore_errors=True)
            _build(root, python, uv or _find_uv())
            (root / _DONE).touch()
    return root / "condabin"


def _build(root: Path, python: Path, uv: Path) -> None:
    """Make an environment in `root` that is laid out as conda's base."""
    own = root / "bin" / "python"
    address = os.environ.get("MLOPS_LAB_INDEX_URL")
    index = ("--index-url", address) if address else ()
    options = ("--quiet", "--no-deps", "--require-hashes", "--compile-bytecode", *index)
    _uv(uv, "venv", "--quiet", "--no-project", "--python", str(python), str(root))
    _uv(uv, "pip", "install", *options, "--python", str(own), "--requirements", str(_PINS))
    launcher = Path(shutil.copy(_LAUNCHER, root / "bin"))
    for folder in ("bin", "condabin"):
        script = root / folder / "conda"
        script.parent.mkdir(exist_ok=True)
        # not "#!…/python": a shebang has a length limit, and no quotes
        script.write_text(f'#!/bin/sh\nexec "{own}" "{launcher}" "$@"\n')
        script.chmod(0o755)
    (root / "conda-meta").mkdir()
    (root / "conda-meta" / "history").touch()
    (root / ".condarc").write_text(_CONDARC)


def _uv(uv: Path, *arguments: str) -> None:
    outcome = run(
        Command((str(uv), *arguments), "make the environment of the real conda"), timeout=600
    )
    if not outcome.ok:
        text = f"uv could not make the real conda: {outcome.said}"
        raise LabError(text, ErrorCode.TOOL_FAILED)


def _find_uv() -> Path:
    """Find uv beside the running interpreter, else on PATH."""
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        text = "uv is not on this machine, and the real conda is made with it."
        raise LabError(text, ErrorCode.TOOL_MISSING)
    return Path(found)


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Hold `file` as a lock between processes."""
    with file.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
