"""`migrate` tells the other manager where each requirement is found, which is not an index."""

from __future__ import annotations

import shutil
import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.integration.test_requirements import commit, package
from tests.lab import PYPROJECT, Case, Lab, untouched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.processes


@pytest.fixture
def lab(new_lab: Callable[[Case], Lab]) -> Iterator[Lab]:
    """Return a lab with a `toolz` of its own beside it."""
    lab = new_lab(Case("conda_uv", "rattler"))
    lab.case = None
    package(lab.project.parent / "toolz fork", "toolz", "1.0")
    yield lab
    shutil.rmtree(lab.home)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for a git repository, without a space: Poetry could not read that."""
    return tmp_path_factory.mktemp("repository")


def _asks(lab: Lab, combo: str) -> dict[str, str]:
    rows = lab.ok("deps.list", "--combo", combo).data["packages"]
    return {
        row["name"]: row["version"]
        for row in rows
        if row["name"] in {"toolz", "tiny-git", "iniconfig"}
    }


def test_places_of_uv_come_along_to_poetry_and_back(lab: Lab, repository: Path) -> None:
    commit(lab, repository)
    text = PYPROJECT.replace('"click-default-group>=1.2"', '"toolz"').replace(
        '>=2"', '>=2", "tiny-git[more]"'
    )
    git = f'tiny-git = {{ git = "{repository.as_uri()}", tag = "v1" }}'
    folder = 'toolz = { path = "../toolz fork", editable = true }'
    lab.write("pyproject.toml", f"{text}\n[tool.uv.sources]\n{folder}\n{git}\n")
    lab.ok("setup", "--combo", "pip_uv")
    before = _asks(lab, "pip_uv")
    assert (before["toolz"], before["tiny-git"]) == ("1.0", "1.0")
    lab.ok("migrate", "--to", "pip_poetry", "--combo", "pip_uv")
    assert _asks(lab, "pip_poetry") == before
    lab.ok("check.all")
    told = tomllib.loads((lab.project / "pyproject.toml").read_text("utf-8"))["tool"]["poetry"]
    assert told["dependencies"] == {"toolz": {"path": "../toolz fork", "develop": True}}
    assert told["group"]["dev"]["dependencies"] == {
        "tiny-git": {"git": repository.as_uri(), "tag": "v1"}
    }
    lab.ok("migrate", "--to", "pip_uv")
    assert _asks(lab, "pip_uv") == before


@pytest.mark.parametrize("combo", ["pip_poetry", "conda_poetry"])
def test_places_of_poetry_come_along_to_uv(lab: Lab, repository: Path, combo: str) -> None:
    commit(lab, repository)
    text = PYPROJECT.replace('"click-default-group>=1.2"', '"toolz"')
    place = '[tool.poetry.dependencies]\ntoolz = { path = "../toolz fork" }\n'
    lab.write("pyproject.toml", f"{text}\n{place}")
    lab.ok("setup", "--combo", combo)
    lab.ok("deps.add", f"tiny-git[more] @ git+{repository.as_uri()}@v1", "--combo", combo)
    written = (lab.project / "pyproject.toml").read_text("utf-8")
    assert f"tiny-git[more] @ git+{repository.as_uri()}@v1" in written
    lab.ok("check.lock", "--combo", combo)
    before = _asks(lab, combo)
    lab.ok("migrate", "--to", "pip_uv", "--combo", combo)
    assert _asks(lab, "pip_uv") == before
    lab.ok("check.all")
    told = tomllib.loads((lab.project / "pyproject.toml").read_text("utf-8"))["tool"]["uv"]
    assert told["sources"] == {"toolz": {"path": "../toolz fork"}}


@pytest.mark.parametrize("workspace", [True, False])
def test_what_the_other_manager_cannot_be_told_is_refused_before_anything_is_done(
    lab: Lab, *, workspace: bool
) -> None:
    text = PYPROJECT.replace('"click-default-group>=1.2"', '"toolz"')
    if workspace:
        package(lab.project / "toolz", "toolz", "1.0")
        said = '[tool.uv.workspace]\nmembers = ["toolz"]\n'
        said += "[tool.uv.sources]\ntoolz = { workspace = true }\n"
    else:
        said = "[tool.uv.sources]\n"
        said += "toolz = { path = '../toolz fork', marker = \"os_name != 'nothing'\" }\n"
    lab.write("pyproject.toml", f"{text}\n{said}")
    lab.ok("setup", "--combo", "pip_uv")
    with untouched(lab):
        for how in ((), ("--dry-run",)):
            answer = lab("migrate", "--to", "pip_poetry", "--combo", "pip_uv", *how)
            assert answer.code == 2, answer
            assert "toolz" in answer.error()["detail"]
            assert ("workspace" in answer.error()["detail"]) is workspace
