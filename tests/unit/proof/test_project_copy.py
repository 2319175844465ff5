"""Whether a proof needs a project's own files, or its manifests alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks_lib.errors import ExitCode, LabError
from tasks_lib.proof import project_copy
from tasks_lib.proof.channel import NONE
from tasks_lib.session.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeProject

PROJECT = '[project]\nname = "demo"\nversion = "1"\n[tool.uv]\npackage = false\n'


@pytest.mark.parametrize(
    ("more", "files", "wanted"),
    [
        ("", {}, False),
        ('[project.urls]\nHomepage = "https://example.org"\n', {}, False),
        ('[tool.uv.sources]\na = { git = "https://example.org/a" }\n', {}, False),
        ('[[tool.uv.index]]\nurl = "https://example.org/simple"\n', {}, False),
        ('[tool.uv.sources]\na = { path = "wheels/a.whl" }\n', {}, True),
        ('# path = "x"\n', {}, False),
        ('find-links = ["wheels"]\n', {}, True),
        ('[[tool.uv.index]]\nurl = "wheels"\nformat = "flat"\n', {}, True),
        ("", {"uv.toml": 'find-links = ["wheels"]\n'}, True),
    ],
)
def test_what_is_installed_from_a_folder_of_the_project_is_copied(
    more: str, files: dict[str, str], wanted: bool, project: MakeProject
) -> None:
    made = project(f"{PROJECT}{more}", files=files)
    assert project_copy.needs_sources(Session.open(combo="pip_uv", start=made.root)) is wanted


@pytest.mark.parametrize(
    ("combo", "more"),
    [
        ("pip_uv", '[tool.uv.sources]\na = [{ path = "../a", editable = true }]\n'),
        ("pip_poetry", '[tool.poetry.dependencies]\na = { path = "../a" }\n'),
    ],
)
def test_what_lies_outside_of_the_project_ends_the_proof_before_it_begins(
    combo: str, more: str, project: MakeProject, tmp_path: Path
) -> None:
    made = project(f"{PROJECT}{more}")
    with pytest.raises(LabError, match=f"needs {made.root.parent}/a") as caught:
        project_copy.copy_project(
            Session.open(combo=combo, start=made.root), tmp_path / "copy", "demo", NONE
        )
    assert caught.value.exit_code is ExitCode.BAD_REQUEST
    assert not (tmp_path / "copy").exists()
