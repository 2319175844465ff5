"""Which folders are members of a project, and which folder is the project's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks_lib.errors import LabError
from tasks_lib.managers import MANAGERS
from tasks_lib.project.project import Project, root_of
from tests.cases import cases

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeProject

HEAD = '[project]\nname = "demo"\nversion = "1"\nrequires-python = ">=3.11"\n'
WORKSPACE = (
    f'{HEAD}[tool.uv.workspace]\nmembers = ["packages/*", "../*"]\nexclude = ["packages/no"]\n'
)
PATHS = (
    f"{HEAD}dependencies = [\"two @ {{two}} ; sys_platform == 'linux'\"]\n"
    '[tool.poetry.dependencies]\none = {{ path = "packages/one", develop = true }}\n'
    'out = [{{ path = "../out" }}, {{ version = "1" }}]\ngone = {{ path = "packages/gone" }}\n'
)


def _member(root: Path, place: str, name: str) -> Path:
    folder = root / place
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(f'[project]\nname = "{name}"\n')
    return folder


@pytest.fixture
def folders(root: Path) -> None:
    """Make members, one that is left out, one outside of the project, and a folder that is none."""
    places = {"packages/one": "One_1", "packages/two": "two", "packages/no": "no", "../out": "out"}
    for place, name in places.items():
        _member(root, place, name)
    (root / "packages/docs").mkdir()


@pytest.mark.parametrize(("manager", "text"), [("uv", WORKSPACE), ("poetry", PATHS)])
def test_members_are_what_the_manager_knows(
    project: MakeProject, root: Path, folders: None, manager: str, text: str
) -> None:
    del folders
    made = MANAGERS[manager](
        project(text.format(two=(root / "packages/two").as_uri()) if "{two}" in text else text)
    )
    found = {name: (member.name, member.place) for name, member in made.members().items()}
    assert found == {"one-1": ("One_1", "packages/one"), "two": ("two", "packages/two")}
    member = made.member("one.1")
    assert member is not None
    assert member.manifest == "packages/one/pyproject.toml"
    assert made.member("") is None
    with pytest.raises(LabError, match=r"no member 'three'; .* knows one-1, two"):
        made.member("three")


@cases(
    "text",
    {
        "no patterns": '[tool.uv.workspace]\nmembers = ["**x", "", "/", 3, "a\\u0000"]\n',
        "no list": '[tool.uv.workspace]\nmembers = "packages"\n',
        "odd": (
            "[tool.uv]\nworkspace = true\n[tool.poetry]\ngroup = {a = 1, b = {dependencies = 2}}\n"
        ),
        "no path": '[tool.poetry.dependencies]\na = {path = 1}\nb = {path = "a\\u0000"}\n',
        "no folder": '[tool.poetry.dependencies]\nc = {path = "pyproject.toml"}\n',
    },
)
def test_odd_settings_have_no_members(project: MakeProject, text: str) -> None:
    made = project(HEAD + text)
    assert [MANAGERS[name](made).members() for name in MANAGERS] == [{}] * len(MANAGERS)


def test_broken_member_is_named(project: MakeProject, root: Path, folders: None) -> None:
    del folders
    (root / "packages/two/pyproject.toml").write_text("[project\n")
    with pytest.raises(LabError) as caught:
        MANAGERS["uv"](project(WORKSPACE)).members()
    assert caught.value.file == "packages/two/pyproject.toml"


def test_project_of_a_member_is_its_workspaces(
    project: MakeProject, root: Path, folders: None
) -> None:
    del folders
    project(WORKSPACE)
    inside = root / "packages/one/src"
    inside.mkdir()
    assert root_of(inside) == root
    assert Project.load(inside, {}).pyproject.name == "demo"
    assert root_of(root / "packages/no") == root / "packages/no"
    # a root that cannot be read leaves the member
    (root / "pyproject.toml").write_text("[project\n")
    assert root_of(inside) == inside.parent
