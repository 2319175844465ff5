"""What the manager would do decides, not two versions; and a pin is offered only where it helps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tasks_lib.errors import LabError
from tasks_lib.ownership import guard
from tasks_lib.session.session import Session
from tests.cases import cases
from tests.unit.workflows.conftest import CONDA_YML, LOCK, PYPROJECT, Tools

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeProject
    from tests.unit.conftest import Link

INFO = "lib/python3.11/site-packages/click-8.5.1.dist-info"
METADATA = "Metadata-Version: 2.1\nName: click\nVersion: 8.5.1\n"
ADDRESS = "file:///home/conda/feedstock_root/click"
POETRY = '[[package]]\nname = "click"\nversion = "8.5.1"\n'


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> Tools:
    """Replace the tools by one that would install click again."""
    made = Tools({"sync": (0, " ~ click==8.5.1\n")})
    monkeypatch.setattr("tasks_lib.execution.process.run", made)
    return made


def opened(project: MakeProject, manager: str, conda: str = CONDA_YML, **more: str) -> Session:
    """Return a session whose lock names the click that conda has."""
    locks = {"uv.lock": LOCK, "poetry.lock": POETRY}
    made = project(more.get("pyproject", PYPROJECT), conda, files=locks)
    return Session.open(combo=f"conda_{manager}", engine="rattler", start=made.root)


def conflicts(session: Session) -> list[guard.Conflict]:
    """Return what the guard finds."""
    return guard.conflicts(session, session.environment.activation())


@pytest.fixture
def clicked(conda_env: Path, link: Link) -> Path:
    """Return a conda environment with conda's click, and the record of where that is from."""
    link(conda_env, "python", "3.11.7")
    record = json.dumps({"url": ADDRESS, "dir_info": {}})
    files = {f"{INFO}/METADATA": METADATA, f"{INFO}/direct_url.json": record}
    link(conda_env, "click", "8.5.1", files=files)
    return conda_env


def test_an_equal_version_with_another_source_is_replaced(
    project: MakeProject, clicked: Path, tools: Tools
) -> None:
    (found,) = conflicts(opened(project, "uv"))
    assert clicked.exists()
    assert len(tools.ran) == 1
    assert str(found) == (
        "click 8.5.1, which conda owns (package click), would become one from elsewhere (required "
        f"by pyproject.toml): its direct_url.json names {ADDRESS}, and the lock another source"
    )


@pytest.mark.usefixtures("clicked", "tools")
@cases(
    "conda, pyproject, argv",
    {
        "the conda file names it": (
            CONDA_YML.replace("pip]", "pip, click>=8]"),
            PYPROJECT,
            ("invoke", "deps.remove", "click", "--layer", "conda"),
        ),
        "the manifest": (CONDA_YML, PYPROJECT, ("invoke", "deps.remove", "click")),
        "neither": (CONDA_YML, PYPROJECT.replace('"click"', '"rich"'), ()),
    },
)
def test_a_pin_is_not_the_remedy_where_the_versions_are_equal(
    project: MakeProject, conda: str, pyproject: str, argv: tuple[str, ...]
) -> None:
    session = opened(project, "uv", conda, pyproject=pyproject)
    look = guard.step(session, session.environment.activation(), (), ())
    assert look.work is not None
    with pytest.raises(LabError) as refused:
        look.work()
    assert refused.value.remedy.argv == argv
    assert refused.value.exit_code == 5


@cases(
    "odd, asked",
    {
        "as an index has it": ("", False),
        "a pth": ("lib/python3.11/site-packages/click.pth", True),
        "a clone": ("src/click/setup.py", True),
        "an address": (f"{INFO}/direct_url.json", True),
    },
)
def test_poetry_is_asked_where_it_would_see_another_source(
    project: MakeProject, clicked: Path, tools: Tools, odd: str, asked: bool
) -> None:
    (clicked / INFO / "direct_url.json").unlink()
    if odd:
        path = clicked / odd
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"url": ADDRESS, "dir_info": {}}))
    assert conflicts(opened(project, "poetry")) == []
    assert bool(tools.ran) is asked


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("manager", ["uv", "poetry"])
def test_condas_package_of_the_project_itself_is_not_installed_over(
    project: MakeProject, conda_env: Path, link: Link, manager: str
) -> None:
    link(conda_env, "demo", "0.1.0", files={INFO.replace("click-8.5.1", "demo-0.1.0"): "x"})
    text = f'{PYPROJECT}\n[build-system]\nrequires = []\nbuild-backend = "x"\n'
    (found,) = conflicts(opened(project, manager, pyproject=text))
    assert (found.name, found.after) == ("demo", "0.1.0")


_GROUP = '[project]\nname = "demo"\nversion = "1"\n[dependency-groups]\nDev = ["Click>=8"]\n'
_EXTRA = '[project]\nname = "demo"\nversion = "1"\n[project.optional-dependencies]\nx = ["click"]\n'


@cases(
    "pyproject, expected",
    {
        "dependencies": (PYPROJECT, ("invoke", "deps.remove", "click")),
        "a dependency group": (_GROUP, ("invoke", "deps.remove", "click", "--group", "Dev")),
        "an extra": (_EXTRA, ()),
    },
)
def test_the_command_that_leaves_a_package_to_conda_names_its_group(
    project: MakeProject, pyproject: str, expected: tuple[str, ...]
) -> None:
    session = opened(project, "uv", pyproject=pyproject)
    assert guard._undeclaring(session, "click") == expected  # noqa: SLF001 - the command alone
