"""What the page on CI shows is valid by the schemas that are published for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from tasks_lib import bootstrap
from tests import ci_page
from tests.lab import ROOT

if TYPE_CHECKING:
    from tests.ci_page import Block

#: a key that only such a file has, and its schema
SCHEMAS = {
    "$schema": "renovate",
    "updates": "dependabot",
    "on": "github-workflows",
    "checks": "gitlab-ci",
    "pool": "azure-pipelines",
}


@pytest.fixture(scope="module")
def schemas() -> Path:
    """Return the folder of the schemas."""
    python = Path(bootstrap.ensure(ROOT / "tests" / "resources" / "ci-schemas.txt"))
    (folder,) = python.parents[1].glob("lib/python*/site-packages/check_jsonschema")
    return folder / "builtin_schemas" / "vendor"


def faults(data: Any, schema: dict[str, Any]) -> list[str]:  # noqa: ANN401 - whatever a block holds
    """Return what a schema finds wrong."""
    validator = jsonschema.validators.validator_for(schema)(schema)
    return [error.message for error in validator.iter_errors(data)]


def schema_of(block: Block) -> str:
    """Return the name of a block's schema, empty for a part of a file."""
    if not isinstance(block.data, dict):
        return ""
    return next((name for key, name in SCHEMAS.items() if key in block.data), "")


def test_the_workflows_are_valid(schemas: Path) -> None:
    schema = json.loads((schemas / "github-workflows.json").read_text(encoding="utf-8"))
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        block = ci_page.Block("", "yaml", path.read_text(encoding="utf-8"))
        assert faults(block.data, schema) == [], path


def test_each_block_is_valid(schemas: Path) -> None:
    judged = []
    for block in ci_page.blocks():
        name = schema_of(block)
        if name:
            schema = json.loads((schemas / f"{name}.json").read_text(encoding="utf-8"))
            assert faults(block.data, schema) == []
            assert faults({**block.data, "version": 3, "cache": [[]], "enabledManagers": 1}, schema)
            judged.append(name)
    assert sorted(set(judged)) == sorted(SCHEMAS.values())
