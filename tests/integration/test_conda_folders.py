"""An environment stays at its place through a run, though conda has several folders for them."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.lab import CONDA_YML, ENGINES, Case, Lab, tree

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.processes

MADE_BY = [Case("conda_uv", engine) for engine in ENGINES]


def _created(lab: Lab) -> None:
    lab.ok("env.create")


@pytest.fixture(params=MADE_BY, ids=str)
def lab(request: pytest.FixtureRequest, copied: Callable[..., Lab]) -> Lab:
    """Return a lab whose environment is in the second of two folders; the first does not exist."""
    one: Lab = copied(request.param, _created)
    settings = (one.home / ".condarc").read_text("utf-8")
    first, second = one.home / "eins", one.prefix.parent
    text = settings.replace("[~/.conda/envs]", f"['{first}', '{second}']")
    (one.home / ".condarc").write_text(text, encoding="utf-8")
    return one


def _environments(lab: Lab) -> list[Path]:
    folders = (lab.home / "eins", lab.prefix.parent)
    found = [path for folder in folders for path in folder.glob("*")]
    return [path for path in sorted(found) if path.is_dir()]


def test_one_in_the_second_folder_is_removed_whole(lab: Lab) -> None:
    (mine,) = [row for row in lab.ok("env.list").data["environments"] if row["project"]]
    assert mine["path"] == str(lab.prefix)
    lab.ok("env.remove")
    assert _environments(lab) == []


def test_one_that_cannot_be_created_again_stays(lab: Lab) -> None:
    lab.write("conda.yml", CONDA_YML.replace("- pip", "- no-such-package-anywhere"))
    lab.python.unlink()  # it has no interpreter, so `setup` creates it again
    before = tree(lab.prefix)
    assert lab("setup").code in {2, 4}
    assert _environments(lab) == [lab.prefix]
    assert tree(lab.prefix) == before


def _killed_removing(lab: Lab) -> None:
    aside = lab.prefix.with_name(f".mlops-lab-aside-{lab.prefix.name}")
    child = lab.start(lab.argv("env.remove", json=True))
    while not aside.exists():
        assert child.poll() is None, child.communicate()
        time.sleep(0.001)
    os.killpg(child.pid, signal.SIGKILL)
    child.communicate()


def test_one_that_a_killed_run_had_set_aside_is_found_again(lab: Lab) -> None:
    _killed_removing(lab)
    lab.ok("setup")
    assert _environments(lab) == [lab.prefix]
    assert lab.imports("click") == lab.prefix


def test_one_comes_back_to_its_place_though_the_first_folder_has_that_name_by_then(
    lab: Lab,
) -> None:
    before = tree(lab.prefix)
    _killed_removing(lab)
    appeared = lab.home / "eins" / lab.prefix.name
    (appeared / "conda-meta").mkdir(parents=True)
    (appeared / "conda-meta/history").touch()
    assert "recovered" in {result["id"] for result in lab.ok("deps.lock").results}
    assert _environments(lab) == sorted([appeared, lab.prefix])
    assert tree(lab.prefix) == before
