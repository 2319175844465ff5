"""Invoke is imported without what it does not use here, and all of that works where it is used."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

import invoke
import pytest

from tasks_lib.execution.process import Command, run

ROOT = Path(__file__).resolve().parents[3]
_ASK = """
import json, sys
sys.path.append(sys.argv[1])
from tasks_lib.cli import quick_invoke
quick_invoke.load()
known = {"unittest.mock", "importlib.metadata", "invoke.vendor.yaml", "asyncio"} & {*sys.modules}
import invoke, invoke.config
context = invoke.MockContext(run=invoke.Result("said"))
from importlib import metadata
from unittest import mock
print(json.dumps({
    "known": sorted(known),
    "version": invoke.__version__,
    "metadata": metadata.version("invoke"),
    "mock": isinstance(mock.Mock(), mock.Mock),
    "yaml": invoke.config.yaml.safe_load("a: [1]"),
    "said": context.run("any").stdout,
    "asked": context.run.call_count,
}))
"""


@pytest.mark.processes
def test_what_stands_for_a_module_ends_with_the_import() -> None:
    outcome = run(Command((sys.executable, "-I", "-c", _ASK, str(ROOT))))
    assert outcome.ok, outcome.stderr
    assert json.loads(outcome.stdout) == {
        "known": [],
        "version": invoke.__version__,
        "metadata": version("invoke"),
        "mock": True,
        "yaml": {"a": [1]},
        "said": "said",
        "asked": 1,
    }
