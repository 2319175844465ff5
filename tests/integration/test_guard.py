"""The guard on real tools: nothing of conda's is replaced or removed, for both managers and every engine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.lab import CASES, CONDA_YML, Case, Lab, differences, tools

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.processes

CONDA_CASES = [case for case in CASES if case.layer == "conda"]
#: the manifest's own dependency brings click, and asks for another than the channel's
OLDER = "click-default-group>=1.2"
PIN = 'dependencies = ["click<8.2", "click-default-group>=1.2"]'


@pytest.fixture(params=CONDA_CASES, ids=str)
def lab(request: pytest.FixtureRequest, new_lab: Callable[[Case], Lab]) -> Lab:
    """Give a lab whose conda layer has click and six, and whose manifest asks for an older click."""
    made = new_lab(request.param)
    made.write("conda.yml", f"{CONDA_YML}  - click\n  - six\n")
    text = (made.project / "pyproject.toml").read_text("utf-8")
    made.write("pyproject.toml", text.replace(f'dependencies = ["{OLDER}"]', PIN))
    return made


def conda_files(lab: Lab) -> dict[str, object]:
    """Describe every file that conda's records of click and six name."""
    names = [
        name
        for path in (lab.prefix / "conda-meta").glob("*.json")
        if path.name.startswith(("click-", "six-"))
        for name in json.loads(path.read_text("utf-8"))["files"]
        if not name.endswith(".pyc")
    ]
    assert len(names) > 10, names
    tree = lab.tree()
    root = lab.prefix.relative_to(lab.home)
    return {name: tree.get(f"{root}/{name}") for name in names}


def test_refuses_then_align_solves_it(lab: Lab) -> None:
    refused = lab("setup")
    assert refused.code == 5, refused
    error = refused.error()
    version = lab.installed()["click"]
    assert f"click {version}, which conda owns (package click), would become 8.1." in error["detail"]
    assert "tiny-lab" in error["detail"] or "pyproject.toml" in error["detail"] or OLDER[:19] in error["detail"]
    assert "deps.align" in error["remedy"]
    assert "click-default-group" not in lab.installed()
    before = conda_files(lab)
    assert None not in before.values()

    lab.ok("deps.align")
    assert f"click=={version}" in (lab.project / "pyproject.toml").read_text("utf-8").replace(" (", "").replace(")", "")
    assert "# brings click" in (lab.project / "pyproject.toml").read_text("utf-8")
    lab.ok("setup")
    assert lab.installed()["click"] == version
    assert "click-default-group" in lab.installed()
    assert differences(before, conda_files(lab)) == {}
    lab.ok("check.all")

    manifests, tree = lab.manifests(), lab.installed()
    again = lab("deps.add", "click<8.2")
    assert again.code in {2, 5}, again  # a second, contrary constraint cannot even be solved by uv
    assert (lab.manifests(), lab.installed()) == (manifests, tree)


def test_sync_takes_strays_and_leaves_conda_alone(lab: Lab) -> None:
    text = (lab.project / "pyproject.toml").read_text("utf-8")
    lab.write("pyproject.toml", text.replace(PIN, 'dependencies = ["iniconfig"]'))
    lab.ok("setup")
    before = conda_files(lab)
    stray = lab.run([str(tools() / "uv"), "pip", "install", "--python", str(lab.python), "toolz"])
    assert stray.code == 0, stray
    assert "toolz" in lab.installed()
    lab.ok("deps.sync")
    assert "toolz" not in lab.installed()
    assert differences(before, conda_files(lab)) == {}
    assert {"six", "click", "pip", "iniconfig"} <= set(lab.installed())

    taken = lab("deps.add", "iniconfig", "--layer", "conda")
    assert taken.code == 5, taken
    assert "iniconfig" in taken.error()["detail"]
    assert "iniconfig" not in (lab.project / "conda.yml").read_text("utf-8")
