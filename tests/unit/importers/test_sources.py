"""What one manager was told of a requirement's source is told to another, or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tasks_lib.environments.site_packages import spelt
from tasks_lib.errors import ExitCode, LabError
from tasks_lib.importers import sources
from tasks_lib.managers import MANAGERS
from tests.cases import cases

if TYPE_CHECKING:
    from tasks_lib.importers.declarations import Declarations
    from tests.conftest import MakeProject

HEAD = """[project]
name = "demo"
dependencies = ["a", "b @ https://h/b-1.zip"]
[dependency-groups]
dev = ["A>1", "c"]
"""
UV, POETRY, DEV = (
    "[tool.uv.sources]\n",
    "[tool.poetry.dependencies]\n",
    "[tool.poetry.group.dev.dependencies]\n",
)
LINE = 7  # of what is below a table's head, behind HEAD


def _told(project: MakeProject, manager: str, text: str, lock: str = "") -> Declarations:
    made = project(HEAD + text, files={MANAGERS[manager].lock_name: lock} if lock else None)
    other = next(name for name in MANAGERS if name != manager)
    return sources.for_other(made.pyproject, MANAGERS[manager](made), MANAGERS[other](made))


@cases(
    "manager, text, expected",
    {
        "folder in two places": (
            "uv",
            f"{UV}a = {{ path = '../a', editable = true }}",
            {
                ("dependencies", "a"): {"path": "../a", "develop": True},
                ("dev", "a"): {"path": "../a", "develop": True},
            },
        ),
        "repository": (
            "uv",
            f"{UV}c = {{ git = 'https://h/c', rev = '12', subdirectory = 'd' }}",
            {("dev", "c"): {"git": "https://h/c", "rev": "12", "subdirectory": "d"}},
        ),
        "url": (
            "uv",
            f"{UV}c = {{ url = 'https://h/c.zip' }}",
            {("dev", "c"): {"url": "https://h/c.zip"}},
        ),
        "not asked for": ("uv", f"{UV}other = {{ index = 'mine' }}", {}),
        "told": (
            "uv",
            f"{UV}c = {{ path = 'c' }}\n{DEV}c = {{ path = 'c', develop = false }}",
            {},
        ),
        "file": (
            "poetry",
            f"{POETRY}a = {{ file = 'a.whl' }}",
            {("sources", "a"): {"path": "a.whl"}},
        ),
        "one place in two tables": (
            "poetry",
            (
                f"{POETRY}A = {{ git = 'ssh://h/a', extras = ['x'] }}\n"
                f"{DEV}a = {{ git = 'ssh://h/a' }}"
            ),
            {("sources", "A"): {"git": "ssh://h/a"}},
        ),
        "no place": (
            "poetry",
            f"{POETRY}a = {{ allow-prereleases = true }}\npython = '>=3.9'",
            {},
        ),
    },
)
def test_place_is_told(
    project: MakeProject, manager: str, text: str, expected: dict[tuple[str, str], Any]
) -> None:
    items = _told(project, manager, text).items
    names = [("dev" if "dev" in one.target else one.target[-2], one.target[-1]) for one in items]
    assert dict(zip(names, (one.value for one in items), strict=True)) == expected


@cases(
    "manager, text, said",
    {
        "index": ("uv", f"{UV}a = {{ index = 'mine' }}", "a with index = 'mine'"),
        "workspace": ("uv", f"{UV}a = {{ workspace = true }}", "a with workspace = True"),
        "marker": (
            "uv",
            f"{UV}a = {{ path = 'a', marker = 'm' }}",
            "a with path = 'a', marker = 'm'",
        ),
        "list": ("uv", f"{UV}a = [{{ path = 'a' }}]", "more than one place for a"),
        "another": (
            "uv",
            f"{UV}a = {{ path = 'a' }}\n{POETRY}a = {{ path = 'z' }}",
            "a in one place",
        ),
        "source": ("poetry", f"{POETRY}a = {{ source = 'mine' }}", "a with source = 'mine'"),
        "ssh": ("poetry", f"{POETRY}a = {{ git = 'git@h:a' }}", "a with git = 'git@h:a'"),
        "login": (
            "poetry",
            f"{POETRY}a = {{ git = 'https://u:secret@h/a', x = 1 }}",
            "a with git = 'https://h/a', x = 1",
        ),
        "editable beside an address": (
            "poetry",
            f"{POETRY}b = {{ develop = true }}",
            "b with develop = True",
        ),
        "rows": (
            "poetry",
            f"{POETRY}a = [{{ path = 'a' }}, {{ path = 'b' }}]",
            "more than one place",
        ),
    },
)
def test_what_the_other_cannot_be_told_is_refused(
    project: MakeProject, manager: str, text: str, said: str
) -> None:
    with pytest.raises(LabError) as caught:
        _told(project, manager, text)
    error = caught.value
    assert (error.exit_code, error.file, error.line) == (
        ExitCode.BAD_REQUEST,
        "pyproject.toml",
        LINE,
    )
    assert said in error.message
    assert "secret" not in error.message


def test_index_is_refused_where_packages_come_from_it(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = 'version = 1\n[[package]]\nname = "a"\nversion = "1"\n'
    lock += 'source = {{ registry = "https://{}/simple" }}\n'
    text = '[[tool.uv.index]]\nname = "mine"\nurl = "https://mine/simple/"\n'
    assert not _told(project, "uv", text, lock.format("other")).items
    with pytest.raises(LabError, match="an index that packages come from, mine"):
        _told(project, "uv", text, lock.format("mine"))
    monkeypatch.setenv("MLOPS_LAB_INDEX_URL", "https://mine/simple")
    assert not _told(project, "uv", text, lock.format("mine")).items


def test_address_that_poetry_misspells_is_put_right() -> None:
    assert spelt("a @ git+file://None/x@v1") == "a @ git+file:///x@v1"
