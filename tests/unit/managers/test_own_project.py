"""What of an installed project differs from its manifest; an unchanged one never does."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from tasks_lib.managers import own_project
from tasks_lib.project.manifests import PyProject
from tests.cases import cases

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.conftest import Install

POINTS = """\
[console_scripts]
demo-run = demo:main

[gui_scripts]
demo-window = demo:window

[demo.plugins]
one = demo:One
"""
METADATA = "Metadata-Version: 2.4\nName: demo\nVersion: 0.1.0\nProvides-Extra: fast-io\n"
STANDARD = """\
[project]
name = "Demo"
version = "0.1"
scripts = {demo-run = "demo : main"}
gui-scripts = {demo-window = "demo:window"}
entry-points = {"demo.plugins" = {one = "demo:One"}}
optional-dependencies = {fast_io = []}
[build-system]
build-backend = "hatchling.build"
"""
POETRY = """\
[tool.poetry]
name = "demo"
version = "0.1.0"
scripts = {demo-run = "demo:main", shell = {reference = "demo.sh", type = "file"}}
plugins = {gui_scripts = {demo-window = "demo:window"}, "demo.plugins" = {one = "demo:One"}}
"""


def _differences(root: Path, venv: Path, install: Install, text: str, old: str = "") -> list[str]:
    """Return what differs where `old` was installed; by default what the manifests say."""
    record = install(venv, "demo", "0.1.0", files=("demo.pth",))
    (venv / "lib/python3.11/site-packages/demo.pth").write_text(f"{root}\n")
    (record / "METADATA").write_text(METADATA)
    (record / "entry_points.txt").write_text(old or POINTS)
    made = PyProject(root / "pyproject.toml", tomllib.loads(text), text)
    return own_project.differences(made, venv)


@cases("text", {"standard": STANDARD, "poetry": POETRY})
def test_unchanged_project_is_as_declared(
    root: Path, venv: Path, install: Install, text: str
) -> None:
    assert _differences(root, venv, install, text) == []


#: what is changed in a manifest, and what is found
CHANGES = {
    "script": (STANDARD, "{demo-run =", '{more = "demo:more", demo-run =', "other entry points"),
    "target of a script": (STANDARD, "demo : main", "demo:other", "other entry points"),
    "window": (STANDARD, "{demo-window =", "{window =", "other entry points"),
    "plugin": (STANDARD, "{one =", "{two =", "other entry points"),
    "extra": (STANDARD, "fast_io", "slow_io", "other extras"),
    "version": (STANDARD, '"0.1"', '"0.2"', "version 0.1.0"),
    "script of Poetry": (POETRY, "{demo-run =", "{demo-go =", "other entry points"),
    "plugin of Poetry": (POETRY, "{one =", "{two =", "other entry points"),
    "version of Poetry": (POETRY, "0.1.0", "0.1.1", "version 0.1.0"),
}


@cases("text, old, new, said", CHANGES)
def test_change_of_the_manifest_is_found(  # noqa: PLR0913, PLR0917 - one case a row
    root: Path, venv: Path, install: Install, text: str, old: str, new: str, said: str
) -> None:
    assert old in text
    found = _differences(root, venv, install, text.replace(old, new, 1))
    assert found == [f"demo is installed with {said}"]


#: manifests of which the build, or another program, computes what is compared
COMPUTED = {
    "scripts": STANDARD.replace('scripts = {demo-run = "demo : main"}', 'dynamic = ["scripts"]'),
    "version": STANDARD.replace('version = "0.1"', 'dynamic = ["version"]'),
    "version by a plugin": (
        POETRY.replace("0.1.0", "0.0.0")
        + '[build-system]\nbuild-backend = "poetry_dynamic_versioning.backend"\n'
        + '[project]\ndynamic = ["scripts"]\n'
    ),
}


@cases("text", COMPUTED)
def test_what_the_build_computes_is_not_compared(
    root: Path, venv: Path, install: Install, text: str
) -> None:
    assert _differences(root, venv, install, text) == []


def test_code_that_was_moved_and_a_project_that_is_gone(
    root: Path, venv: Path, install: Install
) -> None:
    made = PyProject(root / "pyproject.toml", tomllib.loads(STANDARD), STANDARD)
    assert own_project.differences(made, venv) == ["demo is not installed"]
    assert not own_project.is_outdated(made, venv)  # every manager sees that by itself
    _differences(root, venv, install, STANDARD)
    (venv / "lib/python3.11/site-packages/demo.pth").write_text(f"{root}/src\n")
    said = "demo is installed with its code in a folder that does not exist"
    assert own_project.differences(made, venv) == [said]
    assert own_project.is_outdated(made, venv)
