"""Where the benchmark works, and how it measures: wall time, and the CPU time of what it starts."""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tasks_lib import bootstrap
from tasks_lib.project.options import Options
from tasks_lib.project.settings import Settings
from tasks_lib.proof import channel
from tasks_lib.session.session import Session
from tasks_lib.tools import package_index
from tests import real_conda
from tests.bench import sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(sys.executable).parent
#: Names the folder of another conda, as it does for the tests.
CONDA = "MLOPS_LAB_TEST_CONDA"
#: What was measured, for `--json`.
MEASURED: list[dict[str, Any]] = []


class Took(NamedTuple):
    """The seconds that something took: on the clock, and of the processors."""

    seconds: float
    cpu: float


@dataclass(frozen=True)
class Place:
    """A home and a project of the benchmark's own, with warm caches and one channel."""

    home: Path
    project: Path
    env: Mapping[str, str]
    size: int
    layer: int

    @property
    def prefix(self) -> Path:
        """Return the folder of the conda environment."""
        return self.home / ".conda" / "envs" / "mlops_env"

    def environment(self, combo: str) -> Path:
        """Return the folder of a combo's environment."""
        return self.prefix if combo.startswith("conda") else self.project / ".venv"

    def clear(self) -> None:
        """Remove the environment and the locks."""
        for folder in (self.prefix, self.project / ".venv"):
            shutil.rmtree(folder, ignore_errors=True)
        for name in ("uv.lock", "poetry.lock"):
            (self.project / name).unlink(missing_ok=True)

    def run(
        self, *argv: str, env: Mapping[str, str] | None = None, codes: tuple[int, ...] = (0,)
    ) -> str:
        """Run one command to its end, and return what it printed.

        One that fails ends the benchmark with what it said.
        """
        full = {**self.env, **(env or {})}
        program = shutil.which(argv[0], path=full["PATH"]) or argv[0]
        done = subprocess.run(
            [program, *argv[1:]],
            env=full,
            cwd=self.project,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in codes:
            sys.exit(
                f"{' '.join(argv)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
            )
        return done.stdout

    def lab(self, *argv: str, codes: tuple[int, ...] = (0,)) -> str:
        """Run a task as a user types it."""
        main = str(ROOT / "tasks_lib" / "__main__.py")
        return self.run(sys.executable, "-I", main, *argv, codes=codes)

    def record(self, table: str, row: str, **values: object) -> None:
        """Keep what was measured of this project for `--json`."""
        known = {"table": table, "row": row, "packages": self.size, "layer": self.layer}
        MEASURED.append({**known, **values})


def prepare(folder: Path, size: int, layer: int) -> Place:
    """Make the home, the project, the channel and real conda, and return where they are."""
    outer = Path.home()
    cache = Path(bootstrap.cache_folder())
    chosen_conda = os.environ.get(CONDA)
    conda = Path(chosen_conda) if chosen_conda else real_conda.make(cache)
    home, project = folder / "home", folder / "my project"
    project.mkdir(parents=True)
    (home / ".conda").mkdir(parents=True)
    sizes.write(project, size, min(sizes.LAYERS), folder)
    session = Session.open(combo="conda_uv", engine="rattler", start=project)
    chosen = channel.choose(session, "local", say)
    sizes.write(project, size, layer, cache / "bench-channels")
    settings = {**chosen.condarc, "solver": _solver(conda.parent)}
    (home / ".condarc").write_text(json.dumps(settings), encoding="utf-8")  # JSON is YAML
    env = {
        key: value
        for key, value in os.environ.items()
        if key not in {"PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV"}
    }
    found = package_index.resolve(Options.resolve(Settings(), env), env)
    env |= {
        "HOME": str(home),
        "PATH": os.pathsep.join([str(conda), str(TOOLS), env["PATH"]]),
        "MLOPS_LAB_CACHE_DIR": str(cache),
        "UV_CACHE_DIR": env.get("UV_CACHE_DIR", str(outer / ".cache" / "uv")),
        "POETRY_CACHE_DIR": env.get("POETRY_CACHE_DIR", str(outer / ".cache" / "pypoetry")),
        "POETRY_PYPI_MIRROR_URL": found.url,
        "BENCH_PYTHON": str(getattr(sys, "_base_executable", sys.executable)),
    }
    return Place(home, project, env, size, layer)


def _solver(root: Path) -> str:
    """Return the best solver that a conda has; one that names another ends with an error."""
    for name in ("rattler", "libmamba"):
        if any(root.glob(f"lib/python3*/site-packages/conda_{name}_solver")):
            return name
    return "classic"


def timed(work: Callable[[], object]) -> Took:
    """Return the time that `work` takes; the processors' is that of the processes it waits for."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    work()
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Took(seconds, cpu)


def median(runs: Iterable[Took]) -> Took:
    """Return the median of each."""
    seconds, cpu = zip(*runs, strict=True)
    return Took(statistics.median(seconds), statistics.median(cpu))


def say(text: str) -> None:
    """Write one line, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
