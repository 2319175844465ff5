"""Homes and projects, some with caches and a server of their own, and the count of faults."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import pytest

from tests.faults.loopback import Shop, serving
from tests.integration.conftest import cache, channel, condabin, fresh, locked, made, new_lab
from tests.lab import SAMPLE, variables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.lab import Case, Lab

__all__ = ["cache", "channel", "condabin", "fresh", "made", "new_lab"]

#: Every fault in every place, instead of the few that the ordinary tests have time for; `nox -s
#: faults` sets it.
FULL = bool(os.environ.get("MLOPS_LAB_FAULTS_FULL"))
#: The combos for what is tried at many moments; the ordinary tests have time for one of each layer.
OFTEN = SAMPLE if FULL else SAMPLE[1:3]
#: As in test_killed.py, whose tests try so many moments each.
MOMENTS = int(os.environ.get("MLOPS_LAB_MOMENTS", "2"))
WHEELS = (
    "click",
    "click-default-group",
    "iniconfig==2.0.0",
    "pip",
    "setuptools",
    "six",
    "toolz==1.0.0",
    "wheel",
)
#: The tools' own settings: a test has no time for the minutes that they wait by default.
IMPATIENT = {
    "UV_HTTP_TIMEOUT": "2",
    "UV_HTTP_RETRIES": "1",
    "POETRY_REQUESTS_TIMEOUT": "2",
    "CONDA_REMOTE_READ_TIMEOUT_SECS": "4",
    "CONDA_REMOTE_MAX_RETRIES": "1",
}
_CACHES = ("UV_CACHE_DIR", "POETRY_CACHE_DIR", "RATTLER_CACHE_DIR", "CONDA_PKGS_DIRS")


class Tried(Protocol):
    """Count what a test has tried, and how often."""

    def __call__(self, kind: str, number: int = 1) -> None:
        """Count `number` more of a kind; they are lost where the test fails."""


@pytest.fixture
def tried(request: pytest.FixtureRequest) -> Tried:
    """Return the counter of this test; without a call, the test counts once, under its own name."""

    def count(kind: str, number: int = 1) -> None:
        request.node.user_properties.append(("tried", (kind, number)))

    return count


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many of each fault were tried, and in how many tests something was lost."""
    rows: dict[str, list[int]] = {}
    for report in [one for group in terminalreporter.stats.values() for one in group]:
        if not isinstance(report, pytest.TestReport) or not report.nodeid.startswith(
            "tests/faults/"
        ):
            continue
        if not (report.when == "call" or report.failed or report.skipped):
            continue
        for kind, number in _tried(report):
            row = rows.setdefault(kind, [0, 0, 0])
            row[0] += 0 if report.skipped else number
            row[1] += report.failed
            row[2] += report.skipped
    if rows:
        total = [sum(column) for column in zip(*rows.values(), strict=True)]
        terminalreporter.section("faults")
        terminalreporter.write_line(f"{'':<58}{'tried':>8}{'lost':>8}{'skipped':>9}")
        for kind, (number, lost, skipped) in (*sorted(rows.items()), ("all", total)):
            terminalreporter.write_line(f"{kind:<58}{number:>8}{lost:>8}{skipped:>9}")


def _tried(report: pytest.TestReport) -> list[tuple[str, int]]:
    """Return what a test reported as tried; one without a report is counted by its name."""
    told = [
        cast("tuple[str, int]", value) for name, value in report.user_properties if name == "tried"
    ]
    path, _, name = report.nodeid.partition("::")  # a parameter may have a slash, too
    module = path.rpartition("/")[2]
    task = re.search(r"[-\[](setup|[a-z]+\.[a-z]+)[-\]]", name)
    if module == "test_killed.py" and task:
        return [(f"stopped: {task[1]}", MOMENTS)]
    return told or [(name.partition("[")[0].removeprefix("test_").replace("_", " "), 1)]


@pytest.fixture(scope="session")
def wheels(cache: Path) -> Path:
    """Return a folder with the wheels that the loopback index offers, downloaded once."""
    folder = cache / f"wheels-{hashlib.sha256(' '.join(WHEELS).encode()).hexdigest()[:12]}"
    with locked(cache / "wheels.lock"):
        if not (folder / "complete").is_file():
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:"]
            own = variables(Path.home())
            index = (
                ["--index-url", own["MLOPS_LAB_INDEX_URL"]]
                if own.get("MLOPS_LAB_INDEX_URL")
                else []
            )
            subprocess.run(
                [*pip, *index, "--dest", str(folder), *WHEELS],
                env=own,
                check=True,
                capture_output=True,
            )
            (folder / "complete").touch()
    return folder


@dataclass
class Counter:
    """A lab whose packages come from a shop of its own, into caches of its own."""

    lab: Lab
    shop: Shop

    @property
    def caches(self) -> Path:
        """Return the folder of the caches."""
        return self.lab.home / "caches"

    def clear(self) -> None:
        """Let everything be downloaded again."""
        shutil.rmtree(self.caches, ignore_errors=True)


@pytest.fixture(scope="session")
def shops(
    wheels: Path, request: pytest.FixtureRequest, new_lab: Callable[[Case], Lab]
) -> Iterator[object]:
    """Return a maker of labs with a shop each."""
    with ExitStack() as stack:

        def make(case: Case, *, secret: bool = True) -> Counter:
            lab = new_lab(case)
            channel = request.getfixturevalue("channel") if case.layer == "conda" else None
            shop = stack.enter_context(serving(wheels, channel))
            lab.env |= {name: str(lab.home / "caches" / name.lower()) for name in _CACHES}
            lab.env |= {
                **IMPATIENT,
                "MLOPS_LAB_INDEX_URL": f"{shop.address(secret=secret)}/simple/",
            }
            condarc = lab.home / ".condarc"
            if channel is not None:
                alias = shop.address(secret=False)
                condarc.write_text(
                    f"channels: [conda-forge]\nchannel_alias: {alias}\nsolver: classic\n"
                )
            return Counter(lab, shop)

        yield make
