"""Other tools on the same work in the same run: what creates an environment, and what looks at one.

Each is installed into an environment of its own, once, in the cache.
"""

from __future__ import annotations

import json
import shutil
import tomllib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tasks_lib import bootstrap
from tests.bench.place import Took, median, say, timed
from tests.bench.typed import activated

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bench.place import Place

#: the versions that are measured
_PINNED = ("unidep==3.4.2", "env-repair==0.2.7")
CREATING = "the same environment | seconds | CPU seconds | setup, first | times as fast"
LOOKING = "the environment is sound | seconds | CPU seconds | check.doctor | times as fast"
_OURS = ("--combo", "conda_uv", "--engine", "rattler")
_OTHER = "beside"


def rows(place: Place, runs: int) -> int:
    """Print both tables, and return how many tools are ahead."""
    tools = _installed(place)
    ahead = _table(place, CREATING, _creating(place, tools), runs, "setup")
    place.clear()
    place.lab("setup", *_OURS)
    return ahead + _table(place, LOOKING, _looking(place, tools), runs, "check.doctor")


def _installed(place: Place) -> Path:
    """Return the folder of the tools' programs."""
    home = Path(bootstrap.own_cache(), "bench-tools")
    if not (home / "bin" / "unidep").exists():
        place.run("uv", "venv", "--quiet", "--clear", "--python", "3.11", str(home))
        python = ("--python", str(home / "bin" / "python"))
        place.run("uv", "pip", "install", "--quiet", *python, *_PINNED)
    return home / "bin"


def _table(
    place: Place, head: str, ways: dict[str, Callable[[], object]], runs: int, ours: str
) -> int:
    """Run all ways in turn, after one turn that warms the caches; print each against ours."""
    found: dict[str, list[Took]] = {name: [] for name in ways}
    for turn in range(runs + 1):
        for name, work in ways.items():
            one = _clean(place, work) if ours == "setup" else timed(work)
            if turn:
                found[name].append(one)
    medians = {name: median(each) for name, each in found.items()}
    best = medians[ours]
    say(f"\n| {head} |\n{'| --- ' * (head.count('|') + 1)}|")
    for name, took in medians.items():
        times = took.seconds / best.seconds
        place.record("beside", name, took=took, ours=best)
        say(f"| {name} | {took.seconds:.2f} | {took.cpu:.2f} | {best.seconds:.2f} | {times:.1f} |")
    return sum(took.seconds < best.seconds for took in medians.values())


def _clean(place: Place, work: Callable[[], object]) -> Took:
    """Return the time of a way that begins without an environment."""
    place.clear()
    shutil.rmtree(place.prefix.with_name(_OTHER), ignore_errors=True)
    return timed(work)


def _creating(place: Place, tools: Path) -> dict[str, Callable[[], object]]:
    """Return ways to an environment of conda's packages and of those from the index.

    The others choose the latter without a lock.
    """
    manifest = tomllib.loads((place.project / "pyproject.toml").read_text(encoding="utf-8"))
    required = [*manifest["project"]["dependencies"], *manifest["dependency-groups"]["lab"]]
    text = (place.project / "conda.yml").read_text(encoding="utf-8")
    head, _, listed = text.partition("dependencies:\n")
    section = "".join(f"      - {json.dumps(one)}\n" for one in required)
    (place.home / "pip.yml").write_text(f"{text}\n  - pip:\n{section}", encoding="utf-8")
    folder = place.home / "unidep"
    folder.mkdir(exist_ok=True)
    conda = [line.strip().removeprefix("- ") for line in listed.splitlines() if "- " in line]
    channels = [line.strip()[2:] for line in head.splitlines() if line.startswith("  - ")]
    both = [{"conda": one} for one in conda] + [{"pip": one} for one in required]
    document = {"name": _OTHER, "channels": channels, "dependencies": both}
    (folder / "requirements.yaml").write_text(json.dumps(document), encoding="utf-8")
    create = ("conda", "env", "create", "--name", _OTHER, "--file", str(place.home / "pip.yml"))
    words = ("--conda-executable", "conda", "--conda-env-prefix", str(place.prefix))
    unidep = (str(tools / "unidep"), "install", *words, "--skip-local", str(folder))

    def with_unidep() -> None:
        place.run("conda", "create", "--yes", "--prefix", str(place.prefix), "python>=3.11", "pip")
        place.run(*unidep)

    return {
        "setup": partial(place.lab, "setup", *_OURS),
        "setup, engine conda": partial(place.lab, "setup", *_OURS[:3], "conda"),
        "conda env create, with a pip: section": partial(place.run, *create),
        "conda create, then unidep install": with_unidep,
    }


def _looking(place: Place, tools: Path) -> dict[str, Callable[[], object]]:
    """Return ways to look for damage; env-repair ends with 1 where it finds something."""
    env = activated(place, "conda_uv")
    scan = (str(tools / "env-repair"), "--env", str(place.prefix), "--json")
    return {
        "check.doctor": partial(place.lab, "check.doctor", *_OURS),
        "conda doctor": partial(place.run, "conda", "doctor", "-n", "mlops_env", env=env),
        "env-repair": partial(place.run, *scan, env=env, codes=(0, 1)),
    }
