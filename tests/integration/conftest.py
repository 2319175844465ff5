"""A local channel and the real conda, made once; a home and project for each combo and engine."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasks_lib import bootstrap
from tasks_lib.project import trust
from tests import browser as browsers
from tests import real_conda
from tests.lab import (
    CONDA_YML,
    GIVEN,
    PYPROJECT,
    PYTHON,
    ROOT,
    SAMPLE,
    Case,
    Lab,
    tools,
    variables,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BUILDER = ROOT / "tasks_lib" / "proof" / "build_channel.py"
_OFFERED = ("pip", "setuptools", "click", "click-default-group", "six")
_LAST_LINES = 3


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold `file` as a lock between the workers of xdist."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def cache() -> Path:
    """Return the folder for what the tests make once."""
    return Path(bootstrap.cache_folder()) / "tests"


@pytest.fixture(scope="session")
def channel(cache: Path) -> Path:
    """Return a folder with a channel conda-forge: the running interpreter and a few packages."""
    parts = (
        _BUILDER.read_bytes(),
        PYTHON.encode(),
        sys.version.encode(),
        *map(str.encode, _OFFERED),
    )
    out = cache / f"channel-{hashlib.sha256(b'|'.join(parts)).hexdigest()[:12]}"
    argv = [
        str(tools() / "uv"),
        "run",
        "--no-project",
        "--quiet",
        "--python",
        PYTHON,
        "--script",
        str(_BUILDER),
    ]
    with locked(cache / "channel.lock"):
        made = subprocess.run(
            [*argv, "--interpreter", PYTHON, "--out", str(out), *_OFFERED],
            env=variables(Path.home()),
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    if made.returncode == 3:  # a tool is missing: /usr's Python is not a self-contained prefix
        pytest.skip(f"no local channel: {made.stderr.strip()}")
    assert made.returncode == 0, "\n".join(made.stderr.splitlines()[-_LAST_LINES:])
    return out


@pytest.fixture(scope="session")
def condabin(cache: Path) -> Path:
    """Return the folder of the real conda: the given one, or one that is made."""
    if Path(GIVEN, "conda").exists():
        return Path(GIVEN)
    return real_conda.make(cache, uv=tools() / "uv")


@pytest.fixture(scope="session")
def new_lab(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    cache: Path,
    worker_id: str,
) -> Callable[[Case], Lab]:
    """Return a maker of labs: a home with only settings, and a project with only manifests."""

    def make(case: Case) -> Lab:
        home = tmp_path_factory.mktemp("maison é") / "h o"
        home.mkdir()
        lab = Lab(home, variables(home), case)
        lab.write("pyproject.toml", PYPROJECT)
        if case.layer == "pip":
            return lab
        channel: Path = request.getfixturevalue("channel")
        lab.condabin = request.getfixturevalue("condabin")
        # conda takes no lock on its packages, so each worker has its own
        lab.env |= {
            "RATTLER_CACHE_DIR": str(cache / f"rattler-{channel.name}"),
            "CONDA_PKGS_DIRS": str(cache / f"pkgs-{channel.name}-{worker_id}"),
        }
        if case.engine != "rattler":
            lab.env["PATH"] = f"{GIVEN or lab.condabin}:{lab.env['PATH']}"
        settings = f"channels: [conda-forge]\nchannel_alias: {channel.as_uri()}\nsolver: classic\n"
        # by default an installed conda keeps environments in its own folder, which all tests share
        (home / ".condarc").write_text(f"{settings}envs_dirs: [~/.conda/envs]\n")
        lab.write("conda.yml", CONDA_YML)
        return lab

    return make


@pytest.fixture(scope="session")
def copied(
    new_lab: Callable[[Case], Lab], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Case, Callable[[Lab], object]], Lab]:
    """Return a maker of labs that a function prepared.

    The function runs once for each case; later labs are copies of what it left, at the same place,
    since an environment cannot be moved. So a test deletes its lab before the next one is made. A
    variable trusts them, since a copy is another checkout.
    """
    kept: dict[tuple[Case, str], tuple[Lab, Path]] = {}

    def copy(home: Path, to: Path) -> None:
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(home, to, symlinks=True)

    def make(case: Case, prepare: Callable[[Lab], object]) -> Lab:
        key = case, prepare.__qualname__
        if key in kept:
            lab, copy_of_home = kept[key]
            copy(copy_of_home, lab.home)
        else:
            lab = new_lab(case)
            prepare(lab)
            copy_of_home = tmp_path_factory.mktemp("copy") / "home"
            copy(lab.home, copy_of_home)
            kept[key] = lab, copy_of_home
        return replace(lab, env={**lab.env, trust.VARIABLE: "1"})

    return make


@pytest.fixture(params=SAMPLE, ids=str)
def fresh(request: pytest.FixtureRequest, new_lab: Callable[[Case], Lab]) -> Iterator[Lab]:
    """Yield a lab of each combo where nothing was set up yet."""
    lab = new_lab(request.param)
    yield lab
    shutil.rmtree(lab.home)


@pytest.fixture(scope="module", params=SAMPLE, ids=str)
def made(request: pytest.FixtureRequest, new_lab: Callable[[Case], Lab]) -> Iterator[Lab]:
    """Yield a lab of each combo that was set up; each test leaves it as it was."""
    lab = new_lab(request.param)
    lab.ok("setup")
    yield lab
    shutil.rmtree(lab.home)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browsers.Browser]:
    """Yield a window of a real Chromium."""
    with browsers.window(tmp_path_factory.mktemp("profile")) as opened:
        yield opened
