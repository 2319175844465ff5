"""What the tasks that look at dependencies say of real environments, on all four combos."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests import advisories, tiny_channel
from tests.lab import CONDA_YML, HYBRIDS, INSTALLED, PYPROJECT, SAMPLE, Case, Lab, tools, untouched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.processes

CONDA_OWNS = {"python", "pip", "tiny-tool", "tiny-lib"}


@pytest.fixture(scope="module", params=SAMPLE, ids=str)
def seen(request: pytest.FixtureRequest, new_lab: Callable[[Case], Lab]) -> Iterator[Lab]:
    """Yield a lab with an old package in each layer, and one that was installed by hand."""
    lab = new_lab(request.param)
    lab.write("pyproject.toml", PYPROJECT.replace("iniconfig>=2", "iniconfig==2.0.0"))
    if request.param.layer == "conda":
        for version in ("1.9", "1.10"):
            tiny_channel.add(lab.channel, "tiny-lib", version)
        url = tiny_channel.add(lab.channel, "tiny-tool", "1.0", depends=("tiny-lib <1.10",))
        conda_yml = CONDA_YML.replace("  - conda-forge\n", f"  - conda-forge\n  - {url}\n")
        lab.write("conda.yml", f"{conda_yml}  - tiny-tool\n")
    lab.ok("setup")
    argv = [str(tools() / "uv"), "pip", "install", "toolz==0.12.0", "--python", str(lab.python)]
    assert lab.run(argv).code == 0
    yield lab
    shutil.rmtree(lab.home)


def is_conda(lab: Lab) -> bool:
    """Return whether the lab has a conda layer."""
    return lab.case is not None and lab.case.layer == "conda"


def test_list(seen: Lab) -> None:
    with untouched(seen):
        rows = {row["name"]: row for row in seen.ok("deps.list").data["packages"]}
        text = seen("deps.list", json=False).stdout
    have = seen.installed()
    assert {name: row["version"] for name, row in rows.items() if name in have} == have
    assert {name for name, row in rows.items() if row["owner"] == "conda"} == (
        CONDA_OWNS if is_conda(seen) else set()
    )
    assert {name for name, row in rows.items() if row["owner"] == "lock"} == set(INSTALLED)
    assert rows["toolz"]["owner"] == "stray"
    assert rows["iniconfig"]["declared"] == "pyproject.toml (group dev)"
    assert all(name in text for name in rows)


def test_tree_in_every_form(seen: Lab) -> None:
    with untouched(seen):
        rows = seen.ok("deps.tree").data["tree"]
        pages = {
            form: seen("deps.tree", "--format", form, json=False)
            for form in ("text", "markdown", "html")
        }
    assert {row["name"] for row in rows if row["depth"]} >= set(seen.installed())
    at = [row["name"] for row in rows].index("click-default-group")
    assert [(row["depth"], row["name"]) for row in rows[at : at + 2]] == [
        (1, "click-default-group"),
        (2, "click"),
    ]
    for form, page in pages.items():
        assert page.code == 0
        assert "    └──\xa0click" in page.stdout.replace("\xa0\xa0\xa0\xa0", "    "), form


def test_why(seen: Lab) -> None:
    with untouched(seen):
        (chain,) = seen.ok("deps.why", "Click").data["chains"]
        assert (chain["manifest"], chain["chain"]) == (
            "pyproject.toml",
            ["click-default-group", "click"],
        )
        assert "click-default-group → click" in seen("deps.why", "click", json=False).stdout
        assert "by hand" in seen.ok("deps.why", "toolz").data["note"]
        unknown = seen("deps.why", "inniconfig")
        assert unknown.code == 2
        assert "iniconfig" in unknown.error()["remedy"]
        if is_conda(seen):
            (chain,) = seen.ok("deps.why", "tiny-lib").data["chains"]
            assert (chain["manifest"], chain["chain"]) == ("conda.yml", ["tiny-tool", "tiny-lib"])


def test_outdated(seen: Lab) -> None:
    with untouched(seen):
        answer = seen.ok("deps.outdated")
    rows = {row["name"]: row for row in answer.data["outdated"]}
    assert rows["iniconfig"]["version"] == "2.0.0" < rows["iniconfig"]["latest"]
    assert seen.case is not None
    if seen.case.manager == "uv":
        assert rows["toolz"]["owner"] == "stray"
        assert answer.results == []
    else:
        (skipped,) = answer.results
        assert skipped["status"] == "skip"
        assert "toolz" in skipped["detail"]
    if is_conda(seen):
        assert (rows["tiny-lib"]["version"], rows["tiny-lib"]["latest"]) == ("1.9", "1.10")
    assert rows.keys() - {"toolz"} == {"iniconfig", *(["tiny-lib"] if is_conda(seen) else [])}


def test_nothing_outdated_is_said(new_lab: Callable[[Case], Lab]) -> None:
    lab = new_lab(Case("pip_uv"))
    lab.ok("setup")
    assert lab.ok("deps.outdated").data["outdated"] == []
    assert lab("deps.outdated", json=False).stdout.endswith("\nnote: nothing is outdated\n")


@pytest.mark.parametrize("seen", HYBRIDS, ids=str, indirect=True)
def test_outdated_where_no_channel_answers(seen: Lab) -> None:
    channel = seen.channel
    channel.rename(seen.home / "away")
    try:
        answer = seen.ok("deps.outdated")
    finally:
        (seen.home / "away").rename(channel)
    assert "tiny-lib" not in {row["name"] for row in answer.data["outdated"]}
    assert [
        one for one in answer.results if "tiny-lib" in one["detail"] and one["status"] == "skip"
    ]


@pytest.mark.parametrize("seen", HYBRIDS, ids=str, indirect=True)
def test_a_library_that_is_not_python(seen: Lab) -> None:
    conda_yml = (seen.project / "conda.yml").read_text("utf-8")
    channel = seen.channel
    tiny_channel.add(channel, "tiny-c", "1.0")
    tiny_channel.add(channel, "tiny-cuda", "1.0", depends=("__cuda >=12",))
    for subdir in ("osx-arm64", "win-64"):
        tiny_channel.add(channel, "tiny-elsewhere", "1.0", subdir=subdir)
    seen.ok("deps.add", "tiny-c", "--layer", "conda")
    assert (seen.prefix / "share" / "tiny-c.txt").is_file()
    assert "  - tiny-c\n" in (seen.project / "conda.yml").read_text("utf-8")
    seen.ok("deps.remove", "tiny-c", "--layer", "conda")
    assert not (seen.prefix / "share" / "tiny-c.txt").exists()

    answer = seen("deps.add", "tiny-elsewhere", "--layer", "conda")
    assert answer.code == 2, answer
    assert (
        "tiny-elsewhere exists for osx-arm64, win-64, and not for linux-64."
        in answer.error()["detail"]
    )
    answer = seen("deps.add", "no-such-package-anywhere", "--layer", "conda")
    assert "exists for" not in answer.error()["detail"]

    answer = seen("deps.add", "tiny-cuda", "--layer", "conda")
    assert answer.code == 2, answer
    assert "This machine has no __cuda" in answer.error()["detail"]
    assert "CONDA_OVERRIDE_CUDA" in answer.error()["remedy"]
    answer = seen("deps.add", "tiny-cuda", "--layer", "conda", env={"CONDA_OVERRIDE_CUDA": "12.4"})
    assert answer.code == 0, answer
    seen.ok("deps.remove", "tiny-cuda", "--layer", "conda")
    assert (seen.project / "conda.yml").read_text("utf-8") == conda_yml


def test_audit(seen: Lab) -> None:
    with advisories.serving() as (service, _), untouched(seen):
        answer = seen("deps.audit", "--service", service)
    assert answer.code == 1
    assert answer.ids("fail") == {"audit.advisory"}
    assert ("audit.layer" in answer.ids("skip")) is is_conda(seen)
