"""The notes for contributors name folders and files that exist."""

from __future__ import annotations

import re

import pytest

from tasks_lib.workflows.documentation import FOLDER

ROOT = FOLDER.parents[1]
TEXT = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`((?:tasks_lib|tests|\.github)/[^` ]*|[a-z_]+/[a-z_/]+\.py)`", TEXT)


@pytest.mark.parametrize(
    "name", [name for name in NAMED if "NAME" not in name and "KIND" not in name]
)
def test_named_path_exists(name: str) -> None:
    assert (ROOT / name).exists() or (ROOT / "tasks_lib" / name).exists()


def test_map_has_every_package() -> None:
    table = TEXT.partition("## A map")[2].partition("## How to")[0]
    packages = {path.parent.name for path in FOLDER.parent.glob("*/__init__.py")}
    assert {name for name in packages if f"`{name}/`" not in table} == set()
