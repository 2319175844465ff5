"""`env.update`: both layers follow changed manifests, and what a user put there stays."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest

from tests import tiny_channel
from tests.lab import CONDA_YML, HYBRIDS, PYPROJECT, SAMPLE, Case, Lab, tools, untouched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.processes


def change_manifests(lab: Lab) -> None:
    """Set a lab up, then change its manifests and install a package by hand."""
    if lab.case is not None and lab.case.layer == "conda":
        channel = lab.channel
        for name, version in (("tiny-lib", "1.9"), ("tiny-lib", "1.10"), ("tiny-new", "1.0")):
            tiny_channel.add(channel, name, version)
        url = tiny_channel.add(channel, "tiny-tool", "1.0", depends=("tiny-lib <1.10",))
        conda_yml = CONDA_YML.replace("  - conda-forge\n", f"  - conda-forge\n  - {url}\n")
        lab.write("conda.yml", f"{conda_yml}  - tiny-tool\n  - six\n")
        lab.ok("setup")
        lab.write("conda.yml", f"{conda_yml}  - tiny-lib=1.10\n  - tiny-new\n")
    else:
        lab.ok("setup")
    lab.write("pyproject.toml", PYPROJECT.replace("iniconfig>=2", "mypy-extensions>=1"))
    argv = [str(tools() / "uv"), "pip", "install", "toolz==0.12.0", "--python", str(lab.python)]
    assert lab.run(argv).code == 0


@pytest.fixture(params=SAMPLE, ids=str)
def changed(
    request: pytest.FixtureRequest, copied: Callable[[Case, Callable[[Lab], object]], Lab]
) -> Iterator[Lab]:
    """Yield a lab whose manifests changed after setup, with a package installed by hand."""
    lab = copied(request.param, change_manifests)
    yield lab
    shutil.rmtree(lab.home)


def test_update(changed: Lab) -> None:
    conda = changed.case is not None and changed.case.layer == "conda"
    before = changed.installed()
    with untouched(changed):
        ids = [step["id"] for step in changed.ok("env.update", "--dry-run").data["plan"]]
    assert {"deps.lock", "deps.install", "deps.uninstall"} <= set(ids)
    assert "deps.prune" not in ids
    assert not conda or {"conda.prune", "env.update"} < set(ids)

    answer = changed.ok("env.update")
    gone = {"iniconfig", "six"} if conda else {"iniconfig"}
    assert changed.installed().keys() == (before.keys() - gone) | {"mypy-extensions"}
    assert {row["package"] for row in answer.data["packages"]} == {*gone, "mypy-extensions"}
    if conda:
        found = {row["package"]: (row["before"], row["after"]) for row in answer.data["conda"]}
        assert found.pop("six")[1] == ""
        assert found == {
            "tiny-lib": ("1.9", "1.10"),
            "tiny-new": ("", "1.0"),
            "tiny-tool": ("1.0", ""),
        }
        assert (changed.prefix / "share" / "tiny-lib.txt").read_text() == "1.10"
        assert not (changed.prefix / "share" / "tiny-tool.txt").exists()
    changed.ok("check.doctor")
    with untouched(changed):
        (result,) = changed.ok("env.update").results
    assert "is what the manifests say" in result["title"]

    changed.ok("env.update", "--prune")
    assert "toolz" not in changed.installed()
    assert changed.ok("setup").data["changed"] == []


@pytest.mark.parametrize("changed", HYBRIDS, ids=str, indirect=True)
def test_what_fails_or_is_refused_changes_nothing(changed: Lab) -> None:
    sound = (changed.project / "conda.yml").read_text("utf-8")
    manifests, installed = changed.manifests(), changed.installed()
    wrong = {
        f"{sound}  - click\n": (5, "click"),  # which the lock owns
        f"{sound}  - no-such-package-anywhere\n": (2, "no-such-package-anywhere"),
        re.sub(r"  - (python|pip).*\n", "", sound): (2, "contains no Python"),
    }
    for text, (code, said) in wrong.items():
        changed.write("conda.yml", text)
        answer = changed("env.update")
        assert answer.code == code, answer
        assert said in answer.error()["detail"]
        changed.write("conda.yml", sound)
        assert changed.manifests() == manifests
        assert changed.installed() == installed
        assert (changed.prefix / "share" / "tiny-tool.txt").is_file()
    argv = [str(tools() / "uv"), "pip", "install", "six==1.16.0", "--python", str(changed.python)]
    assert changed.run(argv).code == 0  # in the place of conda's, which conda.yml no longer names
    with untouched(changed):
        answer = changed("env.update")
    assert answer.code == 5
    assert "six" in answer.error()["detail"]


@pytest.mark.parametrize("case", HYBRIDS, ids=str)
def test_a_channels_name_before_a_package(new_lab: Callable[[Case], Lab], case: Case) -> None:
    """The home's `.condarc` has a channel alias."""
    lab = new_lab(case)
    lab.write("conda.yml", CONDA_YML.replace("- pip\n", "- conda-forge::pip\n"))
    lab.ok("setup")
    if case.engine == "rattler":  # conda 24.7.1 takes what was typed over a pin, 26 refuses it
        pinned = lab.prefix / "conda-meta" / "pinned"
        pinned.write_text("# too old\nconda-forge::setuptools <1\n")
        error = lab("deps.add", "conda-forge::setuptools", "--layer", "conda").error()
        assert (error["code"], error["detail"][:21]) == ("unsolvable", "The pin setuptools <1")
        assert lab.ok("check.doctor").ids("warn") == {"doctor.pinned"}
        pinned.unlink()
    lab.ok("deps.add", "conda-forge::setuptools", "--layer", "conda")
    conda_yml = (lab.project / "conda.yml").read_text("utf-8")
    assert "conda-forge::setuptools" in conda_yml
    lab.write("conda.yml", f"{conda_yml}  - conda-forge::six\n")
    assert [row["package"] for row in lab.ok("env.update").data["conda"]] == ["six"]
    lab.ok("deps.remove", "setuptools", "--layer", "conda")
    lab.ok("check.doctor")
    shutil.rmtree(lab.home)
