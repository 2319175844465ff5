"""The parts that come from the code are up to date, and the table of settings is complete."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import pytest

from tasks_lib import bootstrap
from tasks_lib.project.manifests import PyProject
from tasks_lib.project.settings import Settings
from tasks_lib.workflows.documentation import FOLDER
from tests.docs import reference

if TYPE_CHECKING:
    from pathlib import Path

WRITTEN = reference.written()
_VARIABLE = re.compile(r"MLOPS_LAB_[A-Z_]*[A-Z]")
#: Variables that one process of mlops-lab sets for another, or that only its own tests read.
_INTERNAL = {
    bootstrap.TOOLS,
    bootstrap.OWN_TASKS,
    bootstrap.PROGRAM,
    "MLOPS_LAB_START",
    "MLOPS_LAB_FAULTS_FULL",
    "MLOPS_LAB_MOMENTS",
    "MLOPS_LAB_FUZZ",
    "MLOPS_LAB_WRITE_DOCS",
    "MLOPS_LAB_PUBLISH",  # how three others begin
}


def _name(path: Path) -> str:
    return path.relative_to(FOLDER).as_posix()


@pytest.mark.parametrize("path", WRITTEN, ids=_name)
def test_page_is_that_of_the_code(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == WRITTEN[path], "run: python3 -m tasks_lib write-docs"


def test_every_variable_of_the_code_is_among_the_settings() -> None:
    used: set[str] = set()
    for path in FOLDER.parent.rglob("*.py"):
        used |= set(_VARIABLE.findall(path.read_text(encoding="utf-8")))
    listed = {one.get("variable", "") for one in reference.SETTINGS}
    assert used - _INTERNAL == set(filter(_VARIABLE.fullmatch, listed))


def test_the_example_of_the_configuration_is_valid_and_complete() -> None:
    page = WRITTEN[FOLDER / "reference" / "configuration.md"]
    (block,) = re.findall(r"(?s)```toml\n(.*?)```", page)
    data = tomllib.loads(block)
    assert Settings.read(PyProject(FOLDER / "pyproject.toml", data, block)).combo == "conda_uv"
    for one in reference.SETTINGS:
        table = data["tool"]["mlops-lab"]
        for part in one.get("key", "").split("."):
            assert not part or part in table, one["key"]
            table = table.get(part, {})
